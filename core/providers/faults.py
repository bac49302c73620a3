"""How providers fail, on whatever wire.

Everybody who speaks a wire answers alike and fails differently, and gateways pass the words of one
provider on over the wire of another. So there is one table: `ROWS` holds the known failures, each
with who is known to answer so; the first row that fits decides.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

from core.providers.quotas import DAILY, NONE_AT_ALL
from core.vocabulary import Result

SUCCESS = range(200, 300)
CLIENT_FAULTS = frozenset(range(400, 500))
LAST_STATUS = 999
"""HTTP statuses have three digits."""
SEARCHED = 2000
"""Characters of a message in which a wait is looked for."""


@dataclass(frozen=True)
class Fault:
    """An error body, whatever its shape."""

    words: tuple[str, ...]
    """Its codes and types, in lower case."""
    message: str
    """Its message, else the body as text."""
    wait_s: float | None = None
    """The wait that its details name."""

    @property
    def for_the_day(self) -> bool:
        """Tell whether a day's quota is used up, whatever wait is named: that is a short one."""
        return DAILY in self.words or NONE_AT_ALL in self.words


@dataclass(frozen=True)
class Row:
    """A failure that is known: all that is given must fit."""

    result: Result
    statuses: Container[int]
    words: frozenset[str] = frozenset()
    phrase: re.Pattern[str] | None = None

    def fits(self, status: int, fault: Fault) -> bool:
        """Tell whether this row speaks of that reply."""
        return (
            status in self.statuses
            and (not self.words or not self.words.isdisjoint(fault.words))
            and (self.phrase is None or self.phrase.search(fault.message) is not None)
        )


