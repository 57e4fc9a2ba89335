"""Bars of a feed: the exchange's own, ticks where it is late; each minute once, in order, in the session."""

from __future__ import annotations

import pytest

from sos_actors.engine.minutes import NOTHING, Gap, MinuteBuilder, Minutes
from sos_actors.market.calendar import Calendar
from sos_actors.messages.feed import MinuteBar, Quote
from sos_actors.messages.market import BarClosed
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND
from tests.simulator.markets import moment

NIFTY, RELIANCE, CALL = "NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE", "NSE|FO|NIFTY 25600 CE 13 JAN 26"
GRACE = 2 * NANOS_PER_SECOND


def at(clock: str) -> int:
    return moment(f"2026-01-13 {clock}")


def builder() -> MinuteBuilder:
    return MinuteBuilder(Calendar.default(), GRACE)


def quote(
    ltt: str = "", price: float = 100.0, volume: int | None = None, minute: str = "", candle: float = 100.0,
    oi: float | None = None, traded: int = 50,
) -> Quote:  # fmt: skip
    told = MinuteBar(at(minute), candle, candle + 1, candle - 1, candle, traded) if minute else None
    return Quote("key", price, at(ltt) if ltt else 0, 1, 99.0, volume, oi, minute=told)


def bar(
    symbol: str, clock: str, prices: tuple[float, float, float, float], volume: float | None = None,
    oi: float | None = None, provisional: bool = False,
) -> BarClosed:  # fmt: skip
    opened = at(clock)
    return BarClosed(opened + NANOS_PER_MINUTE, symbol, opened, *prices, volume, oi, provisional)  # type: ignore[arg-type]


def test_the_exchanges_candle_is_published_once_as_soon_as_it_is_seen() -> None:
    made = builder()
    told = quote("10:31:01", minute="10:30")
    assert made.on_quote(RELIANCE, told, at("10:31:01")).closed == [bar(RELIANCE, "10:30", (100, 101, 99, 100), 50.0)]
    assert made.on_quote(RELIANCE, told, at("10:31:02")) is NOTHING
    assert made.on_time(at("10:31:30")) is NOTHING


def test_an_index_has_no_volume_and_only_a_contract_has_open_interest() -> None:
    made = builder()
    for symbol, volume, oi in ((NIFTY, None, None), (RELIANCE, 50.0, None), (CALL, 50.0, 650.0)):
        [closed] = made.on_quote(symbol, quote(minute="10:30", oi=650.0), at("10:31:01")).closed
        assert (closed.volume, closed.oi) == (volume, oi)


def test_open_interest_told_minutes_later_is_not_the_minutes() -> None:
    made = builder()
    made.known({CALL: at("10:29")})
    [closed] = made.on_quote(CALL, quote(minute="10:30", oi=650.0), at("10:32:05")).closed
    assert closed.oi is None


def test_ticks_stand_in_when_the_candle_is_late_and_are_corrected_for_the_record_only() -> None:
    made = builder()
    made.on_quote(CALL, quote("10:29:58", 50.0, 1_000), at("10:29:58"))
    made.on_quote(CALL, quote("10:30:01", 52.0, 1_065, oi=900.0), at("10:30:01"))
    assert made.on_time(at("10:30:01.9")) is NOTHING
    assert made.on_time(at("10:30:02")).closed == [bar(CALL, "10:29", (50,) * 4, None, None, True)]
    for second, price, volume in ((20, 49.0, 1_130), (59, 51.0, 1_195)):
        told = quote(f"10:30:{second}", price, volume, oi=900.0)
        assert made.on_quote(CALL, told, at(f"10:30:{second}")) is NOTHING
    assert made.on_time(at("10:31:01.9")) is NOTHING
    stand_in = bar(CALL, "10:30", (52, 52, 49, 51), 195.0, 900.0, True)
    assert made.on_time(at("10:31:02")) == Minutes([stand_in], [], [])
    late = quote("10:31:05", 51.0, 1_195, minute="10:30", candle=51.0, oi=910.0, traded=195)
    official = bar(CALL, "10:30", (51, 52, 50, 51), 195.0, 910.0)
    assert made.on_quote(CALL, late, at("10:31:05")) == Minutes([], [official], [])
    assert made.on_quote(CALL, late, at("10:31:06")) is NOTHING
    assert made.counts.provisional == 2


