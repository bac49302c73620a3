"""Everybody who may come to a service: with a key of each role, of another team, or no good one."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.rules import Least
from core import deliveries, keys, teams
from core.bodies.webhooks import Message, News
from core.db import Database, utc_now
from core.deliveries import Address
from core.keys import KeyDraft
from core.rules.webhooks import HookEvent
from core.settings import Settings
from core.tables import ApiKey, Attempt, Delivery, Request, Run, Webhook
from core.tables.teams import DEFAULT
from core.vocabulary import Role
from tests import drawn, rows
from tests.api.apps import app_of
from tests.api.test_datasets import SPEC, zipped

OTHER_TEAM = "others"
PICTURE = drawn.image(".png", 64, 48, seed=1)
MODEL = {"name": "mine", "base_url": "http://127.0.0.1:9/v1", "model": "fer"}


class Party(StrEnum):
    """Who comes."""

    NOBODY = "nobody"
    """Without a key."""
    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OPERATOR = "operator"
    STRANGER = "stranger"
    """The admin of another team."""
    EXPIRED = "expired"
    """With what was an operator's key."""
    REVOKED = "revoked"


HAS = {
    Party.VIEWER: Least.VIEWER,
    Party.MEMBER: Least.MEMBER,
    Party.ADMIN: Least.ADMIN,
    Party.STRANGER: Least.ADMIN,
    Party.OPERATOR: Least.OPERATOR,
}
"""What those whose key is good have."""


@dataclass(frozen=True)
class Service:
    """A running application that everybody has a key of, or had."""

    app: FastAPI
    client: TestClient
    database: Database
    secrets: dict[Party, str | None]

    def ask(self, party: Party, method: str, path: str, **request: Any) -> Any:
        """Return the response to somebody's request."""
        secret = self.secrets[party]
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        return self.client.request(method, path, headers=headers, **request)


@contextmanager
def serving(template: Path, folder: Path, **fields: Any) -> Iterator[Service]:
    """Run a service in a folder, on a copy of a database with every table."""
    shutil.copy(template, folder / "gerbench.db")
    settings = Settings(
        data=folder,
        database_url=None,
        broker_url=None,
        media_url=None,
        admin_key=None,
        stream_s=0.2,  # a stream of the jobs under way has no end of its own
        **fields,
    )
    database = Database.at(settings.database)
    secrets = invite(database, now=utc_now() - timedelta(days=2))
    app = app_of(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Service(app, client, database, secrets)
    database.close()


def invite(database: Database, *, now: datetime) -> dict[Party, str | None]:
    """Make another team and a key for everybody; return what each sends."""
    day = timedelta(days=1)
    with database.write.begin() as session:
        teams.create(session, OTHER_TEAM)
        drafts = {
            Party.VIEWER: KeyDraft("viewer", Role.VIEWER, expires_at=now + 100 * day),
            Party.MEMBER: KeyDraft("member", Role.MEMBER),
            Party.ADMIN: KeyDraft("admin", Role.ADMIN),
            Party.OPERATOR: KeyDraft("operator", Role.ADMIN, operator=True),
            Party.STRANGER: KeyDraft("stranger", Role.ADMIN, team=OTHER_TEAM),
            Party.EXPIRED: KeyDraft("expired", Role.ADMIN, operator=True, expires_at=now + day),
            Party.REVOKED: KeyDraft("revoked", Role.ADMIN, operator=True),
        }
        made = {party: keys.create(session, draft, now=now) for party, draft in drafts.items()}
        keys.revoke(session, made[Party.REVOKED][0].id, now=now)
    return {Party.NOBODY: None, **{party: secret for party, (_, secret) in made.items()}}


def import_faces(service: Service, party: Party, name: str) -> Any:
    """Import a dataset of one drawn picture."""
    made = service.ask(
        party,
        "POST",
        "/v1/datasets",
        data={"spec": json.dumps({**SPEC, "name": name})},
        files={"archive": ("faces.zip", zipped({"anger/1.png": PICTURE}))},
    )
    assert made.status_code == 201, made.text
    return made.json()


def save_view(service: Service, name: str, **body: Any) -> tuple[dict[str, str], str]:
    """Save a view and make a link to it, as a member; return their ids, and the link's path."""
    view = {"name": name, "panels": [{"analysis": "main"}], **body}
    made = service.ask(Party.MEMBER, "POST", "/v1/dashboards", json=view)
    assert made.status_code == 201, made.text
    link = service.ask(Party.MEMBER, "POST", f"/v1/dashboards/{name}/links").json()
    path = urlsplit(link["url"]).path
    return {"dashboard": made.json()["id"], "link_id": link["id"]}, path


@dataclass(frozen=True)
class Things:
    """One of everything that the default team has."""

    ids: dict[str, dict[str, str]]
    """By the first part of a path, and the name of the parameter."""

    def fill(self, path: str) -> str:
        """Return a path with these ids in it."""
        kind = path.split("/")[2]
        # The team's own name is no secret of its own: much else is called default.
        ids = {**self.ids, "teams": {"name": DEFAULT}}
        return re.sub(r"\{(\w+)\}", lambda found: ids[kind][found[1]], path)

    def told_by(self, text: str) -> list[str]:
        """Return those of the ids that a text tells."""
        each = (value for ids in self.ids.values() for value in ids.values())
        return [value for value in each if re.search(rf'"{re.escape(value)}\b', text)]


def fill(service: Service) -> Things:
    """Store one of everything for the default team."""
    import_faces(service, Party.MEMBER, "our-faces")
    samples = service.ask(Party.VIEWER, "GET", "/v1/datasets/our-faces/samples").json()["items"]
    with service.database.write.begin() as session:
        ids = _rows(session)
    ids["datasets"] = {"name": "our-faces", "sample_id": str(samples[0]["id"])}
    ids["dashboards"] = save_view(service, "our-view")[0]
    return Things(ids)


def _rows(session: Session) -> dict[str, dict[str, str]]:
    """Store what the API makes only where a worker works; return the ids."""
    run = rows.add_run(session, rows.model(session, "our-model"))
    session.add(Request(run_id=run.id, sample_ids=[], not_before=rows.NOW))
    session.flush()
    rows.past_attempts(session, run, 1, rows.NOW)
    assert run.team_id is not None
    key = ApiKey(team_id=run.team_id, name="ours", hash="0", role=Role.VIEWER, created_at=rows.NOW)
    session.add(key)
    session.flush()
    hook, sent, told = _webhook(session, run)
    return {
        "models": {"name": "our-model"},
        "templates": {"template_id": str(run.template_id)},
        "jobs": {"job_id": str(run.job_id), "delivery_id": str(told.id)},
        "webhooks": {"webhook_id": str(hook.id), "delivery_id": str(sent.id)},
        "runs": {"run_id": str(run.id)},
        "attempts": {"attempt_id": str(session.scalars(select(Attempt.id)).one())},
        "keys": {"key_id": str(key.id)},
    }


def _webhook(session: Session, run: Run) -> tuple[Webhook, Delivery, Delivery]:
    """Store a webhook, a delivery to it, and one to the address that a job names."""
    assert run.team_id is not None
    hook = Webhook(team_id=run.team_id, url="https://ours.example/", secret="-")
    session.add(hook)
    session.flush()
    message = Message(type=HookEvent.PING, timestamp=rows.NOW, data=News())
    sent, told = (
        deliveries.write(
            session, Address(run.team_id, webhook_id, run.job_id), message, now=rows.NOW
        )
        for webhook_id in (hook.id, None)
    )
    return hook, sent, told
