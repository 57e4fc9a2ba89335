"""Why a strategy fired, or did not: what it stood in, asked and found on every bar. Used by ``sos explain``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.strategy.findings import printable
from sos_actors.strategy.reference import BarRecord, Outcome, ReferenceBar, ReferenceMachine, format_number
from sos_actors.strategy.tree import Strategy
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, Regime

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class BarExplanation:
    """One bar of one strategy.

    Attributes:
        ts, closed: the bar's open and close, UnixNanos.
        phase, next_phase: ids of the phases before and after the bar.
        timeout: of the phase it stood in, bars; 0 never.
    """

    ts: int
    closed: int
    phase: str
    next_phase: str
    timeout: int
    record: BarRecord

    def lines(self) -> list[str]:
        """The bar as text: a heading, then one line for each expression that was evaluated."""
        return [self._heading(), *(f"    {_outcome(outcome)}" for outcome in self.record.outcomes), *self._ending()]

    def _heading(self) -> str:
        count = f", {self.record.count}/{self.timeout} bars" if self.timeout and not self.record.timed_out else ""
        blocked = ": the regime allows no entry" if self.record.blocked else ""
        opened, closed = _exchange_time(self.ts), _exchange_time(self.closed)
        return f"{opened:%Y-%m-%d %H:%M}-{closed:%H:%M} {self.phase}{count} [{self.record.regime.name}]{blocked}"

    def _ending(self) -> list[str]:
        record = self.record
        if record.signal is not None:
            signal = record.signal
            prices = ", ".join(
                f"{name} {format_number(value)}"
                for name, value in (("entry", signal.entry), ("sl", signal.stop), ("tp", signal.target))
            )
            return [f"    TRIGGER: {prices}"]
        if record.timed_out:
            return [f"    timed out after {self.timeout} bars: back to {self.next_phase}"]
        if record.next_phase != record.phase:
            captures = ", ".join(f"{name}={_value(value)}" for name, value in record.captures.items())
            return [f"    -> {self.next_phase}{' with ' + captures if captures else ''}"]
        return []


def explain(
    strategy: Strategy,
    bars: Iterable[ReferenceBar],
    sentiments: Sequence[Sentiment | None] = (),
    screeners: Sequence[ScreenerAlert | None] = (),
    regimes: Sequence[Regime] = (),
    moments: Sequence[int] = (),
) -> list[BarExplanation]:
    """Run the reference machine over bars and tell what happened on each.

    Args:
        strategy: a checked strategy.
        bars: closed bars of the strategy's timeframe, oldest first.
        sentiments, screeners, regimes: what was known when the bar of the same index closed; shorter means unknown
            afterwards (a regime that is not given is the sentiment's).
        moments: when the bars closed, UnixNanos; not given, a timeframe after they opened.
    """
    length = strategy.timeframe_minutes * NANOS_PER_MINUTE
    machine = ReferenceMachine(strategy, record_operands=True)
    explanations = []
    for index, bar in enumerate(bars):
        machine.step(bar, _at(sentiments, index), _at(screeners, index), _at(regimes, index))
        record = machine.record
        assert record is not None
        phase = strategy.phases[record.phase]
        next_phase = strategy.phases[record.next_phase]
        closed = _at(moments, index) or bar.ts + length
        explanations.append(BarExplanation(bar.ts, closed, phase.id, next_phase.id, phase.timeout, record))
    return explanations


def render(explanations: Iterable[BarExplanation]) -> list[str]:
    """All bars as lines of text."""
    return [line for explanation in explanations for line in explanation.lines()]


def _exchange_time(ts: int) -> datetime:
    return datetime.fromtimestamp(ts // NANOS_PER_SECOND, UTC) + timedelta(seconds=IST_OFFSET_S)


def _at(values: Sequence[_T | None], index: int) -> _T | None:
    return values[index] if index < len(values) else None


def _outcome(outcome: Outcome) -> str:
    """``true   close > open   close=25612.3 open=25600.1``."""
    if outcome.error is not None:
        verdict = "error"
    elif outcome.place.startswith("execution") or ".capture." in outcome.place:
        verdict = "set"
    else:
        verdict = "true" if outcome.passed else "false"
    name = outcome.place.rsplit(".", 1)[-1]
    source = printable(outcome.source, 200)
    shown = source if name.startswith("conditions") else f"{name} = {source}"
    operands = "  ".join(f"{printable(text, 60)}={value}" for text, value in outcome.operands)
    ending = f"  ({outcome.error})" if outcome.error else f" = {_value(outcome.value)}" if verdict == "set" else ""
    return f"{verdict:<5} {shown}{ending}{'   | ' + operands if operands else ''}"


def _value(value: float | bool | str | None) -> str:
    return value if isinstance(value, str) else format_number(float(value or 0.0))
