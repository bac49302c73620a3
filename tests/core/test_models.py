"""Models are named, changed, and taken out of use."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core import models, teams
from core.db import Database
from core.errors import Conflict, InvalidInput, NotFound
from core.models import DeclaredModel
from core.rules.specs import ModelSpec
from core.rules.states import ENDED, Status
from core.tables import Model
from core.tables.teams import DEFAULT
from tests.rows import add_run

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def spec(name: str = "local", **fields: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {"name": name, "base_url": "http://127.0.0.1:9000/v1", "model": "fer", **fields}
    )


def declared(**fields: Any) -> DeclaredModel:
    return DeclaredModel.model_validate(spec(**fields).model_dump())


def stored(database: Database, given: ModelSpec) -> Model:
    with database.write.begin() as session:
        return models.create(session, given, now=NOW)


def test_a_model_is_found_by_its_name(database: Database) -> None:
    made = stored(database, spec(limits={"rpm": 600}))

    with database.read() as session:
        assert models.get(session, "local").id == made.id
        assert models.declared(session, made.id) == declared(limits={"rpm": 600})


def test_a_model_may_be_called_within_its_teams_share_of_its_limits(database: Database) -> None:
    made = stored(database, spec(limits={"rpm": 600, "concurrency": 5}))
    with database.write.begin() as session:
        teams.set_rate_share(session, DEFAULT, 0.5)

    with database.read() as session:
        assert models.get(session, "local").spec["limits"]["rpm"] == 600
        held = models.declared(session, made.id)

    assert held == declared(limits={"rpm": 300, "concurrency": 2})


def test_a_taken_name_is_refused_and_the_transaction_lives_on(database: Database) -> None:
    stored(database, spec())

    with database.write.begin() as session:
        with pytest.raises(Conflict, match="PATCH /v1/models/local"):
            models.create(session, spec(), now=NOW)
        models.create(session, spec("other"), now=NOW)

    with database.read() as session:
        assert models.get(session, "other").name == "other"


def test_an_unknown_name_is_told_where_to_look(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFound, match="GET /v1/models"):
        models.get(session, "local")


def test_a_change_sets_the_given_fields_one_by_one(database: Database) -> None:
    made = stored(database, spec(limits={"rpm": 600, "tpm": 9}, temperature=1))

    with database.write.begin() as session:
        models.change(session, "local", {"limits": {"tpm": None}, "temperature": None})

    with database.read() as session:
        assert models.declared(session, made.id) == declared(limits={"rpm": 600}, temperature=None)


def test_a_change_that_makes_no_sense_changes_nothing(database: Database) -> None:
    made = stored(database, spec())

    with database.write.begin() as session, pytest.raises(InvalidInput) as caught:
        models.change(session, "local", {"limits": {"rpm": 0}, "timeout_s": 10_000})

    pointers = [fault["pointer"] for fault in caught.value.details["errors"]]
    assert pointers == ["/body/limits/rpm", "/body/timeout_s"]
    with database.read() as session:
        assert models.declared(session, made.id) == declared()


def test_a_deleted_name_is_free_and_the_old_model_stays_for_its_runs(database: Database) -> None:
    old = stored(database, spec(max_tokens=5))

    with database.write.begin() as session:
        models.delete(session, "local", now=NOW)
        new = models.create(session, spec(), now=NOW)

    with database.read() as session:
        assert models.get(session, "local").id == new.id
        assert models.declared(session, old.id).max_tokens == 5
        assert len(models.page(session, after=None, limit=10).rows) == 1


@pytest.mark.parametrize("status", list(Status))
def test_a_model_at_work_is_not_deleted(database: Database, status: Status) -> None:
    model = stored(database, spec())
    with database.write.begin() as session:
        run = add_run(session, model, status=status)

    with database.write.begin() as session:
        if status in ENDED:
            models.delete(session, "local", now=NOW)
        else:
            with pytest.raises(Conflict, match=str(run.job_id)) as caught:
                models.delete(session, "local", now=NOW)
            assert caught.value.details == {"jobs": [str(run.job_id)]}

    with database.read() as session:
        running = [run.id] if status is Status.RUNNING else []
        assert models.running(session, model.id) == running


def test_an_address_with_a_password_is_refused() -> None:
    with pytest.raises(ValueError, match="name secrets in credentials"):
        spec(base_url="http://me:secret@127.0.0.1/v1")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_url": "https://x.example/v1?Key=AIza"}, "name secrets in credentials"),
        ({"query": {"api_key": "x"}}, "api_key carries a secret"),
        ({"headers": {"X-API-Key": "x"}}, "x-api-key carries the secret"),
        (
            {"headers": {"x-mine": "x"}, "auth": {"header": "X-Mine"}},
            "x-mine carries the secret",
        ),
        ({"headers": {"Host": "elsewhere.example"}}, "host is set by gerbench"),
        ({"auth": {"header": "content-type"}}, "content-type cannot carry a secret"),
        ({"auth": {"header": "two words"}}, "auth.header"),
        ({"auth": {"header": "authorization", "scheme": "a b"}}, "auth.scheme"),
        ({"headers": {"x-title": "two\r\nlines"}}, "headers.x-title"),
        ({"wire": "telepathy"}, "wire"),
    ],
)
def test_what_would_be_stored_as_a_secret_or_break_a_request_is_refused(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        spec(**fields)


def test_null_takes_a_header_or_a_part_of_the_query_out(database: Database) -> None:
    made = stored(
        database, spec(headers={"X-Title": "a", "x-team": "b"}, query={"v": "1", "w": "2"})
    )

    with database.write.begin() as session:
        models.change(session, "local", {"headers": {"x-team": None}, "query": {"v": None}})

    with database.read() as session:
        assert models.declared(session, made.id) == declared(
            headers={"x-title": "a"}, query={"w": "2"}
        )
