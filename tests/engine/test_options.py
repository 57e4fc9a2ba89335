"""Which contract stands for an index signal, and what its levels become."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import pytest

from sos_actors.engine.options import (
    ChosenContract,
    IndexSignal,
    NoContract,
    OptionRules,
    choose_contract,
    contract_delta,
    last_price,
    strike_for,
)
from sos_actors.engine.records import Reason
from sos_actors.market.pricing import black76_price, greeks, years_to_expiry
from sos_actors.messages.market import BarSeries
from sos_actors.strategy.tree import OptionChoice
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, OptionType
from tests.engine.markets import CONTRACT_RULES, FIRST, Board, minute, series

CE, PE = OptionType.CE, OptionType.PE
NEAR, NEXT = date(2026, 1, 13), date(2026, 1, 20)
RULES = OptionRules(0, 180 * NANOS_PER_SECOND)
SIGNAL = IndexSignal("NIFTY", FIRST, minute(FIRST, 30), 1, 25_610.0, 25_580.0, 25_670.0, 25_610.0)


@pytest.mark.parametrize(
    ("spot", "word", "call", "put"),
    [
        (25_610.0, ("ATM", 0), 25_600, 25_600), (25_626.0, ("ATM", 0), 25_650, 25_650),
        (25_625.0, ("ATM", 0), 25_600, 25_600),  # a tie goes down
        (25_610.0, ("OTM", 1), 25_650, 25_550), (25_610.0, ("OTM", 3), 25_750, 25_450),
        (25_610.0, ("ITM", 1), 25_550, 25_650), (25_610.0, ("ITM", 2), 25_500, 25_700),
    ],
)  # fmt: skip
def test_a_word_names_the_strike(spot: float, word: tuple[str, int], call: float, put: float) -> None:
    assert strike_for(spot, 50.0, CE, OptionChoice(*word)) == call
    assert strike_for(spot, 50.0, PE, OptionChoice(*word)) == put


def contract(price: float, minutes: range = range(30), volume: float = 65.0) -> BarSeries:
    return series([minute(FIRST, k) for k in minutes], [[price] * 4] * len(minutes), volume)


def name(strike: int, option_type: OptionType, expiry: str = "13 JAN 26") -> str:
    return f"NSE|FO|NIFTY {strike} {option_type} {expiry}"


def choose(
    contracts: dict[str, BarSeries], signal: IndexSignal = SIGNAL, choice: OptionChoice | None = None,
    rules: OptionRules = RULES, expiries: tuple[date, ...] = (NEAR, NEXT),
) -> ChosenContract | Reason:  # fmt: skip
    board = Board(contracts, expiries)
    found = choose_contract(signal, choice or OptionChoice(), 50.0, CONTRACT_RULES.expiry_close, rules, board)
    return found.reason if isinstance(found, NoContract) else found


def chosen(contracts: dict[str, BarSeries], signal: IndexSignal = SIGNAL, choice: OptionChoice | None = None,
           rules: OptionRules = RULES) -> ChosenContract:  # fmt: skip
    result = choose(contracts, signal, choice, rules)
    assert isinstance(result, ChosenContract), result
    return result


def test_the_type_follows_the_side() -> None:
    contracts = {name(25_600, CE): contract(120.0), name(25_600, PE): contract(100.0)}
    assert chosen(contracts).symbol == name(25_600, CE)
    short = replace(SIGNAL, side=-1, stop=25_640.0, target=25_550.0)
    assert chosen(contracts, short).symbol == name(25_600, PE)
    assert chosen(contracts, short).delta < 0 < chosen(contracts).delta


def test_levels_are_the_index_distances_times_the_contracts_own_delta() -> None:
    contracts = {name(25_600, CE): contract(120.0), name(25_600, PE): contract(100.0)}
    one = chosen(contracts)
    years = years_to_expiry(SIGNAL.ts, CONTRACT_RULES.expiry_close(NEAR))
    expected = contract_delta(120.0, 100.0, 25_610.0, 25_600.0, years, CE)
    assert one.delta == expected
    assert 0.5 < one.delta < 0.6
    assert one.stop_distance == 30.0 * one.delta
    assert one.target_distance == 60.0 * one.delta
    assert one.price == 120.0


def test_the_nearest_expiry_that_is_far_enough_is_taken() -> None:
    contracts = {name(25_600, CE): contract(120.0), name(25_600, CE, "20 JAN 26"): contract(200.0)}
    assert chosen(contracts).expiry == NEAR
    assert chosen(contracts, rules=replace(RULES, min_days_to_expiry=1)).expiry == NEAR
    assert chosen(contracts, rules=replace(RULES, min_days_to_expiry=2)).expiry == NEXT
    assert choose(contracts, rules=replace(RULES, min_days_to_expiry=9)) is Reason.NO_CONTRACT
    assert choose(contracts, expiries=()) is Reason.NO_CONTRACT


def test_at_the_money_is_where_the_index_stands_not_where_the_strategy_would_have_entered() -> None:
    contracts = {name(25_600, CE): contract(120.0), name(25_500, CE): contract(180.0)}
    broken = replace(SIGNAL, entry=25_510.0)
    assert chosen(contracts, broken).symbol == name(25_600, CE)
    assert chosen(contracts, broken).delta == chosen(contracts).delta


def test_a_strategy_that_wants_no_option_gets_none() -> None:
    assert choose({name(25_600, CE): contract(120.0)}, choice=OptionChoice("NONE")) is Reason.NO_INSTRUMENT


def test_a_contract_without_a_price_so_far_has_none_whatever_comes_later() -> None:
    assert choose({}) is Reason.NO_PRICE
    assert choose({name(25_600, CE): contract(120.0, range(30, 60))}) is Reason.NO_PRICE


def test_a_price_may_be_three_minutes_old_and_no_more() -> None:
    assert chosen({name(25_600, CE): contract(120.0, range(27))}).price == 120.0
    assert choose({name(25_600, CE): contract(120.0, range(26))}) is Reason.STALE_PRICE


def test_the_last_price_is_of_the_last_bar_that_closed_and_traded() -> None:
    bars = series(
        [minute(FIRST, k) for k in range(4)],
        [[1.0] * 4, [2.0] * 4, [3.0, 3.0, 3.0, 3.0, 0.0], [4.0] * 4],
    )
    ages = 600 * NANOS_PER_SECOND
    assert last_price(bars, minute(FIRST, 4), ages) == 4.0
    assert last_price(bars, minute(FIRST, 4) - 1, ages) == 2.0, "the bar before did not trade"
    assert last_price(bars, minute(FIRST, 1), ages) == 1.0
    assert last_price(bars, minute(FIRST, 1) - 1, ages) is None
    assert last_price(bars, minute(FIRST, 3), NANOS_PER_MINUTE) == 2.0
    assert last_price(bars, minute(FIRST, 3), NANOS_PER_MINUTE - 1) is None


def test_the_twin_gives_the_forward() -> None:
    """A call and a put of one forward and one volatility give back that forward's delta, wherever the spot is."""
    forward, strike, years = 25_660.0, 25_600.0, 0.01
    call = black76_price(forward, strike, years, 0.12, True)
    put = black76_price(forward, strike, years, 0.12, False)
    for spot in (25_500.0, 25_660.0):
        assert contract_delta(call, put, spot, strike, years, CE) == pytest.approx(
            greeks(forward, strike, years, 0.12, True).delta, abs=1e-6
        )
        assert contract_delta(put, call, spot, strike, years, PE) == pytest.approx(
            greeks(forward, strike, years, 0.12, False).delta, abs=1e-6
        )
    alone = contract_delta(call, None, forward, strike, years, CE)
    assert alone == pytest.approx(greeks(forward, strike, years, 0.12, True).delta, abs=1e-6)


def test_a_stale_twin_is_not_asked() -> None:
    fresh = {name(25_600, CE): contract(120.0), name(25_600, PE): contract(60.0, range(20))}
    assert chosen(fresh).delta == chosen({name(25_600, CE): contract(120.0)}).delta
    with_twin = {name(25_600, CE): contract(120.0), name(25_600, PE): contract(60.0)}
    assert chosen(with_twin).delta != chosen(fresh).delta


def test_a_price_that_no_volatility_explains_has_no_delta() -> None:
    assert contract_delta(5.0, None, 25_700.0, 25_600.0, 0.01, CE) is None, "below its intrinsic value"
    assert choose({name(25_600, CE): contract(5.0)}) is Reason.NO_DELTA
    assert contract_delta(math.nan, None, 25_700.0, 25_600.0, 0.01, CE) is None
