"""Every real or documented answer of Upstox's that belongs to our calls is read, and says what it says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from sos_actors.errors import VendorAnswerError, VendorError
from sos_actors.messages.broker import Funds, OrderState
from sos_actors.messages.feed import MarketPhase
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos
from sos_actors.vendors.upstox import account, charges, parse
from sos_actors.vendors.upstox.answers import document_of
from sos_actors.vendors.upstox.candles import candle_rows
from sos_actors.vendors.upstox.chain import option_chain
from sos_actors.vendors.upstox.contracts import UpstoxContracts
from sos_actors.vendors.upstox.market_info import exchange_days, market_status, timings
from sos_actors.vendors.upstox.rest_wire import Answer
from tests.vendors.scripted import reply
from tests.vendors.upstox.connected import NIFTY_KEY, at, connected, master

RECEIVED = UnixNanos(1)


@pytest.fixture
def blocks(shared_data: Path) -> Callable[[str], list[Any]]:
    """The JSON blocks of a page of Upstox's documentation."""

    def read(name: str) -> list[Any]:
        path = shared_data / "upstox" / "docs_samples" / f"{name}.json"
        if not path.is_file():
            pytest.skip(f"no sample at {path}")
        found: list[Any] = json.loads(path.read_text("utf-8"))["json_blocks"]
        return found

    return read


def captured(shared_data: Path, name: str) -> Any:
    path = shared_data / "upstox" / "api" / name
    if not path.is_file():
        pytest.skip(f"no captured answer at {path}")
    content = path.read_bytes()
    answer = Answer("GET sample", 200, {}, gzip.decompress(content) if name.endswith("gz") else content)
    return document_of(answer)["data"]


def test_the_captured_chain_is_read_whole(shared_data: Path) -> None:
    data = captured(shared_data, "option-chain_NIFTY_20240725.json.gz")
    chain = option_chain(data, "NSE|INDEX|NIFTY", NIFTY_KEY, date(2024, 7, 25), RECEIVED)
    assert len(chain) == len(data)
    assert (np.diff(chain.strike) > 0).all()
    assert (chain.spot, chain.strike[0], chain.ce_ltp[0], chain.pe_ltp[0]) == (24530.9, 20150.0, 4634.9, 0.75)
    assert (chain.ce_oi[0], chain.ce_oi_change[0], chain.pe_oi_change[0]) == (12625.0, -25.0, 1669425.0 - 874425.0)
    assert chain.pe_iv[0] == 53.71
    assert np.nansum(chain.pe_oi) / np.nansum(chain.ce_oi) == pytest.approx(
        sum(row["put_options"]["market_data"]["oi"] for row in data)
        / sum(row["call_options"]["market_data"]["oi"] for row in data)
    )
    assert np.isnan(chain.pe_ltp[-1]), "a strike that never traded has no price"


def test_the_captured_candles_of_a_day_come_out_oldest_first(shared_data: Path) -> None:
    rows = candle_rows(captured(shared_data, "intraday-candle_20240610.json"))
    assert (np.diff(rows[:, 0]) == 1).all()
    assert rows[-1, 0] * NANOS_PER_MINUTE == at("2024-06-10 15:29:00")
    assert rows[-1, 1:].tolist() == [101.82, 101.9, 101.75, 101.85, 337458, 0]


@pytest.mark.parametrize(
    "name",
    [
        "get-historical-candle-data",
        "get-intra-day-candle-data",
        "v3_get-historical-candle-data",
        "v3_get-intra-day-candle-data",
        "get-expired-historical-candle-data",
    ],
)
def test_the_documented_candles_are_read(blocks: Callable[[str], list[Any]], name: str) -> None:
    rows = candle_rows(blocks(name)[0]["data"])
    assert len(rows) == 2
    assert rows[0, 0] < rows[1, 0]


def test_the_documented_chain_is_read(blocks: Callable[[str], list[Any]]) -> None:
    data = blocks("get-pc-option-chain")[0]["data"]
    chain = option_chain(data, "NSE|INDEX|NIFTY", NIFTY_KEY, date(2025, 2, 13), RECEIVED)
    assert (chain.ce_iv[0], chain.pe_volume[0], chain.ce_bid[0]) == (262.31, 22315725, 1856.65)


def test_the_documented_orders_are_read(blocks: Callable[[str], list[Any]]) -> None:
    orders = parse.broker_orders(blocks("get-order-book")[0], RECEIVED)
    assert [order.state for order in orders] == [OrderState.COMPLETE, OrderState.REJECTED, OrderState.CANCELLED]
    assert [order.average_price for order in orders] == [0.8, None, None]
    assert orders[1].reason.startswith("You need to add Rs. 138385.27")
    assert orders[0].ts_event == at("2023-10-19 09:23:23")
    single = parse.broker_order(blocks("get-order-details")[0]["data"], RECEIVED)
    assert (single.order_id, single.average_price, single.pending) == ("231019025562880", 570.95, 0)
    [last] = parse.last_states(blocks("get-order-history")[0]["data"], RECEIVED)
    assert last.state is OrderState.COMPLETE


