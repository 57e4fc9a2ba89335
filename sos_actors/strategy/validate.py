"""What is wrong with a strategy that loads: it can never fire, reads what is not there, or can't make money.

``sos validate`` shows these findings together with those of loading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches

from sos_actors.errors import UnknownSymbolError
from sos_actors.market.instruments import SymbolMaster, default_master
from sos_actors.market.symbols import INDEX_SHORT_NAMES, canonical_for, short_name_of
from sos_actors.strategy.decidable import constant, contradiction, never_above, walk
from sos_actors.strategy.fields import Findings
from sos_actors.strategy.findings import Finding, Severity, nearest, printable
from sos_actors.strategy.load import LoadedStrategy
from sos_actors.strategy.names import BAR_NAMES
from sos_actors.strategy.phases import OPAQUE
from sos_actors.strategy.tree import (
    Binary,
    Captured,
    Column,
    Context,
    ContextValue,
    Expression,
    Kind,
    Node,
    RegimeSettings,
    Strategy,
    Unary,
)
from sos_actors.types import Regime

_INDICES = ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX")
_SIMILAR = 0.8
"""Ratio of difflib from which on a symbol looks like a slip: NIFTTY and NIFTY50 do, another share's name does not."""
_CLOSE = Column(BAR_NAMES["close"])
_AT_MARKET = (
    "The position is entered at the market's next price, it does not wait for this one: entry only anchors sl and tp"
)


def validated(loaded: LoadedStrategy) -> LoadedStrategy:
    """The file with the findings of validation added; the strategy stays, it does what it says.

    Of a refused file the expressions that could be read are checked, unless the phases themselves are broken.
    """
    strategy = loaded.strategy or loaded.draft
    broken = any(error.expression is None and error.json_path.startswith("$.phases") for error in loaded.errors)
    if strategy is None or broken or not strategy.phases:
        return loaded
    return replace(loaded, findings=(*loaded.findings, *validate_strategy(strategy)))


def validate_strategy(strategy: Strategy) -> tuple[Finding, ...]:
    """Findings about a strategy that loaded; about a draft's `OPAQUE` expressions nothing is said."""
    check = _Check(strategy)
    check.symbols()
    check.captures()
    check.phases()
    check.prices()
    check.volume()
    return tuple(check.findings.found)


