"""The generateContent wire: requests, and replies as its reference documents them."""

from base64 import b64encode
from typing import Any

import pytest

from core.providers import gemini_generate
from core.rules.readings import Reading, Usage
from core.vocabulary import Detail, Result
from tests.core.providers import wires

WIRE = "gemini-generate"
USAGE = {
    "promptTokenCount": 264,
    "cachedContentTokenCount": 200,
    "candidatesTokenCount": 11,
    "thoughtsTokenCount": 90,
    "totalTokenCount": 365,
    "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 258}],
}
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
TO_EIGHT_S = 4 * 3600 + 55 * 60 + 55
"""From the tests' 03:04:05 to 08:00 UTC, when it is midnight on the Pacific coast."""


def generated(
    *parts: dict[str, Any], finish: str | None = "STOP", **members: Any
) -> dict[str, Any]:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": USAGE,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "k5",
        **members,
    }


def withheld(finish: str, **members: object) -> dict[str, Any]:
    candidate = {"finishReason": finish, "index": 0, **members}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 264}}


def blocked(reason: str) -> dict[str, Any]:
    feedback = {"blockReason": reason, "safetyRatings": []}
    return {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 264}}


def error(code: int, status: str, words: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": words, "status": status, "details": list(details)}}


def reason(word: str) -> dict[str, Any]:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": word, "domain": "googleapis.com"}


def exceeded(
    *quotas: str, wait: str | None = "36s", value: str = "15", metric: str = "requests"
) -> dict[str, Any]:
    violations = [
        {
            "quotaMetric": f"generativelanguage.googleapis.com/{metric}",
            "quotaId": quota,
            "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"},
            "quotaValue": value,
        }
        for quota in quotas
    ]
    details: list[dict[str, Any]] = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations},
        {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
    ]
    if wait is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": wait})
    words = "You exceeded your current quota, please check your plan and billing details."
    return error(429, "RESOURCE_EXHAUSTED", words, *details)


def test_each_picture_stands_right_behind_its_name() -> None:
    body = wires.built(WIRE, Detail.HIGH, max_tokens=300)

    def shown(data: bytes) -> dict[str, Any]:
        base64 = b64encode(data).decode()
        return {"inlineData": {"mimeType": "image/jpeg", "data": base64}}

    parts: list[Any] = [{"text": "Look."}, {"text": "Image 1"}, shown(b"one")]
    parts += [{"text": "Video 1\nOh!"}, {"text": "Video 1, frame 1"}, shown(b"two")]
    assert body == {
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": {
            "maxOutputTokens": 300,
            "temperature": 0.0,
            "mediaResolution": "MEDIA_RESOLUTION_HIGH",
        },
    }


def test_what_is_left_to_the_model_is_not_sent() -> None:
    settings = wires.built(WIRE, Detail.AUTO, temperature=None)["generationConfig"]

    assert settings == {"maxOutputTokens": 1000}
    low = wires.built(WIRE, Detail.LOW)["generationConfig"]
    assert low["mediaResolution"] == "MEDIA_RESOLUTION_LOW"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("a b?c", "models/a%20b%3Fc"),
    ],
)
def test_the_model_is_part_of_the_address(name: str, path: str) -> None:
    model = wires.model(WIRE, base_url="https://g.example/v1beta/", model=name)

    assert gemini_generate.url(model) == f"https://g.example/v1beta/{path}:generateContent"


def test_the_secret_has_its_own_header() -> None:
    headers = gemini_generate.headers(wires.model(WIRE), "AIza-1")

    assert headers["x-goog-api-key"] == "AIza-1"
    assert "authorization" not in headers


def test_an_answer_is_the_text_of_its_parts_and_thinking_is_paid_for() -> None:
    thought = {"text": "A smile, so", "thought": True}
    reply = generated(thought, {"text": "Image 1: "}, {"text": "happy", "thoughtSignature": "E"})

    assert wires.meaning(WIRE, reply) == Reading(Result.ANSWERED, "Image 1: happy", Usage(264, 101))


