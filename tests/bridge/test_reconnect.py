"""An engine that is killed and comes back twenty times: each time history and stream have no gap and no repeat."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sos_actors.messages.engines import OiHistoryRow
from tests.bridge.bridges import (
    BANKNIFTY,
    INSTRUMENTS,
    NIFTY,
    RELIANCE,
    Running,
    alert,
    at,
    bar,
    check,
    mood,
    option_chain,
    running,
)
from tests.bridge.contract_engine import Message, candle_closes, oi_minutes, recovered

SYMBOLS = {"NIFTY": NIFTY, "BANKNIFTY": BANKNIFTY, "RELIANCE": RELIANCE}
MINUTES = 375
STRIKES = [24_000.0 + 50 * number for number in range(2)]


class Market(threading.Thread):
    """Feeds a day into the hub, minute by minute, as fast as it is told to; then says so with a REMOVE."""

    def __init__(self, bridge: Running) -> None:
        super().__init__()
        self._hub = bridge.hub
        self.paces = threading.Semaphore(0)
        self.minute = 0

    def run(self) -> None:
        self._hub.instruments(INSTRUMENTS)
        self._hub.alert(alert(0))
        for minute in range(MINUTES):
            self.paces.acquire()
            for symbol in SYMBOLS.values():
                self._hub.bar(bar(minute, symbol))
            self._hub.sentiment(mood(minute + 1))
            self._hub.chain(option_chain(minute + 1, NIFTY, STRIKES))
            if minute % 3 == 0:
                self._hub.chain(option_chain(minute + 1, BANKNIFTY, STRIKES))
            self.minute = minute + 1
        self._hub.alert(alert(MINUTES, action="REMOVE"))


@contextmanager
def trading(bridge: Running) -> Iterator[Market]:
    market = Market(bridge)
    market.start()
    try:
        yield market
    finally:
        market.paces.release(MINUTES)
        market.join(20)
        assert not market.is_alive()


def minutes_of(messages: list[Message], symbol: str) -> list[int]:
    """The minutes of OI told so far, sorted, as minutes after 09:15; each must have been told once."""
    told = oi_minutes(messages, symbol)
    assert set(told.values()) <= {1}, told
    return sorted((ts - at(0) // 10**9) // 60 for ts in told)


def assert_whole(messages: list[Message]) -> int:
    """No gap and no repeat from the first minute on; how many minutes of NIFTY that was."""
    check(messages)
    nifty, bank = minutes_of(messages, "NIFTY"), minutes_of(messages, "BANKNIFTY")
    assert nifty == list(range(1, len(nifty) + 1))
    assert bank == list(range(1, 3 * len(bank) + 1, 3))
    for symbol in SYMBOLS:
        closes = candle_closes(messages, symbol)
        assert closes == [at(minute + 1) // 10**6 for minute in range(len(closes))]
        assert 0 <= len(closes) - len(nifty) <= 1
    return len(nifty)


def test_twenty_kills_in_a_day_and_each_time_the_story_is_whole() -> None:
    rng = random.Random(20)
    with running() as bridge, trading(bridge) as market:
        for number in range(20):
            market.paces.release(5)  # what is said now races the handshake
            engine = bridge.engine("/?bars=today")
            market.paces.release(3)  # and this the recovery sequence
            if number % 4 == 3:
                engine.hear_until("INSTRUMENT_SYNC")  # shot in the middle of it
                engine.kill()
                continue
            engine.hear_until("SENTIMENT_UPDATE")
            market.paces.release(8)  # of five messages at least
            for _ in range(rng.randrange(30)):
                engine.hear()
            engine.kill()
            assert recovered(engine.heard) == engine.heard
            assert_whole(engine.heard)
        last = bridge.engine("/?bars=today")
        market.paces.release(MINUTES)
        last.hear_until("SCREENER_ALERT", action="REMOVE")
        assert assert_whole(last.heard) == MINUTES
        last.leave()
        assert bridge.server.seen().counts["connected"] == 21


def test_an_engine_that_asks_again_in_the_middle_has_a_whole_story_from_there() -> None:
    with running() as bridge, trading(bridge) as market:
        engine = bridge.engine("/?bars=today")
        for _ in range(20):
            market.paces.release(10)
            engine.request_history()
            engine.hear_until("MARKET_UPDATE")
        market.paces.release(MINUTES)
        for _ in range(21 - sum(message["type"] == "INSTRUMENT_SYNC" for message in engine.heard)):
            engine.hear_until("INSTRUMENT_SYNC")  # each request is answered
        engine.hear_until("SENTIMENT_UPDATE", timestamp=at(MINUTES) // 10**6)
        story = recovered(engine.heard)
        assert_whole(story)
        assert len(candle_closes(story, "NIFTY")) == MINUTES
        engine.leave()


def test_history_read_while_engines_are_connected_completes_theirs() -> None:
    with running() as bridge:
        engine = bridge.engine()
        engine.hear_until("INSTRUMENT_SYNC")
        bridge.hub.chain(option_chain(3, NIFTY, STRIKES))
        rows = [OiHistoryRow(at(minute), strike, 1.0, 1.0, None) for minute in (1, 2, 3) for strike in STRIKES]
        bridge.hub.history(NIFTY, rows)
        bridge.hub.chain(option_chain(4, NIFTY, STRIKES))
        while sum(oi_minutes(engine.heard, "NIFTY").values()) < 4:
            engine.hear()
        assert minutes_of(engine.heard, "NIFTY") == [1, 2, 3, 4]
        later = bridge.engine()
        history = later.hear_until("BACKFILL_DATA")["history"]
        assert [(row["ts"], row["strike"]) for row in history] == sorted((row["ts"], row["strike"]) for row in history)
        assert minutes_of(later.heard, "NIFTY") == [1, 2, 3, 4]


def test_without_the_option_no_bar_of_the_past_is_sent_and_none_of_the_stream_is_missed() -> None:
    with running() as bridge:
        for minute in range(3):
            bridge.hub.bar(bar(minute))
        engine = bridge.engine()
        engine.hear_until("INSTRUMENT_SYNC")
        for minute in range(3, 6):
            bridge.hub.bar(bar(minute))
        while len(candle_closes(engine.heard, "NIFTY")) < 3:
            engine.hear()
        assert candle_closes(engine.heard, "NIFTY") == [at(minute + 1) // 10**6 for minute in range(3, 6)]
