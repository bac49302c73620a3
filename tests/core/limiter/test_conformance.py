"""What every limiter promises, asked of each in virtual time."""

from datetime import UTC, datetime, timedelta

import pytest

from core.limiter.interface import (
    Cost,
    Grant,
    Health,
    NeverFits,
    Outcome,
    PastUse,
    Rest,
    SeenLimits,
    Wait,
)
from core.rules.headers import Seen
from core.rules.specs import Limits
from tests.core.limiter.conftest import START, Bench, reserve_one

HOUR = 3600.0


def told(remaining: int, limit: int | None = None, reset: float | None = None) -> SeenLimits:
    return SeenLimits(Seen(limit, remaining, reset))


async def test_first_call_may_go_at_once(bench: Bench) -> None:
    assert (await bench.grant()).delay_s == 0


async def test_calls_are_paced_evenly_while_the_provider_says_nothing(bench: Bench) -> None:
    bench.limits = Limits(rpm=1200, concurrency=32)

    delays = [(await bench.grant(horizon=10)).delay_s for _ in range(4)]

    assert delays == pytest.approx([0, 0.05, 0.1, 0.15], abs=1e-5)


async def test_room_is_reserved_far_ahead_only_where_the_rate_is_sure(bench: Bench) -> None:
    bench.limits = Limits(rpm=600, concurrency=32)
    calls = [await bench.grant(horizon=2) for _ in range(3)]
    silent = [call.delay_s for call in calls]
    wait = await bench.wait(horizon=2)
    await bench.settle(calls[-1], seen=told(0))

    ahead = await bench.grant(horizon=2)

    assert silent == pytest.approx([0, 0.1, 0.2], abs=1e-5)
    assert wait.delay_s == pytest.approx(0.05, abs=1e-5)
    assert ahead.delay_s > 0.25


async def test_nothing_is_reserved_beyond_the_horizon(bench: Bench) -> None:
    await bench.grant()

    wait = await bench.wait()

    assert wait.delay_s == pytest.approx(1, abs=1e-5)
    assert wait.reason == "requests per minute"
    assert (await bench.wait(horizon=0.2)).delay_s == pytest.approx(0.8, abs=1e-5)
    bench.now += wait.delay_s
    assert (await bench.grant()).delay_s == pytest.approx(0, abs=1e-5)


async def test_as_many_as_the_provider_says_remain_may_go_at_once(bench: Bench) -> None:
    first = await bench.grant()
    await bench.settle(first, seen=told(20))

    delays = [(await bench.grant(horizon=10)).delay_s for _ in range(20)]

    assert delays == [0] * 20
    assert (await bench.wait()).delay_s == pytest.approx(1, abs=1e-5)


async def test_what_is_under_way_is_not_in_what_remains(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, concurrency=32)
    first = await bench.grant()
    for _ in range(5):
        await bench.grant(horizon=10)
    await bench.settle(first, seen=told(20))

    delays = [(await bench.grant(horizon=10)).delay_s for _ in range(15)]

    assert delays == [0] * 15
    await bench.wait()


async def test_late_reply_does_not_bring_back_what_was_used_since(bench: Bench) -> None:
    straggler = await bench.grant()
    bench.now += 1
    second = await bench.grant()
    await bench.settle(second, seen=told(2))
    await bench.settle(straggler, seen=told(50))

    await bench.grant()

    await bench.wait()


async def test_what_was_told_grows_stale(bench: Bench) -> None:
    first = await bench.grant()
    await bench.settle(first, seen=told(50))
    bench.now += 120

    await bench.grant()

    assert (await bench.wait()).delay_s == pytest.approx(1, abs=1e-5)


async def test_call_counts_for_a_minute_from_its_reply(bench: Bench) -> None:
    bench.limits = Limits(rpm=1, concurrency=32)
    call = await bench.grant(ttl=600)
    bench.now += 300

    under_way = await bench.wait()
    await bench.settle(call)
    settled = await bench.wait()

    assert under_way.delay_s <= 1
    assert 60 < settled.delay_s <= 60.31
    bench.now += settled.delay_s
    await bench.grant()


