"""The reference pattern machine: section 2 of the language, bar by bar, in plain Python over the reference evaluator.

What the compiled kernel must do, written for reading; ``explain`` shows its records.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.strategy.bounds import parse_checked
from sos_actors.strategy.evaluator import EvaluationError, Evaluator, Surrounding, Value, evaluate_expression
from sos_actors.strategy.reference_functions import History, ReferenceBar
from sos_actors.strategy.tree import Condition, Expression, Phase, RegimeSettings, Strategy
from sos_actors.types import Regime

__all__ = [
    "BarRecord", "EvaluationError", "Evaluator", "History", "Outcome", "ReferenceBar", "ReferenceMachine",
    "ReferenceSignal", "Surrounding", "evaluate_expression",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReferenceSignal:
    """A pattern fired.

    Attributes:
        bar: index of the bar since the machine began.
        entry, stop, target: as the file's execution says.
    """

    bar: int
    regime: Regime
    entry: float
    stop: float
    target: float
    quantity_mod: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expression evaluated on one bar.

    Attributes:
        place: where it stands: ``phases[0].conditions[1]``, ``phases[0].capture.hi``, ``execution.sl``.
        value: None when it failed.
        passed: whether the machine could go on after it.
        error: why it failed, or None.
        operands: what the names and calls in it were worth, as text; only when the machine records them.
    """

    place: str
    source: str
    value: Value | None
    passed: bool
    error: str | None = None
    operands: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BarRecord:
    """What the machine did on one bar.

    Attributes:
        phase: index of the phase it stood in; next_phase: where it stands afterwards.
        blocked: nothing happened because the regime allows no entry.
        count: bars counted in the phase after this one.
        captures: variables after this bar.
    """

    bar: int
    phase: int
    next_phase: int
    regime: Regime
    blocked: bool
    timed_out: bool
    count: int
    outcomes: tuple[Outcome, ...]
    captures: Mapping[str, float | str]
    signal: ReferenceSignal | None


@dataclass(slots=True)
class _Standing:
    """Where the pattern stands."""

    phase: int = 0
    count: int = 0
    captures: dict[str, float | str] = field(default_factory=dict)


