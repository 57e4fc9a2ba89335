"""Prices, the gate, quantities and exits with figures worked by hand."""

from __future__ import annotations

import math

import pytest

from sos_actors.engine import codes
from sos_actors.engine.records import BOOK, POSITION, PositionState, Reason
from sos_actors.engine.rules import entry_quantity, exit_touch, gate, lost_today, sound, start_session, to_tick
from tests.engine.markets import limits, record

NOON = 1_000


@pytest.mark.parametrize(
    ("price", "tick", "expected"),
    [
        (100.02, 0.05, 100.0), (100.03, 0.05, 100.05), (100.025, 0.05, 100.05), (0.075, 0.05, 0.10), (0.01, 0.05, 0.05),
        (-3.0, 0.05, 0.05), (1234.5678, 0.01, 1234.57), (0.15, 0.05, 0.15), (2_345.0, 1.0, 2_345.0),
    ],
)  # fmt: skip
def test_a_price_goes_to_the_nearest_tick_halves_up_and_never_below_one_tick(
    price: float, tick: float, expected: float
) -> None:
    assert to_tick(price, tick) == expected


@pytest.mark.parametrize(
    ("side", "entry", "stop", "target", "expected"),
    [
        (1, 100.0, 99.0, 101.0, True), (-1, 100.0, 101.0, 99.0, True), (1, 100.0, 100.0, 101.0, False),
        (1, 100.0, 99.0, 100.0, False), (1, 100.0, 101.0, 99.0, False), (-1, 100.0, 99.0, 98.0, False),
        (1, 5.0, -1.0, 9.0, False), (-1, 5.0, 9.0, -1.0, False), (1, math.nan, 99.0, 101.0, False),
        (1, 100.0, math.nan, 101.0, False), (1, 100.0, 99.0, math.nan, False),
    ],
)  # fmt: skip
def test_levels_are_sound_when_they_are_prices_on_their_own_sides(
    side: int, entry: float, stop: float, target: float, expected: bool
) -> None:
    assert sound(side, entry, stop, target) is expected


BROKEN: list[tuple[dict[str, float], dict[str, float], int, float, Reason]] = [
    ({"killed": 1}, {}, NOON, 1.0, Reason.KILLED),
    ({}, {}, NOON + 1, 1.0, Reason.AFTER_LAST_ENTRY),
    ({"realised_today": -500.0}, {"max_loss": 500.0}, NOON, 1.0, Reason.DAILY_LOSS),
    ({"trades_today": 20}, {}, NOON, 1.0, Reason.TRADES_A_DAY),
    ({"active": 3}, {}, NOON, 1.0, Reason.OPEN_POSITIONS),
    ({}, {}, NOON, 0.0, Reason.ZERO_QUANTITY),
    ({}, {"max_per_symbol": 0}, NOON, 1.0, Reason.PER_SYMBOL),
]


@pytest.mark.parametrize(("book", "changes", "ts", "quantity_mod", "reason"), BROKEN)
def test_the_gate_names_what_it_denies_for(
    book: dict[str, float], changes: dict[str, float], ts: int, quantity_mod: float, reason: Reason
) -> None:
    assert gate(record(BOOK, 1, **book), limits(**changes), record(POSITION, 3), 0, quantity_mod, ts, NOON) == reason
    assert gate(record(BOOK), limits(), record(POSITION, 3), 0, 1.0, NOON, NOON) == 0


@pytest.mark.parametrize(
    ("side", "entry", "last", "filled", "closing", "proceeds", "lost"),
    [
        (1, 100.0, 96.0, 50, 0, 0.0, 200.0), (-1, 100.0, 96.0, 50, 0, 0.0, -200.0),
        (1, 100.0, 96.0, 50, 30, 30 * 90.0, 380.0), (1, 0.0, 0.0, 0, 0, 0.0, 0.0),
    ],
)  # fmt: skip
def test_what_is_held_counts_towards_the_loss_at_its_last_price(
    side: int, entry: float, last: float, filled: int, closing: int, proceeds: float, lost: float
) -> None:
    held = record(
        POSITION, 2, state=PositionState.OPEN, side=side, entry_price=entry, last_price=last, filled=filled,
        closing=closing, proceeds=proceeds,
    )  # fmt: skip
    held["state"][1] = PositionState.FREE
    book = record(BOOK, 1, realised_today=-10.0, active=1)
    assert lost_today(book, held) == 10.0 + lost
    denied = gate(book, limits(max_loss=210.0, max_per_symbol=2), held, 0, 1.0, NOON, NOON) == Reason.DAILY_LOSS
    assert denied is (lost >= 200.0)


@pytest.mark.parametrize(("realised", "reason"), [(0.0, 0), (50.0, 0), (-0.01, Reason.DAILY_LOSS)])
def test_a_limit_of_nothing_allows_entries_until_the_first_loss(realised: float, reason: int) -> None:
    book = record(BOOK, 1, realised_today=realised)
    assert gate(book, limits(max_loss=0.0), record(POSITION, 3), 0, 1.0, NOON, NOON) == reason


