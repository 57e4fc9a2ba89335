"""What an engine recovers and what it then hears make one whole, at whichever moment it connects."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.bridge.state import Fact, HistoryRead, InstrumentsKnown, StreamState
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.types import Regime
from tests.bridge.bridges import (
    BANKNIFTY,
    INSTRUMENTS,
    NIFTY,
    RELIANCE,
    alert,
    at,
    bar,
    check,
    mood,
    new_state,
    option_chain,
)
from tests.bridge.contract_engine import Message, candle_closes, oi_minutes

TOMORROW = 24 * 60


def read(frames: Iterable[bytes]) -> list[Message]:
    messages = [json.loads(frame) for frame in frames]
    check(messages)
    return messages


def told(state: StreamState, *facts: Fact) -> list[Message]:
    return read(frame for fact in facts for frame in state.take(fact))


def kinds(messages: list[Message]) -> list[str]:
    return [message["type"] for message in messages]


def row(minute: float, strike: float = 25_000.0) -> OiHistoryRow:
    return OiHistoryRow(at(minute), strike, 1.0, 2.0, 3.0)


def test_the_recovery_sequence_has_its_order() -> None:
    state = new_state()
    told(
        state, bar(0), mood(1), alert(1), option_chain(1), option_chain(1, BANKNIFTY), InstrumentsKnown(INSTRUMENTS)
    )  # fmt: skip
    expected = ["INSTRUMENT_SYNC", "BACKFILL_DATA", "BACKFILL_DATA", "SCREENER_ALERT", "SENTIMENT_UPDATE"]
    assert kinds(read(state.recovery(bars=False))) == expected
    assert kinds(read(state.recovery(bars=True))) == [*expected[:4], "MARKET_UPDATE", expected[4]]


def test_an_engine_that_connects_before_anything_is_known_hears_that_nothing_is() -> None:
    (only,) = read(new_state().recovery(bars=True))
    assert (only["type"], only["data"]) == ("INSTRUMENT_SYNC", {"instruments": []})


def test_a_recovery_stands_for_the_moment_it_was_asked_for_however_late_it_is_read() -> None:
    state = new_state()
    told(state, bar(0), option_chain(0))
    recovery = state.recovery(bars=True)
    told(state, bar(1), option_chain(1), mood(2), alert(2))
    assert kinds(read(recovery)) == ["INSTRUMENT_SYNC", "BACKFILL_DATA", "MARKET_UPDATE"]


def test_only_adds_in_force_are_recovered() -> None:
    state = new_state()
    told(state, alert(1), alert(2, "NSE|EQ|TCS"), alert(3, RELIANCE, "REMOVE"))
    alerts = [message for message in read(state.recovery(bars=False)) if message["type"] == "SCREENER_ALERT"]
    assert [(message["symbol"], message["action"]) for message in alerts] == [("TCS", "ADD")]


def test_a_bar_carries_the_sentiment_known_when_it_closed_not_a_later_one() -> None:
    state = new_state()
    told(state, mood(1, Regime.BEARISH), mood(2, Regime.BULLISH))
    first, second = told(state, bar(0), bar(1))
    assert first["data"]["sentiment"]["regime"] == "BEARISH"
    assert second["data"]["sentiment"]["regime"] == "BULLISH"


def test_a_bar_that_closed_before_any_sentiment_carries_an_unknown_one() -> None:
    state = new_state()
    told(state, mood(5))
    (message,) = told(state, bar(0))
    assert message["data"]["sentiment"]["regime"] == "UNKNOWN"


def test_a_symbol_has_its_own_sentiment_or_the_markets() -> None:
    state = new_state()
    spoken = told(state, mood(1, Regime.BULLISH), mood(1, Regime.BEARISH, BANKNIFTY))
    assert [message["data"]["regime"] for message in spoken] == ["BULLISH"]  # the wire cannot say whose another's is
    bars = told(state, bar(0, BANKNIFTY), bar(0, RELIANCE))
    assert [message["data"]["sentiment"]["regime"] for message in bars] == ["BEARISH", "BULLISH"]


def test_a_sentiment_that_became_unknown_replaces_the_one_before() -> None:
    state = new_state()
    told(state, mood(1), mood(2, Regime.UNKNOWN, pcr=None))
    last = read(state.recovery(bars=False))[-1]
    assert (last["type"], last["data"]["regime"], last["data"]["pcr"]) == ("SENTIMENT_UPDATE", "UNKNOWN", None)


def test_bars_of_option_contracts_are_not_sent() -> None:
    state = new_state()
    assert told(state, bar(0, "NSE|FO|NIFTY 25600 CE 13 JAN 26")) == []
    assert kinds(read(state.recovery(bars=True))) == ["INSTRUMENT_SYNC"]


def test_a_bar_told_twice_or_too_late_is_sent_once() -> None:
    state = new_state()
    assert kinds(told(state, bar(1), bar(1), bar(0), bar(2))) == ["MARKET_UPDATE"] * 2
    assert state.repeated == {"BarClosed": 2}


def test_the_second_snapshot_of_a_minute_is_not_sent() -> None:
    state = new_state()
    messages = told(state, option_chain(1.2), option_chain(1.7), option_chain(2))
    assert oi_minutes(messages, "NIFTY") == {at(1) // 10**9: 1, at(2) // 10**9: 1}
    assert state.repeated == {"OptionChain": 1}


def test_five_minutes_make_a_candle_and_fifteen_another_after_it() -> None:
    messages = told(new_state(), *(bar(minute) for minute in range(15)))
    assert kinds(messages[-3:]) == ["MARKET_UPDATE", "CANDLE_UPDATE", "CANDLE_UPDATE"]
    assert kinds(messages).count("CANDLE_UPDATE") == 4


def test_history_that_is_read_later_goes_out_as_far_as_it_is_new() -> None:
    state = new_state()
    told(state, option_chain(3))
    rows = (row(3), row(2, 25_100.0), row(2), row(1))
    (message,) = told(state, HistoryRead(NIFTY, rows))
    assert [(one["ts"], one["strike"]) for one in message["history"]] == [
        (at(1) // 10**9, 25_000), (at(2) // 10**9, 25_000), (at(2) // 10**9, 25_100),
    ]  # fmt: skip
    assert told(state, HistoryRead(NIFTY, rows)) == []
    whole = read(state.recovery(bars=False))[1]["history"]
    assert [(one["ts"], one["strike"]) for one in whole] == sorted((one["ts"], one["strike"]) for one in whole)
    assert len({one["ts"] for one in whole}) == 3


def test_a_new_day_forgets_the_bars_and_the_open_interest_of_the_one_before() -> None:
    state = new_state()
    told(state, bar(0), HistoryRead(NIFTY, [row(1)]), option_chain(2))
    told(state, bar(TOMORROW), option_chain(TOMORROW))
    messages = read(state.recovery(bars=True))
    assert candle_closes(messages, "NIFTY") == [at(TOMORROW + 1) // 10**6]
    assert oi_minutes(messages, "NIFTY") == {at(TOMORROW) // 10**9: 1}
    assert told(state, HistoryRead(NIFTY, [row(1)])) == []


@pytest.mark.parametrize("bars", [True, False])
def test_a_recovery_does_not_encode_again_what_has_not_changed(bars: bool) -> None:
    state = new_state()
    told(state, option_chain(1), bar(0), mood(1))
    assert [id(frame) for frame in state.recovery(bars)] == [id(frame) for frame in state.recovery(bars)]


FACTS = st.lists(
    st.one_of(
        st.builds(bar, st.integers(0, 30), st.sampled_from([NIFTY, RELIANCE])),
        st.builds(option_chain, st.integers(0, 30), st.sampled_from([NIFTY, BANKNIFTY])),
        st.builds(lambda minutes: HistoryRead(NIFTY, [row(one) for one in minutes]), st.lists(st.integers(0, 30))),
        st.builds(mood, st.integers(0, 30)),
        st.builds(alert, st.integers(0, 30), st.just(RELIANCE), st.sampled_from(["ADD", "REMOVE"])),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(FACTS, st.data())
def test_history_and_stream_together_are_the_same_whenever_an_engine_connects(
    facts: list[Fact], data: st.DataObject
) -> None:
    joined = data.draw(st.integers(0, len(facts)))
    state = new_state()
    whole, mine = read(state.recovery(bars=True)), []
    for place, fact in enumerate([*facts, None]):
        if place == joined:
            mine = read(state.recovery(bars=True))
        if fact is not None:
            messages = told(state, fact)
            whole += messages
            mine += messages if place >= joined else []
    for symbol in ("NIFTY", "BANKNIFTY", "RELIANCE"):
        assert oi_minutes(mine, symbol) == oi_minutes(whole, symbol)
        assert set(oi_minutes(mine, symbol).values()) <= {1}
        assert candle_closes(mine, symbol) == candle_closes(whole, symbol)
        assert len(set(candle_closes(mine, symbol))) == len(candle_closes(mine, symbol))
