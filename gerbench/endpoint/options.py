"""The flags of the local endpoint: what it does that real providers do."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Form = Literal["http", "filter", "field", "prose"]
Fault = Literal["500", "502", "503", "reset", "hang", "drip", "truncated", "html"]


class EndpointOptions(BaseModel):
    """Every flag, with the name it has on the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(0, ge=0, le=65535, description="Port to listen on; 0: any free one")
    seed: int = Field(0, description="Seed of every fault, refusal and jitter")
    log: Path | None = Field(None, description="Append the request log to this file (JSON lines)")

    api_key: tuple[str, ...] = Field((), description="Key that is accepted (repeatable); none: any")
    latency_ms: float = Field(0, ge=0, description="Wait before each reply")
    jitter_ms: float = Field(0, ge=0, description="Latency varies by up to this much, both ways")

    rpm: int | None = Field(None, gt=0, description="Requests a minute, for each key")
    tpm: int | None = Field(None, gt=0, description="Tokens a minute, for each key")
    rpd: int | None = Field(None, gt=0, description="Requests a day, for each key")
    concurrency: int | None = Field(
        None, gt=0, description="Requests under way at once, for each key"
    )
    slots: int | None = Field(
        None, gt=0, description="Requests worked on at once; others stand in line"
    )
    quota: int | None = Field(
        None, ge=0, description="Requests a key may make before insufficient_quota"
    )
    window: Literal["sliding", "fixed", "bucket"] = Field(
        "sliding", description="How limits on rates are counted"
    )
    day_seconds: float = Field(
        86_400, gt=0, description="Length of the day that --rpd is counted over"
    )
    tpm_counts: Literal["actual", "reserved"] = Field(
        "actual", description="Whether unused max_tokens are given back after the answer"
    )
    count_rejected: bool = Field(
        default=False, description="Requests answered with 429 count towards RPM and RPD too"
    )
    limit_headers: bool = Field(
        default=True, description="Send x-ratelimit-* and retry-after headers"
    )

    refuse_share: Share = Field(0, description="Share of requests refused at random")
    refuse_images_share: Share = Field(
        0, description="Share of images, chosen by content, that are always refused"
    )
    refuse_image: tuple[str, ...] = Field(
        (), description="SHA-256 prefix of an image that is always refused (repeatable)"
    )
    refusal_form: Literal[Form, "rotate"] = Field("rotate", description="How a refusal looks")

    fail_share: Share = Field(0, description="Share of requests that fail")
    fail_kind: Literal[Fault, "mix"] = Field(
        "mix", description="How requests fail; mix: 500, 502, 503 and reset"
    )
    truncate_json_share: Share = Field(0, description="Share of replies whose JSON is cut off")
    length_share: Share = Field(0, description="Share of answers cut off by the token limit")
    prose_share: Share = Field(0, description="Share of answers wrapped in prose and fences")
    wrong_count_share: Share = Field(0, description="Share of answers with samples nobody sent")
    missing_share: Share = Field(0, description="Share of answers that leave samples out")
    reorder_share: Share = Field(0, description="Share of answers in another order")
    stray_share: Share = Field(0, description="Share of answers with a label nobody offered")

    max_images: int | None = Field(None, gt=0, description="Images in a request, at most")
    max_body_mb: float | None = Field(None, gt=0, description="Size of a request, at most")

    batch_seconds: float = Field(
        0, ge=0, description="Time that a batch takes; its lines are answered evenly over it"
    )
    batch_window_s: float = Field(
        86_400, gt=0, description="Seconds after which a batch expires with what it has"
    )
    batch_share: Share = Field(
        1, description="Share of a batch's lines that are answered before it expires"
    )
    batch_lines: int | None = Field(
        None, ge=0, description="A batch of more lines fails, as one of too many enqueued tokens"
    )
