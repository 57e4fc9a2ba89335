"""A simulated session at wall speed: 200 stocks in play, 2,000 instruments, cold actors busy; latencies and growth.

Run: python -m tests.benchmarks.bench_live [minutes] [--wait block|yield|spin] [--warm minutes]. Beside it, in the same
process and at the same time, bare hops that wait the same way: bursts of one message each 200 us, a tenth of a second
every few seconds. It judges nothing by wall time; it prints figures, ratios and what was promised.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.live_building import Onlookers, Wishes, built
from sos_actors.app.live_status import StatusSource
from sos_actors.app.live_system import TradingSystem, running
from sos_actors.app.live_warming import warm_up
from sos_actors.app.logs import Logs
from sos_actors.app.process_figures import process_figures
from sos_actors.app.status_file import StatusWriter
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import Sentiment
from sos_actors.messages.status import RunStatus
from sos_actors.runtime.clock import wall_time
from sos_actors.runtime.dispatcher import LAST_CPU, NO_CPU
from sos_actors.runtime.latency import Stage, StageFigures, figures_of
from tests.benchmarks.bench_hops import BARE, LIKE
from tests.benchmarks.live_load import STOCKS, configuration, engine, follow_contracts, market, strategies

BURST, BURST_EVERY_S = 400, 4.0
SLOW, SLOW_NS = 100, 7_000_000
"""A bare hop is quicker the more often it is made, for caches and cores are awake: so some at the ring's own pace."""
PERCENTS = (50.0, 99.0, 99.9)
SENT_P99_MS, SENT_BOUND_MS, DECIDED_P99_MS, RATIO = 10.0, 25.0, 1.0, 3.0
Cells = NDArray[np.int64]


class BareHops(threading.Thread):
    """Bursts of bare hops until it is told to end."""

    def __init__(self, wait: str) -> None:
        super().__init__(name="bare-hops", daemon=True)
        hop = BARE[LIKE[f"ring, {wait}"]]
        self._hop = partial(hop, realtime=True) if wait == "block" else hop  # as the dispatcher is
        # two that spin on one core would measure the scheduler
        self._cpu = LAST_CPU if wait == "block" else NO_CPU
        self._delays: list[NDArray[np.int64]] = []
        self._slow: list[NDArray[np.int64]] = []
        self._over = threading.Event()

    def run(self) -> None:
        """Measure."""
        while not self._over.wait(BURST_EVERY_S):
            self._delays.append(self._hop(BURST, self._cpu))
            self._slow.append(self._hop(SLOW, self._cpu, SLOW_NS))

    def end(self) -> None:
        """No more bursts."""
        self._over.set()
        self.join()

    def forget(self) -> None:
        """Begin anew: what was measured belongs to the warm-up."""
        self._delays.clear()
        self._slow.clear()

    def figures_us(self) -> tuple[list[float], list[float]]:
        """Percentiles of hops at one each 200 us, and at the ring's pace."""
        both = []
        for measured in (self._delays, self._slow):
            delays = np.concatenate(measured) if measured else np.zeros(1, np.int64)
            both.append([float(ns) / 1000 for ns in np.percentile(delays, PERCENTS)])
        return both[0], both[1]


@dataclass(slots=True)
class Samples:
    """What is looked at each minute."""

    system: TradingSystem
    begun: dict[Stage, Cells] = field(default_factory=dict)
    last: dict[Stage, Cells] = field(default_factory=dict)
    ticks: int = 0
    grown: list[tuple[float, int, int]] = field(default_factory=list)

    def begin(self) -> None:
        """The warm-up is over."""
        self.begun = {stage: self.system.machine.latency.cells(stage) for stage in Stage}
        self.grown.clear()

    def figures(self, stage: Stage) -> StageFigures:
        """Of a stage since the warm-up."""
        return since(self.system.machine.latency.cells(stage), self.begun.get(stage))

    def minute(self, number: int) -> str:
        """One line of the table."""
        machine, process = self.system.machine, process_figures()
        now = {stage: machine.latency.cells(stage) for stage in Stage}
        decided, sent = (since(now[one], self.last.get(one)) for one in (Stage.DECIDED, Stage.SENT))
        counts, self.last = machine.ring.counts, now
        rate, self.ticks = (counts.ticks + counts.conflated - self.ticks) / 60, counts.ticks + counts.conflated
        memory = (process.memory_bytes or 0) / 1e6
        self.grown.append((memory, process.threads or 0, process.descriptors or 0))
        stall = max((one.worst_us for one in self.system.trading.dispatcher.stalls.minutes()[-2:]), default=0.0)
        stocks = len(self.system.market.stocks.followed)
        return (
            f"{number:>4} {stocks:>6} {rate:>7.0f} {counts.most_behind:>6}  {decided.p50_us:>7.0f}"
            f" {decided.p99_us:>7.0f} {decided.p999_us:>7.0f}  {sent.count:>5}"
            f" {sent.p50_us / 1e3:>6.2f} {sent.p99_us / 1e3:>7.2f}"
            f"  {stall / 1e3:>7.1f}  {memory:>7.1f} {process.threads:>4} {process.descriptors:>4}"
            f"  {os.getloadavg()[0]:>5.2f}"
        )


