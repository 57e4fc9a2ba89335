"""Reads the phases of a strategy: conditions, captures, and which variable is known where with which kind."""

from __future__ import annotations

from sos_actors.strategy.decidable import walk
from sos_actors.strategy.document import member
from sos_actors.strategy.fields import Fields, Findings, type_name
from sos_actors.strategy.findings import ExpressionError, Severity, printable
from sos_actors.strategy.names import RESERVED
from sos_actors.strategy.parser import is_variable_name, parse_noted, split_assignment
from sos_actors.strategy.reading import Scope
from sos_actors.strategy.tree import Captured, Condition, Context, ContextValue, Expression, Kind, Phase

_KEYS = ("id", "conditions", "capture", "timeout")
_MAX_PHASES = 32
_MAX_CONDITIONS = 64
_MAX_CAPTURES = 64
_MAX_TIMEOUT = 1_000_000


OPAQUE = Expression("", ContextValue(Context.SENTIMENT, "spot"))
"""Stands for an expression that was refused, so that the rest of the file can be checked: nothing is known of it."""


class PhaseReader:
    """Reads the phases in order, remembering captures; afterwards reads the execution's expressions in their scope."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._kinds: dict[str, Kind] = {}
        self._assigned: set[str] = set()

    def read(self, fields: Fields) -> tuple[Phase, ...]:
        """The phases of the document; what is wrong is among the findings."""
        items = fields.items("phases", _MAX_PHASES) if fields.required("phases") else None
        if items is None:
            return ()
        if not items:
            self._findings.error("$.phases", "A strategy needs at least one phase")
        phases: list[Phase] = []
        for index, item in enumerate(items):
            json_path = f"$.phases[{index}]"
            if not isinstance(item, dict):
                self._findings.error(json_path, f"A phase is an object {{…}}, not {type_name(item)}")
                continue
            phase = self._phase(Fields(item, json_path, self._findings), index)
            if any(phase.id == other.id for other in phases):
                self._findings.warning(f"{json_path}.id", f"Two phases are called {printable(phase.id, 64)!r}")
            phases.append(phase)
        return tuple(phases)

    def expression(self, value: object, json_path: str, execution: tuple[str, ...] = ()) -> Expression | None:
        """Read an expression in the scope reached so far; a plain number is taken for one, with a warning."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._findings.warning(json_path, "A plain number: write expressions as texts in quotes")
            value = repr(value)
        if not isinstance(value, str):
            self._findings.error(json_path, f"An expression is a text in quotes, not {type_name(value)}")
            return None
        return self._parse(value, json_path, value, 0, execution)

    def _phase(self, fields: Fields, index: int) -> Phase:
        fields.warn_unknown(_KEYS)
        conditions = self._conditions(fields)
        captures = self._captures(fields)
        return Phase(self._id(fields, index), conditions, captures, self._timeout(fields))

    def _id(self, fields: Fields, index: int) -> str:
        name = fields.raw("id")
        if isinstance(name, str) and name.strip():
            return name.strip()
        if isinstance(name, int) and not isinstance(name, bool):
            return str(name)
        if name is None or name == "":
            self._findings.warning(fields.json_path, f"The phase has no id: called PHASE_{index + 1}")
        else:
            fields.text("id")
        return f"PHASE_{index + 1}"

    def _timeout(self, fields: Fields) -> int:
        value = fields.number("timeout")
        if value is None:
            return 0
        if value != int(value) or abs(value) > _MAX_TIMEOUT:
            self._findings.error(fields.path("timeout"), f"timeout is a whole number of bars, at most {_MAX_TIMEOUT:,}")
            return 0
        if value < 0:
            self._findings.warning(fields.path("timeout"), "A negative timeout never times out, like 0")
        return max(int(value), 0)

    def _conditions(self, fields: Fields) -> tuple[Condition, ...]:
        items = fields.items("conditions", _MAX_CONDITIONS)
        if items is None:
            if fields.raw("conditions") is None:
                self._findings.warning(fields.json_path, "The phase has no conditions: it passes on every bar")
            return ()
        return tuple(self._condition(item, f"{fields.path('conditions')}[{i}]") for i, item in enumerate(items))

    def _condition(self, item: object, json_path: str) -> Condition:
        if not isinstance(item, str):
            self._findings.error(json_path, f"A condition is a text in quotes, not {type_name(item)}")
            return Condition(OPAQUE)
        assignment = split_assignment(item)
        if assignment is None:
            expression = self._parse(item, json_path, item, 0)
            if expression is not None and expression.root.kind is Kind.TEXT:
                self._findings.error(json_path, "A condition must be true or false, not a text")
            return Condition(expression or OPAQUE)
        expression = self._parse(assignment.source, json_path, item, assignment.offset)
        if assignment.bare and assignment.name in RESERVED:
            message = f"A single = captures vars.{assignment.name} and counts as true; to compare, write =="
            self._findings.add(Severity.WARNING, json_path, message, expression=item, column=item.index("="))
        if not self._remember(assignment.name, expression, json_path):
            return Condition(OPAQUE)
        if assignment.bare and expression is not None:
            self._assigned.add(assignment.name)
        return Condition(expression or OPAQUE, assignment.name)

    def _captures(self, fields: Fields) -> tuple[tuple[str, Expression], ...]:
        capture = fields.mapping("capture")
        if capture is None:
            return ()
        captures: list[tuple[str, Expression]] = []
        for name, value in capture.members(_MAX_CAPTURES):
            json_path = member(capture.json_path, name)
            expression = self.expression(value, json_path)
            if self._remember(name, expression, json_path):
                captures.append((name, expression or OPAQUE))
        return tuple(captures)

    def _remember(self, name: str, expression: Expression | None, json_path: str) -> bool:
        """Make a variable known; a truth is kept as the number 1 or 0."""
        if not is_variable_name(name):
            self._findings.error(json_path, f"{printable(name, 64)!r} cannot be the name of a capture")
            return False
        text = expression is not None and expression.root.kind is Kind.TEXT
        kind = Kind.TEXT if text else Kind.NUMBER
        if expression is not None and self._kinds.setdefault(name, kind) is not kind:
            self._findings.error(json_path, f"{name} is a text in one place and a number in another")
            return False
        self._kinds.setdefault(name, kind)
        return True

    def _parse(
        self, source: str, json_path: str, whole: str, offset: int, execution: tuple[str, ...] = ()
    ) -> Expression | None:
        """Read ``source``, which stands ``offset`` characters into ``whole``."""
        scope = Scope(dict(self._kinds), frozenset(self._assigned), execution)
        try:
            parsed = parse_noted(source, scope)
        except ExpressionError as error:
            self._findings.add(
                Severity.ERROR, json_path, error.reason,
                expression=whole, column=error.column + offset, suggestion=error.suggestion,
            )  # fmt: skip
            return None
        for note in parsed.notes:
            self._findings.add(
                Severity.WARNING, json_path, note.message,
                expression=whole, column=note.column + offset, suggestion=note.suggestion,
            )  # fmt: skip
        for node in walk(parsed.expression.root):
            if isinstance(node, Captured):
                self._kinds.setdefault(node.name, node.kind)
        return parsed.expression
