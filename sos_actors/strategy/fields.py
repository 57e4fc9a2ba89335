"""Checked access to the members of a JSON object: the wrong type becomes a finding, never an exception."""

from __future__ import annotations

import math
from collections.abc import Collection

from sos_actors.strategy.document import member
from sos_actors.strategy.findings import Finding, Severity, nearest, printable

_MAX_FINDINGS = 100


class Findings:
    """Collects the findings of one file, up to a hundred."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Finding] = []

    @property
    def full(self) -> bool:
        """Whether further findings would be dropped."""
        return len(self.found) >= _MAX_FINDINGS

    @property
    def has_error(self) -> bool:
        """Whether the file is refused."""
        return any(finding.severity is Severity.ERROR for finding in self.found)

    def add(
        self,
        severity: Severity,
        json_path: str,
        message: str,
        *,
        expression: str | None = None,
        column: int | None = None,
        suggestion: str | None = None,
    ) -> None:
        """Add one; a full list still takes the first error, so that a flood of warnings cannot hide it."""
        if not self.full or (severity is Severity.ERROR and not self.has_error):
            self.found.append(Finding(severity, self.file, json_path, message, expression, column, suggestion))

    def error(self, json_path: str, message: str, suggestion: str | None = None) -> None:
        """The file is refused."""
        self.add(Severity.ERROR, json_path, message, suggestion=suggestion)

    def warning(self, json_path: str, message: str, suggestion: str | None = None) -> None:
        """The file is accepted."""
        self.add(Severity.WARNING, json_path, message, suggestion=suggestion)


class Fields:
    """One JSON object of the file.

    A member that is absent or ``null`` reads as None; one of the wrong type is a finding and reads as None.
    """

    def __init__(self, values: dict[str, object], json_path: str, findings: Findings) -> None:
        self._values = values
        self.json_path = json_path
        self.findings = findings

    def path(self, key: str) -> str:
        """The JSON path of a member."""
        return member(self.json_path, key)

    def warn_unknown(self, known: Collection[str]) -> None:
        """A warning for every member that is not known: it has no effect."""
        for key in self._values:
            if key not in known:
                if self.findings.full:
                    return
                message = f"Unknown key {printable(key, 64)!r}: ignored"
                self.findings.warning(self.path(key), message, nearest(key, known))

    def raw(self, key: str) -> object:
        """The value as it is."""
        return self._values.get(key)

    def required(self, key: str) -> bool:
        """Whether the member is there; an error when it is not."""
        if self._values.get(key) is not None:
            return True
        self.findings.error(self.json_path, f"{key!r} is missing", nearest(key, self._values) if self._values else None)
        return False

    def _wrong(self, key: str, wanted: str) -> None:
        self.findings.error(self.path(key), f"{key} must be {wanted}, not {type_name(self._values[key])}")

    def text(self, key: str) -> str | None:
        """A text."""
        value = self._values.get(key)
        if value is None or isinstance(value, str):
            return value
        self._wrong(key, "a text")
        return None

    def truth(self, key: str) -> bool | None:
        """True or false."""
        value = self._values.get(key)
        if value is None or isinstance(value, bool):
            return value
        self._wrong(key, "true or false")
        return None

    def number(self, key: str) -> float | None:
        """A finite number."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        self._wrong(key, "a number")
        return None

    def mapping(self, key: str) -> Fields | None:
        """An object."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return Fields(value, self.path(key), self.findings)
        self._wrong(key, "an object {…}")
        return None

    def items(self, key: str, limit: int) -> list[object] | None:
        """A list of at most ``limit`` elements; a single text stands for a list of one, with a warning."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            self.findings.warning(self.path(key), f"{key} is a text: read as a list of one")
            return [value]
        if not isinstance(value, list):
            self._wrong(key, "a list [...]")
            return None
        if len(value) > limit:
            self.findings.error(self.path(key), f"{key} has {len(value)} elements; at most {limit}")
            return None
        return value

    def members(self, limit: int) -> list[tuple[str, object]]:
        """Key and value of every member, at most ``limit``."""
        if len(self._values) > limit:
            self.findings.error(self.json_path, f"{len(self._values)} members; at most {limit}")
            return []
        return list(self._values.items())


def type_name(value: object) -> str:
    """JSON's word for the type of a value."""
    words = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    for kind, word in words.items():
        if isinstance(value, kind):
            return word
    return "a number"
