from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pytest

from sos_actors.config import Nse
from sos_actors.errors import (
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.market.instruments import SymbolMaster, default_master
from sos_actors.market.symbols import Instrument
from sos_actors.types import NANOS_PER_SECOND, OptionType, Segment, UnixNanos
from sos_actors.vendors.answers import Answer
from sos_actors.vendors.nse.client import NseSite
from tests.vendors.scripted import Request, Site, Step, mute, page, reply, reset, serving

NIFTY, EXPIRY = "NSE|INDEX|NIFTY", date(2026, 1, 27)
NOON = 1_769_149_800  # 23 January 2026, 12:00 in India
THRESHOLD = page("Your number of requests has exceeded the permissible threshold", 403)


@dataclass
class Moments:
    now_s: float = NOON
    naps: list[float] = field(default_factory=list)

    def clock(self) -> UnixNanos:
        return UnixNanos(int(self.now_s * NANOS_PER_SECOND))


def leg(strike: float, **changed: Any) -> dict[str, Any]:
    return {
        "strikePrice": strike, "expiryDate": "27-01-2026", "underlying": "NIFTY", "identifier": f"X{strike}",
        "openInterest": 1137, "changeinOpenInterest": -100.0, "totalTradedVolume": 10233, "impliedVolatility": 12.3,
        "lastPrice": 108.65, "buyPrice1": 10.0, "sellPrice1": 10.05, "buyQuantity1": 75, **changed,
    }  # fmt: skip


ABSENT = leg(0) | {"identifier": None, "underlying": None, "openInterest": 0}


def chain_body(*rows: dict[str, Any], **records: Any) -> dict[str, Any]:
    told = {"timestamp": "23-Jan-2026 11:59:30", "underlyingValue": 25048.65, "data": list(rows), **records}
    return {"records": told, "filtered": {"data": []}}


def row(strike: float, ce: dict[str, Any] | None = None, pe: dict[str, Any] | None = None) -> dict[str, Any]:
    legs = {"CE": ce or leg(strike), "PE": pe or leg(strike)}
    return {"expiryDates": "27-Jan-2026", "strikePrice": strike, **legs}


GOOD = reply(chain_body(row(25050), row(25000, pe=ABSENT)))
LISTED = reply({"expiryDates": ["03-Feb-2026", "20-Jan-2026", "27-Jan-2026"], "strikePrice": ["25000"]})
VISIT = reply("<html>ok</html>", content_type="text/html", Set_Cookie="nsit=1; Path=/")


@contextmanager
def nse(
    told: Step | list[Step] | Callable[[Request], Step], master: SymbolMaster | None = None
) -> Iterator[tuple[NseSite, Site, Moments]]:
    """The client on a site of which everything but the visit is scripted."""
    steps = list(told) if isinstance(told, list) else [told]

    def answer(request: Request) -> Step:
        if request.path == "/option-chain":
            return VISIT
        return steps.pop(0) if len(steps) > 1 else steps[0]  # type: ignore[return-value]

    moments = Moments()
    with serving(answer) as site:
        settings = Nse(url=site.url, timeout_s=0.2, min_gap_s=0.0, rest_after_block_s=600.0)
        with NseSite(settings, master=master, clock=moments.clock, sleep=moments.naps.append) as client:
            yield client, site, moments


def test_a_chain_is_in_units_and_leaves_unknown_what_is_not_there() -> None:
    with nse([LISTED, GOOD]) as (client, site, _):
        chain = client.chain(NIFTY)
    assert chain.ts_event == (NOON - 30) * NANOS_PER_SECOND
    assert (chain.source, chain.underlying, chain.expiry, chain.spot) == ("nse", NIFTY, EXPIRY, 25048.65)
    assert chain.strike.tolist() == [25000.0, 25050.0]
    assert chain.ce_oi.tolist() == [1137 * 65, 1137 * 65]
    assert chain.ce_oi_change.tolist() == [-6500, -6500]
    assert chain.ce_volume.tolist() == [10233 * 65, 10233 * 65]
    assert (chain.ce_ltp[0], chain.ce_iv[0], chain.ce_bid[0], chain.ce_ask[0]) == (108.65, 12.3, 10.0, 10.05)
    assert np.isnan([chain.pe_oi[0], chain.pe_ltp[0], chain.pe_volume[0]]).all()
    asked = site.requests[-1]
    assert asked.query == {"type": "Indices", "symbol": "NIFTY", "expiry": "27-Jan-2026"}
    assert asked.headers["referer"] == f"{site.url}/option-chain"
    assert asked.headers["cookie"] == "nsit=1"
    assert site.paths == ["/option-chain", "/api/option-chain-contract-info", "/api/option-chain-v3"]


def test_zero_prices_are_unknown_and_zero_interest_is_zero() -> None:
    quiet = leg(25000, lastPrice=0, impliedVolatility=0, buyPrice1=0, sellPrice1=0, openInterest=0, totalTradedVolume=0)
    with nse(reply(chain_body(row(25000, ce=quiet), underlyingValue=0))) as (client, _, _):
        chain = client.chain(NIFTY, EXPIRY)
    assert (chain.ce_oi[0], chain.ce_volume[0]) == (0.0, 0.0)
    assert np.isnan([chain.ce_ltp[0], chain.ce_iv[0], chain.ce_bid[0], chain.ce_ask[0], chain.spot]).all()


def test_a_share_is_asked_for_as_equity_with_the_lot_of_the_instrument_list() -> None:
    symbol = "NSE|FO|TCS 3000 CE 27 JAN 26"
    option = Instrument(symbol, symbol[7:], Segment.FO, 175, 0.05, 10_000, underlying="NSE|EQ|TCS",
                        expiry=EXPIRY, strike=3000.0, option_type=OptionType.CE)  # fmt: skip
    both = {"underlying": "TCS"}
    body = reply(chain_body(row(3000, leg(3000, **both), leg(3000, **both))))
    with nse(body, default_master().added(option)) as (client, site, _):
        assert client.chain("NSE|EQ|TCS", EXPIRY).ce_oi.tolist() == [1137 * 175]
    assert site.requests[-1].query["type"] == "Equity"
    for unknowing in (None, SymbolMaster([], "an empty list")):
        with nse(body, unknowing) as (client, _, _), pytest.raises(VendorAnswerError, match="their lot is not known"):
            client.chain("NSE|EQ|TCS", EXPIRY)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (chain_body(), "no row of the expiry 2026-01-27"),
        (chain_body(row(25000) | {"expiryDates": "03-Feb-2026"}), "no row of the expiry"),
        (chain_body(row(25000), row(25000)), "a strike twice"),
        (chain_body(row(25000, ce=leg(25050))), "another contract at 25000"),
        (chain_body(row(25000, ce=leg(25000, underlying="BANKNIFTY"))), "another contract"),
        (chain_body(row(25000, ce=leg(25000, openInterest=0.333))), "no whole number of units where the lot is 65"),
        (chain_body(row(25000, *[leg(25000, openInterest="-")] * 2)), "no open interest at any strike"),
        (chain_body(row(25000), timestamp="-"), "says no moment it describes"),
        (chain_body(row(25000), timestamp="23-Jan-2026 12:05:00"), "300 s ahead of this machine's clock"),
        (chain_body(row(25000), data=None), "no 'data'"),
        ({"error": "x"}, "no 'records'"),
        ([1, 2], "no 'records'"),
    ],
)
def test_a_chain_that_cannot_be_right_is_refused(body: Any, told: str) -> None:
    with nse(reply(body)) as (client, _, _), pytest.raises(VendorAnswerError, match=told):
        client.chain(NIFTY, EXPIRY)


