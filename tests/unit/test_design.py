"""The pictures in docs/design.md show what the code says: which folder imports which, and the phases of `lab up`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from lab.config import Settings
from lab.engine import make
from lab.engine.eks import bring_up
from lab.engine.eks.place import Place
from lab.engine.eks.settings import SAMPLE, load
from lab.engine.phases import Phase
from lab.paths import SOURCE, Paths

Needs = dict[str, set[str]]


def picture(heading: str) -> str:
    """The first Mermaid picture below a heading."""
    text = (SOURCE / "docs" / "design.md").read_text("utf-8").split(f"\n{heading}\n")[1]
    return re.split(r"\n##+ ", text)[0].split("```mermaid\n")[1].split("```")[0]


def layers(container: str) -> list[set[str]]:
    """The layers of the contract for a folder, from the top, with the folders and files that there are."""
    settings = tomllib.loads((SOURCE / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (contract,) = [each for each in settings["contracts"] if each.get("containers") == [container]]
    folder = SOURCE / container.replace(".", "/")
    found = [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]
    there = [{name for name in layer if any(folder.glob(f"{name}/__init__.py")) or (folder / f"{name}.py").exists()}
             for layer in found]  # fmt: skip
    return [layer for layer in there if layer]


@pytest.mark.parametrize(("container", "top"), [("lab", "entry"), ("lab.engine", "engines")])
def test_the_picture_of_the_folders_is_the_contract(container: str, top: str) -> None:
    drawn = picture("## Folders")
    labels = {node: set(text.split(" · ")) for node, text in re.findall(r'(\w+)\["(.+?)"\]', drawn)}
    below = dict(re.findall(r'(\w+)(?:\[".+?"\])? --> (\w+)', drawn))
    chain = [top]
    while chain[-1] in below:
        chain.append(below[chain[-1]])
    assert [labels.get(node, {node}) for node in chain] == layers(container)


def drawn_needs(heading: str) -> Needs:
    needs: Needs = {}
    for left, right in re.findall(r"^ +(.+) --> (.+)$", picture(heading), re.MULTILINE):
        for phase in right.split(" & "):
            needs.setdefault(phase, set()).update(left.split(" & "))
    return needs


def phase_needs(phases: list[Phase]) -> Needs:
    """What each phase needs, but for what it needs already by another; on EKS the phases of one kind are one."""
    needs: Needs = {}
    for phase in phases:
        needs.setdefault(phase.name.split()[0], set()).update(name.split()[0] for name in phase.needs)

    def indirectly(name: str) -> set[str]:
        return needs[name].union(*(indirectly(each) for each in needs[name]))

    direct = {name: each - set().union(*(indirectly(need) for need in each)) for name, each in needs.items()}
    return {name: each for name, each in direct.items() if each}


@pytest.mark.parametrize(("heading", "engine"), [("## `lab up`", "local"), ("### On kind", "kind")])
def test_the_picture_of_lab_up_has_the_phases_of_the_engine(tmp_path: Path, heading: str, engine: str) -> None:
    phases = make(engine, Settings(), Paths.of(tmp_path)).phases()
    assert drawn_needs(heading) == phase_needs(phases)


def test_the_picture_of_eks_up_has_its_phases(tmp_path: Path) -> None:
    place = Place(load(SOURCE / SAMPLE), Paths.of(tmp_path))
    assert drawn_needs("### On EKS") == phase_needs(bring_up.phases(place))
