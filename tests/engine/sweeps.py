"""A sweep by hand: flat bars to be changed, signals by minute, contracts as the test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sos_actors.engine.holdings import Holdings
from sos_actors.engine.records import BOOK, LIMITS, POSITION, SESSION, SIGNAL, TRADE, InstrumentKind, Outcome, Reason
from sos_actors.engine.sweep import CHOICE, CURSOR, DONE, Account, Grounds, sweep
from sos_actors.types import NANOS_PER_MINUTE
from tests.engine.markets import FIRST, RATES, SECOND, minute, series

MINUTES = 20
"""Of each session here; no entries after minute 15, square-off at 17."""


@dataclass
class Sweep:
    """A run by hand: stocks with bars, an index behind them, signals by minute of the first or second day."""

    bars: list[Any]
    signals: list[tuple[Any, ...]]
    limits: dict[str, float] = field(default_factory=dict)
    slots: int = 3
    room: int = 64
    index: bool = False
    veto_regime: int = 4

    def __post_init__(self) -> None:
        self.holdings = Holdings()
        for number, bars in enumerate(self.bars):
            self.holdings.add(f"NSE|EQ|{number}", InstrumentKind.EQUITY, number, 0.05, 1, 1_000, RATES, bars)
        days = (FIRST, SECOND)
        sessions = np.zeros(2, SESSION)
        for number, day in enumerate(days):
            times = {"last_entry": 15, "square_off": 17, "close": MINUTES}
            for name, index in times.items():
                sessions[f"{name}_equity"][number] = sessions[f"{name}_option"][number] = minute(day, index)
            sessions["number"][number] = number + 100
        grid = np.array([minute(day, k) for day in days for k in range(MINUTES)])
        limits = np.zeros(1, LIMITS)
        given = {
            "max_open": self.slots, "max_per_symbol": 1, "max_trades": 20, "max_loss": 1e6, "lots": 1,
            "risk_budget": 500.0, "equity_value": 10_000.0, "slippage_ticks": 1, "entry_valid_ns": 3 * NANOS_PER_MINUTE,
        }  # fmt: skip
        for name, value in {**given, **self.limits}.items():
            limits[name] = value
        veto = np.zeros((4, 8), np.int64)
        veto[:, self.veto_regime] = 1
        numbers = [*range(len(self.bars)), *([-1] if self.index else [])]
        self.grounds = Grounds(
            limits, sessions, veto, np.array(numbers, np.int64), grid, np.repeat(np.arange(2), MINUTES)
        )
        self.account = Account(
            np.zeros(1, BOOK), np.zeros(self.slots, POSITION), self._records(days), np.zeros(self.room, TRADE)
        )
        self.account.book["session"] = -1
        self.cursor, self.choice = np.zeros(1, CURSOR), np.zeros(1, CHOICE)

    def _records(self, days: tuple[Any, ...]) -> Any:
        """(day, minute, symbol, side, entry, stop, target[, regime[, quantity_mod]])"""
        records = np.zeros(len(self.signals), SIGNAL)
        records["quantity_mod"], records["trade"] = 1.0, -1
        names = ("symbol", "side", "entry", "stop", "target", "regime", "quantity_mod")
        for record, (day, at, *values) in zip(records, self.signals, strict=True):
            record["ts"], record["session"] = minute(days[day], at), day
            for name, value in zip(names, values, strict=False):
                record[name] = value
        return records

    def step(self) -> int:
        return sweep(
            self.account, self.grounds, self.holdings.instruments, self.holdings.bars, self.cursor, self.choice
        )

    def run(self) -> Sweep:
        assert self.step() == DONE
        return self

    @property
    def trades(self) -> Any:
        return self.account.trades[: int(self.account.book["n_trades"][0])]

    @property
    def outcomes(self) -> list[tuple[Outcome, Reason]]:
        return [(Outcome(int(s["outcome"])), Reason(int(s["reason"]))) for s in self.account.signals]


def flat(price: float = 100.0, days: int = 1) -> Any:
    """Minutes that all open, close and stay at one price."""
    return series(
        [minute(day, k) for day in (FIRST, SECOND)[:days] for k in range(MINUTES)], [[price] * 4] * MINUTES * days
    )


def changed(bars: Any, at: dict[int, tuple[float, ...]]) -> Any:
    """``bars`` with open, high, low, close and perhaps volume of some minutes replaced."""
    for row, values in at.items():
        for column, value in zip((bars.open, bars.high, bars.low, bars.close, bars.volume), values, strict=False):
            column[row] = value
    return bars
