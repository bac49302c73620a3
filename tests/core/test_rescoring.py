"""Runs scored again from their stored replies: on both databases."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, update

from core import closing, jobs, rescoring, runs
from core.errors import Conflict, NotFound
from core.rescoring import Rescore
from core.tables import Attempt, Prediction, Request, Run, Score
from core.vocabulary import Origin, Outcome, Result
from tests import replies
from tests.core.conftest import Queue
from tests.rows import LABELS, LATER, NOW

TOTALS = ("answered", "refused", "unparsed", "failed", "cost_nano", "lost_nano", "attempts")


def rescore(queue: Queue, *, apply: bool = True, shown: int = 100) -> Rescore:
    with queue.database.read() as session:
        surveyed = rescoring.survey(session, queue.run_id)
    with queue.database.write() as session, session.begin() as transaction:
        made = rescoring.rescore(
            session, queue.run_id, surveyed, note="again", shown=shown, now=LATER
        )
        if not apply:
            transaction.rollback()
    return made


def stored(queue: Queue) -> tuple[Any, ...]:
    """Return everything of a run that scoring it again may change."""
    with queue.database.read() as session:
        columns = Prediction.__table__.columns
        found = session.execute(select(*columns).order_by(columns["sample_id"]))
        predictions = [tuple(row) for row in found]
        run = session.get_one(Run, queue.run_id)
        return predictions, {name: getattr(run, name) for name in TOTALS}


def scores(queue: Queue) -> list[Score]:
    with queue.database.read() as session:
        run = runs.get(session, queue.run_id)
        return list(closing.versions(session, run, after=None, limit=100).rows)


def alter(queue: Queue, place: int, values: Mapping[str, Any]) -> int:
    """Change a prediction behind gerbench's back, as an older parser could have written it."""
    with queue.database.write.begin() as session:
        sample = session.scalars(select(Prediction.sample_id).order_by(Prediction.sample_id)).all()
        found = Prediction.sample_id == sample[place]
        session.execute(update(Prediction).where(found).values(**values))
        session.flush()
    return sample[place]


WRONG = {"label": "joy", "in_vocabulary": False, "ranked": ["joy"], "rank": None}
NOTHING = {
    "outcome": Outcome.UNPARSED,
    "label": None,
    "in_vocabulary": None,
    "ranked": None,
    "rank": None,
}


def lose(queue: Queue, place: int, outcome: Outcome = Outcome.UNPARSED) -> None:
    """Let a run have found no answer for a sample, its figures and totals included."""
    alter(queue, place, {**NOTHING, "outcome": outcome})
    with queue.database.write.begin() as session:
        run = runs.get(session, queue.run_id)
        run.answered -= 1
        setattr(run, outcome.value, getattr(run, outcome.value) + 1)
        figures = closing.metrics(session, run).model_dump(mode="json")
        session.execute(update(Score).values(metrics=figures))


