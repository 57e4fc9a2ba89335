"""Each trading rule with figures worked by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sos_actors.engine import codes
from sos_actors.engine.records import BOOK, INSTRUMENT, LIMITS, POSITION, SIGNAL, TRADE, Reason
from sos_actors.engine.rules import (
    close_position,
    drop_entry,
    enter,
    entry_quantity,
    exit_touch,
    fill_entry,
    gate,
    sound,
    start_session,
    to_tick,
)

NOON = 1_000


def record(dtype: np.dtype[np.void], n: int = 1, **values: float) -> Any:
    """``n`` records of ``dtype``, zero but for ``values``."""
    records = np.zeros(n, dtype)
    for name, value in values.items():
        records[name] = value
    return records


def limits(**changes: float) -> Any:
    given = {
        "max_open": 3, "max_per_symbol": 1, "max_trades": 20, "max_loss": 10_000.0, "lots": 2, "risk_budget": 2_000.0,
        "equity_value": 100_000.0,
    }  # fmt: skip
    return record(LIMITS, 1, **{**given, **changes})


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


@pytest.mark.parametrize("first", range(len(BROKEN)))
def test_the_first_of_several_reasons_is_named(first: int) -> None:
    book: dict[str, float] = {}
    changes: dict[str, float] = {}
    ts, quantity_mod = NOON, 1.0
    for more_book, more_limits, at, factor, _ in BROKEN[first:]:
        book, changes = {**more_book, **book}, {**more_limits, **changes}
        ts, quantity_mod = max(ts, at), min(quantity_mod, factor)
    assert gate(record(BOOK, 1, **book), limits(**changes), record(POSITION, 3), 0, quantity_mod, ts, NOON) == BROKEN[first][4]


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


class Desk:
    """Two slots, a signal of symbol 1 by strategy 2, one instrument."""

    def __init__(self, side: int = 1, distances: tuple[float, float] = (math.nan, math.nan)) -> None:
        self.book = record(BOOK, 1, session=1, next_id=41)
        self.positions = record(POSITION, 2)
        self.signals = record(SIGNAL, 3, symbol=1, strategy=2, ts=500)
        self.trades = record(TRADE, 4)
        self.instrument = record(INSTRUMENT, 1, buy_rate=0.0001, sell_rate=0.0003, order_fee=20.0, freeze=100, lot=1)
        self.side, self.distances = side, distances

    def enter(self, quantity: int = 100) -> int:
        stop, target = (98.0, 104.0) if self.side > 0 else (102.0, 96.0)
        return enter(
            self.book, self.positions, self.signals, 1, 0, quantity, stop, target, *self.distances, self.side
        )  # fmt: skip

    def fill(self, price: float, quantity: int = 100, ts: int = 600) -> None:
        fill_entry(self.positions, 0, ts, price, quantity, 0.05)

    def close(self, price: float) -> None:
        close_position(self.book, self.positions, 0, self.instrument, 900, price, codes.TARGET, self.trades)

    def __getitem__(self, name: str) -> Any:
        return self.positions[0][name]


def test_an_entry_takes_a_slot_and_counts() -> None:
    desk = Desk()
    assert desk.enter() == 0
    assert (desk["state"], desk["id"], desk["symbol"], desk["strategy"], desk["sent_ts"]) == (codes.ENTRY_SENT, 41, 1, 2, 500)
    assert (desk.book["active"][0], desk.book["trades_today"][0], desk.book["next_id"][0]) == (1, 1, 42)
    assert (desk.signals[1]["outcome"], desk.signals[1]["trade"]) == (codes.TRADED, 41)
    assert desk.enter() == 1
    assert desk.enter() == -1
    assert desk.book["active"][0] == 2


def test_a_slot_is_clean_when_it_is_used_again() -> None:
    desk = Desk()
    desk.positions[0] = record(POSITION, 1, filled=9, closing=9, proceeds=9.0, entry_ts=9, exit_reason=3, leaving=9, exits=9)[0]
    desk.enter()
    assert [desk[name] for name in ("filled", "closing", "proceeds", "entry_ts", "exit_reason", "leaving", "exits")] == [0] * 7


def test_an_entry_that_fills_in_parts_has_the_average_price_and_its_first_time() -> None:
    desk = Desk()
    desk.enter()
    desk.fill(100.0, 25, ts=600)
    desk.fill(101.0, 75, ts=660)
    assert (desk["entry_price"], desk["filled"], desk["entry_ts"]) == (100.75, 100, 600)
    assert (desk["state"], desk["last_price"], desk["last_ts"]) == (codes.OPEN, 101.0, 660)
    assert (desk["stop"], desk["target"]) == (98.0, 104.0)


def test_an_options_levels_move_with_the_fill() -> None:
    desk = Desk(distances=(10.02, 25.0))
    desk.enter()
    desk.fill(120.0, 50)
    assert (desk["stop"], desk["target"]) == (110.0, 145.0)  # 109.98 on the tick
    desk.fill(124.0, 50)
    assert (desk["stop"], desk["target"]) == (112.0, 147.0)  # average 122


def test_a_fill_that_comes_late_does_not_undo_an_exit_that_was_sent() -> None:
    desk = Desk()
    desk.enter()
    desk.fill(100.0, 50)
    desk.positions["state"] = codes.EXIT_SENT
    desk.fill(100.0, 50)
    assert desk["state"] == codes.EXIT_SENT


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


def test_closing_writes_the_trade_and_counts_the_net_result() -> None:
    """100 bought at 100, sold at 104: 400 gross, charges 100 x (100 x 0.0001 + 104 x 0.0003) = 4.12 and 2 x 20."""
    desk = Desk()
    desk.enter()
    desk.fill(100.0)
    desk.close(104.0)
    trade = desk.trades[0]
    assert (trade["id"], trade["signal"], trade["quantity"], trade["reason"]) == (41, 1, 100, codes.TARGET)
    assert (trade["entry_ts"], trade["entry_price"], trade["exit_ts"], trade["exit_price"]) == (600, 100.0, 900, 104.0)
    assert desk.book["realised_today"][0] == pytest.approx(400 - 4.12 - 40)
    assert (desk.book["n_trades"][0], desk.book["active"][0], desk["state"]) == (1, 0, codes.FREE)


def test_a_short_earns_when_the_price_falls_and_slices_cost_a_fee_each() -> None:
    """250 sold at 100, bought at 96: 1,000 gross, charges 250 x (96 x 0.0001 + 100 x 0.0003) = 9.9, 3 slices each way."""
    desk = Desk(side=-1)
    desk.enter(250)
    desk.fill(100.0, 250)
    desk.close(96.0)
    assert desk.book["realised_today"][0] == pytest.approx(1_000 - 9.9 - 120)


def test_charges_alone_can_reach_the_daily_loss() -> None:
    desk = Desk()
    desk.enter()
    desk.fill(100.0)
    desk.close(100.0)
    assert gate(desk.book, limits(max_loss=44.0), desk.positions, 9, 1.0, NOON, NOON) == Reason.DAILY_LOSS
    assert gate(desk.book, limits(max_loss=44.1), desk.positions, 9, 1.0, NOON, NOON) == 0


def test_a_dropped_entry_frees_its_slot_and_gives_the_trade_back() -> None:
    desk = Desk()
    desk.enter()
    drop_entry(desk.book, desk.positions, desk.signals, 0, codes.NOT_FILLED)
    assert (desk["state"], desk.book["active"][0], desk.book["trades_today"][0]) == (codes.FREE, 0, 0)
    signal = desk.signals[1]
    assert (signal["outcome"], signal["reason"], signal["trade"]) == (codes.SKIPPED, codes.NOT_FILLED, -1)


def test_an_entry_dropped_in_a_later_session_takes_nothing_from_its_count() -> None:
    desk = Desk()
    desk.enter()
    start_session(desk.book, 2)
    drop_entry(desk.book, desk.positions, desk.signals, 0, codes.NOT_FILLED)
    assert desk.book["trades_today"][0] == 0
