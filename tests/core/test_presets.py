"""What is known of providers fills in what a model leaves out."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from core import presets
from core.providers.adapters import adapter_for
from core.rules.specs import ModelSpec

AZURE = (
    "https://ours.openai.azure.com/openai/deployments/gpt-4o-eu/chat/completions"
    "?api-version=2024-10-21"
)
NEEDED = {"azure": {"resource": "ours", "deployment": "gpt-4o-eu"}}


def filled(name: str, parameters: dict[str, str] | None = None, **given: Any) -> ModelSpec:
    parameters = NEEDED.get(name, {}) if parameters is None else parameters
    fields = presets.fill(name, parameters, {"name": "m", "model": "big", **given})
    return ModelSpec.model_validate(fields)


def test_the_presets() -> None:
    assert list(presets.presets()) == [
        "anthropic",
        "azure",
        "gemini",
        "litellm",
        "ollama",
        "openai",
        "openrouter",
        "vllm",
    ]


@pytest.mark.parametrize("name", list(presets.presets()))
def test_every_preset_makes_a_model_and_says_where_it_is_from(name: str) -> None:
    model, preset = filled(name), presets.presets()[name]

    assert model.wire == preset.wire
    assert [c.env for c in model.credentials] == [preset.credential] * bool(preset.credential)
    assert model.limits.rpm is model.limits.tpm is model.limits.rpd is None
    assert all(urlsplit(source).scheme == "https" for source in preset.sources.values())
    assert preset.sources.keys() <= type(preset).model_fields.keys()


@pytest.mark.parametrize(
    ("name", "address", "header"),
    [
        ("openai", "https://api.openai.com/v1/chat/completions", "authorization"),
        (
            "azure",
            AZURE,
            "api-key",
        ),
        ("openrouter", "https://openrouter.ai/api/v1/chat/completions", "authorization"),
        ("vllm", "http://127.0.0.1:8000/v1/chat/completions", "authorization"),
        ("ollama", "http://127.0.0.1:11434/v1/chat/completions", "authorization"),
        ("litellm", "http://127.0.0.1:4000/v1/chat/completions", "authorization"),
        ("anthropic", "https://api.anthropic.com/v1/messages", "x-api-key"),
        (
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/models/big:generateContent",
            "x-goog-api-key",
        ),
    ],
)
def test_where_a_preset_sends_and_how_it_shows_its_key(
    name: str, address: str, header: str
) -> None:
    model = filled(name)
    adapter = adapter_for(model.wire)

    assert adapter.url(model) == address
    assert "s3cret" in adapter.headers(model, "s3cret")[header]


def test_what_is_given_wins_and_objects_are_filled_in_one_by_one() -> None:
    model = filled(
        "anthropic",
        credentials=[{"file": "/run/key"}],
        capabilities={"images_per_request": 5},
        headers={"anthropic-beta": "x"},
        image_tokens="patches",
    )

    assert [c.key for c in model.credentials] == ["file:/run/key"]
    assert (model.capabilities.images_per_request, model.capabilities.body_mb) == (5, 32)
    assert (model.headers, model.image_tokens) == ({"anthropic-beta": "x"}, "patches")


def test_an_address_that_is_given_needs_none_of_the_parameters_of_the_usual_one() -> None:
    model = filled("azure", {}, base_url="https://gateway.example/azure/d")

    assert str(model.base_url) == "https://gateway.example/azure/d"
    assert model.query == {"api-version": "2024-10-21"}


def test_a_parameter_replaces_its_default() -> None:
    assert filled("vllm", {"host": "gpu-1", "port": "80"}).base_url.host == "gpu-1"
    assert filled("openrouter", {"app": "our-team"}).headers == {"x-title": "our-team"}


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("nobody", {}, "there are anthropic, azure, gemini"),
        ("azure", {}, r"azure needs resource \(Name of the Azure.*; deployment \(Name"),
        ("azure", {"resource": "ours"}, "azure needs deployment"),
        ("azure", {"recourse": "ours"}, "no parameter 'recourse'; it has resource, deployment"),
        ("openai", {"x": "y"}, "it has none"),
        *(
            ("azure", {"resource": value, "deployment": "d"}, "resource must be letters")
            for value in ("", "evil.example/", "a@b", "a?b", "a b", "a#", "../x", "é", "a" * 201)
        ),
    ],
)
def test_parameters_that_are_missing_unknown_or_no_plain_word_are_refused(
    name: str, parameters: dict[str, str], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        filled(name, parameters)
