"""Bodies of /v1/models."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator

from api.schemas.base import Body
from core import credentials, presets
from core.bodies.inputs import CredentialBody, ModelBody
from core.canary import Check
from core.presets import Preset
from core.rules.money import dollars
from core.rules.specs import (
    Auth,
    Capabilities,
    CredentialRef,
    Limits,
    ModelSpec,
    Prices,
    Wire,
)
from core.rules.tokens import ImageRule
from core.tables import Model
from core.vault import Vault
from core.vocabulary import Result

EXAMPLE: dict[str, Any] = {
    "name": "local",
    "base_url": "http://127.0.0.1:9000/v1",
    "model": "fer",
    "credentials": [{"env": "LOCAL_KEY"}],
    "limits": {"rpm": 600, "concurrency": 32},
    "capabilities": {"images_per_request": 20, "body_mb": 20},
    "prices": {"input_per_mtok": 2.5, "output_per_mtok": 10.0},
}


PRESET_EXAMPLE: dict[str, Any] = {
    "name": "gpt-4o",
    "preset": "azure",
    "parameters": {"resource": "our-resource", "deployment": "gpt-4o-eu"},
    "model": "gpt-4o",
}
MIN_SECRET = 8
"""Characters: a shorter one could not be blotted out of what a provider repeats."""


class CredentialGiven(CredentialRef):
    """Where a secret is read from; or the secret itself, which is encrypted and never shown."""

    secret: SecretStr | None = Field(None, min_length=MIN_SECRET, max_length=credentials.MAX_SECRET)

    @model_validator(mode="after")
    def exactly_one_source(self) -> Self:
        """Require one of the sources, and a secret that a header can carry."""
        given = [self.env, self.file, self.stored, self.secret]
        if given.count(None) != len(given) - 1:
            raise ValueError("a credential is either env, file, secret or stored")
        if self.secret is not None and not _is_one_line(self.secret.get_secret_value()):
            raise ValueError("a secret is one line of printable ASCII characters without blanks")
        return self

    @property
    def key(self) -> str:
        """Return what tells it from the model's other credentials."""
        return super().key if self.secret is None else f"secret:{hash(self.secret)}"


def _is_one_line(secret: str) -> bool:
    return secret.isascii() and secret.isprintable() and " " not in secret


def kept(
    given: Iterable[CredentialGiven], vault: Vault
) -> tuple[list[CredentialRef], dict[str, str]]:
    """Return credentials as they are stored, and what is sealed of them by its fingerprint."""
    refs: list[CredentialRef] = []
    sealed: dict[str, str] = {}
    for each in given:
        if each.secret is None:
            refs.append(CredentialRef(env=each.env, file=each.file, stored=each.stored))
        else:
            mark, token = vault.seal(each.secret.get_secret_value())
            refs.append(CredentialRef(stored=mark))
            sealed[mark] = token
    return refs, sealed


ADDRESS = "presets"
"""The list of presets has the address that a model of this name would have."""


def _address_may_be_left_out(schema: dict[str, Any]) -> None:
    """Say in the schema that a preset knows the address."""
    schema["required"] = [name for name in schema["required"] if name != "base_url"]


class ModelCreate(ModelSpec):
    """An endpoint and how it may be used; a preset fills in what is left out."""

    model_config = ConfigDict(json_schema_extra=_address_may_be_left_out)

    credentials: tuple[CredentialGiven, ...] = ()
    preset: str | None = Field(None, description="One of GET /v1/models/presets")
    parameters: dict[str, str] = Field(
        default_factory=dict, description="What the placeholders of the preset stand for"
    )

    @model_validator(mode="before")
    @classmethod
    def filled_in(cls, given: Any) -> Any:
        """Lay what is given over what the preset says."""
        if not isinstance(given, dict) or not isinstance(given.get("preset"), str):
            return given
        parameters = given.get("parameters", {})
        if not _is_plain(parameters):
            return given
        return presets.fill(given["preset"], parameters, given)

    @model_validator(mode="after")
    def name_and_parameters_are_of_use(self) -> Self:
        """Refuse parameters of nothing, and the one name whose address is taken."""
        if self.parameters and self.preset is None:
            raise ValueError("parameters belong to a preset: name one in preset")
        if self.name == ADDRESS:
            raise ValueError(f"{ADDRESS} is where the presets are listed; choose another name")
        return self

    def spec(self, vault: Vault) -> tuple[ModelSpec, dict[str, str]]:
        """Return what is stored, and secrets to keep: nothing in it tells of the preset."""
        refs, sealed = kept(self.credentials, vault)
        own = self.model_dump(exclude={"preset", "parameters", "credentials"})
        return ModelSpec.model_validate({**own, "credentials": refs}), sealed


