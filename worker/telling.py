"""What the log and traces say of calls: names, counts and times; never what was sent or said."""

from urllib.parse import urlsplit

import structlog

from core.attempts import Opened
from core.limiter.interface import Grant
from core.models import DeclaredModel
from core.rules.readings import Exchange, Reading
from core.traces import Attributes
from core.vocabulary import Result

log = structlog.get_logger()


def of_call(model: DeclaredModel, url: str, grant: Grant, opened: Opened) -> Attributes:
    """Return what a trace says of an attempt as it leaves, by OpenTelemetry's names for such."""
    address = urlsplit(url)
    return {
        "http.request.method": "POST",
        "server.address": address.hostname,
        "server.port": address.port,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model.model,
        "gerbench.attempt": opened.id,
        "gerbench.attempt.number": opened.number,
        "gerbench.credential": grant.credential,
    }


def of_reply(exchange: Exchange, reading: Reading) -> Attributes:
    """Return what a trace says of what came back."""
    usage = reading.usage
    return {
        "http.response.status_code": exchange.status,
        "gerbench.result": reading.result,
        "gen_ai.usage.input_tokens": usage.prompt_tokens if usage else None,
        "gen_ai.usage.output_tokens": usage.completion_tokens if usage else None,
    }


def fault_of(reading: Reading) -> str | None:
    """Return the kind of what went wrong in an attempt; None: the model answered."""
    return None if reading.result is Result.ANSWERED else reading.result.value


def attempt(grant: Grant, opened: Opened, exchange: Exchange, reading: Reading) -> None:
    """Write a line on an attempt that is over."""
    log.debug(
        "attempt",
        attempt=opened.id,
        number=opened.number,
        credential=grant.credential,
        result=reading.result,
        status=exchange.status,
        latency_s=round(exchange.latency_s, 3),
    )
