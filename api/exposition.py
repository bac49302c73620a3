"""The census as Prometheus reads it."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from core import __version__
from core.census import Census, ModelKey
from core.rules.money import dollars
from core.rules.room import Health
from core.rules.stalls import StallCode
from core.rules.standings import CredentialStanding, ModelStanding
from core.rules.states import OPEN_REQUEST, Status
from core.rules.webhooks import OPEN, OVER
from core.vocabulary import Outcome, Result
from core.workers import lives

Values = Mapping[tuple[str, ...], float]

OF_MODEL = ["team", "model"]
"""What tells a model from all others."""


class Families:
    """The metric families of one census; a collector, as prometheus_client calls it."""

    def __init__(self, census: Census, now: datetime) -> None:
        self._census = census
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield InfoMetricFamily("gerbench", "This service", value={"version": __version__})
        yield from self._queue()
        yield from self._workers()
        yield from self._totals()
        yield from self._limits()
        yield from self._budgets()
        yield from self._webhooks()

    def _queue(self) -> Iterator[Metric]:
        """Yield what is to be done, and what does not move."""
        census = self._census
        yield gauge(
            "runs", "Runs by status", ["status"], {(s,): census.runs.get(s, 0) for s in Status}
        )
        yield gauge(
            "requests",
            "Requests in the queue by state",
            ["state"],
            {(s,): census.requests.get(s, 0) for s in sorted(OPEN_REQUEST)},
        )
        yield gauge(
            "oldest_due_seconds",
            "How long the request that is due longest could have been sent",
            [],
            {(): census.oldest_due_seconds},
        )
        yield gauge(
            "expired_leases",
            "Requests of dead workers that nobody has taken back",
            [],
            {(): census.expired_leases},
        )
        yield gauge(
            "stalled_jobs",
            "Jobs that do not move, by why",
            ["code"],
            {(c,): census.stalled.get(c, 0) for c in StallCode},
        )

    def _workers(self) -> Iterator[Metric]:
        """Yield who works."""
        census = self._census
        yield gauge("workers", "Workers that live", [], {(): census.alive})
        ticks = [worker.ticked_at for worker in census.workers if worker.ticked_at is not None]
        age: Values = {(): (self._now - max(ticks)).total_seconds()} if ticks else {}
        yield gauge("tick_age_seconds", "Since the last tick, to 5 s; none: never", [], age)
        yield gauge(
            "spool_bytes",
            "Replies on the disk of a worker that lives, which no database has",
            ["worker"],
            {(w.owner,): w.spool_bytes for w in census.workers if lives(w, now=self._now)},
        )
        yield counter(
            "rescued_requests",
            "Requests taken back from workers that died, by who took them",
            ["worker"],
            {(worker.owner,): worker.rescued for worker in census.workers},
        )

    def _totals(self) -> Iterator[Metric]:
        """Yield what was done for each model."""
        totals = self._census.totals
        for name, words, column in COUNTERS:
            values: Values = {model: totals[model][column] for model in totals}
            yield counter(name, words, OF_MODEL, values)
        for name, words, column in DOLLARS:
            spent: Values = {model: dollars(totals[model][column]) for model in totals}
            yield counter(name, words, OF_MODEL, spent)
        yield gauge(
            "unknown_attempts",
            "Attempts whose end nobody heard: possibly billed",
            OF_MODEL,
            {model: totals[model]["unknown_attempts"] for model in totals},
        )
        yield gauge(
            "samples",
            "Samples of all runs, by outcome",
            [*OF_MODEL, "outcome"],
            {
                key: count
                for model in totals
                for key, count in _samples(model, totals[model]).items()
            },
        )
        yield gauge(
            "recent_attempts",
            "Attempts sent within a minute, by result",
            [*OF_MODEL, "result"],
            {
                (*model, result): self._census.recent.get((model, result), 0)
                for model in totals
                for result in Result
            },
        )

    def _limits(self) -> Iterator[Metric]:
        """Yield how the limits of each credential stand."""
        standings = self._census.standings
        used: dict[tuple[str, ...], float] = {}
        allowed: dict[tuple[str, ...], float] = {}
        health: dict[tuple[str, ...], float] = {}
        calls: dict[tuple[str, ...], float] = {}
        for key, each in _credentials(standings):
            calls[key] = each.in_flight
            health |= {(*key, h): float(each.health is h) for h in Health}
            allowed[*key, "concurrency"] = each.concurrency
            used[*key, "concurrency"] = each.in_flight
            for name in ("rpm", "tpm", "rpd"):
                room = getattr(each, name)
                used[*key, name] = room.used
                if room.effective is not None:
                    allowed[*key, name] = room.effective
        of = [*OF_MODEL, "credential"]
        yield gauge("limit_used", "Of a limit, as a worker last saw it", [*of, "limit"], used)
        yield gauge("limit_allowed", "A limit that is known", [*of, "limit"], allowed)
        yield gauge("calls_under_way", "Calls that are out", of, calls)
        yield gauge("credential_health", "1 for the one it has", [*of, "health"], health)
        yield gauge(
            "standing_age_seconds",
            "Since a worker last looked at a model's limits; grows while nothing calls it",
            OF_MODEL,
            {model: (self._now - at).total_seconds() for model, (at, _) in standings.items()},
        )

    def _budgets(self) -> Iterator[Metric]:
        """Yield what teams spend, and may."""
        for name, words, nanos in (
            (
                "team_spend_usd",
                "Of this month in UTC, with the most that calls under way may cost",
                self._census.spent,
            ),
            ("team_budget_usd", "A month's; none: no bound", self._census.budgets),
        ):
            yield gauge(name, words, ["team"], {(t,): dollars(n) for t, n in nanos.items()})

    def _webhooks(self) -> Iterator[Metric]:
        """Yield what is told to webhooks."""
        census = self._census
        for name, words, states, counted in (
            ("deliveries", "Messages to webhooks that are not over", OPEN, census.deliveries),
            ("recent_deliveries", "Messages that were over within a day", OVER, census.told),
        ):
            values: Values = {(s,): counted.get(s, 0) for s in sorted(states)}
            yield gauge(name, words, ["state"], values)
        yield gauge(
            "late_delivery_seconds",
            "How late the message is that is due longest",
            [],
            {(): census.late_delivery_seconds},
        )


COUNTERS = (
    ("attempts", "Attempts begun", "attempts"),
    ("prompt_tokens", "Tokens sent, as providers counted them", "prompt_tokens"),
    ("completion_tokens", "Tokens received, as providers counted them", "completion_tokens"),
    ("dropped_answers", "Raw answers dropped, as they were kept long enough", "raw_dropped"),
)
DOLLARS = (("cost_usd", "US dollars spent, at the models' prices", "cost_nano"),)


def render(census: Census, now: datetime) -> bytes:
    """Return a census in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(census, now))
    return generate_latest(registry)


def gauge(name: str, words: str, labels: list[str], values: Values) -> Metric:
    """Return a family of values that go up and down."""
    family = GaugeMetricFamily(f"gerbench_{name}", words, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def counter(name: str, words: str, labels: list[str], values: Values) -> Metric:
    """Return a family of values that only go up."""
    family = CounterMetricFamily(f"gerbench_{name}", words, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def _samples(model: ModelKey, totals: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    """Return a model's samples by outcome, those without one too."""
    ended: dict[tuple[str, ...], int] = {
        (*model, outcome.value): totals[outcome] for outcome in Outcome
    }
    return {**ended, (*model, "pending"): totals["samples"] - sum(ended.values())}


def _credentials(
    standings: Mapping[ModelKey, tuple[datetime, ModelStanding]],
) -> Iterator[tuple[tuple[str, str, str], CredentialStanding]]:
    """Yield each credential of each model, by both names."""
    for model, (_, standing) in standings.items():
        for each in standing.credentials:
            yield (*model, each.credential), each
