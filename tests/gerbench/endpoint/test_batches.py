"""The official client runs batches against the endpoint, unchanged."""

import json
import time
from collections.abc import Sequence
from typing import Any, Literal

import openai
import pytest
from openai.types import Batch

from gerbench.endpoint import EndpointOptions, LocalEndpoint, rank
from tests.gerbench.endpoint.chats import LABELS, client_of, messages

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
ENDED = {"completed", "failed", "expired", "cancelled"}


def line(custom_id: str, faces: Sequence[bytes], **changes: Any) -> bytes:
    request = {
        "custom_id": custom_id,
        "method": "POST",
        "url": URL,
        "body": {"model": "fer", "messages": messages(faces)},
        **changes,
    }
    return json.dumps(request).encode() + b"\n"


def create(client: openai.OpenAI, content: bytes) -> Batch:
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=URL, completion_window="24h", metadata={"ours": "7"}
    )


def ended(client: openai.OpenAI, batch: Batch) -> Batch:
    deadline = time.monotonic() + 20
    while batch.status not in ENDED:
        assert time.monotonic() < deadline, batch
        time.sleep(0.02)
        batch = client.batches.retrieve(batch.id)
    return batch


def lines_of(client: openai.OpenAI, file_id: str | None) -> dict[str, Any]:
    if file_id is None:
        return {}
    parsed = [json.loads(text) for text in client.files.content(file_id).text.splitlines()]
    return {each["custom_id"]: each for each in parsed}


def test_each_line_is_answered_by_the_network(faces: list[bytes]) -> None:
    content = b"".join(line(f"r{n}", [face]) for n, face in enumerate(faces[:4]))
    with LocalEndpoint() as endpoint, client_of(endpoint) as client:
        batch = ended(client, create(client, content))
        output = lines_of(client, batch.output_file_id)
        listed = [each.id for each in client.batches.list()]
        log = endpoint.log

    assert (batch.status, batch.model, batch.metadata) == ("completed", "fer", {"ours": "7"})
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 4, "completed": 4, "failed": 0}
    assert batch.error_file_id is None
    assert listed == [batch.id]
    for number, face in enumerate(faces[:4]):
        response = output[f"r{number}"]["response"]
        text = response["body"]["choices"][0]["message"]["content"]
        assert response["status_code"] == 200
        assert json.loads(text) == [{"name": "Image 1", "result": rank(face, LABELS)}]
    assert {entry.batch for entry in log} == {batch.id}
    assert all(entry.billed for entry in log)


def test_faults_of_lines_are_in_the_error_file(faces: list[bytes]) -> None:
    options = EndpointOptions(fail_share=1, fail_kind="500")
    with LocalEndpoint(options) as endpoint, client_of(endpoint) as client:
        batch = ended(client, create(client, line("a", faces[:1])))
        errors = lines_of(client, batch.error_file_id)

    assert (batch.status, batch.output_file_id) == ("completed", None)
    assert errors["a"]["response"]["status_code"] == 500
    assert errors["a"]["response"]["body"]["error"]["type"] == "server_error"
    assert errors["a"]["error"] is None


def test_a_call_that_hangs_is_a_timeout_without_a_response(faces: list[bytes]) -> None:
    options = EndpointOptions(fail_share=1, fail_kind="hang")
    with LocalEndpoint(options) as endpoint, client_of(endpoint) as client:
        batch = ended(client, create(client, line("a", faces[:1])))
        errors = lines_of(client, batch.error_file_id)

    assert errors["a"]["response"] is None
    assert errors["a"]["error"]["code"] == "request_timeout"


def test_a_refusal_over_http_is_a_400_in_the_error_file(faces: list[bytes]) -> None:
    options = EndpointOptions(refuse_share=1, refusal_form="http")
    with LocalEndpoint(options) as endpoint, client_of(endpoint) as client:
        batch = ended(client, create(client, line("a", faces[:1])))
        errors = lines_of(client, batch.error_file_id)

    assert errors["a"]["response"]["status_code"] == 400
    code = errors["a"]["response"]["body"]["error"]["code"]
    assert code in {"content_policy_violation", "content_filter"}


def test_a_batch_that_expires_has_what_was_answered_until_then(faces: list[bytes]) -> None:
    options = EndpointOptions(batch_share=0.5, batch_window_s=1)
    content = b"".join(line(f"r{n}", [face]) for n, face in enumerate(faces[:4]))
    with LocalEndpoint(options) as endpoint, client_of(endpoint) as client:
        batch = ended(client, create(client, content))
        output = lines_of(client, batch.output_file_id)
        errors = lines_of(client, batch.error_file_id)

    assert (batch.status, batch.expired_at is None) == ("expired", False)
    assert (set(output), set(errors)) == ({"r0", "r1"}, {"r2", "r3"})
    assert {each["error"]["code"] for each in errors.values()} == {"batch_expired"}
    assert len([entry for entry in endpoint.log if entry.billed]) == 2


