"""Who may have made a bundle: OpenSSH's signatures, checked before anything of it is unpacked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import bootstrap
from lab.bundle_file import archive
from lab.bundle_file.opened import open_bundle, opened, packages_for_call
from lab.bundle_file.signature import NAMESPACE, allowed_signers, require_signed, sign, signature_file
from lab.errors import CheckFailedError, HostError, SettingsError
from lab.paths import SOURCE, Paths
from tests.unit.bundles import write_bundle
from tests.unit.conftest import Outcome

Lab = Callable[..., Outcome]


def new_key(folder: Path, name: str) -> Path:
    key = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True)
    return key


def allow(folder: Path, **keys: Path) -> Path:
    """A file of allowed signers: these keys by the names of those who have them, for bundles."""
    file = folder / "allowed_signers"
    lines = [f'{name} namespaces="{NAMESPACE}" {Path(f"{key}.pub").read_text("utf-8")}' for name, key in keys.items()]
    file.write_text("".join(lines), "utf-8")
    return file


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path, "ada")


@pytest.fixture
def allowed(tmp_path: Path, key: Path) -> Path:
    return allow(tmp_path, **{"ada@example.invalid": key})


@pytest.fixture
def signed(tmp_path: Path, key: Path) -> Path:
    file = write_bundle(tmp_path)
    sign(archive.read(file), key)
    return file


def refused(file: Path, home: Path, allowed: Path) -> str:
    with pytest.raises(CheckFailedError) as error:
        open_bundle(file, SOURCE, home, lambda _: None, allowed)
    assert error.value.hint
    return error.value.message


def test_a_bundle_of_an_allowed_signer_is_opened(signed: Path, allowed: Path, tmp_path: Path) -> None:
    assert require_signed(archive.read(signed), allowed) == "ada@example.invalid"
    open_bundle(signed, SOURCE, tmp_path / "home", lambda _: None, allowed)
    assert opened(tmp_path / "home") is not None


def test_plain_ssh_keygen_verifies_it(signed: Path, allowed: Path) -> None:
    checksum = subprocess.run(["tar", "-xOf", signed, archive.CHECKSUM], capture_output=True, check=True).stdout
    command: list[str | Path] = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        allowed,
        "-I",
        "ada@example.invalid",
        "-n",
        NAMESPACE,
        "-s",
    ]
    subprocess.run([*command, signature_file(signed)], input=checksum, check=True)


def test_without_a_signature_nothing_is_unpacked(tmp_path: Path, allowed: Path) -> None:
    assert "is not signed: there is no lab.tar.sig" in refused(write_bundle(tmp_path), tmp_path / "home", allowed)
    assert not (tmp_path / "home").exists()


def test_another_key_another_content_and_another_purpose_are_refused(tmp_path: Path, key: Path, signed: Path) -> None:
    home, mallory = tmp_path / "home", new_key(tmp_path, "mallory")
    not_allowed = "has no signature of an allowed signer (allowed_signers)"
    assert not_allowed in refused(signed, home, allow(tmp_path, mallory=mallory))
    allowed = allow(tmp_path, ada=key)
    other = write_bundle(tmp_path, {"packages/evil.whl": b"evil"}, name="other.tar")
    signature_file(other).write_bytes(signature_file(signed).read_bytes())
    assert not_allowed in refused(other, home, allowed)
    checksum = archive.checksum_line_of(archive.read(other))
    command = ["ssh-keygen", "-Y", "sign", "-q", "-n", "git", "-f", str(key)]
    foreign = subprocess.run(command, input=checksum.encode(), capture_output=True, check=True).stdout
    signature_file(other).write_bytes(foreign)
    assert not_allowed in refused(other, home, allowed)
    assert not home.exists()


def test_a_bundle_that_is_open_is_checked_again(signed: Path, allowed: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_bundle(signed, SOURCE, home, lambda _: None)
    signature_file(signed).unlink()
    assert "is not signed" in refused(signed, home, allowed)


@pytest.fixture
def checkout_of_this(checkout: Paths) -> Paths:
    for name in ("uv.lock", "images", "lab", "localstack", "pyproject.toml"):
        (checkout.source / name).symlink_to(SOURCE / name)
    return checkout


@pytest.fixture(params=["option", "variable", "file"])
def options(
    request: pytest.FixtureRequest, checkout_of_this: Paths, allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The allowed signers by each way to name them; the options for `lab up`."""
    if request.param == "option":
        return ["--allowed-signers", str(allowed)]
    if request.param == "variable":
        monkeypatch.setenv("LAB_BUNDLE__ALLOWED_SIGNERS", str(allowed))
    else:
        (checkout_of_this.source / "signers").write_bytes(allowed.read_bytes())
        checkout_of_this.settings_file.write_text('[bundle]\nallowed_signers = "signers"\n', "utf-8")
    return []


def test_up_and_the_bootstrap_before_it_refuse_what_is_not_signed(
    lab: Lab, checkout_of_this: Paths, tmp_path: Path, options: list[str]
) -> None:
    arguments = ["up", "--engine", "local", "--bundle", str(write_bundle(tmp_path)), *options]
    outcome = lab(*arguments)
    assert outcome.status == 1
    assert "error: the bundle lab.tar is not signed" in outcome.err
    with pytest.raises(CheckFailedError, match="is not signed"):
        packages_for_call(arguments, checkout_of_this.source, checkout_of_this.home, lambda _: None)
    assert not (checkout_of_this.home / "bundle").exists()


def test_the_bootstrap_ends_with_the_reason(
    tmp_path: Path, allowed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "HOME", tmp_path / "home")
    with pytest.raises(SystemExit) as ended:
        bootstrap.packages_of_bundle(["up", "--bundle", str(write_bundle(tmp_path)), "--allowed-signers", str(allowed)])
    assert ended.value.code == 1
    assert "is not signed" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[bundle", "bundle = 1"])
def test_settings_that_cannot_be_read_might_name_signers(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=r"lab\.toml cannot be read"):
        allowed_signers(None, tmp_path, {})


def test_a_missing_file_of_signers_and_a_machine_without_openssh_are_errors(
    signed: Path, allowed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="there is no file of allowed signers"):
        require_signed(archive.read(signed), tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="ssh-keygen is not installed"):
        require_signed(archive.read(signed), allowed)
