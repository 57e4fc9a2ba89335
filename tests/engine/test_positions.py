"""Orders that fill in parts, come late, are rejected or never answered, as the engine is told event by event."""

from __future__ import annotations

import pytest

from sos_actors.config import Fills, Risk, Sizing
from sos_actors.engine.engine import Engine
from sos_actors.engine.positions import Decision, order_of
from sos_actors.engine.records import ExitReason, Outcome, PositionState, Reason
from sos_actors.messages.market import BarClosed, PriceSpan, Tick, Ticks, TimerFired
from sos_actors.messages.signals import EntryRefused, SignalFormed
from sos_actors.messages.trading import (
    CancelOrder,
    EntriesStopped,
    OrderStatus,
    OrderUpdated,
    PositionClosed,
    PositionOpened,
    Purpose,
    SubmitOrder,
)
from sos_actors.types import Side, UnixNanos
from tests.engine.brokers import make_engine
from tests.engine.markets import FIRST, SECOND, STOCKS, Market, minute, strategy, walk

NAME = STOCKS[0].symbol
ENTRY = order_of(1)
EXIT, SECOND_EXIT = order_of(1, 1), order_of(1, 2)


def at(index: int) -> UnixNanos:
    return UnixNanos(minute(FIRST, index))


class Told:
    """An engine with one stock whose first bar makes it buy 100 at 100, stop 99, target 102."""

    def __init__(self, risk: Risk | None = None) -> None:
        market = Market(STOCKS[:1], {NAME: walk([FIRST], 1)}, (FIRST, SECOND))
        plan = market.plan([strategy("GO", "close > 0")], risk, Sizing(equity_value_inr=10_000.0), Fills())
        self.engine: Engine = make_engine(market, plan, risk)

    def bar(self, index: int = 0, day_start: int | None = None) -> list[Decision]:
        ts = UnixNanos((day_start if day_start is not None else minute(FIRST, 0)) + index * 60_000_000_000)
        return self.engine.step(BarClosed(UnixNanos(ts + 60_000_000_000), NAME, ts, 100.0, 100.0, 100.0, 100.0, 10.0))

    def fill(self, order: int, quantity: int, price: float, index: int = 1) -> list[Decision]:
        return self.engine.step(OrderUpdated(at(index), order, OrderStatus.FILLED, quantity, price))

    def ended(self, order: int, status: OrderStatus = OrderStatus.CANCELLED, index: int = 4) -> list[Decision]:
        return self.engine.step(OrderUpdated(at(index), order, status))

    def tick(self, price: float, index: int = 2) -> list[Decision]:
        return self.engine.step(Tick(at(index), NAME, price))

    def clock(self, index: int) -> list[Decision]:
        return self.engine.step(TimerFired(at(index)))

    @property
    def state(self) -> PositionState:
        return PositionState(int(self.engine.account.positions["state"][0]))


@pytest.fixture
def entered() -> Told:
    told = Told()
    formed, order = told.bar()
    assert isinstance(formed, SignalFormed)
    assert order == SubmitOrder(at(1), ENTRY, 1, NAME, Side.BUY, 100, Purpose.ENTRY, 100.0, "signal")
    return told


@pytest.mark.parametrize(
    ("prices", "reasons"), [((100.5, 101.0), []), ((101.0, 97.5, 103.0), ["stop"]), ((103.0, 97.5), ["target"])]
)
def test_ticks_that_come_together_count_as_told_one_by_one(
    entered: Told, prices: tuple[float, ...], reasons: list[str]
) -> None:
    entered.fill(ENTRY, 100, 100.0)
    other, symbols = "NSE|EQ|TCS", [NAME, "NSE|EQ|TCS"] * len(prices)
    each = [price for one in prices for price in (one, 50.0)]
    assert set(symbols) == {NAME, other}
    ticks = Ticks(at(2), tuple(symbols), tuple(int(at(2)) + k for k in range(len(each))), tuple(each))
    alone = Told()
    alone.bar()
    alone.fill(ENTRY, 100, 100.0)
    one_by_one = [decision for tick in ticks.each() for decision in alone.engine.step(tick)]
    assert entered.engine.step(ticks) == one_by_one
    assert [one.reason for one in one_by_one if isinstance(one, SubmitOrder)] == reasons
    assert entered.engine.account.positions.tobytes() == alone.engine.account.positions.tobytes()


def kinds(decisions: list[Decision]) -> list[str]:
    return [type(decision).__name__ for decision in decisions]


def exit_order(order: int, quantity: int, price: float, reason: str, index: int = 2) -> SubmitOrder:
    return SubmitOrder(at(index), order, 1, NAME, Side.SELL, quantity, Purpose.EXIT, price, reason)


