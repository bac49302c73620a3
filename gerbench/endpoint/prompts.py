"""Reads a chat request: what is asked, which labels are offered, which samples are shown."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import orjson
from pydantic import BaseModel, Field, ValidationError

from gerbench.endpoint.emotions import MEANING_OF, OUTPUTS, WORD
from gerbench.endpoint.network import Gray, NotAnImage, decode
from gerbench.endpoint.wire import WireError


class ImageUrl(BaseModel):
    """Where an image is; only data: URLs are read."""

    url: str
    detail: Literal["low", "high", "auto"] = "auto"


class Part(BaseModel):
    """A part of a message's content."""

    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | None = None


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None


class ChatBody(BaseModel):
    """The part of a chat request that this endpoint understands."""

    model: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: Literal[1] | None = None
    stream: Literal[False] | None = None


@dataclass
class Image:
    """A picture as it was sent."""

    data: bytes
    detail: str

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def gray(self) -> Gray:
        """Return the luminance; an image that cannot be read is the client's error."""
        try:
            return decode(self.data)
        except NotAnImage as error:
            raise unsupported_image() from error


@dataclass
class Sample:
    """One thing asked about, under the name that the answer must echo."""

    name: str
    images: list[Image] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return all its text."""
        return "\n".join(self.texts)


@dataclass
class Ask:
    """A request, read."""

    model: str
    max_tokens: int | None
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]
    letters: int
    """Of all text in the request."""

    @property
    def images(self) -> list[Image]:
        """Return the images of all samples, in order."""
        return [image for sample in self.samples for image in sample.images]


NAME = re.compile(
    r"\s*((?:image|picture|photo|video|clip|text|tweet|sample|item)\s+\d+)"
    r"(?:\s*,?\s*\(?frame\s+\d+(?:\s*(?:of|/)\s*\d+)?\)?)?"
    r"\s*(?::|\n|\Z)",
    re.IGNORECASE,
)
NEXT_NAME = re.compile(rf"(?m)^(?={NAME.pattern})", re.IGNORECASE)
DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)


def read(body: bytes) -> Ask:
    """Return what a request asks; raises WireError, as the provider would put it."""
    try:
        chat = ChatBody.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body(error) from error
    samples: dict[str, Sample] = {}
    instructions: list[str] = []
    current: Sample | None = None
    letters = 0
    for part in parts_of(chat):
        if isinstance(part, ImageUrl):
            if current is None:
                name = f"Image {len(samples) + 1}"
                samples[name] = Sample(name, [image_of(part)])
            else:
                current.images.append(image_of(part))
            continue
        letters += len(part)
        named = NAME.match(part)
        if named:
            current = samples.setdefault(named[1], Sample(named[1]))
        text = part[named.end() if named else 0 :].strip()
        if text:
            (instructions if current is None else current.texts).append(text)
    return Ask(
        model=chat.model,
        max_tokens=chat.max_completion_tokens or chat.max_tokens,
        labels=offered("\n".join(instructions)),
        samples=tuple(samples.values()),
        letters=letters,
    )


def parts_of(chat: ChatBody) -> Iterator[str | ImageUrl]:
    """Yield texts and images in order; a message of plain text is cut where a sample begins."""
    for message in chat.messages:
        if isinstance(message.content, str):
            yield from (piece for piece in NEXT_NAME.split(message.content) if piece)
        for part in message.content if isinstance(message.content, list) else ():
            if part.image_url is not None:
                yield part.image_url
            elif part.text is not None:
                yield part.text


def image_of(part: ImageUrl) -> Image:
    """Return the image in a data: URL; raises WireError."""
    head = DATA_URL.match(part.url)
    if head is None:
        raise WireError(
            400,
            f"Failed to download image from {part.url[:100]}. Image URL is not a data: URL, and "
            "this endpoint fetches nothing.",
            result="rejected",
            code="invalid_image_url",
        )
    try:
        data = base64.b64decode(part.url[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise unsupported_image() from error
    return Image(data, part.detail)


LABELS = re.compile(r"^Labels:[ \t]*(\S.*)$", re.MULTILINE)
LABEL_LINE = re.compile(
    r"^[^\w\n]*(?:[\w ]{0,40}\b)?(?:labels?|categor(?:y|ies)|classes|options|emotions)\b"
    r"[^:\n]{0,40}:[*_ \t]*([^*_\s].*)$",
    re.IGNORECASE | re.MULTILINE,
)
BRACKETS = re.compile(r"\[([^\[\]]*,[^\[\]]*)\]")


def offered(instructions: str) -> tuple[str, ...]:
    """Return the labels a prompt offers: a line that lists them, else the words it knows."""
    # gerbench's own line comes last; what a template says above it may look like one.
    for written in (
        *reversed(LABELS.findall(instructions)),
        *LABEL_LINE.findall(instructions),
        *BRACKETS.findall(instructions),
    ):
        labels = listed(written)
        if len(labels) > 1:
            return labels
    words = (word.casefold() for word in WORD.findall(instructions))
    known = tuple(dict.fromkeys(word for word in words if word in MEANING_OF))
    return known or OUTPUTS


def listed(written: str) -> tuple[str, ...]:
    """Return the labels of a written list: JSON, brackets or plain, with commas between."""
    try:
        labels = orjson.loads(written)
    except orjson.JSONDecodeError:
        labels = None
    if not isinstance(labels, list):
        bracketed = BRACKETS.search(written)
        labels = re.split(r"[,;]", bracketed[1] if bracketed else written.strip().rstrip("."))
    stripped = (str(label).strip(" \t\"'`") for label in labels)
    return tuple(dict.fromkeys(label for label in stripped if label))


def unsupported_image() -> WireError:
    """Return the 400 for bytes that are not a picture."""
    return WireError(
        400,
        "You uploaded an unsupported image. Please make sure your image has of one the following "
        "formats: ['png', 'jpeg', 'gif', 'webp'].",
        result="rejected",
        code="invalid_image_format",
    )


def invalid_body(error: ValidationError) -> WireError:
    """Return the 400 for the first thing wrong with a request's body."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    if first["type"] == "json_invalid":
        message = (
            "We could not parse the JSON body of your request. (HINT: This likely means you "
            "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, "
            "but what was sent was not valid JSON.)"
        )
        return WireError(400, message, result="rejected")
    if first["type"] == "missing":
        return WireError(
            400,
            f"Missing required parameter: '{where}'.",
            result="rejected",
            param=where,
            code="missing_required_parameter",
        )
    return WireError(
        400,
        f"Invalid value for '{where}': {first['msg']}.",
        result="rejected",
        param=where,
        code="invalid_value",
    )
