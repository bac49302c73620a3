import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from core.settings import Settings

ROOT = Path(__file__).parents[1]
OURS = {"api", "worker", "beat", "migrate"}
PACKAGES = ("api", "core", "gerbench", "migrations", "worker")


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.mark.skipif(
    find_spec("check_jsonschema") is None,
    reason="check-jsonschema, which ships the schema of compose files, is not installed",
)
def test_compose_file_is_of_the_compose_schema(compose: Any) -> None:
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text())

    errors = list(jsonschema.Draft7Validator(schema).iter_errors(compose))

    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_every_service_that_keeps_running_has_a_health_check(compose: Any) -> None:
    unwatched = {
        name for name, service in compose["services"].items() if "healthcheck" not in service
    }

    assert set(compose["services"]) == OURS | {"postgres", "redis"}
    assert unwatched == {"migrate"}


def test_only_the_api_has_a_port_and_only_on_this_host(compose: Any) -> None:
    published = {
        name: service["ports"]
        for name, service in compose["services"].items()
        if "ports" in service
    }

    assert published == {"api": ["${GERBENCH_LISTEN:-127.0.0.1:8000}:8000"]}


def test_no_password_has_a_default(compose: Any) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|ADMIN_KEY", name):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), name


def test_images_name_their_version(compose: Any) -> None:
    images = [service["image"] for service in compose["services"].values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert all(re.fullmatch(r"[a-z]+:\d[\w.-]*", image) for image in images), images


def test_nothing_of_ours_starts_before_the_schema_is_up_to_date(compose: Any) -> None:
    for name in OURS - {"migrate"}:
        waits = compose["services"][name]["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}
        assert waits["postgres"] == waits["redis"] == {"condition": "service_healthy"}


def test_every_setting_in_the_compose_file_exists(compose: Any) -> None:
    given = {
        name.removeprefix("GERBENCH_").lower()
        for service in OURS
        for name in compose["services"][service]["environment"]
        if name.startswith("GERBENCH_")
    }

    assert given <= set(Settings.model_fields)


def test_image_does_not_run_as_root() -> None:
    last_stage = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1]

    assert "\nUSER gerbench\n" in last_stage


@pytest.mark.slow
def test_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name in [*files, "pyproject.toml", "README.md", "LICENSE"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)

    build = "import setuptools.build_meta as b; b.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)

    (wheel,) = (tmp_path / "dist").glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert files - held == set()
