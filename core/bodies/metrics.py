"""The figures of runs as they are answered."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from core.rules.metrics import MetricName
from core.rules.scoring import Metrics
from core.rules.states import Status
from core.vocabulary import Origin


class ReferenceFigure(BaseModel):
    """What a published system scores on the same dataset, and how far our figure is from it."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    system: str
    kind: Literal["supervised", "published"]
    metric: MetricName
    value: float
    delta: float | None = Field(description="Our figure less the system's; null: we have none")


class RunFigures(Metrics):
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
