"""Prompts, models and replies as the tests of every wire need them."""

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

from core.providers.adapters import adapter_for
from core.rules.pictures import Item, Picture, Prompt
from core.rules.readings import Exchange, Reading
from core.rules.specs import ModelSpec
from core.vocabulary import Detail

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def model(wire: str, **changes: Any) -> ModelSpec:
    """Return a model that speaks a wire."""
    return ModelSpec.model_validate(
        {"name": "m", "wire": wire, "base_url": "https://x.example/v1", "model": "big", **changes}
    )


def picture(data: bytes = b"pixels", frame: int | None = None) -> Picture:
    """Return an image of these bytes."""
    return Picture(
        data, "image/jpeg", 48, 48, sha256(data).hexdigest(), source="5" * 64, frame=frame
    )


TWO = Prompt(
    "Look.", (Item("Image 1", (picture(b"one"),)), Item("Video 1", (picture(b"two", 9),), "Oh!"))
)
"""An image, and a video of one frame with its text."""


def b64(data: bytes) -> str:
    """Return base64 as text."""
    return b64encode(data).decode()


def built(wire: str, detail: Detail = Detail.LOW, **changes: Any) -> Any:
    """Return the body for `TWO`, decoded."""
    return orjson.loads(adapter_for(wire).build(model(wire, **changes), TWO, detail).content)


def meaning(wire: str, body: object, status: int = 200, **headers: str) -> Reading:
    """Return what a reply on a wire means."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return adapter_for(wire).read(Exchange(status, named, raw, latency_s=0.1), now=NOW)
