"""The official clients of the other wires work against the endpoint, unchanged."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types

from gerbench.endpoint import EndpointOptions, LocalEndpoint, rank
from tests.gerbench.endpoint.chats import INSTRUCTIONS, LABELS, image_part, text_part

KEY = "sk-test-0000"
Say = Callable[[LocalEndpoint, str, Sequence[bytes]], "Heard"]


@dataclass(frozen=True)
class Heard:
    """What a client made of a reply, in the same words for all."""

    text: str | None
    end: str | None
    prompt: int | None
    answer: int | None


def shown(faces: Sequence[bytes]) -> list[str | bytes]:
    """Return instructions and faces, each behind its name."""
    return [
        INSTRUCTIONS,
        *(part for at, face in enumerate(faces, 1) for part in (f"Image {at}", face)),
    ]


def responses(endpoint: LocalEndpoint, key: str, faces: Sequence[bytes]) -> Heard:
    def part(what: str | bytes) -> Any:
        if isinstance(what, str):
            return {"type": "input_text", "text": what}
        url = image_part(what)["image_url"]["url"]
        return {"type": "input_image", "image_url": url, "detail": "low"}

    with openai.OpenAI(base_url=endpoint.base_url, api_key=key, max_retries=0) as client:
        content = [part(what) for what in shown(faces)]
        reply = client.responses.create(
            model="fer", input=[{"role": "user", "content": content}], max_output_tokens=900
        )
    why = reply.incomplete_details and reply.incomplete_details.reason
    refusals = [
        part.refusal
        for item in reply.output
        if item.type == "message"
        for part in item.content
        if part.type == "refusal"
    ]
    assert reply.usage is not None
    counts = reply.usage.input_tokens, reply.usage.output_tokens
    return Heard(reply.output_text, "refusal" if refusals else why or reply.status, *counts)


def azure(endpoint: LocalEndpoint, key: str, faces: Sequence[bytes]) -> Heard:
    client = openai.AzureOpenAI(
        azure_endpoint=endpoint.root,
        azure_deployment="ours",
        api_version="2024-10-21",
        api_key=key,
        max_retries=0,
    )
    content = [text_part(p) if isinstance(p, str) else image_part(p) for p in shown(faces)]
    messages: Any = [{"role": "user", "content": content}]
    with client:
        reply = client.chat.completions.create(model="ours", messages=messages, max_tokens=900)
    choice = reply.choices[0]
    assert reply.usage is not None
    counts = reply.usage.prompt_tokens, reply.usage.completion_tokens
    return Heard(choice.message.content, choice.finish_reason, *counts)


def messages(endpoint: LocalEndpoint, key: str, faces: Sequence[bytes]) -> Heard:
    def part(what: str | bytes) -> Any:
        if isinstance(what, str):
            return {"type": "text", "text": what}
        data = image_part(what)["image_url"]["url"].partition(",")[2]
        source = {"type": "base64", "media_type": "image/jpeg", "data": data}
        return {"type": "image", "source": source}

    with anthropic.Anthropic(base_url=endpoint.root, api_key=key, max_retries=0) as client:
        content = [part(what) for what in shown(faces)]
        reply = client.messages.create(
            model="fer", messages=[{"role": "user", "content": content}], max_tokens=900
        )
    text = "".join(block.text for block in reply.content if block.type == "text")
    return Heard(text, reply.stop_reason, reply.usage.input_tokens, reply.usage.output_tokens)


def generate(endpoint: LocalEndpoint, key: str, faces: Sequence[bytes]) -> Heard:
    retries = types.HttpRetryOptions(attempts=1)
    options = types.HttpOptions(base_url=endpoint.root, retry_options=retries)
    parts = [
        types.Part.from_text(text=what)
        if isinstance(what, str)
        else types.Part.from_bytes(data=what, mime_type="image/jpeg")
        for what in shown(faces)
    ]
    with genai.Client(api_key=key, http_options=options) as client:
        reply = client.models.generate_content(
            model="fer",
            contents=types.Content(role="user", parts=parts),
            config=types.GenerateContentConfig(
                max_output_tokens=900, media_resolution=types.MediaResolution.MEDIA_RESOLUTION_LOW
            ),
        )
    counts = reply.usage_metadata or types.GenerateContentResponseUsageMetadata()
    end: Any = reply.prompt_feedback and reply.prompt_feedback.block_reason
    if reply.candidates:
        end = reply.candidates[0].finish_reason
    said = None if end is None else str(end.value)
    return Heard(reply.text, said, counts.prompt_token_count, counts.candidates_token_count)


CLIENTS: dict[str, Say] = {
    "openai-responses": responses,
    "azure-chat": azure,
    "anthropic-messages": messages,
    "gemini-generate": generate,
}
every_client = pytest.mark.parametrize("wire", list(CLIENTS))
ENDS = {
    "openai-responses": ("completed", "max_output_tokens", "content_filter"),
    "azure-chat": ("stop", "length", "content_filter"),
    "anthropic-messages": ("end_turn", "max_tokens", "refusal"),
    "gemini-generate": ("STOP", "MAX_TOKENS", "SAFETY"),
}
"""What each wire calls an answer, one that is cut off, and one that is withheld."""


@every_client
def test_answers_images_exactly_as_the_network_ranks_them(wire: str, faces: list[bytes]) -> None:
    with LocalEndpoint() as endpoint:
        heard = CLIENTS[wire](endpoint, KEY, faces[:3])

    assert json.loads(heard.text or "") == [
        {"name": f"Image {number}", "result": rank(face, LABELS)}
        for number, face in enumerate(faces[:3], 1)
    ]
    assert heard.end == ENDS[wire][0]
    [entry] = endpoint.log
    assert (entry.wire, entry.billed, entry.result) == (wire, True, "answered")
    assert entry.images == [hashlib.sha256(face).hexdigest() for face in faces[:3]]
    assert entry.key == hashlib.sha256(KEY.encode()).hexdigest()[-4:]
    assert (heard.prompt, heard.answer) == (entry.prompt_tokens, entry.completion_tokens)


@pytest.mark.parametrize(
    ("wire", "tokens"),
    # Drawn faces are 160 pixels wide: 160 x 160 / 750 is 35.
    [
        ("openai-responses", 85),
        ("azure-chat", 85),
        ("anthropic-messages", 35),
        ("gemini-generate", 280),
    ],
)
def test_an_image_counts_as_its_provider_counts_it(
    wire: str, tokens: int, faces: list[bytes]
) -> None:
    with LocalEndpoint() as endpoint:
        one, two = (CLIENTS[wire](endpoint, KEY, faces[:count]).prompt for count in (1, 2))

    # "Image 2" is seven more characters, at most two tokens.
    assert tokens + 1 <= (two or 0) - (one or 0) <= tokens + 2


@every_client
def test_an_answer_that_is_cut_off_says_so(wire: str, faces: list[bytes]) -> None:
    with LocalEndpoint(EndpointOptions(length_share=1)) as endpoint:
        heard = CLIENTS[wire](endpoint, KEY, faces[:2])

    assert heard.end == ENDS[wire][1]
    assert heard.text


@every_client
def test_an_answer_that_is_withheld_says_so(wire: str, faces: list[bytes]) -> None:
    with LocalEndpoint(EndpointOptions(refuse_share=1, refusal_form="filter")) as endpoint:
        heard = CLIENTS[wire](endpoint, KEY, faces[:1])

    assert heard.end == ENDS[wire][2]
    assert not heard.text
    assert [entry.result for entry in endpoint.log] == ["refused"]


@pytest.mark.parametrize(
    ("wire", "end"),
    [
        ("openai-responses", "refusal"),
        ("anthropic-messages", "refusal"),
        ("gemini-generate", "PROHIBITED_CONTENT"),
    ],
)
def test_a_refusal_in_a_field_of_its_own(wire: str, end: str, faces: list[bytes]) -> None:
    with LocalEndpoint(EndpointOptions(refuse_share=1, refusal_form="field")) as endpoint:
        heard = CLIENTS[wire](endpoint, KEY, faces[:1])

    assert heard.end == end


def failed(wire: str, faces: Sequence[bytes], key: str = KEY, **options: Any) -> Exception:
    """Return the error of a call, of a second one where the limit lets the first in."""
    with LocalEndpoint(EndpointOptions.model_validate(options)) as endpoint:
        if "rpm" in options:
            CLIENTS[wire](endpoint, key, faces)
        with pytest.raises(
            (openai.APIStatusError, anthropic.APIStatusError, errors.APIError)
        ) as caught:
            CLIENTS[wire](endpoint, key, faces)
    error: Any = caught.value
    [*_, entry] = endpoint.log
    assert entry.status == status_of(error)
    return caught.value


def status_of(error: Any) -> int:
    return int(error.code if isinstance(error, errors.APIError) else error.status_code)


def test_gemini_blocks_a_prompt_without_an_error(faces: list[bytes]) -> None:
    with LocalEndpoint(EndpointOptions(refuse_share=1, refusal_form="http")) as endpoint:
        heard = generate(endpoint, KEY, faces[:1])

    assert heard == Heard(None, "PROHIBITED_CONTENT", None, None)
    assert [(entry.status, entry.result) for entry in endpoint.log] == [(200, "refused")]


def test_anthropics_latest_version_takes_no_temperature(faces: list[bytes]) -> None:
    with (
        LocalEndpoint() as endpoint,
        anthropic.Anthropic(base_url=endpoint.root, api_key=KEY, max_retries=0) as client,
        pytest.raises(anthropic.BadRequestError, match="temperature: Extra inputs"),
    ):
        client.messages.create(
            model="fer",
            messages=[{"role": "user", "content": INSTRUCTIONS}],
            max_tokens=9,
            extra_body={"temperature": 0},
        )


@pytest.mark.parametrize(
    ("wire", "kind", "words"),
    [
        ("openai-responses", openai.AuthenticationError, "Incorrect API key provided"),
        ("azure-chat", openai.AuthenticationError, "Access denied"),
        ("anthropic-messages", anthropic.AuthenticationError, "invalid x-api-key"),
        ("gemini-generate", errors.ClientError, "API key not valid"),
    ],
)
def test_a_wrong_key_is_told_in_each_providers_words(
    wire: str, kind: type[Exception], words: str, faces: list[bytes]
) -> None:
    error = failed(wire, faces[:1], "sk-wrong-0000", api_key=[KEY])

    assert isinstance(error, kind)
    assert words in str(error)
    assert "sk-wrong" not in str(error)


@pytest.mark.parametrize(
    ("wire", "kind", "words"),
    [
        ("openai-responses", openai.RateLimitError, "requests per min (RPM): Limit 1"),
        ("azure-chat", openai.RateLimitError, "Please retry after 60 seconds"),
        ("anthropic-messages", anthropic.RateLimitError, "of 1 requests per minute"),
        ("gemini-generate", errors.ClientError, "PerMinutePerProjectPerModel"),
    ],
)
def test_a_limit_is_told_in_each_providers_words(
    wire: str, kind: type[Exception], words: str, faces: list[bytes]
) -> None:
    error = failed(wire, faces[:1], rpm=1)

    assert isinstance(error, kind)
    assert status_of(error) == 429
    assert words in str(error)


@pytest.mark.parametrize(
    ("wire", "options", "status", "words"),
    [
        ("azure-chat", {"max_images": 1}, 400, "Max is 1."),
        ("anthropic-messages", {"max_images": 1}, 400, "2 images > 1"),
        ("gemini-generate", {"max_images": 1}, 400, "at most 1"),
        ("openai-responses", {"max_body_mb": 0.001}, 413, "too large"),
        ("anthropic-messages", {"max_body_mb": 0.001}, 413, "request_too_large"),
        ("gemini-generate", {"max_body_mb": 0.001}, 400, "payload size exceeds"),
        ("openai-responses", {"quota": 0}, 429, "exceeded your current quota"),
        ("anthropic-messages", {"quota": 0}, 400, "credit balance is too low"),
        ("gemini-generate", {"quota": 0}, 429, "PerDay"),
        ("anthropic-messages", {"refuse_share": 1, "refusal_form": "http"}, 400, "filtering"),
        ("openai-responses", {"fail_share": 1, "fail_kind": "500"}, 500, "The server had an error"),
        ("anthropic-messages", {"fail_share": 1, "fail_kind": "500"}, 500, "api_error"),
        ("gemini-generate", {"fail_share": 1, "fail_kind": "500"}, 500, "INTERNAL"),
        ("azure-chat", {"fail_share": 1, "fail_kind": "503"}, 503, "overloaded"),
        ("anthropic-messages", {"fail_share": 1, "fail_kind": "503"}, 529, "overloaded_error"),
        ("gemini-generate", {"fail_share": 1, "fail_kind": "503"}, 503, "UNAVAILABLE"),
        ("anthropic-messages", {"fail_share": 1, "fail_kind": "502"}, 502, "502"),
    ],
)
def test_failures_are_told_in_each_providers_words(
    wire: str, options: dict[str, Any], status: int, words: str, faces: list[bytes]
) -> None:
    error = failed(wire, faces[:2], **options)

    assert status_of(error) == status
    assert words in str(error)


def test_anthropics_limits_stand_in_its_headers(faces: list[bytes]) -> None:
    error: Any = failed("anthropic-messages", faces[:1], rpm=1)

    headers = error.response.headers
    assert headers["anthropic-ratelimit-requests-limit"] == "1"
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert 55 <= int(headers["retry-after"]) <= 60


def test_limits_are_not_told_where_they_are_not_to_be(faces: list[bytes]) -> None:
    silent: Any = failed("anthropic-messages", faces[:1], rpm=1, limit_headers=False)
    mute = failed("gemini-generate", faces[:1], rpm=1, limit_headers=False)

    assert not [name for name in silent.response.headers if "ratelimit" in name]
    assert "retry-after" not in silent.response.headers
    assert "retryDelay" not in str(mute)
