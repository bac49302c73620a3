"""The OpenAI chat-completions wire: what a reply means; `openai_faults` knows its failures."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from core.providers.openai_faults import SUCCESS, Fault, judge, named_wait
from core.rules.headers import retry_after
from core.rules.readings import Exchange, Reading, Usage
from core.vocabulary import Result

BODY_WORDS = 500
"""Characters of a body without an error message that are kept as the reason."""
MESSAGE_WORDS = 2000
"""Characters of an error message that are kept."""
MAX_TOKENS = 2**31 - 1
"""A larger count is no count of tokens."""

REDIRECTION = range(300, 400)
WAITABLE = frozenset({Result.RATE_LIMITED, Result.QUOTA, Result.SERVER_ERROR})
"""Results that a named wait belongs to."""
CUT = frozenset({"length", "max_tokens", "model_length"})
"""Finish reasons of an answer cut at the token limit: OpenAI, Gemini, Mistral."""


def read(exchange: Exchange, *, now: datetime) -> Reading:
    """Return what an exchange means. Never raises, whatever the bytes.

    A refusal in plain prose is an answer here; only the parser can tell.
    """
    if exchange.failure is not None or exchange.status is None:
        failure = exchange.failure or Result.RESET
        return Reading(failure, reason=exchange.error or f"no whole reply: {failure}")
    document = _decoded(exchange.body)
    fault = _fault(document, exchange)
    if fault is not None:
        return _failed(exchange, fault, document, now)
    return _completed(document, exchange)


def _failed(exchange: Exchange, fault: Fault, document: object, now: datetime) -> Reading:
    """Return the reading of an error, by the first row that fits."""
    result = judge(exchange.status or 0, fault)
    wait = None
    if result in WAITABLE:
        wait = retry_after(exchange.headers, now)
        wait = named_wait(fault.message) if wait is None else wait
    usage = _usage(_mapping(document).get("usage"))
    return Reading(result, usage=usage, reason=_reason(fault, exchange), retry_after_s=wait)


def _completed(document: object, exchange: Exchange) -> Reading:
    """Return the reading of a 2xx without an error in it."""
    choice = _first_choice(document)
    message = _mapping(choice.get("message"))
    usage = _usage(_mapping(document).get("usage"))
    text = _text(message.get("content"))
    finish = str(choice.get("finish_reason")).casefold()
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return Reading(Result.REFUSED, text, usage, _words(refusal, MESSAGE_WORDS))
    # Gemini's compatible endpoint adds its own word: "content_filter: PROHIBITED_CONTENT".
    if finish.startswith("content_filter"):
        return Reading(Result.REFUSED, text, usage, _words(f"finish_reason: {finish}", BODY_WORDS))
    if finish in CUT:
        return Reading(Result.LENGTH, text, usage, f"finish_reason: {finish}")
    if text is None:
        said = _body_words(exchange) or "an empty body"
        return Reading(Result.MALFORMED, usage=usage, reason=f"no answer in the reply: {said}")
    return Reading(Result.ANSWERED, text, usage)


def _fault(document: object, exchange: Exchange) -> Fault | None:
    """Return the error a reply holds, or None for a 2xx that holds none.

    Shapes: {"error": {…}} or {"error": "…"}; Gemini wraps it in a list; vLLM and Mistral put
    code and message at the top; FastAPI servers say {"detail": …}; OpenRouter may put the error
    into the choice.
    """
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    top = _mapping(document)
    error = top.get("error") or _first_choice(document).get("error")
    if not error:
        if exchange.status in SUCCESS and top.get("object") != "error":
            return None
        error = top
    detail = _mapping(error)
    inner = _mapping(detail.get("innererror"))
    codes = (detail.get("code"), inner.get("code"), detail.get("type"), detail.get("status"))
    words = tuple(str(code).casefold() for code in codes if isinstance(code, str | int))
    spoken = error if isinstance(error, str) else detail.get("message") or detail.get("detail")
    message = spoken if isinstance(spoken, str) and spoken.strip() else _body_words(exchange)
    return Fault(words, message)


def _reason(fault: Fault, exchange: Exchange) -> str:
    """Return the provider's own words; of a redirect, which is never followed, also where to."""
    said = _words(fault.message, MESSAGE_WORDS) or "an empty body"
    if exchange.status in REDIRECTION:
        where = _words(exchange.headers.get("location", ""), MESSAGE_WORDS) or "nowhere"
        return f"redirected to {where}: {said}"
    return said if fault.message.strip() else f"HTTP {exchange.status} with {said}"


def _decoded(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first_choice(document: object) -> Mapping[str, Any]:
    choices = _mapping(document).get("choices")
    return _mapping(choices[0]) if isinstance(choices, list) and choices else {}


def _text(content: object) -> str | None:
    """Return what was said: a string, or the texts of a list of parts, joined; None for nothing."""
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else _mapping(part).get("text") for part in content]
        content = "".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str) or not content.strip():
        return None
    return _storable(content)


def _usage(usage: object) -> Usage | None:
    counts = (_mapping(usage).get("prompt_tokens"), _mapping(usage).get("completion_tokens"))
    prompt, completion = (_count(count) for count in counts)
    return None if prompt is None or completion is None else Usage(prompt, completion)


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_TOKENS else None


def _body_words(exchange: Exchange) -> str:
    head = exchange.body[: 4 * BODY_WORDS].decode("utf-8", errors="replace")
    return _words(head, BODY_WORDS)


def _words(text: str, limit: int) -> str:
    return _storable(text.strip()[:limit])


def _storable(text: str) -> str:
    """Return text that PostgreSQL takes: it has no NUL."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
