"""What sessions may do: the policies of their roles, in the language of IAM policies, read from a file.

"IAM JSON policy elements reference" and "Policy evaluation logic" in the IAM user guide. moto has an evaluation, too
(moto.iam.access_control): it ignores conditions and NotResource, and takes the dots of a bucket's name for wildcards.

An element or a condition that is not known here never allows anything.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["Question", "Roles", "permits"]

LOG = logging.getLogger("localstack.lab.signed_requests")
PRINCIPAL_TAG = "aws:PrincipalTag/"

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """Whether an action on a resource is allowed; ``values`` are the condition keys of the request."""

    action: str
    resource: str
    values: Mapping[str, str] = field(default_factory=dict)


class Roles:
    """The policy documents in a JSON file, by the ARN of their role; a change of the file counts at once."""

    def __init__(self, file: Path | None) -> None:
        """Take the file; without one there are no roles. Raises what reading it raises."""
        self.file = file
        self.known: dict[str, Document] = {}
        self.read_at: int | None = None
        if file:
            self.refresh()

    def policy(self, role: str) -> Document | None:
        """Return a role's policy, or None if there is no such role; no role is known while the file is damaged."""
        try:
            self.refresh()
        except (OSError, ValueError) as error:
            LOG.error("%s: no role may do anything until it is right: %s", self.file, error)  # noqa: TRY400
            return None
        return self.known.get(role)

    def refresh(self) -> None:
        """Read the file if it has changed."""
        if self.file is None:
            return
        changed_at = self.file.stat().st_mtime_ns
        if changed_at != self.read_at:
            found = json.loads(self.file.read_text("utf-8"))
            if not isinstance(found, dict) or not all(isinstance(policy, dict) for policy in found.values()):
                raise ValueError("not an object of policy documents by role")
            self.known, self.read_at = found, changed_at


def permits(document: Document, question: Question) -> bool:
    """Return whether a policy allows it: a statement allows it, and none denies it."""
    statements = document.get("Statement", [])
    effects = {
        effect
        for statement in (statements if isinstance(statements, list) else [statements])
        if applies(statement, question, effect := statement.get("Effect", "Deny"))
    }
    return effects == {"Allow"}


def applies(statement: Document, question: Question, effect: str) -> bool:
    """Return whether a statement covers this; in doubt a statement that denies does, and one that allows does not."""
    return (
        chosen(statement, "Action", question.action, ignore_case=True)
        and chosen(statement, "Resource", question.resource)
        and all(
            holds(operator, key, texts(expected), question.values, unknown=effect != "Allow")
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def chosen(statement: Document, element: str, value: str, *, ignore_case: bool = False) -> bool:
    """Return whether ``element`` has a pattern for the value, or ``Not<element>`` has none."""
    if element in statement:
        return any(matches(pattern, value, ignore_case=ignore_case) for pattern in texts(statement[element]))
    excluded = statement.get(f"Not{element}")
    return excluded is not None and not any(
        matches(pattern, value, ignore_case=ignore_case) for pattern in texts(excluded)
    )


def holds(operator: str, key: str, expected: list[str], values: Mapping[str, str], *, unknown: bool) -> bool:
    """Return whether a condition holds; a key that the request does not have never matches."""
    compare = OPERATORS.get(operator)
    if compare is None:
        return unknown
    value = values.get(key)
    return value is not None and any(compare(each, value) for each in expected)


def texts(found: Any) -> list[str]:
    """Return the strings of an element that may be one string or a list."""
    return [found] if isinstance(found, str) else list(found)


def matches(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    """Return whether a value fits a pattern, in which ``*`` is any text and ``?`` one character."""
    return compiled(pattern, ignore_case).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """Return the pattern as a regular expression."""
    parts: Iterator[str] = ({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda expected, value: expected == value,
    "StringLike": matches,
}
"""What compares the pattern of a condition with the value of a request, by the condition's operator."""
