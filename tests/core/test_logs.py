"""The log of a process, where it cannot be written."""

from pathlib import Path

import pytest

from core.logs import Lenient

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_log_on_a_full_disk_loses_lines_and_raises_nothing() -> None:
    stream = FULL.open("w")
    log = Lenient(stream)
    log.write("x" * 100_000)
    log.write("another line\n")
    log.flush()

    with pytest.raises(OSError, match="No space left"):
        stream.close()


def test_a_log_that_can_be_written_is(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        log = Lenient(stream)
        log.write("a line\n")
        log.flush()

        assert (tmp_path / "log").read_text() == "a line\n"
