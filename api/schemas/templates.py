"""Bodies of /v1/templates."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.schemas.base import Body
from core.previews import Preview
from core.rules.specs import Condition, Name
from core.rules.wording import Change, changes
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
                "name": "brief",
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
    built_in: bool = Field(
        description="Everyone's; a team's own one of the same name and number goes before it"
    )

    @classmethod
    def of(cls, template: Template) -> Self:
        """Return a version as it is shown."""
        return cls(
            id=template.id,
            task=template.task,
            modality=template.modality,
            name=template.name,
            version=template.version,
            text=template.text,
            created_at=template.created_at,
            built_in=template.team_id is None,
        )


class PieceOut(BaseModel):
    """A piece of text that stayed, went or came."""

    model_config = ConfigDict(from_attributes=True)

    change: Change
    text: str


class DiffOut(BaseModel):
    """What a version says otherwise than another."""

    before: TemplateOut | None = Field(description="null: there is none before the first")
    after: TemplateOut
    pieces: list[PieceOut] = Field(
        description="In reading order: without the added ones the text before, without the"
        " removed ones the text after"
    )

    @classmethod
    def of(cls, before: Template | None, after: Template) -> Self:
        """Return the difference of two versions."""
        old = "" if before is None else before.text
        return cls(
            before=None if before is None else TemplateOut.of(before),
            after=TemplateOut.of(after),
            pieces=[PieceOut.model_validate(piece) for piece in changes(old, after.text)],
        )


PREVIEW: dict[str, Any] = {
    "dataset": "demo-faces",
    "template": "observer",
    "model": "local",
    "count": 3,
}


class ShownSample(BaseModel):
    """A sample of a preview."""

    shown_as: str = Field(description="The name that the answer must echo")
    name: str = Field(description="In its dataset")


class PreviewOut(BaseModel):
    """A request exactly as a job would send it, as its attempt would keep it."""

    dataset: str = Field(description="The version that is meant")
    condition: Condition = Field(description="Its template is `unsaved` where a text was given")
    instructions: str = Field(description="All that precedes the samples")
    samples: list[ShownSample]
    sent: dict[str, Any] = Field(description="The body; media are replaced by their digests")
    sent_sha256: str | None = Field(description="Of the body on the wire; null without a model")
    bytes: int | None = Field(description="Of the body on the wire; null without a model")
    tokens: int | None = Field(description="Estimated, answer included; null without a model")

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """Return a preview as it is shown."""
        asked, body = preview.asked, preview.body
        whole = asked.model is not None
        names = asked.context.names(len(asked.names))
        return cls(
            dataset=asked.dataset,
            condition=asked.context.condition,
            instructions=preview.instructions,
            samples=[
                ShownSample(shown_as=shown, name=name)
                for shown, name in zip(names, asked.names, strict=True)
            ],
            sent=body.sent,
            sent_sha256=body.sha256 if whole else None,
            bytes=len(body.content) if whole else None,
            tokens=preview.tokens,
        )
