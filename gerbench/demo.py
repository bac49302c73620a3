"""The demo: a real model evaluated on real images, all over REST."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from gerbench.client import ApiProblem, Client, Json, path
from gerbench.faces import EXPRESSIONS, draw_faces
from gerbench.packing import pack

DATASET = "demo-faces"

PRICES: Mapping[str, Json] = {
    "gpt-4o": {"input_per_mtok": 2.5, "output_per_mtok": 10.0},
    "gpt-4o-mini": {"input_per_mtok": 0.15, "output_per_mtok": 0.6},
}
"""US dollars for a million tokens, as OpenAI listed them in 2025; other models show tokens."""


def submit(client: Client, model: Json, *, per_class: int) -> str:
    """Make the dataset and the model, submit a job over them, and return its id."""
    dataset = import_faces(client, per_class)
    body = {
        "dataset": dataset["version"],
        "models": [put_model(client, model)],
        "tags": {"made-by": "gerbench demo"},
    }
    return str(client.post(path("jobs"), body)["id"])


def import_faces(client: Client, per_class: int) -> Json:
    """Draw the faces and import them; the same faces again are the same version."""
    spec = {"name": DATASET, "task": "facial_emotion", "modality": "image"}
    with TemporaryDirectory() as folder, TemporaryFile() as archive:
        draw_faces(Path(folder), per_class)
        pack(Path(folder), archive, lambda _: None)
        archive.seek(0)
        fields = {"spec": json.dumps({**spec, "labels": sorted(EXPRESSIONS)})}
        made: Json = client.upload(path("datasets"), fields, "archive", archive)
    return made


def local_model(base_url: str) -> Json:
    """Return the declaration of the network behind the local endpoint; it costs nothing."""
    return {
        "name": "local-fer",
        "base_url": base_url,
        "model": "fer",
        "limits": {"rpm": 600, "concurrency": 8},
        "prices": {"input_per_mtok": 0, "output_per_mtok": 0},
    }


def model_from(environment: Mapping[str, str]) -> Json | None:
    """Return the provider's model that the environment names, if it names one."""
    model = environment.get("MODEL")
    if not model or not environment.get("OPENAI_API_KEY"):
        return None
    return {
        "name": re.sub(r"[^a-z0-9._-]+", "-", model.lower()).strip("-._")[:64],
        "base_url": environment.get("OPENAI_BASE_URL", "https://api.openai.com/v1"),
        "model": model,
        "credentials": [{"env": "OPENAI_API_KEY"}],
        "prices": PRICES.get(model),
    }


def put_model(client: Client, spec: Json) -> str:
    """Make a model, or change the one of that name to this declaration; return its name."""
    name = str(spec["name"])
    try:
        client.get(path("models", name))
    except ApiProblem:
        client.post(path("models"), spec)
    else:
        client.patch(path("models", name), {k: v for k, v in spec.items() if k != "name"})
    return name
