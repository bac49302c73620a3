"""The form of a job: what its fields hold, and the submission that they make."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import QueryParams

from core.errors import DomainError
from core.rules.submissions import Submission

SEPARATOR = re.compile(r"[\s,]+")


@dataclass(frozen=True)
class Fields:
    """The fields as they were filled in; empty ones are left to the service."""

    dataset: str
    models: tuple[str, ...]
    color: tuple[str, ...]
    detail: tuple[str, ...]
    template: str
    frames: str
    batch_size: str
    repeats: str
    sample_limit: str
    seed: str
    priority: str
    budget_usd: str
    budget_requests: str
    dispatch: str
    tags: str

    def submission(self) -> Submission:
        """Return the job that is asked for. Raises ValidationError."""
        conditions: dict[str, Any] = {
            "color": self.color,
            "detail": self.detail,
            "template": _several(self.template),
            "frames": _several(self.frames),
        }
        body: dict[str, Any] = {
            "dataset": self.dataset,
            "models": self.models,
            "conditions": {name: value for name, value in conditions.items() if value},
            "repeats": self.repeats,
            "batch_size": _several(self.batch_size),
            "sample_limit": self.sample_limit,
            "seed": self.seed,
            "priority": self.priority,
            "budget_usd": self.budget_usd,
            "budget_requests": self.budget_requests,
            "dispatch": self.dispatch,
            "tags": _tags(self.tags),
        }
        return Submission.model_validate({name: v for name, v in body.items() if v not in ("", ())})


def read(query: QueryParams) -> Fields:
    """Return the fields of a query."""
    words = (
        *("template", "frames", "batch_size", "repeats", "sample_limit", "seed", "priority"),
        *("budget_usd", "budget_requests"),
    )
    return Fields(
        dataset=query.get("dataset", ""),
        models=tuple(query.getlist("models")),
        color=tuple(query.getlist("color")),
        detail=tuple(query.getlist("detail")),
        dispatch=query.get("dispatch", ""),
        tags=query.get("tags", ""),
        **{name: query.get(name, "").strip() for name in words},
    )


def told(error: ValueError | DomainError) -> str:
    """Return what is wrong with a form; where its fields are at fault, field by field."""
    if not isinstance(error, ValidationError):
        return str(error)
    faults = error.errors(include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in faults)


def _several(text: str) -> tuple[str, ...]:
    """Return the values of a field that takes several, separated by commas or blanks."""
    return tuple(part for part in SEPARATOR.split(text) if part)


def _tags(text: str) -> dict[str, str]:
    """Return `key=value` pairs; a word without a value is a tag with an empty one."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}
