"""Who may call which route: each names, beside itself, the least that a key needs for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

from api.deps import CallerDep
from core.access import Caller
from core.errors import Forbidden
from core.vocabulary import Role


class Least(StrEnum):
    """The least that a key needs; each includes those before it."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OPERATOR = "operator"
    """An admin whose key is also an operator's."""

    def admits(self, caller: Caller) -> bool:
        """Tell whether a caller has it."""
        if self is Least.OPERATOR:
            return caller.operator
        return caller.role.includes(Role(self.value))


@dataclass(frozen=True)
class Rule:
    """The dependency that holds callers to what a route needs."""

    least: Least

    async def __call__(self, caller: CallerDep) -> None:
        """Raise Forbidden for a caller that has less."""
        if not self.least.admits(caller):
            has = Least.OPERATOR if caller.operator else caller.role
            for_all = self.least is Least.OPERATOR
            raise Forbidden(
                f"this takes the role {self.least.value}, and this key's is {has.value};"
                f" ask an {'operator of the service' if for_all else 'admin of the team'}",
                least=self.least.value,
            )


VIEWER = Depends(Rule(Least.VIEWER))
MEMBER = Depends(Rule(Least.MEMBER))
ADMIN = Depends(Rule(Least.ADMIN))
OPERATOR = Depends(Rule(Least.OPERATOR))


def least_of(route: APIRoute) -> Least | None:
    """Return the least that a route needs; None where nothing beside it says so."""
    rules = (each.dependency for each in route.dependencies)
    return next((rule.least for rule in rules if isinstance(rule, Rule)), None)


async def refuse_without_rule(request: Request, caller: CallerDep) -> None:  # noqa: ARG001 - only for whom is known
    """Raise Forbidden on a route that nobody gave a rule: it is closed, not open."""
    if least_of(request.scope["route"]) is None:
        raise Forbidden("nobody has said yet who may call this; tell the operator of this service")


def table(routers: Iterable[APIRouter]) -> list[tuple[str, str, Least | None]]:
    """Return every operation of some routers: its method, its path, the least it needs."""
    found = (route for router in routers for route in router.routes if isinstance(route, APIRoute))
    return [
        (method, f"/v1{route.path}", least_of(route))
        for route in found
        for method in sorted(route.methods or ())
    ]
