"""Shapes that models answer in: which are read, how, and which are left alone."""

import json

import pytest

from core.rules.parsing import is_refusal_prose, parse
from core.rules.readings import Answer, Parsed

LABELS = ("Happy", "Sad", "Neutral", "weakly positive")


def read(text: str, samples: int, kind: str = "Image") -> Parsed:
    return parse(text, names=[f"{kind} {n + 1}" for n in range(samples)], labels=LABELS)


def ranked(parsed: Parsed) -> dict[int, tuple[str, ...]]:
    return {slot: answer.ranked for slot, answer in parsed.answers.items()}


TWO = {0: ("Happy", "Sad"), 1: ("Sad",)}

SEVERAL = {
    "array of records": '[{"name": "Image 1", "result": ["happy", "sad"]},'
    ' {"name": "Image 2", "result": ["sad"]}]',
    "in another order": '[{"name": "Image 2", "result": ["sad"]},'
    ' {"name": "Image 1", "result": ["happy", "sad"]}]',
    "object by name": '{"Image 1": ["happy", "sad"], "Image 2": ["sad"]}',
    "object by number": '{"1": ["happy", "sad"], "2": "sad"}',
    "one object a line": '{"image": "image 1", "emotions": "happy, sad"}\n'
    '{"image": "image 2", "emotions": "sad"}',
    "Python dicts": "[{'name': 'Image 1', 'result': ('happy', 'sad'), 'sure': True},"
    " {'name': 'Image 2', 'result': ['sad'], 'note': None},]",
    "numbers as names": '[{"id": 1, "labels": ["happy", "sad"]}, {"id": 2, "labels": ["sad"]}]',
    "file names": '[{"imageId": "image_01.jpg", "label": ["happy", "sad"]},'
    ' {"imageId": "Image-2.PNG", "label": "SAD"}]',
    "inside an envelope": '{"status": "ok", "predictions": [{"name": "Image 1", "ranking":'
    ' ["happy", "sad"]}, {"name": "Image 2", "ranking": ["sad"]}]}',
    "inside an envelope by name": '{"results": {"Image 1": {"emotion": ["happy", "sad"]},'
    ' "Image 2": {"emotion": "sad"}}}',
    "labels with scores": '[{"name": "Image 1", "result": [{"label": "sad", "score": 0.2},'
    ' {"label": "happy", "score": 0.7}]}, {"name": "Image 2", "result": [{"label": "sad"}]}]',
    "labels as keys of scores": '{"Image 1": {"sad": 0.2, "happy": 0.8}, "Image 2": {"sad": 1}}',
    "labels with ranks": '{"Image 1": [{"rank": 2, "emotion": "sad"}, {"rank": 1, "emotion":'
    ' "happy"}], "Image 2": "sad"}',
    "pairs": '[["Image 1", ["happy", "sad"]], ["Image 2", "sad"]]',
    "array of lines": '["Image 1: happy, sad", "Image 2: sad"]',
    "named arrays": 'Image 1: ["happy", "sad"]\nImage 2: ["sad"]',
    "numbered records": '1. {"name": "Image 2", "result": ["sad"]}\n'
    '2. {"name": "Image 1", "result": ["happy", "sad"]}',
    "fenced": 'Of course!\n```json\n[{"name": "Image 1", "result": ["happy", "sad"]},\n'
    '{"name": "Image 2", "result": ["sad"]}]\n```\nTell me if I can\'t be clearer.',
    "cut off": '[{"name": "Image 1", "result": ["happy", "sad"]}, {"name": "Image 2", "result":'
    ' ["sad"]}, {"name": "Image 3", "res',
    "named lines": "Here you are.\nImage 1: happy, sad\nImage 2: sad\nI hope this helps!",
    "bold bullets": "- **Image 1**: Happy, Sad\n- **Image 2**: Sad.",
    "numbered names": "1. Image 1: happy > sad\n2. Image 2: sad",
    "on one line": "Image 1: happy, sad; Image 2: sad",
    "unquoted object": "{Image 1: [happy, sad], Image 2: [sad]}",
    "headings": "### Image 1\n1. Happy\n2. Sad\n\n### Image 2\n1. Sad\n",
    "headings and lines": "Image 1\nhappy, sad\n\nImage 2\nsad",
    "headings and keys": "**Image 1**\nEmotion: happy, sad\n**Image 2**\nEmotion: sad",
    "sentences": "Image 1: happy, sad\nImage 2: The emotion is sad.",
    "descriptions": "Image 1: a man at the sea\n- Emotion: happy, sad\n- Confidence: 0.8\n"
    "Image 2:\n- Emotion: sad\n- Confidence: 0.7",
    "numbered inside": '{"Image 1": {"1": "happy", "2": "sad"}, "Image 2": {"1": "sad"}}',
    "after thoughts": "<think>Image 1: neutral? Image 2: happy.</think>\nImage 1: happy, sad\n"
    "Image 2: sad",
    "tagged": '<answer>{"Image 1": ["happy", "sad"], "Image 2": ["sad"]}</answer>',
    "table": "| Image | Labels |\n|---|---|\n| Image 1 | happy, sad |\n| Image 2 | sad |",
    "numbered": "1. happy, sad\n2. sad",
    "numbered, other marks": "#1: happy -> sad\n(2) sad",
    "with shares": "Image 1: happy (80%), sad (20%)\nImage 2: sad: 0.9",
    "with folded spelling": "IMAGE_1: ' HAPPY ', \u201csad\u201d\nimg2: *sad*",
}