def indices(**nifty: Any) -> bytes:
    rows = [{"index": "NIFTY BANK", "advances": "9"}, {"index": "NIFTY 50", **nifty}]
    return reply({"data": rows, "timestamp": "23-Jan-2026 12:00", "advances": 812, "declines": 2357, "unchanged": 74})


def test_breadth_is_that_of_the_nifty_50_as_numbers() -> None:
    with nse(indices(advances="7", declines="42", unchanged="1")) as (client, _, _):
        breadth = client.breadth()
    assert (breadth.source, breadth.universe) == ("nse", "NIFTY 50")
    assert (breadth.advances, breadth.declines, breadth.unchanged) == (7, 42, 1)
    assert breadth.ts_event == NOON * NANOS_PER_SECOND


@pytest.mark.parametrize(
    "counts",
    [{}, {"advances": "7", "declines": "-", "unchanged": "1"}, {"advances": "0", "declines": "0", "unchanged": "0"},
     {"advances": "7.5", "declines": "1", "unchanged": "1"}],
)  # fmt: skip
def test_breadth_without_counts_is_no_breadth(counts: dict[str, str]) -> None:
    with nse(indices(**counts)) as (client, _, _), pytest.raises(VendorAnswerError, match="no advances and declines"):
        client.breadth()


def test_holidays_of_shares_and_derivatives_are_apart() -> None:
    republic = {"tradingDate": "26-Jan-2026", "description": "Republic  Day\r\n"}
    with nse(reply({"CM": [republic], "FO": [republic | {"tradingDate": "15-Jan-2026"}]})) as (client, _, _):
        holidays = client.holidays()
    assert holidays.cm == {date(2026, 1, 26): "Republic Day"}
    assert list(holidays.fo) == [date(2026, 1, 15)]
    no_day = republic | {"tradingDate": "x"}
    wrongs: list[dict[str, Any]] = [{"CM": [republic]}, {"CM": [], "FO": []}, {"CM": [no_day], "FO": [republic]}]
    for wrong in wrongs:
        with nse(reply(wrong)) as (client, _, _), pytest.raises(VendorAnswerError):
            client.holidays()


