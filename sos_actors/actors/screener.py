"""Asks the screener which stocks are in play, tells who comes and goes, and holds our prices against the screener's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sos_actors.actors.describing import Describe
from sos_actors.actors.errands import Errands, Failed, Returned, Spawn, spawn_thread, teller
from sos_actors.actors.stocks_in_play import StocksInPlay
from sos_actors.errors import SosError
from sos_actors.market.price_watch import PriceWatch
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.market import ScreenerAlert
from sos_actors.messages.records import DepthRow, Fact
from sos_actors.messages.snapshots import ScreenerScan
from sos_actors.ports import EventSink, ReferencePrices, Screener
from sos_actors.runtime.actor import Actor
from sos_actors.runtime.clock import Clock
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.timers import Timers

log = logging.getLogger(__name__)
SCAN, PRICES = "scan", "prices"
Prices = Mapping[str, tuple[float, int]]


@dataclass(frozen=True, slots=True)
class ScreenerSettings:
    """How often is asked (seconds of the clock), and how long an answer may take (real seconds)."""

    period_s: float
    timeout_s: float = 25.0


@dataclass(frozen=True, slots=True)
class ScreenerHearers:
    """Who hears of an alert: the store, whoever shows it (the bridge), and whoever begins and ends the following."""

    record: Callable[[Fact], object]
    show: Callable[[ScreenerAlert], object]
    funnel: Callable[[ScreenerAlert], object]


@dataclass(frozen=True, slots=True)
class Scan:
    """It is time to ask."""


class ScreenerActor(Actor):
    """Asks on errands; a scan that fails counts as one that shows nobody.

    Args:
        prices: whose prices ours are held against.
        stocks: who is in play.
        watch: which prices agree; like ``stocks`` it outlives this actor, for a restart changes neither.
        ours: our last price of every symbol that is followed, and its moment (UnixNanos).
        is_open: whether the market trades at a moment; while it does not nobody is asked.
    """

    def __init__(
        self, settings: ScreenerSettings, screener: Screener, prices: ReferencePrices, stocks: StocksInPlay,
        watch: PriceWatch, sink: EventSink, hearers: ScreenerHearers, timers: Timers, clock: Clock, *,
        ours: Callable[[], Prices], is_open: Callable[[int], bool], spawn: Spawn = spawn_thread,
        mailbox: Mailbox | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox)
        self._tell_me = teller(self.actor_ref)
        self._settings, self._screener, self._prices, self._stocks = settings, screener, prices, stocks
        self._sink, self._hearers, self._timers, self._clock = sink, hearers, timers, clock
        self._ours, self._is_open = ours, is_open
        self._watch = watch
        self._errands = Errands("screener", self._tell_me, timeout_s=settings.timeout_s, most=2, spawn=spawn)
        self._compared: Prices = {}
        self._trouble = ""

    def on_start(self) -> None:
        """Ask at once, then every period."""
        self.cancel_at_end(self._timers.every(self._settings.period_s, lambda: self._tell_me(Scan()), name="screener"))
        self._tell_me(Scan())

    def on_receive(self, message: Any) -> Any:
        """Ask, take an answer, or tell who waits."""
        if isinstance(message, Scan):
            self._ask()
        elif isinstance(message, Returned):
            if self._errands.accept(message):
                self._take(message.key, message.outcome)
        elif isinstance(message, Describe):
            return {"waiting": self._stocks.waiting, "followed": self._stocks.followed, "trouble": self._trouble}
        else:
            return super().on_receive(message)
        return None

    def _ask(self) -> None:
        if not self._is_open(self._clock()):
            return
        for key in self._errands.overdue():
            self._take(key, Failed(SosError(f"The {key} was not answered within {self._settings.timeout_s:.0f} s.")))
        self._errands.send(SCAN, self._screener.scan)
        if PRICES not in self._errands.out and (ours := dict(self._ours())):
            self._compared = ours
            self._errands.send(PRICES, lambda: self._prices.prices(list(ours)))

    def _take(self, key: str, outcome: object) -> None:
        failed = outcome if isinstance(outcome, Failed) else None
        if failed is not None and not isinstance(failed.error, SosError):
            log.error("The screener's %s failed.", key, exc_info=failed.error)
        if key == PRICES:
            if isinstance(outcome, dict):
                self._watch.compare(self._compared, outcome, self._clock())
            return
        trouble = str(failed.error) if failed is not None else ""
        if trouble and not self._trouble:
            log.warning("The screener does not answer: %s", trouble)
        self._trouble = trouble
        if isinstance(outcome, ScreenerScan):
            alerts = self._stocks.after(outcome)
            self._keep_volumes(outcome)
        else:
            alerts = self._stocks.after_silence(self._clock())
        for alert in alerts:
            self._tell(alert)

    def _tell(self, alert: ScreenerAlert) -> None:
        log.info("%s %s: %.1f times its volume, score %.0f.", alert.action, short_name_of(alert.symbol), alert.rvol,
                 alert.momentum_score)  # fmt: skip
        self._hearers.record(alert)
        self._sink.publish(alert)
        self._hearers.show(alert)
        self._hearers.funnel(alert)

    def _keep_volumes(self, scan: ScreenerScan) -> None:
        followed = set(self._stocks.followed)
        for row in scan.rows:
            if row.symbol in followed and (rvol := row.values.get("rvol")) is not None:
                self._hearers.record(DepthRow(scan.ts_event, short_name_of(row.symbol), rvol=rvol))
