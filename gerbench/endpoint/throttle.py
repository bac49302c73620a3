"""Lets requests in, or answers 429 in the provider's words, and tells limits in headers."""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from gerbench.endpoint.limits import MINUTE, WINDOWS, Taken, Window
from gerbench.endpoint.options import EndpointOptions
from gerbench.endpoint.wire import WireError, duration

RATES = {
    "rpm": ("requests per min (RPM)", "requests"),
    "tpm": ("tokens per min (TPM)", "tokens"),
    "rpd": ("requests per day (RPD)", "requests"),
}
CROWDED_SECONDS = 1.0
"""The wait told to a request that came while too many others were under way."""


@dataclass
class Account:
    """What is counted for one key."""

    windows: dict[str, Window]
    under_way: int = 0
    admitted: int = 0


@dataclass(frozen=True)
class Shown:
    """A limit as headers tell it."""

    limit: int
    remaining: int
    reset_s: float


@dataclass
class Admission:
    """A request that was let in, and what it was charged."""

    account: Account
    charges: dict[str, Taken] = field(default_factory=dict)


class Throttle:
    """The limits of all keys."""

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._accounts: dict[str, Account] = defaultdict(self._open)

    def _open(self) -> Account:
        limits = {name: getattr(self._options, name) for name in RATES}
        make = WINDOWS[self._options.window]
        periods = {"rpd": self._options.day_seconds}
        return Account(
            {
                name: make(limit, periods.get(name, MINUTE))
                for name, limit in limits.items()
                if limit
            }
        )

    def admit(self, key: str, *, model: str, tokens: int, now: float) -> Admission:
        """Count a request with so many tokens, or raise the 429 that says why not."""
        account = self._accounts[key]
        amounts = {name: tokens if name == "tpm" else 1 for name in account.windows}
        try:
            self._check(account, model, amounts, now)
        except WireError:
            if self._options.count_rejected:
                for name in account.windows.keys() - {"tpm"}:
                    account.windows[name].take(1, now)
            raise
        charges = {name: account.windows[name].take(amounts[name], now) for name in amounts}
        account.under_way += 1
        account.admitted += 1
        return Admission(account, charges)

    def _check(self, account: Account, model: str, amounts: dict[str, int], now: float) -> None:
        quota, crowd = self._options.quota, self._options.concurrency
        if quota is not None and account.admitted >= quota:
            raise out_of_quota()
        for name, window in account.windows.items():
            wait = window.wait(amounts[name], now)
            if wait > 0:
                used = round(window.used(now))
                raise self._limited(name, model, amounts[name], used=used, wait=wait)
        if crowd is not None and account.under_way >= crowd:
            told = f"concurrent requests: Limit {crowd}, Used {account.under_way}, Requested 1"
            facts = {"rate": "concurrency", "limit": crowd}
            raise self._rate_limit(model, told, "requests", CROWDED_SECONDS, facts)

    def _limited(self, name: str, model: str, amount: int, *, used: int, wait: float) -> WireError:
        title, kind = RATES[name]
        limit: int = getattr(self._options, name)
        if math.isinf(wait):
            return WireError(
                429,
                f"Request too large for {model} in organization org-local on {title}: "
                f"Limit {limit}, Requested {amount}. The input or output tokens must be reduced "
                "in order to run successfully.",
                result="rate_limited",
                kind=kind,
                code="rate_limit_exceeded",
                facts={"rate": name, "limit": limit},
            )
        told = f"{title}: Limit {limit}, Used {used}, Requested {amount}"
        return self._rate_limit(model, told, kind, wait, {"rate": name, "limit": limit})

    def _rate_limit(
        self, model: str, told: str, kind: str, wait: float, facts: dict[str, Any]
    ) -> WireError:
        milliseconds = math.ceil(wait * 1000)
        headers = {
            "retry-after": str(math.ceil(wait)),
            "retry-after-ms": str(milliseconds),
        }
        return WireError(
            429,
            f"Rate limit reached for {model} in organization org-local on {told}. "
            f"Please try again in {duration(milliseconds / 1000)}.",
            result="rate_limited",
            kind=kind,
            code="rate_limit_exceeded",
            headers=headers if self._options.limit_headers else None,
            facts={**facts, "wait": wait} if self._options.limit_headers else facts,
        )

    def settle(self, admission: Admission, tokens: int, now: float) -> None:
        """Count the tokens that were used in place of those reserved, if that is the rule."""
        taken = admission.charges.get("tpm")
        if taken and self._options.tpm_counts == "actual":
            admission.account.windows["tpm"].correct(taken, tokens, now)

    def leave(self, admission: Admission) -> None:
        """Note that a request is no longer under way."""
        admission.account.under_way -= 1

    def shown(self, key: str, now: float) -> dict[str, Shown]:
        """Return the limits that headers tell: requests a minute (else a day), and tokens."""
        if not self._options.limit_headers:
            return {}
        windows = self._accounts[key].windows
        told = {"requests": windows.get("rpm") or windows.get("rpd"), "tokens": windows.get("tpm")}
        return {
            kind: Shown(
                round(window.limit),
                max(0, math.floor(window.limit - window.used(now))),
                window.reset(now),
            )
            for kind, window in told.items()
            if window is not None
        }


def out_of_quota() -> WireError:
    """Return the 429 of a key that has nothing left to spend."""
    return WireError(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, read the docs: "
        "https://platform.openai.com/docs/guides/error-codes/api-errors.",
        result="quota",
        kind="insufficient_quota",
        code="insufficient_quota",
    )
