"""What the analyses are asked and answer beyond their own bodies."""

from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api.schemas.base import Int64
from core.analyses.cases import Case, CaseFilter
from core.analyses.selection import Selection
from core.figures.drawing import Form, Look, Normalise, Width
from core.vocabulary import Outcome, Task

MAX_NAMED = 500


class TableFormat(StrEnum):
    """How what is a list is shown."""

    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"


class Format(StrEnum):
    """How an analysis is shown."""

    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"
    SVG = "svg"
    PNG = "png"


class SelectionQuery:
    """The runs that an analysis is over; filters alone choose the runs that completed."""

    def __init__(
        self,
        run: Annotated[
            list[UUID] | None,
            Query(max_length=MAX_NAMED, description="These runs, wherever they stand; repeatable"),
        ] = None,
        job: Annotated[UUID | None, Query(description="Runs of this job")] = None,
        dataset: Annotated[
            str | None, Query(max_length=200, description="Of this dataset: name or name@version")
        ] = None,
        model: Annotated[str | None, Query(max_length=200, description="Of this model")] = None,
        task: Annotated[Task | None, Query(description="Of datasets of this task")] = None,
    ) -> None:
        self.selection = Selection(tuple(run or ()), job, dataset, model, task)


TableName = Annotated[
    str | None,
    Query(
        max_length=40,
        description="One table by its name. Without it CSV is the first table; Markdown and LaTeX "
        "are all of them",
    ),
]


class TableQuery:
    """How a list is shown."""

    def __init__(
        self,
        format: Annotated[  # noqa: A002 - the name in the query
            TableFormat, Query(description="JSON, or tables for a paper or a spreadsheet")
        ] = TableFormat.JSON,
        table: TableName = None,
    ) -> None:
        self.format = Format(format)
        self.table = table


class ShownQuery:
    """How an analysis is shown."""

    def __init__(
        self,
        format: Annotated[  # noqa: A002 - the name in the query
            Format,
            Query(description="JSON, tables for a paper or a spreadsheet, or a figure"),
        ] = Format.JSON,
        table: TableName = None,
        width: Annotated[
            Width, Query(description="Of a figure: one column of a page (3.3 in) or both (7 in)")
        ] = Width.PAGE,
    ) -> None:
        self.format = format
        self.table = table
        self.width = width

    def look(self, normalise: Normalise) -> Look | None:
        """Return how a figure is wanted; None if none is."""
        if self.format not in {Format.SVG, Format.PNG}:
            return None
        return Look(Form(self.format), self.width, normalise)


class CaseQuery:
    """Which cases are wanted; what is not given lets everything pass."""

    def __init__(
        self,
        *,
        outcome: Outcome | None = None,
        target: Annotated[
            str | None, Query(max_length=100, description="The true class, or as it is spelled")
        ] = None,
        label: Annotated[
            str | None,
            Query(
                max_length=200,
                description="The answered class, out_of_vocabulary, or the answer as it is spelled",
            ),
        ] = None,
        right: Annotated[
            bool | None,
            Query(description="Is it right? What is not scored is neither right nor wrong"),
        ] = None,
        rank: Annotated[
            int | None,
            Query(ge=0, le=1000, description="Place of the first right label; 0: there is none"),
        ] = None,
        agreement: Annotated[
            str | None,
            Query(
                pattern="^(all|some)$",
                description="`all`: the selected runs give a sample one class; `some`: they differ",
            ),
        ] = None,
        sample: Annotated[
            Int64 | None, Query(description="One sample, by its id: what the runs say of it")
        ] = None,
        against: Annotated[
            UUID | None,
            Query(
                description="Another run: only where that is wrong and this right, or the other way"
            ),
        ] = None,
    ) -> None:
        agreed = None if agreement is None else agreement == "all"
        self.filter = CaseFilter(outcome, target, label, right, rank, agreed, sample, against)


class CaseOut(Case):
    """One prediction, and where its media and its raw exchange are served."""

    media_urls: tuple[str, ...]
    attempt_url: str | None = Field(description="null: no attempt heard anything")

    @classmethod
    def of(cls, case: Case) -> Self:
        """Return a case as it is shown."""
        place = f"/v1/datasets/{case.dataset}/samples/{case.sample_id}/media"
        attempt = case.attempt_id
        return cls(
            **case.model_dump(),
            media_urls=tuple(f"{place}?index={index}" for index in range(case.media)),
            attempt_url=None if attempt is None else f"/v1/attempts/{attempt}",
        )