@pytest.mark.parametrize(
    ("body", "result", "said", "why"),
    [
        (generated({"text": "Im"}, finish="MAX_TOKENS"), Result.LENGTH, "Im", "MAX_TOKENS"),
        (withheld("MAX_TOKENS"), Result.LENGTH, None, "MAX_TOKENS"),
        (generated({"text": "Im"}, finish="SAFETY"), Result.REFUSED, "Im", "SAFETY"),
        *(
            (withheld(word), Result.REFUSED, None, word)
            for word in (
                "SAFETY",
                "RECITATION",
                "LANGUAGE",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "IMAGE_SAFETY",
            )
        ),
        (
            withheld("PROHIBITED_CONTENT", finishMessage="It was blocked."),
            Result.REFUSED,
            None,
            "PROHIBITED_CONTENT It was blocked.",
        ),
        (blocked("PROHIBITED_CONTENT"), Result.REFUSED, None, "PROHIBITED_CONTENT"),
        (blocked("OTHER"), Result.REFUSED, None, "blockReason: OTHER"),
        ({"usageMetadata": {"promptTokenCount": 9}}, Result.REFUSED, None, "no candidates"),
        ({"promptFeedback": {}, "candidates": []}, Result.REFUSED, None, "no candidates"),
        (generated({"text": "x"}, finish=None), Result.ANSWERED, "x", ""),
        (generated({"text": "x"}, finish="OTHER"), Result.ANSWERED, "x", ""),
        (withheld("OTHER"), Result.MALFORMED, None, "OTHER"),
        (generated(), Result.MALFORMED, None, "STOP"),
        ({}, Result.MALFORMED, None, "{}"),
        (b"", Result.MALFORMED, None, "empty body"),
        (error(503, "UNAVAILABLE", "overloaded"), Result.SERVER_ERROR, None, "overloaded"),
    ],
)
def test_a_200_is_read_by_what_is_in_it(
    body: object, result: Result, said: str | None, why: str
) -> None:
    reading = wires.meaning(WIRE, body)

    assert (reading.result, reading.text) == (result, said)
    assert why in (reading.reason or "")


def test_a_prompt_that_was_blocked_is_still_counted() -> None:
    assert wires.meaning(WIRE, blocked("SAFETY")).usage == Usage(264, 0)


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "API key not valid. Please pass a valid API key.",
                reason("API_KEY_INVALID"),
            ),
            Result.UNAUTHORIZED,
        ),
        (400, error(400, "INVALID_ARGUMENT", "API key expired."), Result.UNAUTHORIZED),
        (
            400,
            error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            Result.UNAUTHORIZED,
        ),
        (403, error(403, "PERMISSION_DENIED", "denied"), Result.UNAUTHORIZED),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "The input token count (1200000) exceeds the maximum number of tokens allowed"
                " (1048576).",
            ),
            Result.TOO_LARGE,
        ),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "Request payload size exceeds the limit: 20971520 bytes.",
            ),
            Result.TOO_LARGE,
        ),
        (
            400,
            error(400, "INVALID_ARGUMENT", "Unable to process input image."),
            Result.REJECTED,
        ),
        (404, error(404, "NOT_FOUND", "models/big is not found"), Result.REJECTED),
        (499, error(499, "CANCELLED", "The operation was cancelled."), Result.SERVER_ERROR),
        (500, error(500, "INTERNAL", "An internal error"), Result.SERVER_ERROR),
        (503, error(503, "UNAVAILABLE", "The model is overloaded."), Result.SERVER_ERROR),
        (504, error(504, "DEADLINE_EXCEEDED", "Deadline expired"), Result.SERVER_ERROR),
        (429, [error(429, "RESOURCE_EXHAUSTED", "exhausted")], Result.RATE_LIMITED),
    ],
)
def test_known_failures(status: int, body: object, result: Result) -> None:
    assert wires.meaning(WIRE, body, status).result is result


@pytest.mark.parametrize(
    ("body", "result", "wait"),
    [
        (exceeded(PER_MINUTE), Result.RATE_LIMITED, 36),
        (exceeded(PER_MINUTE, wait="6.5s"), Result.RATE_LIMITED, 6.5),
        (exceeded(PER_MINUTE, wait=None), Result.RATE_LIMITED, None),
        (exceeded(PER_MINUTE, wait="soon"), Result.RATE_LIMITED, None),
        # A day's quota names a wait of seconds, and is not there before midnight.
        (exceeded(PER_DAY), Result.QUOTA, TO_EIGHT_S),
        (exceeded(PER_MINUTE, PER_DAY), Result.QUOTA, TO_EIGHT_S),
        (exceeded("x", metric="generate_requests_per_day"), Result.QUOTA, TO_EIGHT_S),
        # A model that the plan does not include.
        (exceeded(PER_MINUTE, value="0"), Result.QUOTA, TO_EIGHT_S),
    ],
)
def test_a_minutes_quota_is_told_from_a_days(
    body: object, result: Result, wait: float | None
) -> None:
    reading = wires.meaning(WIRE, body, 429)

    assert (reading.result, reading.retry_after_s) == (result, wait)
