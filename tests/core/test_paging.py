"""Lists are cut into pages that neither repeat nor lose a row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.db import Database
from core.errors import InvalidCursor
from core.paging import Key, Slice, fetch
from core.tables import ApiKey, Template
from core.tables.teams import DEFAULT_ID
from core.vocabulary import Modality, Role, Task

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ORDER = (ApiKey.created_at, ApiKey.id)
"""Many rows share a moment, so the id decides between them."""


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write.begin() as session:
        for number in range(10):
            made = NOW + timedelta(seconds=number // 4)
            key = ApiKey(
                team_id=DEFAULT_ID,
                name=str(number),
                hash=str(number),
                role=Role.VIEWER,
                created_at=made,
            )
            session.add(key)
    return database


def page(database: Database, after: Key | None, limit: int, *, newest_first: bool) -> Slice[ApiKey]:
    with database.read() as session:
        return fetch(
            session,
            select(ApiKey),
            ORDER,
            after=after,
            limit=limit,
            newest_first=newest_first,
        )


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 5, 10, 11])
def test_pages_put_together_are_the_list(filled: Database, limit: int, newest_first: bool) -> None:
    whole = page(filled, None, 100, newest_first=newest_first)
    seen: list[str] = []
    after: Key | None = None
    for _ in range(10):
        part = page(filled, after, limit, newest_first=newest_first)
        seen += [row.name for row in part.rows]
        after = part.next_key
        if after is None:
            break

    assert whole.next_key is None
    assert seen == [row.name for row in whole.rows]
    assert len(seen) == len(set(seen)) == 10


@pytest.mark.parametrize(
    "key",
    [
        [],
        ["2026-01-02T00:00:00Z"],
        ["2026-01-02T00:00:00Z", "not-an-id"],
        ["2026-01-02T00:00:00Z", "00000000-0000-0000-0000-000000000000", 1],
        ["2026-01-02T00:00:00", "00000000-0000-0000-0000-000000000000"],
        ["9999-12-31T23:59:59-14:00", "00000000-0000-0000-0000-000000000000"],
        ["0001-01-01T00:00:00+14:00", "00000000-0000-0000-0000-000000000000"],
        ["yesterday", "00000000-0000-0000-0000-000000000000"],
        [None, None],
        [{}, []],
        [1e400, 1],
    ],
)
def test_a_key_of_another_list_is_refused(filled: Database, key: list[Any]) -> None:
    with pytest.raises(InvalidCursor):
        page(filled, key, 5, newest_first=False)


@pytest.mark.parametrize(
    "key",
    [
        ["facial_emotion", "image", "a\0", 1],
        ["facial_emotion", "image", "a", 2**31],
        ["facial_emotion", "smell", "a", 1],
    ],
)
def test_a_key_that_no_database_can_compare_is_refused(database: Database, key: list[Any]) -> None:
    order = (Template.task, Template.modality, Template.name, Template.version)

    with database.read() as session, pytest.raises(InvalidCursor):
        fetch(session, select(Template), order, after=key, limit=1)


def test_words_of_closed_sets_and_large_numbers_can_be_keys(database: Database) -> None:
    order = (Template.task, Template.modality, Template.name, Template.version)
    key = [Task.FACIAL_EMOTION, Modality.IMAGE, "a", 2**31 - 1]

    with database.read() as session:
        assert fetch(session, select(Template), order, after=key, limit=1).rows == []
