"""Nasty answers, written by hand, each with the one reading that is right."""

from typing import Literal

import pytest

from core.rules.readings import Reading
from core.rules.replies import understand
from core.vocabulary import Result

LABELS = ("happy", "sad", "neutral", "anger", "surprise", "weakly positive")

Said = dict[int, list[str]] | Literal["unaligned", "unparsed", "refusal"]
"""Ranked labels by the number of their sample; or why there are none."""

UNALIGNED = frozenset(
    {
        "the answer does not say which sample each label belongs to",
        "the answer names no sample that was asked about",
    }
)

ONE: dict[str, Said] = {
    # Answered, however oddly it is put.
    "HAPPY!!!": {1: ["happy"]},
    "  \n\n\thappy\n\n": {1: ["happy"]},
    "\u201chappy\u201d": {1: ["happy"]},
    "`happy`": {1: ["happy"]},
    "__Happy__, sad": {1: ["happy", "sad"]},
    "weakly_positive": {1: ["weakly positive"]},
    "WEAKLY  POSITIVE": {1: ["weakly positive"]},
    "\uff48\uff41\uff50\uff50\uff59": {1: ["happy"]},
    "```\nhappy\n```": {1: ["happy"]},
    "```json\n[]\n```\nEmotion: happy": {1: ["happy"]},
    "Image 1 \u2014 happy": {1: ["happy"]},
    "image_001.jpg: happy, sad": {1: ["happy", "sad"]},
    "1: happy": "unparsed",
    "happy (90%), sad (10%)": {1: ["happy", "sad"]},
    "happy > sad > happy": {1: ["happy", "sad"]},
    "[happy, sad]": {1: ["happy", "sad"]},
    '["happy", "sad",]': {1: ["happy", "sad"]},
    "['happy', \"sad\"]": {1: ["happy", "sad"]},
    '[{"name": "Image 1", "result": ["happy", "sad"]}]}]': {1: ["happy", "sad"]},
    '[{"name": "Image 1", "result": ["happy", "sad"]}': {1: ["happy", "sad"]},
    '{"name": "Image 1", "result": {"happy": "80%", "sad": "20%"}}': {1: ["happy", "sad"]},
    '{"name": "Image 1", "result": [["sad", 0.1], ["happy", 0.9]]}': {1: ["happy", "sad"]},
    '{"Image 1": {"emotion": "happy", "reason": "not sad at all"}}': {1: ["happy"]},
    '{"Image 1": "happy", "note": "Image 1 is not sad"}': {1: ["happy"]},
    '{"name": "Image 1", "result": ["happy"], "result": ["happy", "sad"]}': {1: ["happy", "sad"]},
    '{"NAME": "IMAGE 1", "RESULT": ["HAPPY"]}': {1: ["happy"]},
    '{"name": "Image 1", "result": "[\\"happy\\", \\"sad\\"]"}': {1: ["happy", "sad"]},
    "Let me think. The mouth is open.\n\nFinal answer: surprise": {1: ["surprise"]},
    "<think>sad? No, happy.</think>surprise": {1: ["surprise"]},
    '{"name": "Image 1", "result": ["joy", "happy"]}': {1: ["joy", "happy"]},
    # No reading is certain.
    "<think>It must be happy": "unparsed",
    "...": "unparsed",
    "\u2603": "unparsed",
    "null": "unparsed",
    '{"name": "Image 1", "result": [null]}': "unparsed",
    '{"name": "Image 1", "result": ["unknown"]}': "unparsed",
    '{"name": "Image 1", "resu': "unparsed",
    '{"name": "Image 1", "result": ["ha': "unparsed",
    "unhappy": "unparsed",
    "happiness": "unparsed",
    "Not happy, not sad.": "unparsed",
    "happy or sad": "unparsed",
    "It could be happy.": "unparsed",
    "She is happy about the sad neutral anger.": "unparsed",
    "Choose from: happy, sad, neutral": "unparsed",
    "Emotion: happy\nNo wait, emotion: sad": "unparsed",
    "Emotion: happy\nOn second thought, the label = sad": "unparsed",
    "My first answer: sad\nEmotion: happy": "unparsed",
    "Emotion: happy\nI am sure of this emotion: happy": {1: ["happy"]},
    "Emotion: happy\nReasons for this label: the smile": {1: ["happy"]},
    '{"name": "Image 1", "result": ["happy"], "result": ["sad"]}': "unparsed",
    '{"happy": 0.5, "sad": "high"}': "unparsed",
    "0.9": "unparsed",
    "1": "unparsed",
    # Another sample's answer is none.
    "Image 2: happy": "unaligned",
    '{"name": "Frame 1", "result": ["happy"]}': "unaligned",
    # Refused, in prose.
    "I'm sorry, but I can't help with identifying emotions in images of people.": "refusal",
    "Sorry, I can't assist with that request.": "refusal",
    "I cannot determine how the person in the image feels.": "refusal",
    "I must decline to rank the emotions of a real person.": "refusal",
    "This request violates our usage policies.": "refusal",
    "As an AI, I'm not able to infer emotions from faces; she may be happy.": "refusal",
}

