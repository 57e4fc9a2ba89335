"""A look at the engine for those who show it: copied on the dispatcher's thread, read anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_actors.actors.pattern import PhaseSeen, phases_in
from sos_actors.engine.engine import Engine
from sos_actors.engine.plan import Plan
from sos_actors.engine.positions import order_of
from sos_actors.engine.records import REASON_TEXT, Outcome, PositionState, Reason
from sos_actors.market.charges import ChargeRates
from sos_actors.messages.trading_status import (
    OutcomeCount,
    PatternStatus,
    PositionStatus,
    SignalStatus,
    WorkingOrderStatus,
)
from sos_actors.types import Segment, Side, UnixNanos

SIGNALS_SHOWN = 50
_INDEX = f"NSE|{Segment.INDEX}|"
_WORKING = {PositionState.ENTRY_SENT: "entry", PositionState.EXIT_SENT: "exit"}


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """Copies of what the engine is about.

    Attributes:
        positions: POSITION (n,), those in use.
        signals: SIGNAL (n,), the last ones; ``n_signals`` of them in all.
        outcomes: how many signals ended how.
        n_trades: trades so far.
        phases: by canonical symbol.
    """

    positions: NDArray[np.void]
    signals: NDArray[np.void]
    n_signals: int
    outcomes: tuple[OutcomeCount, ...]
    n_trades: int
    instruments: tuple[str, ...]
    plan: Plan
    phases: dict[str, list[PhaseSeen]]

    def strategy(self, number: int) -> str:
        """A strategy's name."""
        return self.plan.strategies[number].pattern_id

    def position_rows(self, rates: dict[bool, ChargeRates]) -> tuple[PositionStatus, ...]:
        """What is held; ``rates``: estimated charges of options (True) and of stocks."""
        return tuple(self._position(one, rates) for one in self.positions if one["filled"] > one["closing"])

    def orders(self) -> tuple[WorkingOrderStatus, ...]:
        """The orders that work, as the engine waits for them."""
        rows = []
        for one in self.positions:
            purpose = _WORKING.get(PositionState(int(one["state"])))
            if purpose is None:
                continue
            side = Side(int(one["side"]) * (1 if purpose == "entry" else -1))
            quantity = int(one["quantity"]) if purpose == "entry" else int(one["leaving"])
            filled = int(one["filled"]) if purpose == "entry" else 0
            rows.append(WorkingOrderStatus(
                order_of(int(one["id"]), int(one["exits"])), self.instruments[int(one["instrument"])],
                side.name.lower(), quantity, filled, None, purpose, "working", UnixNanos(int(one["sent_ts"])),
            ))  # fmt: skip
        return tuple(rows)

    def signal_rows(self) -> tuple[SignalStatus, ...]:
        """The last signals, newest last."""
        first = self.n_signals - len(self.signals)
        return tuple(
            SignalStatus(
                UnixNanos(int(one["ts"])), first + number, self.plan.symbols[int(one["symbol"])].symbol,
                self.strategy(int(one["strategy"])), Side(int(one["side"])).name.lower(),
                _outcome(int(one["outcome"])), REASON_TEXT[Reason(int(one["reason"]))],
            )
            for number, one in enumerate(self.signals)
        )  # fmt: skip

    def patterns(self) -> tuple[PatternStatus, ...]:
        """Where the patterns stand: on an index all of them, on a stock those that have begun."""
        return tuple(
            PatternStatus(symbol, one.strategy, one.phase_id, one.phase + 1, one.phases, one.bars)
            for symbol, phases in self.phases.items()
            for one in phases
            if one.phase or symbol.startswith(_INDEX)
        )

    def _position(self, one: np.void, rates: dict[bool, ChargeRates]) -> PositionStatus:
        name = self.instruments[int(one["instrument"])]
        side, units = int(one["side"]), int(one["filled"] - one["closing"])
        entry, last = float(one["entry_price"]), float(one["last_price"])
        rate = rates[name.startswith("NSE|FO|")]
        bought, sold = (entry, last) if side > 0 else (last, entry)
        charges = (bought * rate.buy_fraction + sold * rate.sell_fraction) * units + 2 * rate.flat_per_order
        return PositionStatus(
            int(one["id"]), name, Side(side).name.lower(), units, entry, last, float(one["stop"]),
            float(one["target"]), (last - entry) * units * side, charges, self.strategy(int(one["strategy"])),
            UnixNanos(int(one["entry_ts"])), int(one["state"]) == PositionState.EXIT_SENT,
        )  # fmt: skip


def seen_in(engine: Engine) -> EngineSeen:
    """Look; on the dispatcher's thread, so it is quick."""
    signals, positions = engine.signals, engine.account.positions
    counts = np.bincount(signals["outcome"], minlength=len(Outcome)).tolist()
    return EngineSeen(
        positions[positions["state"] != PositionState.FREE].copy(), signals[-SIGNALS_SHOWN:].copy(), len(signals),
        tuple(OutcomeCount(_outcome(number), count) for number, count in enumerate(counts) if count),
        len(engine.trades), tuple(engine.instruments), engine.followers.plan,
        {symbol: phases_in(engine, symbol) for symbol in engine.followers.symbols},
    )  # fmt: skip


def _outcome(number: int) -> str:
    outcome = Outcome(number)
    return "waiting" if outcome is Outcome.PENDING else outcome.name.lower()
