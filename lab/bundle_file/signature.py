"""Who made a bundle: a signature of OpenSSH next to it, over the checksum of its manifest and so over every byte.

The format is that of `ssh-keygen -Y sign` (PROTOCOL.sshsig of OpenSSH); who may sign stands in a file of allowed
signers (ssh-keygen(1), "ALLOWED SIGNERS"). Standard library only: bootstrap.py checks a bundle before it uses it.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

from lab.bundle_file.archive import Bundle, checksum_line_of
from lab.errors import CheckFailedError, HostError, SettingsError
from lab.proc import run

NAMESPACE = "mlops-lab-bundle"
VARIABLE = "LAB_BUNDLE__ALLOWED_SIGNERS"
LIMIT = 120
"""Seconds in which a user may enter the passphrase of a key."""


def signature_file(bundle: Path) -> Path:
    return bundle.with_name(f"{bundle.name}.sig")


def sign(bundle: Bundle, key: Path) -> Path:
    """Sign with this key (a private one, or the public one of a key that ssh-agent holds); return the signature's file.

    Raises:
        HostError: there is no ssh-keygen.
        ProgramError: it could not sign, with its last lines.
    """
    command = [keygen(), "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key)]
    signature = run(command, text=checksum_line_of(bundle), limit=LIMIT).stdout
    target = signature_file(bundle.file)
    target.write_text(signature, "utf-8")
    return target


def require_signed(bundle: Bundle, allowed: Path) -> str:
    """Return who of `allowed` signed the bundle.

    Raises:
        SettingsError: there is no file of allowed signers.
        CheckFailedError: the bundle is not signed, or not by an allowed signer.
        HostError: there is no ssh-keygen.
    """
    if not allowed.is_file():
        raise SettingsError(f"there is no file of allowed signers {allowed}", "docs/bundle.md says what it holds")
    signature, name = signature_file(bundle.file), bundle.file.name
    if not signature.is_file():
        hint = "put the signature next to the bundle, or have it made: lab bundle --sign KEY"
        raise CheckFailedError(f"the bundle {name} is not signed: there is no {signature.name}", hint)
    files = ("-f", str(allowed), "-s", str(signature))
    found = run([keygen(), "-Y", "find-principals", *files], limit=LIMIT, check=False)
    for signer in found.stdout.splitlines() if found.status == 0 else ():
        command = [keygen(), "-Y", "verify", "-n", NAMESPACE, "-I", signer, *files]
        if run(command, text=checksum_line_of(bundle), limit=LIMIT, check=False).status == 0:
            return signer
    hint = "take the bundle from an allowed signer, or add the key of its signer to the file"
    raise CheckFailedError(f"the bundle {name} has no signature of an allowed signer ({allowed.name})", hint)


def keygen() -> str:
    found = shutil.which("ssh-keygen")
    if found is None:
        raise HostError("ssh-keygen is not installed", "install OpenSSH's client (apt install openssh-client)")
    return found


def allowed_signers(option: str | None, source: Path, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The file of allowed signers, as lab.config resolves `bundle.allowed_signers`; None if there is to be none.

    An option is relative to the folder of the call, a variable and lab.toml to the checkout.

    Raises:
        SettingsError: lab.toml cannot be read: it might name one.
    """
    if option:
        return Path(option).expanduser().absolute()
    named = environment.get(VARIABLE) or in_file(source / "lab.toml")
    return source / Path(named).expanduser() if named else None


def in_file(file: Path) -> str:
    try:
        found = tomllib.loads(file.read_text("utf-8")) if file.exists() else {}
        return str(found.get("bundle", {}).get("allowed_signers", ""))
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsError(f"{file.name} cannot be read: {error}", "see docs/settings.md for an example") from error