async def test_tokens_used_take_the_place_of_the_estimate(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, tpm=6000, concurrency=32)
    call = await bench.grant(tokens=6000)
    await bench.settle(call, tokens=3000)
    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    wait = await bench.wait(tokens=3000)

    assert status.tpm.used == 3000
    assert wait.reason == "tokens per minute"
    assert wait.delay_s == pytest.approx(30, abs=1.1)


async def test_estimate_stands_where_the_reply_told_no_usage(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, tpm=6000, concurrency=32)
    await bench.settle(await bench.grant(tokens=6000), tokens=None)

    wait = await bench.wait(tokens=6000)

    assert 60 < wait.delay_s <= 60.31


async def test_estimate_stands_for_a_while_after_a_429(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, tpm=60_000, concurrency=32)
    used = []
    for _ in range(2):
        await throttle(bench, wait=1)
        bench.now += 1
        await bench.settle(await bench.grant(tokens=600), tokens=100)
        [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])
        used.append(status.tpm.used)
        bench.now += 601
    await bench.settle(await bench.grant(tokens=600), tokens=100)
    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert used == [600, 600]
    assert status.tpm.used == 100


async def test_tokens_that_remain_are_believed(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, tpm=6000, concurrency=32)
    first = await bench.grant(tokens=100)
    seen = SeenLimits(Seen(6000, 5999), Seen(6000, 5000), Seen(None, 2500))
    await bench.settle(first, tokens=100, seen=seen)

    await bench.grant(tokens=1250)
    await bench.grant(tokens=1250)

    wait = await bench.wait(tokens=1250)
    assert wait.reason == "tokens per minute"
    assert wait.delay_s == pytest.approx(12.5, abs=0.01)


async def test_cost_above_the_limit_never_fits(bench: Bench) -> None:
    bench.limits = Limits(tpm=1000, concurrency=32)

    with pytest.raises(NeverFits, match="1001 tokens"):
        await bench.reserve(1001)


async def test_cost_above_what_the_provider_told_never_fits(bench: Bench) -> None:
    bench.limits = Limits(tpm=1000, concurrency=32)
    first = await bench.grant(tokens=10)
    seen = SeenLimits(tokens=Seen(500, 490))
    await bench.settle(first, seen=seen)

    with pytest.raises(NeverFits):
        await bench.reserve(501)


async def test_cost_that_fits_one_credential_goes_there(bench: Bench) -> None:
    bench.limits = Limits(tpm=1000, concurrency=32)
    bench.credentials = ("small",)
    await bench.settle(await bench.grant(), seen=SeenLimits(tokens=Seen(500, 490)))
    bench.credentials = ("small", "large")

    assert (await bench.grant(tokens=501)).credential == "large"


async def test_a_day_has_a_limit_too(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, rpd=3, concurrency=32)
    await bench.use(3)

    wait = await bench.wait()

    assert wait.reason == "requests per day"
    assert 24 * HOUR < wait.delay_s <= 24 * HOUR + 361


async def test_only_so_many_calls_are_under_way_at_once(bench: Bench) -> None:
    bench.limits = Limits(rpm=60_000, concurrency=2)
    first = await bench.grant(horizon=1)
    await bench.grant(horizon=1)

    wait = await bench.wait(horizon=1)
    await bench.settle(first)

    assert wait.reason == "concurrency"
    assert 0 < wait.delay_s <= 1
    await bench.grant(horizon=1)


async def test_every_limit_holds_at_once(bench: Bench) -> None:
    bench.limits = Limits(rpm=60, tpm=600, concurrency=8)

    tokens = (await bench.grant(tokens=300), await bench.wait(tokens=300))
    bench.now += tokens[1].delay_s

    assert tokens[1].reason == "tokens per minute"
    assert (await bench.grant(tokens=10)).delay_s == 0
    assert (await bench.wait(tokens=1)).reason == "requests per minute"


async def test_released_room_is_free_again(bench: Bench) -> None:
    bench.limits = Limits(rpm=1, rpd=1, tpm=100, concurrency=32)
    call = await bench.grant(tokens=100)
    await bench.limiter.release(bench.model, call)

    assert (await bench.grant(tokens=100)).delay_s == 0


