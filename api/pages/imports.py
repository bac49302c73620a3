"""The page that imports a dataset: an archive, and what its fields say of it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from api.deps import MediaStoreDep, SettingsDep, get_app_settings
from api.pages.forms import told
from api.pages.shell import PageRoute, Visitor, VisitorDep, see_other, shown_to
from api.routes import datasets as rest
from api.rules import MEMBER
from api.uploads import Import, bounded
from core.errors import InvalidInput
from core.imports.layouts import DatasetDraft
from core.vocabulary import Modality, Task

router = APIRouter(prefix="/datasets", include_in_schema=False, route_class=PageRoute)

WORDS = ("name", "task", "modality", "labels", "variant", "skip_faulty")
FAULTS = 20
"""Faults of files that the page lists; the API lists all."""


@dataclass(frozen=True)
class Given:
    """The form as it came: its words, and its file if there was one."""

    words: Mapping[str, str]
    archive: UploadFile | None

    def draft(self) -> DatasetDraft:
        """Return what the words say of the dataset. Raises ValidationError."""
        labels = [label.strip() for label in self.words["labels"].split(",")]
        said = {name: self.words[name] for name in ("name", "task", "modality", "variant")}
        values = {**said, "labels": [label for label in labels if label]}
        return DatasetDraft.model_validate({name: v for name, v in values.items() if v})


async def read_form(request: Request) -> AsyncIterator[Given]:
    """Read the form; its file goes to disk as it comes, and is gone after the request."""
    asked = bounded(request, get_app_settings(request))
    async with asked.form(max_files=1, max_fields=len(WORDS)) as form:
        yield _given(form)


GivenDep = Annotated[Given, Depends(read_form)]


@router.get("/new", dependencies=[MEMBER])
def new_dataset(who: VisitorDep) -> Response:
    """Show the form."""
    return _form(who, dict.fromkeys(WORDS, ""))


@router.post("", dependencies=[MEMBER])
def import_dataset(
    who: VisitorDep, given: GivenDep, store: MediaStoreDep, settings: SettingsDep
) -> Response:
    """Import all of a dataset and show it; or nothing, and show what is wrong."""
    if given.archive is None:
        return _form(who, given.words, fault="Choose the archive to import.")
    try:
        upload = Import(given.draft(), given.archive, bool(given.words["skip_faulty"]))
        made = rest.import_dataset(upload, who.database, store, settings, who.request, Response())
    except ValidationError as error:
        return _form(who, given.words, fault=told(error))
    except InvalidInput as error:
        faults = error.details.get("report", {}).get("errors", [])
        return _form(who, given.words, fault=str(error), faults=faults[:FAULTS])
    return see_other(f"/datasets/{made.version}")


def _given(form: FormData) -> Given:
    words = {name: form.get(name, "") for name in WORDS}
    archive = form.get("archive")
    chosen = isinstance(archive, UploadFile) and archive.filename
    return Given(
        {name: word.strip() if isinstance(word, str) else "" for name, word in words.items()},
        archive if isinstance(archive, UploadFile) and chosen else None,
    )


def _form(who: Visitor, given: Mapping[str, str], fault: str = "", **more: Any) -> Response:
    """Return the page of a dataset to be."""
    return shown_to(
        who,
        "new_dataset.html",
        given=given,
        fault=fault,
        tasks=list(Task),
        modalities=list(Modality),
        **{"faults": [], **more},
    )
