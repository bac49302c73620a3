"""Predictions that others published, as completed runs that stand beside our own."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core import closing, datasets
from core.access import team_or_all
from core.errors import InvalidDataset, InvalidMedia
from core.imports.checking import LONGEST_NAME, compare
from core.imports.labels import Labels, labels_of
from core.imports.published import Names, Release, releases, rows
from core.imports.report import Fault, ImportReport
from core.imports.staging import Checked, Staging
from core.imports.texts import clean
from core.rules.classes import Classes, rank
from core.rules.specs import DatasetSpec
from core.rules.states import Status
from core.rules.submissions import BATCH_SIZES
from core.tables import Dataset, Prediction, Run, Sample
from core.vocabulary import Origin, Outcome

CHUNK = 2000
"""Predictions inserted with one statement."""
LONGEST_LABEL = 200
RUNS = UUID("8f0a6f7e-52c1-4b0e-9a55-0d3f3c1c9b41")
"""Namespace of the ids of published runs."""


@dataclass(frozen=True)
class Imported:
    """A published run, and whether this import made it."""

    run: Run
    new: bool


def import_all(session: Session, root: Path, *, system: str, now: datetime) -> list[Imported]:
    """Import everything published below a folder, or nothing; what is there already stays.

    It is everyone's where an operator imports it, else the team's alone.
    Raises InvalidDataset, with a report of each fault where it is in the rows.
    """
    return [import_one(session, each, system=system, now=now) for each in releases(root)]


def import_one(session: Session, release: Release, *, system: str, now: datetime) -> Imported:
    """Import one set of answers: the dataset by its labels alone, and a completed run.

    A sample with a label and no answer was refused.
    """
    dataset = _dataset(session, release, now)
    found = session.scalars(select(Sample).where(Sample.dataset_id == dataset.id))
    samples = {sample.name: sample for sample in found}
    said = _answers(release, samples)
    condition = release.condition.model_dump(mode="json")
    key = [dataset.name, dataset.digest, system, condition, sorted(said.items())]
    team_id = team_or_all(session)
    run_id = _id(key, team_id)
    known = session.get(Run, run_id) or session.get(Run, _id(key, None))
    if known is not None:
        return Imported(known, new=False)
    reader = _Reader(run_id, release.spec)
    predictions = [reader.prediction(each, said.get(each.name)) for each in samples.values()]
    run = _run(run_id, dataset, release, system=system, now=now)
    run.team_id = team_id
    for outcome, count in Counter(row["outcome"] for row in predictions).items():
        setattr(run, outcome.value, count)
    session.add(run)
    session.flush()
    for start in range(0, len(predictions), CHUNK):
        session.execute(insert(Prediction), predictions[start : start + CHUNK])
    closing.store(session, run, now=now)
    return Imported(run, new=True)


def _id(key: Sequence[Any], team_id: UUID | None) -> UUID:
    """Return the id of a published run: the same answers are the same run of a team, or of all."""
    whole = key if team_id is None else [*key, str(team_id)]
    digest = hashlib.sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return uuid5(RUNS, digest)


def _dataset(session: Session, release: Release, now: datetime) -> Dataset:
    """Return the version that a file of labels makes."""
    report, labels = ImportReport(), labels_of(release.spec)
    with Staging() as staging:
        for line, name, target, _ in rows(release.labels):
            place = f"{release.spec.name}/{release.labels.name}:{line}"
            try:
                if len(name) > LONGEST_NAME:
                    raise InvalidMedia(f"has a name of more than {LONGEST_NAME} characters")  # noqa: TRY301 - one list of faults, one way out
                checked = Checked(place, clean(name), labels.match(target), None, ())
            except InvalidMedia as error:
                report.error(Fault(place, str(error)))
                continue
            if (fault := staging.add(checked)) is not None:
                report.error(fault)
        compare(staging, release.spec, report)
        datasets.refuse_faulty(report, skip_faulty=False)
        dataset, _ = datasets.write(
            session, release.spec, staging, now, team_id=team_or_all(session), published=True
        )
    session.flush()
    return dataset


def _answers(release: Release, samples: Mapping[str, Sample]) -> dict[str, str]:
    """Return what was answered, by the samples' own names."""
    names, report = Names(tuple(samples)), ImportReport()
    said: dict[str, str] = {}
    judge = _Judge(release.spec)
    for line, name, target, answer in rows(release.answers, release.column):
        own = names.find(name)
        place = f"{release.spec.name}/{release.answers.name}:{line}"
        if own is None:
            report.error(Fault(place, f"is about {name!r}, which no label names"))
        elif own in said:
            report.error(Fault(place, f"answers {name!r} a second time"))
        elif not judge.agrees(samples[own], target):
            report.error(Fault(place, f"has the target {target!r}, the labels have another"))
        elif "\0" in answer or any(len(each) > LONGEST_LABEL for each in answer.split(",")):
            report.error(Fault(place, "has an answer that is no list of labels"))
        else:
            said[own] = answer
    if report.error_count:
        raise InvalidDataset(
            f"nothing was imported: {report.error_count:,} answers do not fit their labels, the"
            f" first: {report.errors[0]}",
            report=report.to_json(),
        )
    return said


class _Judge:
    """Tells whether a target beside an answer is that of the labels, perhaps as a class."""

    def __init__(self, spec: DatasetSpec) -> None:
        self._labels, self._classes = labels_of(spec), Classes.of(spec)

    def agrees(self, sample: Sample, target: str) -> bool:
        if not target:
            return True
        try:
            beside = self._labels.match(target)
        except InvalidMedia:
            return False
        label, number = (None, beside) if isinstance(beside, float) else (beside, None)
        own = self._classes.of_target(sample.target, sample.target_number)
        return own == self._classes.of_target(label, number)


class _Reader:
    """Makes predictions of what was answered."""

    def __init__(self, run_id: UUID, spec: DatasetSpec) -> None:
        self._run_id = run_id
        self._known, self._classes = Labels(spec.labels), Classes.of(spec)

    def prediction(self, sample: Sample, said: str | None) -> dict[str, Any]:
        """Return a prediction as a row."""
        ranked = self._ranked(said or "")
        silent = Outcome.REFUSED if said is None else Outcome.UNPARSED
        right = self._classes.right(sample.target, sample.target_number)
        return {
            "run_id": self._run_id,
            "sample_id": sample.id,
            "outcome": Outcome.ANSWERED if ranked else silent,
            "label": ranked[0] if ranked else None,
            "in_vocabulary": ranked[0] in self._classes.labels if ranked else None,
            "ranked": ranked or None,
            "rank": rank(ranked, right),
        }

    def _ranked(self, said: str) -> list[str]:
        """Return the labels of an answer, as the dataset spells them where it knows them."""
        written = (word.strip() for word in said.split(","))
        return [self._known.spelled(word) or word for word in written if word]


def _run(run_id: UUID, dataset: Dataset, release: Release, *, system: str, now: datetime) -> Run:
    """Return a completed run without its outcomes."""
    condition, size = release.condition, dataset.sample_count
    return Run(
        id=run_id,
        origin=Origin.PUBLISHED,
        system=system,
        dataset_id=dataset.id,
        condition=condition.model_dump(mode="json"),
        repeat=1,
        position=0,
        seed=0,
        batch_size=release.spec.batch_size or BATCH_SIZES[condition.modality],
        status=Status.COMPLETED,
        created_at=now,
        started_at=now,
        finished_at=now,
        samples=size,
        planned=size,
    )
