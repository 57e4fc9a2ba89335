"""Answers the rules when an index signal needs a contract: chooses it and registers it among what can be held.

One class for the event-by-event engine and the sweep, so both choose alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.engine.holdings import Holdings
from sos_actors.engine.options import ChosenContract, IndexSignal, NoContract, OptionRules, choose_contract
from sos_actors.engine.plan import Plan
from sos_actors.engine.records import InstrumentKind, PriceSource
from sos_actors.market.charges import ChargeRates
from sos_actors.messages.market import BarSeries
from sos_actors.ports import ContractBoard


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What the exchange and the broker say of a contract on a day."""

    lot: int
    tick: float
    freeze: int
    rates: ChargeRates


@dataclass(frozen=True, slots=True)
class ContractRules:
    """What contracts are chosen by; values and pure functions.

    Attributes:
        options: limits of the choice.
        expiry_close: when an expiry's trading ends, UnixNanos.
        strike_step: distance between an underlying's (short name) strikes, points.
        terms: of a contract, by underlying (short name), expiry and day.
    """

    options: OptionRules
    expiry_close: Callable[[date], int]
    strike_step: Callable[[str], float]
    terms: Callable[[str, date, date], ContractTerms]


class ContractPicker:
    """Chooses contracts and numbers them; a contract has one number for each day and source of prices.

    Args:
        plan: of the run; may be exchanged for one with more symbols.
        holdings: where contracts are registered.
        board: contracts and prices.
        rules: of the choice.
        with_bars: register the board's bars too; False where prices come as events.
    """

    def __init__(
        self, plan: Plan, holdings: Holdings, board: ContractBoard, rules: ContractRules, with_bars: bool
    ) -> None:
        self.plan = plan
        self._holdings, self._board, self._rules = holdings, board, rules
        self._with_bars = with_bars
        self._numbers: dict[tuple[str, date, PriceSource], int] = {}

    def pick(self, signal: np.void, day: date, choice: NDArray[np.void]) -> ChosenContract | NoContract:
        """Write CHOICE (1,) for a SIGNAL record of ``day``; returns the contract, or why there is none."""
        underlying = self.plan.symbols[int(signal["symbol"])].short_name
        asked = IndexSignal(
            underlying, day, int(signal["ts"]), int(signal["side"]), float(signal["entry"]), float(signal["stop"]),
            float(signal["target"]), float(signal["spot"]),
        )  # fmt: skip
        option = self.plan.strategies[int(signal["strategy"])].option
        step = self._rules.strike_step(underlying)
        chosen = choose_contract(asked, option, step, self._rules.expiry_close, self._rules.options, self._board)
        choice["ready"] = 1
        if isinstance(chosen, NoContract):
            choice["reason"] = int(chosen.reason)
            return chosen
        choice["reason"], choice["instrument"] = 0, self._number(chosen, asked, int(signal["symbol"]))
        choice["price"], choice["stop_distance"] = chosen.price, chosen.stop_distance
        choice["target_distance"] = chosen.target_distance
        return chosen

    def _number(self, chosen: ChosenContract, asked: IndexSignal, symbol: int) -> int:
        key = (chosen.symbol, asked.day, chosen.source)
        if key not in self._numbers:
            terms = self._rules.terms(asked.underlying, chosen.expiry, asked.day)
            bars = self._board.bars(chosen.symbol, asked.day, asked.ts) if self._with_bars else None
            self._numbers[key] = self._holdings.add(
                chosen.symbol, InstrumentKind.OPTION, symbol, terms.tick, terms.lot, terms.freeze, terms.rates,
                bars if bars is not None else BarSeries.empty(), chosen.source,
            )  # fmt: skip
        return self._numbers[key]
