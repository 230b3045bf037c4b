"""How two renders are compared, and what the list of allowed differences means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.errors import SettingsError
from lab.parity.allowed import Fields, Reason, read
from lab.parity.check import explained
from lab.parity.compare import ABSENT, PlaceDifference, differences

Object = dict[str, Any]


def pod(**spec: Any) -> Object:
    return {"kind": "Pod", "metadata": {"name": "step", "namespace": "airflow"}, "spec": spec}


def container(**fields: Any) -> Object:
    return pod(containers=[{"name": "base", **fields}])


def found(kind: Object, eks: Object) -> list[tuple[str, str, str]]:
    return [(each.what, each.kind, each.eks) for each in differences([kind], [eks])]


def test_what_is_alike_is_no_difference() -> None:
    assert (
        found(
            container(image="a", env=[{"name": "A", "value": "1"}]),
            container(env=[{"value": "1", "name": "A"}], image="a"),
        )
        == []
    )


def test_one_more_variable_is_one_difference() -> None:
    one, two = [{"name": "A", "value": "1"}], [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]
    (difference,) = found(container(env=one), container(env=two))
    assert difference == ("spec.containers[base].env[B]", ABSENT, '{"name": "B", "value": "2"}')
    assert found(container(), container(env=one))[0][0] == "spec.containers[base].env[A]"


def test_another_value_is_reported_with_both() -> None:
    assert found(container(image="a"), container(image="b")) == [("spec.containers[base].image", "a", "b")]


def test_the_order_of_sources_is_compared_because_the_last_one_holds() -> None:
    sources = [{"configMapRef": {"name": "place"}}, {"secretRef": {"name": "keys"}}]
    (difference,) = found(container(envFrom=sources), container(envFrom=sources[::-1]))
    assert difference == ("spec.containers[base].envFrom[]", '["place", "keys"]', '["keys", "place"]')


def test_two_variables_of_one_name_are_not_treated_as_one() -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    assert found(container(env=twice), container(env=twice[1:])) != []


def test_an_empty_mapping_says_something_and_null_does_not() -> None:
    assert found(pod(volume={"emptyDir": {}}), pod(volume={"emptyDir": {"medium": "Memory"}})) != []
    assert found(pod(a=None), pod()) == []
    assert found(pod(text=""), pod()) == [("spec.text", '""', ABSENT)]


def test_documents_in_a_config_map_are_separate_objects() -> None:
    def config(parallelism: int, image: str) -> Object:
        template = f"kind: Pod\nspec: {{containers: [{{name: base, image: {image}}}]}}\n"
        data = {"airflow.cfg": f"[core]\nparallelism = {parallelism}\n", "pod_template_file.yaml": template, "x": "1"}
        return {"kind": "ConfigMap", "metadata": {"name": "airflow-config"}, "data": data}

    assert differences([config(1, "a")], [config(2, "b")]) == [
        PlaceDifference("Worker pod", "spec.containers[base].image", "a", "b"),
        PlaceDifference("airflow.cfg", "core.parallelism", "1", "2"),
    ]


def test_an_object_of_one_place_is_one_difference() -> None:
    assert differences([pod()], []) == [PlaceDifference("Pod airflow/step", "", "there", ABSENT)]


BRACKETS = PlaceDifference("Worker pod", "spec.containers[base].image", "a", "b")


@pytest.mark.parametrize(
    ("fields", "covered"),
    [
        ({"where": ["Worker pod"], "what": ["spec.containers[base].image"]}, True),
        ({"where": ["Worker pod"], "what": ["spec.containers[abes].image"]}, False),
        ({"where": ["Worker *"], "what": ["*.image"], "kind": "a", "eks": "b"}, True),
        ({"where": ["Worker pod"], "what": ["*.image"], "eks": "c"}, False),
        ({"where": ["Worker pod"], "what": ["image"]}, False),
        ({"where": ["worker pod"], "what": ["*"]}, False),
        ({"where": ["Worker pod"]}, False),  # of the object itself only
    ],
)
def test_a_pattern_covers_what_it_says_and_no_more(fields: dict[str, Any], covered: bool) -> None:
    assert Fields.model_validate(fields).covers(BRACKETS) is covered


def test_what_has_no_reason_is_a_fault_and_a_reason_for_nothing_is_reported() -> None:
    other = PlaceDifference("airflow.cfg", "core.executor", "a", "b")
    reasons = [
        Reason.model_validate({"reason": "meant", "differences": [{"where": ["Worker pod"], "what": ["*.image"]}]}),
        Reason.model_validate(
            {"reason": "old", "differences": [{"where": ["Worker pod", "gone"], "what": ["*.image", "x"]}]}
        ),
    ]
    report = explained([BRACKETS, other], reasons)
    assert report.differences == [(BRACKETS, "meant"), (other, None)]
    assert report.faults == [other]
    assert report.unused == ["gone", "Worker pod, gone: x"]


@pytest.mark.parametrize(
    "text",
    [
        "- {reason: '', differences: [{where: [a]}]}",
        "- {differences: [{where: [a]}]}",
        "- {reason: a, differences: []}",
        "- {reason: a, differences: [{where: [a], wat: [b]}]}",
        "reason: a",
        "- [",
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "parity.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=r"parity\.yaml"):
        read(file)
