"""Which contracts of an index are watched as it moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.engine.options import ChosenContract, IndexSignal, OptionRules, choose_contract
from sos_actors.engine.strikes import StrikeWindow, traded_expiry
from sos_actors.market.symbols import contract_symbol, parse_contract_symbol
from sos_actors.strategy.tree import OptionChoice
from sos_actors.types import NANOS_PER_SECOND, OptionType
from tests.engine.markets import CONTRACT_RULES, FIRST, Board, minute, series

EXPIRY = date(2026, 1, 13)


def listed(first: int = 25_000, last: int = 26_200, step: int = 50) -> frozenset[str]:
    strikes = range(first, last + 1, step)
    return frozenset(contract_symbol("NIFTY", strike, kind, EXPIRY) for strike in strikes for kind in OptionType)


def window(each_side: int = 2, recentre_after: float = 0.75) -> StrikeWindow:
    return StrikeWindow("NIFTY", EXPIRY, 50.0, each_side, recentre_after, listed())


def strikes(contracts: frozenset[str]) -> list[float]:
    found = [parse_contract_symbol(symbol) for symbol in contracts]
    assert all(spec.strike is not None and spec.expiry == EXPIRY for spec in found)
    calls, puts = (
        sorted(spec.strike for spec in found if spec.strike is not None and spec.option_type is kind)
        for kind in OptionType
    )
    assert calls == puts
    return calls


def test_the_first_price_puts_calls_and_puts_around_the_money() -> None:
    moved, added, removed = window().after(25_610.0)
    assert strikes(moved.contracts) == [25_500, 25_550, 25_600, 25_650, 25_700]
    assert (moved.centre, added, removed) == (25_600.0, moved.contracts, frozenset())


def test_the_window_stays_until_the_index_is_far_enough_from_its_centre() -> None:
    first, _, _ = window().after(25_600.0)
    for spot in (25_637.5, 25_562.5, 25_600.0):
        assert first.after(spot) == (first, frozenset(), frozenset())
    moved, added, removed = first.after(25_637.6)
    assert (moved.centre, strikes(added), strikes(removed)) == (25_650.0, [25_750], [25_500])
    assert moved.after(25_612.5)[0] is moved  # back again, but not far enough


def test_what_is_held_is_not_dropped_and_goes_when_it_is_released() -> None:
    held = contract_symbol("NIFTY", 25_500, OptionType.CE, EXPIRY)
    first, _, _ = window().after(25_600.0)
    moved, _, removed = first.after(25_900.0, held=[held])
    assert held in moved.contracts
    assert held not in removed
    assert moved.after(25_900.0, held=[held])[0] is moved
    released, added, removed = moved.after(25_900.0)
    assert (added, removed) == (frozenset(), frozenset([held]))
    assert strikes(released.contracts) == [25_800, 25_850, 25_900, 25_950, 26_000]


def test_only_contracts_that_are_listed_are_watched() -> None:
    assert strikes(window().after(26_180.0)[0].contracts) == [26_100, 26_150, 26_200]
    assert window().after(30_000.0)[0].contracts == frozenset()
    assert replace(window(), each_side=5).after(60.0)[0].contracts == frozenset()


@pytest.mark.parametrize("min_days", [0, 1, 7, 8, 30])
def test_the_expiry_is_the_one_that_would_be_traded(min_days: int) -> None:
    expiries = tuple(date(2026, 1, day) for day in (13, 20, 27))
    symbols = [contract_symbol("NIFTY", 25_600, kind, expiry) for kind in OptionType for expiry in expiries]
    bars = series([minute(FIRST, k) for k in range(30)], [[100.0] * 4] * 30, 65.0)
    signal = IndexSignal("NIFTY", FIRST, minute(FIRST, 30), 1, 25_610.0, 25_580.0, 25_670.0, 25_610.0)
    rules, board = OptionRules(min_days, 180 * NANOS_PER_SECOND), Board(dict.fromkeys(symbols, bars), expiries)
    chosen = choose_contract(signal, OptionChoice("ATM", 0), 50.0, CONTRACT_RULES.expiry_close, rules, board)
    expiry = chosen.expiry if isinstance(chosen, ChosenContract) else None
    assert traded_expiry(reversed(expiries), FIRST, min_days) == expiry


@given(st.lists(st.floats(24_000, 27_000), min_size=1, max_size=30), st.floats(0.5, 5.0))
def test_additions_and_removals_tell_the_whole_story(spots: list[float], recentre_after: float) -> None:
    here, watched = window(recentre_after=recentre_after), frozenset[str]()
    for spot in spots:
        here, added, removed = here.after(spot)
        assert not added & watched
        assert removed <= watched
        watched = (watched | added) - removed
        assert watched == here.contracts
        assert here.centre is not None
        assert abs(spot - here.centre) <= recentre_after * 50.0 + 1e-9
