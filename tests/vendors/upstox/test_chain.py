"""The option chain: rows to columns, absence to NaN, and a chain of something else refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from sos_actors.errors import UnknownSymbolError, VendorAnswerError
from sos_actors.messages.snapshots import OptionChain
from sos_actors.types import UnixNanos
from sos_actors.vendors.upstox.chain import UpstoxChain, option_chain
from sos_actors.vendors.upstox.contracts import UpstoxContracts
from tests.vendors.scripted import Request, Step
from tests.vendors.upstox.connected import NIFTY_KEY, Rig, connected, good, master, refused

EXPIRY = date(2026, 1, 13)


def leg(ltp: float, oi: float, previous: float | None = 5.0, iv: float = 12.5) -> dict[str, Any]:
    market = {"ltp": ltp, "volume": 7, "oi": oi, "bid_price": max(ltp - 1, 0), "ask_price": 0.0, "prev_oi": previous}
    return {"market_data": market, "option_greeks": {"iv": iv}}


def row(strike: float, **changes: Any) -> dict[str, Any]:
    return {
        "expiry": "2026-01-13", "strike_price": strike, "underlying_key": NIFTY_KEY, "underlying_spot_price": 25601.5,
        "call_options": leg(100.0, 650), "put_options": leg(90.0, 0), **changes,
    }  # fmt: skip


def read(data: Any) -> OptionChain:
    return option_chain(data, "NSE|INDEX|NIFTY", NIFTY_KEY, EXPIRY, UnixNanos(9))


def source(rig: Rig) -> UpstoxChain:
    return UpstoxChain(rig.connection, master(), UpstoxContracts(rig.connection, master()))


def test_the_chain_is_of_the_nearest_expiry_and_of_the_moment_it_came() -> None:
    def answer(request: Request) -> Step:
        if request.path == "/v2/option/chain":
            assert request.query["expiry_date"] == "2026-01-13"
            return good([row(25650.0), row(25600.0)])
        listed = {
            "underlying_key": NIFTY_KEY, "underlying_symbol": "NIFTY", "strike_price": 25600.0,
            "instrument_type": "CE", "instrument_key": "NSE_FO|1",
        }  # fmt: skip
        return good([{**listed, "expiry": day} for day in ("2026-01-20", "2026-01-13", "2026-01-06")])

    with connected(answer) as rig:
        chain = source(rig).chain("NIFTY")
    assert (chain.ts_event, chain.source, chain.underlying) == (rig.now, "upstox", "NSE|INDEX|NIFTY")
    assert (chain.expiry, chain.spot, chain.strike.tolist()) == (EXPIRY, 25601.5, [25600.0, 25650.0])
    assert (chain.ce_ltp[0], chain.ce_bid[0], chain.ce_iv[0], chain.ce_volume[0]) == (100, 99, 12.5, 7)
    assert (chain.ce_oi[0], chain.ce_oi_change[0], chain.pe_oi[0], chain.pe_oi_change[0]) == (650, 645, 0, -5)
    assert np.isnan(chain.ce_ask).all(), "no offer is no price"


def test_absent_legs_and_parts_are_unknown() -> None:
    chain = read([row(1.0, call_options=None), row(2.0, put_options={"market_data": None}), row(3.0)])
    assert np.isnan([chain.ce_ltp[0], chain.ce_oi[0], chain.ce_iv[0], chain.pe_volume[1], chain.pe_iv[1]]).all()
    assert np.isnan(read([row(1.0, put_options=leg(0.0, 1, None, 0.0))]).pe_oi_change[0])
    assert np.isnan(read([row(1.0, underlying_spot_price=0)]).spot)


@pytest.mark.parametrize(
    "data",
    [
        [],
        None,
        {},
        [row(1.0), row(1.0)],
        [row(1.0, expiry="2026-01-20")],
        [row(1.0, underlying_key="NSE_INDEX|Nifty Bank")],
        [row(1.0, strike_price=None)],
        [row(1.0, strike_price="1")],
        [row(1.0, call_options=[])],
        [row(1.0, call_options=leg(-2.0, 1))],
        [row(1.0, call_options=leg(2.0, -1))],
        [row(1.0, call_options=None, put_options={"market": {"oi": 5}})],
    ],
)
def test_a_chain_that_is_empty_of_something_else_or_unreadable_is_refused(data: Any) -> None:
    with pytest.raises(VendorAnswerError, match="chain"):
        read(data)


def test_an_underlying_without_options_or_unknown_to_upstox_is_an_unknown_symbol() -> None:
    with connected([good([])]) as rig, pytest.raises(UnknownSymbolError, match="RELIANCE"):
        source(rig).chain("RELIANCE")
    with connected([refused("UDAPI100011")]) as rig, pytest.raises(UnknownSymbolError, match="RELIANCE"):
        source(rig).chain("RELIANCE", EXPIRY)
