"""The requests of the chat-completions wire."""

from base64 import b64encode
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import MissingCredential
from core.providers import openai_chat
from core.providers.adapters import adapter_for
from core.rules.pictures import Item, Picture, Prompt
from core.rules.specs import ModelSpec
from core.vocabulary import Detail


def model(**changes: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {"name": "m", "base_url": "http://127.0.0.1:9000/v1", "model": "gpt-4o", **changes}
    )


def picture(data: bytes = b"pixels", frame: int | None = None) -> Picture:
    return Picture(
        data, "image/jpeg", 48, 48, sha256(data).hexdigest(), source="5" * 64, frame=frame
    )


def content_of(prompt: Prompt, detail: Detail = Detail.LOW) -> list[Any]:
    body = openai_chat.build(model(), prompt, detail)
    message = orjson.loads(body.content)["messages"][0]
    assert message["role"] == "user"
    content: list[Any] = message["content"]
    return content


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def image(data: bytes, detail: str = "low") -> dict[str, Any]:
    address = f"data:image/jpeg;base64,{b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": address, "detail": detail}}


def test_each_picture_stands_right_behind_its_name() -> None:
    items = (Item("Image 1", (picture(b"one"),)), Item("Image 2", (picture(b"two"),)))

    content = content_of(Prompt("Look.", items), Detail.HIGH)

    assert content == [
        text("Look."),
        text("Image 1"),
        image(b"one", "high"),
        text("Image 2"),
        image(b"two", "high"),
    ]


def test_each_frame_of_a_video_has_its_own_name() -> None:
    frames = (picture(b"a", 0), picture(b"b", 30))

    content = content_of(Prompt("Watch.", (Item("Video 2", frames),)))

    assert content == [
        text("Watch."),
        text("Video 2, frame 1"),
        image(b"a"),
        text("Video 2, frame 2"),
        image(b"b"),
    ]


def test_a_video_of_one_frame_is_still_named_as_a_video() -> None:
    content = content_of(Prompt("Watch.", (Item("Video 1", (picture(b"a", 7),)),)))

    assert content[1:] == [text("Video 1, frame 1"), image(b"a")]


def test_a_text_stands_under_its_name() -> None:
    content = content_of(Prompt("Read.", (Item("Text 3", text="so happy\n"),)))

    assert content == [text("Read."), text("Text 3\nso happy\n")]


def test_the_text_of_a_video_comes_before_its_frames() -> None:
    item = Item("Video 1", (picture(b"a", 0), picture(b"b", 9)), text="“I see.”")

    content = content_of(Prompt("Watch.", (item,)))

    assert content[1] == text("Video 1\n“I see.”")
    assert [part["type"] for part in content[2:]] == ["text", "image_url", "text", "image_url"]


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("gpt-4o", "max_tokens"),
        ("gpt-4.1-mini", "max_tokens"),
        ("gpt-35-turbo", "max_tokens"),
        ("fer", "max_tokens"),
        ("llama-3.2-90b-vision", "max_tokens"),
        ("gpt-oss-120b", "max_tokens"),
        ("yolo1", "max_tokens"),
        ("o1", "max_completion_tokens"),
        ("o4-mini-2025-04-16", "max_completion_tokens"),
        ("gpt-5", "max_completion_tokens"),
        ("gpt-5.1-mini", "max_completion_tokens"),
        ("openai/gpt-5-nano", "max_completion_tokens"),
        ("ft:o4-mini:team", "max_completion_tokens"),
    ],
)
def test_newer_models_get_the_bound_they_understand(name: str, bound: str) -> None:
    body = openai_chat.build(model(model=name, max_tokens=77), Prompt("Hi.", ()), Detail.LOW)

    sent = orjson.loads(body.content)
    assert sent[bound] == 77
    assert len({"max_tokens", "max_completion_tokens"} & sent.keys()) == 1


def test_a_temperature_of_none_is_not_sent() -> None:
    silent = openai_chat.build(model(temperature=None), Prompt("Hi.", ()), Detail.LOW)
    zero = openai_chat.build(model(temperature=0.0), Prompt("Hi.", ()), Detail.LOW)

    assert "temperature" not in orjson.loads(silent.content)
    assert orjson.loads(zero.content)["temperature"] == 0.0


texts = st.text(st.characters(exclude_categories=["Cs"]))
pictures = st.builds(picture, st.binary(max_size=99), st.none() | st.integers(0, 999))
items = st.builds(Item, texts, st.lists(pictures, max_size=3).map(tuple), st.none() | texts)
prompts = st.builds(Prompt, texts, st.lists(items, max_size=4).map(tuple))


def expanded(sent: dict[str, Any], prompt: Prompt) -> dict[str, Any]:
    """Put the bytes back where `sent` refers to them."""
    stored = {p.digest: p.data for item in prompt.items for p in item.pictures}
    for part in sent["messages"][0]["content"]:
        if part["type"] == "image_url":
            reference = part["image_url"]["url"]
            data = stored[reference["sha256"]]
            assert reference["bytes"] == len(data)
            base64 = b64encode(data).decode()
            part["image_url"]["url"] = f"data:{reference['mime']};base64,{base64}"
    return sent


@given(prompts, st.sampled_from(Detail))
def test_the_body_is_what_is_recorded_with_the_references_expanded(
    prompt: Prompt, detail: Detail
) -> None:
    body = openai_chat.build(model(), prompt, detail)

    recorded = orjson.loads(orjson.dumps(body.sent))
    assert orjson.loads(body.content) == expanded(recorded, prompt)
    assert body.sha256 == sha256(body.content).hexdigest()


def test_a_reference_says_where_the_picture_came_from() -> None:
    shown = picture(b"abc", 12)

    body = openai_chat.build(model(), Prompt("Hi.", (Item("Video 1", (shown,)),)), Detail.LOW)

    assert body.sent["messages"][0]["content"][2]["image_url"]["url"] == {
        "sha256": shown.digest,
        "mime": "image/jpeg",
        "bytes": 3,
        "source": "5" * 64,
        "frame": 12,
    }


def test_the_same_prompt_makes_the_same_bytes() -> None:
    prompt = Prompt("Look.", (Item("Image 1", (picture(),)),))

    first, second = (openai_chat.build(model(), prompt, Detail.LOW) for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/v1/chat/completions"),
        ("http://127.0.0.1:9000/v1/", "http://127.0.0.1:9000/v1/chat/completions"),
        ("https://api.example.com", "https://api.example.com/chat/completions"),
        (
            "https://x.example.com/openai/deployments/d?api-version=2024-10-21",
            "https://x.example.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_the_address_is_below_the_base_url(base: str, address: str) -> None:
    assert openai_chat.url(model(base_url=base)) == address


def test_the_secret_is_a_bearer_token() -> None:
    headers = openai_chat.headers(model(), "sk-secret\n")

    assert headers["authorization"] == "Bearer sk-secret"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("gerbench/")


def test_a_model_without_credentials_sends_none() -> None:
    assert "authorization" not in openai_chat.headers(model(), None)


@pytest.mark.parametrize("secret", ["", " \n", "two\nlines", "schlüssel"])
def test_a_secret_that_no_header_can_carry_is_said_so_without_showing_it(secret: str) -> None:
    with pytest.raises(MissingCredential) as raised:
        openai_chat.headers(model(), secret)

    assert not secret.strip() or secret not in str(raised.value)


def test_the_adapter_of_every_wire_is_known() -> None:
    wire = ModelSpec.model_fields["wire"].default

    assert adapter_for(wire) is openai_chat
