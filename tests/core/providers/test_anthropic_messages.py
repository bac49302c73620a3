"""The Messages wire: requests, and replies as its reference documents them."""

from base64 import b64encode
from typing import Any

import pytest

from core.providers import anthropic_messages
from core.rules.readings import Reading, Usage
from core.vocabulary import Detail, Result
from tests.core.providers import wires

WIRE = "anthropic-messages"


def message(*content: dict[str, Any], stop: str = "end_turn", **members: Any) -> dict[str, Any]:
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 205, "output_tokens": 50},
        **members,
    }


def text(words: object) -> dict[str, Any]:
    return {"type": "text", "text": words}


def error(kind: str, words: str = "no", **members: object) -> dict[str, Any]:
    return {
        "type": "error",
        "error": {"type": kind, "message": words, **members},
        "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    }


def test_each_picture_stands_right_behind_its_name() -> None:
    body = wires.built(WIRE, Detail.HIGH, model="claude-sonnet-4-5", max_tokens=300)

    def shown(data: bytes) -> dict[str, Any]:
        base64 = b64encode(data).decode()
        source = {"type": "base64", "media_type": "image/jpeg", "data": base64}
        return {"type": "image", "source": source}

    content = [text("Look."), text("Image 1"), shown(b"one"), text("Video 1\nOh!")]
    content += [text("Video 1, frame 1"), shown(b"two")]
    assert body == {
        "messages": [{"role": "user", "content": content}],
        "model": "claude-sonnet-4-5",
        "max_tokens": 300,
        "temperature": 0.0,
    }
    assert "temperature" not in wires.built(WIRE, temperature=None)


def test_address_and_headers() -> None:
    model = wires.model(WIRE)

    headers = anthropic_messages.headers(model, "sk-ant-1\n")

    assert anthropic_messages.url(model) == "https://x.example/v1/messages"
    assert headers["x-api-key"] == "sk-ant-1"
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({}, "2023-06-01"),
        ({"temperature": None}, "2026-10-21"),
        ({"headers": {"anthropic-version": "2027-01-01"}}, "2027-01-01"),
    ],
)
def test_a_temperature_asks_for_the_last_version_that_takes_one(
    changes: dict[str, Any], version: str
) -> None:
    headers = anthropic_messages.headers(wires.model(WIRE, **changes), None)

    assert headers["anthropic-version"] == version


def test_an_answer_is_the_text_of_its_blocks_and_no_thought() -> None:
    thought = {"type": "thinking", "thinking": "A smile, so", "signature": "Ev"}
    reply = message(thought, {"type": "redacted_thinking", "data": "E"}, text("Image 1: "))
    reply["content"].append(text("happy"))

    assert wires.meaning(WIRE, reply) == Reading(Result.ANSWERED, "Image 1: happy", Usage(205, 50))


def test_tokens_of_the_cache_are_counted_though_input_tokens_leaves_them_out() -> None:
    usage = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 2000,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 7,
        "service_tier": "standard",
    }

    assert wires.meaning(WIRE, message(text("x"), usage=usage)).usage == Usage(2105, 7)
    without = {"input_tokens": 5, "cache_read_input_tokens": None, "output_tokens": 7}
    assert wires.meaning(WIRE, message(text("x"), usage=without)).usage == Usage(5, 7)


@pytest.mark.parametrize(
    ("body", "result", "said", "reason"),
    [
        (message(text("Image"), stop="max_tokens"), Result.LENGTH, "Image", "max_tokens"),
        (message(stop="max_tokens"), Result.LENGTH, None, "max_tokens"),
        (
            message(text("Im"), stop="model_context_window_exceeded"),
            Result.LENGTH,
            "Im",
            "context_window",
        ),
        (message(stop="refusal"), Result.REFUSED, None, "stop_reason: refusal"),
        (
            message(
                text("I"),
                stop="refusal",
                stop_details={"type": "refusal", "category": None, "explanation": "It may harm."},
            ),
            Result.REFUSED,
            "I",
            "It may harm.",
        ),
        (message(stop="refusal", stop_details=None), Result.REFUSED, None, "stop_reason: refusal"),
        (message(text("a"), stop="stop_sequence"), Result.ANSWERED, "a", ""),
        (message(), Result.MALFORMED, None, "msg_"),
        (message(text(None)), Result.MALFORMED, None, "msg_"),
        (message(stop="pause_turn"), Result.MALFORMED, None, "pause_turn"),
        (error("overloaded_error", "Overloaded"), Result.SERVER_ERROR, None, "Overloaded"),
        (b"<html>", Result.MALFORMED, None, "<html>"),
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
        (400, error("invalid_request_error", "temperature: range: 0..1"), Result.REJECTED),
        (
            400,
            error("invalid_request_error", "Output blocked by content filtering policy"),
            Result.REFUSED,
        ),
        (
            400,
            error(
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API. Please go to Plans &"
                " Billing to upgrade or purchase credits.",
            ),
            Result.QUOTA,
        ),
        (
            400,
            error(
                "invalid_request_error",
                "You have reached your specified API usage limits. You will regain access on"
                " 2026-12-01 at 00:00 UTC.",
            ),
            Result.QUOTA,
        ),
        (
            400,
            error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            Result.TOO_LARGE,
        ),
        (
            400,
            error(
                "invalid_request_error",
                "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000",
            ),
            Result.TOO_LARGE,
        ),
        (
            400,
            error(
                "invalid_request_error",
                "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6 > 5",
            ),
            Result.TOO_LARGE,
        ),
        (
            400,
            error(
                "invalid_request_error",
                "messages.0.content: Too much media: 0 document pages + 101 images > 100",
            ),
            Result.TOO_LARGE,
        ),
        (
            400,
            error(
                "invalid_request_error",
                "Scale each image",
                details={"error_code": "image_dimensions_too_large", "paths": ["messages.0"]},
            ),
            Result.TOO_LARGE,
        ),
        (401, error("authentication_error", "invalid x-api-key"), Result.UNAUTHORIZED),
        (402, error("billing_error"), Result.QUOTA),
        (403, error("permission_error"), Result.UNAUTHORIZED),
        (404, error("not_found_error", "model: claude-9"), Result.REJECTED),
        (413, error("request_too_large", "Request exceeds the maximum size"), Result.TOO_LARGE),
        (429, error("rate_limit_error"), Result.RATE_LIMITED),
        (500, error("api_error", "Internal server error"), Result.SERVER_ERROR),
        (504, error("timeout_error"), Result.SERVER_ERROR),
        (529, error("overloaded_error", "Overloaded"), Result.SERVER_ERROR),
    ],
)
def test_known_failures(status: int, body: object, result: Result) -> None:
    reading = wires.meaning(WIRE, body, status)

    assert reading.result is result
    assert reading.reason


def test_the_wait_is_in_the_headers() -> None:
    busy = error("rate_limit_error", "This request would exceed your organization's rate limit")

    assert wires.meaning(WIRE, busy, 429, retry_after="41").retry_after_s == 41
    assert wires.meaning(WIRE, error("overloaded_error"), 529, retry_after="5").retry_after_s == 5
