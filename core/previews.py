"""Previews: a request exactly as a job would send it, and nothing is sent."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import datasets, models, prompts, runs, templates
from core.media.refs import from_json
from core.media.store import MediaStore
from core.prompts import RunContext, SampleInput
from core.providers.adapters import adapter_for
from core.providers.body import Body
from core.rules.classes import Classes
from core.rules.specs import Capabilities, Condition, DatasetSpec, ModelSpec
from core.rules.submissions import PreviewSpec, batch_size
from core.rules.templates import check
from core.rules.tokens import estimate
from core.tables import Dataset, Sample

NOBODY = ModelSpec.model_validate(
    {"name": "nobody", "base_url": "http://localhost", "model": "nobody"}
)
"""Stands for the model where none is named; of the body only its messages are shown."""
UNSAVED = "unsaved"
"""What the condition of a preview says where its text is no stored template."""


@dataclass(frozen=True)
class Asked:
    """A request to be written: all that is read from the database for it."""

    dataset: str
    """The version that is meant."""
    context: RunContext
    model: ModelSpec | None
    names: tuple[str, ...]
    """Of the samples, in their dataset."""
    samples: tuple[SampleInput, ...]


@dataclass(frozen=True)
class Preview:
    """A request that could be sent."""

    asked: Asked
    instructions: str
    body: Body
    """Without a model, `sent` holds the messages only."""
    tokens: int | None
    """Estimated; None without a model."""


def gather(session: Session, spec: PreviewSpec) -> Asked:
    """Read what the first request of a job would be written from.

    Raises NotFound, InvalidInput or InvalidTemplate as the submission of that job would.
    """
    dataset = datasets.get(session, spec.dataset)
    declared = DatasetSpec.model_validate(dataset.spec)
    condition, text = _template(session, dataset, spec, spec.condition(declared.modality))
    model = None
    if spec.model is not None:
        model = ModelSpec.model_validate(models.get(session, spec.model).spec)
    capabilities = Capabilities() if model is None else model.capabilities
    size = batch_size(condition, capabilities, spec.count)
    ids = runs.seeded_order(session, dataset.id, spec.seed)[:size].tolist()
    found = {row.id: row for row in session.scalars(select(Sample).where(Sample.id.in_(ids)))}
    rows = [found[sample] for sample in ids]
    return Asked(
        datasets.version(dataset),
        RunContext(condition, text, declared.labels, Classes.of(declared)),
        model,
        tuple(row.name for row in rows),
        tuple(
            SampleInput(row.target, row.target_number, row.text, from_json(row.media))
            for row in rows
        ),
    )


def render(store: MediaStore, asked: Asked) -> Preview:
    """Write the request; media are prepared as they are for a run. Raises InvalidMedia."""
    prompt = prompts.write(store, asked.context, asked.samples)
    detail, model = asked.context.condition.detail, asked.model or NOBODY
    body = adapter_for(model.wire).build(model, prompt, detail)
    if asked.model is None:
        body = Body(body.content, {"messages": body.sent["messages"]}, body.sha256)
        return Preview(asked, prompt.instructions, body, None)
    tokens = estimate(prompt, detail, model.image_tokens, model.max_tokens)
    return Preview(asked, prompt.instructions, body, tokens)


def _template(
    session: Session, dataset: Dataset, spec: PreviewSpec, condition: Condition
) -> tuple[Condition, str]:
    """Return the condition with its template pinned, and the template's text."""
    if spec.text is not None:
        check(spec.text, condition.modality)
        return condition.model_copy(update={"template": UNSAVED}), spec.text
    template = templates.resolve(session, dataset.task, condition.modality, spec.template)
    pinned = f"{template.name}@{template.version}"
    return condition.model_copy(update={"template": pinned}), template.text
