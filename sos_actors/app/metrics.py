"""The newest status as Prometheus metrics, on this machine only; off unless `status.prometheus_port` says otherwise.

Every figure is taken from the status when it is asked for; there are no names of instruments in it and no secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Self
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sos_actors.app.status_head import OPEN, RUNNING, all_actors
from sos_actors.errors import ConfigError
from sos_actors.messages.status import SystemStatus
from sos_actors.types import NANOS_PER_SECOND

HOST = "127.0.0.1"
QUANTILES = (("0.5", "p50_us"), ("0.99", "p99_us"), ("0.999", "p999_us"), ("1", "max_us"))


class Metrics:
    """The endpoint; `start` it, `stop` it.

    Args:
        latest: gives the newest status.
        port: on loopback; 0 takes any that is free.
    """

    def __init__(self, latest: Callable[[], SystemStatus | None], port: int) -> None:
        self._port = port
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(_FromStatus(latest))
        self._server: tuple[WSGIServer, Thread] | None = None

    def start(self) -> None:
        """Serve on a thread of its own.

        Raises:
            ConfigError: the port is taken.
        """
        try:
            self._server = start_http_server(self._port, HOST, self.registry)
        except OSError as error:
            raise ConfigError(
                f"status.prometheus_port: {HOST}:{self._port} cannot be served ({error.strerror}): name another port, "
                "or 0 for none."
            ) from error

    @property
    def address(self) -> str:
        """Where it is; empty while it is not."""
        return f"http://{HOST}:{self._server[0].server_port}/metrics" if self._server else ""

    def stop(self) -> None:
        """Serve no more; twice is once."""
        if self._server is not None:
            server, thread = self._server
            self._server = None
            server.shutdown()
            server.server_close()
            thread.join(2.0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _FromStatus(Collector):
    def __init__(self, latest: Callable[[], SystemStatus | None]) -> None:
        self._latest = latest

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every metric of the newest status; none before the first."""
        status = self._latest()
        if status is not None:
            yield from families(status)


def families(status: SystemStatus) -> Iterator[GaugeMetricFamily]:
    """A status as metrics; a figure nobody knows is left out."""
    for name, told, value in _plain(status):
        if value is not None:
            yield GaugeMetricFamily(f"sos_{name}", told, value=value)
    yield from _latencies(status)
    restarts = GaugeMetricFamily("sos_actor_restarts", "Restarts of an actor.", labels=["actor"])
    running = GaugeMetricFamily("sos_actor_running", "1 while an actor runs.", labels=["actor"])
    for _, actor in all_actors(status.actors):
        restarts.add_metric([actor.name], actor.restarts)
        running.add_metric([actor.name], actor.state == RUNNING)
    yield from (restarts, running)
    signals = GaugeMetricFamily("sos_signals", "Signals of the day by outcome.", labels=["outcome"])
    for one in status.day.signals:
        signals.add_metric([one.outcome], one.count)
    yield signals


def _latencies(status: SystemStatus) -> Iterator[GaugeMetricFamily]:
    quantiles = GaugeMetricFamily(
        "sos_latency_seconds", "How long a stage took; quantile 1 is the longest.", labels=["stage", "quantile"]
    )
    counts = GaugeMetricFamily("sos_latency_count", "How often a stage was measured.", labels=["stage"])
    for stage in status.latencies:
        for quantile, field in QUANTILES:
            quantiles.add_metric([stage.stage, quantile], getattr(stage, field) / 1e6)
        counts.add_metric([stage.stage], stage.count)
    yield from (quantiles, counts)


def _plain(status: SystemStatus) -> Iterator[tuple[str, str, float | None]]:
    """Name, meaning and value of what has no label."""
    day, feed, ring, kept, process = status.day, status.feed, status.ring, status.kept, status.process
    age = None if feed.last_price is None else (status.at - feed.last_price) / NANOS_PER_SECOND
    yield from (
        ("status_time_seconds", "When the figures were taken, by the wall clock.", status.wall / NANOS_PER_SECOND),
        ("market_time_seconds", "The same by the market's clock.", status.at / NANOS_PER_SECOND),
        ("real_money", "1 when orders are real.", status.run.mode == "real" and not status.run.simulated),
        ("trading_open", "1 while entries are allowed.", status.gate.rung == OPEN),
        ("trading_holds", "How many things trading waits for.", len(status.gate.holds)),
        ("positions", "Open positions.", len(status.positions)),
        ("orders", "Orders that are not done.", len(status.orders)),
        ("watched_symbols", "Symbols in play.", len(status.watchlist)),
        ("day_gross_inr", "Of closed trades, before charges.", day.gross),
        ("day_net_inr", "Of closed trades, after charges.", day.net),
        ("day_trades", "Closed trades.", day.trades),
        ("feed_up", "1 while the feed is connected.", feed.state == "up"),
        ("feed_frames_per_second", "Frames received.", feed.frames_per_s),
        ("feed_instruments", "Instruments subscribed.", feed.instruments),
        ("feed_price_age_seconds", "Since the last price, by the market's clock.", age),
        ("ring_published", "Events published.", ring.published),
        ("ring_ticks", "Ticks published.", ring.ticks),
        ("ring_conflated", "Ticks replaced by a newer one before they were read.", ring.conflated),
        ("ring_waited", "Times a publisher waited for room.", ring.waited),
        ("ring_most_behind", "Most events that were ever unread.", ring.most_behind),
        ("journal_records", "Records written.", kept.records),
        ("journal_bytes", "Bytes written.", kept.journal_bytes),
        ("store_pending", "Rows to be stored.", kept.store_pending),
        ("store_dropped", "Rows that could not be stored.", kept.store_dropped),
        ("bridge_engines", "External engines connected.", status.bridge.engines),
        ("bridge_sent", "Messages sent to them.", status.bridge.sent),
        ("stall_seconds", "The dispatcher's worst delay of the last minute.",
         status.stalls[-1].worst_us / 1e6 if status.stalls else None),
        ("memory_bytes", "Resident memory.", process.memory_bytes),
        ("threads", "Threads.", process.threads),
        ("descriptors", "Open descriptors.", process.descriptors),
    )  # fmt: skip
