"""Which pushes raise an event: those of persons that change data, each once, whatever happens to the service."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from lab.triggers.errors import TroubleError
from tests.unit.support import commit, git
from tests.unit.triggers.stand_in import DATA, RUN, SEED, World, a_world, in_a_world


def test_a_push_that_changes_data_raises_one_event_that_names_it(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        pushed = world.push()
        assert await world.raised() == [{"commit": pushed, "author": "Ada", "paths": [DATA], "changes": [pushed]}]
        assert world.airflow.events[0]["asset_id"] == 7
        assert await world.raised() == []

    in_a_world(tmp_path, use)


def test_what_was_there_before_the_first_start_raises_none_and_what_comes_while_it_is_away_does(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        world.push()
        world.start()
        assert len(await world.raised()) == 1
        world.start()
        assert await world.raised() == []

    in_a_world(tmp_path, use)


def test_a_first_start_in_an_empty_repository_waits(tmp_path: Path) -> None:
    async def run() -> None:
        async with a_world(tmp_path) as world:
            git(tmp_path / "origin.git", "update-ref", "-d", "refs/heads/main")
            assert await world.service.check() == "the repository has no branch main"
            assert not world.service.begun
            world.person.run("push", "--quiet", "origin", "main")
            assert await world.raised() == []
            assert world.service.begun
            world.push()
            assert len(await world.raised()) == 1

    asyncio.run(run())


@pytest.mark.parametrize("message", [RUN, SEED], ids=["a run's", "the lab's"])
def test_what_no_person_made_raises_none(tmp_path: Path, message: str) -> None:
    async def use(world: World) -> None:
        world.push(message)
        assert await world.raised() == []

    in_a_world(tmp_path, use)


@pytest.mark.parametrize("name", ["README.md", "dags/dataset_pipeline.py", "other/datasets/a.csv.dvc", "datasets.md"])
def test_a_push_that_changes_something_else_raises_none(tmp_path: Path, name: str) -> None:
    async def use(world: World) -> None:
        world.push(name=name)
        assert await world.raised() == []

    in_a_world(tmp_path, use)


def test_a_burst_of_pushes_with_runs_between_them_raises_one_event(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        first = world.push(name="datasets/ü b.csv.dvc")
        world.push(RUN)
        second = world.push()
        head = world.push(RUN)
        (event,) = await world.raised()
        assert event["commit"] == head
        assert event["changes"] == [second, first]
        assert event["paths"] == [DATA, "datasets/ü b.csv.dvc"]
        world.start()
        assert await world.raised() == []

    in_a_world(tmp_path, use)


def test_a_merge_is_not_the_change_of_the_person_who_merges(tmp_path: Path) -> None:
    """As when a person who has edited a DAG pulls the versions that runs have made meanwhile."""

    async def use(world: World) -> None:
        base = world.person.out("rev-parse", "HEAD")
        world.push(RUN)
        world.person.run("checkout", "--quiet", "-b", "edit", base)
        commit(world.person, "An edit", {"dags/a.py": "+"})
        world.person.run("merge", "--quiet", "--no-edit", "main")
        world.person.run("push", "--quiet", "origin", "edit:main")
        assert await world.raised() == []

    in_a_world(tmp_path, use)


def test_merged_branches_that_both_change_data_raise_one_event_once(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        base = world.person.out("rev-parse", "HEAD")
        one = commit(world.person, "One", {"datasets/one.csv.dvc": "1"})
        world.person.run("checkout", "--quiet", "-b", "two", base)
        two = commit(world.person, "Two", {"datasets/two.csv.dvc": "2"})
        world.person.run("merge", "--quiet", "--no-edit", "main")
        world.person.run("push", "--quiet", "origin", "two:main")
        (event,) = await world.raised()
        assert set(event["changes"]) == {one, two}
        for name in (DATA, "README.md"):
            world.push(RUN, name)
            assert await world.raised() == []

    in_a_world(tmp_path, use)


def test_of_a_rewritten_history_only_what_is_new_counts(tmp_path: Path) -> None:
    """Also for a service that has no clone of the old one: the server still has what it handled."""

    async def use(world: World) -> None:
        good = world.push()
        world.push("A mistake")
        assert len(await world.raised()) == 1
        world.person.run("reset", "--quiet", "--hard", good)
        world.push("Something else", "README.md", "--force")
        world.start()
        assert await world.raised() == []
        new = world.push("Another one")
        assert [event["changes"] for event in await world.raised()] == [[new]]

    in_a_world(tmp_path, use)


def test_a_history_that_has_nothing_of_the_one_before_is_a_first_start(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        world.airflow.variable = world.airflow.variable and world.airflow.variable.replace("0", "1").replace("a", "b")
        world.start()
        assert await world.raised() == []
        world.push()
        assert len(await world.raised()) == 1

    in_a_world(tmp_path, use)


def test_an_airflow_that_is_away_is_reported_later_and_once(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        world.push()
        world.airflow.is_away = True
        with pytest.raises(TroubleError, match="Airflow answered 503"):
            await world.raised()
        world.airflow.is_away = False
        assert len(await world.raised()) == 1
        assert await world.raised() == []

    in_a_world(tmp_path, use)


def test_an_event_with_a_lost_answer_is_not_raised_twice(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        world.push()
        world.airflow.loses = True
        with pytest.raises(TroubleError):
            await world.raised()
        world.airflow.loses = False
        assert await world.raised() == []
        assert len(world.airflow.events) == 1

    in_a_world(tmp_path, use)


def test_a_dag_that_is_not_loaded_yet_is_waited_for(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        world.airflow.is_loaded = False
        world.push(name="README.md")
        assert await world.service.check() == ""
        world.push()
        assert "Airflow has loaded no DAG that names the asset lab://" in await world.service.check()
        world.airflow.is_loaded = True
        assert len(await world.raised()) == 1

    in_a_world(tmp_path, use)


def test_events_that_people_raise_and_events_that_are_cleaned_away_change_nothing(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        world.push()
        assert len(await world.raised()) == 1
        for extra in ({}, None, {"commit": 5}, {"commit": "main; rm"}, {"commit": "ab" * 20}):
            world.airflow.events.append({"extra": extra})
        world.start()
        assert await world.raised() == []
        world.airflow.events.clear()
        world.start()
        assert await world.raised() == []
        world.push()
        assert len(await world.raised()) == 1

    in_a_world(tmp_path, use)


def test_a_broken_clone_is_made_again(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        world.push()
        shutil.rmtree(world.service.watched.folder / "objects")
        with pytest.raises(TroubleError, match="git"):
            await world.raised()
        assert len(await world.raised()) == 1

    in_a_world(tmp_path, use)


def test_a_git_server_that_is_away_is_reported_in_one_line(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        (tmp_path / "origin.git").rename(tmp_path / "away")
        with pytest.raises(TroubleError, match="git ls-remote: ") as caught:
            await world.raised()
        assert "\n" not in str(caught.value)

    in_a_world(tmp_path, use)
