"""The front door: command line, Python client, embedded launcher, local endpoint.

`Client`, `AsyncClient`, `connect`, `connect_async` and what they raise are loaded when they are
first used: whoever imports a part of this package needs no HTTP client for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gerbench.aio import AsyncClient, connect_async
    from gerbench.client import Client, connect
    from gerbench.peer import ApiProblem, ClientError, NoService

__all__ = [
    "ApiProblem",
    "AsyncClient",
    "Client",
    "ClientError",
    "NoService",
    "connect",
    "connect_async",
]

PLACES = {
    "ApiProblem": "gerbench.peer",
    "AsyncClient": "gerbench.aio",
    "Client": "gerbench.client",
    "ClientError": "gerbench.peer",
    "NoService": "gerbench.peer",
    "connect": "gerbench.client",
    "connect_async": "gerbench.aio",
}


def __getattr__(name: str) -> Any:
    """Return a public name, from where it is."""
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(PLACES[name]), name)
