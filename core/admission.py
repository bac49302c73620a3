"""What a caller may declare: models at which addresses, with whose secrets.

An operator may name what he likes: the installation is his. Everybody else may name public
addresses and those private ones that the operator allows; and of the service's own environment
and files only what the operator shares, since a model sends the secret to where it says.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import HttpUrl

from core.access import Caller
from core.errors import Forbidden
from core.providers.guard import PRIVATE_MODELS, PRIVATE_WEBHOOKS
from core.rules.addresses import Address, Network, literal, permitted
from core.rules.specs import CredentialRef
from core.settings import Settings


@dataclass(frozen=True)
class Bounds:
    """What the operator allows everybody to declare."""

    private: tuple[Network, ...]
    """Networks that models may be in, though they are not public."""
    webhooks: tuple[Network, ...]
    """Networks that webhooks may be in, likewise."""
    shared: frozenset[str]
    """Variables and files whose secrets models may use."""

    @classmethod
    def of(cls, settings: Settings) -> "Bounds":
        """Return the bounds that a process's settings say."""
        return cls(
            settings.private_networks,
            settings.private_webhooks,
            frozenset(settings.shared_credentials),
        )


def admit_address(bounds: Bounds, caller: Caller, url: HttpUrl) -> bool:
    """Tell whether calls may go to a URL wherever that is; raises Forbidden for private addresses.

    A name that does not resolve now is let pass: each connection is checked again.
    """
    if caller.operator:
        return True
    if place := _refused(url, bounds.private):
        raise Forbidden(
            f"{place} is not on the public internet: let an operator declare this model, or allow"
            f" its network in {PRIVATE_MODELS}"
        )
    return False


def admit_webhook(bounds: Bounds, caller: Caller, url: HttpUrl) -> bool:
    """Tell whether messages may go to a URL wherever that is, as `admit_address` does of calls."""
    if caller.operator:
        return True
    if place := _refused(url, bounds.webhooks):
        raise Forbidden(
            f"{place} is not on the public internet: let an operator name this address, or allow"
            f" its network in {PRIVATE_WEBHOOKS}"
        )
    return False


def admit_credentials(bounds: Bounds, caller: Caller, refs: Iterable[CredentialRef]) -> None:
    """Raise Forbidden for a secret of the service's own that is not shared with everybody."""
    if caller.operator:
        return
    for ref in refs:
        named = ref.env or ref.file
        if named is not None and named not in bounds.shared:
            raise Forbidden(
                f"{named} is the service's own: let an operator declare this model, or share it in"
                " GERBENCH_SHARED_CREDENTIALS"
            )


def _refused(url: HttpUrl, private: Iterable[Network]) -> str | None:
    """Return what of a URL may not be called, in words; None where all of it may."""
    host, port = url.host or "", url.port or 443
    allowed = tuple(private)
    refused = [each for each in _resolved(host, port) if not permitted(each, allowed)]
    if not refused:
        return None
    return host if literal(host) else f"{host} ({refused[0]})"


def _resolved(host: str, port: int) -> list[Address]:
    """Return the addresses of a host; none if it has no such name."""
    if (address := literal(host)) is not None:
        return [address]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    each = (literal(str(place[0])) for *_, place in found)
    return [address for address in each if address is not None]
