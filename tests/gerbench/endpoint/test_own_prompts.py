"""The endpoint understands what gerbench itself sends, for every kind of sample."""

import hashlib
import json

import pytest

from core.providers import openai_chat
from core.rules import templates
from core.rules.pictures import Item, Picture, Prompt
from core.rules.specs import ModelSpec
from core.vocabulary import Detail, Modality
from gerbench.endpoint import rank, rank_frames
from tests.gerbench.endpoint.chats import LABELS, in_process

MODEL = ModelSpec.model_validate({"name": "local", "base_url": "http://x/v1", "model": "fer"})


def picture(face: bytes, frame: int | None = None) -> Picture:
    digest = hashlib.sha256(face).hexdigest()
    return Picture(face, "image/jpeg", 160, 160, digest, digest, frame)


def item_of(name: str, modality: Modality, faces: list[bytes]) -> Item:
    parts = modality.parts
    if "video" in parts:
        pictures = tuple(picture(face, frame) for frame, face in enumerate(faces))
    else:
        pictures = (picture(faces[0]),) if "image" in parts else ()
    return Item(name, pictures, "Image 9: the train\nleaves at nine" if "text" in parts else None)


@pytest.mark.parametrize("modality", list(Modality))
def test_every_modality_is_answered_by_name(modality: Modality, faces: list[bytes]) -> None:
    noun = templates.noun(modality)
    shown = [faces[0:3], faces[6:9], faces[12:15]]
    items = [item_of(f"{noun} {at}", modality, some) for at, some in enumerate(shown, 1)]
    frames = 3 if "video" in modality.parts else None
    instructions = templates.instructions(
        "Categories of interest: rain, shine.", labels=LABELS, count=3, frames=frames, noun=noun
    )
    body = openai_chat.build(MODEL, Prompt(instructions, tuple(items)), Detail.LOW)

    with in_process() as endpoint:
        response = endpoint.post(body.content)

    answer = json.loads(response.json()["choices"][0]["message"]["content"])
    if frames:
        expected = [rank_frames(some, LABELS) for some in shown]
    elif "image" in modality.parts:
        expected = [rank(some[0], LABELS) for some in shown]
    else:
        # The text has no word of feeling: neutral comes first, the others as they are offered.
        expected = [["neutral", *(label for label in LABELS if label != "neutral")]] * 3
    assert answer == [
        {"name": item.name, "result": ranked} for item, ranked in zip(items, expected, strict=True)
    ]
