"""The guide from the demo to a lab's installation: what it tells newcomers to type works."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from gerbench.cli.main import app
from tests.e2e.processes import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "lab.md").read_text()
LONGEST_S = 200
START = "set -eu\ntrap 'kill $(jobs -p)' EXIT\n"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def lines(kind: str) -> list[str]:
    """Return the commands of the blocks of a kind, each on one line."""
    return [
        line for block in blocks(kind) for line in block.replace("\\\n", " ").splitlines() if line
    ]


def test_every_command_for_one_machine_runs_in_the_order_of_the_guide(tmp_path: Path) -> None:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("GERBENCH_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PORT": str(free_port()),
        "ENDPOINT_PORT": str(free_port()),
    }
    script = subprocess.Popen(
        ["bash", "-c", START + "".join(blocks("sh"))],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = script.communicate(timeout=LONGEST_S)
    finally:
        if script.poll() is None:
            os.killpg(script.pid, signal.SIGKILL)

    assert script.returncode == 0, said
    assert "completed 28/28" in said
    assert "restored from" in said
    assert (tmp_path / "backups" / "monday" / "manifest.json").is_file()


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_every_command_for_a_host_names_what_there_is(compose: Any) -> None:
    runner, commands = CliRunner(), []
    for line in lines("console"):
        words = shlex.split(line)
        if words[:3] == ["docker", "compose", "exec"]:
            words = [word for word in words[3:] if word != "-T"]
            assert words.pop(0) in compose["services"], line
        if words[0] == "gerbench":
            commands.append(line)
            told = runner.invoke(app, [*words[1:], "--help"], terminal_width=200)
            assert told.exit_code == 0, f"{line}: {told.output}"
    assert len(commands) >= 6
    scaled = re.findall(r"--scale (\w+)=", GUIDE)
    assert set(scaled) <= set(compose["services"])
