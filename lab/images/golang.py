"""Go programs, built on this machine from the modules in images/, for the machine that is to run them.

Go itself comes from the package index, like every other tool. Builds are kept in the machine's cache under a name
with a digest of their content, so no checkout builds them twice.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.content import content_hash, tree
from lab.environments import Environment
from lab.errors import NetworkError, ProgramError
from lab.images.trouble import raise_if_full
from lab.paths import Paths
from lab.pins import GO, lock_file, pins, version_tuple
from lab.proc import Completed, clean_environment, held, run

LIMIT = 3600
NETWORK_SIGNS = ("dial tcp", "i/o timeout", "no such host", "connection refused", "TLS handshake", "x509:",
                 "server misbehaving", "unexpected EOF", "502 ", "503 ", "407 ")  # fmt: skip
NETWORK_HINT = "check the network, the proxy (HTTPS_PROXY) and the module proxy (GOPROXY); what is fetched is kept"


@dataclass(frozen=True)
class Module:
    """A Go module of the lab: its folder, and the package of each of its programs."""

    folder: str
    packages: dict[str, str]


KUBERNETES = Module(
    "images/kubernetes",
    {
        "kubernetes": "./cmd/kubernetes",
        "coredns": "./cmd/coredns",
        "pause": "./cmd/pause",
        "kubectl": "./cmd/kubectl",
        "kind": "sigs.k8s.io/kind",
        "helm": "helm.sh/helm/v4/cmd/helm",
    },
)
GITEA = Module("images/gitea", {"gitea": "code.gitea.io/gitea"})
MODULES = (KUBERNETES, GITEA)
OTHERS = ("files", "Dockerfile", "pull.Dockerfile", "frontend")
"""Files in a module's folder that are not part of it: those of the image that contains the program."""


@dataclass(frozen=True)
class Go:
    """Builds for one platform, named as Go names it (`linux`, `amd64`)."""

    paths: Paths
    system: str
    architecture: str

    def content(self, program: str) -> str:
        """Changes with everything that the program is built from."""
        module, lock = module_of(program), self.paths.source / lock_file(GO)
        parts = [module.packages[program].encode(), self.system.encode(), self.architecture.encode()]
        parts += [
            lock.read_bytes(),
            *tree(self.paths.source / module.folder, without=OTHERS),
            self.link_flags(module).encode(),
        ]
        return content_hash(parts)

    def file(self, program: str) -> Path:
        """Where the program is once it has been built."""
        return self.paths.machine_cache / "programs" / f"{program}-{self.content(program)}"

    def build(self, programs: Iterable[str], note: Callable[[str], None]) -> None:
        """Build those of `programs` that are missing.

        Raises:
            NetworkError: Go or a module could not be fetched.
            HostError: the disk is full.
            ProgramError: something does not compile.
        """
        for module in MODULES:
            wanted = {p: self.file(p) for p in programs if p in module.packages and not self.file(p).exists()}
            if not wanted:
                continue
            note(f"building {', '.join(wanted)}")
            next(iter(wanted.values())).parent.mkdir(parents=True, exist_ok=True)
            with held(self.paths.machine_cache / "go.lock"):
                self.build_module(module, {p: file for p, file in wanted.items() if not file.exists()})

    def build_module(self, module: Module, wanted: dict[str, Path]) -> None:
        if not wanted:
            return
        output = self.paths.machine_cache / "programs" / f".partial-{os.getpid()}"
        output.mkdir(exist_ok=True)
        try:
            packages = [module.packages[program] for program in wanted]
            self.run(module, "build", "-ldflags", self.link_flags(module), "-o", f"{output}/", *packages)
            for program, file in wanted.items():
                (output / program).replace(file)
        finally:
            shutil.rmtree(output, ignore_errors=True)

    def source(self, path: str) -> Path:
        """A folder of a module's source: `code.gitea.io/gitea/options`."""
        name, _, below = path.rpartition("/")
        module = next(module for module in MODULES if name in module.packages.values())
        found = json.loads(self.run(module, "mod", "download", "-json", name).stdout)
        return Path(found["Dir"]) / below

    def run(self, module: Module, *arguments: str) -> Completed:
        environment = Environment(self.paths, GO)
        if not environment.is_current():
            environment.make()
        command: list[str | Path] = [environment.folder / "bin" / "go", *arguments]
        try:
            return run(command, env=self.variables(), cwd=self.paths.source / module.folder, limit=LIMIT)
        except ProgramError as error:
            raise_if_full(error.detail, "Go programs are built", self.paths.machine_cache)
            message = f"the Go programs of {module.folder} could not be built"
            if any(sign in error.detail for sign in NETWORK_SIGNS):
                raise NetworkError(message, NETWORK_HINT, error.detail) from error
            raise ProgramError(message, "", error.detail) from error

    def link_flags(self, module: Module) -> str:
        """Without symbols; and with the version that the program's own build would put there."""
        stamps = {}
        if module is KUBERNETES:
            version = pins()["kubernetes"]["version"]
            major, minor = version_tuple(version)[:2]
            facts = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
            stamps = {f"k8s.io/component-base/version.{name}": value for name, value in facts.items()}
        else:
            required = (self.paths.source / module.folder / "go.mod").read_text("utf-8")
            stamps = {"main.Version": required.split("require code.gitea.io/gitea v", 1)[1].split()[0]}
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in stamps.items())])

    def variables(self) -> dict[str, str]:
        """The user's Go settings apply to where modules are fetched from and cached, not to how programs are built."""
        cache = self.paths.machine_cache
        kept = {name: os.environ[name] for name in ("GOCACHE", "GOMODCACHE") if os.environ.get(name)}
        ground = {"GOCACHE": str(cache / "go-build"), "GOMODCACHE": str(cache / "go-modules"), **kept}
        fixed = {
            "GOTOOLCHAIN": "local",
            "GOOS": self.system,
            "GOARCH": self.architecture,
            "CGO_ENABLED": "0",
            "GOWORK": "off",
            "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly",
        }
        return clean_environment({**ground, **fixed})


def module_of(program: str) -> Module:
    return next(module for module in MODULES if program in module.packages)
