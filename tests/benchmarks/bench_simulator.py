"""What the simulator can carry: candles, chains, scans, orders, and the feed's instruments at one update a second.

Run: python -m tests.benchmarks.bench_simulator. The simulator is a process of its own; what asks it is in this one, as
lean as can be. Each first question is put to a cold simulator, then again; compare the ratios.
"""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from threading import local
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import websocket
from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as pb

from sos_actors.app.simulated import SimulatorProcess
from sos_actors.market.calendar import Calendar
from sos_actors.simulator.model_market import ModelMarket
from sos_actors.simulator.moments import moment_of, read_time
from sos_actors.types import NANOS_PER_SECOND

SEED, DAY = 7, date(2026, 1, 13)
BEFORE = date(2025, 12, 26)
NOW = moment_of(DAY, read_time("10:30"))
NIFTY = "NSE_INDEX|Nifty 50"
PARALLEL = 4
WARM_S, FEED_S = 8.0, 16.0
LATE_MS = 1000.0
"""Where one frame in twenty is later than this, the simulator no longer keeps up."""
STEPS = ((100, 1.0), (500, 1.0), (2000, 1.0), (200, 2.0), (200, 5.0), (200, 10.0), (200, 20.0))
"""Instruments, the shares first, and the speed of the clock."""
COLUMNS = ("name", "close", "relative_volume_10d_calc", "change", "change_from_open", "ADX", "ATR", "MACD.macd|5",
           "volume", "average_volume_10d_calc", "last_bar_update_time", "update_mode")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    vendor: str
    path: str
    body: str | None = None


class Asker:
    """Asks over connections that stay open, one a thread."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        self._addresses = {name: urlsplit(address).netloc for name, address in simulator.addresses.items()}
        self._headers = {"Authorization": f"Bearer {simulator.token.reveal()}", "User-Agent": "bench"}
        self._mine = local()

    def __call__(self, ask: Ask) -> bytes:
        open_ones: dict[str, http.client.HTTPConnection] = self._mine.__dict__
        if ask.vendor not in open_ones:
            open_ones[ask.vendor] = http.client.HTTPConnection(self._addresses[ask.vendor], timeout=120)
        connection = open_ones[ask.vendor]
        headers = self._headers | ({"Content-Type": "application/json"} if ask.body else {})
        connection.request("POST" if ask.body else "GET", ask.path, ask.body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise SystemExit(f"{ask.path}: {response.status} {content[:200]!r}")
        return content


def asked(asker: Asker, asks: Sequence[Ask], parallel: int = PARALLEL) -> tuple[float, list[bytes]]:
    """Seconds, and the answers."""
    with ThreadPoolExecutor(parallel) as threads:
        begun = time.perf_counter()
        answers = list(threads.map(asker, asks))
        return time.perf_counter() - begun, answers


def tell(what: str, asker: Asker, asks: Sequence[Ask], rows: str = "") -> None:
    """Cold, then warm; ``rows`` is how a row begins in an answer."""
    cold_s, answers = asked(asker, asks)
    warm_s, _ = asked(asker, asks)
    found = sum(answer.count(rows.encode()) for answer in answers) if rows else 0
    more = f"{found / cold_s:12,.0f} {found / warm_s:12,.0f} rows/s" if rows else ""
    print(f"{what:<44}{len(asks) / cold_s:9,.1f} {len(asks) / warm_s:9,.1f}/s  x {cold_s / warm_s:5.1f} {more}")


def contracts(asker: Asker) -> dict[str, list[str]]:
    """Keys of the nearest two expiries' contracts, by expiry."""
    listed = msgspec.json.decode(asker(Ask("upstox", f"/v2/option/contract?{urlencode({'instrument_key': NIFTY})}")))
    found: dict[str, list[str]] = {}
    for row in listed["data"]:
        found.setdefault(row["expiry"], []).append(row["instrument_key"])
    return dict(sorted(found.items())[:2])


def candle_asks(keys: Sequence[str], first: date, last: date) -> list[Ask]:
    return [Ask("upstox", f"/v3/historical-candle/{quote(key, safe='')}/minutes/1/{last}/{first}") for key in keys]


def scan_ask(shares: Sequence[str]) -> Ask:
    query = {
        "symbols": {"tickers": [f"NSE:{name}" for name in shares]}, "columns": COLUMNS, "range": [0, len(shares)],
        "markets": ["india"],
    }  # fmt: skip
    return Ask("tradingview", "/india/scan", json.dumps(query))


def order_ask(key: str) -> Ask:
    order = {
        "quantity": 1, "product": "I", "validity": "DAY", "price": 0.0, "tag": "bench", "instrument_token": key,
        "order_type": "MARKET", "transaction_type": "BUY", "disclosed_quantity": 0, "trigger_price": 0.0,
        "is_amo": False, "slice": False, "market_protection": 5,
    }  # fmt: skip
    return Ask("upstox", "/v3/order/place", json.dumps(order))