def _is_plain(parameters: object) -> bool:
    return isinstance(parameters, dict) and all(isinstance(v, str) for v in parameters.values())


class Presets(BaseModel):
    """Every preset, with what it needs."""

    items: list[Preset]


class ModelChange(Body):
    """The fields to set; those within objects one by one, where null takes a header out."""

    model_config = ConfigDict(json_schema_extra={"example": {"limits": {"rpm": 300}}})

    wire: Wire = "openai-chat"
    base_url: HttpUrl | None = None
    query: dict[str, str | None] | None = None
    headers: dict[str, str | None] | None = None
    auth: Auth | None = Field(None, description="null: as the wire's own provider wants it")
    model: str | None = None
    credentials: tuple[CredentialGiven, ...] | None = None
    limits: Limits | None = None
    capabilities: Capabilities | None = None
    prices: Prices | None = Field(None, description="null: not known")
    image_tokens: ImageRule | None = None
    max_tokens: int | None = None
    temperature: float | None = Field(None, description="null: the provider's default")
    timeout_s: float | None = None

    def given(self, vault: Vault) -> tuple[dict[str, Any], dict[str, str]]:
        """Return only what was sent, and secrets to keep."""
        changes = self.model_dump(mode="json", exclude_unset=True, exclude={"credentials"})
        if "credentials" not in self.model_fields_set or self.credentials is None:
            return changes, {}
        refs, sealed = kept(self.credentials, vault)
        return {**changes, "credentials": [ref.model_dump() for ref in refs]}, sealed


class CredentialOut(CredentialBody):
    """Where a secret is read from, and whether one is there now."""

    @classmethod
    def of(cls, ref: CredentialRef) -> Self:
        """Return a credential as it is shown."""
        return cls(
            **ref.model_dump(), present=ref.stored is not None or credentials.is_present(ref)
        )


class ModelOut(ModelBody):
    """A model as it is shown; secrets never are."""

    credentials: tuple[CredentialOut, ...] = ()

    @classmethod
    def of(cls, model: Model) -> Self:
        """Return a model as it is shown."""
        spec = ModelSpec.model_validate(model.spec)
        shown = [CredentialOut.of(ref) for ref in spec.credentials]
        return cls.model_validate(
            {**model.spec, "credentials": shown, "created_at": model.created_at}
        )


class CredentialCheck(BaseModel):
    """What a call with one credential came to."""

    credential: str
    ok: bool = Field(description="The model itself spoke: address, credential and id are good")
    result: Result
    status: int | None = Field(description="HTTP status; null when no whole reply came")
    reason: str | None = Field(description="What the provider, or the connection, said")
    latency_s: float
    cost_usd: float | None

    @classmethod
    def of(cls, check: Check) -> Self:
        """Return a check as it is shown."""
        return cls(
            credential=check.credential,
            ok=check.ok,
            result=check.reading.result,
            status=check.exchange.status,
            reason=check.reading.reason,
            latency_s=check.exchange.latency_s,
            cost_usd=None if check.cost_nano is None else dollars(check.cost_nano),
        )


class CheckOut(BaseModel):
    """Whether a model can be reached as it is declared."""

    name: str
    ok: bool = Field(description="With each of its credentials")
    credentials: list[CredentialCheck]

    @classmethod
    def of(cls, name: str, checks: Sequence[Check]) -> Self:
        """Return the checks of a model as they are shown."""
        shown = [CredentialCheck.of(check) for check in checks]
        return cls(name=name, ok=all(check.ok for check in shown), credentials=shown)
