"""Which option stands for an index signal, and what stop and target mean in its own price."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from sos_actors.engine.records import PriceSource, Reason
from sos_actors.market.pricing import greeks, implied_volatility, years_to_expiry
from sos_actors.market.symbols import contract_symbol
from sos_actors.messages.market import BarSeries
from sos_actors.ports import ContractBoard
from sos_actors.strategy.tree import OptionChoice
from sos_actors.types import NANOS_PER_MINUTE, OptionType


@dataclass(frozen=True, slots=True)
class OptionRules:
    """How contracts are chosen.

    Attributes:
        min_days_to_expiry: calendar days; 0 trades a contract on its last day too.
        max_quote_age_ns: how old a contract's last price may be.
    """

    min_days_to_expiry: int
    max_quote_age_ns: int


@dataclass(frozen=True, slots=True)
class IndexSignal:
    """The part of a signal that a contract is chosen by.

    Attributes:
        underlying: short name.
        side: +1 buys a call, -1 buys a put.
        entry, stop, target: index points, as the strategy says.
        spot: the index when the signal formed; what *at the money* means, wherever ``entry`` is.
        ts: UnixNanos, the close of the signal's bar; nothing later may be looked at.
    """

    underlying: str
    day: date
    ts: int
    side: int
    entry: float
    stop: float
    target: float
    spot: float


@dataclass(frozen=True, slots=True)
class ChosenContract:
    """A contract that can be bought.

    Attributes:
        price: its last price before the decision, rupees.
        delta: of the contract at that price.
        stop_distance, target_distance: rupees below and above the fill.
    """

    symbol: str
    expiry: date
    strike: float
    option_type: OptionType
    price: float
    delta: float
    stop_distance: float
    target_distance: float
    source: PriceSource


@dataclass(frozen=True, slots=True)
class NoContract:
    """Why no contract can be bought; ``symbol`` is the one that was wanted, empty when it did not come to that."""

    reason: Reason
    symbol: str = ""


def strike_for(spot: float, step: float, option_type: OptionType, choice: OptionChoice) -> float:
    """The strike of a moneyness word: the nearest to the spot (a tie goes down), then ``distance`` out or in."""
    nearest = math.ceil(spot / step - 0.5) * step
    outward = step if option_type is OptionType.CE else -step
    away = {"OTM": outward, "ITM": -outward}.get(choice.moneyness, 0.0)
    return nearest + away * choice.distance


def choose_contract(
    signal: IndexSignal, choice: OptionChoice, step: float, expiry_close: Callable[[date], int], rules: OptionRules,
    board: ContractBoard,
) -> ChosenContract | NoContract:  # fmt: skip
    """Pick the contract for a signal, or say why there is none.

    Args:
        signal: the index signal.
        choice: the strategy's word.
        step: distance between strikes, points.
        expiry_close: when trading of an expiry ends, UnixNanos.
        rules: limits.
        board: contracts and prices.
    """
    if choice.moneyness == "NONE":
        return NoContract(Reason.NO_INSTRUMENT)
    option_type = OptionType.CE if signal.side > 0 else OptionType.PE
    earliest = signal.day + timedelta(days=rules.min_days_to_expiry)
    expiry = next((day for day in board.expiries(signal.underlying, signal.day) if day >= earliest), None)
    if expiry is None:
        return NoContract(Reason.NO_CONTRACT)
    strike = strike_for(signal.spot, step, option_type, choice)
    symbol = contract_symbol(signal.underlying, strike, option_type, expiry)
    bars = board.bars(symbol, signal.day, signal.ts)
    if bars is None:
        return NoContract(Reason.NO_PRICE, symbol)
    price = last_price(bars, signal.ts, rules.max_quote_age_ns)
    if price is None:
        return NoContract(Reason.STALE_PRICE, symbol)
    years = years_to_expiry(signal.ts, expiry_close(expiry))
    other = OptionType.PE if option_type is OptionType.CE else OptionType.CE
    twin = board.bars(contract_symbol(signal.underlying, strike, other, expiry), signal.day, signal.ts)
    twin_price = last_price(twin, signal.ts, rules.max_quote_age_ns) if twin is not None else None
    delta = contract_delta(price, twin_price, signal.spot, strike, years, option_type)
    if delta is None:
        return NoContract(Reason.NO_DELTA, symbol)
    reach = abs(delta)
    return ChosenContract(
        symbol, expiry, strike, option_type, price, delta,
        stop_distance=abs(signal.entry - signal.stop) * reach,
        target_distance=abs(signal.target - signal.entry) * reach,
        source=PriceSource(board.source(symbol, signal.day, signal.ts)),
    )  # fmt: skip


def last_price(bars: BarSeries, ts: int, max_age_ns: int) -> float | None:
    """The close of the last bar that traded and closed by ``ts``; None when there is none young enough."""
    row = int(np.searchsorted(bars.ts, ts - NANOS_PER_MINUTE, side="right")) - 1
    while row >= 0 and bars.volume[row] == 0.0:
        row -= 1
    if row < 0 or ts - (int(bars.ts[row]) + NANOS_PER_MINUTE) > max_age_ns:
        return None
    return float(bars.close[row])


def contract_delta(
    price: float, twin_price: float | None, spot: float, strike: float, years: float, option_type: OptionType
) -> float | None:
    """The delta that the contract's own price implies; None when no volatility explains the price.

    Args:
        price: of the contract, rupees.
        twin_price: of the other type at the same strike; gives the forward by put-call parity, else the spot serves.
        spot: of the index.
        strike: rupees.
        years: to expiry.
        option_type: CE or PE.
    """
    call = option_type is OptionType.CE
    forward = spot
    if twin_price is not None:
        forward = strike + (price - twin_price if call else twin_price - price)
    volatility = implied_volatility(price, forward, strike, years, call)
    delta = greeks(forward, strike, years, volatility, call).delta
    return float(delta) if math.isfinite(delta) and delta != 0.0 else None
