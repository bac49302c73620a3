"""Requests as they come over HTTP: faults, refusals, bounds, the log."""

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gerbench.endpoint import is_forbidden
from tests.gerbench.endpoint.chats import (
    LABELS,
    InProcess,
    answer_of,
    asked,
    body,
    image_part,
    in_process,
    text_part,
)


def served(content: bytes, **options: Any) -> tuple[httpx2.Response, InProcess]:
    """Return the reply to one request, and the endpoint that made it."""
    with in_process(**options) as endpoint:
        return endpoint.post(content), endpoint


@pytest.mark.parametrize("status", [500, 502, 503])
def test_server_errors_carry_their_status(faces: list[bytes], status: int) -> None:
    response, _ = served(body(faces[:1]), fail_share=1, fail_kind=str(status))

    assert response.status_code == status
    if status == 502:
        assert response.headers["content-type"].startswith("text/html")
    else:
        assert response.json()["error"]["type"] == "server_error"


def test_an_html_page_comes_with_200(faces: list[bytes]) -> None:
    response, _ = served(body(faces[:1]), fail_share=1, fail_kind="html")

    assert response.status_code == 200
    assert response.text.startswith("<!DOCTYPE html>")


def test_truncated_json_is_a_whole_reply_that_cannot_be_read(faces: list[bytes]) -> None:
    response, endpoint = served(body(faces[:1]), truncate_json_share=1)

    with pytest.raises(json.JSONDecodeError):
        response.json()
    [entry] = endpoint.log
    assert (response.status_code, entry.result, entry.billed) == (200, "truncated_json", True)


def test_prose_surrounds_an_answer_that_is_still_there(faces: list[bytes]) -> None:
    response, _ = served(body(faces[:2]), prose_share=1)

    text = response.json()["choices"][0]["message"]["content"]
    assert not text.startswith("[")
    found = re.search(r"\[.*\]", text, re.DOTALL)
    assert found
    assert [item["name"] for item in json.loads(found[0])] == ["Image 1", "Image 2"]


def test_a_wrong_count_names_samples_nobody_sent(faces: list[bytes]) -> None:
    response, _ = served(body(faces[:2]), wrong_count_share=1)

    names = [item["name"] for item in answer_of(response)]
    assert names[:3] == ["Image 1", "Image 2", "Image 3"]


def test_missing_leaves_samples_out(faces: list[bytes]) -> None:
    response, _ = served(body(faces[:6]), missing_share=1)

    assert 3 <= len(answer_of(response)) < 6


def test_reordered_answers_hold_the_same_items(faces: list[bytes]) -> None:
    straight, _ = served(body(faces[:6]))
    response, _ = served(body(faces[:6]), reorder_share=1)

    items, expected = answer_of(response), answer_of(straight)
    assert items != expected
    assert sorted(items, key=str) == sorted(expected, key=str)


def test_a_stray_label_comes_first_in_one_item(faces: list[bytes]) -> None:
    response, _ = served(body(faces[:3]), stray_share=1)

    firsts = [item["result"][0] for item in answer_of(response)]
    assert sum(first not in LABELS for first in firsts) == 1


def test_length_cuts_the_answer(faces: list[bytes]) -> None:
    response, endpoint = served(body(faces[:2]), length_share=1)

    choice = response.json()["choices"][0]
    assert choice["finish_reason"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice["message"]["content"])
    assert endpoint.log[0].result == "length"


def test_max_tokens_is_honoured(faces: list[bytes]) -> None:
    response, _ = served(body(faces[:2], max_tokens=10))

    reply = response.json()
    assert reply["usage"]["completion_tokens"] == 10
    assert len(reply["choices"][0]["message"]["content"]) == 40
    assert reply["choices"][0]["finish_reason"] == "length"


def test_a_refusal_over_http_is_not_billed(faces: list[bytes]) -> None:
    response, endpoint = served(body(faces[:1]), refuse_share=1, refusal_form="http")

    assert response.status_code == 400
    assert response.json()["error"]["code"] in ("content_policy_violation", "content_filter")
    [entry] = endpoint.log
    assert (entry.result, entry.billed) == ("refused", False)


@pytest.mark.parametrize(
    ("form", "finish_reason", "told_in"),
    [
        ("filter", "content_filter", None),
        ("field", "stop", "refusal"),
        ("prose", "stop", "content"),
    ],
)
def test_refusals_in_a_completion(
    faces: list[bytes], form: str, finish_reason: str, told_in: str | None
) -> None:
    response, endpoint = served(body(faces[:1]), refuse_share=1, refusal_form=form)

    [choice] = response.json()["choices"]
    told = {name for name in ("content", "refusal") if choice["message"][name]}
    assert choice["finish_reason"] == finish_reason
    assert told == ({told_in} if told_in else set())
    assert (endpoint.log[0].result, endpoint.log[0].billed) == ("refused", True)


def test_refusals_take_all_four_forms_in_turn(faces: list[bytes]) -> None:
    def form_of(response: httpx2.Response) -> str:
        if response.status_code == 400:
            return "http"
        [choice] = response.json()["choices"]
        if choice["finish_reason"] == "content_filter":
            return "filter"
        return "field" if choice["message"]["refusal"] else "prose"

    with in_process(refuse_share=1) as endpoint:
        forms = [form_of(endpoint.post(body(faces[:1]))) for _ in range(4)]

    assert set(forms) == {"http", "filter", "field", "prose"}


