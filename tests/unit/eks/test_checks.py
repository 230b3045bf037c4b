"""The checks of `lab eks` change nothing below `.lab`, whatever there is on AWS."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from lab.engine.eks import bring_up
from lab.engine.eks.place import Place
from lab.engine.eks.settings import FILE, load
from tests.unit.conftest import Outcome
from tests.unit.eks.conftest import Amazon
from tests.unit.support import tree

Lab = Callable[..., Outcome]


@pytest.mark.parametrize("made", [False, True], ids=["nothing is made", "everything is made"])
def test_every_check_changes_nothing(amazon: Amazon, lab: Lab, *, made: bool) -> None:
    """As on another machine: nothing that `up` has written is there."""
    if made:
        assert lab("eks", "up").status == 0
        shutil.rmtree(amazon.checkout.home / "eks")
    before = tree(amazon.checkout.home)
    place = Place(load(amazon.checkout.source / FILE), amazon.checkout)
    for _ in range(2):
        done = {phase.name: phase.done() for phase in bring_up.phases(place)}
        assert made == all(found for name, found in done.items() if name != "tools")
        assert tree(amazon.checkout.home) == before


def test_the_plan_changes_nothing(amazon: Amazon, lab: Lab) -> None:
    assert lab("eks", "up").status == 0
    shutil.rmtree(amazon.checkout.home / "eks")
    before = tree(amazon.checkout.home)
    assert lab("eks", "plan").status == 0
    assert tree(amazon.checkout.home) == before


def test_up_leaves_the_kubeconfig_where_the_guide_names_it(amazon: Amazon, lab: Lab) -> None:
    assert lab("eks", "up").status == 0
    file = amazon.checkout.home / "eks" / "lab-one" / "kubeconfig"
    made = file.read_text("utf-8")
    file.unlink()
    assert lab("eks", "up").err.startswith("Nothing to do")
    assert file.read_text("utf-8") == made