@pytest.mark.parametrize("text", SEVERAL.values(), ids=SEVERAL.keys())
def test_answers_about_several_samples_are_read(text: str) -> None:
    parsed = read(text, 2)

    assert ranked(parsed) == TWO
    assert parsed.problem is None


ALONE = {
    "happy": ("Happy",),
    "Happy.": ("Happy",),
    '"happy"': ("Happy",),
    "**Weakly-Positive**": ("weakly positive",),
    "happy > sad > neutral": ("Happy", "Sad", "Neutral"),
    "happy, sad, happy": ("Happy", "Sad"),
    "1. happy 2. sad": ("Happy", "Sad"),
    "1. happy\n2. sad\n3. joy": ("Happy", "Sad", "joy"),
    "The order is:\n1) happy\n2) sad\nThe mouth is open.": ("Happy", "Sad"),
    "- happy\n- sad": ("Happy", "Sad"),
    "happy\nsad": ("Happy", "Sad"),
    "1. happy, sad": ("Happy", "Sad"),
    "Image 1: happy": ("Happy",),
    "Emotion: happy": ("Happy",),
    "There is no frown, so:\n**Final answer:** happy, sad": ("Happy", "Sad"),
    "The emotion is: Happy.": ("Happy",),
    "It's happy": ("Happy",),
    "The person looks happy because of the smile.": ("Happy",),
    "Happy - she smiles at the camera": ("Happy",),
    '["happy", "sad"]': ("Happy", "Sad"),
    '[["happy", "sad"]]': ("Happy", "Sad"),
    '{"emotion": "happy"}': ("Happy",),
    '{"label": "happy", "ranking": ["happy", "sad"]}': ("Happy", "Sad"),
    '{"emotion": "happy", "sentiment": "pleasant"}': ("Happy",),
    '{"1": "happy", "2": "sad"}': ("Happy", "Sad"),
    '{"sad": 0.1, "happy": 0.9}': ("Happy", "Sad"),
    '[{"label": "sad", "score": 0.1}, {"label": "happy", "score": 0.9}]': ("Happy", "Sad"),
    'The ranking is ["happy", "sad"].': ("Happy", "Sad"),
    'Of ["happy", "sad", "neutral"] one fits.\nAnswer: sad': ("Sad",),
    '{"name": "face.png", "image": 1, "result": "happy"}': None,
    '{"id": "a7f3", "result": "happy"}': ("Happy",),
}


