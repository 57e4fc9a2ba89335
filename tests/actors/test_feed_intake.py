"""What becomes of the feed's frames: bars, ticks, last prices, records, and trading held back."""

from __future__ import annotations

from sos_actors.messages.feed import FeedState, MarketPhase, MarketStatus
from tests.actors.feeds import BANKNIFTY, NIFTY, RELIANCE, TCS, Line, at, call, key_of, line, quote
from tests.vendors.upstox.sockets import Heard


def listening(now: str = "10:30:10", all_ticks: bool = False) -> Line:
    """An intake with a feed before it and no actor behind it; the feed is connected."""
    here = line(now, all_ticks=all_ticks)
    here.make(here.intake.listener())
    here.intake.carry({str(key_of(symbol)): symbol for symbol in (NIFTY, BANKNIFTY, RELIANCE, call(25_600))})
    here.connect()
    return here


def test_ticks_of_what_is_held_are_published_once_each() -> None:
    here = listening()
    here.intake.hold(frozenset([RELIANCE]))
    here.say(RELIANCE, 1_400.0)
    here.say(RELIANCE, 1_400.0)
    here.say(RELIANCE, 1_399.0, ltt=at("10:30:05"))  # steps back
    here.say(NIFTY, 25_600.0)
    here.say(TCS, 4_000.0)
    here.clock.advance(1)
    here.say(RELIANCE, 1_400.0)
    assert here.sink.ticks == [(RELIANCE, at("10:30:10"), 1_400.0), (RELIANCE, at("10:30:11"), 1_400.0)]
    assert all(received > 0 for received in here.sink.received)
    assert here.intake.last_price(RELIANCE) == (1_400.0, at("10:30:11"), at("10:30:11"))
    assert set(here.intake.last_prices()) == {RELIANCE, NIFTY}


def test_all_ticks_are_published_where_that_is_wanted() -> None:
    here = listening(all_ticks=True)
    here.say(NIFTY, 25_600.0)
    here.say(call(25_600), 120.0)
    assert [symbol for symbol, _, _ in here.sink.ticks] == [NIFTY, call(25_600)]


def test_what_becomes_held_is_told_its_last_price_at_once() -> None:
    here = listening()
    here.say(RELIANCE, 1_400.0)
    here.clock.advance(5)
    here.intake.hold(frozenset((RELIANCE, call(25_600))))
    here.intake.hold(frozenset((RELIANCE, call(25_600))))
    assert here.sink.ticks == [(RELIANCE, at("10:30:10"), 1_400.0)]


def test_without_a_trade_today_there_is_no_price() -> None:
    here = listening(all_ticks=True)
    here.feed.listener.on_quotes(here.clock(), [quote(RELIANCE, ltt, price) for price, ltt in ((100.0, 0), (0.0, 5))])
    assert here.sink.ticks == []
    assert here.intake.last_price(RELIANCE) is None


def test_bars_are_recorded_with_whose_they_are_and_a_correction_is_only_recorded() -> None:
    here = listening("10:30:50")
    here.say(RELIANCE, 1_400.0, "10:29")
    here.clock.move_to(at("10:31:02"))
    here.intake.close_minutes(here.clock())
    here.say(RELIANCE, 1_401.0, "10:30")
    assert [(bar.ts_open, bar.provisional) for bar in here.sink.bars] == [(at("10:29"), False), (at("10:30"), True)]
    told = [(bar.ts_open, bar.provisional, official) for bar, official in here.recorded]
    assert told == [(at("10:29"), False, True), (at("10:30"), True, False), (at("10:30"), False, True)]


def test_minutes_missed_while_disconnected_are_told_as_a_gap() -> None:
    here = listening()
    here.say(NIFTY, 25_600.0, "10:29")
    here.feed.listener.on_feed_state(here.clock(), FeedState.DOWN, "reset")
    here.clock.move_to(at("10:35:05"))
    here.connect()
    here.say(NIFTY, 25_610.0, "10:34")
    assert here.gaps == [(NIFTY, at("10:31"), at("10:33"))]
    assert [bar.ts_open for bar in here.sink.bars] == [at("10:29"), at("10:30"), at("10:34")]


def test_what_is_no_longer_carried_is_not_heard_and_has_no_price() -> None:
    here = listening()
    here.say(RELIANCE, 1_400.0)
    here.intake.carry({str(key_of(NIFTY)): NIFTY})
    here.say(RELIANCE, 1_401.0, "10:29")
    assert here.intake.last_price(RELIANCE) is None
    assert here.sink.bars == []


def test_trading_is_held_back_until_every_index_has_a_price() -> None:
    here = line()
    here.make(here.intake.listener())
    here.intake.carry({str(key_of(symbol)): symbol for symbol in (NIFTY, BANKNIFTY)})
    here.intake.judge(here.clock())
    assert here.reasons() == [("feed", "STOP_ENTRIES", "The market feed is not connected yet.")]
    here.connect()
    waiting = "No price of {} has come since the market feed was connected."
    assert here.reasons() == [("feed", "STOP_ENTRIES", waiting.format("NIFTY"))]
    here.say(NIFTY, 25_600.0)
    assert here.reasons() == [("feed", "STOP_ENTRIES", waiting.format("BANKNIFTY"))]
    here.say(BANKNIFTY, 60_000.0)
    assert here.reasons() == []
    assert here.intake.verdict is None