HEAD = (
    "minute stocks ticks/s behind  decided us p50/p99/p99.9     orders sent ms p50/p99  stall ms   RSS MB thrd  fds"
    "   load"
)


def since(cells: Cells, before: Cells | None) -> StageFigures:
    """The figures of what was counted between two moments; the maximum is that of all time."""
    if before is None:
        return figures_of(cells)
    difference = cells - before
    difference[-2] = cells[-2]
    return figures_of(difference)


def report(samples: Samples, bare: BareHops, wait: str) -> None:
    """The verdicts."""
    out = sys.stdout.write
    hop, slow = bare.figures_us()
    out(f"\nafter the warm-up, microseconds     p50       p99     p99.9       max    count   ({wait})\n")
    for stage in Stage:
        one = samples.figures(stage)
        out(f"  {stage.value:26} {one.p50_us:>9.0f} {one.p99_us:>9.0f} {one.p999_us:>9.0f} {one.max_us:>9.0f}"
            f" {one.count:>8}\n")  # fmt: skip
    for name, row in (("bare hop, one each 200 us", hop), ("bare hop, one each 7 ms", slow)):
        out(f"  {name:26} " + " ".join(f"{one:>9.1f}" for one in row) + "\n")
    decided, sent = samples.figures(Stage.DECIDED), samples.figures(Stage.SENT)
    ours = (decided.p50_us, decided.p99_us, decided.p999_us)
    for percent, mine, theirs, slower in zip(PERCENTS, ours, hop, slow, strict=True):
        ratio, at_pace = mine / max(theirs, 0.1), mine / max(slower, 0.1)
        out(f"published to decided, p{percent:g}: {ratio:.2f} x the bare hop: {held(ratio <= RATIO)} (3 x); at the"
            f" ring's pace {at_pace:.2f} x: {held(at_pace <= RATIO)}\n")  # fmt: skip
    out(f"published to decided, p99: {decided.p99_us / 1e3:.3f} ms: {held(decided.p99_us / 1e3 < DECIDED_P99_MS)}"
        f" (1 ms)\n")  # fmt: skip
    out(f"frame to request, p99: {sent.p99_us / 1e3:.2f} ms: {held(sent.p99_us / 1e3 < SENT_P99_MS)} (10 ms); slowest"
        f" {sent.max_us / 1e3:.2f} ms: {held(sent.max_us / 1e3 < SENT_BOUND_MS)} (25 ms)\n")  # fmt: skip
    first, last = samples.grown[0], samples.grown[-1]
    for name, before, after in zip(("memory MB", "threads", "descriptors"), first, last, strict=True):
        out(f"{name}: {before:g} to {after:g} in {len(samples.grown)} minutes\n")


def held(is_so: bool) -> str:
    """A verdict."""
    return "held" if is_so else "NOT held"


def run(minutes: int, warm: int, wait: str) -> None:
    """One session."""
    calendar, config = Calendar.default(), configuration(wait)
    texts = strategies(config)
    warm_up(config, texts, calendar)
    with ExitStack() as stack:
        place, _ = stack.enter_context(market(config, calendar))
        logs = Logs(place.folder, place.clock)
        logs.start()
        stack.callback(logs.stop)
        moods: dict[str, Sentiment] = {}
        run_id = secrets.token_hex(3)
        seen = Onlookers(lambda _: None, lambda mood: moods.__setitem__(mood.symbol, mood))
        system = stack.enter_context(built(place, Wishes("paper", texts, run_id), calendar, seen))
        about = RunStatus(run_id, os.getpid(), "paper", "paper", place.source, 1.0, True, place.clock(), wall_time())
        writer = StatusWriter(place.folder, StatusSource(system, about, logs, moods), config.status.every_s)
        stack.enter_context(running(system))
        writer.start()
        stack.callback(writer.stop)
        stack.enter_context(engine(system))
        contracts = follow_contracts(system)
        sys.stdout.write(f"{contracts} contracts beside {STOCKS} stocks; {warm} minutes of warm-up\n{HEAD}\n")
        bare = BareHops(wait)
        bare.start()
        stack.callback(bare.end)
        samples = Samples(system)
        for number in range(-warm, minutes + 1):
            if number == 0:
                samples.begin()
                bare.forget()
            sys.stdout.write(samples.minute(number) + "\n")
            sys.stdout.flush()
            if number < minutes:
                time.sleep(60)
        report(samples, bare, wait)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("minutes", type=int, nargs="?", default=30)
    asked.add_argument("--warm", type=int, default=3)
    asked.add_argument("--wait", choices=("block", "yield", "spin"), default="block")
    given = asked.parse_args()
    run(given.minutes, given.warm, given.wait)
