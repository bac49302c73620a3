"""Jobs, runs, datasets and models as a program handles them: `gerbench.Client`, with types.

What comes back is a value that does not change; asking again gives another one. Every method raises
NoService where nothing answers, and ApiProblem, with the problem's `type`, for what is refused.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from pydantic import PrivateAttr

from core.bodies.inputs import DatasetBody, DatasetImportedBody, ModelBody
from core.bodies.metrics import RunFigures
from core.bodies.work import JobBody, PredictionBody, RunBody
from core.rules.quotes import Quote
from gerbench.client import Client
from gerbench.peer import Json, path
from gerbench.typed import INTERVAL_S, MOVING, Told, archive, form, frame, once, submission, teller

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class Run(RunBody):
    """One pass of one model under one condition over the samples, as it was when it was asked."""

    _client: Client = PrivateAttr()

    @classmethod
    def of(cls, client: Client, body: Any) -> Self:
        """Return a run that can be asked about itself."""
        run = cls.model_validate(body)
        run._client = client  # noqa: SLF001 - its own
        return run

    def refresh(self) -> "Run":
        """Return the run as it is now."""
        return self._client.runs.get(self.id)

    def metrics(self) -> RunFigures:
        """Return its figures; while it runs, over the samples that have ended."""
        return RunFigures.model_validate(
            self._client.repeat("GET", path("runs", self.id, "metrics"))
        )

    def predictions(self, *, outcome: str | None = None) -> Iterator[PredictionBody]:
        """Yield what it says of each sample, in the dataset's order, read page by page."""
        place = path("runs", self.id, "predictions")
        for item in self._client.items(place, outcome=outcome):
            yield PredictionBody.model_validate(item)

    def to_pandas(self) -> "pd.DataFrame":
        """Return its predictions as a pandas frame, in the columns of an export."""
        return frame("pandas", self._parquet())

    def to_polars(self) -> "pl.DataFrame":
        """Return its predictions as a polars frame, in the columns of an export."""
        made: pl.DataFrame = frame("polars", self._parquet())
        return made

    def export(self, file: Path | str, *, format: str = "csv") -> None:  # noqa: A002 - as the API
        """Write its predictions to a file: csv, jsonl or parquet."""
        with Path(file).open("wb") as out:
            self._client.download(path("runs", self.id, "export"), out, format=format)

    def _parquet(self) -> BytesIO:
        held = BytesIO()
        self._client.download(path("runs", self.id, "export"), held, format="parquet")
        return held


class Job(JobBody):
    """One submission, as it was when it was asked about."""

    runs: tuple[Run, ...]

    _client: Client = PrivateAttr()

    @classmethod
    def of(cls, client: Client, body: Any) -> Self:
        """Return a job that can be asked about itself."""
        job = cls.model_validate(body)
        job._client = client  # noqa: SLF001 - its own
        for run in job.runs:
            run._client = client  # noqa: SLF001
        return job

    def wait(
        self,
        *,
        progress: bool | Told = False,
        timeout: float | None = None,
        interval: float = INTERVAL_S,
    ) -> "Job":
        """Return the job once nothing moves it on: it has ended, or is paused for a `reason`.

        `progress` tells how far it is, on standard error or to a function. A service that is
        started again meanwhile is waited for some seconds. Raises TimeoutError after `timeout`
        seconds; the job goes on.
        """
        tell, until = teller(progress), None if timeout is None else time.monotonic() + timeout
        job = self.refresh()
        tell(job)
        while job.status in MOVING:
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"job {job.id} is still {job.status} after {timeout} s")
            time.sleep(interval)
            job = self.refresh()
            tell(job)
        return job

    def refresh(self) -> "Job":
        """Return the job as it is now."""
        return self._client.jobs.get(self.id)

    def cancel(self) -> "Job":
        """End it for good; what was answered is kept."""
        return self._moved("cancel")

    def pause(self) -> "Job":
        """Send nothing new until it is resumed."""
        return self._moved("pause")

    def resume(self) -> "Job":
        """Go on with what is paused."""
        return self._moved("resume")

    def retry(self) -> "Job":
        """Ask again about the samples that failed."""
        return self._moved("retry")

    def _moved(self, move: str) -> "Job":
        return Job.of(self._client, self._client.post(path("jobs", self.id, move)))


