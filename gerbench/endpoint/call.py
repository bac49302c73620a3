"""A request on its way through the endpoint."""

from dataclasses import dataclass
from typing import Any

from gerbench.endpoint.draws import Draw
from gerbench.endpoint.prompts import Ask
from gerbench.endpoint.throttle import Admission
from gerbench.endpoint.wires import Wire


@dataclass
class Call:
    """One request on its way, and what the log will say of it."""

    wire: Wire
    key: str
    facts: dict[str, Any]
    ask: Ask | None = None


@dataclass(frozen=True)
class Admitted:
    """A call that was let in."""

    call: Call
    ask: Ask
    draw: Draw
    admission: Admission
