"""Bodies of metrics."""

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field

from core import datasets
from core.progress import RunDetail
from core.rules.scoring import Metrics
from core.rules.states import Status


class RunMetrics(Metrics):
    """The figures of a run, and what it is a run of."""

    run_id: UUID
    origin: Literal["service"] = "service"
    status: Status
    dataset: str = Field(description="name@version")
    variant: str | None
    model: str
    condition: dict[str, Any]
    repeat: int

    @classmethod
    def of(cls, detail: RunDetail, metrics: Metrics) -> Self:
        """Return the figures of a run as they are shown."""
        run = detail.run
        return cls(
            **metrics.model_dump(),
            run_id=run.id,
            status=run.status,
            dataset=datasets.version(detail.dataset),
            variant=detail.spec.variant,
            model=detail.model,
            condition=run.condition,
            repeat=run.repeat,
        )