@pytest.mark.parametrize(("text", "expected"), ALONE.items(), ids=ALONE.keys())
def test_answers_about_one_sample_need_no_name(text: str, expected: tuple[str, ...] | None) -> None:
    assert ranked(read(text, 1)) == ({0: expected} if expected else {})


UNCERTAIN = [
    "<think>It looks happy.\nEmotion: happy",
    "",
    "   \n",
    "{}",
    "[]",
    "I cannot tell whether this is happy or sad.",
    "I cannot tell which it is:\nhappy",
    "This person is not happy.",
    "Happy, or maybe sad",
    "happy but not sure",
    "Either happy or sad",
    "The faces look happy and sad.",
    "A happy day at the beach",
    "I'm sorry, but I can't assist with that.",
    "joy",
    "Emotion: happy\nEmotion: sad",
    "2. happy",
    "1. happy, sad\n2. neutral, sad",
    '{"excluded": ["happy"]}',
    '{"label": "happy", "ranking": ["sad", "happy"]}',
    '{"result": []}',
    '{"result": null}',
    '{"result": "N/A"}',
    '{"result": "I\'m sorry, I can\'t identify emotions."}',
    '{"excluded": ["happy"], "res',
    '{"happy": 0.5, "sad": 0.1, "neutral": 0.9, "weakly positive": 0.9}',
    '["happy"] or ["sad"]',
    '["happy", "sad", "neutral"] are possible. Answer: sad',
    "Image 2: happy",
    "Video 1: happy",
    '{"name": "Image 2", "result": ["happy"]}',
]


@pytest.mark.parametrize("text", UNCERTAIN)
def test_what_has_no_certain_reading_is_left_out_with_the_reason(text: str) -> None:
    parsed = read(text, 1)

    assert parsed.answers == {}
    assert parsed.problem


UNALIGNED = [
    "happy",
    "happy, sad",
    '["happy", "sad"]',
    '[["happy"], ["sad"]]',
    '[{"emotion": "happy"}, {"emotion": "sad"}]',
    "- happy\n- sad",
    "happy\nsad",
    "1. happy\n2. sad\n3. neutral",
    '[{"index": 0, "label": "happy"}, {"index": 1, "label": "sad"}]',
    "Image 1 - 2: happy",
    "Images 1-2: happy",
    "Both images are happy.",
]


@pytest.mark.parametrize("text", UNALIGNED)
def test_of_several_samples_nothing_is_aligned_by_position(text: str) -> None:
    assert read(text, 2).answers == {}


def test_an_answer_that_leaves_samples_out_keeps_the_others() -> None:
    parsed = read('[{"name": "Image 3", "result": ["sad"]}]', 4)

    assert ranked(parsed) == {2: ("Sad",)}
    assert parsed.problem is None


def test_names_that_were_not_asked_about_are_surplus() -> None:
    parsed = read('{"Image 1": "happy", "Image 7": "sad", "Image 9": "sad"}', 2)

    assert ranked(parsed) == {0: ("Happy",)}
    assert parsed.surplus == ("Image 7", "Image 9")


@pytest.mark.parametrize(
    "text",
    [
        '[["Image 1", ["happy"]], ["Image 1", ["sad"]], ["Image 2", ["sad"]]]',
        '{"Image 1": "happy", "Image 2": "sad", "Image 1": "sad"}',
        "Image 1: happy\nImage 2: sad\nImage 1: sad",
    ],
)
def test_answers_that_contradict_each_other_leave_their_sample_out(text: str) -> None:
    assert ranked(read(text, 2)) == {1: ("Sad",)}


def test_answers_that_continue_each_other_are_one() -> None:
    assert ranked(read("Image 1: happy\nImage 2: sad\nImage 1: happy, sad", 2)) == TWO