def test_a_request_is_refused_exactly_when_it_holds_a_forbidden_image(faces: list[bytes]) -> None:
    share, seed = 0.3, 4
    forbidden = [is_forbidden(face, share, seed) for face in faces]
    assert 0 < sum(forbidden) < len(faces)

    with in_process(refuse_images_share=share, seed=seed) as endpoint:
        for face in faces * 2:
            endpoint.post(body([face]))
        endpoint.post(body(faces))

    refused = [entry.result == "refused" for entry in endpoint.log]
    assert refused == [*forbidden, *forbidden, True]


def test_an_image_named_by_its_digest_is_refused(faces: list[bytes]) -> None:
    _, first = served(body(faces[:1]))
    prefix = first.log[0].images[0][:12]

    with in_process(refuse_image=(prefix,)) as endpoint:
        for face in faces[:2]:
            endpoint.post(body([face]))

    assert [entry.result for entry in endpoint.log] == ["refused", "answered"]


def test_random_refusals_depend_on_the_try_and_not_on_the_order(faces: list[bytes]) -> None:
    bodies = [body([face]) for face in faces[:6]]

    def results(order: list[bytes]) -> dict[tuple[str, int | None], str]:
        with in_process(refuse_share=0.5, fail_share=0.3, fail_kind="500", seed=3) as endpoint:
            for content in order:
                endpoint.post(content)
        return {(entry.body, entry.tries): entry.result for entry in endpoint.log}

    straight, mixed = results(bodies * 3), results([b for b in reversed(bodies) for _ in range(3)])

    assert straight == mixed
    assert len({*straight.values()}) > 2


def test_too_many_images_are_told_in_the_providers_words(faces: list[bytes]) -> None:
    response, endpoint = served(body(faces[:3]), max_images=2)

    assert response.status_code == 400
    assert response.json()["error"]["message"] == "Too many images in request. Max is 2."
    assert endpoint.log[0].result == "too_large"


def test_a_large_body_is_413(faces: list[bytes]) -> None:
    response, _ = served(body(faces), max_body_mb=0.05)

    assert response.status_code == 413


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", None),
        (b'{"model": "fer"}', "missing_required_parameter"),
        (b'{"model": "fer", "messages": [], "n": 1}', "invalid_value"),
        (
            b'{"model": "fer", "messages": [{"role": "user", "content": "x"}], "n": 2}',
            "invalid_value",
        ),
        (asked([image_part(b"not an image")]), "invalid_image_format"),
        (asked([image_part(b"x", "high")]), "invalid_image_format"),
        (
            asked([{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]),
            "invalid_image_url",
        ),
    ],
)
def test_bad_requests_are_400(content: bytes, code: str | None) -> None:
    response, endpoint = served(content)

    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["code"] == code
    assert [entry.result for entry in endpoint.log] == ["rejected"]


def test_limits_can_be_silent(faces: list[bytes]) -> None:
    with in_process(rpm=1, limit_headers=False) as endpoint:
        responses = [endpoint.post(body(faces[:1])) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 429]
    told = {name for response in responses for name in response.headers}
    assert not {name for name in told if "ratelimit" in name or "retry" in name}


def test_every_key_has_its_own_limit_and_quota(faces: list[bytes]) -> None:
    with in_process(quota=1) as endpoint:
        responses = [endpoint.post(body(faces[:1]), key) for key in ("a", "a", "b")]

    assert [response.status_code for response in responses] == [200, 429, 200]
    error = responses[1].json()["error"]
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")


def test_success_tells_what_remains(faces: list[bytes]) -> None:
    response, _ = served(body(faces[:1], max_tokens=500), rpm=60, tpm=10_000)

    used = response.json()["usage"]["total_tokens"]
    assert response.headers["x-ratelimit-remaining-requests"] == "59"
    assert response.headers["x-ratelimit-remaining-tokens"] == str(10_000 - used)
    assert re.fullmatch(r"59\.\d+s|60s|1m0s", response.headers["x-ratelimit-reset-requests"])


def test_frames_of_a_video_are_one_sample_and_texts_count(faces: list[bytes]) -> None:
    parts = [
        text_part("Video 1, frame 1"),
        image_part(faces[0]),
        text_part("Video 1, frame 2"),
        image_part(faces[1]),
        text_part("Text 2"),
        text_part("What a wonderful day, I love it!"),
        text_part("Text 3: this is terrible, I am so sad"),
    ]
    response, endpoint = served(asked(parts))

    answer = answer_of(response)
    assert [item["name"] for item in answer] == ["Video 1", "Text 2", "Text 3"]
    assert [item["result"][0] for item in answer[1:]] == ["happiness", "sadness"]
    assert len(endpoint.log[0].images) == 2
    assert len(endpoint.log[0].texts) == 2


def test_the_log_is_served_and_written_as_json_lines(faces: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "logs" / "requests.jsonl"
    with in_process(log=path) as endpoint:
        endpoint.post(body(faces[:1]))
        written = path.read_bytes()
        fetched = endpoint.client.get("/log")
        health = endpoint.client.get("/health")

    assert fetched.content == written
    assert json.loads(written)["number"] == 0
    assert health.json() == {"status": "ok"}


def test_latency_is_waited_and_told(faces: list[bytes]) -> None:
    response, _ = served(body(faces[:1]), latency_ms=30, jitter_ms=5)

    assert int(response.headers["openai-processing-ms"]) >= 25
