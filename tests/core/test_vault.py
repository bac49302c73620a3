"""Secrets rest encrypted, and only who has the key opens them."""

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.errors import InvalidInput, MissingCredential
from core.rules.specs import CredentialRef
from core.settings import Settings
from core.vault import KEY_FILE, Vault

SECRET = "sk-a-secret-of-a-provider"
OLD, NEW = "o" * 32, "n" * 32


def test_a_sealed_secret_is_opened_and_does_not_show() -> None:
    vault = Vault(OLD, None)

    mark, token = vault.seal(SECRET)

    assert vault.resolve(CredentialRef(stored=mark), {mark: token}) == SECRET
    assert SECRET not in token
    assert CredentialRef(stored=mark).key == f"stored:{mark}"


def test_the_same_secret_has_the_same_fingerprint_under_one_key_only() -> None:
    vault = Vault(OLD, None)

    assert vault.seal(SECRET)[0] == vault.seal(SECRET)[0]
    assert vault.seal(SECRET)[0] != vault.seal("sk-another-secret")[0]
    assert vault.seal(SECRET)[0] != Vault(NEW, None).seal(SECRET)[0]


def test_a_key_is_changed_without_losing_what_the_old_one_sealed() -> None:
    mark, token = Vault(OLD, None).seal(SECRET)
    ref = CredentialRef(stored=mark)

    assert Vault(f"{NEW}, {OLD}", None).resolve(ref, {mark: token}) == SECRET
    with pytest.raises(MissingCredential, match="GERBENCH_SECRET_KEY"):
        Vault(NEW, None).resolve(ref, {mark: token})
    fresh, sealed = Vault(f"{NEW},{OLD}", None).seal(SECRET)
    assert Vault(NEW, None).resolve(CredentialRef(stored=fresh), {fresh: sealed}) == SECRET


@pytest.mark.parametrize("token", ["", "no-token", "é"])
def test_a_damaged_secret_is_missing(token: str) -> None:
    with pytest.raises(MissingCredential):
        Vault(OLD, None).resolve(CredentialRef(stored="0" * 16), {"0" * 16: token})


def test_a_secret_that_is_kept_no_more_is_missing() -> None:
    with pytest.raises(MissingCredential, match="not stored any more"):
        Vault(OLD, None).resolve(CredentialRef(stored="0" * 16), {})


def test_in_embedded_mode_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database_url=None, secret_key=None)

    mark, token = Vault.of(settings).seal(SECRET)

    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert Vault.of(settings).resolve(CredentialRef(stored=mark), {mark: token}) == SECRET


def test_nothing_is_sealed_with_a_key_that_workers_elsewhere_would_not_find(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database_url=SecretStr("postgresql://x"), secret_key=None)

    with pytest.raises(InvalidInput, match="GERBENCH_SECRET_KEY"):
        Vault.of(settings).seal(SECRET)

    assert not (tmp_path / KEY_FILE).exists()


def test_other_credentials_are_read_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_KEY", SECRET)

    assert Vault(None, None).resolve(CredentialRef(env="LOCAL_KEY"), {}) == SECRET
