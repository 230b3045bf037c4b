"""Settings: defaults, then lab.toml, then LAB_*, then flags; all mistakes are reported together, with their sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from lab.config import Settings, load
from lab.errors import SettingsError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lab.toml"


def refusal(file: Path, environment: dict[str, str] | None = None, flags: dict[str, object] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(file, environment or {}, flags)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value.message


def test_without_any_source_every_setting_has_its_default(file: Path) -> None:
    assert load(file, {}) == Settings()


def test_the_file_beats_the_defaults_section_by_section(file: Path) -> None:
    file.write_text("[ports]\ngit = 3100\n[dataset]\nrows = 7\n", "utf-8")
    settings = load(file, {})
    assert (settings.ports.git, settings.ports.s3, settings.dataset.rows) == (3100, None, 7)
    assert settings.dataset.seed == Settings().dataset.seed


def test_a_variable_beats_the_file_and_leaves_its_neighbours(file: Path) -> None:
    file.write_text("[ports]\ngit = 3100\ns3 = 3101\n", "utf-8")
    ports = load(file, {"LAB_PORTS__GIT": "3200"}).ports
    assert (ports.git, ports.s3) == (3200, 3101)


def test_a_flag_beats_the_variable_and_the_file(file: Path) -> None:
    file.write_text('engine = "auto"\n', "utf-8")
    assert load(file, {"LAB_ENGINE": "auto"}, {"engine": "local"}).engine == "local"


def test_settings_cannot_be_changed_afterwards(file: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(file, {}).ports.git = 1


def test_every_mistake_of_every_source_is_reported_at_once_with_its_source(file: Path) -> None:
    file.write_text('enigne = "local"\n[ports]\ngti = 1\ns3 = "many"\n[dataset]\nrows = 0\n', "utf-8")
    message = refusal(file, {"LAB_STORAGE__BUKET": "x", "LAB_AIRFLOW__PARALLELISM": "lots"}, {"engine": "kubernetes"})
    for part in (
        "7 settings are wrong",
        "lab.toml: enigne is not a known key (did you mean engine?)",
        "lab.toml: ports.gti is not a known key (did you mean git?)",
        "lab.toml: ports.s3 = 'many'",
        "lab.toml: dataset.rows = 0",
        "LAB_STORAGE__BUKET is not a known key (did you mean LAB_STORAGE__BUCKET?)",
        "LAB_AIRFLOW__PARALLELISM = 'lots'",
        "--engine = 'kubernetes'",
    ):
        assert part in message


def test_one_mistake_is_reported_as_one(file: Path) -> None:
    file.write_text("moonlight = true\n", "utf-8")
    assert refusal(file) == "a setting is wrong: lab.toml: moonlight is not a known key"


@pytest.mark.parametrize("value", ["true", '"3000"', "3000.0", "0", "65536", "[3000]"])
def test_a_port_in_the_file_is_a_whole_number_between_1_and_65535(file: Path, value: str) -> None:
    file.write_text(f"[ports]\ngit = {value}\n", "utf-8")
    assert "lab.toml: ports.git = " in refusal(file)


@pytest.mark.parametrize("bucket", ["A", "ab", "-abc", "under_score", "x" * 64])
def test_a_bucket_name_that_s3_would_refuse_is_refused_here(file: Path, bucket: str) -> None:
    assert "LAB_STORAGE__BUCKET" in refusal(file, {"LAB_STORAGE__BUCKET": bucket})


def test_a_section_given_as_a_value_is_reported_also_when_a_variable_sets_a_key_of_it(file: Path) -> None:
    file.write_text("ports = 3000\n", "utf-8")
    assert "lab.toml: ports = 3000" in refusal(file, {"LAB_PORTS__GIT": "3001"})


def test_a_variable_for_a_section_is_reported_beside_one_for_its_key(file: Path) -> None:
    assert "LAB_PORTS = '3000'" in refusal(file, {"LAB_PORTS": "3000", "LAB_PORTS__GIT": "3001"})


def test_a_wrong_flag_is_not_blamed_on_a_variable_of_the_same_name(file: Path) -> None:
    message = refusal(file, {"LAB_ENGINE": "local"}, {"engine": "kubernetes"})
    assert "--engine = 'kubernetes'" in message
    assert "LAB_ENGINE" not in message


def test_two_services_cannot_be_given_the_same_port(file: Path) -> None:
    file.write_text("[ports]\ngit = 3000\n", "utf-8")
    message = refusal(file, {"LAB_PORTS__S3": "3000"})
    assert "ports.git and ports.s3 are both 3000" in message or "ports.s3 and ports.git are both 3000" in message


@pytest.mark.parametrize("name", ["LAB_PYTHON", "LAB_HOME", "LAB_TRACEBACK", "LAB_TEST_LOGS", "LAB_TEST_TIMES"])
def test_the_labs_own_variables_are_no_settings(file: Path, name: str) -> None:
    assert load(file, {name: "x", "PATH": "/bin"}) == Settings()


def test_a_file_that_is_not_toml_is_named_with_the_place(file: Path) -> None:
    file.write_text("[ports\n", "utf-8")
    message = refusal(file)
    assert message.startswith("lab.toml is not TOML")
    assert "line 1" in message


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    file.mkdir()
    assert refusal(file).startswith("lab.toml cannot be read")
