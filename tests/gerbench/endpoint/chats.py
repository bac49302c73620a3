"""Chat requests as gerbench and the official client send them."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
from starlette.testclient import TestClient

from gerbench.endpoint import EndpointOptions, LocalEndpoint
from gerbench.endpoint.log import Entry
from gerbench.endpoint.server import Endpoint

LABELS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
INSTRUCTIONS = (
    "You see pictures of faces. Rank the labels by how well they fit.\n"
    f"Labels: {', '.join(LABELS)}\n"
    'Answer with a JSON array of objects {"name": "Image 3", "result": ["best", "second"]}.'
)


def image_part(image: bytes, detail: str = "low") -> dict[str, Any]:
    url = "data:image/jpeg;base64," + base64.b64encode(image).decode()
    return {"type": "image_url", "image_url": {"url": url, "detail": detail}}


def text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def messages(images: Sequence[bytes]) -> list[Any]:
    parts = [text_part(INSTRUCTIONS)]
    for number, image in enumerate(images, 1):
        parts += [text_part(f"Image {number}"), image_part(image)]
    return [{"role": "user", "content": parts}]


def body(images: Sequence[bytes], **more: Any) -> bytes:
    return json.dumps({"model": "fer", "messages": messages(images), **more}).encode()


def asked(parts: Sequence[dict[str, Any]], **more: Any) -> bytes:
    content = [text_part(INSTRUCTIONS), *parts]
    return json.dumps(
        {"model": "fer", "messages": [{"role": "user", "content": content}], **more}
    ).encode()


class InProcess:
    """The endpoint's application without a socket: quick, and all that most tests need."""

    def __init__(self, endpoint: Endpoint, client: TestClient) -> None:
        self._endpoint = endpoint
        self.client = client

    @property
    def log(self) -> list[Entry]:
        return self._endpoint.log.entries()

    def post(self, content: bytes, key: str = "sk-test") -> httpx2.Response:
        return self.client.post(
            "/v1/chat/completions",
            content=content,
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        )


@contextmanager
def in_process(**options: Any) -> Iterator[InProcess]:
    endpoint = Endpoint(EndpointOptions.model_validate(options))
    with TestClient(endpoint.app()) as client:
        yield InProcess(endpoint, client)
    endpoint.close()


def answer_of(response: httpx2.Response) -> Any:
    return json.loads(response.json()["choices"][0]["message"]["content"])


def client_of(endpoint: LocalEndpoint, key: str = "sk-test") -> openai.OpenAI:
    return openai.OpenAI(base_url=endpoint.base_url, api_key=key, max_retries=0, timeout=10)
