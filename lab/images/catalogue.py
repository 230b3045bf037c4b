"""The lab's images as data: what each is built from, in an order in which they can be built."""

from __future__ import annotations

from dataclasses import dataclass, field

BASE, NODE_BASE, NODE = "base", "node-base", "node"
AIRFLOW, GITEA, POSTGRES = "airflow", "gitea", "postgres"


@dataclass(frozen=True)
class Image:
    """One image. Everything that goes into it is named here, so that its reference follows from its content."""

    name: str
    base: str = BASE
    """The image that is BASE in the Dockerfile; empty: a bare Debian."""
    needs: tuple[str, ...] = ()
    """Further images that go into it."""
    folder: str = ""
    """Below images/; the name if empty."""
    target: str = ""
    """The stage of a multi-stage Dockerfile."""
    environment: str = ""
    """The Python packages of this lock."""
    programs: tuple[str, ...] = ()
    """Go programs (lab.images.golang), and the folder of the context that they go to."""
    programs_folder: str = "bin"
    modules: dict[str, str] = field(default_factory=dict, hash=False)
    """Folders of a Go module's own source, and where they go in the context."""
    sources: dict[str, str] = field(default_factory=dict, hash=False)
    """Further files and folders of the checkout, and where they go in the context."""
    owner: str = "0:0"
    """User and group of its processes: who must be able to write its data folder."""
    baked: bool = True
    """Whether pods use it, so that it belongs in the node."""

    dockerfile: str = "Dockerfile"

    @property
    def place(self) -> str:
        """The folder of its Dockerfile, relative to the checkout."""
        return f"images/{self.folder or self.name}"

    @property
    def parents(self) -> tuple[str, ...]:
        return (*((self.base,) if self.base else ()), *self.needs)


PACKAGES = "files/usr/local/lib/python3.11/dist-packages"
CONTROL_PLANE = ("kubernetes", "coredns", "pause")
GITEA_DATA = {f"code.gitea.io/gitea/{name}": f"packages/usr/share/gitea/{name}"
              for name in ("options", "public", "templates")}  # fmt: skip

IMAGES = {
    image.name: image
    for image in (
        Image(BASE, base="", baked=False),
        Image("pause", folder="node", target="pause", programs=CONTROL_PLANE),
        Image("control-plane", folder="node", target="control-plane", programs=CONTROL_PLANE),
        Image(NODE_BASE, folder="node", target="node", programs=CONTROL_PLANE, baked=False),
        Image(AIRFLOW, environment="airflow", owner="50000:0"),
        Image(
            "worker",
            environment="worker",
            sources={
                "lab/__init__.py": f"{PACKAGES}/lab/__init__.py",
                "lab/pipeline": f"{PACKAGES}/lab/pipeline",
                "lab/triggers": f"{PACKAGES}/lab/triggers",
            },
            owner="1000:1000",
        ),
        Image(
            "localstack",
            environment="localstack",
            sources={"localstack/init": "files/etc/localstack/init"},
            owner="1000:1000",
        ),
        Image(
            GITEA,
            programs=("gitea",),
            programs_folder="packages/usr/local/bin",
            modules=GITEA_DATA,
            owner="1000:1000",
        ),
        Image(POSTGRES, needs=(AIRFLOW, GITEA), owner="999:999"),
        Image("gitsync", owner="65533:0"),
        Image(
            "pod-identity",
            environment="pod-identity",
            sources={
                "lab/__init__.py": f"{PACKAGES}/lab/__init__.py",
                "lab/pod_identity": f"{PACKAGES}/lab/pod_identity",
            },
        ),
    )
}
IN_CLUSTER = (AIRFLOW, "worker", "localstack", GITEA, POSTGRES, "gitsync", "pod-identity")
"""The images of pods, except for Kubernetes' own parts."""
BAKED = tuple(image.name for image in IMAGES.values() if image.baked)
NAMES = (*IMAGES, NODE)
"""Every image, the baked node included."""


def data_owner(name: str) -> str:
    """`user:group` that must be able to write the data folder mounted into this image's containers."""
    return IMAGES[name].owner
