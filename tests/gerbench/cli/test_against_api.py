"""The command line against the API itself: what one sends, the other takes, and back."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from core.db import Database
from core.settings import Settings
from gerbench.cli.main import app
from gerbench.folder import SERVICE
from tests import rows
from tests.api.apps import app_of

Gerbench = Callable[..., Result]


@pytest.fixture
def folder(sqlite_database: Database, tmp_path: Path) -> Iterator[Path]:
    """The data folder of a running service that has a dataset of 30 texts."""
    with sqlite_database.write.begin() as session:
        rows.dataset(session, 30)
    settings = Settings(
        data=tmp_path, database_url=None, broker_url=None, media_url=None, admin_key=None
    )
    # Already listening: whoever connects before the server has started waits.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        (tmp_path / SERVICE).write_text(json.dumps({"url": url, "pid": 1}))
        (tmp_path / "admin.key").write_text("gb_the-admin-of-this-test\n")
        config = uvicorn.Config(app_of(settings), log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield tmp_path
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def gerbench(folder: Path) -> Gerbench:
    environment = {"GERBENCH_URL": None, "GERBENCH_API_KEY": None, "GERBENCH_DATA": str(folder)}

    def run(*args: str) -> Result:
        return CliRunner().invoke(app, list(args), env=environment)

    return run


def decoded(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


ADD = ("models", "add", "--name", "local", "--base-url", "http://127.0.0.1:9/v1", "--model", "fer")


def test_a_model_is_added_changed_listed_and_removed(gerbench: Gerbench) -> None:
    full = ("--env", "NO_SUCH_KEY", "--rpm", "600", "--concurrency", "4", "--timeout", "5")
    more = ("--images-per-request", "10", "--input-price", "2.5", "--output-price", "10")

    made = decoded(gerbench(*ADD, *full, *more, "--max-tokens", "50", "--json"))
    changed = decoded(gerbench("models", "change", "local", "--rpm", "300", "--json"))
    listed = decoded(gerbench("models", "list", "--json"))

    assert (made["limits"]["rpm"], changed["limits"]["rpm"]) == (600, 300)
    assert changed["limits"]["concurrency"] == 4
    assert [model["name"] for model in listed] == ["local"]
    assert "NO_SUCH_KEY (unset)" in gerbench("models", "list").stdout
    assert "NO_SUCH_KEY" in gerbench("models", "check", "local").stderr
    assert gerbench("models", "remove", "local").exit_code == 0
    assert decoded(gerbench("models", "list", "--json")) == []


def test_a_preset_is_found_and_used(gerbench: Gerbench) -> None:
    shown = gerbench("models", "presets").stdout
    add = ("models", "add", "--name", "far", "--preset", "azure", "--model", "gpt-4o")

    refused = gerbench(*add, "--set", "resource=ours")
    made = decoded(gerbench(*add, "--set", "resource=ours", "--set", "deployment=eu", "--json"))

    assert "resource, deployment, api_version = 2024-10-21" in shown
    assert len(decoded(gerbench("models", "presets", "--json"))) == 8
    assert refused.exit_code == 1
    assert "azure needs deployment" in refused.stderr
    assert made["base_url"] == "https://ours.openai.azure.com/openai/deployments/eu"


def test_what_the_service_refuses_is_told_in_its_words(gerbench: Gerbench) -> None:
    assert gerbench(*ADD).exit_code == 0

    twice = gerbench(*ADD)
    unknown = gerbench("models", "show", "nobody")
    invalid = gerbench(*ADD[:3], "Not A Name", *ADD[4:])

    assert [result.exit_code for result in (twice, unknown, invalid)] == [1, 1, 1]
    assert "local" in twice.stderr
    assert "nobody" in unknown.stderr
    assert "/body/name" in invalid.stderr


def test_a_key_that_nobody_has_is_refused(folder: Path) -> None:
    environment = {"GERBENCH_API_KEY": "gb_wrong", "GERBENCH_URL": None}

    result = CliRunner().invoke(app, ["jobs", "list", "--data", str(folder)], env=environment)
    other = CliRunner().invoke(
        app, ["jobs", "list"], env={**environment, "GERBENCH_DATA": str(folder)}
    )

    # A folder that is named says it all, its key included.
    assert result.exit_code == 0
    assert other.exit_code == 1
    assert "not valid" in other.stderr
    assert "(it came from GERBENCH_API_KEY)" in other.stderr


def test_a_template_is_added_and_shown(gerbench: Gerbench) -> None:
    kind = ("--name", "plain", "--task", "tweet_sentiment", "--modality", "text")

    made = decoded(gerbench("templates", "add", *kind, "--text", "Which of {labels}?", "--json"))

    assert made["version"] == 1
    assert "Which of {labels}?" in gerbench("templates", "show", "plain").stdout
    assert [
        one["name"] for one in decoded(gerbench("templates", "show", made["id"], "--json"))
    ] == ["plain"]
    gerbench("templates", "add", *kind, "--text", "Which of {labels} is it?")
    diff = gerbench("templates", "diff", "plain@1", "plain", *kind[2:])
    assert diff.stdout == "Which of {labels}{+ is it+}?\n"
    both = decoded(gerbench("templates", "list", "--modality", "image+text", "--json"))
    assert {one["modality"] for one in both} <= {"image+text"}


def test_a_job_is_submitted_seen_and_moved(gerbench: Gerbench) -> None:
    gerbench(*ADD)
    options = ("--repeats", "2", "--batch-size", "7", "--limit", "20", "--tag", "paper=table-9")
    submit = ("jobs", "submit", "--dataset", "moods", "--model", "local", *options)

    job = decoded(gerbench(*submit, "--idempotency-key", "one", "--json"))
    again = decoded(gerbench(*submit, "--idempotency-key", "one", "--json"))
    short = job["id"][:8]

    assert again["id"] == job["id"]
    assert (job["status"], job["tags"]) == ("queued", {"paper": "table-9"})
    assert [run["batch_size"] for run in job["runs"]] == [7, 7]
    assert decoded(gerbench("jobs", "list", "--status", "queued", "--json"))[0]["id"] == job["id"]
    assert "queued" in gerbench("jobs", "list").stdout
    assert "paused by a person" in gerbench("jobs", "pause", short).stdout
    watched = gerbench("jobs", "watch", short)
    assert (watched.exit_code, "paused by a person" in watched.stderr) == (3, True)
    assert decoded(gerbench("jobs", "resume", short, "--json"))["status"] == "running"
    assert decoded(gerbench("jobs", "cancel", short, "--json"))["status"] == "cancelled"
    illegal = gerbench("jobs", "resume", short)
    assert (illegal.exit_code, "cancelled" in illegal.stderr) == (1, True)


def test_the_runs_of_a_job_are_shown_with_all_that_is_under_them(gerbench: Gerbench) -> None:
    gerbench(*ADD)
    job = decoded(gerbench("jobs", "submit", "--dataset", "moods", "--model", "local", "--json"))

    (run,) = decoded(gerbench("runs", "list", "--job", job["id"][:8], "--json"))
    short = run["id"][:8]

    assert run["model"] == "local"
    assert "local" in gerbench("runs", "list").stdout
    assert "condition.template" in gerbench("runs", "show", short).stdout
    assert decoded(gerbench("runs", "metrics", short, "--json"))["pending"] == 30
    assert "30 pending of 30 samples" in gerbench("runs", "metrics", short).stdout
    for part in ("predictions", "requests", "attempts"):
        assert decoded(gerbench("runs", part, short, "--json")) == []
        assert gerbench("runs", part, short).exit_code == 0
    assert gerbench("runs", "attempt", "1").exit_code == 1


@pytest.fixture
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each class, with one text in each."""
    folder = tmp_path_factory.mktemp("source") / "texts"
    for label in ("happy", "sad"):
        (folder / label).mkdir(parents=True)
        (folder / label / "1.txt").write_text(f"I am {label}")
    return folder


