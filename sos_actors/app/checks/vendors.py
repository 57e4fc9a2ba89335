"""The vendors that need no login: each is asked what SOS would ask it, by the very client SOS would use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sos_actors.app.addresses import addresses, strange_addresses
from sos_actors.app.checks.bounded import Examination
from sos_actors.app.checks.calendar import last_session_day, running_session
from sos_actors.app.checks.finding import Finding, Need, Status, spoken_s, told_by
from sos_actors.app.filling import own_folder
from sos_actors.app.rupees import format_count
from sos_actors.config import Config, is_loopback
from sos_actors.errors import MarketRuleError, UnknownSymbolError, VendorError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.snapshots import ScreenerScan
from sos_actors.runtime.clock import Clock
from sos_actors.vendors.nse.client import NseSite
from sos_actors.vendors.tradingview.chart import TradingViewChart
from sos_actors.vendors.tradingview.screener import TradingViewScreener
from sos_actors.vendors.trendlyne.client import SmartOptions

GROUP = "vendors"
STRANGER = "address"
ADDRESSES = "addresses"
"""The name of the finding that says which vendors are simulated."""
INDEX = "NSE|INDEX|NIFTY"
MOST_S = 8.0
UPSTOX_MOST_S = 5.0
"""No single step waits longer, whatever the configuration allows; Upstox's is taken up to three times."""


def bounded_config(config: Config) -> Config:
    """The configuration with time-outs short enough for somebody who waits."""
    upstox = replace(
        config.upstox, read_timeout_s=min(config.upstox.read_timeout_s, UPSTOX_MOST_S),
        connect_timeout_s=min(config.upstox.connect_timeout_s, UPSTOX_MOST_S),
    )  # fmt: skip
    others = {
        name: replace(section, timeout_s=min(section.timeout_s, MOST_S))
        for name, section in (("tradingview", config.tradingview), ("nse", config.nse), ("trendlyne", config.trendlyne))
    }
    return replace(config, upstox=upstox, **others)  # type: ignore[arg-type]


def addresses_finding(config: Config, is_simulated: Callable[[str], bool]) -> Finding:
    """Which vendors are simulated, said plainly."""
    urls = addresses(config)
    simulated = [name for name, url in urls.items() if is_simulated(url)]
    if not simulated:
        told = "none is simulated" if strange_addresses(config) else "all are the vendors' own; none is simulated"
        return Finding(GROUP, ADDRESSES, Status.OK, told)
    some = "all vendors" if len(simulated) == len(urls) else ", ".join(simulated)
    advice = "Nothing that comes from there is of the real market"
    if own_folder(config) != config.paths.data_dir:
        advice += f"; it is kept apart, in {own_folder(config)}"
    return Finding(GROUP, ADDRESSES, Status.WARN, f"SIMULATED: {some}", f"{advice}.")


def strange_findings(config: Config) -> Iterator[Finding]:
    """A warning for each address that is neither its vendor's own nor of this machine."""
    for told in strange_addresses(config):
        yield Finding(GROUP, STRANGER, Status.WARN, told, "Correct the configuration, unless that is meant.")


def spoken_address(url: str, is_simulated: Callable[[str], bool]) -> str:
    """Host of an address, with port where it has one; plainly, when it is simulated."""
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    return f"SIMULATED at {netloc}" if is_simulated(url) else netloc


@dataclass(frozen=True, slots=True)
class VendorChecks:
    """The questions, to be asked side by side.

    Attributes:
        config: with time-outs for somebody who waits.
        clock: what time it is for the vendors.
        is_simulated: which addresses are no vendor's.
    """

    config: Config
    calendar: Calendar
    clock: Clock
    is_simulated: Callable[[str], bool] = is_loopback

    def examinations(self) -> list[Examination]:
        """One for each vendor and way of asking."""
        config = self.config
        return [
            self._one("tradingview scan", config.tradingview.scanner_url, self._scan, ("breadth",)),
            self._one("tradingview chart", config.tradingview.chart_url, self._chart, ("candles",)),
            self._one("nse", config.nse.url, self._nse, ("chain", "breadth")),
            self._one("trendlyne", config.trendlyne.url, self._trendlyne, ("chain",)),
        ]

    def _one(self, name: str, url: str, ask: Callable[[], tuple[Status, str]], serves: tuple[str, ...]) -> Examination:
        where = spoken_address(url, self.is_simulated)

        def run() -> Iterator[Finding]:
            begun = time.monotonic()
            try:
                status, told = ask()
            except VendorError as error:
                yield Finding(GROUP, name, Status.FAIL, told_by(error), need=Need.REAL, serves=serves)
                return
            except (UnknownSymbolError, MarketRuleError) as error:
                yield Finding(GROUP, name, Status.FAIL, str(error), need=Need.REAL, serves=serves)
                return
            took = f"{(time.monotonic() - begun) * 1000:.0f} ms"
            yield Finding(GROUP, name, status, f"{where}, {took}: {told}", need=Need.REAL, serves=serves)

        return Examination(GROUP, name, run, Need.REAL, serves)

    def _scan(self) -> tuple[Status, str]:
        screener = TradingViewScreener(self.config.tradingview, self.config.screener, clock=self.clock)
        scan = screener.scan()
        session = running_session(self.calendar, self.clock())
        running = session is not None and session.open_ns <= self.clock()
        late = running and scan.delay_s is not None and scan.delay_s > self.config.tradingview.delayed_after_s
        return (Status.WARN if late else Status.OK), f"{format_count(scan.total)} in play, {_delay(scan)}"

    def _chart(self) -> tuple[Status, str]:
        day = last_session_day(self.calendar, self.clock())
        with TradingViewChart(self.config.tradingview, clock=self.clock) as chart:
            bars = chart.candles(INDEX, day, day)
        if not len(bars):
            return Status.WARN, f"no candles of NIFTY on {day}"
        return Status.OK, f"{len(bars)} candles of NIFTY on {day}"

    def _nse(self) -> tuple[Status, str]:
        with NseSite(self.config.nse, clock=self.clock) as site:
            breadth = site.breadth()
        return Status.OK, f"{breadth.universe}: {breadth.advances} up, {breadth.declines} down"

    def _trendlyne(self) -> tuple[Status, str]:
        with SmartOptions(self.config.trendlyne, clock=self.clock) as site:
            expiries = site.expiries(INDEX)
        return Status.OK, f"{len(expiries)} expiries of NIFTY"


def _delay(scan: ScreenerScan) -> str:
    if scan.delay_s is None:
        return "how old the data is was not told"
    modes = f" ({', '.join(scan.update_modes)})" if scan.update_modes else ""
    return f"data {spoken_s(max(scan.delay_s, 0.0))} old{modes}"
