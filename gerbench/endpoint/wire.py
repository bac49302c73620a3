"""The wire format: completions, errors and headers as the provider writes them."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

Body = dict[str, Any]


class WireError(Exception):
    """A reply that is an error, in the provider's own words."""

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
    ) -> None:
        super().__init__(message)
        self.status = status
        self.result = result
        """What the request log calls it."""
        self.headers = dict(headers or {})
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


def completion(
    *,
    identity: str,
    created: int,
    model: str,
    message: Mapping[str, Any],
    finish_reason: str,
    prompt_tokens: int,
    completion_tokens: int,
) -> Body:
    """Return a chat completion with one choice."""
    return {
        "id": f"chatcmpl-{identity}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "refusal": None} | dict(message),
                "logprobs": None,
                "finish_reason": finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_local",
    }


def identity_of(*parts: str) -> str:
    """Return an id that the same request in the same order always gets."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:29]


def duration(seconds: float) -> str:
    """Write a wait as the provider does: `17ms`, `1.5s`, `6m0s`, `1h2m3s`."""
    if seconds < 1:
        return f"{max(0, math.ceil(seconds * 1000))}ms"
    if seconds < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{round(seconds, 3):g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"
