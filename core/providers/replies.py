"""What the replies of all wires share: `faults` knows their failures, a wire what was said."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from core.providers.faults import SUCCESS, Fault, judge, named_wait
from core.providers.quotas import told, until_midnight_s
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


@dataclass(frozen=True)
class Spoken:
    """What a document of a wire says, error or none."""

    text: str | None
    usage: Usage | None
    refusal: str | None = None
    """Why it is refused."""
    cut: str | None = None
    """Why it ends at the token limit."""
    error: object = None
    """An error in another place than all wires have it."""


def read(
    exchange: Exchange, spoken: Callable[[Mapping[str, Any]], Spoken], *, now: datetime
) -> Reading:
    """Return what an exchange means. Never raises, whatever the bytes.

    A refusal in plain prose is an answer here; only the parser can tell.
    """
    if exchange.failure is not None or exchange.status is None:
        failure = exchange.failure or Result.RESET
        return Reading(failure, reason=exchange.error or f"no whole reply: {failure}")
    document = _document(exchange.body)
    said = spoken(document)
    fault = _fault(document, said.error, exchange)
    if fault is not None:
        return _failed(exchange, fault, said, now)
    return _completed(exchange, said)


def _failed(exchange: Exchange, fault: Fault, said: Spoken, now: datetime) -> Reading:
    """Return the reading of an error, by the first row that fits."""
    result = judge(exchange.status or 0, fault)
    wait = None
    if result in WAITABLE:
        named = (retry_after(exchange.headers, now), fault.wait_s, named_wait(fault.message))
        wait = next((seconds for seconds in named if seconds is not None), None)
        if fault.for_the_day:
            wait = until_midnight_s(now)
    return Reading(result, usage=said.usage, reason=_reason(fault, exchange), retry_after_s=wait)


def _completed(exchange: Exchange, said: Spoken) -> Reading:
    """Return the reading of a 2xx without an error in it."""
    text, used = said.text, said.usage
    if said.refusal and said.refusal.strip():
        return Reading(Result.REFUSED, text, used, _words(said.refusal, MESSAGE_WORDS))
    if said.cut:
        return Reading(Result.LENGTH, text, used, _words(said.cut, MESSAGE_WORDS))
    if text is None:
        heard = _body_words(exchange) or "an empty body"
        return Reading(Result.MALFORMED, usage=used, reason=f"no answer in the reply: {heard}")
    return Reading(Result.ANSWERED, text, used)


def _fault(top: Mapping[str, Any], hidden: object, exchange: Exchange) -> Fault | None:
    """Return the error a reply holds, or None for a 2xx that holds none.

    Shapes: {"error": {…}} or {"error": "…"}; vLLM and Mistral put code and message at the top;
    FastAPI servers say {"detail": …}; Google tells more in a list of details.
    """
    error = top.get("error") or hidden
    if not error:
        if exchange.status in SUCCESS and top.get("object") != "error":
            return None
        error = top
    detail = mapping(error)
    inner = mapping(detail.get("innererror"))
    codes = (detail.get("code"), inner.get("code"), detail.get("type"), detail.get("status"))
    details = detail.get("details")
    more = told(mappings(details if isinstance(details, list) else [details]))
    words = tuple(str(code).casefold() for code in codes if isinstance(code, str | int))
    spoken = error if isinstance(error, str) else detail.get("message") or detail.get("detail")
    message = spoken if isinstance(spoken, str) and spoken.strip() else _body_words(exchange)
    return Fault(words + more.words, message, more.wait_s)


def _reason(fault: Fault, exchange: Exchange) -> str:
    """Return the provider's own words; of a redirect, which is never followed, also where to."""
    said = _words(fault.message, MESSAGE_WORDS) or "an empty body"
    if exchange.status in REDIRECTION:
        where = _words(exchange.headers.get("location", ""), MESSAGE_WORDS) or "nowhere"
        return f"redirected to {where}: {said}"
    return said if fault.message.strip() else f"HTTP {exchange.status} with {said}"


def _document(body: bytes) -> Mapping[str, Any]:
    """Return the object in a body; Gemini's compatible endpoint wraps errors in a list of one."""
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(decoded, list) and len(decoded) == 1:
        decoded = decoded[0]
    return mapping(decoded)


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a JSON list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def first(value: object) -> Mapping[str, Any]:
    """Return the first item of a JSON list if it is an object, else an empty one."""
    return mapping(value[0]) if isinstance(value, list) and value else {}


def word(value: object) -> str:
    """Return a JSON string, or an empty one in place of anything else."""
    return value if isinstance(value, str) else ""


def textual(content: object) -> str | None:
    """Return what was said: a string, or the texts of a list of parts, joined; None for nothing."""
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else mapping(part).get("text") for part in content]
        content = "".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str) or not content.strip():
        return None
    return _storable(content)


def usage(
    counts: object, prompt: Iterable[str], completion: Iterable[str], *, default: int | None = None
) -> Usage | None:
    """Return the sums of these counts; the first of each must be there, unless it has a default."""
    known = mapping(counts)
    sums = (_sum(known, names, default) for names in (prompt, completion))
    asked, answered = sums
    if not known or asked is None or answered is None:
        return None
    return Usage(asked, answered)


def _sum(counts: Mapping[str, Any], names: Iterable[str], default: int | None) -> int | None:
    """Return a sum of counts of tokens; None where one is no such count."""
    main, *others = names
    found = [counts.get(main, default)]
    found += [counts[name] for name in others if counts.get(name) is not None]
    if not all(type(count) is int and 0 <= count <= MAX_TOKENS for count in found):
        return None
    total = sum(count for count in found if count is not None)
    return total if total <= MAX_TOKENS else None


def _body_words(exchange: Exchange) -> str:
    head = exchange.body[: 4 * BODY_WORDS].decode("utf-8", errors="replace")
    return _words(head, BODY_WORDS)


def _words(text: str, limit: int) -> str:
    return _storable(text.strip()[:limit])


def _storable(text: str) -> str:
    """Return text that PostgreSQL takes: it has no NUL."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
