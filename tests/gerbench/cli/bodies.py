"""Bodies as the API answers them."""

from typing import Any

JOB = "1f3a9c00-0000-4000-8000-000000000001"
OTHER_JOB = "1f3b0000-0000-4000-8000-000000000002"
RUN = "77aa0000-0000-4000-8000-000000000003"


def progress(answered: int = 0, samples: int = 700, **counts: int) -> dict[str, int]:
    ended = {"refused": 0, "unparsed": 0, "failed": 0} | counts
    pending = samples - answered - sum(ended.values())
    totals = {"requests": 35, "attempts": 36, "unknown_attempts": 0}
    return {"samples": samples, "answered": answered, "pending": pending, **ended, **totals}


def cost(usd: float | None = 0.5) -> dict[str, Any]:
    lost = None if usd is None else 0.0
    return {"usd": usd, "lost_usd": lost, "prompt_tokens": 1000, "completion_tokens": 200}


def run(status: str = "running", **changes: Any) -> dict[str, Any]:
    body = {
        "id": RUN,
        "job": JOB,
        "dataset": "my-faces@0123456789ab",
        "model": "gpt-4o",
        "condition": {
            "modality": "image",
            "template": "default@1",
            "frames": None,
            "color": "rgb",
            "detail": "low",
        },
        "repeat": 1,
        "seed": 0,
        "samples_of": None,
        "batch_size": 20,
        "batch_asked": None,
        "status": status,
        "reason": None,
        "created_at": "2026-11-22T22:00:00.123456Z",
        "started_at": None,
        "canary_passed_at": None,
        "finished_at": None,
        "progress": progress(),
        "cost": cost(),
    }
    return body | changes


def compared(quoted: float | None, actual: float | None) -> dict[str, float | None]:
    ratio = actual / quoted if quoted and actual is not None else None
    return {"quoted": quoted, "actual": actual, "ratio": ratio}


OVERHEAD = {"refused_share": 0.031, "requests": 12, "tokens": 4_100, "usd": 0.08}


def figures(**changes: Any) -> dict[str, Any]:
    body = {
        "samples": 700,
        "requests": 35,
        "prompt_tokens": 64_400,
        "completion_tokens": 17_500,
        "most_completion_tokens": 35_000,
        "usd": 1.2,
        "most_usd": 2.4,
        "overhead": OVERHEAD,
    }
    return body | changes


def quote(**changes: Any) -> dict[str, Any]:
    kind = {
        "model": "gpt-4o",
        "condition": run()["condition"],
        "batch_size": 20,
        "repeats": 1,
        "overhead": {**OVERHEAD, "of": "task", "past_runs": 2},
    }
    model = {
        "model": "gpt-4o",
        "requests": 47,
        "tokens": 81_900,
        "ahead": 0,
        "latency_s": 8.2,
        "seconds": 282.0,
        "bound_by": "rpm",
        "finish_at": "2026-11-22T22:04:42.123456Z",
    }
    body = {
        **figures(),
        "quoted_at": "2026-11-22T22:00:00.123456Z",
        "dataset": "my-faces@0123456789ab",
        "seconds": 282.0,
        "bound_by": "rpm",
        "finish_at": model["finish_at"],
        "models": [model],
        "runs": [figures(**kind)],
    }
    return body | changes


def budget(**changes: Any) -> dict[str, Any]:
    body = {
        "usd": None,
        "requests": None,
        "spent_usd": 0.5,
        "reserved_usd": 0.0,
        "unheard_usd": 0.0,
        "attempts": 12,
    }
    return body | changes


def job(status: str = "running", **changes: Any) -> dict[str, Any]:
    body = {
        "id": JOB,
        "status": status,
        "dataset": "my-faces@0123456789ab",
        "created_at": "2026-11-22T22:00:00.123456Z",
        "started_at": None,
        "finished_at": None,
        "priority": 0,
        "tags": {},
        "progress": progress(),
        "eta_seconds": None,
        "cost": cost(),
        "budget": budget(),
        "quote": quote(),
        "against_quote": {
            "requests": compared(35, 36),
            "tokens": compared(1300, 1200),
            "usd": compared(0.55, 0.5),
            "seconds": compared(60.0, None),
        },
        "reason": None,
        "dispatch": "online",
        "batches": [],
        "runs": [run(status)],
    }
    return body | changes