@pytest.mark.parametrize(
    ("step", "kind", "told"),
    [
        (reply({}), VendorAnswerError, "answers with nothing"),
        (reply([]), VendorAnswerError, "answers with nothing"),
        (page("Oops"), VendorAnswerError, "a page instead of data: 'Oops'"),
        (reply(b"\x8b\x00", Content_Encoding="br"), VendorAnswerError, "encoded with 'br'"),
        (reply("Resource not found", 404, "text/html"), VendorAnswerError, "HTTP 404"),
        (reply("x", 503), VendorBusyError, "HTTP 503"),
        (reset, VendorUnreachableError, "cannot be reached"),
        (mute, VendorUnreachableError, "in time|no complete answer"),
    ],
)
def test_what_is_no_data_is_an_error_and_no_block(step: Step, kind: type[VendorError], told: str) -> None:
    with nse([step, GOOD]) as (client, _, _):
        with pytest.raises(kind, match=told) as caught:
            client.chain(NIFTY, EXPIRY)
        assert type(caught.value) is kind
        assert len(client.chain(NIFTY, EXPIRY)) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_refused_cookies_are_renewed_once(status: int) -> None:
    with nse([page("Oops", status), GOOD]) as (client, site, _):
        assert len(client.chain(NIFTY, EXPIRY)) == 2
    assert site.paths == ["/option-chain", "/api/option-chain-v3"] * 2


def test_cookies_are_renewed_after_five_minutes() -> None:
    with nse(GOOD) as (client, site, moments):
        for later in (0, 299, 2):
            moments.now_s += later
            client.chain(NIFTY, EXPIRY)
    assert site.paths.count("/option-chain") == 2


@pytest.mark.parametrize(
    ("steps", "asked"),
    [([page("Access Denied", 403)], 4), ([page("Moved", 421)], 2), ([THRESHOLD], 2), ([reply("x", 429)], 2)],
    ids=["403 twice", "421", "too many a second", "429"],
)
def test_after_a_block_nothing_is_asked_until_the_rest_is_over(steps: list[Step], asked: int) -> None:
    with nse([*steps, *([steps[0]] if asked == 4 else []), GOOD]) as (client, site, moments):
        with pytest.raises((VendorRefusedError, VendorBusyError), match=r"not asked again before 12:10"):
            client.chain(NIFTY, EXPIRY)
        assert len(site.requests) == asked
        moments.now_s += 599
        with pytest.raises(VendorRefusedError, match=r"NSE blocked us; it is not asked before 12:10"):
            client.breadth()
        assert len(site.requests) == asked
        moments.now_s += 2
        assert len(client.chain(NIFTY, EXPIRY)) == 2


def test_a_page_that_does_not_let_us_in_is_a_block_too() -> None:
    with serving([page("Access Denied", 403)]) as site:
        client = NseSite(Nse(url=site.url, min_gap_s=0.0), clock=Moments().clock)
        with client, pytest.raises(VendorRefusedError, match="blocks us"):
            client.breadth()
        assert site.paths == ["/option-chain"] * 2


class Told:
    """A transport of its own: what another TLS fingerprint would plug in."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.forgotten = 0

    def get(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        assert headers["Referer"].endswith("/option-chain")
        assert query == {}
        self.asked.append(path)
        body = indices(advances="7", declines="42", unchanged="1").split(b"\r\n\r\n", 1)[1]
        return Answer(200, "application/json", body)

    def forget(self) -> None:
        self.forgotten += 1

    def close(self) -> None:
        self.asked.append("closed")


def test_another_transport_can_carry_the_requests_and_the_gap_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    transport, moments = Told(), Moments()
    with (
        caplog.at_level(logging.DEBUG),
        NseSite(Nse(min_gap_s=30.0), transport=transport, clock=moments.clock, sleep=moments.naps.append) as client,
    ):
        assert client.breadth().advances == 7
    assert transport.asked == ["/option-chain", "/api/allIndices", "closed"]
    assert len(moments.naps) == 1
    assert moments.naps[0] == pytest.approx(30.0, abs=1.0)