def test_with_the_same_parser_nothing_changes_and_nothing_is_written(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    before = stored(queue)

    made = rescore(queue)

    assert (made.changed, made.figures, made.version, made.replies) == (0, [], 1, 3)
    assert stored(queue) == before
    assert [score.version for score in scores(queue)] == [1]


@pytest.mark.parametrize(
    "text", ["Hard to say.", "I'm sorry, but I can't assist with that.", '{"Text 1": "joy"}', ""]
)
def test_whatever_the_replies_were_the_same_parser_finds_the_same(queue: Queue, text: str) -> None:
    replies.answer(queue.database, queue.run_id, lambda _: text)
    before = stored(queue)

    assert not rescore(queue).differs
    assert stored(queue) == before


def test_a_prediction_that_was_misread_is_found_and_repaired(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    before = stored(queue)
    sample = alter(queue, 4, WRONG)

    made = rescore(queue)

    assert stored(queue) == before
    with queue.database.read() as session:
        held = session.scalar(select(Score.sheet).where(closing.is_newest()))
        assert held == closing.sheet(session, runs.get(session, queue.run_id))
    (revision,) = made.revisions
    assert (revision.sample_id, revision.name) == (sample, "s00004")
    assert (revision.before["label"], revision.after["label"]) == ("joy", LABELS[1])
    assert made.moves == {(Outcome.ANSWERED, Outcome.ANSWERED): 1}


def test_a_dry_run_tells_the_same_and_writes_nothing(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    lose(queue, 2)
    before = stored(queue)

    dry = rescore(queue, apply=False)

    assert stored(queue) == before
    assert [score.version for score in scores(queue)] == [1]
    assert rescore(queue) == dry


@pytest.mark.parametrize("outcome", [Outcome.UNPARSED, Outcome.REFUSED, Outcome.FAILED])
def test_a_sample_without_an_answer_gets_the_one_that_can_be_read_now(
    queue: Queue, outcome: Outcome
) -> None:
    replies.answer(queue.database, queue.run_id)
    before = stored(queue)
    lose(queue, 2, outcome)

    made = rescore(queue)

    assert stored(queue) == before
    assert made.moves == {(outcome, Outcome.ANSWERED): 1}
    changed = {figure.figure: (figure.before, figure.after) for figure in made.figures}
    assert changed["answered"] == (9, 10)
    assert changed[outcome.value] == (1, 0)
    assert changed["accuracy.strict"] == (0.9, 1.0)
    assert "accuracy.value" not in changed


def test_an_answer_that_is_no_longer_read_is_unparsed(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    with queue.database.write.begin() as session:
        first = session.scalars(select(Attempt.id).order_by(Attempt.id)).first()
        session.execute(
            update(Attempt).where(Attempt.id == first).values(body=replies.wire("Hard to say."))
        )

    made = rescore(queue)

    assert made.moves == {(Outcome.ANSWERED, Outcome.UNPARSED): 4}
    run = queue.run()
    assert (run.answered, run.unparsed, run.cost_nano) == (6, 4, 3 * replies.COST)
    assert run.lost_nano == replies.COST
    assert not rescore(queue).differs


def test_what_could_not_be_read_is_read_from_the_first_try_that_says_it(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id, replies.unreadable)
    run = queue.run()
    assert (run.unparsed, run.lost_nano) == (10, run.cost_nano)
    with queue.database.write.begin() as session:
        last = session.scalars(select(Request).order_by(Request.id.desc())).first()
        assert last is not None
        target = session.scalars(
            select(Prediction.sample_id).where(Prediction.request_id == last.id)
        ).one()
        session.execute(
            update(Attempt)
            .where(Attempt.request_id == last.id, Attempt.number == 1)
            .values(body=replies.wire(replies.right([LABELS[0]])))
        )

    made = rescore(queue)

    (revision,) = made.revisions
    assert (revision.sample_id, revision.after["label"]) == (target, LABELS[0])
    assert revision.after["attempt_id"] != revision.before["attempt_id"]
    after = queue.run()
    assert (after.answered, after.unparsed) == (1, 9)
    assert after.cost_nano == run.cost_nano
    assert after.lost_nano == run.lost_nano - replies.COST
    assert not rescore(queue).differs


def test_a_reply_that_now_is_a_refusal_is_one_where_its_sample_stood_alone(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id, replies.unreadable)
    with queue.database.write.begin() as session:
        said = replies.wire("I'm sorry, but I can't assist with that.")
        session.execute(update(Attempt).values(body=said))

    made = rescore(queue)

    assert made.moves == {(Outcome.UNPARSED, Outcome.REFUSED): 10}
    assert queue.run().refused == 10


def test_each_version_says_what_made_it_and_the_newest_holds(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    lose(queue, 0)
    lost = closing_figures(queue)

    made = rescore(queue)

    newest, first = scores(queue)
    assert (first.version, first.changed, first.note, first.scored_at) == (1, 0, None, NOW)
    assert (newest.version, newest.changed, newest.note) == (2, 1, "again")
    assert (newest.scored_at, newest.parser) == (LATER, made.parsers[1])
    assert made.version == 2
    assert closing_figures(queue).answered == lost.answered + 1 == 10
    with queue.database.read() as session:
        page = closing.page(session, after=None, limit=10)
    assert [run.id for run in page.rows] == [queue.run_id]


def closing_figures(queue: Queue) -> Any:
    with queue.database.read() as session:
        return closing.stored(session, runs.get(session, queue.run_id))


def test_stored_figures_that_are_out_of_date_are_scored_again(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    with queue.database.write.begin() as session:
        found = session.scalars(select(Score)).one()
        found.metrics = {**found.metrics, "scored": 7}

    made = rescore(queue)

    assert [(f.figure, f.before, f.after) for f in made.figures] == [("scored", 7, 10)]
    assert (made.changed, made.version) == (0, 2)


def test_only_so_many_samples_are_told_but_all_are_counted(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    for place in range(6):
        alter(queue, place, WRONG)

    made = rescore(queue, shown=4)

    assert (len(made.revisions), made.changed) == (4, 6)


def test_a_published_run_has_no_replies_and_is_only_scored_again(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    with queue.database.write.begin() as session:
        session.execute(update(Prediction).values(attempt_id=None, request_id=None))
        session.execute(delete(Attempt))
        session.execute(delete(Request))
        ours = {"job_id": None, "model_id": None, "template_id": None}
        session.execute(update(Run).values(**ours, origin=Origin.PUBLISHED, system="GPT-4V"))
        found = session.scalars(select(Score)).one()
        found.metrics, found.parser = {**found.metrics, "scored": 7}, None

    made = rescore(queue)

    assert (made.replies, made.changed, made.parsers) == (0, 0, (None, None))
    assert [figure.figure for figure in made.figures] == ["scored"]
    assert [score.version for score in scores(queue)] == [2, 1]


def test_a_run_that_has_no_stored_figures_is_refused(queue: Queue) -> None:
    with queue.database.read() as session:
        with pytest.raises(Conflict, match="is running"):
            rescoring.survey(session, queue.run_id)
        with pytest.raises(NotFound):
            rescoring.survey(session, uuid4())
    with queue.database.write.begin() as session:
        jobs.cancel(session, queue.job_id, now=NOW)
    with queue.database.read() as session, pytest.raises(Conflict, match="is cancelled"):
        rescoring.survey(session, queue.run_id)


def test_a_run_that_went_on_since_it_was_surveyed_is_refused(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    lose(queue, 0, Outcome.FAILED)
    with queue.database.read() as session:
        surveyed = rescoring.survey(session, queue.run_id)
    with queue.database.write.begin() as session:
        jobs.retry(session, queue.job_id, now=LATER)

    with queue.database.write.begin() as session, pytest.raises(Conflict, match="is running"):
        rescoring.rescore(session, queue.run_id, surveyed, note=None, shown=9, now=LATER)


def test_a_reply_of_another_result_is_left_alone(queue: Queue) -> None:
    replies.answer(queue.database, queue.run_id)
    lose(queue, 0, Outcome.FAILED)
    with queue.database.write.begin() as session:
        gone = {"result": Result.RESET, "status": None, "body": b"", "headers": None}
        request = session.scalars(
            select(Prediction.request_id).where(Prediction.outcome == Outcome.FAILED)
        ).one()
        others = (Prediction.request_id == request, Prediction.outcome == Outcome.ANSWERED)
        session.execute(delete(Prediction).where(*others))
        session.execute(update(Attempt).where(Attempt.request_id == request).values(**gone))

    made = rescore(queue)

    assert made.changed == 0
