"""What holds for the adapter of every wire."""

from copy import deepcopy
from hashlib import sha256
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MissingCredential
from core.providers.adapters import ADAPTERS, adapter_for
from core.rules.pictures import Item, Prompt
from core.rules.readings import Exchange
from core.rules.specs import Wire
from core.vocabulary import Detail, Result
from tests.core.providers import (
    test_anthropic_messages,
    test_gemini_generate,
    test_openai_replies,
    test_openai_responses,
    wires,
)
from tests.core.providers.wires import NOW, picture

WIRES = list(get_args(Wire))
every_wire = pytest.mark.parametrize("wire", WIRES)

texts = st.text(st.characters(exclude_categories=["Cs"]))
pictures = st.builds(picture, st.binary(max_size=99), st.none() | st.integers(0, 999))
items = st.builds(Item, texts, st.lists(pictures, max_size=3).map(tuple), st.none() | texts)
prompts = st.builds(Prompt, texts, st.lists(items, max_size=4).map(tuple))


def test_every_wire_that_a_model_may_name_has_an_adapter() -> None:
    assert set(WIRES) == set(ADAPTERS)


def expanded(value: Any, stored: dict[str, bytes]) -> Any:
    """Return what was recorded with the pictures' base64, or data URL, in place of references."""
    if isinstance(value, list):
        return [expanded(item, stored) for item in value]
    if not isinstance(value, dict):
        return value
    if "sha256" in value:
        return wires.b64(stored[value["sha256"]])
    whole = {name: expanded(item, stored) for name, item in value.items()}
    for name in ("url", "image_url"):
        if isinstance(whole.get(name), str):
            whole[name] = f"data:image/jpeg;base64,{whole[name]}"
    return whole


@given(st.sampled_from(WIRES), prompts, st.sampled_from(Detail))
def test_the_body_is_what_is_recorded_with_the_references_expanded(
    wire: str, prompt: Prompt, detail: Detail
) -> None:
    body = adapter_for(wire).build(wires.model(wire), prompt, detail)

    stored = {p.digest: p.data for item in prompt.items for p in item.pictures}
    recorded = orjson.loads(orjson.dumps(body.sent))
    assert orjson.loads(body.content) == expanded(recorded, stored)
    assert body.sha256 == sha256(body.content).hexdigest()


@every_wire
def test_a_gap_in_the_words_of_a_prompt_stays_what_it_is(wire: str) -> None:
    prompt = Prompt("<base64>", (Item("Image <base64>", (picture(b"one"),)),))

    content = adapter_for(wire).build(wires.model(wire), prompt, Detail.LOW).content

    assert content.count(b"<base64>") == 2


@every_wire
def test_query_and_headers_of_a_model_are_sent_with_each_call(wire: str) -> None:
    model = wires.model(
        wire,
        base_url="https://x.example/v1?a=1",
        query={"api-version": "2024-10-21", "b": "x y"},
        headers={"X-Title": "gerbench"},
    )
    adapter = adapter_for(wire)

    assert adapter.url(model).endswith("?a=1&api-version=2024-10-21&b=x+y")
    assert adapter.headers(model, "s3cret")["x-title"] == "gerbench"


@every_wire
@pytest.mark.parametrize(
    ("auth", "value"),
    [({"header": "Api-Key"}, "s3cret"), ({"header": "api-key", "scheme": "Key"}, "Key s3cret")],
)
def test_a_model_may_say_which_header_carries_the_secret(
    wire: str, auth: dict[str, str], value: str
) -> None:
    headers = adapter_for(wire).headers(wires.model(wire, auth=auth), "s3cret")

    assert headers["api-key"] == value
    assert sum("s3cret" in sent for sent in headers.values()) == 1


@every_wire
def test_a_model_without_credentials_sends_none(wire: str) -> None:
    headers = adapter_for(wire).headers(wires.model(wire), None)

    assert not {"authorization", "x-api-key", "x-goog-api-key"} & headers.keys()


