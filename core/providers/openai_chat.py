"""The OpenAI chat-completions wire: requests. Its replies are read in `openai_replies`."""

import re
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
from pybase64 import b64encode

from core.errors import MissingCredential
from core.providers.body import Body
from core.providers.openai_replies import read
from core.rules.pictures import Item, Picture, Prompt
from core.rules.specs import ModelSpec
from core.vocabulary import Detail

__all__ = ["build", "headers", "read", "url"]

# These models answer `max_tokens` with 400 unsupported_parameter (openai-python#2046). Everybody
# else's servers know `max_tokens`, and many do not know its successor. Azure's gpt-35-* is GPT-3.5.
NEWER = re.compile(r"(?:^|/|^ft:)(?:o[1-9]|gpt-[5-9])(?![0-9])")

Part = dict[str, Any]


def build(model: ModelSpec, prompt: Prompt, detail: Detail) -> Body:
    """Return the body: one user message with the instructions, then each item under its name.

    Pictures are base64 in data URLs. They go past the JSON encoder, which would read each of their
    characters again, and are joined once. What is left is mostly the SHA-256, which lets other
    threads run meanwhile.
    """
    wire: list[bytes] = [b'{"messages":[{"role":"user","content":[']
    sent: list[Part] = []
    for part in _parts(prompt):
        if isinstance(part, Picture):
            wire += _image(part, detail)
            sent.append(_image_reference(part, detail))
        else:
            text = {"type": "text", "text": part}
            wire.append(orjson.dumps(text))
            sent.append(text)
        wire.append(b",")
    rest = _settings(model)
    # The instructions are always there, so there is a last comma to replace.
    wire[-1] = b"]}],"
    content = b"".join((*wire, orjson.dumps(rest)[1:]))
    messages = [{"role": "user", "content": sent}]
    return Body(content, {"messages": messages, **rest}, sha256(content).hexdigest())


def url(model: ModelSpec) -> str:
    """Return the address of chat completions; a query in the base URL stays behind the path."""
    base = urlsplit(str(model.base_url))
    return urlunsplit(base._replace(path=base.path.rstrip("/") + "/chat/completions"))


def headers(secret: str | None) -> dict[str, str]:
    """Return the headers, with the secret as a bearer token.

    Raises MissingCredential where the secret, outer blanks aside, cannot stand in a header.
    """
    named = {"content-type": "application/json", "user-agent": USER_AGENT}
    if secret is None:
        return named
    token = secret.strip()
    if not token or not (token.isascii() and token.isprintable()):
        raise MissingCredential(
            "the credential's secret is empty or holds characters that a header cannot carry"
        )
    return {**named, "authorization": f"Bearer {token}"}


def _settings(model: ModelSpec) -> dict[str, Any]:
    """Return all of the body but its messages."""
    bound = "max_completion_tokens" if NEWER.search(model.model) else "max_tokens"
    settings: dict[str, Any] = {"model": model.model, bound: model.max_tokens}
    if model.temperature is not None:
        settings["temperature"] = model.temperature
    return settings


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


def _image(picture: Picture, detail: Detail) -> tuple[bytes, ...]:
    """Return an image part as JSON, in pieces."""
    return (
        b'{"type":"image_url","image_url":{"url":',
        orjson.dumps(f"data:{picture.mime};base64,")[:-1],
        b64encode(picture.data),
        b'","detail":"',
        detail.value.encode(),
        b'"}}',
    )


def _image_reference(picture: Picture, detail: Detail) -> Part:
    """Return the same part with the data URL replaced by what finds its bytes again."""
    reference = {
        "sha256": picture.digest,
        "mime": picture.mime,
        "bytes": len(picture.data),
        "source": picture.source,
        "frame": picture.frame,
    }
    return {"type": "image_url", "image_url": {"url": reference, "detail": detail.value}}


def _version() -> str:
    try:
        return version("gerbench")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "source"


USER_AGENT = f"gerbench/{_version()}"
