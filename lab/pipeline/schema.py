"""The columns of the dataset, in order, with the values each may take."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final


@dataclass(frozen=True)
class Integer:
    """A column of whole numbers from `low` to `high`, both included."""

    name: str
    low: int
    high: int


@dataclass(frozen=True)
class Category:
    """A column that holds one of `values`, listed from the lowest to the highest where they have an order."""

    name: str
    values: tuple[str, ...]


YES_NO: Final = ("Yes", "No")
POOR_TO_EXCELLENT: Final = ("Poor", "Fair", "Good", "Excellent")
LOW_TO_VERY_HIGH: Final = ("Low", "Medium", "High", "Very High")

# The apostrophe in two of them is typographic (U+2019). So the file is not ASCII, and a program that mistakes
# its encoding is found out.
DEGREES: Final = ("High School", "Associate Degree", "Bachelor\u2019s Degree", "Master\u2019s Degree", "PhD")

ID_COLUMN: Final = "Employee ID"
MAX_ID: Final = 10**18 - 1  # fits a signed 64-bit integer, which is what most readers of CSV use

COLUMNS: Final[tuple[Integer | Category, ...]] = (
    Integer(ID_COLUMN, 0, MAX_ID),
    Integer("Age", 18, 60),
    Category("Gender", ("Male", "Female")),
    Integer("Years at Company", 0, 50),
    Category("Job Role", ("Education", "Media", "Healthcare", "Technology", "Finance")),
    Integer("Monthly Income", 1_000, 50_000),
    Category("Work-Life Balance", POOR_TO_EXCELLENT),
    Category("Job Satisfaction", LOW_TO_VERY_HIGH),
    Category("Performance Rating", ("Low", "Below Average", "Average", "High")),
    Integer("Number of Promotions", 0, 4),
    Category("Overtime", YES_NO),
    Integer("Distance from Home", 1, 99),
    Category("Education Level", DEGREES),
    Category("Marital Status", ("Single", "Married", "Divorced")),
    Integer("Number of Dependents", 0, 6),
    Category("Job Level", ("Entry", "Mid", "Senior")),
    Category("Company Size", ("Small", "Medium", "Large")),
    Integer("Company Tenure", 2, 128),  # months
    Category("Remote Work", YES_NO),
    Category("Leadership Opportunities", YES_NO),
    Category("Innovation Opportunities", YES_NO),
    Category("Company Reputation", POOR_TO_EXCELLENT),
    Category("Employee Recognition", LOW_TO_VERY_HIGH),
    Category("Attrition", ("Stayed", "Left")),
    Category("dataset_type", ("train", "test")),
)

HEADER: Final[tuple[str, ...]] = tuple(column.name for column in COLUMNS)

_CATEGORIES: Final = {column.name: column.values for column in COLUMNS if isinstance(column, Category)}


def categories(column: str) -> tuple[str, ...]:
    """The values of the category column with this name; KeyError for any other."""
    return _CATEGORIES[column]


def header_fault(found: Sequence[str]) -> str:
    """The first way in which these column names are not the schema's, and where; empty if they are."""
    for position, (expected, actual) in enumerate(zip_longest(HEADER, found), start=1):
        if expected != actual:
            return f"column {position}: {_difference(expected, actual, found)}"
    return ""


def _difference(expected: str | None, actual: str | None, found: Sequence[str]) -> str:
    """How a column differs from the one expected in its place; None stands for no column."""
    if actual is None:
        return f"{expected!r} is missing"
    if expected is None or (actual not in HEADER and expected in found):
        return f"{shown(actual)} is one too many"
    if actual in HEADER and expected not in found:
        return f"{expected!r} is missing"
    return f"{shown(actual)} instead of {expected!r}"


def shown(text: str) -> str:
    """A value from a file as an error quotes it: on one line, and cut where it is long."""
    return repr(text) if len(text) <= 40 else f"{text[:40]!r}…"
