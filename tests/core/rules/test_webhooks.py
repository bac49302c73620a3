"""How messages are signed, and when they are sent again."""

import hmac
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis.strategies import binary, floats, integers, text
from pydantic import TypeAdapter, ValidationError

from core.rules.specs import HookUrl
from core.rules.webhooks import (
    MAX_TRIES,
    Answer,
    DeliveryState,
    after,
    headers,
    secret_of,
    signature,
    wait_after,
)

AT = datetime.fromtimestamp(1614265330, UTC)
SEEDS = floats(0, 1, exclude_max=True)


def test_a_signature_is_that_of_the_standard_s_own_example() -> None:
    """The one that its documentation and libraries are tested with."""
    made = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        AT,
        '{"test": 2432232314}',
    )

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(key=binary(min_size=24, max_size=64), body=text())
def test_any_body_is_signed_as_its_bytes_in_utf_8(key: bytes, body: str) -> None:
    try:
        raw = body.encode()
    except UnicodeEncodeError:
        return  # no JSON that we write
    expected = hmac.new(key, b"id.1614265330." + raw, "sha256").digest()

    made = signature(secret_of(key), "id", AT, body)

    assert b64decode(made.removeprefix("v1,")) == expected


def test_a_secret_that_was_replaced_signs_beside_the_new_one() -> None:
    new, old = secret_of(b"n" * 32), secret_of(b"o" * 32)

    made = headers([new, old], "id", AT, "{}")

    assert made["webhook-signature"].split() == [
        signature(secret, "id", AT, "{}") for secret in (new, old)
    ]
    assert (made["webhook-id"], made["webhook-timestamp"]) == ("id", "1614265330")
    assert new == "whsec_" + b64encode(b"n" * 32).decode()


@pytest.mark.parametrize(
    ("status", "tries", "state"),
    [
        (200, 1, DeliveryState.DELIVERED),
        (204, MAX_TRIES, DeliveryState.DELIVERED),
        (301, 1, DeliveryState.DUE),
        (404, 1, DeliveryState.DUE),
        (500, MAX_TRIES - 1, DeliveryState.DUE),
        (None, 1, DeliveryState.DUE),
        (410, 1, DeliveryState.FAILED),
        (500, MAX_TRIES, DeliveryState.FAILED),
        (None, MAX_TRIES, DeliveryState.FAILED),
    ],
)
def test_what_becomes_of_a_delivery(status: int | None, tries: int, state: DeliveryState) -> None:
    assert after(Answer(status=status), tries, seed=0.5).state is state


def test_waits_grow_fourfold_up_to_six_hours_and_add_up_to_less_than_a_day() -> None:
    longest = [wait_after(tries, seed=1.0) for tries in range(1, MAX_TRIES)]

    assert [wait.total_seconds() for wait in longest] == [
        *(5, 20, 80, 320, 1280, 5120, 20480, 21600, 21600)
    ]
    assert sum(longest, timedelta()) < timedelta(days=1)


@given(tries=integers(1, 10**9), seed=SEEDS, asked=floats(0, 10**9))
def test_a_wait_is_in_the_upper_half_and_no_longer_than_asked_for(
    tries: int, seed: float, asked: float
) -> None:
    own, most = wait_after(tries, seed=seed), wait_after(tries, seed=1.0)

    assert most / 2 <= own <= most
    assert own <= wait_after(tries, seed=seed, asked_s=asked) <= timedelta(hours=6)
    assert wait_after(tries, seed=seed, asked_s=asked) >= min(
        timedelta(seconds=asked), timedelta(hours=6)
    )


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "file:///etc/passwd", "https://me:secret@a.example/", "a.example"]
)
def test_what_no_message_can_go_to_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(HookUrl).validate_python(url)