def requests(simulator: SimulatorProcess, shares: dict[str, str]) -> None:
    """Everything over HTTP."""
    asker = Asker(simulator)
    by_expiry = contracts(asker)
    keys = [key for expiry in by_expiry.values() for key in expiry[:: max(len(expiry) // 60, 1)]]
    print(f"{'requests, ' + str(PARALLEL) + ' at a time':<44}{'cold':>9} {'warm':>9}")
    week = candle_asks(keys, date(2026, 1, 7), date(2026, 1, 12))
    tell(f"candles of a week, {len(keys)} contracts", asker, week, '["2')
    some = list(shares.values())[:50]
    tell(f"candles of two weeks, {len(some)} shares", asker, candle_asks(some, BEFORE, date(2026, 1, 9)), '["2')
    chains = [Ask("upstox", f"/v2/option/chain?{urlencode({'instrument_key': NIFTY, 'expiry_date': expiry})}")
              for expiry in by_expiry]  # fmt: skip
    tell("option chains", asker, chains * 5, '"strike_price"')
    tell(f"scans of {min(len(shares), 200)} shares", asker, [scan_ask(list(shares)[:200])] * 3, '"s":')
    orders = [order_ask(key) for key in list(shares.values())[:20]] * 10
    tell("orders placed, market, one share each", asker, orders)
    one_s, _ = asked(asker, orders[:100], 1)
    print(f"  one order after the other: {1000 * one_s / 100:.1f} ms there and back")


def feed(simulator: SimulatorProcess, keys: Sequence[str]) -> None:
    """Updates of so many instruments, over the turn of a minute at least, and how late they were; a quick clock asks
    for as many more of each."""
    asker = Asker(simulator)
    print(f"{'feed, full mode':<32}{'updates/s':>12} {'of each':>8}  late, ms")
    for count, speed in STEPS:
        simulator.set_clock(NOW, 0.0)
        address = msgspec.json.decode(asker(Ask("upstox", "/v3/feed/market-data-feed/authorize")))
        with closing(websocket.create_connection(address["data"]["authorized_redirect_uri"], timeout=60)) as line:
            subscribe(line, keys[:count])
            updates, late_ms = listened(simulator, line, speed)
        rate, cuts = updates.total() / FEED_S, statistics.quantiles(late_ms, n=20)
        verdict = "keeps up" if cuts[-1] < LATE_MS else "falls behind"
        told = f"  {count:>5} instruments, clock x {speed:<4g}{rate:13,.0f} {rate / count:8.2f}  "
        print(f"{told}median {cuts[9]:.0f}, one in twenty {cuts[-1]:.0f}: {verdict}")


def subscribe(line: websocket.WebSocket, keys: Sequence[str]) -> None:
    """Ask for all, and wait until each has sent its state."""
    document = {"guid": "b", "method": "sub", "data": {"mode": "full", "instrumentKeys": list(keys)}}
    line.send_binary(json.dumps(document).encode())
    waiting = set(keys)
    while waiting:
        waiting -= set(pb.FeedResponse.FromString(line.recv()).feeds)


def listened(
    simulator: SimulatorProcess, line: websocket.WebSocket, speed: float
) -> tuple[Counter[str], list[float]]:
    """Updates by instrument, and by how many real milliseconds each frame came after its stamp."""
    simulator.set_clock(NOW + 40 * NANOS_PER_SECOND, speed)
    at_ms, since = simulator.clock() / 1e6, time.monotonic()
    until = time.monotonic() + WARM_S
    while time.monotonic() < until:
        line.recv()
    raw: list[tuple[float, Any]] = []
    until = time.monotonic() + FEED_S
    while time.monotonic() < until:
        content = line.recv()
        raw.append((time.monotonic() - since, content))
    updates: Counter[str] = Counter()
    late: list[float] = []
    for after_s, content in raw:
        frame = pb.FeedResponse.FromString(content)
        updates.update(frame.feeds.keys())
        late.append(1000 * after_s - (frame.currentTs - at_ms) / speed)
    return updates, late


def main() -> None:
    """Measure and print."""
    market = ModelMarket(SEED, Calendar.default())
    listings = market.listings(DAY)
    shares = {listing.trading_symbol: listing.key for listing in listings if listing.kind == "EQ"}
    options = [listing.key for listing in listings if listing.kind in ("CE", "PE")]
    with SimulatorProcess(SEED, NOW, speed=0.0) as simulator:
        requests(simulator, shares)
        feed(simulator, [NIFTY, *shares.values(), *options])


if __name__ == "__main__":
    main()
