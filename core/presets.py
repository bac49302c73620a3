"""The presets that come with gerbench: what is known of a provider before anybody names a model.

Data, validated when first read. What they fill in is stored like anything else that was given: a
model does not remember its preset, and a later preset changes no model.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any

from pydantic import Field, TypeAdapter

from core.rules.specs import Auth, Capabilities, HeaderName, Name, Spec, Wire
from core.rules.tokens import ImageRule

VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
"""What may stand in for a placeholder: nothing that would lead an address somewhere else."""


class Parameter(Spec):
    """A placeholder in a preset."""

    about: str
    default: str | None = Field(None, description="null: it has to be given")


class Preset(Spec):
    """What a provider's models have in common. `{name}` stands for the parameter of that name."""

    name: Name
    title: str
    wire: Wire
    base_url: str
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    auth: Auth | None = None
    credential: str | None = Field(
        None, description="The variable that usually holds the secret; null: none is needed"
    )
    capabilities: Capabilities
    image_tokens: ImageRule
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sources: dict[str, str] = Field(description="Where the provider documents a field")

    def fill(self, parameters: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a model's fields: those given, and the preset's for those that are not.

        Raises ValueError for a parameter that is missing, not known or no plain word.
        """
        own: dict[str, Any] = {"wire": self.wire, "image_tokens": self.image_tokens}
        own |= {"base_url": self.base_url, "query": self.query, "headers": self.headers}
        own["capabilities"] = self.capabilities.model_dump()
        if self.auth is not None:
            own["auth"] = self.auth.model_dump()
        if self.credential is not None:
            own["credentials"] = [{"env": self.credential}]
        if "base_url" in given:
            del own["base_url"]
        values = self._values(parameters, frozenset(_placeholders(own)))
        return _over(_filled(own, values), given)

    def _values(self, given: Mapping[str, str], needed: frozenset[str]) -> dict[str, str]:
        """Return what the placeholders stand for."""
        for name, value in given.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise ValueError(f"{self.name} has no parameter {name!r}; it has {known}")
            if not VALUE.fullmatch(value):
                raise ValueError(f"{name} must be letters, digits, dots, dashes or underscores")
        values = {name: given.get(name, each.default) for name, each in self.parameters.items()}
        missing = [name for name in self.parameters if name in needed and values[name] is None]
        if missing:
            about = "; ".join(f"{name} ({self.parameters[name].about})" for name in missing)
            raise ValueError(f"{self.name} needs {about}")
        return {name: value for name, value in values.items() if value is not None}


@cache
def presets() -> dict[str, Preset]:
    """Return the presets by name."""
    folder = files("core.specs").joinpath("presets")
    read = TypeAdapter(Preset).validate_json
    found = [read(f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".json")]
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def fill(name: str, parameters: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's fields by a preset's name; see `Preset.fill`. Raises ValueError."""
    known = presets()
    if name not in known:
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(known)}")
    return known[name].fill(parameters, given)


def _placeholders(value: Any) -> Iterator[str]:
    """Yield the names of the placeholders anywhere in a value."""
    if isinstance(value, str):
        yield from (name for _, name, _, _ in Formatter().parse(value) if name)
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _placeholders(member)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """Return a value with its placeholders replaced."""
    if isinstance(value, str):
        return value.format_map(values)
    if isinstance(value, Mapping):
        return {name: _filled(member, values) for name, member in value.items()}
    return value


def _over(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with those given laid over them, within objects one by one."""
    merged = dict(own)
    for name, value in given.items():
        before = merged.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[name] = {**before, **value}
        else:
            merged[name] = value
    return merged