async def test_releasing_twice_frees_nothing_more(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, concurrency=2)
    first = await bench.grant(horizon=10)
    await bench.grant(horizon=10)
    await bench.limiter.release(bench.model, first)
    await bench.limiter.release(bench.model, first)

    await bench.grant(horizon=10)

    await bench.wait(horizon=10)


async def test_reservation_nobody_settles_counts_when_its_time_has_passed(bench: Bench) -> None:
    bench.limits = Limits(rpm=1, concurrency=32)
    await bench.grant(ttl=10)

    bench.now += 11
    wait = await bench.wait()

    assert wait.delay_s == pytest.approx(59.2, abs=0.2)
    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])
    assert (status.in_flight, status.rpm.used) == (0, 1)


async def test_settling_after_that_counts_again(bench: Bench) -> None:
    call = await bench.grant(ttl=10)
    bench.now += 65
    await bench.settle(call)

    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert (status.in_flight, status.rpm.used) == (0, 2)


async def test_the_credential_that_is_free_first_is_taken(bench: Bench) -> None:
    bench.credentials = ("a", "b", "c")

    taken = [(await bench.grant()).credential for _ in range(3)]

    assert sorted(taken) == ["a", "b", "c"]
    assert (await bench.wait()).delay_s == pytest.approx(1, abs=1e-5)


async def test_of_equals_the_least_used_credential_is_taken(bench: Bench) -> None:
    bench.credentials = ("a",)
    await bench.use(2)
    bench.credentials = ("b",)
    await bench.use(1)
    bench.credentials = ("a", "b")
    bench.now += 5

    assert (await bench.grant()).credential == "b"


async def test_throttled_credential_rests_as_long_as_the_provider_says(bench: Bench) -> None:
    call = await bench.grant()
    await bench.settle(call)
    await throttle(bench, wait=7.5)

    wait = await bench.wait()

    assert wait.delay_s == pytest.approx(7.5, abs=1e-5)
    assert wait.reason.startswith("key is throttled until ")
    bench.now += wait.delay_s
    await bench.grant()


async def throttle(bench: Bench, wait: float | None = None) -> None:
    await bench.penalize(Health.THROTTLED, wait, "slow down")


async def test_waits_double_while_nothing_but_429s_come(bench: Bench) -> None:
    bench.limits, waits = Limits(rpm=6000, concurrency=32), []
    for _ in range(8):
        call = await bench.grant()
        await bench.settle(call)
        await throttle(bench)
        waits.append((await bench.wait()).delay_s)
        bench.now += waits[-1]

    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], abs=1e-4)


async def test_success_ends_the_doubling(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, concurrency=32)
    for _ in range(3):
        await bench.settle(await bench.grant())
        await throttle(bench)
        bench.now += (await bench.wait()).delay_s
    await bench.use(2)
    bench.now += 60

    await bench.settle(await bench.grant())
    await throttle(bench)

    assert (await bench.wait()).delay_s == pytest.approx(1, abs=1e-4)


async def test_429s_of_the_same_overrun_count_once(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, concurrency=32)
    calls = [await bench.grant(horizon=1) for _ in range(20)]
    for call in calls:
        bench.now += 0.001
        await bench.settle(call)
        await throttle(bench)

    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert (await bench.wait()).delay_s == pytest.approx(0.981, abs=1e-4)
    assert status.pace_rpm == 3000


async def test_rate_falls_at_a_429_without_headers_and_recovers(bench: Bench) -> None:
    bench.limits = Limits(rpm=600, concurrency=32)
    await bench.settle(await bench.grant())
    await throttle(bench)
    [fallen] = await bench.limiter.status(bench.model, bench.limits, ["key"])
    bench.now += 1
    await bench.use(200)
    [rising] = await bench.limiter.status(bench.model, bench.limits, ["key"])
    await bench.use(4000)
    [risen] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert fallen.pace_rpm == 300
    assert 330 < rising.pace_rpm < 350
    assert risen.pace_rpm == 600