IMPORT = ("--name", "tweets", "--task", "tweet_sentiment")


def test_a_folder_is_imported_and_looked_at(gerbench: Gerbench, texts: Path) -> None:
    made = gerbench("datasets", "import", str(texts), *IMPORT)
    again = decoded(gerbench("datasets", "import", str(texts), *IMPORT, "--json"))

    assert made.exit_code == 0, made.stderr
    assert f"{again['version']}: 2 samples of text, labels happy, sad" in made.stdout
    listed = decoded(gerbench("datasets", "list", "--json"))
    assert [one["name"] for one in listed] == ["moods", "tweets"]
    assert again["version"] in gerbench("datasets", "list").stdout
    assert again["digest"] in gerbench("datasets", "show", again["version"]).stdout
    samples = decoded(gerbench("datasets", "samples", "tweets", "--json"))
    assert [(one["target"], one["text"]) for one in samples] == [
        ("happy", "I am happy"),
        ("sad", "I am sad"),
    ]
    assert "I am sad" in gerbench("datasets", "samples", "tweets").stdout


def test_faults_are_listed_unless_they_may_be_skipped(gerbench: Gerbench, texts: Path) -> None:
    (texts / "sad" / "2.txt").write_bytes(b"")

    refused = gerbench("datasets", "import", str(texts), *IMPORT)
    nothing = decoded(gerbench("datasets", "list", "--json"))
    skipped = gerbench("datasets", "import", str(texts), *IMPORT, "--skip-faulty")

    assert refused.exit_code == 1
    assert "sad/2.txt" in refused.stderr
    assert refused.stderr.endswith("Nothing was imported.\n")
    assert [one["name"] for one in nothing] == ["moods"]
    assert "Left out:" in skipped.stdout


