"""The lines of a batch's files: how a request is read and checked, how a result is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

MAX_LINES = 50_000
TOLD = 50
"""Faults that a failed batch tells of, at most."""

Fault = dict[str, Any]
REQUIRED = ("custom_id", "method", "url", "body")


@dataclass(frozen=True)
class Line:
    """One request of a batch."""

    custom_id: str
    model: str
    body: bytes


def checked(lines: Iterable[bytes], endpoint: str) -> Iterator[Line | Fault]:
    """Yield each line, or what is wrong with it in the provider's words."""
    seen: set[str] = set()
    model: str | None = None
    for number, text in enumerate(lines, start=1):
        if number > MAX_LINES:
            message = f"The batch file contains more than the {MAX_LINES} requests allowed."
            yield fault("too_many_tasks", message)
            return
        line = _read(text, number, endpoint)
        if isinstance(line, Line):
            model = model or line.model
            line = _alone(line, number, seen, model)
        yield line


def _read(text: bytes, number: int, endpoint: str) -> Line | Fault:
    """Return a line by itself, or its fault."""
    try:
        made = orjson.loads(text)
    except orjson.JSONDecodeError:
        made = None
    if not isinstance(made, dict):
        return fault("invalid_json_line", "This line is not parseable as valid JSON.", number)
    for name in REQUIRED:
        if not made.get(name):
            words = f"Missing required parameter: '{name}'."
            return fault("missing_required_parameter", words, number, name)
    if made["method"] != "POST":
        words = f"Invalid value: '{made['method']}'. Supported values are: 'POST'."
        return fault("invalid_method", words, number, "method")
    if made["url"] != endpoint:
        words = "The URL provided for this request does not match the batch endpoint."
        return fault("invalid_url", words, number, "url")
    body = made["body"]
    model = body.get("model") if isinstance(body, dict) else None
    if not isinstance(model, str):
        words = "Missing required parameter: 'body.model'."
        return fault("missing_required_parameter", words, number, "body.model")
    return Line(str(made["custom_id"]), model, orjson.dumps(body))


def _alone(line: Line, number: int, seen: set[str], model: str) -> Line | Fault:
    """Return a line, or the fault of one that does not go with those before it."""
    if line.custom_id in seen:
        words = (
            f"The custom_id '{line.custom_id}' is a duplicate: it must be unique for each request"
            " in a batch."
        )
        return fault("duplicate_custom_id", words, number, "custom_id")
    seen.add(line.custom_id)
    if line.model != model:
        words = (
            f"The model '{line.model}' does not match the model '{model}' of the first request:"
            " a batch may only hold requests to a single model."
        )
        return fault("mismatched_model", words, number, "body.model")
    return line


def fault(code: str, message: str, line: int | None = None, param: str | None = None) -> Fault:
    """Return one entry of a failed batch's `errors.data`."""
    return {"code": code, "message": message, "line": line, "param": param}


def replied(number: str, custom_id: str, status: int, body: Any) -> bytes:
    """Return the line of a request that got an HTTP status, good or bad."""
    response = {"status_code": status, "request_id": f"req_{number}", "body": body}
    return _written(number, custom_id, response, None)


def unreplied(number: str, custom_id: str, code: str, message: str) -> bytes:
    """Return the line of a request that never got as far as a status."""
    return _written(number, custom_id, None, {"code": code, "message": message})


def _written(number: str, custom_id: str, response: Any, error: Any) -> bytes:
    line = {
        "id": f"batch_req_{number}",
        "custom_id": custom_id,
        "response": response,
        "error": error,
    }
    return orjson.dumps(line) + b"\n"
