"""Saved views from the command line and from Python, against the API itself."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from gerbench import connect, connect_async
from tests.gerbench.cli.test_against_api import Gerbench, decoded, folder, gerbench

__all__ = ["folder", "gerbench"]

SAVE = ("dashboards", "save", "Table 9", "--panel", "main", "--panel", "classes")


def test_a_view_is_saved_shared_and_closed(gerbench: Gerbench) -> None:
    made = decoded(gerbench(*SAVE, "--dataset", "moods", "--json"))
    assert made["selection"]["dataset"] == "moods"
    assert "main, classes" in gerbench("dashboards", "list").stdout
    assert decoded(gerbench("dashboards", "show", "Table 9", "--json")) == made

    shared = gerbench("dashboards", "share", "Table 9", "--expires", "7d")

    url = shared.stdout.strip()
    assert "not shown again" in shared.stderr
    assert httpx.get(url).status_code == 200
    (link,) = decoded(gerbench("dashboards", "links", "Table 9", "--json"))
    assert "open until" in gerbench("dashboards", "links", "Table 9").stdout
    assert gerbench("dashboards", "revoke", "Table 9", link["id"][:8]).exit_code == 0
    assert httpx.get(url).status_code == 410
    assert "revoked" in gerbench("dashboards", "links", "Table 9").stdout
    assert gerbench("dashboards", "remove", "Table 9").exit_code == 0
    assert httpx.get(url).status_code == 404
    assert decoded(gerbench("dashboards", "list", "--json")) == []


def test_a_view_needs_a_panel_and_may_come_from_a_file(gerbench: Gerbench, tmp_path: Path) -> None:
    assert "--panel" in gerbench("dashboards", "save", "mine").stderr
    spec = tmp_path / "view.json"
    spec.write_text('{"panels": [{"analysis": "classes", "by": "task"}]}')

    made = decoded(gerbench("dashboards", "save", "mine", "--spec", str(spec), "--json"))

    assert made["panels"][0]["by"] == "task"


def test_both_clients_save_change_share_and_remove(folder: Path) -> None:
    ends = datetime.now(UTC) + timedelta(days=2)
    with connect(folder) as client:
        view = client.dashboards.save("Table 9", ["main"], dataset="moods")
        again = client.dashboards.change(view.id, panels=[{"analysis": "classes", "by": "task"}])
        link = client.dashboards.share(view.id, expires_at=ends)
        client.dashboards.revoke(view.id, link.id)

        assert (again.version, again.panels[0].by) == (2, "task")
        assert client.dashboards.get("Table 9") == again
        assert link.expires_at == ends
        assert [each.open for each in client.dashboards.links("Table 9")] == [False]

    async def in_asyncio() -> list[str]:
        async with connect_async(folder) as other:
            await other.dashboards.save("other", ["main"])
            made = await other.dashboards.share("other")
            assert [each.id async for each in other.dashboards.links("other")] == [made.id]
            await other.dashboards.remove("Table 9")
            return [each.name async for each in other.dashboards.list()]

    assert asyncio.run(in_asyncio()) == ["other"]
