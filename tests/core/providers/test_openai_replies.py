"""What replies mean: one row for each known form, and no bytes that break the reader."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.providers.openai_chat import read
from core.rules.readings import Exchange, Reading, Usage
from core.vocabulary import Result

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONTENT_POLICY = "Your request was rejected as a result of our safety system."
TPM = (
    "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, "
    "Requested 30601. The input or output tokens must be reduced in order to run successfully."
)
REACHED = (
    "Rate limit reached for gpt-4o in organization org-1 on requests per min (RPM): Limit 3, "
    "Used 3, Requested 1. Please try again in {}. Visit https://example.com to learn more."
)
CLOUDFLARE = b"<!DOCTYPE html>\n<html><title>Attention Required! | Cloudflare</title></html>"


def reply(body: object, status: int = 200, **headers: str) -> Exchange:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(status, named, raw, latency_s=0.1)


def completion(content: object, finish: str = "stop", **message: object) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {"prompt_tokens": 105, "completion_tokens": 9, "total_tokens": 114},
    }


def error(message: str | None = "no", **members: object) -> dict[str, Any]:
    return {"error": {"message": message, "param": None, **members}}


def meaning(body: object, status: int = 200, **headers: str) -> Reading:
    return read(reply(body, status, **headers), now=NOW)


def test_an_answer_is_its_text_and_usage() -> None:
    assert meaning(completion("Image 1: happy")) == Reading(
        Result.ANSWERED, "Image 1: happy", Usage(105, 9)
    )


def test_plain_prose_is_an_answer_even_if_it_refuses() -> None:
    assert meaning(completion("I'm sorry, I can't help with that.")).result is Result.ANSWERED


def test_parts_of_a_list_are_joined() -> None:
    parts = [{"type": "text", "text": "happy, "}, {"type": "thinking"}, "sad"]

    assert meaning(completion(parts)).text == "happy, sad"


@pytest.mark.parametrize(
    ("body", "result", "text", "reason"),
    [
        (completion("Image 1: ha", "length"), Result.LENGTH, "Image 1: ha", "length"),
        (completion("", "length"), Result.LENGTH, None, "length"),
        (completion("Ima", "MAX_TOKENS"), Result.LENGTH, "Ima", "max_tokens"),
        (completion(None, "content_filter"), Result.REFUSED, None, "content_filter"),
        (completion("Im", "content_filter"), Result.REFUSED, "Im", "content_filter"),
        (completion(None, "content_filter: PROHIBITED_CONTENT"), Result.REFUSED, None, "prohib"),
        (completion(None, refusal="I can't judge."), Result.REFUSED, None, "I can't judge."),
        (completion(None), Result.MALFORMED, None, "chatcmpl-1"),
        (completion(""), Result.MALFORMED, None, "chatcmpl-1"),
        (completion(7), Result.MALFORMED, None, "chatcmpl-1"),
        (completion([]), Result.MALFORMED, None, "chatcmpl-1"),
        ({"choices": []}, Result.MALFORMED, None, "choices"),
        ({"choices": [None]}, Result.MALFORMED, None, "choices"),
        ({"choices": {"0": 1}}, Result.MALFORMED, None, "choices"),
        ([], Result.MALFORMED, None, "[]"),
        (b"", Result.MALFORMED, None, "empty body"),
        (b"<html>Welcome</html>", Result.MALFORMED, None, "<html>Welcome</html>"),
        (orjson.dumps(completion("happy"))[:-20], Result.MALFORMED, None, "chatcmpl-1"),
        (b"\xff\xfe\x00", Result.MALFORMED, None, "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_200_is_read_by_what_is_in_it(
    body: object, result: Result, text: str | None, reason: str
) -> None:
    reading = meaning(body)

    assert (reading.result, reading.text) == (result, text)
    assert reason in (reading.reason or "")


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (error("slow down", code=429), Result.RATE_LIMITED),
        (error("Provider returned error", code="502"), Result.SERVER_ERROR),
        (error("no credits", code=402), Result.QUOTA),
        (error("no", code="content_filter"), Result.REFUSED),
        (error("no", code="context_length_exceeded"), Result.TOO_LARGE),
        (error("no", type="insufficient_quota"), Result.QUOTA),
        (error("no", type="server_error", code=None), Result.SERVER_ERROR),
        (error("no", code="model_not_found"), Result.REJECTED),
        (error("no", code="a_code_of_tomorrow"), Result.MALFORMED),
        ({"error": "no"}, Result.MALFORMED),
        ({"object": "error", "message": "no", "code": 400}, Result.REJECTED),
        ({"choices": [{"error": {"code": 503, "message": "no"}}]}, Result.SERVER_ERROR),
        ({**completion(None), **error("no", code=429)}, Result.RATE_LIMITED),
    ],
)
def test_an_error_inside_a_200_is_read_by_its_code(body: object, result: Result) -> None:
    assert meaning(body).result is result


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        # Refusals.
        (400, error(CONTENT_POLICY, code="content_policy_violation"), Result.REFUSED),
        (400, error(CONTENT_POLICY, code=None, type="invalid_request_error"), Result.REFUSED),
        (400, error("The response was filtered", code="content_filter"), Result.REFUSED),
        (
            400,
            error("filtered", code=None, innererror={"code": "ResponsibleAIPolicyViolation"}),
            Result.REFUSED,
        ),
        (403, error("no", code="content_policy_violation"), Result.REFUSED),
        (
            400,
            error(
                "Your prompt was flagged as potentially violating our usage policy.",
                code="invalid_prompt",
            ),
            Result.REFUSED,
        ),
        (
            403,
            error('m requires moderation on P. Your input was flagged for "x"', code=403),
            Result.REFUSED,
        ),
        # Size.
        (400, error("This model's maximum", code="context_length_exceeded"), Result.TOO_LARGE),
        (400, error("Too many images in request. Max is 10.", code="BadRequest"), Result.TOO_LARGE),
        (
            400,
            {"object": "error", "message": "At most 5 image(s) may be provided in one request."},
            Result.TOO_LARGE,
        ),
        (
            400,
            error("Exceeded maximum number of images (50) allowed in the request."),
            Result.TOO_LARGE,
        ),
        # LiteLLM says the name of its own exception, and little more.
        (
            400,
            error("litellm.ContextWindowExceededError: litellm.BadRequestError: no", code="400"),
            Result.TOO_LARGE,
        ),
        (
            400,
            error("litellm.ContentPolicyViolationError: litellm.BadRequestError: no", code="400"),
            Result.REFUSED,
        ),
        (429, error("litellm.RateLimitError: no", type="throttling_error"), Result.RATE_LIMITED),
        (500, error("litellm.InternalServerError: no", code="500"), Result.SERVER_ERROR),
        (400, error("Invalid model name passed in model=x.", code="400"), Result.REJECTED),
        (413, CLOUDFLARE, Result.TOO_LARGE),
        (413, b"", Result.TOO_LARGE),
        (429, error(TPM, type="tokens", code="rate_limit_exceeded"), Result.TOO_LARGE),
        (
            400,
            error("You uploaded an unsupported image.", code="image_parse_error"),
            Result.REJECTED,
        ),
        # Quota and limits.
        (429, error("You exceeded your current quota", code="insufficient_quota"), Result.QUOTA),
        (
            429,
            error("no", type="insufficient_quota", code="credit_balance_exhausted"),
            Result.QUOTA,
        ),
        (402, error("Insufficient Balance"), Result.QUOTA),
        (429, error("Rate limit reached", code="rate_limit_exceeded"), Result.RATE_LIMITED),
        (429, error("busy", type="internal_server_error", code="429"), Result.RATE_LIMITED),
        (429, {"statusCode": 429, "message": "Rate limit is exceeded."}, Result.RATE_LIMITED),
        (429, [error("exhausted", code=429, status="RESOURCE_EXHAUSTED")], Result.RATE_LIMITED),
        (429, b"", Result.RATE_LIMITED),
        (429, CLOUDFLARE, Result.RATE_LIMITED),
        # Credentials.
        (401, error("Incorrect API key provided", code="invalid_api_key"), Result.UNAUTHORIZED),
        (401, b"", Result.UNAUTHORIZED),
        (403, error("Country not supported"), Result.UNAUTHORIZED),
        (403, CLOUDFLARE, Result.SERVER_ERROR),
        # Theirs.
        (408, b"", Result.SERVER_ERROR),
        (409, b"", Result.SERVER_ERROR),
        (425, b"", Result.SERVER_ERROR),
        (500, error("The server had an error", type="server_error"), Result.SERVER_ERROR),
        (502, CLOUDFLARE, Result.SERVER_ERROR),
        (503, error("overloaded", code="slow_down"), Result.SERVER_ERROR),
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, Result.SERVER_ERROR),
        (500, error("no", code="content_filter"), Result.SERVER_ERROR),
        # Ours.
        (404, error("The model does not exist", code="model_not_found"), Result.REJECTED),
        (400, error("Unsupported parameter", code="unsupported_parameter"), Result.REJECTED),
        (400, {"detail": [{"loc": ["body"], "msg": "field required"}]}, Result.REJECTED),
        (400, {"error": "bad"}, Result.REJECTED),
        (422, {"detail": "bad"}, Result.REJECTED),
        (418, b"teapot", Result.REJECTED),
        (301, b"", Result.REJECTED),
        (101, b"", Result.REJECTED),
    ],
)
def test_known_failures(status: int, body: object, result: Result) -> None:
    reading = meaning(body, status)

    assert reading.result is result
    assert reading.text is None
    assert reading.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (error("The model does not exist"), "The model does not exist"),
        ({"error": "model 'x' not found"}, "model 'x' not found"),
        ({"message": "Unauthorized"}, "Unauthorized"),
        ({"detail": "Not Found"}, "Not Found"),
        (error(None), '{"error":{"message":null,"param":null}}'),
        (b"no such page" + b"!" * 9999, "no such page" + "!" * 488),
        (b"", "HTTP 404 with an empty body"),
        (b"a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
    ],
)
def test_the_reason_is_in_the_providers_own_words(body: object, reason: str) -> None:
    assert meaning(body, 404).reason == reason


def test_a_redirect_says_where_to() -> None:
    reading = meaning(b"moved", 307, location="https://elsewhere.example/v1")

    assert reading.reason == "redirected to https://elsewhere.example/v1: moved"


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (REACHED.format("6m0s"), 360.0),
        (REACHED.format("100ms"), 0.1),
        (REACHED.format("9.816s"), 9.816),
        (REACHED.format("1h2m3s"), 3723.0),
        ("Rate limit is exceeded. Try again in 20 seconds.", 20.0),
        ("Please retry after 7 seconds. To increase…", 7.0),
        ("Please retry in 36.5s.", 36.5),
        ("Retry after 250 milliseconds", 0.25),
        ("Try again in 2 minutes", 120.0),
        ("Please try again in 1d0h0m0s", 86_400.0),
        ("Please try again in a while", None),
        ("Please try again later", None),
    ],
)
def test_the_wait_in_an_errors_words_is_found(words: str, seconds: float | None) -> None:
    reading = meaning(error(words, code="rate_limit_exceeded"), 429)

    assert reading.retry_after_s == (None if seconds is None else pytest.approx(seconds))


def test_the_wait_in_the_headers_goes_before_that_in_the_words() -> None:
    said = error(REACHED.format("6m0s"))

    assert meaning(said, 429, retry_after_ms="1500", retry_after="9").retry_after_s == 1.5
    assert meaning(said, 429, retry_after="9").retry_after_s == 9
    assert meaning(said, 429, retry_after="Fri, 02 Jan 2026 03:05:05 GMT").retry_after_s == 60
    assert meaning(b"", 503, retry_after="30").retry_after_s == 30


def test_an_answer_has_no_wait_whatever_its_headers_say() -> None:
    assert meaning(completion("happy"), retry_after="9").retry_after_s is None


@pytest.mark.parametrize(
    "usage",
    [None, [], {}, {"prompt_tokens": 1}, {"prompt_tokens": -1, "completion_tokens": 1}]
    + [{"prompt_tokens": odd, "completion_tokens": 1} for odd in (True, "1", 1.0, 2**40, None)],
)
def test_usage_that_is_no_count_is_not_known(usage: object) -> None:
    assert meaning({**completion("happy"), "usage": usage}).usage is None


def test_what_a_failed_answer_cost_is_kept() -> None:
    assert meaning(completion(None, "content_filter")).usage == Usage(105, 9)
    assert meaning({**completion(None), **error("no", code=502)}).usage == Usage(105, 9)


@pytest.mark.parametrize("failure", [Result.TIMEOUT, Result.RESET, Result.MALFORMED])
def test_a_failed_exchange_is_its_own_failure(failure: Result) -> None:
    exchange = Exchange(None, {}, b"{", 1.0, failure, "ServerDisconnectedError: gone")

    assert read(exchange, now=NOW) == Reading(failure, reason="ServerDisconnectedError: gone")


def test_a_failure_without_words_still_has_a_reason() -> None:
    assert read(Exchange(None, {}, b"", 1.0, Result.TIMEOUT), now=NOW).reason


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
KEYS = ["choices", "message", "content", "refusal", "finish_reason", "error", "code", "type"]
KEYS += ["innererror", "usage", "prompt_tokens", "completion_tokens", "text", "object", "detail"]
nearly = st.recursive(
    json,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
)
bodies = st.binary() | nearly.map(lambda v: orjson.dumps(v, default=str) if _clean(v) else b"{")
names = st.sampled_from(["retry-after", "retry-after-ms", "location", "content-type"])


def _clean(value: object) -> bool:
    """Tell whether JSON can carry it."""
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


@given(bodies, st.integers(100, 999), st.dictionaries(names, st.text()))
def test_no_reply_is_beyond_reading(body: bytes, status: int, headers: dict[str, str]) -> None:
    reading = read(Exchange(status, headers, body, 0.1), now=NOW)

    assert reading.result not in {Result.SENT, Result.UNKNOWN, Result.TIMEOUT, Result.RESET}
    if reading.result is Result.ANSWERED:
        assert (reading.text or "").strip()
        assert reading.reason is None
    else:
        assert (reading.reason or "").strip()
    assert "\x00" not in (reading.text or "") + (reading.reason or "")
    assert reading.retry_after_s is None or reading.retry_after_s >= 0


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_words_can_be_said(words: str) -> None:
    assert meaning(error(words), 429).reason
