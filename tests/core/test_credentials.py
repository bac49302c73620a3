"""Secrets are found, or it is said where to put them."""

from pathlib import Path

import pytest

from core import credentials
from core.errors import MissingCredential
from core.rules.specs import CredentialRef


def test_a_secret_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_KEY", " sk-1 ")
    ref = CredentialRef(env="LOCAL_KEY")

    assert credentials.resolve(ref) == "sk-1"
    assert credentials.is_present(ref)


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-2\n")
    ref = CredentialRef(file=str(tmp_path / "key"))

    assert credentials.resolve(ref) == "sk-2"
    assert credentials.is_present(ref)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_variable_is_told_where_to_set_it(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("LOCAL_KEY", raising=False)
    else:
        monkeypatch.setenv("LOCAL_KEY", value)
    ref = CredentialRef(env="LOCAL_KEY")

    with pytest.raises(MissingCredential, match="set LOCAL_KEY in the environment of the process"):
        credentials.resolve(ref)
    assert not credentials.is_present(ref)


@pytest.mark.parametrize("name", ["none", "none/none", ".", "x" * 5000, "\x00"])
def test_a_missing_file_is_told_where_to_put_it(tmp_path: Path, name: str) -> None:
    ref = CredentialRef(file=f"{tmp_path}/{name}")

    with pytest.raises(MissingCredential, match="where the worker can read it"):
        credentials.resolve(ref)
    assert not credentials.is_present(ref)


@pytest.mark.parametrize("text", ["two\nlines", "x" * 4097, "a\tb"])
def test_a_file_of_something_else_is_not_sent_as_a_secret(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)

    with pytest.raises(MissingCredential, match="one line") as caught:
        credentials.resolve(CredentialRef(file=str(tmp_path / "key")))
    assert text not in str(caught.value)
