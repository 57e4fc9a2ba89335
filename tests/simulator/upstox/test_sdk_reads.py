"""The unmodified official SDK reads everything this part serves; its own models parse the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest

from sos_actors.simulator.world import Strictness
from tests.simulator.upstox.broker import Broker, broker, refusal, sdk
from tests.simulator.upstox.staged import CALL, NIFTY, RELIANCE, staged_world

upstox_client = pytest.importorskip("upstox_client")
V2 = "2.0"


@pytest.fixture(scope="module")
def upstox() -> Iterator[Broker]:
    with broker(staged_world(strictness=Strictness(rate_limits=False))) as running:
        yield running


@pytest.fixture(scope="module")
def client(upstox: Broker) -> Iterator[Any]:
    with sdk(upstox.address) as made:
        yield made


def test_history(client: Any) -> None:
    api = upstox_client.HistoryV3Api(client)
    window = api.get_historical_candle_data1(NIFTY, "minutes", 1, "2026-01-12", "2026-01-09").data.candles
    month = api.get_historical_candle_data(CALL, "minutes", 15, "2026-01-12").data.candles
    today = api.get_intra_day_candle_data(RELIANCE, "minutes", 5).data.candles

    assert window[0][0] == "2026-01-12T15:29:00+05:30"
    assert len(window) == 750
    assert month
    assert today[0][0] == "2026-01-13T11:55:00+05:30"


def test_old_history(client: Any) -> None:
    api = upstox_client.HistoryApi(client)

    assert api.get_historical_candle_data1(NIFTY, "day", "2026-01-12", "2026-01-09", V2).data.candles
    assert api.get_historical_candle_data(NIFTY, "30minute", "2026-01-12", V2).data.candles
    assert api.get_intra_day_candle_data(NIFTY, "1minute", V2).data.candles


def test_expired_contracts(client: Any) -> None:
    api = upstox_client.ExpiredInstrumentApi(client)
    (expiry,) = (day for day in api.get_expiries(NIFTY).data if day.startswith("2026"))
    contract = api.get_expired_option_contracts(NIFTY, expiry).data[0]
    future = api.get_expired_future_contracts(NIFTY, "2025-12-30").data[0]
    rows = api.get_expired_historical_candle_data(contract.instrument_key, "1minute", expiry, expiry).data.candles

    assert contract.instrument_key == "NSE_FO|50001|06-01-2026"
    assert contract.expiry == datetime(2026, 1, 6)
    assert future.instrument_type == "FUT"
    assert rows[0][0] == "2026-01-06T15:29:00+05:30"


def test_options(client: Any) -> None:
    api = upstox_client.OptionsApi(client)
    chain = api.get_put_call_option_chain(NIFTY, "2026-01-13").data
    contracts = api.get_option_contracts(NIFTY, expiry_date="2026-01-27").data

    assert chain[0].expiry == datetime(2026, 1, 13)
    assert chain[0].call_options.option_greeks.iv == 12.77
    assert chain[0].put_options.market_data.prev_oi == 5_200.0
    assert {contract.weekly for contract in contracts} == {False}


def test_quotes(client: Any) -> None:
    api = upstox_client.MarketQuoteV3Api(client)
    keys = f"{CALL},{NIFTY}"
    name = "NSE_FO:NIFTY2611325500CE"

    assert api.get_ltp(instrument_key=keys).data[name].cp == 95.0
    assert api.get_market_quote_ohlc("I1", instrument_key=keys).data[name].prev_ohlc.close == 264.0
    assert api.get_market_quote_ohlc("1d", instrument_key=keys).data[name].prev_ohlc is None
    assert api.get_market_quote_option_greek(instrument_key=CALL).data[name].iv == 0.1277
    full = api.get_full_market_quote_v3(instrument_key=keys).data[name]
    assert full.depth.buy[0].price == 219.0
    assert full.prev_close_price == 95.0


def test_old_quotes(client: Any) -> None:
    api = upstox_client.MarketQuoteApi(client)

    assert api.ltp(RELIANCE, V2).data["NSE_EQ:RELIANCE"].instrument_token == RELIANCE
    assert api.get_market_quote_ohlc(RELIANCE, "1d", V2).data["NSE_EQ:RELIANCE"].ohlc.high == 264.5
    assert api.get_full_market_quote(RELIANCE, V2).data["NSE_EQ:RELIANCE"].total_buy_quantity == 58_850


def test_holidays_and_timings(client: Any) -> None:
    api = upstox_client.MarketHolidaysAndTimingsApi(client)
    holidays = {row._date.date(): row for row in api.get_holidays().data}

    assert holidays[date(2026, 1, 26)].holiday_type == "TRADING_HOLIDAY"
    assert api.get_holiday("2026-02-01").data[0].open_exchanges[0].start_time
    assert {row.exchange for row in api.get_exchange_timings("2026-01-13").data} >= {"NSE", "NFO"}
    assert api.get_market_status("NFO").data.status == "NORMAL_OPEN"


def test_charges(client: Any) -> None:
    api = upstox_client.ChargeApi(client)
    charges = api.get_brokerage(CALL, 65, "I", "SELL", 100.0, V2).data.charges
    order = upstox_client.Instrument(instrument_key=CALL, quantity=65, product="I", transaction_type="BUY", price=10.0)

    assert charges.other_taxes.transaction > 0
    assert charges.dp_plan.min_expense == 0.0
    assert api.post_margin(upstox_client.MarginRequest(instruments=[order])).data.required_margin == 650.0


def test_instrument_search(client: Any) -> None:
    answer = upstox_client.InstrumentsApi(client).search_instrument("nifty 25600", instrument_types="CE", records=1)

    assert answer.data[0]["trading_symbol"] == "NIFTY 25600 CE 13 JAN 26"
    assert answer.meta_data.page.total_records == 2


def test_user(client: Any) -> None:
    api = upstox_client.UserApi(client)

    assert api.get_profile(V2).data.is_active is True
    assert api.get_user_ips().data.primary_ip == "127.0.0.1"


def test_changing_an_address_ends_the_token() -> None:
    with broker(staged_world()) as upstox, sdk(upstox.address) as client:
        api = upstox_client.UserApi(client)
        answer = api.update_user_ip(upstox_client.UpdateUserIpRequest(primary_ip="203.0.113.7"))
        after = refusal(lambda: api.get_profile(V2))

    assert answer.data.access_tokens_invalidated is True
    assert after == (401, "UDAPI100050")


def test_login_and_logout() -> None:
    with broker(staged_world()) as upstox, sdk(upstox.address, token="") as client:
        api = upstox_client.LoginApi(client)
        sent = {"client_id": "app", "redirect_uri": "http://127.0.0.1/back"}
        page = api.authorize(sent["client_id"], sent["redirect_uri"], V2, state="s")
        code = upstox.simulator.call(lambda: upstox.tokens.login_code(sent["client_id"], sent["redirect_uri"]))
        token = api.token(V2, code=code, client_secret="hush", grant_type="authorization_code", **sent)
        client.configuration.access_token = token.access_token
        name = upstox_client.UserApi(client).get_profile(V2).data.user_name
        asked = api.init_token_request_for_indie_user(upstox_client.IndieUserTokenRequest(client_secret="x"), "app")
        out = api.logout(V2)
        after = refusal(lambda: upstox_client.UserApi(client).get_profile(V2))

    assert page is None
    assert (token.user_name, token.poa) == (name, False)
    assert asked.data.authorization_expiry.isdigit()
    assert out.data is True
    assert after == (401, "UDAPI100050")


def test_socket_addresses(client: Any) -> None:
    api = upstox_client.WebsocketApi(client)
    addresses = [
        api.get_market_data_feed_authorize(V2).data.authorized_redirect_uri,
        api.get_market_data_feed_authorize_v3().data.authorized_redirect_uri,
        api.get_portfolio_stream_feed_authorize(V2, position_update=True).data.authorized_redirect_uri,
    ]

    assert all(address.startswith("ws://127.0.0.1:") for address in addresses)


def test_refusals_carry_their_code(client: Any) -> None:
    api = upstox_client.HistoryV3Api(client)

    assert refusal(lambda: api.get_historical_candle_data1(NIFTY, "minutes", 1, "2026-01-12", "2025-11-01")) == (
        400,
        "UDAPI1148",
    )