def test_an_unreadable_line_costs_only_its_own_sample() -> None:
    parsed = read("Image 1: happy\nImage 2: not happy\nImage 3: sad", 3)

    assert ranked(parsed) == {0: ("Happy",), 2: ("Sad",)}


def test_unknown_labels_are_kept_as_written_and_flagged() -> None:
    parsed = read('{"Image 1": ["  Quiet Joy ", "happy", "quiet joy"]}', 1)

    assert parsed.answers[0] == Answer(("Quiet Joy", "Happy"), frozenset({"Quiet Joy"}))
    assert not parsed.answers[0].in_vocabulary


def test_unknown_labels_are_cut_and_fit_to_be_stored() -> None:
    wild = json.dumps({"Image 1": ["y" * 500, "a\x00b", "c\ud800"]})

    parsed = read(wild, 1)

    assert parsed.answers[0].ranked == ("y" * 200, "a\ufffdb", "c\ufffd")


def test_no_synonym_is_guessed() -> None:
    assert read('{"Image 1": "happiness"}', 1).answers[0].unknown == {"happiness"}


def test_labels_that_only_punctuation_tells_apart_match_as_they_are_spelled() -> None:
    parsed = parse(
        '{"Image 1": ["a-b", "a b", "+"]}', names=["Image 1"], labels=["a b", "A-B", "+"]
    )

    assert parsed.answers[0].ranked == ("A-B", "a b", "+")


def test_a_label_with_a_comma_is_one_label() -> None:
    parsed = parse('{"Image 1": "anger, mild"}', names=["Image 1"], labels=["anger", "anger, mild"])

    assert parsed.answers[0].ranked == ("anger, mild",)


@pytest.mark.parametrize("kind", ["Image", "Video", "Text", "Sample"])
def test_every_kind_of_name_is_echoed(kind: str) -> None:
    assert ranked(read(f"{kind} 1: happy, sad\n{kind} 2: sad", 2, kind)) == TWO
    assert ranked(read(f'{{"{kind.lower()}_1": ["happy", "sad"], "2": "sad"}}', 2, kind)) == TWO


def test_a_frame_is_not_the_video_of_the_same_number() -> None:
    parsed = read('{"Image 1": "happy", "Video 2": "sad"}', 2, "Video")

    assert ranked(parsed) == {1: ("Sad",)}
    assert parsed.surplus == ("Image 1",)


def test_names_without_numbers_are_echoed() -> None:
    parsed = parse("Left: happy\nRight face: sad", names=["Left", "Right face"], labels=LABELS)

    assert ranked(parsed) == {0: ("Happy",), 1: ("Sad",)}


REFUSALS = [
    "I'm sorry, but I can't assist with identifying emotions.",
    "I\u2019m sorry, but I can\u2019t help with that.",
    "I cannot help with that request",
    "I'm unable to analyze this image.",
    "I'm not able to help with identifying people in images.",
    "Sorry, I can't do that.",
    "I'm sorry, but I cannot provide assistance with that.",
    "As an AI language model, I am not able to determine the emotions of real people.",
    "I apologize, but I must decline.",
    "Unfortunately, I won't be able to help with this content.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_in_prose_is_known_and_is_no_answer(text: str) -> None:
    assert is_refusal_prose(text)
    assert read(text, 1).answers == {}
    assert parse(text, names=["Image 1"], labels=["content", "sorry", "sad"]).answers == {}


@pytest.mark.parametrize(
    "text",
    [
        *(text for text in SEVERAL.values()),
        *(text for text, expected in ALONE.items() if expected),
        "",
        "The image is too dark to see anything.",
        "I can't be sure, but the emotion is happy.",
        "I'm sorry for her, she seems sad.",
        "I cannot help with the first.\nImage 2: happy",
        '{"error": "I cannot help with that request"}',
        "I can't assist with identity, but:\n1. happy\n2. sad",
    ],
)
def test_what_may_hold_an_answer_is_no_refusal(text: str) -> None:
    assert not is_refusal_prose(text)
