"""Requests as the trees that their splits make."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.tables import Request


@dataclass
class Node:
    """A request, and those that it was split into."""

    request: Request
    children: list["Node"] = field(default_factory=list)


def grown(requests: Sequence[Request]) -> list[Node]:
    """Return the roots, the latest first; a request whose parent is not among them is one."""
    nodes = {request.id: Node(request) for request in requests}
    roots: list[Node] = []
    for node in nodes.values():
        parent = nodes.get(node.request.parent_id or 0)
        (roots if parent is None else parent.children).append(node)
    return roots[::-1]