async def test_rate_does_not_fall_at_a_429_with_headers(bench: Bench) -> None:
    call = await bench.grant()
    await bench.settle(call, seen=told(0, 60, 5))
    await throttle(bench, wait=5)

    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert status.pace_rpm == 60


async def test_provider_that_was_wrong_is_not_believed_for_a_minute(bench: Bench) -> None:
    call = await bench.grant()
    await bench.settle(call, seen=told(50))
    await throttle(bench, wait=2)
    bench.now += 2
    call = await bench.grant()
    await bench.settle(call, seen=told(50))

    assert (await bench.wait()).delay_s == pytest.approx(1, abs=1e-5)


async def test_nothing_remaining_on_a_success_waits_for_the_reset(bench: Bench) -> None:
    bench.limits = Limits(rpm=600, concurrency=32)
    call = await bench.grant()
    await bench.settle(call, seen=told(0, 600, 20))
    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    wait = await bench.wait()

    assert status.health is Health.HEALTHY
    assert wait.delay_s == pytest.approx(20, abs=1e-5)
    assert wait.reason == "requests per minute"


async def test_reset_that_is_a_buckets_time_to_full_is_not_waited_for(bench: Bench) -> None:
    bench.limits = Limits(rpm=600, concurrency=32)
    call = await bench.grant()
    await bench.settle(call, seen=told(0, 600, 60))

    assert (await bench.wait()).delay_s == pytest.approx(0.1, abs=1e-5)


async def test_exhausted_credential_rests_for_an_hour_and_says_so(bench: Bench) -> None:
    await bench.penalize(Health.EXHAUSTED, None, "insufficient_quota")

    wait = await bench.wait()

    assert wait.delay_s == pytest.approx(HOUR, abs=1e-5)
    assert wait.reason.startswith("key is exhausted until ")
    bench.now += wait.delay_s
    await bench.grant()


async def test_a_429_does_not_shorten_a_graver_rest(bench: Bench) -> None:
    await bench.penalize(Health.EXHAUSTED, 600, "insufficient_quota")
    await throttle(bench, wait=1)

    assert (await bench.wait()).delay_s == pytest.approx(600, abs=1e-5)


async def test_revoked_credential_is_used_no_more_until_it_is_reinstated(bench: Bench) -> None:
    await bench.penalize(Health.REVOKED, None, "invalid_api_key")
    await throttle(bench, wait=1)
    bench.now += 10 * 24 * HOUR

    wait = await bench.wait()
    await bench.limiter.reinstate(bench.model, "key")

    assert wait.reason == "every credential is revoked"
    assert wait.delay_s > 1
    await bench.grant()


async def test_healthy_credential_takes_over(bench: Bench) -> None:
    bench.credentials = ("key", "other")
    await bench.penalize(Health.REVOKED, None, "invalid_api_key")

    assert (await bench.grant()).credential == "other"
    assert (await bench.wait()).delay_s == pytest.approx(1, abs=1e-5)


async def test_lower_limit_told_is_kept_and_recovers_with_what_is_told(bench: Bench) -> None:
    bench.limits = Limits(rpm=600, concurrency=32)
    effective = []
    for limit in (60, 6000, None):
        call = await bench.grant()
        seen = SeenLimits(Seen(limit, None))
        await bench.settle(call, seen=seen)
        [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])
        effective.append((status.rpm.effective, status.rpm.provider_limit))
        bench.now += 2

    assert effective == [(60, 60), (600, 6000), (600, 6000)]


async def test_headers_of_a_day_tighten_the_day_and_not_the_minute(bench: Bench) -> None:
    bench.limits = Limits(rpm=600, concurrency=32)
    call = await bench.grant()
    # 86,400 s / 200: what a bucket of 200 requests a day says when one is missing.
    await bench.settle(call, seen=told(199, 200, 432))

    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert (status.rpm.effective, status.rpd.effective) == (600, 200)
    assert (await bench.wait()).delay_s == pytest.approx(0.1, abs=1e-5)


