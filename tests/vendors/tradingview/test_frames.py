from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.errors import UnknownSymbolError, VendorAnswerError
from sos_actors.market.instruments import SymbolMaster, default_master, imported_instrument
from sos_actors.vendors.tradingview.frames import command, event_of, framed, payloads, series_of
from sos_actors.vendors.tradingview.tickers import front_future_of, is_index, ticker_of
from tests.vendors.tradingview.chart_server import frame


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_frames_come_apart_as_they_were_put_together(texts: list[str]) -> None:
    assert list(payloads("".join(map(frame, texts)))) == texts


def test_a_payload_may_hold_what_looks_like_a_frame() -> None:
    assert list(payloads(framed("a~m~3~m~b") + framed("~h~1"))) == ["a~m~3~m~b", "~h~1"]


@pytest.mark.parametrize("text", ["x", "~m~3~m~ab", "~m~3~m~abc!", "~m~-1~m~", "~m~9~m~😀", "~m~99999999999~m~a"])
def test_what_is_not_framed_is_refused(text: str) -> None:
    with pytest.raises(VendorAnswerError, match=r"no frame|cut off"):
        list(payloads(text))


def test_commands_and_events() -> None:
    assert command("request_more_data", ["cs", "sds_1", 5]) == '~m~46~m~{"m":"request_more_data","p":["cs","sds_1",5]}'
    assert event_of('{"m":"du","p":["cs"],"t":1}') == ("du", ["cs"])
    assert [event_of(text) for text in ('{"session_id":"x"}', '{"m":5,"p":[]}', '{"m":"a","p":{}}')] == [None] * 3


def test_no_bars_make_an_empty_series() -> None:
    assert len(series_of({})) == 0


@pytest.mark.parametrize(
    ("symbol", "ticker"),
    [
        ("NSE|INDEX|NIFTY", "NSE:NIFTY"),
        ("NSE|INDEX|FINNIFTY", "NSE:CNXFINANCE"),
        ("NSE|INDEX|MIDCPNIFTY", "NSE:NIFTY_MID_SELECT"),
        ("NSE|INDEX|INDIA VIX", "NSE:INDIAVIX"),
        ("NSE|EQ|M&M", "NSE:M_M"),
        ("NSE|EQ|BAJAJ-AUTO", "NSE:BAJAJ_AUTO"),
        ("NSE|FO|NIFTY 25700 CE 27 JAN 26", "NSE:NIFTY260127C25700"),
        ("NSE|FO|M&M 3102.5 PE 27 JAN 26", "NSE:M_M260127P3102.5"),
        ("NSE|FO|NIFTY FUT 27 JAN 26", "NSE:NIFTYF2026"),
        ("NSE|FO|BANKNIFTY FUT 29 DEC 26", "NSE:BANKNIFTYZ2026"),
    ],
)
def test_a_symbol_has_a_ticker(symbol: str, ticker: str) -> None:
    assert ticker_of(symbol) == ticker


@pytest.mark.parametrize("symbol", ["BSE|EQ|TCS", "NIFTY", "", "NSE|"])
def test_what_is_not_of_the_exchange_has_none(symbol: str) -> None:
    with pytest.raises(UnknownSymbolError, match="no symbol of NSE"):
        ticker_of(symbol)


def test_the_instrument_list_reads_every_ticker_back() -> None:
    names = ("FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "M&M", "BAJAJ-AUTO")
    master: SymbolMaster = default_master().added(*map(imported_instrument, names))
    for instrument in master:
        assert master.resolve(ticker_of(instrument.symbol)) == instrument


def test_only_indices_with_derivatives_have_a_front_future() -> None:
    assert front_future_of("NSE|INDEX|NIFTY") == "NSE:NIFTY1!"
    assert front_future_of("NSE|INDEX|INDIA VIX") is None
    assert front_future_of("NSE|EQ|TCS") is None
    assert (is_index("NSE|INDEX|NIFTY"), is_index("NSE|EQ|NIFTY")) == (True, False)