def test_a_manifest_of_texts_is_imported_by_itself(gerbench: Gerbench, tmp_path: Path) -> None:
    manifest = tmp_path / "tweets.csv"
    manifest.write_text("name,text,gt\n1,hooray,happy\n2,alas,sad\n")

    made = decoded(gerbench("datasets", "import", str(manifest), *IMPORT, "--json"))

    assert made["samples"] == 2


def test_what_is_no_archive_is_refused(gerbench: Gerbench, tmp_path: Path) -> None:
    (tmp_path / "faces.zip").write_bytes(b"no archive at all")

    result = gerbench("datasets", "import", str(tmp_path / "faces.zip"), *IMPORT)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("gerbench: ")


def test_a_template_is_previewed_part_by_part(gerbench: Gerbench) -> None:
    assert gerbench(*ADD).exit_code == 0
    what = ("templates", "preview", "terse", "--dataset", "moods", "--count", "2")

    shown = gerbench(*what, "--model", "local")
    as_json = decoded(gerbench(*what, "--json"))
    tried = gerbench(*what[:2], "--dataset", "moods", "--text", "All of {labels}.")

    assert shown.exit_code == 0, shown.stderr
    assert as_json["instructions"] in shown.stdout
    assert f"Text 2 is {as_json['samples'][1]['name']}\n" in shown.stdout
    assert "model=fer" in shown.stdout
    assert "All of anger, happiness, sadness." in tried.stdout


def test_a_published_benchmark_is_imported(gerbench: Gerbench, tmp_path: Path) -> None:
    dataset = tmp_path / "released" / "dfew"
    dataset.mkdir(parents=True)
    (dataset / "label.csv").write_text("name,gt\n1.mp4,Happy\n2.mp4,Sad\n")
    (dataset / "label-gpt4v.csv").write_text('name,gt,gpt4v\n1,Happy,"happy,sad"\n')

    (run,) = decoded(gerbench("import-benchmark", str(dataset.parent), "--json"))
    again = gerbench("import-benchmark", str(dataset), "--model", "gpt-4v")

    assert (run["model"], run["refused"], run["new"]) == ("gpt-4v", 1, True)
    assert [name for name in ("dfew@", "100.00 %", "no") if name not in again.stdout] == []
    assert len(decoded(gerbench("datasets", "specs", "--json"))) == 21
    assert "weighted_f1" in gerbench("datasets", "specs").stdout


