"""Looks at all that an installation needs, with nothing running but this; changes nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from core.db import Database
from core.rules.findings import Finding
from gerbench.doctor import broker, media, settings, storage, work


def examine(data: Path | None) -> Iterator[Finding]:
    """Yield what is found, part by part; `data` is the folder that a flag named."""
    given, findings = settings.read(data)
    yield from findings
    if given is None:
        return
    yield from settings.look(given)
    reached: list[Database] = []
    with ExitStack() as opened:
        yield from storage.look(given, reached, opened)
        yield from broker.look(given)
        yield from media.look(given, reached)
        yield from work.look(given, reached)
