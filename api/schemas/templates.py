"""Bodies of /v1/templates."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.schemas.base import Body
from core.rules.specs import Name
from core.tables import Template
from core.vocabulary import Modality, Task


def _restore_plus(value: object) -> object:
    """Return what was meant by `?modality=image+text`, whose plus stands for a blank."""
    return value.replace(" ", "+") if isinstance(value, str) else value


ModalityQuery = Annotated[Modality, BeforeValidator(_restore_plus)]


class TemplateCreate(Body):
    """A text to ask with; how to answer and the labels are added to it by gerbench."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "terse",
                "task": "facial_emotion",
                "modality": "image",
                "text": "Name the emotion shown by each of these {count} faces.",
            }
        }
    )

    name: Name
    task: Task
    modality: Modality
    text: str = Field(
        min_length=1,
        max_length=20_000,
        description="May hold {labels}, {count} and, for videos, {frames}; other braces doubled",
    )


class TemplateOut(BaseModel):
    """One version of a template; `name@version` stands for it in a condition."""

    id: UUID
    task: Task
    modality: Modality
    name: str
    version: int
    text: str
    created_at: datetime

    @classmethod
    def of(cls, template: Template) -> Self:
        """Return a version as it is shown."""
        return cls.model_validate(template, from_attributes=True)