def test_an_analysis_goes_to_a_file_whose_ending_says_its_format(
    gerbench: Gerbench, sqlite_database: Database, tmp_path: Path
) -> None:
    with sqlite_database.write.begin() as session:
        dataset = rows.dataset(session, 3, name="faces")
        job = rows.job(session, dataset, rows.model(session), rows.template(session))
        rows.finished(session, job, list(rows.LABELS))
    beginnings = {
        "main.svg": b"<?xml",
        "main.PNG": b"\x89PNG",
        "main.md": b"**",
        "main.tex": rb"\begin{table}",
        "main.csv": b"dataset,",
        "main.json": b"{",
    }

    for name, beginning in beginnings.items():
        assert gerbench("analyses", "main", "--output", str(tmp_path / name)).exit_code == 0
        assert (tmp_path / name).read_bytes().startswith(beginning)
    counts = gerbench("analyses", "classes", "--format", "svg", "--normalise", "counts")
    nowhere = gerbench("analyses", "main", "--output", str(tmp_path / "no" / "main.svg"))
    cases = gerbench("analyses", "cases", "--format", "png")

    assert ">1</text>" in counts.stdout
    assert (nowhere.exit_code, "cannot be written" in nowhere.stderr) == (2, True)
    assert (cases.exit_code, "'latex'" in cases.stderr) == (1, True)


def test_analyses_are_printed_in_every_format(
    gerbench: Gerbench, sqlite_database: Database
) -> None:
    with sqlite_database.write.begin() as session:
        dataset = rows.dataset(session, 3, name="faces")
        job = rows.job(session, dataset, rows.model(session), rows.template(session))
        first = rows.finished(session, job, list(rows.LABELS))
        second = rows.finished(session, job, [rows.LABELS[0]] * 3, repeat=2)
        runs = ("--run", str(first.id)[:13], "--run", str(second.id))

    pairs = decoded(gerbench("analyses", "pairwise", *runs, "--format", "json"))["pairs"]
    shown = gerbench("analyses", "pairwise", *runs)
    as_csv = gerbench("analyses", "stability", "--job", str(job.id), "--format", "csv")
    wrong = gerbench("analyses", "cases", *runs, "--wrong", "--format", "csv")
    unknown = gerbench("analyses", "main", "--table", "none", "--format", "latex")

    assert pairs[0]["compared"]["only_first"] == 2
    assert shown.stdout.startswith("**Pairwise comparison**")
    assert len(as_csv.stdout.splitlines()) == 2
    assert len(wrong.stdout.splitlines()) == 3
    assert (unknown.exit_code, "only: main" in unknown.stderr) == (1, True)


def test_a_webhook_is_added_tried_changed_and_removed(gerbench: Gerbench) -> None:
    added = gerbench("webhooks", "add", "http://127.0.0.1:9/hook", "--event", "job.failed")
    (hook,) = decoded(gerbench("webhooks", "list", "--json"))
    short = hook["id"][:8]

    pinged = gerbench("webhooks", "ping", short)
    (sent,) = decoded(gerbench("webhooks", "deliveries", short, "--json"))
    again = gerbench("webhooks", "redeliver", short, sent["id"][:8])
    renewed = gerbench("webhooks", "secret", short)
    off = decoded(gerbench("webhooks", "change", short, "--off", "--everything", "--json"))
    refused = gerbench("webhooks", "redeliver", short, sent["id"][:8])

    assert added.stdout.startswith("whsec_")
    assert hook["events"] == ["job.failed"]
    assert f"gerbench webhooks deliveries {short}" in pinged.stdout
    assert sent["event"] == "ping"
    assert again.exit_code == 0, again.stderr
    assert renewed.stdout.startswith("whsec_")
    assert renewed.stdout != added.stdout
    assert (off["events"], off["enabled"]) == (None, False)
    assert "switched off" in refused.stderr
    assert "cancelled" in gerbench("webhooks", "deliveries", short).stdout
    assert gerbench("webhooks", "secret").exit_code == 2
    assert gerbench("webhooks", "secret", "--jobs").stdout.startswith("whsec_")
    assert gerbench("webhooks", "remove", short).exit_code == 0
    assert "No webhooks" in gerbench("webhooks", "list").stdout


def test_the_address_that_a_job_names_is_told(gerbench: Gerbench) -> None:
    assert gerbench(*ADD).exit_code == 0
    job = ("--dataset", "moods", "--model", "local", "--webhook-url", "http://127.0.0.1:9/hook")
    made = decoded(gerbench("jobs", "submit", *job, "--json"))
    assert gerbench("jobs", "cancel", made["id"]).exit_code == 0

    (sent,) = decoded(gerbench("jobs", "deliveries", made["id"], "--json"))
    again = gerbench("jobs", "redeliver", made["id"][:8], sent["id"])

    assert (sent["event"], sent["webhook_id"]) == ("job.cancelled", None)
    assert again.exit_code == 0, again.stderr
