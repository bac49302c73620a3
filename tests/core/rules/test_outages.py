"""Whether a model's endpoint is down."""

import pytest

from core.rules.outages import FAULTS, LONGEST_REST_S, Outage
from core.vocabulary import Result


def _down() -> Outage:
    """Return an outage that has just been recognised, at 0 s."""
    outage = Outage()
    for request in range(5):
        outage.hear(request, Result.RESET, 0.0)
    assert outage.down
    return outage


@pytest.mark.parametrize("result", sorted(FAULTS))
def test_five_faults_in_a_row_of_several_requests_are_an_outage(result: Result) -> None:
    outage = Outage()
    for request in range(4):
        outage.hear(request, result, 0.0)
    assert not outage.down

    outage.hear(4, result, 0.0)

    assert outage.down


@pytest.mark.parametrize("result", sorted(set(Result) - FAULTS - {Result.SENT}))
def test_anything_else_comes_from_an_endpoint_that_is_up(result: Result) -> None:
    outage = _down()

    outage.hear(9, result, 3.0)

    assert not outage.down
    assert outage.rest_s(3.0) == 0


def test_two_requests_that_always_fail_are_no_outage() -> None:
    outage = Outage()
    for number in range(50):
        outage.hear(number % 2, Result.SERVER_ERROR, 0.0)

    assert not outage.down


def test_faults_with_answers_between_are_no_outage() -> None:
    outage = Outage()
    for request in range(50):
        outage.hear(request, Result.ANSWERED if request % 5 == 4 else Result.TIMEOUT, 0.0)

    assert not outage.down


def test_each_try_that_fails_doubles_the_rest_up_to_half_a_minute() -> None:
    outage, now, rests = _down(), 0.0, []
    for _ in range(8):
        rests.append(outage.rest_s(now))
        now += rests[-1]
        assert outage.rest_s(now) == 0
        outage.hear(0, Result.RESET, now)

    assert rests == [1, 2, 4, 8, 16, LONGEST_REST_S, LONGEST_REST_S, LONGEST_REST_S]


def test_calls_that_were_under_way_do_not_prolong_the_rest() -> None:
    outage = _down()
    for request in range(100):
        outage.hear(request, Result.RESET, 0.5)

    assert outage.rest_s(0.5) == 0.5


def test_a_second_outage_begins_with_a_short_rest() -> None:
    outage = _down()
    for now in (1.0, 3.0, 7.0):
        outage.hear(0, Result.RESET, now)
    outage.hear(0, Result.ANSWERED, 20.0)

    for request in range(5):
        outage.hear(request, Result.RESET, 30.0)

    assert outage.rest_s(30.0) == 1
