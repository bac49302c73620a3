"""What the requests of all wires share: what is shown in which order, addresses and headers."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
from pybase64 import b64encode

from core.errors import MissingCredential
from core.providers.body import Body
from core.rules.pictures import Item, Picture, Prompt
from core.rules.specs import Auth, ModelSpec

Part = dict[str, Any]
BEARER = Auth(header="authorization", scheme="Bearer")
GAP = "<base64>"
"""Stands in an image part for the image's bytes, until they are put there."""


def content(
    prompt: Prompt, text: Callable[[str], Part], image: Callable[[Picture, str | Part], Part]
) -> tuple[list[bytes], list[Part]]:
    """Return the parts of a message as JSON in pieces, and as an attempt keeps them.

    `image` puts what it is given, base64 or a reference, where the wire wants the bytes. Pictures
    go past the JSON encoder, which would read each of their characters again, and are joined once.
    What is left is mostly the SHA-256, which lets other threads run meanwhile.
    """
    wire: list[bytes] = []
    sent: list[Part] = []
    for shown in _parts(prompt):
        if isinstance(shown, Picture):
            before, after = orjson.dumps(image(shown, GAP)).split(GAP.encode())
            wire += (before, b64encode(shown.data), after)
            sent.append(image(shown, _reference(shown)))
        else:
            part = text(shown)
            wire.append(orjson.dumps(part))
            sent.append(part)
        wire.append(b",")
    # The instructions are always there, so there is a last comma.
    wire.pop()
    return wire, sent


def body(before: bytes, parts: list[bytes], after: bytes, sent: Part) -> Body:
    """Return the body that these pieces make."""
    joined = b"".join((before, *parts, after))
    return Body(joined, sent, sha256(joined).hexdigest())


def members(rest: Part) -> bytes:
    """Return what follows the first member of an object, up to its closing brace."""
    return b"," + orjson.dumps(rest)[1:]


def data_url(picture: Picture, source: str | Part) -> str | Part:
    """Return an image's address where the wire takes one; a reference stands in its place."""
    return f"data:{picture.mime};base64,{source}" if isinstance(source, str) else source


def address(model: ModelSpec, path: str) -> str:
    """Return the address below the base URL; its query, then the model's, go behind the path."""
    base = urlsplit(str(model.base_url))
    query = "&".join(filter(None, (base.query, urlencode(model.query))))
    return urlunsplit(base._replace(path=base.path.rstrip("/") + path, query=query))


def headers(
    model: ModelSpec, secret: str | None, usual: Auth, fixed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the headers, with the secret where the model, or else the wire, wants it.

    Raises MissingCredential where the secret, outer blanks aside, cannot stand in a header.
    """
    named = {"content-type": "application/json", "user-agent": USER_AGENT}
    named |= {**(fixed or {}), **model.headers}
    if secret is None:
        return named
    token = secret.strip()
    if not token or not (token.isascii() and token.isprintable()):
        raise MissingCredential(
            "the credential's secret is empty or holds characters that a header cannot carry"
        )
    auth = model.auth or usual
    return {**named, auth.header: f"{auth.scheme} {token}" if auth.scheme else token}


def _parts(prompt: Prompt) -> Iterator[str | Picture]:
    """Yield texts and pictures in the order the model reads them."""
    yield prompt.instructions
    for item in prompt.items:
        yield from _item(item)


def _item(item: Item) -> Iterator[str | Picture]:
    """Yield one sample: each of its pictures right behind the name it goes by.

    A text stands under the sample's name; frames are counted from 1 under it.
    """
    framed = len(item.pictures) > 1 or any(p.frame is not None for p in item.pictures)
    if item.text is not None:
        yield f"{item.name}\n{item.text}"
    elif not framed:
        yield item.name
    for number, picture in enumerate(item.pictures, start=1):
        if framed:
            yield f"{item.name}, frame {number}"
        yield picture


def _reference(picture: Picture) -> Part:
    """Return what finds a picture's bytes again, for the record of what was sent."""
    return {
        "sha256": picture.digest,
        "mime": picture.mime,
        "bytes": len(picture.data),
        "source": picture.source,
        "frame": picture.frame,
    }


def _version() -> str:
    try:
        return version("gerbench")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "source"


USER_AGENT = f"gerbench/{_version()}"
