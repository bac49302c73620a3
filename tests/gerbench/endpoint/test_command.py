"""The endpoint as a process, with its flags."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gerbench.endpoint import EndpointOptions

START = [sys.executable, "-m", "gerbench.endpoint"]


def test_a_process_says_where_it_listens_and_leaves_nothing_when_told_to_stop(
    tmp_path: Path,
) -> None:
    flags = ["--rpm", "5", "--no-limit-headers", "--api-key", "a", "--api-key", "b"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*START, *flags], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.removeprefix("listening on ").strip()
        with httpx.Client(base_url=url, timeout=10) as client:
            statuses = [
                client.get("models", headers={"authorization": f"Bearer {key}"}).status_code
                for key in ("a", "b", "c")
            ]
        kept = list(tmp_path.iterdir())
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=5)

    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/v1")
    assert statuses == [200, 200, 401]
    assert code == 0
    assert kept
    assert list(tmp_path.iterdir()) == []


def test_a_share_above_one_is_refused_with_a_usage_error() -> None:
    done = subprocess.run(
        [*START, "--fail-share", "1.5"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "fail_share" in done.stderr


@pytest.mark.parametrize("name", ["seed", "refuse_images_share", "max_body_mb", "window"])
def test_options_are_described(name: str) -> None:
    assert EndpointOptions.model_fields[name].description