def test_an_entry_and_an_exit_that_fill_at_once(entered: Told) -> None:
    assert entered.fill(ENTRY, 100, 100.05) == [
        PositionOpened(at(1), 1, NAME, Side.BUY, 100, 100.05, 99.0, 102.0)
    ]  # fmt: skip
    assert entered.tick(101.95) == []
    assert entered.tick(102.05) == [exit_order(EXIT, 100, 102.05, "target")]
    assert entered.tick(98.0) == [], "one exit at a time"
    assert entered.fill(EXIT, 100, 102.05, 3) == [PositionClosed(at(3), 1, NAME, 100, 100.05, 102.05, "target")]
    trade = entered.engine.trades[0]
    assert (trade["exit_price"], trade["exit_ts"], trade["reason"]) == (102.05, at(3), ExitReason.TARGET)
    assert entered.state is PositionState.FREE


def test_a_stretch_of_prices_goes_by_the_same_rule_as_a_bar(entered: Told) -> None:
    entered.fill(ENTRY, 100, 100.0)
    assert entered.engine.step(PriceSpan(at(2), NAME, 100.0, 103.0, 98.0, 102.0)) == [
        exit_order(EXIT, 100, 99.0, "stop")
    ]


def test_prices_of_other_instruments_and_of_waiting_entries_mean_nothing(entered: Told) -> None:
    assert entered.tick(50.0) == []
    entered.fill(ENTRY, 100, 100.0)
    assert entered.engine.step(Tick(at(2), "NSE|EQ|TCS", 50.0)) == []


def test_an_entry_that_waited_too_long_is_taken_back(entered: Told) -> None:
    assert entered.clock(3) == []
    assert entered.clock(4) == [CancelOrder(at(4), ENTRY)]
    assert entered.state is PositionState.ENTRY_SENT, "until the broker confirms, it may still fill"
    entered.ended(ENTRY)
    signal = entered.engine.signals[0]
    assert (signal["outcome"], signal["reason"], signal["trade"]) == (Outcome.SKIPPED, Reason.NOT_FILLED, -1)
    assert entered.engine.account.book["trades_today"][0] == 0


def test_the_rest_of_an_entry_is_taken_back_and_what_filled_is_kept(entered: Told) -> None:
    entered.fill(ENTRY, 40, 100.0)
    assert entered.clock(4) == [CancelOrder(at(4), ENTRY)]
    assert entered.ended(ENTRY) == []
    assert entered.clock(5) == []
    assert entered.tick(98.0) == [exit_order(EXIT, 40, 98.0, "stop")]
    assert kinds(entered.fill(EXIT, 40, 98.0)) == ["PositionClosed"]
    assert entered.engine.trades["quantity"].tolist() == [40]


def test_a_stop_during_a_part_filled_entry_sells_what_there_is_and_takes_the_rest_back(entered: Told) -> None:
    entered.fill(ENTRY, 40, 100.0)
    assert entered.tick(98.0) == [CancelOrder(at(2), ENTRY), exit_order(EXIT, 40, 98.0, "stop")]
    assert entered.fill(EXIT, 40, 98.0) == [], "the entry may still fill"
    assert entered.state is PositionState.EXIT_SENT
    assert entered.ended(ENTRY) == [PositionClosed(at(4), 1, NAME, 40, 100.0, 98.0, "stop")]
    assert entered.engine.trades["exit_price"].tolist() == [98.0]


def test_what_an_entry_buys_after_the_exit_was_sent_is_sold_too(entered: Told) -> None:
    entered.fill(ENTRY, 40, 100.0)
    entered.tick(98.0)
    assert kinds(entered.fill(ENTRY, 60, 101.0)) == ["PositionOpened"]
    assert entered.tick(97.0) == []
    assert entered.fill(EXIT, 40, 98.0, 3) == [exit_order(SECOND_EXIT, 60, 98.0, "stop", 3)]
    closed = entered.fill(SECOND_EXIT, 60, 96.0, 3)
    assert closed == [PositionClosed(at(3), 1, NAME, 100, 100.6, (98.0 * 40 + 96.0 * 60) / 100, "stop")]


def test_a_fill_after_the_exit_is_complete_is_sold_at_once(entered: Told) -> None:
    entered.fill(ENTRY, 40, 100.0)
    entered.tick(98.0)
    entered.fill(EXIT, 40, 98.0)
    decisions = entered.fill(ENTRY, 60, 97.0, 3)
    assert decisions[1:] == [exit_order(SECOND_EXIT, 60, 97.0, "stop", 3)]
    assert kinds(entered.fill(SECOND_EXIT, 60, 96.0, 3)) == ["PositionClosed"]