def test_a_candle_within_the_grace_replaces_the_ticks_while_the_next_minute_is_built() -> None:
    made = builder()
    made.on_quote(NIFTY, quote("10:30:59", 100.5), at("10:30:59"))
    made.on_quote(NIFTY, quote("10:31:00", 200.0), at("10:31:00.5"))
    [closed] = made.on_quote(NIFTY, quote("10:31:01", 201.0, minute="10:30"), at("10:31:01")).closed
    assert closed == bar(NIFTY, "10:30", (100, 101, 99, 100))
    assert made.on_time(at("10:31:10")) is NOTHING
    assert made.on_time(at("10:32:02")).closed == [bar(NIFTY, "10:31", (200, 201, 200, 201), provisional=True)]


def test_nothing_stands_in_for_a_minute_without_a_tick() -> None:
    made = builder()
    made.on_quote(RELIANCE, quote("10:30:10", minute="10:29"), at("10:30:10"))
    made.on_time(at("10:31:02"))
    assert made.on_time(at("10:35")) is NOTHING


def test_the_volume_of_ticks_is_unknown_where_the_day_before_them_is() -> None:
    made = builder()
    made.on_quote(RELIANCE, quote("10:30:10", 100.0, 5_000), at("10:30:10"))
    [closed] = made.on_time(at("10:31:02")).closed
    assert closed.volume is None
    made.on_quote(RELIANCE, quote("10:31:10", 100.0, 5_400), at("10:31:10"))
    made.interrupted()
    made.on_quote(RELIANCE, quote("10:31:20", 100.0, 5_900), at("10:31:20"))
    [closed] = made.on_time(at("10:32:02")).closed
    assert closed.volume is None
    made.on_quote(RELIANCE, quote("10:32:10", 100.0, 6_000), at("10:32:10"))
    [closed] = made.on_time(at("10:33:02")).closed
    assert closed.volume == 100.0


def test_duplicates_and_trades_that_step_back_build_nothing_and_are_counted() -> None:
    made = builder()
    made.on_quote(RELIANCE, quote("10:30:10", 100.0, 500), at("10:30:10"))
    made.on_quote(RELIANCE, quote("10:30:10", 100.0, 500), at("10:30:11"))
    made.on_quote(RELIANCE, quote("10:30:04", 120.0, 400), at("10:30:12"))
    made.on_quote(RELIANCE, quote("10:30:10", 101.0, 510), at("10:30:13"))  # another trade of the same millisecond
    [closed] = made.on_time(at("10:31:02")).closed
    assert (closed.high, closed.close) == (101.0, 101.0)
    assert (made.counts.duplicates, made.counts.steps_back) == (1, 1)


@pytest.mark.parametrize(
    ("symbol", "day", "opened", "is_bar"),
    [
        (RELIANCE, "2026-01-13", "09:08", False),
        (RELIANCE, "2026-01-13", "09:15", True),
        (RELIANCE, "2026-01-13", "15:29", True),
        (RELIANCE, "2026-01-13", "15:30", False),
        (RELIANCE, "2026-08-04", "15:15", False),  # the closing auction
        (NIFTY, "2026-08-04", "15:15", True),
        (NIFTY, "2026-01-26", "10:30", False),
        (NIFTY, "2031-01-13", "10:30", False),
    ],
)
def test_no_bar_lies_outside_the_session(symbol: str, day: str, opened: str, is_bar: bool) -> None:
    start = moment(f"{day} {opened}")
    made = builder()
    told = Quote("key", 100.0, start + 10, 1, 99.0, 5, minute=None)
    made.on_quote(symbol, told, start + NANOS_PER_SECOND)
    assert bool(made.on_time(start + NANOS_PER_MINUTE + GRACE).closed) is is_bar
    made = builder()
    told = told._replace(minute=MinuteBar(start, 1.0, 1.0, 1.0, 1.0, 5))
    assert bool(made.on_quote(symbol, told, start + NANOS_PER_MINUTE + GRACE).closed) is is_bar
    assert (made.counts.outside > 0) is not is_bar


def test_what_a_feed_says_of_yesterday_or_of_long_ago_is_history() -> None:
    made = builder()
    yesterday = moment("2026-01-12 15:29")
    told = Quote("key", 100.0, yesterday, 1, 99.0, minute=MinuteBar(yesterday, 1.0, 1.0, 1.0, 1.0, 5))
    assert made.on_quote(NIFTY, told, at("09:00")) is NOTHING
    assert made.on_quote(CALL, quote("10:01:05", minute="10:01"), at("10:30:10")) is NOTHING
    assert made.on_time(at("10:31:30")) is NOTHING