def _phrase(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


REFUSAL_WORDS = frozenset(
    {
        "content_policy_violation",  # OpenAI, Azure: 400 "rejected … by our safety system"
        "content_filter",  # Azure: 400, learn.microsoft.com "Content filtering"
        "responsibleaipolicyviolation",  # Azure: error.innererror.code of the same
        "image_content_policy_violation",  # OpenAI: one of its image error codes
        "bio_policy",  # OpenAI: in a response that failed
        "misalignment_policy_violation",  # the same
        "moderation_blocked",  # OpenAI, newer image models
        "datainspectionfailed",  # Alibaba Model Studio: 400
        "data_inspection_failed",  # the same through its OpenAI-compatible mode
    }
)
QUOTA_WORDS = frozenset(
    {
        "insufficient_quota",  # OpenAI: 429; the type of credit_balance_exhausted and others
        "billing_hard_limit_reached",  # OpenAI: 400 or 429
        "billing_not_active",  # OpenAI: 429 "Your account is not active"
        "billing_error",  # Anthropic: 402, or another status behind a gateway
        DAILY,  # Gemini: 429 RESOURCE_EXHAUSTED, its retryDelay a few seconds all the same
        NONE_AT_ALL,  # Gemini: 429, a model that the plan does not include
    }
)
SIZE_WORDS = frozenset(
    {
        "context_length_exceeded",  # OpenAI, Azure, Groq: 400
        "string_above_max_length",  # OpenAI: 400, a text or data URL too long
        "array_above_max_length",  # OpenAI: 400, too many parts
        "image_too_large",  # OpenAI: one of its image error codes
        "image_file_too_large",  # the same, in bytes
        "request_too_large",  # Anthropic: 413, or 400 behind a gateway
        "image_dimensions_too_large",  # Anthropic: 400, beyond 2,000 pixels among many images
    }
)

ROWS: tuple[Row, ...] = (
    Row(Result.REFUSED, CLIENT_FAULTS - {401, 429}, words=REFUSAL_WORDS),
    # OpenAI reasoning models: 400 invalid_prompt "flagged as potentially violating our usage
    # policy". OpenRouter: 403 "requires moderation … your input was flagged". The rest: the
    # sentences of OpenAI and Azure where a gateway dropped the code.
    Row(
        Result.REFUSED,
        frozenset({400, 403}),
        phrase=_phrase(
            r"flagged (?:as|for)",
            r"input was flagged",
            r"our safety system",
            r"content management policy",
            r"ContentPolicyViolationError",  # LiteLLM, whatever the provider behind it said
            r"content filtering policy",  # Anthropic: "Output blocked by content filtering policy"
        ),
    ),
    Row(Result.QUOTA, frozenset({400, 403, 429}), words=QUOTA_WORDS),
    # Anthropic: 400 invalid_request_error "Your credit balance is too low to access the Anthropic
    # API", "You have reached your specified API usage limits. You will regain access on …".
    Row(
        Result.QUOTA,
        frozenset({400, 403, 429}),
        phrase=_phrase(r"credit balance is too low", r"specified (?:API|workspace) usage limits"),
    ),
    # OpenRouter, DeepSeek, Together: 402 is an empty account.
    Row(Result.QUOTA, frozenset({402})),
    # OpenAI: 429 "Request too large for gpt-4o … on tokens per min (TPM): Limit 30000, Requested
    # 30601. The input or output tokens must be reduced": no wait ever lets it through.
    Row(
        Result.TOO_LARGE,
        frozenset({429}),
        phrase=_phrase(r"request too large", r"input or output tokens must be reduced"),
    ),
    # Any other 429, litellm's included, which calls itself `type: internal_server_error`.
    Row(Result.RATE_LIMITED, frozenset({429})),
    Row(Result.TOO_LARGE, frozenset({413})),
    Row(Result.TOO_LARGE, frozenset({400, 403, 422}), words=SIZE_WORDS),
    # vLLM: 400 "At most 5 image(s) may be provided in one request", "maximum model length".
    # Azure: 400 "Too many images in request. Max is 10", "Exceeded maximum number of images (50)".
    # Together: 403 "… must be less than the context length". Anthropic: "prompt is too long",
    # "input length and `max_tokens` exceed context limit", "image exceeds 5 MB maximum", "Too much
    # media: 0 document pages + 101 images > 100", "At least one of the image dimensions exceed max
    # allowed size for many-image requests". Ollama: "only supports a single image per message".
    # Gemini: "The input token count (…) exceeds the maximum number of tokens allowed (…)", and
    # "Request payload size exceeds the limit: 20971520 bytes" with no more to it. OpenAI: "Your
    # input exceeds the context window of this model". LiteLLM: "ContextWindowExceededError: …".
    Row(
        Result.TOO_LARGE,
        frozenset({400, 403, 422}),
        phrase=_phrase(
            r"context (?:length|window)|ContextWindowExceeded",
            r"maximum model length",
            r"prompt is too long",
            r"exceed context limit",
            r"image exceeds [\d.]+ MB maximum",
            r"too much media",
            r"dimensions exceed max allowed size",
            r"only supports (?:a single|one) image",
            r"exceeds the maximum number of tokens",
            r"payload size exceeds the limit",
            r"too many images",
            r"at most \d+ image",
            r"maximum number of images",
            r"maximum of \d+ (?:images|allowed)",
            r"(?:request|payload) (?:body )?(?:is )?too large",
            r"exceeds? the (?:maximum|allowed) (?:(?:request|body|payload) )?size",
        ),
    ),
    # Cloudflare and other gateways block with a page; the credential has no part in it.
    Row(Result.SERVER_ERROR, frozenset({403}), phrase=_phrase(r"\A\s*<")),
    Row(Result.UNAUTHORIZED, frozenset({401, 403})),
    # Gemini: 400 INVALID_ARGUMENT "API key not valid", "… not found", "… expired" with this reason;
    # 400 FAILED_PRECONDITION "User location is not supported for the API use".
    Row(Result.UNAUTHORIZED, frozenset({400}), words=frozenset({"api_key_invalid"})),
    Row(
        Result.UNAUTHORIZED,
        frozenset({400}),
        phrase=_phrase(r"API key (?:not valid|not found|expired)", r"location is not supported"),
    ),
    # Timeout, conflict and too early pass, as do all 5xx; 529 is Anthropic's "overloaded", 499
    # Gemini's CANCELLED, which is not our doing: a call that we give up is never read.
    Row(Result.SERVER_ERROR, frozenset({408, 409, 425, 499})),
    Row(Result.SERVER_ERROR, range(500, LAST_STATUS + 1)),
    # 404 model_not_found, 400 invalid_request_error, unsupported_parameter, invalid_image_format…
    Row(Result.REJECTED, CLIENT_FAULTS),
    Row(Result.REJECTED, range(LAST_STATUS + 1)),
)

IMPLIED: Mapping[str, int] = {
    **dict.fromkeys(REFUSAL_WORDS | SIZE_WORDS, 400),
    **dict.fromkeys(QUOTA_WORDS, 429),
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "invalid_request_error": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "model_not_found": 404,
    "server_error": 500,
    "internal_server_error": 500,
    "overloaded_error": 529,
    # Anthropic's types and Google's statuses.
    "permission_error": 403,
    "not_found_error": 404,
    "api_error": 500,
    "timeout_error": 504,
    "invalid_argument": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "resource_exhausted": 429,
    "internal": 500,
    "unavailable": 503,
    "deadline_exceeded": 504,
    # What a failed response of OpenAI's says of the images in it.
    "invalid_prompt": 400,
    "invalid_image": 400,
    "invalid_image_format": 400,
    "invalid_base64_image": 400,
    "invalid_image_mode": 400,
    "image_too_small": 400,
    "image_parse_error": 400,
    "unsupported_image_media_type": 400,
    "empty_image_file": 400,
}
"""The status that an error inside a 200 would have had, for codes that are words."""


def judge(status: int, fault: Fault) -> Result:
    """Return what a fault means: by the first row that fits, MALFORMED where none can tell.

    OpenRouter reports what fails late inside a 200, with the status as the error's code.
    """
    judged = _implied(fault) if status in SUCCESS else min(status, LAST_STATUS)
    if judged is None:
        return Result.MALFORMED
    return next(row.result for row in ROWS if row.fits(judged, fault))


def _implied(fault: Fault) -> int | None:
    """Return the status that an error inside a 2xx stands for."""
    for word in fault.words:
        if re.fullmatch(r"[45]\d\d", word, re.ASCII):
            return int(word)
        if word in IMPLIED:
            return IMPLIED[word]
    return None


WAIT = re.compile(
    r"\b(?:try again|retry)\s+(?:in|after)\s+((?:\d{1,9}(?:\.\d{1,9})?\s?[a-z]{1,12}\s?)+)",
    re.IGNORECASE,
)
SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s?(ms|mil|[dhms])", re.IGNORECASE)
UNITS: Mapping[str, float] = {
    "ms": 0.001,
    "mil": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}


def named_wait(message: str) -> float | None:
    """Return the wait in an error's words: "try again in 6m0s", "100ms", "after 7 seconds"."""
    named = WAIT.search(message[:SEARCHED])
    if named is None:
        return None
    spans = SPAN.findall(named[1])
    return sum(float(number) * UNITS[unit.casefold()] for number, unit in spans) if spans else None
