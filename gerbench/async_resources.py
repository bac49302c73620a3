"""Jobs, runs, datasets and models for a program in asyncio: `gerbench.AsyncClient`, with types.

As `gerbench.resources`, method by method; a test holds the two together.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from pydantic import PrivateAttr

from core.bodies.inputs import DatasetBody, DatasetImportedBody, ModelBody
from core.bodies.metrics import RunFigures
from core.bodies.work import JobBody, PredictionBody, RunBody
from core.rules.quotes import Quote
from gerbench.aio import AsyncClient
from gerbench.peer import Json, path
from gerbench.typed import INTERVAL_S, MOVING, Told, archive, form, frame, once, submission, teller

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class AsyncRun(RunBody):
    """One pass of one model under one condition over the samples, as it was when it was asked."""

    _client: AsyncClient = PrivateAttr()

    @classmethod
    def of(cls, client: AsyncClient, body: Any) -> Self:
        """Return a run that can be asked about itself."""
        run = cls.model_validate(body)
        run._client = client  # noqa: SLF001 - its own
        return run

    async def refresh(self) -> "AsyncRun":
        """Return the run as it is now."""
        return AsyncRun.of(self._client, await self._client.repeat("GET", path("runs", self.id)))

    async def metrics(self) -> RunFigures:
        """Return its figures; while it runs, over the samples that have ended."""
        return RunFigures.model_validate(
            await self._client.repeat("GET", path("runs", self.id, "metrics"))
        )

    async def predictions(self, *, outcome: str | None = None) -> AsyncIterator[PredictionBody]:
        """Yield what it says of each sample, in the dataset's order, read page by page."""
        place = path("runs", self.id, "predictions")
        async for item in self._client.items(place, outcome=outcome):
            yield PredictionBody.model_validate(item)

    async def to_pandas(self) -> "pd.DataFrame":
        """Return its predictions as a pandas frame, in the columns of an export."""
        return frame("pandas", await self._parquet())

    async def to_polars(self) -> "pl.DataFrame":
        """Return its predictions as a polars frame, in the columns of an export."""
        made: pl.DataFrame = frame("polars", await self._parquet())
        return made

    async def export(self, file: Path | str, *, format: str = "csv") -> None:  # noqa: A002 - as the API
        """Write its predictions to a file: csv, jsonl or parquet."""
        with await asyncio.to_thread(Path(file).open, "wb") as out:
            await self._client.download(path("runs", self.id, "export"), out, format=format)

    async def _parquet(self) -> BytesIO:
        held = BytesIO()
        await self._client.download(path("runs", self.id, "export"), held, format="parquet")
        return held


class AsyncJob(JobBody):
    """One submission, as it was when it was asked about."""

    runs: tuple[AsyncRun, ...]

    _client: AsyncClient = PrivateAttr()

    @classmethod
    def of(cls, client: AsyncClient, body: Any) -> Self:
        """Return a job that can be asked about itself."""
        job = cls.model_validate(body)
        job._client = client  # noqa: SLF001 - its own
        for run in job.runs:
            run._client = client  # noqa: SLF001
        return job

    async def wait(
        self,
        *,
        progress: bool | Told = False,
        interval: float = INTERVAL_S,
    ) -> "AsyncJob":
        """Return the job once nothing moves it on: it has ended, or is paused for a `reason`.

        `progress` tells how far it is, on standard error or to a function. A service that is
        started again meanwhile is waited for some seconds. `asyncio.timeout` bounds it; the job
        goes on.
        """
        tell = teller(progress)
        job = await self.refresh()
        tell(job)
        while job.status in MOVING:
            await asyncio.sleep(interval)
            job = await self.refresh()
            tell(job)
        return job

    async def refresh(self) -> "AsyncJob":
        """Return the job as it is now."""
        return AsyncJob.of(self._client, await self._client.repeat("GET", path("jobs", self.id)))

    async def cancel(self) -> "AsyncJob":
        """End it for good; what was answered is kept."""
        return await self._moved("cancel")

    async def pause(self) -> "AsyncJob":
        """Send nothing new until it is resumed."""
        return await self._moved("pause")

    async def resume(self) -> "AsyncJob":
        """Go on with what is paused."""
        return await self._moved("resume")

    async def retry(self) -> "AsyncJob":
        """Ask again about the samples that failed."""
        return await self._moved("retry")

    async def _moved(self, move: str) -> "AsyncJob":
        return AsyncJob.of(self._client, await self._client.post(path("jobs", self.id, move)))


