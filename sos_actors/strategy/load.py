"""Reads strategy files: bytes in, a checked ``Strategy`` and findings out; one bad file never hides the others.

Files written for the two older engines load unedited; what they spell loosely is a warning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sos_actors.strategy.document import DocumentError, read_document, repetitions
from sos_actors.strategy.fields import Fields, Findings, type_name
from sos_actors.strategy.findings import Finding, Severity
from sos_actors.strategy.phases import OPAQUE, PhaseReader
from sos_actors.strategy.settings import read_option, read_regimes, read_side, read_symbols, read_timeframe
from sos_actors.strategy.tree import Expression, Kind, Strategy

_KEYS = ("pattern_id", "description", "symbols", "timeframe", "regime_config", "phases", "execution", "$schema")
_EXECUTION_KEYS = ("side", "entry", "sl", "tp", "option_selection")
_MAX_ID = 128


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    """One file.

    Attributes:
        strategy: None when a finding is an error.
        draft: of a refused file, what could be read, with `OPAQUE` for the rest: to be checked, never to be run.
    """

    path: str
    strategy: Strategy | None
    findings: tuple[Finding, ...]
    draft: Strategy | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that refuse the file."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


@dataclass(frozen=True, slots=True)
class LoadedFolder:
    """All files of a folder, in the order of their paths."""

    files: tuple[LoadedStrategy, ...]

    @property
    def strategies(self) -> tuple[Strategy, ...]:
        """Those that may run."""
        return tuple(file.strategy for file in self.files if file.strategy is not None)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all files."""
        return tuple(finding for file in self.files for finding in file.findings)


def without_doubles(files: Iterable[LoadedStrategy]) -> LoadedFolder:
    """Refuse a ``pattern_id`` used twice: the first file keeps it, later ones are refused."""
    owners: dict[str, str] = {}
    kept = []
    for file in files:
        loaded = file
        if loaded.strategy is not None:
            pattern_id = loaded.strategy.pattern_id
            owner = owners.setdefault(pattern_id, loaded.path)
            if owner != loaded.path:
                message = f"pattern_id {pattern_id!r} is already used by {owner}"
                double = Finding(Severity.ERROR, loaded.path, "$.pattern_id", message)
                loaded = replace(loaded, strategy=None, draft=loaded.strategy, findings=(*loaded.findings, double))
        kept.append(loaded)
    return LoadedFolder(tuple(kept))


def load_bytes(data: bytes, path: str) -> LoadedStrategy:
    """Read a document that is already in memory; ``path`` only names it in findings."""
    try:
        document = read_document(data)
    except DocumentError as error:
        return refused(path, str(error))
    findings = Findings(path)
    for repetition in repetitions(document):
        findings.warning(repetition.json_path, f"The key {repetition.key[:64]!r} stands twice: the last one counts")
    if not isinstance(document, dict):
        findings.error("$", f"A strategy is an object {{…}}, not {type_name(document)}")
        return LoadedStrategy(path, None, tuple(findings.found))
    strategy = _StrategyReader(Fields(document, "$", findings)).read(path, hashlib.sha256(data).hexdigest())
    wrong = findings.has_error
    return LoadedStrategy(path, None if wrong else strategy, tuple(findings.found), strategy if wrong else None)


def refused(path: str, message: str) -> LoadedStrategy:
    """A file that could not even be read."""
    return LoadedStrategy(path, None, (Finding(Severity.ERROR, path, "$", message),))


class _StrategyReader:
    """Builds the strategy of one document, going on after an error to find the others."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._findings = fields.findings
        self._phases = PhaseReader(fields.findings)

    def read(self, path: str, content_hash: str) -> Strategy:
        fields = self._fields
        fields.warn_unknown(_KEYS)
        phases = self._phases.read(fields)
        execution = fields.mapping("execution") if fields.required("execution") else None
        execution = execution or Fields({}, fields.path("execution"), Findings(path))
        execution.warn_unknown(_EXECUTION_KEYS)
        return Strategy(
            pattern_id=self._pattern_id(),
            description=fields.text("description") or "",
            symbols=read_symbols(fields),
            timeframe_minutes=read_timeframe(fields),
            regimes=read_regimes(fields),
            phases=phases,
            side=read_side(execution),
            entry=self._price(execution, "entry", ()),
            stop=self._price(execution, "sl", ("entry",)),
            target=self._price(execution, "tp", ("entry", "sl", "risk")),
            option=read_option(execution),
            source_path=path,
            content_hash=content_hash,
        )

    def _pattern_id(self) -> str:
        if not self._fields.required("pattern_id"):
            return ""
        pattern_id = self._fields.text("pattern_id")
        if pattern_id is None:
            return ""
        if not pattern_id.strip() or len(pattern_id) > _MAX_ID or not pattern_id.isprintable():
            self._findings.error("$.pattern_id", f"pattern_id must be 1 to {_MAX_ID} printable characters")
        return pattern_id.strip()

    def _price(self, execution: Fields, key: str, names: tuple[str, ...]) -> Expression:
        if not execution.required(key):
            return OPAQUE
        expression = self._phases.expression(execution.raw(key), execution.path(key), names)
        if expression is None:
            return OPAQUE
        if expression.root.kind is Kind.TEXT:
            self._findings.error(execution.path(key), f"{key} must be a number, not a text")
        return expression
