"""What is read of the seeded market agrees with the market, and with itself, over all calls."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.upstox.rows import quote_name
from sos_actors.simulator.view import Listing
from sos_actors.types import Segment
from tests.simulator.markets import model_market, small_world
from tests.simulator.upstox.broker import Broker, broker

NIFTY = "NSE_INDEX|Nifty 50"
TODAY, BEFORE = date(2026, 1, 13), date(2026, 1, 12)


@pytest.fixture(scope="module")
def upstox() -> Iterator[Broker]:
    with broker(small_world("2026-01-13 10:30:20", rate_limits=False)) as running:
        yield running


def contract(kind: str) -> Listing:
    """A contract of this week's expiry near the money, or the next future."""
    wanted = [each for each in model_market().listings(TODAY) if each.kind == kind and each.underlying == "NIFTY"]
    return min(wanted, key=lambda each: (each.expiry or date.max, abs(each.strike - 25_700.0)))


def chain(upstox: Broker, expiry: date = TODAY) -> list[dict[str, Any]]:
    rows = upstox.ask("/v2/option/chain", query={"instrument_key": NIFTY, "expiry_date": expiry.isoformat()}).data
    assert isinstance(rows, list)
    return rows


@pytest.mark.parametrize("kind", ["CE", "PE", "FUT"])
def test_candles_are_the_markets(upstox: Broker, kind: str) -> None:
    listing = contract(kind)
    rows = upstox.ask("/v3/historical-candle", listing.key, "minutes", 1, BEFORE, BEFORE).data["candles"]
    bars = model_market().candles(listing, BEFORE)

    assert [row[1] for row in reversed(rows)] == bars.open.tolist()
    assert [row[5] for row in reversed(rows)] == [int(volume) for volume in bars.volume]
    assert [row[6] for row in reversed(rows)] == [int(interest) for interest in bars.oi]


def test_todays_last_candle_is_the_completed_minute_of_the_quote(upstox: Broker) -> None:
    listing = contract("CE")
    row = upstox.ask("/v3/historical-candle/intraday", listing.key, "minutes", 1).data["candles"][0]
    query = {"instrument_key": listing.key, "interval": "I1"}
    quote = upstox.ask("/v3/market-quote/ohlc", query=query).data[quote_name(listing)]

    assert row[0] == "2026-01-13T10:29:00+05:30"
    assert row[1:5] == [quote["prev_ohlc"][name] for name in ("open", "high", "low", "close")]


def test_a_chain_and_the_quotes_of_its_contracts_agree(upstox: Broker) -> None:
    rows = chain(upstox)
    legs = {row["call_options"]["instrument_key"]: row["call_options"] for row in rows[60:80]}
    quotes = upstox.ask("/v3/market-quote/option-greek", query={"instrument_key": ",".join(legs)}).data

    assert len(quotes) == len(legs) == 20
    for quote in quotes.values():
        leg = legs[quote["instrument_token"]]
        assert (quote["last_price"], quote["oi"]) == (leg["market_data"]["ltp"], leg["market_data"]["oi"])
        assert round(quote["iv"] * 100, 2) == leg["option_greeks"]["iv"]


def test_a_chain_has_an_underlying_price_and_probabilities_between_none_and_all(upstox: Broker) -> None:
    rows = chain(upstox)
    chances = [row[side]["option_greeks"]["pop"] for row in rows for side in ("call_options", "put_options")]
    spot = upstox.ask("/v3/market-quote/ltp", query={"instrument_key": NIFTY}).data["NSE_INDEX:Nifty 50"]["last_price"]

    assert {row["underlying_spot_price"] for row in rows} == {spot}
    assert min(chances) >= 0.0
    assert 20.0 < max(chances) <= 100.0


def test_every_listed_instrument_is_in_the_file_with_a_key_of_its_own(upstox: Broker) -> None:
    rows = json.loads(gzip.decompress(upstox.ask("/market-quote/instruments/exchange/NSE.json.gz").body))
    listings = model_market().listings(TODAY)

    assert len({row["instrument_key"] for row in rows}) == len(rows) == len(listings)
    assert len({quote_name(listing) for listing in listings}) == len(listings)


def test_an_expired_contract_has_the_candles_it_had_alive(upstox: Broker) -> None:
    expiry = date(2026, 1, 6)
    query = {"instrument_key": NIFTY, "expiry_date": expiry.isoformat()}
    expired = upstox.ask("/v2/expired-instruments/option/contract", query=query).data
    row = min(expired, key=lambda each: abs(each["strike_price"] - 25_700.0))
    listing = model_market().find(row["instrument_key"], TODAY)
    path = "/v2/expired-instruments/historical-candle"
    rows = upstox.ask(path, row["instrument_key"], "1minute", expiry, expiry).data["candles"]

    assert listing is not None
    assert listing.expiry == expiry
    assert [each[4] for each in reversed(rows)] == model_market().candles(listing, expiry).close.tolist()


def test_expired_expiries_are_those_of_the_market(upstox: Broker) -> None:
    days = upstox.ask("/v2/expired-instruments/expiries", query={"instrument_key": NIFTY}).data

    assert days[-1] == "2026-01-06"
    assert 24 <= len(days) <= 28
    assert days == sorted(days)


def test_a_share_has_no_greeks_and_an_index_no_book(upstox: Broker) -> None:
    shares = [each for each in model_market().listings(TODAY) if each.segment is Segment.EQ][:5]
    keys = ",".join(each.key for each in shares)
    quotes = upstox.ask("/v2/market-quote/quotes", query={"instrument_key": f"{keys},{NIFTY}"}).data

    assert quotes["NSE_INDEX:Nifty 50"]["depth"]["buy"][0]["quantity"] == 0
    for share in shares:
        quote = quotes[quote_name(share)]
        assert quote["lower_circuit_limit"] < quote["last_price"] < quote["upper_circuit_limit"]
        assert quote["depth"]["buy"][0]["price"] < quote["depth"]["sell"][0]["price"]


def test_equal_seeds_and_moments_give_equal_bytes(upstox: Broker) -> None:
    paths = [
        f"/v2/option/chain?instrument_key=NSE_INDEX%7CNifty%2050&expiry_date={TODAY}",
        "/v3/historical-candle/NSE_INDEX%7CNifty%2050/minutes/3/2026-01-12/2026-01-05",
        "/market-quote/instruments/exchange/NSE.json.gz",
    ]
    with broker(small_world("2026-01-13 10:30:20")) as other:
        assert [upstox.ask(path).body for path in paths] == [other.ask(path).body for path in paths]
    assert indian_day(upstox.world.now("upstox")) == TODAY