class _Check:
    """The checks of one strategy."""

    def __init__(self, strategy: Strategy) -> None:
        self.findings = Findings(strategy.source_path)
        self._strategy = strategy

    def _places(self) -> Iterator[tuple[str, Expression, str | None, int]]:
        """Every expression in the order of evaluation: JSON path, expression, variable it makes, phase."""
        for number, phase in enumerate(self._strategy.phases):
            path = f"$.phases[{number}]"
            for i, condition in enumerate(phase.conditions):
                yield f"{path}.conditions[{i}]", condition.expression, condition.assigns, number
            for name, expression in phase.captures:
                yield f"{path}.capture.{name}", expression, name, number
        last = len(self._strategy.phases) - 1
        for key, expression in self._execution():
            yield f"$.execution.{key}", expression, None, last

    def _execution(self) -> tuple[tuple[str, Expression], ...]:
        strategy = self._strategy
        return (("entry", strategy.entry), ("sl", strategy.stop), ("tp", strategy.target))

    def symbols(self) -> None:
        """Symbols that no run ever follows, because they are spelled almost like a known one."""
        if not self._strategy.symbols:
            return
        master = default_master()
        names = sorted({instrument.short_name for instrument in master} | INDEX_SHORT_NAMES)
        for i, symbol in enumerate(self._strategy.symbols):
            wanted = short_name_of(symbol.strip().upper()).removeprefix("NSE:")
            close = get_close_matches(wanted, names, n=1, cutoff=_SIMILAR)
            known = symbol.strip().upper() in (wanted, canonical_for(wanted)) and wanted in names
            if close and not known and not _listed(master, symbol):
                shown = printable(symbol, 64)
                message = f"No symbol is called {shown!r}: nothing is followed unless you import candles of it"
                self.findings.warning(f"$.symbols[{i}]", message, close[0])

    def captures(self) -> None:
        """Variables that are read before they are made, never made, or never read."""
        made_in: dict[str, int] = {}
        for _, _, name, number in self._places():
            if name is not None:
                made_in.setdefault(name, number)
        made: set[str] = set()
        for path, expression, makes, number in self._places():
            for node in walk(expression.root):
                if isinstance(node, Captured) and node.name not in made:
                    self._missing_capture(path, expression, node.name, made_in, number)
            if makes is not None:
                made.add(makes)

    def _missing_capture(
        self, path: str, expression: Expression, name: str, made_in: dict[str, int], number: int
    ) -> None:
        later = made_in.get(name)
        found = re.search(rf"\b{re.escape(name)}\b", expression.source)
        column = found.start() if found else 0
        severity = Severity.ERROR
        hint = None
        if later is None:
            message = f"{name} is captured nowhere"
            close = nearest(name, made_in)
            hint = f"vars.{close}" if close else None
        elif later == number and ".conditions[" in path:
            severity = Severity.WARNING
            message = f"{name} is captured later in this phase: unknown on the first bar, then that of the bar before"
            if not self._assigned_in(name, number):
                severity, message = Severity.ERROR, f"{name} is captured only when this phase has passed"
        else:
            message = f"{name} is captured only later, in phase {self._strategy.phases[later].id}"
        self.findings.add(severity, path, message, expression=expression.source, column=column, suggestion=hint)

    def _assigned_in(self, name: str, number: int) -> bool:
        return any(condition.assigns == name for condition in self._strategy.phases[number].conditions)

    def phases(self) -> None:
        """Phases that can't be passed, so that nothing after them is reached; regimes that never let it begin."""
        for number, phase in enumerate(self._strategy.phases):
            path = f"$.phases[{number}]"
            asked = [condition for condition in phase.conditions if condition.assigns is None]
            for i, condition in enumerate(phase.conditions):
                if condition.assigns is None:
                    self._settled(f"{path}.conditions[{i}]", condition.expression)
            roots = [condition.expression.root for condition in asked]
            if all(constant(root) is None for root in roots) and (contradiction(roots) or _opposites(roots)):
                self.findings.error(path, f"The conditions contradict each other: {phase.id} is never passed")
        regimes = self._strategy.regimes
        if all(regimes.get(regime.name, RegimeSettings()).allow_entry is False for regime in Regime):
            self.findings.warning("$.regime_config", "No regime allows entry: the pattern never begins")

    def _settled(self, path: str, expression: Expression) -> None:
        value = constant(expression.root)
        if value is None:
            return
        if value:
            self._add(Severity.WARNING, path, "The condition is always true", expression)
        else:
            self._add(Severity.ERROR, path, "The condition is never true: nothing after it is reached", expression)

    def prices(self) -> None:
        """Entry, stop and target that can't give a positive risk and a positive gain."""
        strategy = self._strategy
        for key, expression in self._execution():
            if expression.root.kind is Kind.BOOL:
                self._add(Severity.ERROR, f"$.execution.{key}", f"{key} is a price, not a condition", expression)
        entry = strategy.entry.root
        if strategy.entry != OPAQUE and entry.kind is not Kind.BOOL and entry != _CLOSE:
            self._add(Severity.WARNING, "$.execution.entry", _AT_MARKET, strategy.entry)
        if strategy.side == 0:
            return
        stop, target = (_without_entry(expression.root, entry) for expression in (strategy.stop, strategy.target))
        buy = strategy.side > 0
        positive = self._never_negative_settings()
        losing = never_above(entry, stop, positive) if buy else never_above(stop, entry, positive)
        if losing and strategy.stop != OPAQUE:
            message = f"The risk is never positive: the stop of a {_verb(buy)} must be {_sides(buy)[0]} its entry"
            self._add(Severity.ERROR, "$.execution.sl", message, strategy.stop)
        losing = never_above(target, entry, positive) if buy else never_above(entry, target, positive)
        if losing and strategy.target != OPAQUE:
            message = f"The gain is never positive: the target of a {_verb(buy)} must be {_sides(buy)[1]} its entry"
            self._add(Severity.ERROR, "$.execution.tp", message, strategy.target)

    def _never_negative_settings(self) -> frozenset[str]:
        rows = list(self._strategy.regimes.values())
        fields = ("tp_mult", "quantity_mod", "buffer_atr")
        return frozenset(field for field in fields if all(getattr(row, field) >= 0.0 for row in rows))

    def volume(self) -> None:
        """Volume or open interest asked of indices, which have none."""
        symbols = self._strategy.symbols
        if not symbols or not all(_is_index(symbol) for symbol in symbols):
            return
        for path, expression, _, _ in self._places():
            asked = {_figure(node) for node in walk(expression.root)} - {None}
            if asked:
                message = f"An index has no {' and no '.join(sorted(map(str, asked)))}: this always fails"
                self._add(Severity.WARNING, path, message, expression)

    def _add(self, severity: Severity, path: str, message: str, expression: Expression) -> None:
        start = len(expression.source) - len(expression.source.lstrip())
        self.findings.add(severity, path, message, expression=expression.source, column=start)


def _verb(buy: bool) -> str:
    return "BUY" if buy else "SELL"


def _sides(buy: bool) -> tuple[str, str]:
    return ("below", "above") if buy else ("above", "below")


def _without_entry(node: Node, entry: Node) -> Node:
    """The expression with ``entry`` written out where it stands alone or on the left of a sum."""
    if isinstance(node, ContextValue) and node.family is Context.EXECUTION and node.name == "entry":
        return entry
    return replace(node, left=_without_entry(node.left, entry)) if isinstance(node, Binary) else node


def _opposites(roots: list[Node]) -> bool:
    """Whether a condition stands beside its own negation."""
    return any(isinstance(root, Unary) and root.op == "not" and root.operand in roots for root in roots)


def _listed(master: SymbolMaster, symbol: str) -> bool:
    try:
        master.resolve(symbol)
    except UnknownSymbolError:
        return False
    return True


def _is_index(symbol: str) -> bool:
    name = symbol.upper()
    return name in _INDICES or "|INDEX|" in name


def _figure(node: Node) -> str | None:
    if not isinstance(node, Column):
        return None
    if node.request.field == "oi":
        return "open interest"
    return "volume" if node.request.field == "volume" or node.request.function == "vwap" else None
