"""Gemini's generateContent."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from gerbench.endpoint.prompts import Ask, Image, asked, image_of
from gerbench.endpoint.throttle import Shown
from gerbench.endpoint.wire import WireError, invalid_body, json_response
from gerbench.endpoint.wires import Said

NAME = "gemini-generate"
BUDGET, LOW_BUDGET = 1120, 280
STATUSES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
STATUSES |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
QUOTAS = {
    "rpm": "GenerateRequestsPerMinutePerProjectPerModel",
    "rpd": "GenerateRequestsPerDayPerProjectPerModel",
    "tpm": "GenerateContentInputTokensPerModelPerMinute",
    "concurrency": "GenerateRequestsConcurrentlyPerProject",
}
RPC = "type.googleapis.com/google.rpc."


class Wanted(BaseModel):
    """Base of what is read: names in camel case, or as they are here."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Blob(Wanted):
    """An image in the body."""

    mime_type: str = Field(pattern="^image/")
    data: str


class Part(Wanted):
    """A part of a turn."""

    text: str | None = None
    inline_data: Blob | None = None


class Content(Wanted):
    """One turn of the conversation."""

    role: Literal["user", "model"] | None = None
    parts: list[Part] = Field(min_length=1)


class Settings(Wanted):
    """How the answer is made."""

    max_output_tokens: int | None = Field(None, ge=1)
    media_resolution: str | None = None


class GenerateBody(Wanted):
    """The part of a request that this endpoint understands."""

    contents: list[Content] = Field(min_length=1)
    system_instruction: Content | None = None
    generation_config: Settings = Settings()


def key(request: Request) -> str | None:
    """Return the key, from its header or from the query."""
    return request.headers.get("x-goog-api-key") or request.query_params.get("key") or None


def read(body: bytes, around: Mapping[str, str]) -> Ask:
    """Return what a request asks; raises WireError."""
    try:
        wanted = GenerateBody.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body(error) from error
    settings = wanted.generation_config
    detail = "low" if settings.media_resolution == "MEDIA_RESOLUTION_LOW" else "high"
    return asked(
        _shown(wanted, detail),
        model=around["model"],
        max_tokens=settings.max_output_tokens,
        count=lambda image: LOW_BUDGET if image.detail == "low" else BUDGET,
    )


def completion(said: Said) -> dict[str, Any]:
    """Return a response with one candidate, whose content may be withheld."""
    prompt, answer, refusal = (
        said.prompt_tokens,
        said.completion_tokens,
        said.message.get("refusal"),
    )
    finish = {"stop": "STOP", "length": "MAX_TOKENS"}.get(said.finish_reason, "SAFETY")
    candidate: dict[str, Any] = {"finishReason": finish, "index": 0}
    if refusal:
        candidate |= {"finishReason": "PROHIBITED_CONTENT", "finishMessage": refusal}
    elif said.text:
        candidate["content"] = {"role": "model", "parts": [{"text": said.text}]}
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": prompt,
            "candidatesTokenCount": answer,
            "totalTokenCount": prompt + answer,
        },
        "modelVersion": said.model,
        "responseId": said.identity,
    }


def failure(error: WireError) -> Response:
    """Return an error in Google's words; a prompt that is refused is none, but a 200."""
    if error.result == "refused":
        feedback = {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}
        return json_response({"promptFeedback": feedback}, 200, {})
    status, words, details = _words(error)
    body = {"code": status, "message": words, "status": STATUSES[status], "details": details}
    return json_response({"error": body}, status, {})


def limits(shown: Mapping[str, Shown]) -> dict[str, str]:
    """Return nothing: this wire tells no limits in headers."""
    del shown
    return {}


def signature(spent_ms: int) -> dict[str, str]:
    """Return the headers that every reply has."""
    return {"server-timing": f"gfet4t7; dur={spent_ms}"}


def _words(error: WireError) -> tuple[int, str, list[dict[str, Any]]]:  # noqa: PLR0911 - one for each kind of error
    """Return an error's status, message and details."""
    facts = error.facts
    match error.result:
        case "unauthorized":
            info = {"@type": f"{RPC}ErrorInfo", "reason": "API_KEY_INVALID"}
            words = "API key not valid. Please pass a valid API key."
            return 400, words, [{**info, "domain": "googleapis.com"}]
        case "quota":
            return _exceeded({"rate": "rpd", "limit": 0})
        case "rate_limited":
            return _exceeded(facts)
        case "503":
            return 503, "The model is overloaded. Please try again later.", []
        case "500":
            return 500, "An internal error has occurred. Please retry.", []
        case "too_large" if "most_images" in facts:
            return 400, f"Request contains too many images: at most {facts['most_images']}", []
        case "too_large":
            return 400, f"Request payload size exceeds the limit: {facts['most']} bytes.", []
        case _ if "where" in facts:
            return 400, f"Invalid value at '{facts['where']}': {facts['fault']}", []
        case _:
            return 400, "Unable to process input image.", []


def _exceeded(facts: Mapping[str, Any]) -> tuple[int, str, list[dict[str, Any]]]:
    """Return the 429 of a quota; a wait stands in its details, and in its words."""
    metric = "generativelanguage.googleapis.com/generate_content_requests"
    violation = {"quotaMetric": metric, "quotaId": QUOTAS[facts["rate"]]}
    violation["quotaValue"] = str(facts["limit"])
    details: list[dict[str, Any]] = [
        {"@type": f"{RPC}QuotaFailure", "violations": [violation]},
    ]
    words = "You exceeded your current quota, please check your plan and billing details."
    if "wait" in facts:
        details.append({"@type": f"{RPC}RetryInfo", "retryDelay": f"{math.ceil(facts['wait'])}s"})
        words += f" Please retry in {facts['wait']:.3f}s."
    return 429, words, details


def _shown(wanted: GenerateBody, detail: str) -> Iterator[str | Image]:
    """Yield texts and images in order."""
    first = [wanted.system_instruction] if wanted.system_instruction else []
    for content in (*first, *wanted.contents):
        for part in content.parts:
            if part.inline_data is not None:
                yield image_of(part.inline_data.data, detail)
            elif part.text is not None:
                yield part.text
