"""Helm values: merged as Helm merges them; a key that the chart does not know is an error that names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import SettingsError
from lab.helm_values import ValuesFile, check_values
from tests.unit.charts import pack

VALUES = "scheduler: {replicas: 1, args: null, strategy: {rollingUpdate: 1}}\nports: []\nfree: {}\n"
SCHEMA = {
    "properties": {
        "scheduler": {
            "properties": {
                "replicas": {"type": "integer"},
                "args": {"type": ["array", "null"]},
                "strategy": {"type": "object"},
            }
        },
        "ports": {"items": {"properties": {"name": {}}, "additionalProperties": False}},
        "free": {"properties": {"known": {}}, "additionalProperties": True},
    }
}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A small chart, packed; it has a part with its own values."""
    content = {
        "it/charts/part/values.yaml": "other: 1",
        "it/values.yaml": VALUES,
        "it/values.schema.json": json.dumps(SCHEMA),
    }
    return pack(tmp_path / "chart.tgz", content)


def check(chart: Path, *texts: str) -> None:
    files = [chart.with_name(f"{number}.yaml") for number, _ in enumerate(texts)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, "utf-8")
    check_values(chart, [ValuesFile.read(file) for file in files])


@pytest.mark.parametrize(
    "text",
    ["", "scheduler: {replicas: 2}", "scheduler: {args: [a]}", "scheduler: {strategy: {rollingUpdate: null}}",
     "free: {anything: 1}", "ports: [{name: x}]"],
)  # fmt: skip
def test_what_the_chart_knows_passes(chart: Path, text: str) -> None:
    check(chart, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("schedulr: {}", r"0\.yaml: schedulr is not a known key \(did you mean scheduler\?\)"),
        ("scheduler: {replica: 2}", r"0\.yaml: scheduler\.replica is not a known key \(did you mean replicas\?\)"),
        ("scheduler: {xyz: 2}", r"0\.yaml: scheduler\.xyz is not a known key$"),
        ("ports: [{nam: x}]", r"0\.yaml: ports\.0\.nam is not a known key \(did you mean name\?\)"),
        ("scheduler: {replicas: two}", r"0\.yaml: scheduler\.replicas = 'two'"),
        ("- a", r"0\.yaml holds no Helm values"),
        ("a: [", r"0\.yaml is not YAML"),
    ],
)
def test_what_it_does_not_know_is_named(chart: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        check(chart, text)


def test_a_key_is_reported_with_the_last_file_that_has_it(chart: Path) -> None:
    with pytest.raises(SettingsError, match=r"1\.yaml: scheduler\.replicas = 'two'"):
        check(chart, "scheduler: {replicas: one}", "scheduler: {replicas: two}", "ports: [{name: x}]")


def test_a_later_file_puts_an_earlier_one_right(chart: Path) -> None:
    check(chart, "scheduler: {replicas: one}", "scheduler: {replicas: 2}")


def test_all_problems_are_reported_at_once(chart: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        check(chart, "schedulr: {}\nscheduler: {replica: 2}")
    assert "schedulr" in caught.value.message
    assert "scheduler.replica" in caught.value.message


def test_a_file_that_cannot_be_read_is_reported(chart: Path) -> None:
    with pytest.raises(SettingsError, match=r"nosuch\.yaml: No such file"):
        check_values(chart, [ValuesFile.read(chart.with_name("nosuch.yaml"))])