async def test_unknown_rate_starts_low_and_climbs(bench: Bench) -> None:
    bench.limits = Limits(concurrency=32)
    await bench.grant()
    assert (await bench.wait()).delay_s == pytest.approx(1, abs=1e-5)

    start = bench.now
    await bench.use(1000)
    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert bench.now - start < 60
    assert status.pace_rpm > 5000


async def test_unknown_rate_does_not_climb_while_nobody_needs_it(bench: Bench) -> None:
    bench.limits = Limits(concurrency=32)
    for _ in range(50):
        await bench.settle(await bench.grant())
        bench.now += 10

    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert status.pace_rpm == 60


async def test_past_calls_count_after_a_restart(bench: Bench) -> None:
    bench.limits = Limits(rpm=600, tpm=10_000, rpd=4, concurrency=32)
    past = [PastUse(5, 4000), PastUse(30, 3000), PastUse(7200, 5000), PastUse(90_000, 1)]
    await bench.limiter.restore(bench.model, bench.limits, "key", past)
    await bench.limiter.restore(bench.model, bench.limits, "key", past)

    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert (status.rpm.used, status.tpm.used, status.rpd.used) == (2, 7000, 3)
    assert (await bench.wait(tokens=4000)).reason == "tokens per minute"
    await bench.grant()
    assert (await bench.wait()).reason == "requests per day"


async def test_status_tells_who_has_calls_under_way(bench: Bench) -> None:
    bench.limits = Limits(rpm=6000, concurrency=8)
    for owner in ("worker 1", "worker 2", "worker 1"):
        assert isinstance(await bench.reserve(owner=owner, horizon=10), Grant)
    await throttle(bench, wait=30)

    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert dict(status.owners) == {"worker 1": 2, "worker 2": 1}
    assert (status.in_flight, status.concurrency) == (3, 8)
    assert (status.health, status.reason) == (Health.THROTTLED, "slow down")
    assert status.until is not None
    assert abs(status.until - datetime.now(UTC) - timedelta(seconds=30)) < timedelta(seconds=5)


async def test_models_do_not_share_room(bench: Bench) -> None:
    await bench.grant()
    other = await reserve_one(
        bench.limiter,
        bench.model + "-other",
        bench.limits,
        ["key"],
        owner="me",
        horizon_s=0,
        ttl_s=1,
    )
    assert not isinstance(other, Wait)
    await bench.limiter.release(bench.model + "-other", other)


class Calendar:
    """A provider that lets so many requests in on each day, from zero at midnight."""

    def __init__(self, bench: Bench, limit: int, seconds: float = 24 * HOUR) -> None:
        self.bench, self.limit, self.seconds = bench, limit, seconds
        self.days: dict[int, int] = {}

    def ask(self) -> SeenLimits:
        """Count a request; it must have been one that fits."""
        day, into = divmod(self.bench.now, self.seconds)
        self.days[int(day)] = used = self.days.get(int(day), 0) + 1
        assert used <= self.limit
        return told(self.limit - used, self.limit, self.seconds - into)