def test_a_lost_connection_and_a_refusal_hold_trading_back_and_flowing_prices_release_it() -> None:
    here = listening()
    here.say(NIFTY, 25_600.0)
    here.say(BANKNIFTY, 60_000.0)
    assert here.reasons() == []
    here.feed.listener.on_feed_state(here.clock(), FeedState.SILENT, "neither frame nor ping for 60 s.")
    assert here.reasons() == [
        ("feed", "STOP_ENTRIES", "The market feed is silent: neither frame nor ping for 60 s."),
    ]
    here.feed.listener.on_feed_state(here.clock(), FeedState.REFUSED, "the token has expired")
    assert here.reasons() == [("feed", "EXITS_ONLY", "The market feed was refused: the token has expired.")]
    here.clock.advance(1)
    here.connect()
    assert [rung for _, rung, _ in here.reasons()] == ["STOP_ENTRIES"]
    for symbol in (NIFTY, BANKNIFTY):
        here.say(symbol, 25_700.0)
    assert here.reasons() == []


def test_minutes_a_share_missed_while_the_connected_feed_was_mute_are_told_as_a_gap() -> None:
    here = listening()
    for symbol in (NIFTY, BANKNIFTY, RELIANCE):
        here.say(symbol, 1_400.0, "10:29")
    here.clock.move_to(at("10:34:30"))
    here.intake.close_minutes(here.clock())
    here.intake.judge(here.clock())
    assert here.reasons()
    here.clock.move_to(at("10:35:05"))
    here.say(RELIANCE, 1_402.0, "10:34")
    assert here.gaps == [(RELIANCE, at("10:31"), at("10:33"))]


def test_an_index_that_stands_still_holds_trading_back_until_it_moves() -> None:
    here = listening()
    for symbol in (NIFTY, BANKNIFTY):
        here.say(symbol, 100.0)
    for _ in range(11):
        here.clock.advance(1)
        here.say(BANKNIFTY, 100.0)
        here.say(NIFTY, 100.0, ltt=at("10:30:10"))  # the same price again is no news
        here.intake.judge(here.clock())
    assert here.reasons() == [("feed", "STOP_ENTRIES", "NIFTY has been still for more than 10 s.")]
    here.say(NIFTY, 101.0)
    assert here.reasons() == []


def test_nothing_need_move_before_the_open_and_after_continuous_trading() -> None:
    here = listening("09:00:00")
    assert here.reasons() == []
    here.clock.move_to(at("09:15:05"))
    here.intake.judge(here.clock())
    assert [rung for _, rung, _ in here.reasons()] == ["STOP_ENTRIES"]
    here.clock.move_to(at("15:30:00"))
    here.intake.judge(here.clock())
    assert here.reasons() == []


def test_a_segment_that_closes_early_holds_trading_back() -> None:
    here = listening()
    for symbol in (NIFTY, BANKNIFTY):
        here.say(symbol, 100.0)

    def tell(segment: str, phase: MarketPhase) -> None:
        here.feed.listener.on_market_status(here.clock(), [MarketStatus(here.clock(), segment, phase)])

    tell("MCX_FO", MarketPhase.NORMAL_CLOSE)
    tell("NSE_FO", MarketPhase.NORMAL_OPEN)
    assert here.reasons() == []
    tell("NSE_FO", MarketPhase.NORMAL_CLOSE)
    assert here.reasons() == [("feed", "STOP_ENTRIES", "The exchange says that NSE_FO is closed.")]
    tell("NSE_FO", MarketPhase.NORMAL_OPEN)
    assert here.reasons() == []


def test_only_the_newest_listener_is_heard() -> None:
    here = listening()
    old = here.feed.listener
    here.make(here.intake.listener())
    old.on_feed_state(here.clock(), FeedState.REFUSED, "")
    old.on_market_status(here.clock(), [MarketStatus(here.clock(), "NSE_FO", MarketPhase.NORMAL_CLOSE)])
    assert here.intake.state is FeedState.UP


def test_everything_may_also_be_heard_by_another() -> None:
    heard = Heard()
    here = line(also=heard)
    here.make(here.intake.listener())
    here.say(TCS, 1.0)
    here.connect()
    status = MarketStatus(here.clock(), "NSE_FO", MarketPhase.NORMAL_OPEN)
    here.feed.listener.on_market_status(here.clock(), [status])
    assert (len(heard.quotes), heard.states, heard.statuses) == (1, [FeedState.UP], [status])


def test_the_ticks_of_a_frame_are_published_in_its_order_with_its_receipt() -> None:
    here = listening(all_ticks=True)
    prices = [(NIFTY, 25_600.0), (RELIANCE, 1_400.0), (call(25_600), 120.0)]
    frame = [quote(symbol, here.clock(), price) for symbol, price in prices]
    here.feed.listener.on_quotes(here.clock(), frame)
    assert here.sink.ticks == [(symbol, here.clock(), price) for symbol, price in prices]
    assert len(set(here.sink.received)) == 1