def test_a_cancelled_batch_keeps_what_was_answered(faces: list[bytes]) -> None:
    options = EndpointOptions(batch_share=0.25, batch_window_s=60)
    content = b"".join(line(f"r{n}", [face]) for n, face in enumerate(faces[:4]))
    with LocalEndpoint(options) as endpoint, client_of(endpoint) as client:
        batch = create(client, content)
        while not endpoint.log:
            time.sleep(0.01)
        client.batches.cancel(batch.id)
        batch = ended(client, batch)
        output = lines_of(client, batch.output_file_id)
        errors = lines_of(client, batch.error_file_id)
        with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status"):
            client.batches.cancel(batch.id)

    assert batch.status == "cancelled"
    assert (set(output), set(errors)) == ({"r0"}, {"r1", "r2", "r3"})
    assert {each["error"]["code"] for each in errors.values()} == {"batch_cancelled"}


@pytest.mark.parametrize(
    ("content", "code", "number"),
    [
        (b"not json\n", "invalid_json_line", 1),
        (b"[]\n", "invalid_json_line", 1),
        (line("", []), "missing_required_parameter", 1),
        (line("a", [], body={"messages": []}), "missing_required_parameter", 1),
        (line("a", [], method="GET"), "invalid_method", 1),
        (line("a", [], url="/v1/embeddings"), "invalid_url", 1),
        (line("a", []) + line("a", []), "duplicate_custom_id", 2),
        (line("a", []) + line("b", [], body={"model": "other"}), "mismatched_model", 2),
        (b"", "empty_file", None),
    ],
)
def test_what_is_wrong_with_a_file_fails_the_batch(
    content: bytes, code: str, number: int | None
) -> None:
    with LocalEndpoint() as endpoint, client_of(endpoint) as client:
        batch = ended(client, create(client, content))
        log = endpoint.log

    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(each.code, each.line) for each in batch.errors.data] == [(code, number)]
    assert log == []


def test_too_much_at_once_fails_in_the_words_of_the_limit(faces: list[bytes]) -> None:
    content = line("a", faces[:1]) + line("b", faces[:1])
    options = EndpointOptions(batch_lines=1)
    with LocalEndpoint(options) as endpoint, client_of(endpoint) as client:
        batch = ended(client, create(client, content))

    assert batch.errors is not None
    assert batch.errors.data is not None
    [error] = batch.errors.data
    assert (error.code, error.line) == ("token_limit_exceeded", None)
    assert "Enqueued token limit reached for fer" in (error.message or "")


def test_what_no_batch_can_be_made_of_is_turned_away() -> None:
    with LocalEndpoint() as endpoint, client_of(endpoint) as client:
        with pytest.raises(openai.BadRequestError, match=r"Must be \.jsonl"):
            client.files.create(file=("notes.txt", b"x"), purpose="batch")
        with pytest.raises(openai.BadRequestError, match="Supported values are: 'batch'"):
            client.files.create(file=("notes.jsonl", b"x"), purpose="vision")
        file = client.files.create(file=("r.jsonl", b"x"), purpose="batch")
        with pytest.raises(openai.BadRequestError, match="Invalid value: '/v1/embeddings'"):
            client.batches.create(
                input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h"
            )
        with pytest.raises(openai.NotFoundError, match="No such File object"):
            client.batches.create(input_file_id="file-none", endpoint=URL, completion_window="24h")
        with pytest.raises(openai.NotFoundError, match="No batch found with id 'batch_none'"):
            client.batches.retrieve("batch_none")
        assert client.files.retrieve(file.id).filename == "r.jsonl"
        assert client.files.content(file.id).read() == b"x"
        assert client.files.delete(file.id).deleted
        with pytest.raises(openai.NotFoundError):
            client.files.content(file.id)


def test_a_list_of_batches_is_paged(faces: list[bytes]) -> None:
    with LocalEndpoint() as endpoint, client_of(endpoint) as client:
        made = [create(client, line("a", faces[:1])).id for _ in range(3)]
        first = client.batches.list(limit=2)
        listed = [each.id for each in client.batches.list(limit=2)]

    assert (len(first.data), first.has_more) == (2, True)
    assert listed == made[::-1]


def test_batches_need_a_key_where_chats_do(faces: list[bytes]) -> None:
    options = EndpointOptions(api_key=("sk-right",))
    with (
        LocalEndpoint(options) as endpoint,
        client_of(endpoint, "sk-wrong-0000") as client,
        pytest.raises(openai.AuthenticationError),
    ):
        create(client, line("a", faces[:1]))
