"""Settings of a process, read from the environment with GERBENCH_ in front."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.rules.addresses import LOOPBACK, Network

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """Where things are. Two of them choose the mode: `database_url` and `broker_url`."""

    model_config = SettingsConfigDict(env_prefix="GERBENCH_", frozen=True)

    data: Path = Field(Path("var"), description="Database, media, scratch space and admin.key")
    database_url: SecretStr | None = Field(
        None, description="postgresql+psycopg://…; unset: SQLite in the data folder"
    )
    broker_url: SecretStr | None = Field(
        None, description="redis://…, for the Celery broker and limits; unset: in this process"
    )
    media_url: str | None = Field(None, description="fsspec URL; unset: a folder in `data`")
    import_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Folders that datasets may be imported from by path, as in PATH"
    )
    private_models: Annotated[tuple[Network, ...] | None, NoDecode] = Field(
        None,
        description="Networks that are not public in which anyone may declare models, such as"
        " 10.1.0.0/16,127.0.0.0/8; unset: loopback in embedded mode, else none",
    )
    private_webhooks: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Networks that are not public in which anyone may have webhooks, such as"
        " 10.1.0.0/16; unset: none",
    )
    secret_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Encrypts the secrets that are kept; alike for the API and the workers. Several"
        " are separated by commas, the new one first. Unset: made in `data`/secret.key",
    )
    shared_credentials: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Variables and files with secrets that anyone's models may use"
    )
    max_upload_gb: float = Field(20.0, gt=0, description="Largest archive that may be uploaded")
    stream_s: float = Field(
        600.0, gt=0, description="How long a live stream lasts before its client opens it anew"
    )
    stall_s: float = Field(
        60.0, gt=0, description="A job in which nothing was answered for so many seconds says why"
    )
    keep_raw_days: float | None = Field(
        None,
        ge=0,
        description="Raw answers are dropped so long after their run has ended; unset: never",
    )
    prepared_days: float | None = Field(
        None, gt=0, description="Prepared media are removed when they are older; unset: never"
    )
    prepared_gb: float | None = Field(
        None, gt=0, description="The newest prepared media stay, up to so much; unset: all"
    )
    orphan_days: float | None = Field(
        None,
        ge=1,
        description="Media that no dataset names are removed so long after they were put;"
        " unset: never",
    )
    metrics_key: SecretStr | None = Field(
        None, min_length=16, description="A key that opens GET /metrics and nothing else"
    )
    admin_key: SecretStr | None = Field(
        None, min_length=16, description="The admin's API key; unset: made in `data`/admin.key"
    )

    celery_events: bool = Field(
        default=False, description="Whether workers tell Celery's events, for Flower"
    )
    log_format: LogFormat | None = Field(
        None, description="Of lines of the log; unset: json in distributed mode, else console"
    )
    log_level: LogLevel | None = Field(
        None, description="The least that is logged; unset: info with json, else warning"
    )

    @field_validator("import_roots", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Read folders separated as in PATH."""
        return tuple(value.split(os.pathsep)) if isinstance(value, str) and value else value or ()

    @field_validator("private_models", "private_webhooks", "shared_credentials", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        """Read what is separated by commas."""
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @property
    def private_networks(self) -> tuple[Network, ...]:
        """Return the networks, public or not, that anyone's models may be in.

        In embedded mode an endpoint on this machine is the normal case, so loopback is allowed.
        """
        if self.private_models is not None:
            return self.private_models
        return LOOPBACK if self.database_url is None else ()

    @property
    def database(self) -> str:
        """Return the SQLAlchemy URL of the database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data / 'gerbench.db').absolute()}"

    @property
    def logs_as(self) -> LogFormat:
        """Return the format of the log: where many processes work, programs read it."""
        return self.log_format or ("console" if self.broker_url is None else "json")

    @property
    def logs_from(self) -> LogLevel:
        """Return the least that is logged: a person at a screen is told of what is wrong."""
        return self.log_level or ("info" if self.logs_as == "json" else "warning")

    @property
    def spool(self) -> Path:
        """Return the folder of replies that wait for the database to come back."""
        return self.data / "spool"

    @property
    def broker(self) -> str:
        """Return the URL of the Celery broker."""
        if self.broker_url is not None:
            return self.broker_url.get_secret_value()
        return "memory://localhost"

    @property
    def media(self) -> str:
        """Return the fsspec URL of the media store."""
        return self.media_url or (self.data / "media").absolute().as_uri()


@lru_cache
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
