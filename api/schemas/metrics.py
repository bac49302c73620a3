"""Bodies of metrics."""

from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from core import datasets
from core.progress import RunDetail
from core.references import ReferenceFigure, beside
from core.rules.metrics import METRICS
from core.rules.scoring import Metrics
from core.rules.states import Status
from core.vocabulary import Origin


class RunMetrics(Metrics):
    """The figures of a run, and what it is a run of."""

    run_id: UUID
    origin: Origin
    status: Status
    dataset: str = Field(description="name@version")
    variant: str | None
    model: str
    condition: dict[str, Any]
    repeat: int
    references: tuple[ReferenceFigure, ...] = Field(
        description="Published results on the same dataset"
    )

    @classmethod
    def of(cls, detail: RunDetail, metrics: Metrics, **more: Any) -> Self:
        """Return the figures of a run as they are shown."""
        run = detail.run
        return cls(
            **metrics.model_dump(),
            run_id=run.id,
            origin=run.origin,
            status=run.status,
            dataset=datasets.version(detail.dataset),
            variant=detail.spec.variant,
            model=detail.model,
            condition=run.condition,
            repeat=run.repeat,
            references=beside(
                detail.spec, {name: getattr(metrics, name).value for name in METRICS}
            ),
            **more,
        )


class PublishedRun(RunMetrics):
    """The figures of a published run that was imported."""

    new: bool = Field(description="Whether this import made it, or it was there already")


class PublishedRuns(BaseModel):
    """What an import of published predictions came to."""

    runs: list[PublishedRun]
