"""The command line against a server of canned answers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gerbench.cli.main import app
from tests.gerbench.cli.canned import KEY, Canned, serving

Gerbench = Callable[..., Result]


@pytest.fixture
def canned() -> Iterator[Canned]:
    with serving() as server:
        yield server


@pytest.fixture
def environment(canned: Canned, tmp_path: Path) -> dict[str, str | None]:
    return {
        "GERBENCH_URL": canned.url,
        "GERBENCH_API_KEY": KEY,
        "GERBENCH_DATA": str(tmp_path / "var"),
        "COLUMNS": None,
    }


@pytest.fixture
def gerbench(environment: dict[str, str | None]) -> Gerbench:
    """Runs a command; `input` is its standard input."""

    def run(*args: str, **options: str) -> Result:
        text = options.get("input")
        return CliRunner().invoke(app, list(args), env=environment, input=text)

    return run