def batch(state: str = "submitted", **changes: Any) -> dict[str, Any]:
    body = {
        "id": "b47c0000-0000-4000-8000-000000000004",
        "job_id": JOB,
        "model_id": "30de1000-0000-4000-8000-000000000005",
        "credential": "env:OPENAI_API_KEY",
        "state": state,
        "ending": None,
        "lines": 500,
        "completed": 118,
        "failed": 2,
        "file_id": "file-abc",
        "provider_id": "batch_abc",
        "provider_status": "in_progress",
        "created_at": "2026-11-22T22:00:00Z",
        "submitted_at": "2026-11-22T22:00:05Z",
        "expires_at": "2026-11-23T22:00:05Z",
        "cancel_asked_at": None,
        "finished_at": None,
        "poll_at": "2026-11-22T22:01:05Z",
        "reason": None,
    }
    return body | changes


def figure(value: float | None) -> dict[str, Any]:
    if value is None:
        return {"value": None, "ci95": None, "strict": None, "bounds": None}
    return {
        "value": value,
        "ci95": [value - 0.02, value + 0.01],
        "strict": value - 0.1,
        "bounds": [value - 0.1, value + 0.05],
    }


def metrics(labels: tuple[str, ...] = ("anger", "happy"), **changes: Any) -> dict[str, Any]:
    size = len(labels)
    columns = [*labels, "out_of_vocabulary", "refused", "unparsed", "failed"]
    counts = [
        [40 if row == column else 3 for column in range(size)] + [1, 2, 0, 0] for row in range(size)
    ]
    body = {
        "run_id": RUN,
        "origin": "service",
        "status": "completed",
        "dataset": "my-faces@0123456789ab",
        "variant": None,
        "model": "gpt-4o",
        "condition": run()["condition"],
        "repeat": 1,
        "headline": {"metric": "accuracy", "value": 0.7581},
        "samples": 92,
        "answered": 88,
        "refused": 4,
        "unparsed": 0,
        "failed": 0,
        "pending": 0,
        "out_of_vocabulary": 2,
        "scored": 88,
        "accuracy": figure(0.7581),
        "uar": figure(0.6123),
        "weighted_f1": figure(0.5),
        "macro_f1": figure(None),
        "top_k": {"1": 0.7581, "2": 0.9, "3": None},
        "per_class": [
            {"label": label, "precision": 0.9, "recall": 0.8, "f1": None, "support": 44}
            for label in labels
        ],
        "confusion": {"labels": list(labels), "columns": columns, "counts": counts},
        "baselines": {
            "majority": 0.25,
            "random": 0.125,
            "accuracy": {"majority": 0.25, "random": 0.125},
        },
    }
    return body | changes


def request(number: int, parent: int | None = None, **changes: Any) -> dict[str, Any]:
    body = {
        "id": number,
        "parent_id": parent,
        "cause": "planned",
        "state": "done",
        "size": 20,
        "sample_ids": list(range(20)),
        "attempts": 1,
        "failures": 0,
        "throttles": 0,
        "refusals": 0,
        "reason": None,
        "not_before": "2026-11-22T22:00:00Z",
        "created_at": "2026-11-22T22:00:00Z",
        "finished_at": None,
    }
    return body | changes


def rescored(**changes: Any) -> dict[str, Any]:
    lost = {"outcome": "unparsed", "label": None, "ranked": None, "attempt_id": 3}
    found = {"outcome": "answered", "label": "anger", "ranked": ["anger", "sad"], "attempt_id": 3}
    body = {
        "run_id": RUN,
        "applied": False,
        "version": 2,
        "parser_before": 1,
        "parser": 2,
        "replies_read": 35,
        "samples_changed": 3,
        "outcomes_changed": [{"before": "unparsed", "after": "answered", "samples": 3}],
        "samples": [{"id": 7, "name": "anger/7.png", "before": lost, "after": found}],
        "metrics": [
            {"metric": "unparsed", "before": 3, "after": 0, "delta": -3},
            {"metric": "accuracy.value", "before": 0.5, "after": 0.525, "delta": 0.025},
            {"metric": "per_class.sad.f1", "before": None, "after": 0.5, "delta": None},
        ],
    }
    return body | changes