def test_the_documented_order_update_is_read(blocks: Callable[[str], list[Any]]) -> None:
    for name in ("get-portfolio-stream-feed", "webhook"):
        update = next(block for block in blocks(name) if block.get("update_type") == "order")
        order = parse.broker_order(update, RECEIVED)
        assert (order.state, order.pending, order.instrument_key) == (OrderState.PENDING, 1, "NSE_EQ|INE848E01016")


def test_the_documented_trades_are_read_with_their_other_form_of_time(blocks: Callable[[str], list[Any]]) -> None:
    for name in ("get-trade-history", "get-trades-by-order"):
        [fill] = parse.broker_fills(blocks(name)[0]["data"], RECEIVED)
        assert (fill.price, fill.quantity, fill.ts_event) == (299.4, 1, at("2017-08-03 15:03:42"))


def test_the_documented_positions_holdings_and_funds_are_read(blocks: Callable[[str], list[Any]]) -> None:
    positions = parse.broker_positions(blocks("get-positions")[0]["data"])
    assert [position.average_price for position in positions[:2]] == [2.65, None]
    assert parse.funds(blocks("get-user-fund-margin")[0]["data"]) == Funds(15507.46, 0.8)
    with connected([reply(blocks("get-holdings")[0])]) as rig:
        assert account.UpstoxAccount(rig.connection).holdings() == 2


def test_the_documented_profile_and_calendar_are_read(blocks: Callable[[str], list[Any]]) -> None:
    assert account.profile(blocks("get-profile")[0]["data"]).active
    days = exchange_days(blocks("get-market-holidays")[0]["data"])
    assert [("NSE" in day.open, "NSE" in day.closed) for day in days] == [(True, False), (True, False), (False, True)]
    hours = timings(blocks("get-market-timings")[0]["data"])
    assert hours["NFO"] == (at("2024-01-01 09:15:00"), at("2024-01-01 15:30:00"))
    assert market_status(blocks("get-market-status")[0]["data"]).phase is MarketPhase.NORMAL_OPEN


def test_the_documented_contracts_are_read(blocks: Callable[[str], list[Any]]) -> None:
    with connected([reply(blocks("get-option-contracts")[0])], now="2024-02-14 10:00:00") as rig:
        contracts = UpstoxContracts(rig.connection, master())
        assert contracts.key_of("NSE|FO|NIFTY 19650 CE 15 FEB 24") == "NSE_FO|37590"
    with connected([reply(blocks("get-expired-option-contracts")[0])]) as rig:
        contracts = UpstoxContracts(rig.connection, master())
        names = contracts.contracts("NIFTY", date(2025, 4, 17))
        assert names == ["NSE|FO|NIFTY 20400 CE 17 APR 25", "NSE|FO|NIFTY 20400 PE 17 APR 25"]
        assert contracts.key_of(names[1]) == "NSE_FO|47983|17-04-2025"
    with connected([reply(blocks("get-expired-future-contracts")[0])]) as rig:
        contracts = UpstoxContracts(rig.connection, master())
        assert contracts.key_of("NIFTY FUT 24 APR 25") == "NSE_FO|54452|24-04-2025"


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("access-token-request", 400, VendorAnswerError),
        ("place-multi-order", 400, VendorError),
        ("response-structure", 400, VendorAnswerError),
    ],
)
def test_the_documented_errors_are_errors(
    blocks: Callable[[str], list[Any]], name: str, status: int, kind: type[VendorError]
) -> None:
    envelopes = [b for b in blocks(name) if isinstance(b, dict) and b.get("status") == "error"]
    assert envelopes
    for envelope in envelopes:
        with pytest.raises(kind, match=str(envelope["errors"][0].get("message"))[:10]):
            document_of(Answer("GET sample", status, {}, msgspec.json.encode(envelope)))


def test_charges_of_the_documented_schema_are_read() -> None:
    taxes = {"gst": 3.64, "stt": 0.0, "stamp_duty": 0.2}
    others = {"transaction": 2.1, "clearing": None, "ipft": 0.0, "sebi_turnover": 0.01}
    found = charges.order_charges(
        {"charges": {"total": 25.95, "brokerage": 20.0, "taxes": taxes, "otherTaxes": others}}
    )
    assert (found.total, found.exchange, found.clearing) == (25.95, 2.1, None)
