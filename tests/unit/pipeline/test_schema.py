"""The schema is a contract with every reader of the dataset: pinned, so that no drift goes unnoticed."""

import hashlib

import pytest

from lab.pipeline.schema import COLUMNS, HEADER, Category, Integer, categories, header_fault


def test_header_line() -> None:
    assert ",".join(HEADER) == (
        "Employee ID,Age,Gender,Years at Company,Job Role,Monthly Income,Work-Life Balance,Job Satisfaction,"
        "Performance Rating,Number of Promotions,Overtime,Distance from Home,Education Level,Marital Status,"
        "Number of Dependents,Job Level,Company Size,Company Tenure,Remote Work,Leadership Opportunities,"
        "Innovation Opportunities,Company Reputation,Employee Recognition,Attrition,dataset_type"
    )


def test_columns_are_whole_and_unique() -> None:
    assert len(COLUMNS) == len(set(HEADER)) == 25
    assert all(len(set(column.values)) > 1 for column in COLUMNS if isinstance(column, Category))
    assert all(column.low < column.high for column in COLUMNS if isinstance(column, Integer))


def test_degrees_have_typographic_apostrophes() -> None:
    encoded = "|".join(categories("Education Level")).encode()
    assert encoded == (b"High School|Associate Degree|Bachelor\xe2\x80\x99s Degree|Master\xe2\x80\x99s Degree|PhD")


def test_no_value_drifts_unnoticed() -> None:
    assert hashlib.sha256(repr(COLUMNS).encode()).hexdigest()[:16] == "c972052e8745e11e"


def test_numbers_are_no_categories() -> None:
    with pytest.raises(KeyError):
        categories("Age")


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (HEADER, ""),
        ((), "column 1: 'Employee ID' is missing"),
        (HEADER[:-1], "column 25: 'dataset_type' is missing"),
        ((*HEADER[:4], *HEADER[5:]), "column 5: 'Job Role' is missing"),
        ((*HEADER, "Shoe Size"), "column 26: 'Shoe Size' is one too many"),
        ((*HEADER[:2], "Shoe Size", *HEADER[2:]), "column 3: 'Shoe Size' is one too many"),
        ((*HEADER, "Age"), "column 26: 'Age' is one too many"),
        ((*HEADER[:4], "Role", *HEADER[5:]), "column 5: 'Role' instead of 'Job Role'"),
        ((HEADER[1], HEADER[0], *HEADER[2:]), "column 1: 'Age' instead of 'Employee ID'"),
        ((" Employee ID", *HEADER[1:]), "column 1: ' Employee ID' instead of 'Employee ID'"),
        (("x" * 60, *HEADER[1:]), f"column 1: '{'x' * 40}'… instead of 'Employee ID'"),
        (("a\nb", *HEADER[1:]), r"column 1: 'a\nb' instead of 'Employee ID'"),
    ],
)
def test_first_fault_of_a_header(found: tuple[str, ...], fault: str) -> None:
    assert header_fault(found) == fault