THREE: dict[str, Said] = {
    "Image 1: happy\nImage 2: sad\nImage 3: anger": {1: ["happy"], 2: ["sad"], 3: ["anger"]},
    "Image 3: anger\nImage 1: happy": {1: ["happy"], 3: ["anger"]},
    "Image 1: happy Image 2: sad Image 3: anger": {1: ["happy"], 2: ["sad"], 3: ["anger"]},
    "Image 1,happy\nImage 2,not sad\nImage 3,anger": {1: ["happy"], 3: ["anger"]},
    "Image 1; happy; 0.9\nImage 2; sad; 0.8": {1: ["happy"], 2: ["sad"]},
    "| Image 1 | happy |\n|---|---|\n| Image 2 | sad |": {1: ["happy"], 2: ["sad"]},
    "(1) happy (2) sad (3) anger": {1: ["happy"], 2: ["sad"], 3: ["anger"]},
    "1. happy\n2. sad\n3. anger": {1: ["happy"], 2: ["sad"], 3: ["anger"]},
    "1. happy\n3. anger": {1: ["happy"], 3: ["anger"]},
    '{"1": "happy", "02": "sad", "#3": "anger"}': {1: ["happy"], 2: ["sad"], 3: ["anger"]},
    '{"Image 1": "happy"}\n{"Image 2": "sad"}\n{"Image 3": ': {1: ["happy"], 2: ["sad"]},
    '[{"name": "Image 1", "result": ["happy"]}, {"name": "Image 2", "result": []}]': {1: ["happy"]},
    '{"Image 1": "happy", "Image 1": "sad", "Image 2": "sad"}': {2: ["sad"]},
    '{"Image 1": "happy", "Image 4": "sad"}': {1: ["happy"]},
    "Image 1: happy\nImage 2: I can't assist with that.\nImage 3: sad": {1: ["happy"], 3: ["sad"]},
    "Image 1\nEmotion: happy\nOr rather, emotion: sad\nImage 2: sad": {2: ["sad"]},
    "Image 1: either happy or sad\nImage 2: neutral": {2: ["neutral"]},
    "### Image 1\nhappy\n### Image 2\nsad\n### Overall\nanger": {1: ["happy"]},
    "0. happy\n1. sad\n2. anger": "unparsed",
    "1. happy\n2. sad\n3. anger\n4. neutral": "unparsed",
    '["happy", "sad", "anger"]': "unaligned",
    '[["happy"], ["sad"], ["anger"]]': "unparsed",
    '[{"result": ["happy"]}, {"result": ["sad"]}, {"result": ["anger"]}]': "unaligned",
    '[{"name": "Image 0", "result": ["happy"]}]': "unaligned",
    '[{"name": "Image 7", "result": ["happy"]}]': "unaligned",
    "happy\nsad\nanger": "unparsed",
    "happy, sad, anger": "unparsed",
    "All three images are happy.": "unparsed",
    "Images 1-3: happy": "unparsed",
    "Image 1 and Image 2: happy": {2: ["happy"]},
    "I'm sorry, but I can't assist with these images.": "refusal",
    "I'm unable to classify the emotions of the people in these images.": "refusal",
}


def reading(text: str, samples: int) -> Said:
    """Return what a reply comes to, as the worker has it."""
    names = [f"Image {n + 1}" for n in range(samples)]
    found = understand(Reading(Result.ANSWERED, text=text), names=names, labels=LABELS)
    assert found.parsed is not None
    if found.parsed.answers:
        return {slot + 1: list(answer.ranked) for slot, answer in found.parsed.answers.items()}
    if found.refusal:
        return "refusal"
    return "unaligned" if found.reason in UNALIGNED else "unparsed"


@pytest.mark.parametrize(("text", "said"), ONE.items(), ids=range(len(ONE)))
def test_a_nasty_answer_about_one_sample_is_read_as_it_must_be(text: str, said: Said) -> None:
    assert reading(text, 1) == said


@pytest.mark.parametrize(("text", "said"), THREE.items(), ids=range(len(THREE)))
def test_a_nasty_answer_about_three_samples_is_read_as_it_must_be(text: str, said: Said) -> None:
    assert reading(text, 3) == said
