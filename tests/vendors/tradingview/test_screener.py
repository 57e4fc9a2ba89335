from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sos_actors.config import Screener, Tradingview
from sos_actors.errors import (
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.market.instruments import default_master, imported_instrument
from sos_actors.market.momentum import momentum_score
from sos_actors.types import NANOS_PER_SECOND, Secret, UnixNanos
from sos_actors.vendors.tradingview.parse import rows_of
from sos_actors.vendors.tradingview.query import COLUMNS
from sos_actors.vendors.tradingview.screener import TradingViewScreener
from tests.vendors.scripted import Site, Step, mute, page, reply, reset, serving, trickle

NOW = 1_768_984_200
PLANTED = "".join(("hu", "sh"))
ASKED = ["name", *COLUMNS.values(), "update_mode"]
RELIANCE = {
    "name": "RELIANCE", "close": 1402.5, "relative_volume_10d_calc": 2.6, "change": 1.8, "change_from_open": 1.1,
    "ADX": 31.2, "ATR": 24.5, "MACD.macd|5": 0.83, "volume": 9123456, "average_volume_10d_calc": 3500000.0,
    "last_bar_update_time": NOW - 12, "update_mode": "streaming",
}  # fmt: skip


def row(ticker: str, **changed: Any) -> dict[str, Any]:
    values = RELIANCE | {name.replace("__", "|"): value for name, value in changed.items()}
    return {"s": ticker, "d": [values[column] for column in ASKED]}


def scan(*rows: dict[str, Any], total: int | None = None) -> bytes:
    return reply({"totalCount": len(rows) if total is None else total, "data": list(rows)})


@contextmanager
def screener(
    *steps: Step, funnel: Screener | None = None, cookies: Secret | None = None
) -> Iterator[tuple[TradingViewScreener, Site]]:
    master = default_master().added(imported_instrument("M&M"))
    with serving(list(steps)) as site:
        yield TradingViewScreener(
            Tradingview(scanner_url=site.url, timeout_s=0.2),
            funnel or Screener(),
            cookies=cookies,
            master=master,
            clock=lambda: UnixNanos(NOW * NANOS_PER_SECOND),
        ), site


def test_a_scan_has_our_names_canonical_symbols_and_a_score() -> None:
    with screener(scan(row("NSE:RELIANCE"), row("NSE:M_M", **{"MACD.macd|5": None}), total=7)) as (client, _):
        found = client.scan()
    first, second = found.rows
    assert (first.symbol, first.ticker) == ("NSE|EQ|RELIANCE", "NSE:RELIANCE")
    assert (second.symbol, second.ticker) == ("NSE|EQ|M&M", "NSE:M_M")
    assert first.values["close"] == 1402.5
    assert first.values["rvol"] == 2.6
    percent = 24.5 / 1402.5 * 100
    assert first.values["atr_percent"] == pytest.approx(percent)
    assert first.values["momentum_score"] == momentum_score(2.6, 31.2, 1.8, 1.1, percent, 0.83)
    assert (second.values["macd"], second.values["momentum_score"]) == (None, None)
    assert (found.total, found.delay_s, found.update_modes) == (7, 12.0, ("streaming",))
    assert found.updated == (NOW - 12) * NANOS_PER_SECOND


def test_the_funnel_asks_the_configured_bounds_either_way_and_nothing_of_the_librarys_own() -> None:
    bounds = Screener(min_relative_volume=3.0, min_change_percent=1.5, min_change_from_open_percent=0.7, min_adx=25.0,
                      min_close_inr=60.0, max_close_inr=5000.0, limit=40)  # fmt: skip
    with screener(scan(), funnel=bounds) as (client, site):
        assert client.scan().rows == ()
    asked = site.requests[0]
    body = json.loads(asked.body)
    assert (asked.method, asked.path) == ("POST", "/india/scan")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert body["columns"] == ASKED
    assert body["range"] == [0, 40]
    assert body["sort"]["sortBy"] == "relative_volume_10d_calc"
    assert [tuple(part.values()) for part in body["filter"]] == [
        ("exchange", "equal", "NSE"), ("type", "equal", "stock"), ("typespecs", "has", ["common"]),
        ("relative_volume_10d_calc", "egreater", 3.0), ("ADX", "egreater", 25.0), ("close", "in_range", [60.0, 5000.0]),
    ]  # fmt: skip
    ways = [
        [tuple(part["expression"].values()) for part in way["operation"]["operands"]]
        for way in body["filter2"]["operands"]
    ]
    assert body["filter2"]["operator"] == "or"
    assert ways == [
        [("change", "egreater", 1.5), ("change_from_open", "egreater", 0.7)],
        [("change", "eless", -1.5), ("change_from_open", "eless", -0.7)],
    ]


def test_every_column_asked_for_exists(shared_data: Path) -> None:
    fields = json.loads(
        gzip.decompress((shared_data / "tradingview" / "tv_screener_stock_fields_20260822.json.gz").read_bytes())
    )
    known = {variant for field in fields.values() for variant in field["variants"]}
    optional = {"last_bar_update_time", "update_mode"}  # not in that list, but in the table of the older library
    assert set(ASKED) - known <= optional


def test_a_row_whose_range_is_small_or_unknown_is_not_in_play() -> None:
    rows = [row("NSE:TCS", ATR=14.0), row("NSE:SBIN", ATR=None), row("NSE:INFY", close=None), row("NSE:ITC")]
    with screener(scan(*rows)) as (client, _):
        assert [found.ticker for found in client.scan().rows] == ["NSE:ITC"]


def test_a_ticker_nobody_knows_keeps_its_spelling_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with screener(scan(row("NSE:NEW_CO"), row("NSE:NIFTY"))) as (client, _):
        for _ in range(2):
            assert [found.symbol for found in client.scan().rows] == ["NSE|EQ|NEW_CO", "NSE|EQ|NIFTY"]
    assert caplog.text.count("NSE:NEW_CO is not in the instrument list") == 1


def test_old_data_is_told_when_it_begins_to_be_old(caplog: pytest.LogCaptureFixture) -> None:
    old = scan(row("NSE:TCS", last_bar_update_time=NOW - 905, update_mode="delayed_streaming_900"))
    with screener(old, old, scan(row("NSE:TCS")), old) as (client, _), caplog.at_level(logging.WARNING):
        delays = [client.scan().delay_s for _ in range(4)]
    assert delays == [905.0, 905.0, 12.0, 905.0]
    assert caplog.text.count("data is 905 s old (delayed_streaming_900)") == 2


def test_a_scan_without_times_has_an_unknown_age() -> None:
    with screener(scan(row("NSE:TCS", last_bar_update_time=None, update_mode=None))) as (client, _):
        found = client.scan()
    assert (found.updated, found.delay_s, found.update_modes) == (None, None, ())


def test_prices_are_asked_for_by_ticker_without_any_filter() -> None:
    data = [{"s": "NSE:NIFTY", "d": [25048.65, NOW - 3]}, {"s": "NSE:M_M", "d": [3000.5, None]}]
    data += [{"s": "NSE:TCS", "d": [None, NOW]}, {"s": "NSE:OTHER", "d": [1.0, NOW]}]
    with screener(reply({"totalCount": 4, "data": data})) as (client, site):
        found = client.prices(["NSE|INDEX|NIFTY", "NSE|EQ|M&M", "NSE|EQ|TCS", "NSE|EQ|SBIN"])
        assert client.prices([]) == {}
    assert found == {
        "NSE|INDEX|NIFTY": (25048.65, (NOW - 3) * NANOS_PER_SECOND), "NSE|EQ|M&M": (3000.5, None),
    }  # fmt: skip
    body = json.loads(site.requests[0].body)
    assert body["symbols"] == {"tickers": ["NSE:NIFTY", "NSE:M_M", "NSE:TCS", "NSE:SBIN"]}
    assert not {"filter", "filter2"} & set(body)
    assert site.requests[0].path == "/india/scan"


def changes(*values: float | None, total: int | None = None, updated: float | None = NOW) -> bytes:
    data = [{"s": f"NSE:S{place}", "d": [value, updated]} for place, value in enumerate(values)]
    return reply({"totalCount": len(data) if total is None else total, "data": data})


def test_breadth_counts_all_stocks_that_have_a_change() -> None:
    with screener(changes(1.0, 0.5, -2.0, 0.0, None)) as (client, site):
        breadth = client.breadth()
    assert (breadth.source, breadth.universe) == ("tradingview", "NSE")
    assert (breadth.advances, breadth.declines, breadth.unchanged) == (2, 1, 1)
    assert breadth.ts_event == NOW * NANOS_PER_SECOND
    assert json.loads(site.requests[0].body)["columns"] == ["change", "last_bar_update_time"]


@pytest.mark.parametrize("answer", [changes(1.0, total=9), changes(1.0, updated=None), changes(None), changes()])
def test_breadth_of_too_little_is_none(answer: bytes) -> None:
    with screener(answer) as (client, _), pytest.raises(VendorAnswerError, match=r"too few|does not say"):
        client.breadth()


def failure(step: Step) -> VendorError:
    with screener(step, cookies=Secret(PLANTED)) as (client, site), pytest.raises(VendorError) as caught:
        client.scan()
    told = "".join(traceback.format_exception(caught.value))
    assert PLANTED not in told
    assert "/india/scan" in str(caught.value)
    assert site.requests[0].headers["cookie"] == f"sessionid={PLANTED}"
    return caught.value


def unknown_column(message: str) -> bytes:
    return reply({"totalCount": 0, "error": message, "data": None}, 400)


@pytest.mark.parametrize(
    ("step", "kind", "told"),
    [
        (unknown_column('Unknown field "change.5"'), VendorAnswerError, "does not know the column 'change.5'"),
        (unknown_column("bad"), VendorAnswerError, "HTTP 400"),
        (unknown_column(f'Unknown field "{PLANTED}"'), VendorAnswerError, "does not know the column '***'"),
        (page(f"Blocked {PLANTED}", 503), VendorBusyError, "'Blocked ***'"),
        (reply({}, 429, Retry_After="9"), VendorBusyError, "HTTP 429"),
        (reply({}, 502), VendorBusyError, "HTTP 502"),
        (reply({}, 403), VendorRefusedError, "HTTP 403"),
        (reply({}, 302, Location="http://evil.example/"), VendorAnswerError, "HTTP 302"),
        (page("Captcha"), VendorAnswerError, "a page instead of data: 'Captcha'"),
        (reply("no json"), VendorAnswerError, "no JSON"),
        (reply({}), VendorAnswerError, "no totalCount and data"),
        (reply([]), VendorAnswerError, "no totalCount and data"),
        (reply({"totalCount": True, "data": []}), VendorAnswerError, "no totalCount and data"),
        (reply({"totalCount": 1, "data": [{"s": "NSE:A", "d": [1]}]}), VendorAnswerError, "the 12 columns asked for"),
        (reply({"totalCount": 1, "data": [None]}), VendorAnswerError, "the 12 columns asked for"),
        (reset, VendorUnreachableError, "cannot be reached"),
        (mute, VendorUnreachableError, "answer"),
        (trickle(b"HTTP/1.1 200 OK\r\nX: "), VendorUnreachableError, "no complete answer within"),
    ],
)
def test_what_is_no_scan_is_an_error_that_says_so(step: Step, kind: type[VendorError], told: str) -> None:
    error = failure(step)
    assert type(error) is kind
    assert told in str(error)
    if isinstance(error, VendorBusyError) and error.code == "429":
        assert error.retry_after_s == 9.0


def test_a_busy_vendor_is_asked_less_and_less_and_success_ends_that() -> None:
    naps: list[float] = []
    with serving([reply({}, 502), reply({}, 429), scan(), reply({}, 429, Retry_After="30"), scan()]) as site:
        settings = Tradingview(scanner_url=site.url, timeout_s=5.0)
        client = TradingViewScreener(settings, Screener(), sleep=naps.append, rng=Random(1))
        for _ in range(2):
            with pytest.raises(VendorBusyError):
                client.scan()
        client.scan()
        assert len(naps) == 2
        assert 0.4 < naps[0] <= 1.0 < naps[1] <= 2.0 + naps[0]
        with pytest.raises(VendorBusyError):
            client.scan()
        with pytest.raises(VendorBusyError, match="left alone for a while"):
            client.scan()
        assert len(site.requests) == 4


def test_a_genuine_answer_is_read(shared_data: Path) -> None:
    packed = (shared_data / "tradingview" / "india_scan_reconstructed_20250929.json.gz").read_bytes()
    answer = json.loads(gzip.decompress(packed))
    total, rows = rows_of(answer, answer["columns"], "there")
    assert (total, len(rows)) == (158, 158)
    assert rows[0][0] == "NSE:RELIANCE"
    assert rows[0][1]["close"] == 1378.7


def test_the_screener_never_loads_pandas() -> None:
    script = (
        "import sys\n"
        "from sos_actors.config import Screener, Tradingview\n"
        "from sos_actors.errors import VendorError\n"
        "from sos_actors.vendors.tradingview.screener import TradingViewScreener\n"
        "screener = TradingViewScreener(Tradingview(scanner_url='http://127.0.0.1:9'), Screener())\n"
        "try: screener.scan()\n"
        "except VendorError: pass\n"
        "sys.exit('pandas' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", script], check=False, timeout=60).returncode == 0
