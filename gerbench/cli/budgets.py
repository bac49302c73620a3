"""Budgets on the command line: their options, and how they read."""

from typing import Annotated, Any

import typer

from gerbench.cli.progress import money
from gerbench.client import Json

Usd = Annotated[float | None, typer.Option(min=0, metavar="USD", help="Dollars, at most.")]
Requests = Annotated[int | None, typer.Option(min=0, metavar="N", help="Calls, at most.")]
NoLimit = Annotated[bool, typer.Option("--no-limit", help="Take every bound away.")]


def change(usd: float | None, requests: int | None, *, no_limit: bool) -> dict[str, Any]:
    """Return the fields of a budget that are to be changed."""
    given = {"budget_usd": usd, "budget_requests": requests}
    if no_limit:
        if usd is not None or requests is not None:
            raise typer.BadParameter("--no-limit takes both bounds away: give it alone")
        return given
    wanted = {name: bound for name, bound in given.items() if bound is not None}
    if not wanted:
        raise typer.BadParameter("give --usd, --requests, or --no-limit")
    return wanted


def bounds(usd: float | None, requests: int | None) -> str:
    """Return the bounds of a budget in words."""
    parts = [] if usd is None else [f"at most {money(usd)}"]
    parts += [] if requests is None else [f"at most {requests:,} calls"]
    return " and ".join(parts) or "no bound"


def of_job(job: Json) -> str | None:
    """Return what a job may spend and has, as one line; None where it has no budget."""
    budget = job["budget"]
    if budget["usd"] is None and budget["requests"] is None:
        return None
    spent = f"{money(budget['spent_usd'])} spent"
    if budget["unheard_usd"] > 0:
        spent += f" ({money(budget['unheard_usd'])} of it possibly billed: nobody heard the cost)"
    if budget["reserved_usd"] > 0:
        spent += f", {money(budget['reserved_usd'])} reserved for calls under way"
    bound = bounds(budget["usd"], budget["requests"])
    return f"budget: {bound}; {spent}, {budget['attempts']:,} calls"
