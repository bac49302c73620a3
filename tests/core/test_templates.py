"""Versions of templates are added, found and never changed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from core import templates
from core.db import Database
from core.errors import InvalidTemplate, NotFound
from core.rules.templates import check, render
from core.tables import Template
from core.templates import TemplateFilter
from core.vocabulary import Modality, Task

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TASK, IMAGE = Task.FACIAL_EMOTION, Modality.IMAGE


def add(
    database: Database, text: str, name: str = "mine", *, built_in: bool = False
) -> tuple[int, bool]:
    with database.write.begin() as session:
        template, added = templates.create(
            session,
            task=TASK,
            modality=IMAGE,
            name=name,
            text=text,
            now=NOW,
            built_in=built_in,
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


def listed(database: Database, **wanted: Any) -> list[str]:
    with database.read() as session:
        found = templates.page(session, TemplateFilter(**wanted), after=None, limit=50)
    return [f"{each.name}@{each.version} {each.text}" for each in found.rows]


def test_a_list_of_the_newest_has_what_each_name_stands_for(database: Database) -> None:
    add(database, "one", built_in=True)
    add(database, "own")
    add(database, "three", "yours")
    # A later release brings a version that the team has of its own.
    add(database, "two", built_in=True)

    assert listed(database, newest=True) == ["mine@2 own", "yours@1 three"]
    assert listed(database, newest=True, name="mine") == [f"mine@2 {resolved(database, 'mine')}"]
    assert sorted(listed(database, name="mine@2")) == ["mine@2 own", "mine@2 two"]
    assert listed(database, name="mine@1", newest=True) == []


def test_what_there_is_twice_is_told_once(database: Database) -> None:
    add(database, "one")
    add(database, "also one", built_in=True)

    with pytest.raises(NotFound, match=r"there are mine@1$"):
        resolved(database, "other")


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

    assert count(database) == len(BUILTIN) == 55
    assert "expression" in resolved(database, "default@1")


def test_a_changed_built_in_template_is_a_new_version(database: Database) -> None:
    add(database, "what an older gerbench said", "default", built_in=True)

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


def test_a_default_of_ones_own_is_meant_before_one_that_a_release_brings(
    database: Database,
) -> None:
    add(database, "the first default", "default", built_in=True)
    assert add(database, "our own", "default") == (2, True)

    assert add(database, "the second default", "default", built_in=True) == (2, True)

    assert resolved(database, "default") == resolved(database, "default@2") == "our own"


BUILTIN = templates.builtin()
PAIRS = {
    (Task.FACIAL_EMOTION, Modality.IMAGE),
    (Task.VISUAL_SENTIMENT, Modality.IMAGE),
    (Task.TWEET_SENTIMENT, Modality.IMAGE),
    (Task.TWEET_SENTIMENT, Modality.TEXT),
    (Task.TWEET_SENTIMENT, Modality.IMAGE_TEXT),
    (Task.MICRO_EXPRESSION, Modality.IMAGE),
    (Task.MICRO_EXPRESSION, Modality.VIDEO),
    (Task.DYNAMIC_FACIAL_EMOTION, Modality.VIDEO),
    (Task.MULTIMODAL_EMOTION, Modality.TEXT),
    (Task.MULTIMODAL_EMOTION, Modality.VIDEO),
    (Task.MULTIMODAL_EMOTION, Modality.VIDEO_TEXT),
}
SHOWS_PEOPLE = {Task.FACIAL_EMOTION, Task.MICRO_EXPRESSION, Task.DYNAMIC_FACIAL_EMOTION}


def test_every_task_and_modality_has_a_default_and_the_same_paraphrases() -> None:
    names: dict[tuple[Task, Modality], list[str]] = {}
    for each in BUILTIN:
        names.setdefault((each.task, each.modality), []).append(each.name)

    assert names.keys() == PAIRS
    assert {tuple(there) for there in names.values()} == {
        ("default", "terse", "observer", "question", "stepwise")
    }


@pytest.mark.parametrize(
    "each", BUILTIN, ids=[f"{each.task}-{each.modality}-{each.name}" for each in BUILTIN]
)
def test_a_built_in_template_can_be_rendered_with_what_it_asks_for(
    each: templates.Builtin,
) -> None:
    frames = 3 if "video" in each.modality.parts else None

    check(each.text, each.modality)

    rendered = render(each.text, labels=("joy", "awe"), count=7, frames=frames)
    assert " 7 " in rendered
    assert frames is None or "3 " in rendered
    assert ("joy, awe" in rendered) == (each.name == "question")


def test_no_two_built_in_templates_say_the_same() -> None:
    said = [" ".join(each.text.casefold().split()) for each in BUILTIN]

    assert len(set(said)) == len(said)


def test_where_people_are_shown_no_template_asks_who_they_are() -> None:
    for each in BUILTIN:
        if each.task in SHOWS_PEOPLE:
            assert "identif" in each.text or "identity of the people aside" in each.text
