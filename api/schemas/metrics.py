"""Bodies of metrics."""

from typing import Any, Self

from pydantic import BaseModel, Field

from core import datasets
from core.bodies.metrics import RunFigures
from core.progress import RunDetail
from core.references import beside
from core.rules.metrics import METRICS
from core.rules.scoring import Metrics


class RunMetrics(RunFigures):
    """The figures of a run, and what it is a run of."""

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
