"""One small call that tells whether a model can be reached as it is declared."""

from dataclasses import dataclass
from datetime import datetime

from core.models import DeclaredModel
from core.providers.adapters import adapter_for
from core.providers.client import ProviderClient
from core.rules.money import cost_nano
from core.rules.pictures import Prompt
from core.rules.readings import Exchange, Reading
from core.rules.specs import ModelSpec
from core.vault import Vault
from core.vocabulary import Detail, Result

QUESTION = "This is a connection check. Answer with the single word: ready"
MAX_TOKENS = 16

REACHED = frozenset({Result.ANSWERED, Result.LENGTH, Result.REFUSED})
"""The model itself spoke: address, credential and model id are good."""


@dataclass(frozen=True)
class Check:
    """What one credential of a model came to."""

    credential: str
    reading: Reading
    exchange: Exchange
    cost_nano: int | None

    @property
    def ok(self) -> bool:
        """Tell whether the model spoke."""
        return self.reading.result in REACHED


async def check(
    client: ProviderClient, vault: Vault, model: DeclaredModel, *, now: datetime
) -> list[Check]:
    """Call a model once with each of its credentials; such a call is small but not free.

    It is no attempt of any run and asks for no room under the limits. Raises MissingCredential
    before anything is sent.
    """
    secrets = {ref.key: vault.resolve(ref, model.sealed) for ref in model.credentials}
    small = model.model_copy(update={"max_tokens": min(MAX_TOKENS, model.max_tokens)})
    return [
        await _call(client, small, key, secrets.get(key), now=now) for key in model.credential_keys
    ]


async def _call(
    client: ProviderClient, model: ModelSpec, credential: str, secret: str | None, *, now: datetime
) -> Check:
    """Make the call with one credential."""
    adapter = adapter_for(model.wire)
    body = adapter.build(model, Prompt(QUESTION, ()), Detail.LOW)
    exchange = await client.post(
        adapter.url(model),
        adapter.headers(model, secret),
        body.content,
        model.timeout_s,
        secret=secret,
    )
    reading = adapter.read(exchange, now=now)
    return Check(credential, reading, exchange, cost_nano(model.prices, reading.usage))
