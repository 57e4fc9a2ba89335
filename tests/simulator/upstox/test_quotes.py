"""Quotes: their keys, their units, and how many may be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time

import pytest

from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.upstox.rows import quote_name
from sos_actors.simulator.world import Strictness
from tests.simulator.upstox.broker import Broker, broker
from tests.simulator.upstox.staged import CALL, FUTURE, LISTED, NIFTY, RELIANCE, TODAY, staged_world

LTP, OHLC, FULL = "/v3/market-quote/ltp", "/v3/market-quote/ohlc", "/v3/market-quote/quotes"
GREEKS = "/v3/market-quote/option-greek"
MINUTE = 60_000
MIDDAY = moment_of(TODAY, time(12)) // 10**6


@pytest.fixture(scope="module")
def upstox() -> Iterator[Broker]:
    with broker(staged_world(strictness=Strictness(rate_limits=False))) as running:
        yield running


def test_quotes_are_keyed_by_the_exchanges_names_not_by_the_keys_asked_for(upstox: Broker) -> None:
    quotes = upstox.ask(LTP, query={"instrument_key": f"{NIFTY},{RELIANCE},{CALL},{FUTURE}"}).data

    assert {name: quote["instrument_token"] for name, quote in quotes.items()} == {
        "NSE_INDEX:Nifty 50": NIFTY,
        "NSE_EQ:RELIANCE": RELIANCE,
        "NSE_FO:NIFTY2611325500CE": CALL,
        "NSE_FO:NIFTY26JANFUT": FUTURE,
    }


def test_a_monthly_option_is_named_by_its_month() -> None:
    assert "NSE_FO:NIFTY26JAN25500CE" in {quote_name(listing) for listing in LISTED}


def test_a_last_trade_has_quantity_volume_and_the_close_before(upstox: Broker) -> None:
    quotes = upstox.ask(LTP, query={"instrument_key": f"{NIFTY},{CALL}"}).data

    assert quotes["NSE_FO:NIFTY2611325500CE"] == {
        "last_price": 264.0,
        "instrument_token": CALL,
        "ltq": 65,
        "volume": 149 * 65,
        "cp": 95.0,
    }
    assert quotes["NSE_INDEX:Nifty 50"]["volume"] == 0


def test_v2_takes_symbol_or_instrument_key_and_says_less(upstox: Broker) -> None:
    by_symbol = upstox.ask("/v2/market-quote/ltp", query={"symbol": NIFTY})
    by_key = upstox.ask("/v2/market-quote/ltp", query={"instrument_key": NIFTY})

    assert by_symbol.body == by_key.body
    assert set(by_key.data["NSE_INDEX:Nifty 50"]) == {"last_price", "instrument_token"}


def test_a_minute_quote_has_the_complete_minute_and_the_running_one(upstox: Broker) -> None:
    quote = upstox.ask(OHLC, query={"instrument_key": RELIANCE, "interval": "I1"}).data["NSE_EQ:RELIANCE"]

    assert quote["prev_ohlc"]["ts"] == MIDDAY - MINUTE
    assert quote["prev_ohlc"]["close"] == 264.0
    assert quote["live_ohlc"]["ts"] == MIDDAY
    assert quote["live_ohlc"]["open"] == quote["live_ohlc"]["close"] == 264.0


def test_half_hours_begin_with_the_session(upstox: Broker) -> None:
    quote = upstox.ask(OHLC, query={"instrument_key": RELIANCE, "interval": "I30"}).data["NSE_EQ:RELIANCE"]

    assert quote["live_ohlc"]["ts"] == MIDDAY - 15 * MINUTE
    assert quote["prev_ohlc"]["ts"] == MIDDAY - 45 * MINUTE
    assert quote["prev_ohlc"]["volume"] == 30 * 65


def test_a_day_has_only_the_running_candle(upstox: Broker) -> None:
    quote = upstox.ask(OHLC, query={"instrument_key": RELIANCE, "interval": "1d"}).data["NSE_EQ:RELIANCE"]

    assert quote["prev_ohlc"] is None
    assert quote["live_ohlc"]["high"] == 264.5
    assert quote["live_ohlc"]["ts"] == moment_of(TODAY) // 10**6


def test_greeks_have_volatility_as_a_fraction(upstox: Broker) -> None:
    quote = upstox.ask(GREEKS, query={"instrument_key": CALL}).data["NSE_FO:NIFTY2611325500CE"]

    assert quote["iv"] == 0.1277
    assert (quote["delta"], quote["oi"]) == (0.5123, 6_500.0)


def test_a_full_quote_has_five_levels_even_where_there_is_no_book(upstox: Broker) -> None:
    quotes = upstox.ask(FULL, query={"instrument_key": f"{NIFTY},{RELIANCE}"}).data
    share, index = quotes["NSE_EQ:RELIANCE"], quotes["NSE_INDEX:Nifty 50"]

    assert [level["price"] for level in share["depth"]["buy"]] == [219.0, 218.0, 217.0, 216.0, 215.0]
    assert index["depth"]["sell"] == [{"quantity": 0, "price": 0.0, "orders": 0}] * 5
    assert share["timestamp"] == "2026-01-13T12:00:30.000+05:30"
    assert share["last_trade_time"] == str(MIDDAY + 29_500)
    assert share["net_change"] == 169.0
    assert share["year_high"] >= share["ohlc"]["high"]


def test_before_the_first_trade_a_quote_holds_the_close_before() -> None:
    with broker(staged_world(moment_of(TODAY, time(9, 10)))) as upstox:
        quote = upstox.ask(OHLC, query={"instrument_key": RELIANCE, "interval": "I1"}).data["NSE_EQ:RELIANCE"]

    assert quote["last_price"] == 95.0
    assert quote["live_ohlc"]["close"] == 95.0
    assert quote["prev_ohlc"] is None


def test_instruments_nobody_lists_are_left_out_unless_that_leaves_none(upstox: Broker) -> None:
    gone = "NSE_FO|99999"

    assert list(upstox.ask(LTP, query={"instrument_key": f"{gone},{NIFTY}"}).data) == ["NSE_INDEX:Nifty 50"]
    assert upstox.ask(LTP, query={"instrument_key": gone}).code == "UDAPI100011"


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        (LTP, {}, "UDAPI1009"),
        (LTP, {"instrument_key": "Nifty 50"}, "UDAPI1011"),
        (LTP, {"instrument_key": ",".join(f"NSE_FO|{number}" for number in range(501))}, "UDAPI100042"),
        (GREEKS, {"instrument_key": ",".join(f"NSE_FO|{number}" for number in range(51))}, "UDAPI100042"),
        (OHLC, {"instrument_key": NIFTY}, "UDAPI1027"),
        (OHLC, {"instrument_key": NIFTY, "interval": "I5"}, "UDAPI1028"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_code(
    upstox: Broker, path: str, query: dict[str, str], code: str
) -> None:
    assert upstox.ask(path, query=query).code == code


def test_five_hundred_keys_are_not_too_many(upstox: Broker) -> None:
    keys = ",".join([NIFTY, *(f"NSE_FO|{number}" for number in range(499))])

    assert upstox.ask(LTP, query={"instrument_key": keys}).status == 200
