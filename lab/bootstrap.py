"""Makes the lab's own environment from uv.lock. Runs on any supported Python, standard library only.

`lab/bootstrap.sh` calls it. uv is taken from PATH if it is new enough; else the wheel that uv.lock names is installed
below `.lab/`, by pip (which knows the host's package index) or, on a Python without pip, straight from the lock's URL.
With `up --bundle FILE`, and once a bundle has been opened, uv and all packages come from the bundle.
Exit codes are those of README.md: 4 the machine lacks something, 5 packages could not be fetched.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".lab"
ENVIRONMENT = HOME / "environments" / "lab"
HOST_ERROR, NETWORK_ERROR = 4, 5
NETWORK_HINT = (
    "the first run fetches packages: check the network, the proxy (HTTPS_PROXY) and the package index "
    "(UV_DEFAULT_INDEX or PIP_INDEX_URL); what is fetched once is kept and `make lab-up` continues from there"
)


def fail(code: int, message: str, hint: str, detail: str = "") -> None:
    evidence = [f"  │ {line}" for line in detail.strip().splitlines()[-8:]]
    lines = [f"error: {message}", *evidence, f"hint: {hint}"]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.exit(code)


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def uv_environment() -> dict[str, str]:
    """The host's index settings carry over: uv reads UV_*, and pip's index where only that is set."""
    variables = dict(os.environ, UV_PYTHON_DOWNLOADS="never", UV_SYSTEM_CERTS="1", UV_NATIVE_TLS="1")
    index = os.environ.get("PIP_INDEX_URL")
    if index and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & variables.keys():
        variables["UV_DEFAULT_INDEX"] = index
    return variables


def version_of(program: str) -> tuple[int, ...]:
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.match(r"uv (\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else ()


def pins() -> dict:
    return tomllib.loads((ROOT / "lab" / "pins.toml").read_text("utf-8"))


def require_disk() -> None:
    if ENVIRONMENT.exists():
        return  # `lab up` checks again, for what is still to be installed
    needed, free = pins()["host"]["install-disk"], shutil.disk_usage(ROOT).free >> 20
    if free < needed:
        fail(
            HOST_ERROR,
            f"not enough disk space: {free:,} MiB free in {ROOT}, {needed:,} MiB needed",
            "free some space, or clone the lab to another disk",
        )


def locked_uv() -> dict:
    packages = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
    return next(package for package in packages if package["name"] == "uv")


def find_uv(packages: Path | None = None) -> str:
    """A uv that is new enough, installed below `.lab/` if necessary; `packages` are those of a bundle."""
    minimum = pins()["uv"]["minimum"]
    on_path = shutil.which("uv")
    if on_path and version_of(on_path) >= tuple(map(int, minimum.split("."))):
        return on_path
    package = locked_uv()
    own = HOME / "cache" / f"uv-{package['version']}" / "uv"
    if not version_of(str(own)):
        say(f"Installing uv {package['version']} below .lab/ (≤ 60 s) …")
        own.parent.mkdir(parents=True, exist_ok=True)
        if not (uv_by_bundle(package, own, packages) or uv_by_pip(package, own) or uv_by_url(package, own)):
            fail(NETWORK_ERROR, f"uv {package['version']} could not be fetched", NETWORK_HINT)
    return str(own)


def uv_by_bundle(package: dict, own: Path, packages: Path | None) -> bool:
    for wheel in package["wheels"] if packages else ():
        file = packages / wheel["url"].rsplit("/", 1)[-1]
        if file.exists() and platform_matches(file.name):
            take_uv(file.read_bytes(), wheel, own)
            return True
    return False


def uv_by_pip(package: dict, own: Path) -> bool:
    hashes = " ".join(f"--hash={wheel['hash']}" for wheel in package["wheels"])
    with tempfile.TemporaryDirectory(dir=own.parent) as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"uv=={package['version']} {hashes}\n", "utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
                   "--only-binary=:all:", "--no-cache-dir", "--target", folder, "-r", str(requirements)]  # fmt: skip
        # On a minimal PATH: pip runs every tool it knows for its version, and some then create files in the home.
        bare = {**os.environ, "PATH": os.defpath}
        if subprocess.run(command, capture_output=True, timeout=300, env=bare).returncode != 0:
            return False
        Path(folder, "bin", "uv").replace(own)
    return True


def platform_matches(file_name: str) -> bool:
    """Whether a uv wheel (`uv-…-py3-none-<platform>.whl`) fits this machine; only the families that uv ships."""
    machine = {"amd64": "x86_64", "aarch64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    tag = file_name.removesuffix(".whl").split("-")[-1]
    if sys.platform == "darwin":
        return tag.startswith("macosx") and tag.endswith(machine)
    library = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"
    return library in tag and tag.endswith(machine)


def uv_by_url(package: dict, own: Path) -> bool:
    for wheel in package["wheels"]:
        if not platform_matches(wheel["url"].rsplit("/", 1)[-1]):
            continue
        try:
            with urllib.request.urlopen(wheel["url"], timeout=60) as answer:
                content = answer.read()
        except (urllib.error.URLError, OSError):
            return False
        take_uv(content, wheel, own)
        return True
    return False


def take_uv(content: bytes, wheel: dict, own: Path) -> None:
    """The program from a wheel, if the wheel has the locked checksum."""
    if "sha256:" + hashlib.sha256(content).hexdigest() != wheel["hash"]:
        fail(NETWORK_ERROR, "the uv wheel does not have the checksum that uv.lock names", NETWORK_HINT)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
        partial = own.with_suffix(".part")
        partial.write_bytes(archive.read(member))
    partial.chmod(0o755)
    partial.replace(own)


def hold_lock() -> int:
    """Wait for any other bootstrap, and for an installer that outlived a killed one: it inherits the descriptor."""
    from lab.errors import HostError
    from lab.paths import make_home
    from lab.proc import lock as hold

    try:
        make_home(HOME)
    except HostError as error:
        fail(error.exit_code, error.message, error.hint)
    (HOME / "environments").mkdir(exist_ok=True)
    file = HOME / "environments" / "lab.lock"
    try:
        return hold(file, wait=False)
    except BlockingIOError:
        say("Waiting for another install of the lab's environment (≤ 120 s) …")
        return hold(file)


def run_uv(uv: str, lock: int, *arguments: str) -> None:
    environment = {**uv_environment(), "LAB_HOME": str(HOME)}
    finished = subprocess.run(
        [uv, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, pass_fds=(lock,)
    )
    if finished.returncode != 0:
        fail(NETWORK_ERROR, "the lab's own packages could not be installed", NETWORK_HINT, finished.stderr)


def packages_of_bundle(arguments: list[str]) -> Path | None:
    """The packages of the bundle that `up --bundle FILE` names, or of the one opened before; None: fetch them."""
    from lab.bundle_file.opened import packages_for_call
    from lab.errors import LabError

    try:
        return packages_for_call(arguments, ROOT, HOME, say)
    except LabError as error:
        fail(error.exit_code, error.message, error.hint)


def make_environment(uv: str, lock: int, groups: list[str], packages: Path | None) -> None:
    say("Preparing the lab's own environment (≤ 120 s, seconds when packages are cached) …")
    requirements = HOME / "cache" / "lab-requirements.txt"
    requirements.parent.mkdir(parents=True, exist_ok=True)
    # By way of a requirements list, because `uv sync` would insist on the index named in the lock.
    run_uv(uv, lock, "export", "--quiet", "--frozen", "--no-emit-project", *groups, "--output-file", str(requirements))
    python, stamps = ENVIRONMENT / "bin" / "python", [ENVIRONMENT / ".stamp", ENVIRONMENT / ".stamp-dev"]
    # Without a stamp, an attempt was interrupted: a package may look installed and have half of its files.
    whole = (
        python.exists()
        and any(stamp.exists() for stamp in stamps)
        and subprocess.run([python, "-c", ""]).returncode == 0
    )
    for stamp in stamps:
        stamp.unlink(missing_ok=True)
    if not whole:
        run_uv(uv, lock, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT))
    from lab.bundle_file.opened import uv_options

    sync = ("pip", "sync", "--quiet", "--require-hashes", *uv_options(packages), "--python", str(python))
    run_uv(uv, lock, *sync, str(requirements))
    # The scheme by name: the default one of Debian's own Python is not that of an environment.
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(ENVIRONMENT)}))
    (site / "lab.pth").write_text(f"{ROOT}\n", "utf-8")
    (ENVIRONMENT / "uv-path").write_text(uv, "utf-8")


def main() -> None:
    if shutil.which("git") is None:
        fail(HOST_ERROR, "git is not installed", "install it (apt install git · brew install git)")
    require_disk()
    lock = hold_lock()
    development = sys.argv[1:2] == ["--dev"]
    packages = None if development else packages_of_bundle(sys.argv[1:])  # a bundle has no tools of development
    make_environment(find_uv(packages), lock, ["--group", "dev"] if development else [], packages)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # for the few parts of `lab` that need the standard library only
    main()