def test_minutes_missed_while_the_connection_was_lost_are_named() -> None:
    made = builder()
    made.on_quote(RELIANCE, quote("10:30:10", minute="10:29"), at("10:30:10"))
    made.interrupted()
    found = made.on_quote(RELIANCE, quote("10:36:04", minute="10:35"), at("10:36:05"))
    assert [closed.ts_open for closed in found.closed] == [at("10:30"), at("10:35")]
    assert found.closed[0].provisional
    assert found.gaps == [Gap(RELIANCE, at("10:31"), at("10:34"))]
    assert made.on_quote(RELIANCE, quote("10:37:04", minute="10:36"), at("10:37:05")).gaps == []


def test_a_bar_made_of_ticks_hides_no_minute_before_it() -> None:
    made = builder()
    made.known({NIFTY: at("10:29"), RELIANCE: at("10:29")})
    for symbol in (NIFTY, RELIANCE):
        made.on_quote(symbol, quote("10:32:30"), at("10:32:30"))
    found = made.on_time(at("10:33:02"))
    assert [closed.ts_open for closed in found.closed] == [at("10:32")] * 2
    assert found.gaps == [Gap(symbol, at("10:30"), at("10:31")) for symbol in (NIFTY, RELIANCE)]
    late = made.on_quote(NIFTY, quote("10:33:05", minute="10:32"), at("10:33:05"))
    assert (late.closed, len(late.corrections), late.gaps) == ([], 1, [])


def test_a_contract_without_a_trade_has_no_gap_but_an_index_always_has() -> None:
    made = builder()
    for symbol, gaps in ((CALL, []), (NIFTY, [Gap(NIFTY, at("10:31"), at("10:33"))])):
        made.on_quote(symbol, quote(minute="10:30"), at("10:31:01"))
        assert made.on_quote(symbol, quote(minute="10:34"), at("10:35:01")).gaps == gaps


def test_what_joins_on_to_history_says_what_is_missing_between() -> None:
    made = builder()
    made.known({NIFTY: at("10:27"), RELIANCE: at("10:30")})
    assert made.on_quote(NIFTY, quote(minute="10:30"), at("10:31:01")).gaps == [Gap(NIFTY, at("10:28"), at("10:29"))]
    assert made.on_quote(RELIANCE, quote(minute="10:30"), at("10:31:01")) is NOTHING


@pytest.mark.parametrize(
    "candle",
    [
        MinuteBar(at("10:30"), 100.0, 99.0, 98.0, 100.0, 5),
        MinuteBar(at("10:30"), 100.0, 101.0, 100.5, 100.0, 5),
        MinuteBar(at("10:30"), float("nan"), 101.0, 99.0, 100.0, 5),
        MinuteBar(at("10:30:07"), 100.0, 101.0, 99.0, 100.0, 5),
        MinuteBar(at("10:33"), 100.0, 101.0, 99.0, 100.0, 5),
    ],
)
def test_a_candle_that_cannot_be_is_not_used(candle: MinuteBar) -> None:
    made = builder()
    assert made.on_quote(NIFTY, quote()._replace(minute=candle), at("10:31:10")) is NOTHING
    assert made.counts.odd == 1


def test_a_trade_of_the_future_and_one_told_too_late_build_nothing() -> None:
    made = builder()
    made.on_quote(RELIANCE, quote("10:35:00"), at("10:30:10"))
    assert made.counts.odd == 1
    made.on_quote(RELIANCE, quote("10:29:00"), at("10:31:10"))
    assert made.on_time(at("10:40")) is NOTHING


def test_a_symbol_that_is_left_and_followed_again_has_a_gap_and_no_minute_twice() -> None:
    made = builder()
    told = quote("10:31:01", minute="10:30")
    made.on_quote(RELIANCE, told, at("10:31:01"))
    made.leave(RELIANCE)
    assert made.on_quote(RELIANCE, told, at("10:31:05")) is NOTHING
    assert made.on_time(at("10:32:05")) is NOTHING
    found = made.on_quote(RELIANCE, quote("10:34:01", minute="10:33"), at("10:34:01"))
    assert ([closed.ts_open for closed in found.closed], found.gaps) == (
        [at("10:33")],
        [Gap(RELIANCE, at("10:31"), at("10:32"))],
    )


def test_the_grace_is_shorter_than_a_minute() -> None:
    with pytest.raises(ValueError, match="grace"):
        MinuteBuilder(Calendar.default(), NANOS_PER_MINUTE)
