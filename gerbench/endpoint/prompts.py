"""Reads a request: what is asked, which labels are offered, which samples are shown."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import orjson

from gerbench.endpoint import tokens
from gerbench.endpoint.emotions import MEANING_OF, OUTPUTS, WORD
from gerbench.endpoint.network import Gray, NotAnImage, decode
from gerbench.endpoint.wire import WireError


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
    prompt_tokens: int

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
OTHER_ALPHABET = str.maketrans("-_", "+/")
"""Google's client writes base64 for URLs."""
DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)


def asked(
    shown: Iterable[str | Image],
    *,
    model: str,
    max_tokens: int | None,
    count: Callable[[Image], int],
) -> Ask:
    """Return what a request asks: its texts and images in order; `count` is an image's tokens."""
    samples: dict[str, Sample] = {}
    instructions: list[str] = []
    current: Sample | None = None
    letters = 0
    for part in shown:
        if isinstance(part, Image):
            if current is None:
                name = f"Image {len(samples) + 1}"
                samples[name] = Sample(name, [part])
            else:
                current.images.append(part)
            continue
        letters += len(part)
        named = NAME.match(part)
        if named:
            current = samples.setdefault(named[1], Sample(named[1]))
        text = part[named.end() if named else 0 :].strip()
        if text:
            (instructions if current is None else current.texts).append(text)
    counted = sum(count(image) for sample in samples.values() for image in sample.images)
    return Ask(
        model=model,
        max_tokens=max_tokens,
        labels=offered("\n".join(instructions)),
        samples=tuple(samples.values()),
        prompt_tokens=tokens.of_text(letters) + counted,
    )


def pieces(text: str) -> Iterator[str]:
    """Yield a message of plain text, cut where a sample begins."""
    yield from (piece for piece in NEXT_NAME.split(text) if piece)


def image_in(data_url: str, detail: str) -> Image:
    """Return the image in a data: URL; raises WireError."""
    head = DATA_URL.match(data_url)
    if head is None:
        raise WireError(
            400,
            f"Failed to download image from {data_url[:100]}. Image URL is not a data: URL, and "
            "this endpoint fetches nothing.",
            result="rejected",
            code="invalid_image_url",
        )
    return image_of(data_url[head.end() :], detail)


def image_of(base64_text: str, detail: str) -> Image:
    """Return the image in base64, of either alphabet; raises WireError."""
    try:
        data = base64.b64decode(base64_text.translate(OTHER_ALPHABET), validate=True)
    except (binascii.Error, ValueError) as error:
        raise unsupported_image() from error
    return Image(data, detail)


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