@pytest.mark.parametrize("seconds", [24 * HOUR, 20.0])
async def test_run_of_three_days_goes_on_at_each_reset(bench: Bench, seconds: float) -> None:
    bench.limits = Limits(rpd=30, rpm=6000, concurrency=4)
    bench.now = (START // seconds + 0.75) * seconds
    provider, began, waits = Calendar(bench, 30, seconds), bench.now, list[float]()
    for _ in range(80):
        room = await bench.reserve()
        while isinstance(room, Wait):
            waits.append(room.delay_s)
            bench.now += room.delay_s
            room = await bench.reserve()
        await bench.settle(room, seen=provider.ask())

    assert sorted(provider.days.values()) == [20, 30, 30]
    assert bench.now - began <= 1.25 * seconds + 1
    assert max(waits) == pytest.approx(seconds, rel=0.1) or max(waits) > seconds / 2


async def test_429_of_a_day_is_slept_out_and_then_tried_one_at_a_time(bench: Bench) -> None:
    bench.limits = Limits(rpd=5, rpm=6000, concurrency=4)
    await bench.use(4)
    rest = Rest(Health.THROTTLED, 5 * HOUR, "RPD")
    await bench.settle(await bench.grant(horizon=1), rest=rest)

    wait = await bench.wait()
    bench.now += wait.delay_s + 1
    first = await bench.grant()
    second = await bench.wait()
    await bench.settle(first)

    assert wait.delay_s == pytest.approx(5 * HOUR, abs=0.1)
    assert wait.reason == "requests per day"
    assert second.reason == "requests per day"
    assert second.delay_s == pytest.approx(0.25, abs=1e-5)
    await bench.grant(horizon=1)


async def test_after_an_exhausted_quota_one_call_tries_before_the_others_follow(
    bench: Bench,
) -> None:
    bench.limits = Limits(rpm=60_000, concurrency=8)
    await bench.penalize(Health.EXHAUSTED, 600, "insufficient_quota")
    bench.now += 601

    first = await bench.grant()
    assert (await bench.wait()).reason == "concurrency"
    await bench.settle(first, rest=Rest(Health.EXHAUSTED, 600, "insufficient_quota"))
    bench.now += 601
    second = await bench.grant()
    await bench.wait()
    await bench.settle(second)

    assert [isinstance(await bench.reserve(horizon=1), Grant) for _ in range(8)] == [True] * 8


async def test_several_calls_are_granted_in_order_up_to_the_first_without_room(
    bench: Bench,
) -> None:
    bench.limits = Limits(rpm=60_000, tpm=6000, concurrency=8)
    terms = {"owner": "me", "horizon_s": 0.01, "ttl_s": 60.0}
    costs = [Cost(tokens=tokens) for tokens in (50, 40, 30, 1)]

    reserved = await bench.limiter.reserve(bench.model, bench.limits, ["key"], costs, **terms)  # type: ignore[arg-type]  # terms are typed there

    assert [grant.cost.tokens for grant in reserved.grants] == [50, 40]
    assert len({grant.id for grant in reserved.grants}) == 2
    assert reserved.wait is not None
    assert reserved.wait.reason == "tokens per minute"


async def test_call_that_never_fits_waits_for_those_before_it(bench: Bench) -> None:
    bench.limits = Limits(tpm=1000, concurrency=8)
    terms = {"owner": "me", "horizon_s": 0.0, "ttl_s": 60.0}
    costs = [Cost(tokens=1), Cost(tokens=1001)]

    reserved = await bench.limiter.reserve(bench.model, bench.limits, ["key"], costs, **terms)  # type: ignore[arg-type]  # terms are typed there

    assert (len(reserved.grants), reserved.wait) == (1, None)
    with pytest.raises(NeverFits):
        await bench.limiter.reserve(bench.model, bench.limits, ["key"], costs[1:], **terms)  # type: ignore[arg-type]  # as above


async def test_number_of_calls_under_way_is_found_where_it_is_not_known(bench: Bench) -> None:
    bench.limits = Limits()
    under_way: list[Grant] = []
    for _ in range(400):
        while isinstance(room := await bench.reserve(), Grant):
            under_way.append(room)
        bench.now += 0.5 / len(under_way)
        await bench.settle(under_way.pop(0))
    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert status.concurrency >= 64
    assert len(under_way) >= 60


async def test_server_that_breaks_down_is_given_less(bench: Bench) -> None:
    bench.limits = Limits()
    calls = [await bench.grant(horizon=1) for _ in range(8)]
    await bench.wait(horizon=1)
    for call in calls:
        await bench.limiter.settle(bench.model, call, Outcome(failed=True))
    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert status.concurrency == 6


async def test_late_replies_of_a_429_that_is_known_do_not_cut_again(bench: Bench) -> None:
    bench.limits = Limits()
    calls = [await bench.grant(horizon=1) for _ in range(8)]
    for call in calls:
        await bench.settle(call, rest=Rest(Health.THROTTLED, 0.5, "busy"))
    [status] = await bench.limiter.status(bench.model, bench.limits, ["key"])

    assert status.concurrency == 6
