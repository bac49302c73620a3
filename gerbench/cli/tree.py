"""A run's requests as the tree that its splits make: pure, from GET /v1/runs/{id}/requests."""

from collections.abc import Iterable

from rich.text import Text
from rich.tree import Tree

from gerbench.cli.output import plain
from gerbench.client import Json

STYLES = {"done": "green", "split": "yellow", "failed": "red", "cancelled": "magenta"}
COUNTS = ("failure", "throttle", "refusal")
"""What a request met, by the name of one; its field has the plural."""


def requests_tree(run_id: str, requests: Iterable[Json], *, every: bool = False) -> Tree:
    """Return the tree; those answered at once and whole are only counted, unless `every`."""
    children: dict[int | None, list[Json]] = {}
    count = 0
    for request in requests:
        children.setdefault(request["parent_id"], []).append(request)
        count += 1
    root = Tree(Text(f"run {run_id}: {count} requests"))
    roots = children.pop(None, [])
    shown = [one for one in roots if every or not _smooth(one)]
    for request in shown:
        _grow(root, request, children)
    if hidden := len(roots) - len(shown):
        root.add(Text(f"{hidden} answered at once (--every lists them)", style="dim"))
    return root


def _smooth(request: Json) -> bool:
    """Tell whether a request was answered at its first attempt."""
    return bool(request["state"] == "done" and request["attempts"] == 1)


def _grow(above: Tree, request: Json, children: dict[int | None, list[Json]]) -> None:
    branch = above.add(_line(request))
    for child in children.get(request["id"], []):
        _grow(branch, child, children)


def _line(request: Json) -> Text:
    """Return one request: why it exists, how it stands, and what it met."""
    size, attempts = request["size"], request["attempts"]
    met = ", ".join(_count(request[f"{word}s"], word) for word in COUNTS if request.get(f"{word}s"))
    text = Text.assemble(
        (f"#{request['id']} ", "bold"),
        f"{request['cause']}, {_count(size, 'sample')}: ",
        (request["state"], STYLES.get(request["state"], "cyan")),
        (f"  {_count(attempts, 'attempt')}" + (f" ({met})" if met else ""), "dim"),
    )
    if request.get("reason"):
        text.append(f"  {plain(request['reason'])}", "dim italic")
    return text


def _count(number: int, word: str) -> str:
    """Return a number of things, in words."""
    return f"{number} {word}{'s' * (number != 1)}"
