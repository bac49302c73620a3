"""The data folder: held by one process at a time, and how others find the service in it."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from core.errors import Conflict

LOCK = "gerbench.lock"
SERVICE = "service.json"


class DataFolder:
    """A data folder in the hands of this process until it is closed or dies."""

    def __init__(self, path: Path) -> None:
        # Raw responses and media are for the service's own user.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self._lock = self._hold()

    def _hold(self) -> IO[str]:
        """Take the folder's lock. Raises Conflict when another process has it.

        The kernel gives the lock back when its holder dies, however it dies.
        """
        file = (self.path / LOCK).open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            running = find(self.path) or {}
            where = f" at {running['url']} (pid {running['pid']})" if running else ""
            raise Conflict(
                f"another gerbench{where} uses the data folder {self.path};"
                " stop it, or choose another folder with --data"
            ) from None
        return file

    def announce(self, url: str) -> None:
        """Tell the command line where the service listens."""
        text = json.dumps({"url": url, "pid": os.getpid()})
        temporary = self.path / f"{SERVICE}.new"
        temporary.write_text(text)
        temporary.replace(self.path / SERVICE)

    def close(self) -> None:
        """Give the folder back."""
        (self.path / SERVICE).unlink(missing_ok=True)
        self._lock.close()


def find(path: Path) -> dict[str, Any] | None:
    """Return what the service of a folder announced, if one did."""
    try:
        found: dict[str, Any] = json.loads((path / SERVICE).read_text())
    except (OSError, ValueError):
        return None
    return found
