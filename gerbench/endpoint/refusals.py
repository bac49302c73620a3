"""Refusals, in each of the four forms that providers use."""

from dataclasses import dataclass, field
from typing import Any

from gerbench.endpoint.draws import Draw, is_forbidden, unit
from gerbench.endpoint.options import EndpointOptions, Form
from gerbench.endpoint.prompts import Ask
from gerbench.endpoint.wire import WireError

FORMS: tuple[Form, ...] = ("http", "filter", "field", "prose")
WORDS = (
    "I'm sorry, but I can't help with identifying people's emotions in these images.",
    "I'm sorry, I can't assist with that request.",
    "I cannot provide an analysis of the people in these images.",
    "Sorry, I'm not able to help with this content.",
    "I apologize, but I am unable to assist with classifying these images.",
)


@dataclass(frozen=True)
class Spoken:
    """A reply's message and why it ended."""

    message: dict[str, Any] = field(default_factory=dict)
    finish_reason: str = "stop"


def is_refused(ask: Ask, draw: Draw, options: EndpointOptions) -> bool:
    """Tell whether a request is refused: by chance, or for any image in it."""
    if draw.hits("refuse", options.refuse_share):
        return True
    return any(
        is_forbidden(image.data, options.refuse_images_share, options.seed)
        or image.digest.startswith(options.refuse_image)
        for image in ask.images
    )


def refusal(draw: Draw, form: str) -> Spoken:
    """Return a refusal in the form asked for, or raise it if it is an HTTP error."""
    # The body decides where the turn begins, its tries go on from there.
    begin = int(unit(draw.seed, "form", draw.body) * len(FORMS))
    chosen = FORMS[(begin + draw.tries) % len(FORMS)]
    words = WORDS[draw.below("words", len(WORDS))]
    match chosen if form == "rotate" else form:
        case "http":
            raise policy_violation() if draw.unit("policy") < 0.5 else content_filter()  # noqa: PLR2004 - one half each
        case "filter":
            return Spoken({"content": None}, "content_filter")
        case "field":
            return Spoken({"content": None, "refusal": words})
        case _:
            return Spoken({"content": words})


def policy_violation() -> WireError:
    """Return the 400 that OpenAI sends."""
    return WireError(
        400,
        "Your input image may contain content that is not allowed by our safety system.",
        result="refused",
        code="content_policy_violation",
    )


def content_filter() -> WireError:
    """Return the 400 that Azure sends."""
    ratings = {
        name: {"filtered": name == "violence", "severity": "high" if name == "violence" else "safe"}
        for name in ("hate", "self_harm", "sexual", "violence")
    }
    return WireError(
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry. To learn more about our content filtering "
        "policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
        result="refused",
        kind=None,
        param="prompt",
        code="content_filter",
        extra={
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": ratings,
            },
        },
    )
