"""OpenAI's batch mode on the wire: lines as they go, batches and results as they come."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.providers import openai_batch, openai_chat
from core.providers.openai_batch import LineFault
from core.vocabulary import Result
from tests.rows import NOW

SENT = NOW - timedelta(hours=3)
CHAT = {
    "choices": [{"message": {"content": "[]"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 24, "completion_tokens": 15},
}


def line(response: Any = None, error: Any = None, custom_id: Any = "7") -> bytes:
    written = {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": error}
    return orjson.dumps(written)


def read(content: bytes) -> openai_batch.ResultLine:
    return openai_batch.result(content, openai_chat, sent_at=SENT, now=NOW)


def test_a_line_holds_the_body_byte_for_byte() -> None:
    body = b'{"model":"fer",  "messages":[]}'

    made = openai_batch.line(12, "/v1/chat/completions", body)

    assert made == (
        b'{"custom_id":"12","method":"POST","url":"/v1/chat/completions","body":' + body + b"}\n"
    )
    assert orjson.loads(made)["body"] == {"model": "fer", "messages": []}


def test_a_form_names_purpose_and_file() -> None:
    before, after = openai_batch.form("gerbench-1.jsonl", "b0")

    assert b'name="purpose"\r\n\r\nbatch\r\n--b0\r\n' in before
    assert b'name="file"; filename="gerbench-1.jsonl"' in before
    assert before.endswith(b"\r\n\r\n")
    assert after == b"\r\n--b0--\r\n"


def test_a_batch_carries_our_id() -> None:
    made = orjson.loads(openai_batch.creation("file-1", "/v1/responses", "ours"))

    assert made == {
        "input_file_id": "file-1",
        "endpoint": "/v1/responses",
        "completion_window": "24h",
        "metadata": {"gerbench_batch": "ours"},
    }


def test_a_batch_is_read_as_its_provider_shows_it() -> None:
    found = openai_batch.remote(
        {
            "id": "batch_1",
            "status": "failed",
            "output_file_id": None,
            "error_file_id": "file-e",
            "expires_at": 1_700_000_000,
            "request_counts": {"total": 3, "completed": 1, "failed": 2},
            "metadata": {"gerbench_batch": "ours"},
            "errors": {"data": [{"code": "invalid_json_line", "message": "No.", "line": 2}]},
        }
    )

    assert found is not None
    assert (found.id, found.status, found.ours) == ("batch_1", "failed", "ours")
    assert (found.output_file_id, found.error_file_id) == (None, "file-e")
    assert (found.total, found.completed, found.failed) == (3, 1, 2)
    assert found.expires_at == 1_700_000_000
    assert found.faults == (LineFault("invalid_json_line", "No.", 2),)


@pytest.mark.parametrize("document", [None, [], {}, {"id": 7, "status": "x"}, {"id": "b"}])
def test_what_is_no_batch_is_none(document: object) -> None:
    assert openai_batch.remote(document) is None


def test_a_batch_without_counts_errors_or_metadata_is_one_all_the_same() -> None:
    found = openai_batch.remote({"id": "b", "status": "validating", "metadata": None})

    assert found is not None
    assert (found.total, found.expires_at, found.ours, found.faults) == (0, None, None, ())


def test_an_answer_is_read_as_the_wires_own_and_kept_verbatim() -> None:
    content = line({"status_code": 200, "request_id": "r9", "body": CHAT})

    found = read(content)

    assert (found.reading.result, found.reading.text) == (Result.ANSWERED, "[]")
    assert found.reading.usage is not None
    assert found.reading.usage.total == 39
    assert found.exchange.body == content
    assert found.exchange.headers == {"x-request-id": "r9"}
    assert (found.exchange.status, found.exchange.latency_s) == (200, 3 * 3600)


@pytest.mark.parametrize(
    ("content", "result", "words"),
    [
        (
            line({"status_code": 429, "body": {"error": {"message": "Slow down."}}}),
            Result.RATE_LIMITED,
            "Slow down.",
        ),
        (
            line({"status_code": 400, "body": {"error": {"code": "content_policy_violation"}}}),
            Result.REFUSED,
            "content_policy_violation",
        ),
        (line({"status_code": 200, "body": '{"cut": '}), Result.MALFORMED, "no answer"),
        (
            line(error={"code": "batch_expired", "message": "Too late."}),
            Result.WITHDRAWN,
            "Too late.",
        ),
        (line(error={"code": "batch_cancelled"}), Result.WITHDRAWN, "batch_cancelled"),
        (line(error={"code": "request_timeout", "message": "Slow."}), Result.TIMEOUT, "Slow."),
        (line(error={"code": "new", "message": "Oops."}), Result.SERVER_ERROR, "Oops."),
        (line(), Result.SERVER_ERROR, "no reply"),
        (b"not json", Result.SERVER_ERROR, "no reply"),
    ],
)
def test_what_went_wrong_is_told_apart(content: bytes, result: Result, words: str) -> None:
    found = read(content)

    assert found.reading.result is result
    assert words in (found.reading.reason or "")
    assert found.exchange.body == content


def test_only_lines_with_an_id_are_about_something() -> None:
    assert openai_batch.custom_id(line()) == "7"
    for content in (line(custom_id=None), line(custom_id=7), b"[]", b"{", b"\xff"):
        assert openai_batch.custom_id(content) is None


@given(st.binary(max_size=200))
def test_reading_a_line_never_raises(content: bytes) -> None:
    read(content)
    openai_batch.custom_id(content)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda c: st.dictionaries(
    st.sampled_from(["id", "status", "errors", "data", "request_counts", "metadata", "total"]), c
)))  # fmt: skip
def test_reading_a_batch_never_raises(document: object) -> None:
    openai_batch.remote(document)
