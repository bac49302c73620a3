"""The official client works against the endpoint, unchanged."""

import hashlib
import json
import queue
import threading
import time
from itertools import islice

import openai
import pytest

from gerbench.endpoint import EndpointOptions, LocalEndpoint, rank
from gerbench.endpoint.launch import GRACE_SECONDS
from tests.gerbench.endpoint.chats import LABELS, client_of, messages


def test_answers_images_exactly_as_the_network_ranks_them_in_process(faces: list[bytes]) -> None:
    with LocalEndpoint() as endpoint, client_of(endpoint) as client:
        reply = client.chat.completions.create(model="fer", messages=messages(faces))

    choice = reply.choices[0]
    assert choice.finish_reason == "stop"
    assert json.loads(choice.message.content or "") == [
        {"name": f"Image {number}", "result": rank(face, LABELS)}
        for number, face in enumerate(faces, 1)
    ]
    assert (reply.object, reply.model) == ("chat.completion", "fer")
    assert reply.id.startswith("chatcmpl-")


def test_usage_counts_85_tokens_for_each_image_in_low_detail(faces: list[bytes]) -> None:
    with LocalEndpoint() as endpoint, client_of(endpoint) as client:
        usages = [
            client.chat.completions.create(model="fer", messages=messages(faces[:count])).usage
            for count in (1, 2)
        ]

    one, two = usages
    assert one is not None
    assert two is not None
    # "Image 2" is seven more characters, at most two tokens.
    assert 85 + 1 <= two.prompt_tokens - one.prompt_tokens <= 85 + 2
    assert one.total_tokens == one.prompt_tokens + one.completion_tokens


def test_lists_its_model() -> None:
    with LocalEndpoint() as endpoint, client_of(endpoint) as client:
        assert [model.id for model in client.models.list()] == ["fer"]


def test_a_wrong_key_is_an_authentication_error(faces: list[bytes]) -> None:
    options = EndpointOptions(api_key=("sk-right",))
    with LocalEndpoint(options) as endpoint:
        with (
            client_of(endpoint, "sk-wrong-0000") as client,
            pytest.raises(openai.AuthenticationError) as caught,
        ):
            client.chat.completions.create(model="fer", messages=messages(faces[:1]))
        with client_of(endpoint, "sk-right") as client:
            client.chat.completions.create(model="fer", messages=messages(faces[:1]))

    assert caught.value.code == "invalid_api_key"
    assert "sk-w*****0000" in str(caught.value)


def test_a_limit_is_a_rate_limit_error_that_names_its_wait(faces: list[bytes]) -> None:
    with LocalEndpoint(EndpointOptions(rpm=1)) as endpoint, client_of(endpoint) as client:
        client.chat.completions.create(model="fer", messages=messages(faces[:1]))
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="fer", messages=messages(faces[:1]))

    error = caught.value
    assert (error.code, error.type) == ("rate_limit_exceeded", "requests")
    assert "requests per min (RPM): Limit 1, Used 1, Requested 1." in str(error)
    assert 55_000 < int(error.response.headers["retry-after-ms"]) <= 60_000
    assert error.response.headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("500", openai.InternalServerError),
        ("502", openai.InternalServerError),
        ("503", openai.InternalServerError),
        ("reset", openai.APIConnectionError),
        ("truncated", openai.APIConnectionError),
    ],
)
def test_failed_calls(faces: list[bytes], kind: str, error: type[Exception]) -> None:
    options = EndpointOptions.model_validate({"fail_share": 1, "fail_kind": kind})
    with (
        LocalEndpoint(options) as endpoint,
        client_of(endpoint) as client,
        pytest.raises(error),
    ):
        client.chat.completions.create(model="fer", messages=messages(faces[:1]))

    [entry] = endpoint.log
    assert entry.result == kind
    assert entry.billed == (kind == "truncated")


def test_a_hang_lasts_until_the_client_gives_up(faces: list[bytes]) -> None:
    options = EndpointOptions(fail_share=1, fail_kind="hang")
    with (
        LocalEndpoint(options) as endpoint,
        client_of(endpoint).with_options(timeout=0.2) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(model="fer", messages=messages(faces[:1]))

    assert [(entry.status, entry.billed) for entry in endpoint.log] == [(None, False)]


def test_a_drip_goes_on_until_the_client_gives_up(faces: list[bytes]) -> None:
    options = EndpointOptions(fail_share=1, fail_kind="drip")
    with LocalEndpoint(options) as endpoint, client_of(endpoint) as client:
        asked = client.chat.completions.with_streaming_response
        with asked.create(model="fer", messages=messages(faces[:1])) as reply:
            dripped = list(islice(reply.iter_bytes(1), 3))

    assert (reply.status_code, dripped) == (200, [b" "] * 3)
    assert [(entry.status, entry.result) for entry in endpoint.log] == [(None, "drip")]


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_stopping_does_not_wait_for_a_call_without_an_end(faces: list[bytes], kind: str) -> None:
    logged: queue.SimpleQueue[float] = queue.SimpleQueue()

    def stop_once_it_hangs(endpoint: LocalEndpoint) -> None:
        while not endpoint.log:
            time.sleep(0.005)
        began = time.monotonic()
        endpoint.stop()
        logged.put(time.monotonic() - began)

    options = EndpointOptions.model_validate({"fail_share": 1, "fail_kind": kind})
    endpoint = LocalEndpoint(options).start()
    stopper = threading.Thread(target=stop_once_it_hangs, args=(endpoint,))
    stopper.start()
    with client_of(endpoint) as client, pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="fer", messages=messages(faces[:1]))
    stopper.join()

    assert logged.get() < GRACE_SECONDS


def test_the_log_holds_hashes_of_what_was_shown(faces: list[bytes]) -> None:
    with LocalEndpoint() as endpoint, client_of(endpoint) as client:
        client.chat.completions.create(model="fer", messages=messages(faces[:2]))

    [entry] = endpoint.log
    assert entry.images == [hashlib.sha256(face).hexdigest() for face in faces[:2]]
    assert (entry.status, entry.result, entry.billed) == (200, "answered", True)
    assert entry.names == ["Image 1", "Image 2"]
    assert entry.key == hashlib.sha256(b"sk-test").hexdigest()[-4:]
