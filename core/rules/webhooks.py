"""Webhooks: what is told, how it is signed, and when what was not taken is sent again.

Messages are signed as the Standard Webhooks specification says, so that its libraries verify them
(https://github.com/standard-webhooks/standard-webhooks, version 1.0.0).
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from http import HTTPStatus

PREFIX = "whsec_"
"""What a secret begins with; the rest is its key, in base64."""
KEY_BYTES = 32

MAX_TRIES = 10
"""After the last one a delivery has failed; a person may send it again."""
FIRST_WAIT_S = 5.0
GROWTH = 4.0
LONGEST_WAIT_S = 6 * 3600.0
"""Waits of 5 s, 20 s, 80 s … 6 h at most: ten tries within about 20 hours."""

OVERLAP = timedelta(days=1)
"""How long a secret that was replaced still signs beside the new one."""


class HookEvent(StrEnum):
    """What a webhook is told of; stable and public."""

    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_PAUSED = "job.paused"
    """By a person, the breaker, a canary that failed, or a budget; with its reason."""
    JOB_STALLED = "job.stalled"
    """Nothing was answered for a while; once for each time that it stands still."""
    JOB_BUDGET_REACHED = "job.budget_reached"
    """Its own budget, or its team's for the month, has no room for a call of it."""
    TEAM_BUDGET_REACHED = "team.budget_reached"
    """The team's budget for the month has no room for a call; once a month and budget."""
    PING = "ping"
    """Somebody wants to see whether messages arrive; no webhook can do without it."""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    DUE = "due"
    """To be sent from `not_before` on. Stays so in a crash."""
    LEASED = "leased"
    """One worker sends it. A crash leaves it here until its lease expires; then it is due again,
    and whoever gets it may have got it before."""
    DELIVERED = "delivered"
    """It was answered with success."""
    FAILED = "failed"
    """Out of tries, or the receiver said that it is gone for good."""
    CANCELLED = "cancelled"
    """Its webhook was switched off before it was sent."""


OVER = frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.CANCELLED})
"""A delivery that stands here has `finished_at`; only a person sends it again."""
OPEN = frozenset(DeliveryState) - OVER
"""A delivery that stands here is still to be sent, or to be heard of."""


@dataclass(frozen=True)
class Answer:
    """What came of one try."""

    status: int | None = None
    """None: no answer came."""
    error: str | None = None
    """Why there is none, or why it is not taken for success."""
    body: bytes = b""
    """The beginning of it."""
    latency_s: float | None = None
    """None: nobody heard."""
    retry_after_s: float | None = None
    """How long the receiver asks to be left alone."""

    @property
    def taken(self) -> bool:
        """Tell whether the receiver has the message."""
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)


@dataclass(frozen=True)
class Next:
    """What becomes of a delivery after a try."""

    state: DeliveryState
    wait: timedelta = timedelta(0)


def after(answer: Answer, tries: int, *, seed: float) -> Next:
    """Return what becomes of a delivery that was tried so often; `seed` is in [0, 1).

    410 means that there is nobody any more, so it is the end of it. Every other answer may pass:
    a receiver that is being set up refuses for a while.
    """
    if answer.taken:
        return Next(DeliveryState.DELIVERED)
    if answer.status == HTTPStatus.GONE or tries >= MAX_TRIES:
        return Next(DeliveryState.FAILED)
    return Next(DeliveryState.DUE, wait_after(tries, seed=seed, asked_s=answer.retry_after_s))


def wait_after(tries: int, *, seed: float, asked_s: float | None = None) -> timedelta:
    """Return the wait after so many tries: it grows fourfold, up to 6 hours.

    `seed` picks a point in the upper half of it, so that what failed together does not come back
    together. A longer wait that the receiver asks for is granted, up to the same 6 hours.
    """
    longest = min(FIRST_WAIT_S * GROWTH ** (min(max(tries, 1), MAX_TRIES) - 1), LONGEST_WAIT_S)
    own = longest * (1.0 + seed) / 2.0
    return timedelta(seconds=max(own, min(asked_s or 0.0, LONGEST_WAIT_S)))


def secret_of(key: bytes) -> str:
    """Return the secret that a random key makes, as its holder is shown it."""
    return PREFIX + b64encode(key).decode()


def signature(secret: str, message_id: str, sent_at: datetime, body: str) -> str:
    """Return one signature: of the id, the moment in whole seconds, and the body, byte for byte."""
    key = b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = f"{message_id}.{int(sent_at.timestamp())}.{body}".encode()
    return "v1," + b64encode(hmac.digest(key, signed, sha256)).decode()


def headers(
    secrets: Iterable[str], message_id: str, sent_at: datetime, body: str
) -> dict[str, str]:
    """Return the headers of a message, signed with each of some secrets.

    The id is that of the delivery, the same in every try; the moment is that of this try.
    """
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(
            signature(secret, message_id, sent_at, body) for secret in secrets
        ),
    }
