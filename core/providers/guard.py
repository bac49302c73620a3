"""Connections that are only made to addresses that are allowed, whatever a name resolves to."""

import errno
import socket
from collections.abc import Callable, Collection

from aiohttp.connector import AddrInfoType

from core.rules.addresses import Network, literal, permitted


class ForbiddenAddress(OSError):
    """A connection would go to an address that is not allowed."""


PRIVATE_MODELS, PRIVATE_WEBHOOKS = "GERBENCH_PRIVATE_MODELS", "GERBENCH_PRIVATE_WEBHOOKS"
"""Where an operator says which private networks are allowed."""


def guarded(
    private: Collection[Network], *, setting: str = PRIVATE_MODELS
) -> Callable[[AddrInfoType], socket.socket]:
    """Return what makes the sockets of connections, to allowed addresses only.

    It is given the very address that is connected to, so a name that resolved to another one when
    it was checked before (DNS rebinding) gains nothing.
    """

    def make(place: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, (host, *_) = place
        address = literal(str(host))
        if address is None or not permitted(address, private):
            raise ForbiddenAddress(
                errno.EACCES,
                f"{host} is not on the public internet, and not in {setting}",
            )
        return socket.socket(family, kind, protocol)

    return make
