"""A position from its entry to its trade, each rule with figures worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sos_actors.engine import codes
from sos_actors.engine.records import BOOK, INSTRUMENT, POSITION, SIGNAL, TRADE, Reason
from sos_actors.engine.rules import close_position, drop_entry, enter, fill_entry, gate, start_session
from tests.engine.markets import limits, record

NOON = 1_000


class Desk:
    """Two slots, a signal of symbol 1 by strategy 2 in the second of two instruments."""

    def __init__(self, side: int = 1, distances: tuple[float, float] = (math.nan, math.nan)) -> None:
        self.book = record(BOOK, 1, session=1, next_id=41)
        self.positions = record(POSITION, 2)
        self.signals = record(SIGNAL, 3, symbol=1, strategy=2, ts=500)
        self.trades = record(TRADE, 4)
        self.instruments = record(INSTRUMENT, 2, buy_rate=0.5, sell_rate=0.5, order_fee=999.0, freeze=1, lot=1)
        for name, value in {"buy_rate": 0.0001, "sell_rate": 0.0003, "order_fee": 20.0, "freeze": 100}.items():
            self.instruments[name][1] = value
        self.side, self.distances = side, distances

    def enter(self, quantity: int = 100) -> int:
        stop, target = (98.0, 104.0) if self.side > 0 else (102.0, 96.0)
        return enter(
            self.book, self.positions, self.signals, 1, 1, quantity, stop, target, *self.distances, self.side
        )  # fmt: skip

    def fill(self, price: float, quantity: int = 100, ts: int = 600) -> None:
        fill_entry(self.positions, 0, ts, price, quantity, 0.05)

    def close(self, price: float) -> None:
        close_position(self.book, self.positions, 0, self.instruments, 900, price, codes.TARGET, self.trades)

    def __getitem__(self, name: str) -> Any:
        return self.positions[0][name]


def test_an_entry_takes_a_slot_and_counts() -> None:
    desk = Desk()
    assert desk.enter() == 0
    assert (desk["state"], desk["id"], desk["symbol"], desk["strategy"], desk["sent_ts"]) == (
        codes.ENTRY_SENT,
        41,
        1,
        2,
        500,
    )
    assert (desk.book["active"][0], desk.book["trades_today"][0], desk.book["next_id"][0]) == (1, 1, 42)
    assert (desk.signals[1]["outcome"], desk.signals[1]["trade"]) == (codes.TRADED, 41)
    assert desk.enter() == 1
    assert desk.enter() == -1
    assert desk.book["active"][0] == 2


def test_a_slot_is_clean_when_it_is_used_again() -> None:
    desk = Desk()
    desk.positions[0] = record(
        POSITION, 1, filled=9, closing=9, proceeds=9.0, entry_ts=9, exit_reason=3, leaving=9, exits=9
    )[0]
    desk.enter()
    assert [
        desk[name] for name in ("filled", "closing", "proceeds", "entry_ts", "exit_reason", "leaving", "exits")
    ] == [0] * 7


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
    """250 sold at 100, bought at 96: 1,000 gross, 250 x (96 x 0.0001 + 100 x 0.0003) = 9.9, 3 slices each way."""
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
