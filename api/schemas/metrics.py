"""Bodies of metrics."""

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from core import builtin, datasets
from core.progress import RunDetail
from core.rules.metrics import MetricName
from core.rules.scoring import Metrics
from core.rules.states import Status
from core.vocabulary import Origin


class ReferenceOut(BaseModel):
    """What a published system scores on the same dataset, and how far the run is from it."""

    system: str
    kind: Literal["supervised", "published"]
    metric: MetricName
    value: float
    delta: float | None = Field(description="The run's figure less the system's")


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
    references: list[ReferenceOut] = Field(description="Published results on the same dataset")

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
            references=_references(detail, metrics),
            **more,
        )


class PublishedRun(RunMetrics):
    """The figures of a published run that was imported."""

    new: bool = Field(description="Whether this import made it, or it was there already")


class PublishedRuns(BaseModel):
    """What an import of published predictions came to."""

    runs: list[PublishedRun]


def _references(detail: RunDetail, metrics: Metrics) -> list[ReferenceOut]:
    name, variant = detail.dataset.name, detail.spec.variant
    found = []
    for each in builtin.references():
        if (each.dataset, each.variant) == (name, variant):
            own = getattr(metrics, each.metric).value
            found.append(
                ReferenceOut(
                    **each.model_dump(exclude={"dataset", "variant"}),
                    delta=None if own is None else own - each.value,
                )
            )
    return found
