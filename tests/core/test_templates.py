"""Versions of templates are added, found and never changed."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from core import templates
from core.db import Database
from core.errors import InvalidTemplate, NotFound
from core.rules.templates import check
from core.tables import Template
from core.vocabulary import Modality, Task

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TASK, IMAGE = Task.FACIAL_EMOTION, Modality.IMAGE


def add(database: Database, text: str, name: str = "mine") -> tuple[int, bool]:
    with database.write.begin() as session:
        template, added = templates.create(
            session, task=TASK, modality=IMAGE, name=name, text=text, now=NOW
        )
    return template.version, added


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Template)) or 0


def resolved(database: Database, reference: str) -> str:
    with database.read() as session:
        return templates.resolve(session, TASK, IMAGE, reference).text


def test_another_text_is_another_version_and_the_same_text_the_same(database: Database) -> None:
    assert add(database, "one") == (1, True)
    assert add(database, "two") == (2, True)
    assert add(database, "one") == (1, False)
    assert add(database, "one", "yours") == (1, True)


def test_a_name_stands_for_its_newest_version(database: Database) -> None:
    add(database, "one")
    add(database, "two")

    assert resolved(database, "mine") == "two"
    assert resolved(database, "mine@1") == "one"


def test_what_there_is_not_is_told_what_there_is(database: Database) -> None:
    with pytest.raises(NotFound, match="POST /v1/templates"):
        resolved(database, "default")
    add(database, "one")
    add(database, "two")

    with pytest.raises(NotFound, match="mine@1, mine@2") as caught:
        resolved(database, "mine@3")

    assert caught.value.details == {"available": ["mine@1", "mine@2"]}


def test_a_text_that_cannot_be_rendered_is_not_stored(database: Database) -> None:
    with pytest.raises(InvalidTemplate):
        add(database, "{who}")

    assert count(database) == 0


def test_built_in_templates_are_installed_once(database: Database) -> None:
    for _ in range(2):
        with database.write.begin() as session:
            templates.install_builtin(session, now=NOW)

    assert count(database) == len(templates.builtin()) == 11
    assert "expression" in resolved(database, "default@1")


def test_a_changed_built_in_template_is_a_new_version(database: Database) -> None:
    add(database, "what an older gerbench said", "default")

    with database.write.begin() as session:
        templates.install_builtin(session, now=NOW)

    assert resolved(database, "default@1") == "what an older gerbench said"
    assert resolved(database, "default") == resolved(database, "default@2")


def test_a_default_of_ones_own_stays_the_newest(database: Database) -> None:
    with database.write.begin() as session:
        templates.install_builtin(session, now=NOW)
    add(database, "our own", "default")

    with database.write.begin() as session:
        templates.install_builtin(session, now=NOW)

    assert resolved(database, "default") == "our own"


def test_every_built_in_template_can_be_rendered_and_names_nobody() -> None:
    for each in templates.builtin():
        check(each.text, each.modality)
        if each.task in {Task.FACIAL_EMOTION, Task.MICRO_EXPRESSION, Task.DYNAMIC_FACIAL_EMOTION}:
            assert "nobody is to be identified" in each.text


def test_there_is_a_default_for_each_task_and_only_one_for_each_modality() -> None:
    pairs = [(each.task, each.modality) for each in templates.builtin()]

    assert len(set(pairs)) == len(pairs)
    assert {task for task, _ in pairs} == set(Task)
