"""How long things stay away: briefly, or as long as was promised with GERBENCH_CHAOS=full."""

import os
import time

FULL = os.environ.get("GERBENCH_CHAOS") == "full"

DATABASE_S = 60.0 if FULL else 3.0
PROVIDER_S = 120.0 if FULL else 4.0
PATIENCE_S = 240.0 if FULL else 90.0
"""How long a job may take to end once all is back."""


def last(seconds: float) -> None:
    """Let an outage last; nothing is waited for but the time itself."""
    time.sleep(seconds)
