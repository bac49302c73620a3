"""Errors, in OpenAI's words; other wires say the same in theirs."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.responses import Response

Body = dict[str, Any]


class WireError(Exception):
    """A reply that is an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        result: str,
        kind: str | None = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.result = result
        """What the request log calls it."""
        self.headers = dict(headers or {})
        self.facts = dict(facts or {})
        """What other wires make their own words of."""
        self.error = {"message": message, "type": kind, "param": param, "code": code} | dict(
            extra or {}
        )

    def response(self, headers: Mapping[str, str]) -> Response:
        """Return the reply, with `headers` besides its own."""
        return json_response({"error": self.error}, self.status, {**headers, **self.headers})


def json_response(body: Body, status: int, headers: Mapping[str, str]) -> Response:
    """Return a JSON reply."""
    return Response(
        orjson.dumps(body), status, headers=dict(headers), media_type="application/json"
    )


def wrong_key(key: str | None) -> WireError:
    """Return the 401 for a missing or unknown key; of the key only its ends are told."""
    address = "https://platform.openai.com/account/api-keys"
    if key is None:
        return WireError(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an "
            f"API key from {address}.",
            result="unauthorized",
        )
    return WireError(
        401,
        f"Incorrect API key provided: {masked(key)}. You can find your API key at {address}.",
        result="unauthorized",
        code="invalid_api_key",
    )


def masked(key: str) -> str:
    """Return a key with all but its ends starred out."""
    ends = 4
    if len(key) <= 2 * ends:
        return "*" * len(key)
    return key[:ends] + "*" * (len(key) - 2 * ends) + key[-ends:]


def identity_of(*parts: str) -> str:
    """Return an id that the same request in the same order always gets."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:29]


def invalid_body(error: ValidationError) -> WireError:
    """Return the 400 for the first thing wrong with a request's body."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    facts = {"where": where or "body", "fault": first["msg"]}
    if first["type"] == "json_invalid":
        message = (
            "We could not parse the JSON body of your request. (HINT: This likely means you "
            "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, "
            "but what was sent was not valid JSON.)"
        )
        return WireError(400, message, result="rejected", facts=facts)
    if first["type"] == "missing":
        return WireError(
            400,
            f"Missing required parameter: '{where}'.",
            result="rejected",
            param=where,
            code="missing_required_parameter",
            facts=facts,
        )
    return WireError(
        400,
        f"Invalid value for '{where}': {first['msg']}.",
        result="rejected",
        param=where,
        code="invalid_value",
        facts=facts,
    )


def duration(seconds: float) -> str:
    """Write a wait as the provider does: `17ms`, `1.5s`, `6m0s`, `1h2m3s`."""
    if seconds < 1:
        return f"{max(0, math.ceil(seconds * 1000))}ms"
    if seconds < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{round(seconds, 3):g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"
