"""What is about to be sent, in the two forms that gerbench needs of it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Body:
    """The body of one request."""

    content: bytes
    """As it goes over the wire."""
    sent: dict[str, Any]
    """The same, with every medium replaced by a reference to its bytes: what an attempt keeps."""
    sha256: str
    """Of `content`, hex."""
