"""The reading calls of the fault matrix: how each is asked, what of its answer are facts, which moment it tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from random import Random
from typing import Any

from sos_actors.config import Nse, Screener, Tradingview, Trendlyne
from sos_actors.market.instruments import SymbolMaster, imported_instrument
from sos_actors.messages.broker import OrderKind, OrderRequest
from sos_actors.messages.market import BarSeries
from sos_actors.messages.snapshots import ScreenerScan
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, Secret, Side
from sos_actors.vendors.nse.client import NseSite
from sos_actors.vendors.tradingview.chart import TradingViewChart
from sos_actors.vendors.tradingview.screener import TradingViewScreener
from sos_actors.vendors.trendlyne.client import SmartOptions
from sos_actors.vendors.upstox.client import UpstoxClient
from sos_actors.vendors.upstox.connection import UpstoxConnection
from tests.vendors.bench import PLANTED, SHARES, Bench
from tests.vendors.upstox.connected import settings_for

NIFTY = "NSE|INDEX|NIFTY"
YESTERDAY, TODAY, EXPIRED = date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 6)
RELIANCE, LOW = "NSE_EQ|INE002A01018", 1350.0
"""An instrument, and a price at which a buyer of it waits."""
WARM_S = 60.0
"""Time-out of clients that see no fault: the first one waits for the market to be computed."""
LATER_S = 300.0
EVERYTHING = Screener(
    min_relative_volume=0.0, min_change_percent=0.0, min_change_from_open_percent=0.0, min_adx=0.0, min_atr_percent=0.0
)


def no_nap(_: float) -> None:
    """Waits between two tries are not what is tested here."""


@contextmanager
def upstox(bench: Bench, timeout_s: float) -> Iterator[UpstoxClient]:
    settings = settings_for(bench.served.addresses["upstox"], connect_timeout_s=timeout_s, read_timeout_s=timeout_s)
    with UpstoxConnection(settings, bench.token, clock=bench.world.clock.now, sleep=no_nap) as connection:
        yield UpstoxClient(connection, bench.master)


def nse(bench: Bench, timeout_s: float) -> NseSite:
    settings = Nse(url=bench.served.addresses["nse"], timeout_s=timeout_s, min_gap_s=0.0, rest_after_block_s=0.0)
    return NseSite(settings, clock=bench.world.clock.now, sleep=no_nap)


def trendlyne(bench: Bench, timeout_s: float) -> SmartOptions:
    url = f"{bench.served.addresses['trendlyne']}/phoenix/api"
    settings = Trendlyne(url=url, timeout_s=timeout_s, min_gap_s=0.0)
    return SmartOptions(settings, clock=bench.world.clock.now, sleep=no_nap)


def _tradingview(bench: Bench, timeout_s: float) -> Tradingview:
    url = bench.served.addresses["tradingview"]
    socket = f"{url.replace('http', 'ws', 1)}/socket.io/websocket"
    return Tradingview(scanner_url=url, chart_url=socket, timeout_s=timeout_s)


@contextmanager
def screener(bench: Bench, timeout_s: float) -> Iterator[TradingViewScreener]:
    listed = SymbolMaster.from_instruments(map(imported_instrument, SHARES))
    yield TradingViewScreener(
        _tradingview(bench, timeout_s), EVERYTHING, cookies=Secret(PLANTED), master=listed,
        clock=bench.world.clock.now, sleep=no_nap, rng=Random(153),
    )  # fmt: skip


def chart(bench: Bench, timeout_s: float) -> TradingViewChart:
    clock = bench.world.clock.now
    return TradingViewChart(_tradingview(bench, timeout_s), clock=clock, sleep=no_nap, rng=Random(153))


def waiting_order(tag: str) -> OrderRequest:
    """An order that will not be filled."""
    return OrderRequest(tag, RELIANCE, Side.BUY, 1, OrderKind.LIMIT, LOW)


def later(bench: Bench) -> None:
    """Five minutes on."""
    bench.world.clock.step(LATER_S)


def _ordered(bench: Bench) -> None:
    """Another order, which blocks money."""
    with upstox(bench, WARM_S) as client:
        client.broker.place(waiting_order("another"))
    bench.world.clock.step(LATER_S + 2.0)  # the exchange, once ahead, waits until the clock has caught up


@dataclass(frozen=True, slots=True)
class Reading:
    """A call that changes nothing.

    Attributes:
        path: what requests or frames faults are to strike.
        connect: a client with this time-out.
        ask: the call.
        facts: what of its answer two answers are compared by: all but stamps of our own.
        told_at: the moment the vendor gives, UnixNanos; None when it gives none.
        time_outs: how many of them its settings allow a call.
        pass_time: until another answer would be right.
        used: whether the client has answered before when the fault comes, and so has a session or cookies.
        door: path of the handshake, where it is a socket.
    """

    path: str
    connect: Callable[[Bench, float], AbstractContextManager[Any]]
    ask: Callable[[Bench, Any], Any]
    facts: Callable[[Any], Any]
    told_at: Callable[[Any], int | None]
    time_outs: float
    pass_time: Callable[[Bench], None] = later
    used: bool = True
    door: str = ""


def _all(answer: Any) -> Any:
    return answer


def _untimed(_: object) -> None:
    return None


def _stamped(answer: Any) -> int:
    return int(answer.ts_event)


def _last_bar(bars: BarSeries) -> int:
    return int(bars.ts[-1])


def _candles(_: Bench, client: UpstoxClient) -> BarSeries:
    return client.candles.candles(NIFTY, YESTERDAY, TODAY)


def _expired(_: Bench, client: UpstoxClient) -> tuple[list[str], BarSeries]:
    names = client.contracts.contracts(NIFTY, EXPIRED)
    return names, client.candles.candles(names[len(names) // 2], date(2026, 1, 5), EXPIRED)


def _scan_facts(scan: ScreenerScan) -> tuple[object, ...]:
    return scan.rows, scan.total, scan.updated


def _updated(scan: ScreenerScan) -> int:
    assert scan.updated is not None
    assert scan.delay_s == (scan.ts_event - scan.updated) / NANOS_PER_SECOND
    return scan.updated


def _minute(bench: Bench) -> str:
    """``HH:MM`` in India."""
    minutes = (bench.world.clock.now() // NANOS_PER_SECOND + IST_OFFSET_S) // 60 % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _history(bench: Bench, client: SmartOptions) -> Any:
    [chain] = client.history(NIFTY, TODAY, TODAY, [_minute(bench)])
    return chain


UPSTOX_TRIES, WEB_TRIES, CHART_TRIES = 4, 4, 12
"""Time-outs: a whole answer and one more try; a whole answer and one more visit; a whole call, twice."""

READINGS: Mapping[tuple[str, str], Reading] = {
    ("upstox", "candles"): Reading(
        "/v3/historical-candle/*", upstox, _candles, _all, _last_bar, 2 * UPSTOX_TRIES
    ),
    ("upstox", "expired"): Reading(
        "/v2/expired-instruments/*", upstox, _expired, _all, _untimed, 2 * UPSTOX_TRIES, used=False
    ),
    ("upstox", "chain"): Reading(
        "/v2/option/chain", upstox, lambda _, client: client.chain.chain(NIFTY, TODAY),
        lambda chain: replace(chain, ts_event=0), _untimed, UPSTOX_TRIES,
    ),
    ("upstox", "book"): Reading(
        "/v2/order/retrieve-all", upstox, lambda _, client: client.broker.orders(), _all, _untimed, UPSTOX_TRIES,
        _ordered,
    ),
    ("upstox", "funds"): Reading(
        "/v3/user/get-funds-and-margin", upstox, lambda _, client: client.broker.funds(), _all, _untimed, UPSTOX_TRIES,
        _ordered,
    ),
    ("tradingview", "scan"): Reading(
        "/india/scan", screener, lambda _, client: client.scan(), _scan_facts, _updated, WEB_TRIES
    ),
    ("tradingview", "chart"): Reading(
        "chart", chart, lambda _, client: client.candles("NSE|EQ|TCS", TODAY, TODAY), _all, _last_bar, CHART_TRIES,
        door="/socket.io/*",
    ),
    ("nse", "chain"): Reading(
        "/api/option-chain-v3", nse, lambda _, client: client.chain(NIFTY, TODAY), _all, _stamped, WEB_TRIES
    ),
    ("nse", "breadth"): Reading("/api/allIndices", nse, lambda _, client: client.breadth(), _all, _stamped, WEB_TRIES),
    ("trendlyne", "chain"): Reading(
        "/phoenix/api/live-oi-data/", trendlyne, lambda _, client: client.chain(NIFTY, TODAY), _all, _stamped, WEB_TRIES
    ),
    ("trendlyne", "history"): Reading(
        "/phoenix/api/live-oi-data/", trendlyne, _history, _all, _stamped, WEB_TRIES
    ),
}  # fmt: skip


QUESTIONS: Mapping[str, Callable[[Any], Any]] = {
    "candles": lambda source: source.candles(NIFTY, YESTERDAY, YESTERDAY),
    "chain": lambda source: source.chain(NIFTY, TODAY),
    "breadth": lambda source: source.breadth(),
}
"""What several vendors can answer."""


@contextmanager
def sources(bench: Bench, what: str, timeout_s: float) -> Iterator[list[Any]]:
    """Who answers such a question, in the order of trust."""
    with (
        upstox(bench, timeout_s) as broker, chart(bench, timeout_s) as candles, nse(bench, timeout_s) as site,
        trendlyne(bench, timeout_s) as smart_options, screener(bench, timeout_s) as scanner,
    ):  # fmt: skip
        yield {
            "candles": [broker.candles, candles], "chain": [site, smart_options, broker.chain],
            "breadth": [site, scanner],
        }[what]  # fmt: skip