@every_wire
@pytest.mark.parametrize("secret", ["", " \n", "two\nlines", "schlüssel"])
def test_a_secret_that_no_header_can_carry_is_said_so_without_showing_it(
    wire: str, secret: str
) -> None:
    with pytest.raises(MissingCredential) as raised:
        adapter_for(wire).headers(wires.model(wire), secret)

    assert not secret.strip() or secret not in str(raised.value)


@every_wire
@pytest.mark.parametrize("failure", [Result.TIMEOUT, Result.RESET, Result.MALFORMED])
def test_an_exchange_that_failed_is_its_own_failure(wire: str, failure: Result) -> None:
    reading = adapter_for(wire).read(Exchange(None, {}, b"{", 1.0, failure, "gone"), now=NOW)

    assert (reading.result, reading.reason) == (failure, "gone")


@every_wire
@pytest.mark.parametrize("odd", [True, "1", 1.0, 2**40, -1, [], {}])
def test_usage_that_is_no_count_is_not_known(wire: str, odd: object) -> None:
    names = ["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"]
    names += ["promptTokenCount", "candidatesTokenCount", "cache_read_input_tokens"]
    counts = dict.fromkeys(names, odd)

    assert wires.meaning(wire, {"usage": counts, "usageMetadata": counts}).usage is None


WHOLE: dict[str, Any] = {
    "openai-chat": test_openai_replies.completion("Image 1: happy", refusal="I can't."),
    "openai-responses": test_openai_responses.incomplete(
        "max_output_tokens",
        test_openai_responses.message(
            test_openai_responses.text("happy"), {"type": "refusal", "refusal": "I can't."}
        ),
    ),
    "anthropic-messages": test_anthropic_messages.message(
        test_anthropic_messages.text("happy"),
        stop="refusal",
        stop_details={"type": "refusal", "explanation": "It may harm."},
    ),
    "gemini-generate": test_gemini_generate.generated(
        {"text": "happy"}, promptFeedback={"blockReason": None}, finishMessage=None
    ),
}
FAILED: list[Any] = [
    test_gemini_generate.exceeded(test_gemini_generate.PER_DAY),
    test_anthropic_messages.error("rate_limit_error", details={"error_code": "x"}),
    {"error": {"code": 1, "innererror": {"code": "x"}, "message": "no", "type": "t"}},
]
json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, ...]]:
    """Return the way to every member and item of a document."""
    members = value.items() if isinstance(value, dict) else ()
    inner = list(members) + (list(enumerate(value)) if isinstance(value, list) else [])
    return [(key, *rest) for key, item in inner for rest in [(), *places(item)]]


@st.composite
def nearly_whole(draw: st.DrawFn, wire: str) -> bytes:
    """A document of a wire in which something is not what it should be."""
    document = deepcopy(draw(st.just(WHOLE[wire]) | st.sampled_from(FAILED)))
    *way, last = draw(st.sampled_from(places(document)))
    parent = document
    for step in way:
        parent = parent[step]
    parent[last] = draw(json)
    return orjson.dumps(document)


bodies = {
    wire: st.binary() | json.map(orjson.dumps) | nearly_whole(wire) | nearly_whole(wire)
    for wire in WIRES
}
names = st.sampled_from(["retry-after", "retry-after-ms", "location", "content-type"])


@every_wire
@settings(max_examples=400)
@given(data=st.data(), headers=st.dictionaries(names, st.text()))
def test_no_reply_is_beyond_reading(
    wire: str, data: st.DataObject, headers: dict[str, str]
) -> None:
    body = data.draw(bodies[wire])
    status = data.draw(st.just(200) | st.integers(100, 999))

    reading = adapter_for(wire).read(Exchange(status, headers, body, 0.1), now=NOW)

    assert reading.result not in {Result.SENT, Result.UNKNOWN, Result.TIMEOUT, Result.RESET}
    if reading.result is Result.ANSWERED:
        assert (reading.text or "").strip()
        assert reading.reason is None
    else:
        assert (reading.reason or "").strip()
    assert "\x00" not in (reading.text or "") + (reading.reason or "")
    assert reading.retry_after_s is None or reading.retry_after_s >= 0
