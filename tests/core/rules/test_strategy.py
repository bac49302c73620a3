"""Every result, for a batch and for a single sample, and that splitting always ends."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.readings import Answer, Parsed, Reading
from core.rules.retry import MAX_FAILURES, MAX_REFUSALS, MAX_THROTTLES
from core.rules.states import RequestState
from core.rules.strategy import MAX_UNREADABLE, RULES, Asked, Child, Verdict, decide, lost
from core.vocabulary import Cause, Outcome, Result

HAPPY = Answer(("happy", "sad"))
FAULTS = [Result.SERVER_ERROR, Result.TIMEOUT, Result.RESET, Result.MALFORMED, Result.UNKNOWN]


def verdict(
    asked: Asked,
    result: Result,
    parsed: Parsed | None = None,
    *,
    refusal: bool = False,
    retry_after_s: float | None = None,
) -> Verdict:
    reading = Reading(result, retry_after_s=retry_after_s)
    return decide(asked, reading, parsed, refusal=refusal, jitter=0.5)


def test_every_result_has_a_rule() -> None:
    assert set(RULES) == set(Result) - {Result.ANSWERED, Result.SENT}


def test_a_line_that_its_batch_never_came_to_waits_for_the_next_as_it_was() -> None:
    assert verdict(Asked(4, failures=5), Result.WITHDRAWN) == Verdict(RequestState.WAITING)


def test_a_whole_answer_ends_the_request() -> None:
    parsed = Parsed({0: HAPPY, 1: HAPPY})

    assert verdict(Asked(2), Result.ANSWERED, parsed) == Verdict(
        RequestState.DONE, answers=parsed.answers
    )


def test_only_what_an_answer_left_out_is_asked_again() -> None:
    found = verdict(Asked(4), Result.ANSWERED, Parsed({0: HAPPY, 2: HAPPY}))

    assert found.state is RequestState.SPLIT
    assert set(found.answers) == {0, 2}
    assert found.children == (Child((1, 3), Cause.MISSING),)


def test_an_unreadable_batch_is_split() -> None:
    found = verdict(Asked(3), Result.ANSWERED, Parsed({}))

    assert found.children == (Child((0,), Cause.MISSING), Child((1, 2), Cause.MISSING))


def test_an_unreadable_single_answer_gets_another_try_and_then_ends_unparsed() -> None:
    first = verdict(Asked(1), Result.ANSWERED, Parsed({}))
    last = verdict(Asked(1, failures=MAX_UNREADABLE - 1), Result.ANSWERED, Parsed({}))

    assert (first.state, first.outcome, first.failed) == (RequestState.DUE, None, True)
    assert (last.state, last.outcome) == (RequestState.DONE, Outcome.UNPARSED)


@pytest.mark.parametrize("prose", [True, False])
def test_a_refused_batch_is_split_in_halves(prose: bool) -> None:
    result = Result.ANSWERED if prose else Result.REFUSED

    found = verdict(Asked(5), result, Parsed({}), refusal=prose)

    assert found.state is RequestState.SPLIT
    assert found.children == (Child((0, 1), Cause.REFUSAL), Child((2, 3, 4), Cause.REFUSAL))


def test_a_refused_sample_is_believed_after_a_few_tries() -> None:
    tries = [verdict(Asked(1, refusals=n), Result.REFUSED) for n in range(MAX_REFUSALS)]

    assert [t.state for t in tries[:-1]] == [RequestState.DUE] * (MAX_REFUSALS - 1)
    assert (tries[-1].state, tries[-1].outcome) == (RequestState.DONE, Outcome.REFUSED)


@pytest.mark.parametrize("result", [Result.LENGTH, Result.TOO_LARGE])
def test_what_does_not_fit_is_split(result: Result) -> None:
    found = verdict(Asked(2), result)

    assert found.children == (Child((0,), Cause(result)), Child((1,), Cause(result)))


@pytest.mark.parametrize(
    ("result", "state", "outcome"),
    [
        (Result.LENGTH, RequestState.DONE, Outcome.UNPARSED),
        (Result.TOO_LARGE, RequestState.FAILED, Outcome.FAILED),
    ],
)
def test_a_single_sample_that_does_not_fit_ends(
    result: Result, state: RequestState, outcome: Outcome
) -> None:
    found = verdict(Asked(1), result)

    assert (found.state, found.outcome) == (state, outcome)


@pytest.mark.parametrize(("result", "size"), list(product(FAULTS, [1, 20])))
def test_a_fault_sends_the_same_request_again_a_bounded_number_of_times(
    result: Result, size: int
) -> None:
    first = verdict(Asked(size), result)
    last = verdict(Asked(size, failures=MAX_FAILURES - 1), result)

    assert (first.state, first.children, first.failed) == (RequestState.DUE, (), True)
    assert first.wait_s > 0
    assert (last.state, last.outcome) == (RequestState.FAILED, Outcome.FAILED)


def test_a_limit_waits_as_long_as_the_provider_says_and_is_no_failure() -> None:
    found = verdict(Asked(20), Result.RATE_LIMITED, retry_after_s=7.0)

    assert (found.state, found.failed, found.throttled) == (RequestState.DUE, False, True)
    assert found.wait_s >= 7.0


def test_a_limit_that_never_lifts_fails_in_the_end() -> None:
    found = verdict(Asked(1, throttles=MAX_THROTTLES - 1), Result.RATE_LIMITED)

    assert (found.state, found.outcome) == (RequestState.FAILED, Outcome.FAILED)


@pytest.mark.parametrize("result", [Result.QUOTA, Result.UNAUTHORIZED])
def test_a_bad_credential_is_no_fault_of_the_request(result: Result) -> None:
    assert verdict(Asked(20), result) == Verdict(RequestState.DUE)


def test_a_rejected_request_fails_and_counts_for_the_breaker() -> None:
    found = verdict(Asked(20), Result.REJECTED)

    assert (found.state, found.outcome, found.rejected) == (
        RequestState.FAILED,
        Outcome.FAILED,
        True,
    )


def test_an_attempt_nobody_heard_of_counts_as_a_failure() -> None:
    assert lost(Asked(20), jitter=0.5).failed
    assert lost(Asked(20, failures=MAX_FAILURES - 1), jitter=0.5).outcome is Outcome.FAILED


@given(
    st.integers(1, 40),
    st.lists(
        st.tuples(
            st.sampled_from([r for r in Result if r is not Result.SENT]),
            st.sets(st.integers(0, 39)),
        ),
        min_size=1,
        max_size=30,
    ),
)
def test_whatever_comes_back_every_sample_ends_once_and_calls_are_bounded(
    size: int, replies: list[tuple[Result, set[int]]]
) -> None:
    """Play one request's whole tree against replies that repeat for ever."""
    ended: list[int] = []
    waiting = [(tuple(range(size)), Asked(size))]
    calls = 0
    while waiting:
        slots, asked = waiting.pop()
        result, answered = replies[calls % len(replies)]
        calls += 1
        assert calls <= 2 * size * (MAX_FAILURES + MAX_REFUSALS + MAX_THROTTLES) * len(replies)
        if result in {Result.QUOTA, Result.UNAUTHORIZED, Result.WITHDRAWN}:
            result = Result.REJECTED  # the limiter or the batch ends these, not the strategy
        parsed = Parsed({slot: HAPPY for slot in answered if slot < asked.size})
        found = verdict(asked, result, parsed)
        rest = set(range(asked.size)) - set(found.answers)
        ended += [slots[slot] for slot in found.answers]
        for child in found.children:
            rest -= set(child.slots)
            waiting.append((tuple(slots[s] for s in child.slots), Asked(len(child.slots))))
        if found.state is RequestState.DUE:
            assert not found.answers
            counts = (found.failed, found.throttled, found.refused)
            assert any(counts)
            waiting.append(
                (
                    slots,
                    Asked(
                        asked.size,
                        asked.failures + counts[0],
                        asked.throttles + counts[1],
                        asked.refusals + counts[2],
                    ),
                )
            )
        elif rest:
            assert found.outcome is not None
            ended += [slots[slot] for slot in rest]
    assert sorted(ended) == list(range(size))
