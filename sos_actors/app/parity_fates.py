"""What became of each signal: in a journal's decisions, and in a run over history. For ``parity.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sos_actors.engine.history import HistoryResult
from sos_actors.engine.options import NoContract
from sos_actors.engine.plan import Plan
from sos_actors.engine.positions import Decision
from sos_actors.engine.records import REASON_TEXT, ExitReason, Outcome, Reason
from sos_actors.messages.signals import EntryRefused, SignalFormed
from sos_actors.messages.trading import PositionClosed, PositionOpened, Purpose, SubmitOrder

NOT_FILLED = REASON_TEXT[Reason.NOT_FILLED]


class Key(NamedTuple):
    """A signal by what it is about: symbol (canonical), strategy, and when its bar closed (UnixNanos)."""

    ts: int
    symbol: str
    strategy: str


class Levels(NamedTuple):
    """What a signal says. Compared as it is: the same numbers or not."""

    side: int
    regime: int
    entry: float
    stop: float
    target: float


@dataclass(slots=True)
class Fate:
    """What became of a signal; prices in rupees, times in UnixNanos, 0 where it did not come to that.

    Two are equal when the signals went the same way, whatever contract an entry that was refused would have bought.

    Attributes:
        outcome: ``traded``, or as in ``EntryRefused``.
        reason: why it was not traded.
        wanted: the contract that was wanted and could not be had, where that is known.
    """

    levels: Levels
    outcome: str = "traded"
    reason: str = ""
    instrument: str = ""
    wanted: str = field(default="", compare=False)
    quantity: int = 0
    entry_ts: int = 0
    entry_price: float = 0.0
    exit_ts: int = 0
    exit_price: float = 0.0
    exit_reason: str = ""

    @property
    def traded(self) -> bool:
        """Whether an entry filled."""
        return self.outcome == "traded"


@dataclass(slots=True)
class Fates:
    """The signals of a journal, fed by its decisions in order."""

    by_key: dict[Key, Fate] = field(default_factory=dict)
    latest: int = -1
    """When the bar of the last signal closed, UnixNanos."""
    _by_signal: dict[int, Fate] = field(default_factory=dict)
    _by_position: dict[int, Fate] = field(default_factory=dict)
    _last: Fate | None = None

    def take(self, decision: Decision) -> None:
        """The next decision. The entry of a signal is the next one that is sent after it formed."""
        if isinstance(decision, SignalFormed):
            levels = Levels(int(decision.side), int(decision.regime), decision.entry, decision.stop, decision.target)
            fate = self._last = Fate(levels, "skipped", NOT_FILLED)
            self.latest = max(self.latest, int(decision.ts_event))
            self.by_key[Key(int(decision.ts_event), decision.symbol, decision.strategy)] = fate
            self._by_signal[decision.signal_id] = fate
        elif isinstance(decision, EntryRefused):
            fate = self._by_signal[decision.signal_id]
            fate.outcome, fate.reason = decision.outcome, decision.reason
        elif isinstance(decision, SubmitOrder):
            if decision.purpose is Purpose.ENTRY and self._last is not None:
                self._last.wanted = decision.symbol
                self._by_position[decision.position_id] = self._last
        elif isinstance(decision, PositionOpened):
            self._opened(decision)
        elif isinstance(decision, PositionClosed) and decision.position_id in self._by_position:
            fate = self._by_position[decision.position_id]
            fate.exit_ts, fate.exit_price = int(decision.ts_event), decision.exit_price
            fate.exit_reason, fate.quantity = decision.reason, decision.quantity

    def _opened(self, opened: PositionOpened) -> None:
        fate = self._by_position.get(opened.position_id)
        if fate is None:
            return
        fate.outcome, fate.reason = "traded", ""
        fate.entry_ts = fate.entry_ts or int(opened.ts_event)
        fate.instrument, fate.entry_price, fate.quantity = opened.symbol, opened.price, opened.quantity


def fates_of(plan: Plan, result: HistoryResult) -> Mapping[Key, Fate]:
    """The signals of a run over history."""
    found: dict[Key, Fate] = {}
    by_number: dict[int, Fate] = {}
    for number, signal in enumerate(result.signals):
        levels = Levels(
            int(signal["side"]), int(signal["regime"]), float(signal["entry"]), float(signal["stop"]),
            float(signal["target"]),
        )  # fmt: skip
        outcome = Outcome(int(signal["outcome"]))
        fate = Fate(levels, outcome.name.lower(), REASON_TEXT[Reason(int(signal["reason"]))])
        symbol = plan.symbols[int(signal["symbol"])].symbol
        strategy = plan.strategies[int(signal["strategy"])].pattern_id
        found[Key(int(signal["ts"]), symbol, strategy)] = by_number[number] = fate
    for number, chosen in result.contracts.items():
        if number in by_number and isinstance(chosen, NoContract):
            by_number[number].wanted = chosen.symbol
    for trade in result.trades:
        fate = by_number[int(trade["signal"])]
        fate.instrument, fate.quantity = result.instruments[int(trade["instrument"])], int(trade["quantity"])
        fate.entry_ts, fate.entry_price = int(trade["entry_ts"]), float(trade["entry_price"])
        fate.exit_ts, fate.exit_price = int(trade["exit_ts"]), float(trade["exit_price"])
        fate.exit_reason = ExitReason(int(trade["reason"])).name.lower()
    return found
