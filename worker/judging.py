"""What follows from a reply: the same for one that just came and for one from the spool."""

import random
from collections.abc import Sequence
from datetime import datetime

from core.attempts import Heard
from core.leases import Leased
from core.prompts import RunContext, SampleInput
from core.rules.canaries import Canary, of_call, reason_of
from core.rules.readings import Reading
from core.rules.replies import understand
from core.rules.states import RequestState
from core.rules.strategy import Verdict, decide
from core.settling import Settlement


def settlement(
    request: Leased,
    context: RunContext,
    samples: Sequence[SampleInput],
    reading: Reading,
    heard: Heard | None,
    *,
    owner: str,
    now: datetime,
    outage: bool = False,
) -> Settlement:
    """Return what becomes of a request; `heard` is None when nothing was sent."""
    said = understand(reading, names=context.names(len(samples)), labels=context.labels)
    verdict = decide(
        request.asked,
        reading,
        said.parsed,
        refusal=said.refusal,
        jitter=random.random(),
        outage=outage,
    )
    reason, canary = said.reason, Canary.OPEN
    if request.canary and heard is not None:
        canary = of_call(reading.result, full=not request.is_part)
    if canary is Canary.FAILED:
        reason = reason_of(reading.result, request.asked.size, reading.reason)
        # The others wait; nothing is lost by it but this one call.
        verdict = Verdict(RequestState.DUE) if verdict.rejected else verdict
    right = [context.classes.right(s.target, s.number) for s in samples]
    return Settlement(request, owner, verdict, now, reason, right, heard, canary)
