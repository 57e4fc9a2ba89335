"""A well-behaved engine that listens while others misbehave: its stream must stay whole, and on time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sos_actors.runtime.clock import monotonic_ns
from tests.bridge.bridges import Running, at, bar, check
from tests.bridge.contract_engine import Engine

STOCKS = 50
LEAST = 100
EVERY_S = 0.002
LATEST_S = 2.0
"""Far more than it takes, for a busy machine; far less than any time-out of the bridge."""


class _Feeder(threading.Thread):
    """Tells the hub a bar every few milliseconds until it is told to stop."""

    def __init__(self, bridge: Running) -> None:
        super().__init__()
        self._hub = bridge.hub
        self.done = threading.Event()
        self.told: list[tuple[str, int]] = []
        self.told_ns: list[int] = []

    def run(self) -> None:
        while not self.done.wait(EVERY_S) or len(self.told) < LEAST:
            minute, stock = divmod(len(self.told), STOCKS)
            self.told.append((f"S{stock}", at(minute + 1) // 10**6))
            self.told_ns.append(monotonic_ns())
            self._hub.bar(bar(minute, f"NSE|EQ|S{stock}"))


class _Reader(threading.Thread):
    """Listens until it has heard as much as was told."""

    def __init__(self, engine: Engine, feeder: _Feeder) -> None:
        super().__init__()
        self._engine, self._feeder = engine, feeder
        self.heard: list[tuple[str, int]] = []
        self.heard_ns: list[int] = []

    def run(self) -> None:
        while self._feeder.is_alive() or len(self.heard) < len(self._feeder.told):
            message = self._engine.hear_until("MARKET_UPDATE")
            self.heard_ns.append(monotonic_ns())
            self.heard.append((message["data"]["symbol"], message["timestamp"]))


@contextmanager
def witness(bridge: Running, path: str = "/") -> Iterator[Engine]:
    """An engine that listens to a stream of bars; afterwards it has heard each once, in order, and soon."""
    engine = bridge.engine(path)
    engine.hear_until("INSTRUMENT_SYNC")
    feeder = _Feeder(bridge)
    reader = _Reader(engine, feeder)
    feeder.start()
    reader.start()
    try:
        yield engine
    finally:
        feeder.done.set()
        feeder.join(10)
        bridge.hub.bar(bar(0, "NSE|EQ|LAST"))  # so that the reader looks up once more
        reader.join(10)
    assert not reader.is_alive(), "the witness waits for something that never came"
    last = ("LAST", at(1) // 10**6)
    assert [told for told in reader.heard if told != last] == feeder.told
    delays = [heard - told for heard, told in zip(reader.heard_ns, feeder.told_ns, strict=False)]
    assert max(delays) / 1e9 < LATEST_S
    check(engine.heard[:: len(engine.heard) // 20 or 1])