def test_an_exit_in_parts_has_the_average_price(entered: Told) -> None:
    entered.fill(ENTRY, 100, 100.0)
    entered.tick(98.0)
    assert entered.fill(EXIT, 25, 98.0) == []
    assert entered.fill(EXIT, 75, 97.0) == [PositionClosed(at(1), 1, NAME, 100, 100.0, 97.25, "stop")]


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.REJECTED])
def test_an_exit_that_fails_is_sent_again_at_the_next_price_whatever_it_is(entered: Told, status: OrderStatus) -> None:
    entered.fill(ENTRY, 100, 100.0)
    entered.tick(98.0)
    entered.fill(EXIT, 30, 98.0)
    assert entered.ended(EXIT, status) == []
    assert entered.tick(100.5) == [exit_order(SECOND_EXIT, 70, 100.5, "stop")]
    assert entered.ended(EXIT, status) == [], "an order that is over already"
    assert entered.state is PositionState.EXIT_SENT
    assert kinds(entered.fill(SECOND_EXIT, 70, 100.5)) == ["PositionClosed"]


def test_an_exit_that_failed_does_not_wait_for_a_price_that_may_never_come(entered: Told) -> None:
    entered.fill(ENTRY, 100, 100.0)
    entered.tick(98.0)
    entered.ended(EXIT, OrderStatus.REJECTED)
    assert entered.clock(3) == [exit_order(SECOND_EXIT, 100, 98.0, "stop", 3)]


def test_square_off_and_what_is_left_at_the_close(entered: Told) -> None:
    entered.fill(ENTRY, 100, 100.0)
    entered.tick(100.4)
    assert entered.clock(364) == []
    assert entered.clock(365) == [exit_order(EXIT, 100, 100.4, "square_off", 365)]
    assert entered.clock(366) == []
    entered.clock(375)
    assert entered.fill(EXIT, 100, 100.4, 375) == [PositionClosed(at(375), 1, NAME, 100, 100.0, 100.4, "session_end")]


def test_a_stop_that_fills_after_the_close_stays_a_stop(entered: Told) -> None:
    entered.fill(ENTRY, 100, 100.0)
    entered.tick(98.0)
    entered.clock(375)
    (closed,) = entered.fill(EXIT, 100, 98.0, 376)
    assert isinstance(closed, PositionClosed)
    assert closed.reason == "stop"


def test_an_entry_that_fills_after_square_off_is_sold_at_once(entered: Told) -> None:
    decisions = entered.fill(ENTRY, 100, 100.0, 370)
    assert decisions[1:] == [exit_order(EXIT, 100, 100.0, "square_off", 370)]


def test_an_entry_that_never_filled_is_taken_back_at_the_close_at_the_latest() -> None:
    told = Told()
    told.engine._plan.limits["entry_valid_ns"] = 10**18
    told.bar()
    assert told.clock(374) == []
    assert told.clock(375) == [CancelOrder(at(375), ENTRY)]


@pytest.mark.parametrize("order", [ENTRY, EXIT, order_of(7), order_of(1, 5), -1])
@pytest.mark.parametrize("status", list(OrderStatus))
def test_updates_of_unknown_orders_change_nothing(order: int, status: OrderStatus) -> None:
    told = Told()
    update = OrderUpdated(at(1), order, status, 10, 100.0)
    assert told.engine.step(update) == [], "before any session"
    told.bar()
    told.ended(ENTRY)
    before = told.engine.account.book.tobytes()
    assert told.engine.step(update) == []
    assert told.engine.account.book.tobytes() == before


def test_an_exit_that_was_never_sent_cannot_fill(entered: Told) -> None:
    entered.fill(ENTRY, 100, 100.0)
    assert entered.fill(EXIT, 100, 100.0) == []
    assert entered.state is PositionState.OPEN


def test_a_fill_of_nothing_changes_nothing(entered: Told) -> None:
    assert entered.fill(ENTRY, 0, 0.0) == []
    assert entered.state is PositionState.ENTRY_SENT


def test_entries_can_be_stopped_and_allowed_again_while_exits_go_on(entered: Told) -> None:
    entered.fill(ENTRY, 100, 100.0)
    entered.engine.step(EntriesStopped(at(2), True, "operator"))
    assert entered.tick(98.0) == [exit_order(EXIT, 100, 98.0, "stop")]
    entered.fill(EXIT, 100, 98.0)
    refused = entered.bar(3)[1]
    assert refused == EntryRefused(at(4), 1, "denied", "entries are stopped")
    entered.engine.step(EntriesStopped(at(5), False, "operator"))
    assert kinds(entered.bar(5)) == ["SignalFormed", "SubmitOrder"]


def test_a_position_the_broker_never_closed_still_has_its_slot_the_next_day(entered: Told) -> None:
    entered.fill(ENTRY, 100, 100.0)
    entered.clock(365)
    refused = entered.bar(0, minute(SECOND, 0))[1]
    assert isinstance(refused, EntryRefused)
    assert refused.reason == "a position in this symbol is open"