@pytest.mark.parametrize("first", range(len(BROKEN)))
def test_the_first_of_several_reasons_is_named(first: int) -> None:
    book: dict[str, float] = {}
    changes: dict[str, float] = {}
    ts, quantity_mod = NOON, 1.0
    for more_book, more_limits, at, factor, _ in BROKEN[first:]:
        book, changes = {**more_book, **book}, {**more_limits, **changes}
        ts, quantity_mod = max(ts, at), min(quantity_mod, factor)
    assert (
        gate(record(BOOK, 1, **book), limits(**changes), record(POSITION, 3), 0, quantity_mod, ts, NOON)
        == BROKEN[first][4]
    )


def test_the_gate_counts_every_position_of_the_symbol_that_is_not_free() -> None:
    positions = record(POSITION, 3)
    positions["symbol"] = [7, 7, 2]
    positions["state"] = [codes.FREE, codes.ENTRY_SENT, codes.OPEN]
    assert gate(record(BOOK), limits(), positions, 7, 1.0, NOON, NOON) == Reason.PER_SYMBOL
    assert gate(record(BOOK), limits(max_per_symbol=2), positions, 7, 1.0, NOON, NOON) == 0
    assert gate(record(BOOK), limits(), positions, 5, 1.0, NOON, NOON) == 0


def test_counters_start_anew_with_a_session_and_only_then() -> None:
    book = record(BOOK, 1, session=4, trades_today=9, realised_today=-70.0, active=1, killed=1)
    start_session(book, 4)
    assert (book["trades_today"][0], book["realised_today"][0]) == (9, -70.0)
    start_session(book, 5)
    assert (book["session"][0], book["trades_today"][0], book["realised_today"][0]) == (5, 0, 0.0)
    assert (book["active"][0], book["killed"][0]) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "kind", "lot", "price", "risk", "quantity_mod", "expected"),
    [
        ({}, codes.OPTION, 65, 120.0, 20.0, 1.0, 130),  # two lots
        ({}, codes.OPTION, 65, 120.0, 20.0, 1.5, 195),  # 2 x 1.5 = 3 lots
        ({}, codes.OPTION, 65, 120.0, 20.0, 1.2, 130),  # 2.4 lots, floored
        ({}, codes.OPTION, 65, 120.0, 20.0, 0.1, 65),  # never below one lot
        ({"lots": 1}, codes.OPTION, 65, 120.0, 20.0, 0.7, 65),
        ({}, codes.EQUITY, 1, 333.0, 2.0, 1.0, 300),  # 100,000 / 333 = 300.3
        ({}, codes.EQUITY, 1, 333.0, 2.0, 0.5, 150),
        ({}, codes.EQUITY, 1, 250_000.0, 900.0, 1.0, 1),
        ({"by_risk": 1}, codes.EQUITY, 1, 333.0, 3.0, 1.0, 666),  # 2,000 / 3
        ({"by_risk": 1}, codes.OPTION, 65, 120.0, 10.0, 1.0, 195),  # 200 units: 3 lots
        ({"by_risk": 1}, codes.OPTION, 65, 120.0, 100.0, 1.0, 65),
        ({"by_risk": 1}, codes.OPTION, 65, 120.0, 10.0, 2.0, 390),  # 400 units: 6 lots
    ],
)
def test_quantity_is_whole_lots(
    changes: dict[str, float], kind: int, lot: int, price: float, risk: float, quantity_mod: float, expected: int
) -> None:
    assert entry_quantity(limits(**changes), kind, lot, price, risk, quantity_mod) == expected


def test_whole_lots_survive_floating_point() -> None:
    """0.1 x 30 lots is 3.0000000000000004 or 2.9999999999999996 lots in floats; a trader means 3."""
    for lots, factor in ((30, 0.1), (10, 0.3), (100, 0.29)):
        assert entry_quantity(limits(lots=lots), codes.OPTION, 75, 1.0, 1.0, factor) == round(lots * factor) * 75


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ((100.0, 103.0, 99.0), (codes.NO_EXIT, 0.0)),
        ((100.0, 103.0, 98.0), (codes.STOP, 98.0)),
        ((100.0, 104.0, 99.0), (codes.TARGET, 104.0)),
        ((100.0, 105.0, 97.0), (codes.STOP, 98.0)),  # both touched
        ((97.0, 105.0, 96.0), (codes.STOP, 97.0)),  # gap through the stop
        ((106.0, 107.0, 97.0), (codes.TARGET, 106.0)),  # gap through the target comes before the fall
        ((98.0, 98.0, 98.0), (codes.STOP, 98.0)),  # a tick at the stop
        ((104.0, 104.0, 104.0), (codes.TARGET, 104.0)),
        ((98.05, 98.05, 98.05), (codes.NO_EXIT, 0.0)),
    ],
)  # fmt: skip
def test_exits_of_a_long_and_mirrored_of_a_short(
    prices: tuple[float, float, float], expected: tuple[int, float]
) -> None:
    open_, high, low = prices
    assert exit_touch(1, 98.0, 104.0, open_, high, low) == expected
    reason, price = exit_touch(-1, 102.0, 96.0, 200.0 - open_, 200.0 - low, 200.0 - high)
    assert (reason, 200.0 - price if reason else 0.0) == expected
