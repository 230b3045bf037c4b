"""Synthetic employees: the same id and key give the same row on every machine and every Python.

A row is read off one BLAKE2b digest (RFC 7693) of key and id: each byte picks from a table of 256 prepared
values, in which a value stands as often as its weight says. No random module, no clock, no locale, no float.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lab.pipeline.errors import UsageError
from lab.pipeline.schema import HEADER, categories

DEFAULT_ROWS: Final = 75_000  # about 10 MB (10^6 bytes)
DEFAULT_SEED: Final = 2_025
FIRST_ID: Final = 1
ROWS_PER_BLOCK: Final = 2_048  # about 0.3 MB: large enough for cheap writes, small enough for constant memory


def _weighted(values: tuple[str, ...], *weights: int) -> tuple[str, ...]:
    """A table of 256 entries in which each value stands in proportion to its weight."""
    total = sum(weights)
    table: list[str] = []
    reached = 0
    for value, weight in zip(values, weights, strict=True):
        reached += weight
        table.extend([value] * (reached * 256 // total - len(table)))
    return tuple(table)


def _between(low: int, high: int) -> tuple[str, ...]:
    """A table of 256 entries spread evenly over the whole numbers from `low` to `high`."""
    return tuple(str(low + entry * (high - low + 1) // 256) for entry in range(256))


# Drawn alike for everybody.
_NUMBERS: Final = tuple(map(str, range(100)))
_AGE: Final = tuple(map(int, _weighted(_NUMBERS[18:61], *(60 - abs(age - 36) for age in range(18, 61)))))
_GENDER: Final = _weighted(categories("Gender"), 55, 45)
_ROLE: Final = _weighted(categories("Job Role"), 21, 16, 23, 26, 14)
_SATISFACTION: Final = _weighted(categories("Job Satisfaction"), 10, 20, 50, 20)
_PERFORMANCE: Final = _weighted(categories("Performance Rating"), 5, 15, 60, 20)
_OVERTIME: Final = _weighted(categories("Overtime"), 33, 67)
_DISTANCE: Final = _between(1, 99)
_SIZE: Final = _weighted(categories("Company Size"), 27, 50, 23)
_REMOTE: Final = _weighted(categories("Remote Work"), 19, 81)
_LEADERSHIP: Final = _weighted(categories("Leadership Opportunities"), 5, 95)
_INNOVATION: Final = _weighted(categories("Innovation Opportunities"), 16, 84)
_REPUTATION: Final = _weighted(categories("Company Reputation"), 20, 20, 50, 10)
_RECOGNITION: Final = _weighted(categories("Employee Recognition"), 40, 30, 25, 5)
_DATASET: Final = _weighted(categories("dataset_type"), 80, 20)

# Drawn by stage of the career: before 30, before 45, after.
_STAGE: Final = tuple((age >= 30) + (age >= 45) for age in range(61))
_LEVEL: Final = (
    _weighted(categories("Job Level"), 70, 27, 3),
    _weighted(categories("Job Level"), 34, 46, 20),
    _weighted(categories("Job Level"), 18, 46, 36),
)
_EDUCATION: Final = (
    _weighted(categories("Education Level"), 28, 27, 32, 12, 1),
    _weighted(categories("Education Level"), 18, 24, 30, 22, 6),
    _weighted(categories("Education Level"), 19, 24, 29, 21, 7),
)
_MARITAL: Final = (
    _weighted(categories("Marital Status"), 60, 37, 3),
    _weighted(categories("Marital Status"), 27, 57, 16),
    _weighted(categories("Marital Status"), 17, 62, 21),
)

# Drawn by what the row already says.
_DEPENDENTS: Final = {
    "Single": _weighted(_NUMBERS[:7], 70, 15, 8, 4, 2, 1, 0),
    "Married": _weighted(_NUMBERS[:7], 18, 22, 26, 18, 10, 4, 2),
    "Divorced": _weighted(_NUMBERS[:7], 30, 25, 22, 13, 6, 3, 1),
}
_BALANCE: Final = {  # by overtime
    "Yes": _weighted(categories("Work-Life Balance"), 22, 36, 30, 12),
    "No": _weighted(categories("Work-Life Balance"), 9, 27, 43, 21),
}
_PROMOTIONS: Final = (  # by years at the company: none, then one band for each three years
    _weighted(_NUMBERS[:5], 1, 0, 0, 0, 0),
    _weighted(_NUMBERS[:5], 85, 15, 0, 0, 0),
    _weighted(_NUMBERS[:5], 60, 32, 8, 0, 0),
    _weighted(_NUMBERS[:5], 46, 30, 16, 6, 2),
    *(_weighted(_NUMBERS[:5], 32, 30, 22, 12, 4),) * 11,
)
_TENURE: Final = tuple(_between(2, min(128, 12 * years + 11)) for years in range(43))  # months, by years

# The middle monthly income of a role at entry level, and what a level makes of it, in percent.
_ROLE_INCOME: Final = {
    "Education": 3_000,
    "Media": 4_000,
    "Healthcare": 5_200,
    "Technology": 6_600,
    "Finance": 6_000,
}
_LEVEL_PERCENT: Final = {"Entry": 100, "Mid": 150, "Senior": 250}
_INCOME: Final = {
    (role, level): income * percent // 100
    for role, income in _ROLE_INCOME.items()
    for level, percent in _LEVEL_PERCENT.items()
}

# How many of 256 such people leave: a base, and what moves it.
_LEAVE_BASE: Final = 112
_LEAVE_BY_SATISFACTION: Final = {"Low": 40, "Medium": 12, "High": -10, "Very High": -14}
_LEAVE_BY_BALANCE: Final = {"Poor": 38, "Fair": 20, "Good": -8, "Excellent": -16}
_LEAVE_BY_OVERTIME: Final = {"Yes": 18, "No": -6}
_LEAVE_BY_REMOTE: Final = {"Yes": -60, "No": 14}
_LEAVE_BY_LEVEL: Final = {"Entry": 32, "Mid": 0, "Senior": -50}


def employee(employee_id: int, key: bytes) -> tuple[str, ...]:
    """The row of this employee, one text per column of the schema; none of them needs quoting in CSV.

    `employee_id` is at least 0 and below 2^64. Years at the company never exceed the years since the 18th
    birthday, the tenure in months never exceeds what the years at the company allow.
    """
    draw = hashlib.blake2b(key + employee_id.to_bytes(8, "little")).digest()
    age = _AGE[draw[0]]
    stage = _STAGE[age]
    years = draw[1] * draw[2] * (age - 17) >> 16  # the product of two draws: many short stays, few long ones
    role = _ROLE[draw[3]]
    level = _LEVEL[stage][draw[4]]
    # 0.6 to 1.6 of the middle: two draws make what is near it likelier than the ends, a third adds steps.
    income = _INCOME[role, level] * (39_322 + (draw[5] + draw[6] << 7) + (draw[7] >> 1)) >> 16
    overtime = _OVERTIME[draw[8]]
    balance = _BALANCE[overtime][draw[9]]
    satisfaction = _SATISFACTION[draw[10]]
    marital = _MARITAL[stage][draw[11]]
    remote = _REMOTE[draw[12]]
    leaving = (
        _LEAVE_BASE
        + _LEAVE_BY_SATISFACTION[satisfaction]
        + _LEAVE_BY_BALANCE[balance]
        + _LEAVE_BY_OVERTIME[overtime]
        + _LEAVE_BY_REMOTE[remote]
        + _LEAVE_BY_LEVEL[level]
    )
    job = (_NUMBERS[years], role, str(income), balance, satisfaction, _PERFORMANCE[draw[13]])
    career = (
        _PROMOTIONS[(years + 2) // 3][draw[14]],
        overtime,
        _DISTANCE[draw[15]],
        _EDUCATION[stage][draw[16]],
    )
    home = (marital, _DEPENDENTS[marital][draw[17]], level, _SIZE[draw[18]], _TENURE[years][draw[19]], remote)
    chances = (_LEADERSHIP[draw[20]], _INNOVATION[draw[21]], _REPUTATION[draw[22]], _RECOGNITION[draw[23]])
    outcome = ("Left" if draw[24] < leaving else "Stayed", _DATASET[draw[25]])
    return (str(employee_id), _NUMBERS[age], _GENDER[draw[26]], *job, *career, *home, *chances, *outcome)


def csv_blocks(employee_ids: range, key: bytes, newline: str) -> Iterator[bytes]:
    """The rows of these employees as UTF-8 CSV, in blocks of whole lines, each line ended by `newline`."""
    for start in range(0, len(employee_ids), ROWS_PER_BLOCK):
        rows = [",".join(employee(number, key)) for number in employee_ids[start : start + ROWS_PER_BLOCK]]
        yield (newline.join(rows) + newline).encode()


def generate(path: str | os.PathLike[str], rows: int = DEFAULT_ROWS, seed: int = DEFAULT_SEED) -> None:
    """Write a dataset of `rows` employees, numbered from 1, to `path`; same arguments, same bytes.

    The file appears whole or not at all: it is written beside `path` and renamed, which rename(2) promises to
    be atomic. An existing file is replaced.

    Raises:
        UsageError: `rows` is negative.
        OSError: the file cannot be written.
    """
    if rows < 0:
        raise UsageError(f"rows is {rows}: it must be 0 or more", "`rows` is how many employees to make")
    target = Path(path)
    key = hashlib.blake2b(str(seed).encode(), digest_size=32, person=b"lab/generate/v1").digest()
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            file.write(",".join(HEADER).encode() + b"\n")
            file.writelines(csv_blocks(range(FIRST_ID, FIRST_ID + rows), key, "\n"))
            file.flush()
            os.fsync(file.fileno())
            # A temporary file is its owner's alone; a dataset is read by other users of a shared volume.
            part.chmod(0o644)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
