from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.rules import checkups
from core.rules.checkups import DATABASE, GB, Mode, Sign
from core.rules.findings import Finding, Part, Verdict, worst

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OK, WARNING, FAILED = Verdict

REDIS = {
    "redis_version": "8.0.1",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
}


def verdicts(findings: Iterable[Finding]) -> dict[str, Verdict]:
    """What was looked at and is not ok."""
    return {f.what: f.verdict for f in findings if f.verdict is not OK}


def sign(**values: Any) -> Sign:
    said = {"owner": "a", "version": "1", "seen_at": NOW, "stopped_at": None, "ticked_at": NOW}
    return Sign(**{**said, **values})


def test_a_complaint_without_a_remedy_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="remedy"):
        Finding("disk", "space", WARNING, "is short")
    with pytest.raises(ValueError, match="remedy"):
        Finding("disk", "space", OK, "is plenty", "Buy a disk.")


def test_the_worst_finding_is_the_verdict() -> None:
    part = Part("disk")
    fine, odd, bad = part.ok("a", "b"), part.warning("a", "b", "c"), part.failed("a", "b", "c")

    assert worst([]) is OK
    assert worst([fine, odd, fine]) is WARNING
    assert worst([odd, bad, fine]) is FAILED


def test_a_misspelt_setting_is_told_with_the_one_that_was_meant() -> None:
    known = {"GERBENCH_DATA": "var", "GERBENCH_MEDIA_URL": "s3://b"}

    found = list(checkups.variables({"GERBENCH_MEDIA_URI", "GERBENCH_DATA"}, known, ()))

    assert verdicts(found) == {"GERBENCH_MEDIA_URI": WARNING}
    assert "did you mean GERBENCH_MEDIA_URL?" in str(found[1].remedy)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Mode(False, False, False, False), {}),
        (Mode(True, True, True, True), {}),
        (Mode(True, False, True, True), {"mode": WARNING}),
        (Mode(False, True, True, True), {"mode": WARNING}),
        (
            Mode(True, True, False, False),
            {"GERBENCH_MEDIA_URL": WARNING, "GERBENCH_SECRET_KEY": WARNING},
        ),
    ],
)
def test_settings_that_belong_together(mode: Mode, expected: dict[str, Verdict]) -> None:
    assert verdicts(checkups.mode(mode)) == expected


@pytest.mark.parametrize(
    ("mode", "verdict"), [(0o600, OK), (0o100600, OK), (0o640, WARNING), (0o604, WARNING)]
)
def test_a_secret_is_for_its_owner_alone(mode: int, verdict: Verdict) -> None:
    assert checkups.private_file("admin.key", mode).verdict is verdict


@pytest.mark.parametrize(
    ("free", "verdict"), [(50 * GB, OK), (5 * GB - 1, WARNING), (GB // 2 - 1, FAILED), (0, FAILED)]
)
def test_room_on_a_disk(free: int, verdict: Verdict) -> None:
    assert checkups.disk(DATABASE, "disk", free, 100 * GB).verdict is verdict


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [(0.0, OK), (-4.9, OK), (5.1, WARNING), (-59, WARNING), (61, FAILED), (-3600, FAILED)],
)
def test_clocks_must_agree_within_a_minute(ahead: float, verdict: Verdict) -> None:
    assert checkups.clock("of the database", ahead).verdict is verdict


@pytest.mark.parametrize(("used", "verdict"), [(70, OK), (71, WARNING), (100, WARNING)])
def test_a_worker_needs_room_for_its_connections(used: int, verdict: Verdict) -> None:
    assert checkups.connections(used, 100).verdict is verdict


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, {}),
        ({"maxmemory_policy": "allkeys-lru"}, {"maxmemory-policy": WARNING}),
        ({"aof_enabled": 0}, {"persistence": WARNING}),
        ({"aof_last_write_status": "err"}, {"persistence": FAILED}),
        ({"role": "slave"}, {"role": FAILED}),
        ({"used_memory": 95, "maxmemory": 100}, {"memory": WARNING}),
        ({"used_memory": 95, "maxmemory": 0}, {}),
    ],
)
def test_what_a_redis_must_be_like(info: dict[str, Any], expected: dict[str, Verdict]) -> None:
    assert verdicts(checkups.redis({**REDIS, **info})) == expected


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ([], {"alive": WARNING}),
        ([sign()], {}),
        ([sign(seen_at=NOW - timedelta(seconds=30))], {"alive": WARNING}),
        ([sign(stopped_at=NOW)], {"alive": WARNING}),
        ([sign(ticked_at=None)], {"tick": WARNING}),
        ([sign(ticked_at=NOW - timedelta(minutes=1))], {"tick": WARNING}),
        ([sign(), sign(version="0.9")], {"version": WARNING}),
        # Ticks go to whichever worker is free.
        ([sign(ticked_at=None), sign(owner="b")], {}),
    ],
)
def test_who_works(signs: list[Sign], expected: dict[str, Verdict]) -> None:
    assert verdicts(checkups.workers(signs, "1", now=NOW)) == expected


@pytest.mark.parametrize(
    ("unread", "waiting", "seconds", "verdict"),
    [(0, 0, 0, OK), (0, 2, 3, OK), (0, 2, 60, WARNING), (1, 0, 0, WARNING)],
)
def test_replies_that_wait(unread: int, waiting: int, seconds: int, verdict: Verdict) -> None:
    assert checkups.spool(unread, waiting, timedelta(seconds=seconds)).verdict is verdict