class ReferenceMachine:
    """Follows one strategy on one symbol. Feed it every closed bar of the strategy's timeframe, in order.

    Args:
        strategy: a checked strategy.
        record_operands: also note what each name in an expression was worth (slower).
    """

    def __init__(self, strategy: Strategy, *, record_operands: bool = False) -> None:
        self.strategy = strategy
        self.history = History()
        self.errors: Counter[str] = Counter()
        self.record: BarRecord | None = None
        self._evaluator = Evaluator(self.history)
        self._standing = _Standing()
        self._outcomes: list[Outcome] = []
        self._record_operands = record_operands
        self._around = Surrounding()

    @property
    def phase(self) -> int:
        """Index of the phase the pattern stands in."""
        return self._standing.phase

    @property
    def captures(self) -> Mapping[str, float | str]:
        """The variables captured so far."""
        return dict(self._standing.captures)

    def step(
        self,
        bar: ReferenceBar,
        sentiment: Sentiment | None = None,
        screener: ScreenerAlert | None = None,
        regime: Regime | None = None,
    ) -> ReferenceSignal | None:
        """A bar has closed; the details are in ``record`` afterwards.

        Args:
            bar: the closed bar.
            sentiment: the last one known, or None.
            screener: the last row of the symbol, or None.
            regime: the current one; without it, the sentiment's.
        """
        self.history.append(bar)
        mood = regime if regime is not None else sentiment.regime if sentiment is not None else Regime.UNKNOWN
        settings = self.strategy.regimes.get(Regime(mood).name, RegimeSettings())
        self._around = Surrounding(self._standing.captures, sentiment, screener, settings)
        self._outcomes = []
        before = self._standing.phase
        blocked = before == 0 and not settings.allow_entry
        signal, timed_out = (None, False) if blocked else self._advance(Regime(mood))
        standing = self._standing
        self.record = BarRecord(
            len(self.history.bars) - 1, before, standing.phase, Regime(mood), blocked, timed_out, standing.count,
            tuple(self._outcomes), dict(standing.captures), signal,
        )  # fmt: skip
        return signal

    def _advance(self, regime: Regime) -> tuple[ReferenceSignal | None, bool]:
        """Steps 3 and 4 of the language: match, or count and time out."""
        standing = self._standing
        index = standing.phase
        phase = self.strategy.phases[index]
        if self._match(phase, f"phases[{index}]"):
            if index + 1 < len(self.strategy.phases):
                standing.phase, standing.count = index + 1, 0
                return None, False
            signal = self._trigger(regime)
            self._start_over()
            return signal, False
        standing.count += 1
        if phase.timeout > 0 and standing.count >= phase.timeout:
            self._start_over()
            return None, True
        return None, False

    def _start_over(self) -> None:
        self._standing.phase = self._standing.count = 0
        self._standing.captures.clear()

    def _match(self, phase: Phase, place: str) -> bool:
        """All conditions true and all captures made; a failing capture leaves none of this phase's behind."""
        for number, condition in enumerate(phase.conditions):
            if not self._holds(condition, f"{place}.conditions[{number}]"):
                return False
        captures = self._standing.captures
        kept = dict(captures)
        for name, expression in phase.captures:
            value = self._evaluate(expression, f"{place}.capture.{name}", keep=True)
            if value is None:
                captures.clear()
                captures.update(kept)
                return False
            captures[name] = value
        return True

    def _holds(self, condition: Condition, place: str) -> bool:
        value = self._evaluate(condition.expression, place, keep=condition.assigns is not None)
        if value is None:
            return False
        if condition.assigns is not None:
            self._standing.captures[condition.assigns] = value
            return True
        return value != 0.0

    def _trigger(self, regime: Regime) -> ReferenceSignal | None:
        execution: dict[str, float] = {}
        seen = self._around
        self._around = Surrounding(seen.captures, seen.sentiment, seen.screener, seen.settings, execution)
        strategy = self.strategy
        for name, expression in (("entry", strategy.entry), ("sl", strategy.stop), ("tp", strategy.target)):
            value = self._evaluate(expression, f"execution.{name}", keep=True)
            if not isinstance(value, float):
                return None
            execution[name] = value
            if name == "sl":
                execution["risk"] = abs(execution["entry"] - value)
        return ReferenceSignal(
            len(self.history.bars) - 1, regime, execution["entry"], execution["sl"], execution["tp"],
            seen.settings.quantity_mod,
        )  # fmt: skip

    def _evaluate(self, expression: Expression, place: str, *, keep: bool) -> float | str | None:
        """The value as the machine keeps it (a truth is 1.0 or 0.0); None when it failed, which is counted.

        ``keep``: the value is to be stored, so it must be finite.
        """
        operands = self._operands(expression) if self._record_operands else ()
        try:
            value = self._evaluator.evaluate(expression.source, self._around)
            if keep and not isinstance(value, str) and not math.isfinite(value):
                raise EvaluationError("the value is not finite")
        except EvaluationError as error:
            self.errors[place] += 1
            self._outcomes.append(Outcome(place, expression.source, None, False, str(error), operands))
            return None
        self._outcomes.append(Outcome(place, expression.source, value, keep or bool(value), None, operands))
        return value if isinstance(value, str) else float(value)

    def _operands(self, expression: Expression) -> tuple[tuple[str, str], ...]:
        """Name or call in the text -> its value as text, each once, in order of appearance."""
        found: dict[str, str] = {}
        for text in operand_texts(expression.source):
            if text not in found:
                try:
                    value = self._evaluator.evaluate(text, self._around)
                    found[text] = value if isinstance(value, str) else format_number(float(value))
                except EvaluationError as error:
                    found[text] = f"error: {error}"
        return tuple(found.items())


def operand_texts(source: str) -> list[str]:
    """The names, dotted names and calls of an expression that are no part of another one, left to right."""
    tree, offset = parse_checked(source)
    body = source[offset:]
    pending: list[ast.AST] = [tree]
    found: list[str] = []
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Name, ast.Attribute, ast.Call)):
            segment = ast.get_source_segment(body, node)
            if segment:
                found.append(segment)
            continue
        pending.extend(reversed(list(ast.iter_child_nodes(node))))
    return found


def format_number(value: float) -> str:
    """Up to six significant decimals, without trailing zeros."""
    return f"{value:.6f}".rstrip("0").rstrip(".") if abs(value) < MAX_PLAIN else f"{value:g}"


MAX_PLAIN = 1e15
