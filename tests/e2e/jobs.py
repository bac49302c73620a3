"""Datasets, models and jobs over REST, as the tests ask for them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from core.media.refs import from_json
from core.rules.pictures import MediaRef
from gerbench.client import Client, Json, path
from gerbench.endpoint.log import Entry
from gerbench.faces import EXPRESSIONS
from gerbench.packing import pack
from tests.e2e.processes import eventually

LABELS = sorted(EXPRESSIONS)
NO_PACE = {"rpm": 100_000}
"""A model without a known rate starts slowly and finds its level; most tests need not wait."""
ENDED = {"completed", "failed", "cancelled"}


def import_folder(client: Client, folder: Path, name: str = "faces") -> Json:
    """Import a folder for each expression."""
    spec = {"name": name, "task": "facial_emotion", "modality": "image", "labels": LABELS}
    with TemporaryFile() as archive:
        pack(folder, archive, lambda _: None)
        archive.seek(0)
        made: Json = client.upload(path("datasets"), {"spec": json.dumps(spec)}, "archive", archive)
    return made


def name_model(client: Client, base_url: str, name: str = "local", **spec: Any) -> Json:
    """Declare the local endpoint as a model."""
    body = {
        "name": name,
        "base_url": base_url,
        "model": "fer",
        "prices": {"input_per_mtok": 1, "output_per_mtok": 2},
        **spec,
        "limits": {"concurrency": 8, **NO_PACE, **spec.get("limits", {})},
    }
    made: Json = client.post(path("models"), body)
    return made


def submit(client: Client, dataset: str = "faces", model: str = "local", **body: Any) -> Json:
    """Submit a job."""
    made: Json = client.post(path("jobs"), {"dataset": dataset, "models": [model], **body})
    return made


def now(client: Client, job: Json) -> Json:
    """Return a job as it is now."""
    found: Json = client.get(path("jobs", job["id"]))
    return found


def reached(client: Client, job: Json, share: float, seconds: float = 60) -> Json:
    """Return a job once that share of its samples has an outcome."""

    def far_enough() -> Json | None:
        found = now(client, job)
        samples = found["progress"]["samples"]
        return found if samples - found["progress"]["pending"] >= share * samples else None

    return eventually(far_enough, seconds, lambda: now(client, job)["progress"])


def stands(client: Client, job: Json, *statuses: str, seconds: float = 60) -> Json:
    """Return a job once it stands in one of these statuses."""

    def standing() -> Json | None:
        found = now(client, job)
        return found if found["status"] in statuses else None

    return eventually(standing, seconds, lambda: now(client, job))


def ended(client: Client, job: Json, seconds: float = 60) -> Json:
    """Return a job once it has ended."""
    return stands(client, job, *ENDED, seconds=seconds)


def rows(client: Client, job: Json, kind: str, run: int = 0) -> list[Json]:
    """Return all predictions, requests or attempts of one run of a job."""
    return list(client.items(path("runs", job["runs"][run]["id"], kind)))


def said(predictions: Iterable[Json]) -> dict[str, Any]:
    """Return what a run says of each sample, by its name."""
    return {p["sample"]["name"]: (p["outcome"], p["label"], p["ranked"]) for p in predictions}


def images_of(client: Client, dataset: str = "faces") -> dict[str, MediaRef]:
    """Return the one image of each sample, by the sample's name."""
    samples = client.items(path("datasets", dataset, "samples"))
    return {sample["name"]: from_json(sample["media"])[0] for sample in samples}


def sent_images(client: Client, job: Json) -> dict[int, str]:
    """Return the digest of the image of each sample that a job has an outcome for."""
    images = images_of(client)
    samples = (prediction["sample"] for prediction in rows(client, job, "predictions"))
    return {sample["id"]: images[sample["name"]].digest for sample in samples}


def paid(log: Iterable[Entry]) -> Counter[str]:
    """Return how often each image was paid for, by the digest of its bytes."""
    return Counter(image for entry in log if entry.billed for image in entry.images)


def sha256(data: bytes) -> str:
    """Return a digest, hex."""
    return hashlib.sha256(data).hexdigest()


def billed_twice(log: Iterable[Entry]) -> set[str]:
    """Return the images that were paid for more than once."""
    return {image for image, times in paid(log).items() if times > 1}


def counts(values: Iterable[Json], name: str) -> Mapping[str, int]:
    """Return how often each value of a field occurs."""
    return Counter(value[name] for value in values)