class Jobs:
    """The jobs of a service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def submit(
        self,
        dataset: str,
        models: str | Sequence[str],
        *,
        conditions: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> Job:
        """Submit an evaluation; `more` are the other fields of the body, such as `repeats`.

        Sent again by itself where no answer came; the key it carries makes that one job.
        """
        body, headers = submission(dataset, models, conditions, more), once(idempotency_key)
        made = self._client.repeat("POST", path("jobs"), json=body, headers=headers)
        return Job.of(self._client, made)

    def quote(
        self,
        dataset: str,
        models: str | Sequence[str],
        *,
        conditions: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Quote:
        """Return what a job would need: requests, tokens, dollars, time. Nothing is sent."""
        body = submission(dataset, models, conditions, more)
        return Quote.model_validate(self._client.repeat("POST", path("jobs", "quote"), json=body))

    def get(self, job_id: UUID | str) -> Job:
        """Return a job."""
        return Job.of(self._client, self._client.repeat("GET", path("jobs", job_id)))

    def list(self, *, status: str | None = None, limit: int | None = None) -> Iterator[Job]:
        """Yield jobs, the latest first."""
        for item in self._client.items(path("jobs"), limit=limit, status=status):
            yield Job.of(self._client, item)


class Runs:
    """The runs of a service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, run_id: UUID | str) -> Run:
        """Return a run."""
        return Run.of(self._client, self._client.repeat("GET", path("runs", run_id)))

    def list(
        self,
        *,
        job: UUID | str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Yield runs, the latest submitted first."""
        for item in self._client.items(path("runs"), limit=limit, job=job, status=status):
            yield Run.of(self._client, item)

    def metrics(
        self,
        *,
        dataset: str | None = None,
        task: str | None = None,
        model: str | None = None,
        job: UUID | str | None = None,
    ) -> Iterator[RunFigures]:
        """Yield the stored figures of runs that ended."""
        wanted: Json = {"dataset": dataset, "task": task, "model": model, "job": job}
        for item in self._client.items(path("metrics"), **wanted):
            yield RunFigures.model_validate(item)


class Datasets:
    """The datasets of a service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(
        self, source: Path | str, *, name: str, skip_faulty: bool = False, **spec: Any
    ) -> DatasetImportedBody:
        """Import a folder, an archive or a manifest from this machine; `spec` as the API has it."""
        told = form({"name": name, **spec}, skip_faulty=skip_faulty)
        file, filename = archive(source)
        with file:
            made = self._client.upload(path("datasets"), told, "archive", file, filename=filename)
        return DatasetImportedBody.model_validate(made)

    def get(self, reference: str) -> DatasetBody:
        """Return the newest version under a name, or `name@digest`."""
        return DatasetBody.model_validate(self._client.repeat("GET", path("datasets", reference)))

    def list(self) -> Iterator[DatasetBody]:
        """Yield every version, by name."""
        for item in self._client.items(path("datasets")):
            yield DatasetBody.model_validate(item)


class Models:
    """The models of a service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(self, name: str, *, base_url: str, model: str, **spec: Any) -> ModelBody:
        """Declare a model; `spec` are the other fields of the body, such as `limits`."""
        body = {"name": name, "base_url": base_url, "model": model, **spec}
        return ModelBody.model_validate(self._client.post(path("models"), body))

    def get(self, name: str) -> ModelBody:
        """Return a model."""
        return ModelBody.model_validate(self._client.repeat("GET", path("models", name)))

    def list(self) -> Iterator[ModelBody]:
        """Yield the models, by name."""
        for item in self._client.items(path("models")):
            yield ModelBody.model_validate(item)

    def change(self, name: str, **changes: Any) -> ModelBody:
        """Change some fields of a model."""
        return ModelBody.model_validate(self._client.patch(path("models", name), changes))

    def remove(self, name: str) -> None:
        """Remove a model; the runs that it made stay."""
        self._client.delete(path("models", name))

    def check(self, name: str) -> Json:
        """Let the service make one small call, and return what it came to."""
        found: Json = self._client.post(path("models", name, "check"), patient=True)
        return found
