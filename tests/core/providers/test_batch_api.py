"""Calls to a provider's batch mode against the local endpoint, and what a fault of one says."""

import filecmp
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.providers import openai_chat
from core.providers.batch_api import BatchApi, BatchFault
from core.providers.client import ProviderClient
from core.rules.specs import ModelSpec
from core.vocabulary import Result
from gerbench.endpoint.launch import LocalEndpoint
from gerbench.endpoint.options import EndpointOptions
from tests.rows import NOW

URL = "/v1/chat/completions"
SECRET = "sk-of-this-test"


@pytest.fixture
async def api() -> AsyncIterator[BatchApi]:
    options = EndpointOptions(api_key=(SECRET,), batch_seconds=600)
    with LocalEndpoint(options) as endpoint:
        model = ModelSpec(name="local", base_url=endpoint.base_url, model="fer")
        client = ProviderClient()
        yield BatchApi(client, openai_chat, model, SECRET, NOW)
        await client.aclose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file larger than a slice of an upload."""
    path = tmp_path / "requests.jsonl"
    body = b'{"model":"fer","messages":[{"role":"user","content":"' + b"x" * 400_000 + b'"}]}'
    path.write_bytes(
        b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":' + body + b"}\n"
    )
    return path


async def test_a_file_comes_back_as_it_was_sent(api: BatchApi, file: Path, tmp_path: Path) -> None:
    back = tmp_path / "back"

    await api.download(await api.upload(file, "a.jsonl"), back)

    assert filecmp.cmp(back, file, shallow=False)


async def test_a_batch_is_created_found_by_our_id_and_cancelled(api: BatchApi, file: Path) -> None:
    file_id = await api.upload(file, "a.jsonl")
    made = [await api.create(file_id, URL, f"ours-{number}") for number in range(3)]

    found = await api.find("ours-0", since=0)
    await api.cancel(made[1].id)

    assert found is not None
    assert found.id == made[0].id
    assert (await api.get(made[1].id)).status in {"cancelling", "cancelled"}
    assert await api.find("nobody's", since=0) is None


@pytest.mark.parametrize("call", ["get", "cancel"])
async def test_a_batch_that_is_not_there_is_told_from_other_faults(
    api: BatchApi, call: str
) -> None:
    with pytest.raises(BatchFault, match="No batch found with id 'batch_x'") as fault:
        await getattr(api, call)("batch_x")

    assert fault.value.is_unknown
    assert fault.value.reading.result is Result.REJECTED


async def test_a_wrong_key_and_a_missing_file_say_so(api: BatchApi, tmp_path: Path) -> None:
    with pytest.raises(BatchFault, match="Incorrect API key") as fault:
        await replace(api, secret="sk-wrong-0000").get("batch_x")
    assert fault.value.reading.result is Result.UNAUTHORIZED
    assert not fault.value.is_unknown

    with pytest.raises(BatchFault, match="No such File object"):
        await api.download("file-x", tmp_path / "x")


async def test_a_server_that_is_not_there_is_a_fault_that_passes(api: BatchApi) -> None:
    away = api.model.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})

    with pytest.raises(BatchFault) as fault:
        await replace(api, model=away).get("batch_x")

    assert (fault.value.status, fault.value.reading.result) == (None, Result.RESET)


async def test_a_page_in_place_of_json_is_malformed() -> None:
    with LocalEndpoint() as endpoint:
        root = endpoint.base_url.removesuffix("/v1")
        model = ModelSpec(name="local", base_url=f"{root}/v1", model="fer")
        client = ProviderClient()
        api = BatchApi(client, openai_chat, model, None, NOW)
        with pytest.raises(BatchFault) as fault:
            await api.get("../../health")
        await client.aclose()

    assert fault.value.reading.result is Result.MALFORMED
    assert "no such reply in batch mode" in str(fault.value)
