"""Azure OpenAI's chat completions: the deployment in the path, the key in a header of its own."""

import math
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gerbench.endpoint.wire import WireError, json_response
from gerbench.endpoint.wires.openai import limits, signature
from gerbench.endpoint.wires.openai_chat import completion, read

__all__ = ["NAME", "completion", "failure", "key", "limits", "read", "signature"]

NAME = "azure-chat"


def key(request: Request) -> str | None:
    """Return the key; raises WireError for an address without the version that it needs."""
    if "api-version" not in request.query_params:
        raise WireError(404, "Resource not found", result="rejected", kind=None, code="404")
    return request.headers.get("api-key") or None


def failure(error: WireError) -> Response:
    """Return an error in Azure's words; what is not its own it passes on from OpenAI."""
    words = _words(error)
    if words is None:
        return error.response({})
    body: dict[str, Any] = {"error": {"code": str(error.status), "message": words}}
    return json_response(body, error.status, error.headers)


def _words(error: WireError) -> str | None:
    match error.result:
        case "unauthorized":
            return (
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to"
                " provide a valid key for an active subscription and use a correct regional API"
                " endpoint for your resource."
            )
        case "rate_limited" if "wait" in error.facts:
            return (
                f"Requests to the ChatCompletions_Create Operation under Azure OpenAI API have"
                f" exceeded {_rate(error.facts)} rate limit of your current pricing tier. Please"
                f" retry after {math.ceil(error.facts['wait'])} seconds."
            )
        case _:
            return None


def _rate(facts: Mapping[str, Any]) -> str:
    return "token" if facts["rate"] == "tpm" else "call"