class AsyncJobs:
    """The jobs of a service."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def submit(
        self,
        dataset: str,
        models: str | Sequence[str],
        *,
        conditions: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> AsyncJob:
        """Submit an evaluation; `more` are the other fields of the body, such as `repeats`.

        Sent again by itself where no answer came; the key it carries makes that one job.
        """
        body, headers = submission(dataset, models, conditions, more), once(idempotency_key)
        made = await self._client.repeat("POST", path("jobs"), json=body, headers=headers)
        return AsyncJob.of(self._client, made)

    async def quote(
        self,
        dataset: str,
        models: str | Sequence[str],
        *,
        conditions: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Quote:
        """Return what a job would need: requests, tokens, dollars, time. Nothing is sent."""
        body = submission(dataset, models, conditions, more)
        return Quote.model_validate(
            await self._client.repeat("POST", path("jobs", "quote"), json=body)
        )

    async def get(self, job_id: UUID | str) -> AsyncJob:
        """Return a job."""
        return AsyncJob.of(self._client, await self._client.repeat("GET", path("jobs", job_id)))

    async def list(
        self, *, status: str | None = None, limit: int | None = None
    ) -> AsyncIterator[AsyncJob]:
        """Yield jobs, the latest first."""
        async for item in self._client.items(path("jobs"), limit=limit, status=status):
            yield AsyncJob.of(self._client, item)


class AsyncRuns:
    """The runs of a service."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def get(self, run_id: UUID | str) -> AsyncRun:
        """Return a run."""
        return AsyncRun.of(self._client, await self._client.repeat("GET", path("runs", run_id)))

    async def list(
        self,
        *,
        job: UUID | str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AsyncRun]:
        """Yield runs, the latest submitted first."""
        async for item in self._client.items(path("runs"), limit=limit, job=job, status=status):
            yield AsyncRun.of(self._client, item)

    async def metrics(
        self,
        *,
        dataset: str | None = None,
        task: str | None = None,
        model: str | None = None,
        job: UUID | str | None = None,
    ) -> AsyncIterator[RunFigures]:
        """Yield the stored figures of runs that ended."""
        wanted: Json = {"dataset": dataset, "task": task, "model": model, "job": job}
        async for item in self._client.items(path("metrics"), **wanted):
            yield RunFigures.model_validate(item)


class AsyncDatasets:
    """The datasets of a service."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def add(
        self, source: Path | str, *, name: str, skip_faulty: bool = False, **spec: Any
    ) -> DatasetImportedBody:
        """Import a folder, an archive or a manifest from this machine; `spec` as the API has it."""
        told = form({"name": name, **spec}, skip_faulty=skip_faulty)
        file, filename = await asyncio.to_thread(archive, source)
        with file:
            made = await self._client.upload(
                path("datasets"), told, "archive", file, filename=filename
            )
        return DatasetImportedBody.model_validate(made)

    async def get(self, reference: str) -> DatasetBody:
        """Return the newest version under a name, or `name@digest`."""
        return DatasetBody.model_validate(
            await self._client.repeat("GET", path("datasets", reference))
        )

    async def list(self) -> AsyncIterator[DatasetBody]:
        """Yield every version, by name."""
        async for item in self._client.items(path("datasets")):
            yield DatasetBody.model_validate(item)


class AsyncModels:
    """The models of a service."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def add(self, name: str, *, base_url: str, model: str, **spec: Any) -> ModelBody:
        """Declare a model; `spec` are the other fields of the body, such as `limits`."""
        body = {"name": name, "base_url": base_url, "model": model, **spec}
        return ModelBody.model_validate(await self._client.post(path("models"), body))

    async def get(self, name: str) -> ModelBody:
        """Return a model."""
        return ModelBody.model_validate(await self._client.repeat("GET", path("models", name)))

    async def list(self) -> AsyncIterator[ModelBody]:
        """Yield the models, by name."""
        async for item in self._client.items(path("models")):
            yield ModelBody.model_validate(item)

    async def change(self, name: str, **changes: Any) -> ModelBody:
        """Change some fields of a model."""
        return ModelBody.model_validate(await self._client.patch(path("models", name), changes))

    async def remove(self, name: str) -> None:
        """Remove a model; the runs that it made stay."""
        await self._client.delete(path("models", name))

    async def check(self, name: str) -> Json:
        """Let the service make one small call, and return what it came to."""
        found: Json = await self._client.post(path("models", name, "check"), patient=True)
        return found
