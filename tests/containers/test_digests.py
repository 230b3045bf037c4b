"""IMAGES=pull gives the images with the digests recorded at the first pull, whatever their tags name later."""

from __future__ import annotations

import secrets
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab import pins
from lab.cli.images import record_again
from lab.config import ImageSettings, Settings
from lab.docker import docker, inspect
from lab.errors import NetworkError, SettingsError
from lab.images import image_set
from lab.images.digests import LOCK
from lab.images.pull import PulledImages
from lab.paths import Paths
from tests.containers.registry import Registry, digest_of, serving

NAME = "gitsync"
"""An image that is used as the registry has it."""


@dataclass
class Machine:
    """A registry with one image, and a checkout that pulls it; `public` is the image's name."""

    registry: Registry
    source: Path
    public: str
    made: set[str] = field(default_factory=set)

    @property
    def repository(self) -> str:
        return self.public.partition(":")[0]

    @property
    def lock(self) -> Path:
        return self.source / LOCK

    def publish(self, label: str) -> str:
        """Give the tag an image with this label; return the digest."""
        name = f"lab-test-{label}:{self.public.partition(':')[2]}"
        with tarfile.open(self.source / "root.tar", "w") as root:
            root.add(__file__, "file")
        docker("import", "--change", f"LABEL which={label}", self.source / "root.tar", name, limit=120)
        self.made.add(name)
        self.registry.add(name, self.public)
        return digest_of(self.registry.manifests[self.public.replace(":", "/manifests/")])

    def images(self) -> PulledImages:
        """As a command sees them."""
        found = PulledImages(Paths(self.source, self.source / ".lab"), self.registry.address)
        vars(found)["names"] = (NAME,)  # the registry has no other
        return found

    def which(self) -> str:
        """The label of the image, which is fetched if needed."""
        images = self.images()
        images.ensure(print, [NAME])
        found = inspect("image", images.reference(NAME))
        assert found is not None
        self.made.add(images.reference(NAME))
        return str(found["Config"]["Labels"]["which"])

    def recorded(self) -> str:
        (table,) = tomllib.loads(self.lock.read_text("utf-8")).values()
        return str(table[self.public])

    def forget(self) -> None:
        """Be a machine that has not pulled it yet."""
        pulled = docker("image", "ls", "--quiet", "--no-trunc", f"{self.registry.address}/{self.repository}").stdout
        for each in {*pulled.split(), *self.made}:
            docker("image", "rm", "--force", each, check=False)
        self.made.clear()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    public = f"test/gitsync:{secrets.token_hex(4)}"
    monkeypatch.setitem(pins.pins(), "images", {**pins.pins()["images"], NAME: public})
    source = tmp_path / "source"
    (source / "images").mkdir(parents=True)
    with serving(Registry(tmp_path)) as registry:
        found = Machine(registry, source, public)
        yield found
        found.forget()


@pytest.fixture
def first(machine: Machine) -> str:
    """The digest of an image that was pulled and recorded, and that Docker does not have."""
    digest = machine.publish("first")
    assert machine.which() == "first"
    assert machine.images().missing() == []
    assert machine.recorded() == digest
    machine.forget()
    assert machine.images().missing() == [NAME]
    return digest


@pytest.mark.usefixtures("first")
def test_a_tag_that_was_moved_changes_nothing(machine: Machine) -> None:
    machine.publish("second")
    assert machine.which() == "first"


def test_an_image_that_was_replaced_is_refused_until_it_is_recorded_again(
    machine: Machine, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    second = machine.publish("second")
    del machine.registry.manifests[f"{machine.repository}/manifests/{first}"]
    with pytest.raises(NetworkError, match=f"does not have .*{machine.public} as {LOCK} records it") as refused:
        machine.which()
    assert "make images RELOCK=1" in refused.value.hint
    assert machine.recorded() == first
    images = machine.images()
    before = images.reference(NAME)
    record_again(images)
    assert second in capsys.readouterr().err
    assert machine.recorded() == second
    assert machine.which() == "second"
    assert images.reference(NAME) != before


def test_other_bytes_under_the_recorded_digest_are_refused(machine: Machine, first: str) -> None:
    second = machine.publish("second")
    at = f"{machine.repository}/manifests"
    machine.registry.manifests[f"{at}/{first}"] = machine.registry.manifests[f"{at}/{second}"]
    with pytest.raises(NetworkError, match=f"as {LOCK} records it"):
        machine.which()


@pytest.mark.parametrize("text", ["[amd64", 'amd64 = "x"', '[amd64]\n"debian:x" = "latest"'])
def test_a_damaged_lock_file_is_refused_with_the_way_on(machine: Machine, text: str) -> None:
    machine.lock.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=f"{LOCK} cannot be read") as refused:
        machine.images().missing()
    assert "git checkout" in refused.value.hint


def test_images_that_are_built_have_no_digests_to_record() -> None:
    with pytest.raises(SettingsError, match="only pulled images") as refused:
        record_again(image_set(Paths.of(), Settings(images=ImageSettings(source="build"))))
    assert "IMAGES=pull" in refused.value.hint
