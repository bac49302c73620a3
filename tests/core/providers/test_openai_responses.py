"""The Responses wire: requests, and replies as its reference documents them."""

from base64 import b64encode
from typing import Any

import pytest

from core.providers import openai_responses
from core.rules.readings import Reading, Usage
from core.vocabulary import Detail, Result
from tests.core.providers import wires

WIRE = "openai-responses"
USAGE = {
    "input_tokens": 328,
    "input_tokens_details": {"cached_tokens": 128},
    "output_tokens": 52,
    "output_tokens_details": {"reasoning_tokens": 40},
    "total_tokens": 380,
}
FLAGGED = (
    "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try"
    " again with a different prompt."
)


def text(words: object) -> dict[str, Any]:
    return {"type": "output_text", "text": words, "annotations": [], "logprobs": []}


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": list(parts),
    }


THOUGHT = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "A smile, so"}],
}


def response(*output: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1741476777,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": list(output),
        "usage": USAGE,
        **members,
    }


def incomplete(reason: str, *output: dict[str, Any]) -> dict[str, Any]:
    return response(*output, status="incomplete", incomplete_details={"reason": reason})


def failed(code: str, words: str = "no") -> dict[str, Any]:
    return response(status="failed", error={"code": code, "message": words}, usage=None)


def error(words: str, **members: object) -> dict[str, Any]:
    return {"error": {"message": words, "type": "invalid_request_error", "param": None, **members}}


def test_each_picture_stands_right_behind_its_name() -> None:
    body = wires.built(WIRE, Detail.HIGH, model="gpt-4.1", max_tokens=300)

    def shown(data: bytes) -> dict[str, str]:
        url = f"data:image/jpeg;base64,{b64encode(data).decode()}"
        return {"type": "input_image", "image_url": url, "detail": "high"}

    def said(words: str) -> dict[str, str]:
        return {"type": "input_text", "text": words}

    content = [said("Look."), said("Image 1"), shown(b"one"), said("Video 1\nOh!")]
    content += [said("Video 1, frame 1"), shown(b"two")]
    assert body == {
        "input": [{"role": "user", "content": content}],
        "model": "gpt-4.1",
        "max_output_tokens": 300,
        "store": False,
        "temperature": 0.0,
    }
    assert "temperature" not in wires.built(WIRE, temperature=None)


def test_address_and_headers() -> None:
    model = wires.model(WIRE)

    assert openai_responses.url(model) == "https://x.example/v1/responses"
    assert openai_responses.headers(model, "sk-1")["authorization"] == "Bearer sk-1"


def test_an_answer_is_the_text_of_its_messages_and_no_thought() -> None:
    reply = response(THOUGHT, message(text("Image 1: "), text("happy")), message(text("!")))

    assert wires.meaning(WIRE, reply) == Reading(Result.ANSWERED, "Image 1: happy!", Usage(328, 52))


@pytest.mark.parametrize(
    ("body", "result", "said", "reason"),
    [
        (incomplete("max_output_tokens", message(text("Image"))), Result.LENGTH, "Image", "max_o"),
        (incomplete("max_output_tokens", THOUGHT), Result.LENGTH, None, "max_output_tokens"),
        (incomplete("content_filter"), Result.REFUSED, None, "content_filter"),
        (incomplete("content_filter", message(text("Im"))), Result.REFUSED, "Im", "content_filter"),
        (
            response(message({"type": "refusal", "refusal": "I can't judge."})),
            Result.REFUSED,
            None,
            "I can't judge.",
        ),
        (response(THOUGHT), Result.MALFORMED, None, "resp_1"),
        (response(message(text(""))), Result.MALFORMED, None, "resp_1"),
        (response(message(text(7))), Result.MALFORMED, None, "resp_1"),
        (response(status="in_progress"), Result.MALFORMED, None, "in_progress"),
        (b'{"id": "resp_1", "output": [', Result.MALFORMED, None, "resp_1"),
        (response(status="cancelled"), Result.SERVER_ERROR, None, "cancelled"),
        (response(status="failed"), Result.SERVER_ERROR, None, "failed"),
        (failed("server_error"), Result.SERVER_ERROR, None, "no"),
        (failed("rate_limit_exceeded"), Result.RATE_LIMITED, None, "no"),
        (failed("invalid_prompt", FLAGGED), Result.REFUSED, None, "flagged"),
        (failed("image_content_policy_violation"), Result.REFUSED, None, "no"),
        (failed("invalid_image_format"), Result.REJECTED, None, "no"),
        (failed("image_file_too_large"), Result.TOO_LARGE, None, "no"),
        (failed("a_code_of_tomorrow"), Result.MALFORMED, None, "no"),
    ],
)
def test_a_200_is_read_by_what_is_in_it(
    body: object, result: Result, said: str | None, reason: str
) -> None:
    reading = wires.meaning(WIRE, body)

    assert (reading.result, reading.text) == (result, said)
    assert reason in (reading.reason or "")


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (400, error(FLAGGED, code="invalid_prompt"), Result.REFUSED),
        (400, error("The response was filtered", code="content_filter"), Result.REFUSED),
        (
            400,
            error("Your input exceeds the context window of this model."),
            Result.TOO_LARGE,
        ),
        (400, error("Unsupported parameter: 'temperature'"), Result.REJECTED),
        (401, error("Incorrect API key provided", code="invalid_api_key"), Result.UNAUTHORIZED),
        (404, error("no such model", code="model_not_found"), Result.REJECTED),
        (429, error("Rate limit reached", code="rate_limit_exceeded"), Result.RATE_LIMITED),
        (429, error("You exceeded your quota", code="insufficient_quota"), Result.QUOTA),
        (500, error("The server had an error", type="server_error"), Result.SERVER_ERROR),
    ],
)
def test_known_failures(status: int, body: object, result: Result) -> None:
    assert wires.meaning(WIRE, body, status).result is result
