"""`gerbench doctor`: what is wrong with an installation, and what to do."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core import logs
from core.rules.findings import Finding, Verdict, worst
from gerbench.cli.output import Column, plain, print_json, print_whole, rows, screen
from gerbench.doctor import examine

COLUMNS = (
    Column("part", "part"),
    Column("looked at", "what", wrap=True),
    Column("", "verdict"),
    Column("found", "says", wrap=True),
)
Data = Annotated[
    Path | None,
    typer.Option(help="Data folder. Default: GERBENCH_DATA, else ./var.", file_okay=False),
]


def doctor(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at settings, database, broker, media, clocks, secrets and workers; say what to do.

    It changes nothing and needs nothing that runs. Exit code 1: something failed.
    """
    logs.configure()
    findings = list(examine(data))
    verdict = worst(findings)
    if as_json:
        print_json({"verdict": verdict, "findings": [_json(each) for each in findings]})
    else:
        _show(findings, verdict)
    if verdict is Verdict.FAILED:
        raise typer.Exit(1)


def _json(finding: Finding) -> dict[str, Any]:
    return {**vars(finding)}


def _show(findings: list[Finding], verdict: Verdict) -> None:
    """Print the table, then what to do, the failures first."""
    console = screen()
    print_whole(console, rows(map(_json, findings), COLUMNS))
    for wanted in (Verdict.FAILED, Verdict.WARNING):
        for each in findings:
            if each.verdict is wanted:
                line = f"{wanted}: {each.part}: {each.what}: {each.remedy}"
                console.print(plain(line), soft_wrap=True)
    if verdict is Verdict.OK:
        console.print("All is well.")
