"""A bridge with a server and sessions for tests, facts to feed it, and the check of every message by the schemas."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

import jsonschema
import numpy as np

from sos_actors.actors.engine_session import EngineSession
from sos_actors.bridge.connection import Tell
from sos_actors.bridge.contract import schemas
from sos_actors.bridge.hub import BridgeHub
from sos_actors.bridge.server import BridgeServer
from sos_actors.bridge.state import StreamState
from sos_actors.config.running import Bridge
from sos_actors.market.calendar import Calendar
from sos_actors.market.symbols import Instrument
from sos_actors.messages.market import BarClosed, ScreenerAlert, Sentiment
from sos_actors.messages.snapshots import OptionChain
from sos_actors.ports import EngineSocket
from sos_actors.runtime.clock import Clock
from sos_actors.types import NANOS_PER_MINUTE, NO_SECRET, Regime, Secret, Segment, UnixNanos
from tests.bridge.contract_engine import Engine, Message

NIFTY, BANKNIFTY, RELIANCE = "NSE|INDEX|NIFTY", "NSE|INDEX|BANKNIFTY", "NSE|EQ|RELIANCE"
NINE_FIFTEEN = 1_768_189_500 * 1_000_000_000
"""12 January 2026, 09:15 in India."""
_CHECKED: set[str] = set()
INSTRUMENTS = (
    Instrument(NIFTY, "NIFTY", Segment.INDEX, 0, float("nan"), 0, instrument_key="NSE_INDEX|Nifty 50"),
    Instrument(RELIANCE, "RELIANCE", Segment.EQ, 1, 0.1, 100_000, instrument_key="NSE_EQ|INE002A01018"),
)


def at(minute: float) -> UnixNanos:
    """So many minutes after 09:15."""
    return UnixNanos(NINE_FIFTEEN + int(minute * NANOS_PER_MINUTE))


def bar(minute: int, symbol: str = NIFTY, close: float = 25_000.5, volume: float | None = None) -> BarClosed:
    """The bar of the minute that opens so many after 09:15."""
    return BarClosed(at(minute + 1), symbol, at(minute), close - 1, close + 2, close - 3, close, volume)


def mood(minute: float, regime: Regime = Regime.BULLISH, symbol: str = NIFTY, pcr: float | None = 1.25) -> Sentiment:
    return Sentiment(at(minute), symbol, regime, pcr, 0.01, 30.0, 20.0, 25_500.0, 24_500.0)


def option_chain(minute: float, underlying: str = NIFTY, strikes: Sequence[float] = (24_900, 25_000)) -> OptionChain:
    strike = np.array(strikes, float)
    blank = np.full(len(strike), np.nan)
    columns = dict.fromkeys(
        ("ce_ltp", "pe_ltp", "ce_volume", "pe_volume", "ce_iv", "pe_iv", "ce_bid", "pe_bid", "ce_ask", "pe_ask"), blank
    )
    return OptionChain(
        at(minute), "nse", underlying, date(2026, 1, 13), 25_000.0, strike=strike, ce_oi=strike * 3, pe_oi=strike * 2,
        ce_oi_change=-strike, pe_oi_change=strike + 0, **columns,
    )  # fmt: skip


def alert(minute: float, symbol: str = RELIANCE, action: str = "ADD") -> ScreenerAlert:
    return ScreenerAlert(at(minute), symbol, action, rvol=2.4, momentum_score=88.0)


@cache
def sender_schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas())


def check(messages: Sequence[Message]) -> None:
    """Every message is one of the schemas'; what was checked before is not checked again."""
    for message in messages:
        text = json.dumps(message)
        if text not in _CHECKED:
            wrong = next(sender_schema().iter_errors(message), None)
            assert wrong is None, (wrong, message)
            _CHECKED.add(text)


def new_state(clock: Clock | None = None) -> StreamState:
    return StreamState(clock or (lambda: at(60)), Calendar.default().session)


def greet(socket: EngineSocket) -> Tell:
    """A session without a supervisor."""
    reference = EngineSession.start(socket)

    def tell(message: object) -> bool:
        alive = reference.is_alive()
        if alive:
            reference.tell(message)
        return alive

    return tell


@dataclass(frozen=True)
class Running:
    """A bridge that runs."""

    hub: BridgeHub
    server: BridgeServer
    state: StreamState
    engines: list[Engine] = field(default_factory=list)

    def engine(self, path: str = "/", **options: Any) -> Engine:
        """An engine that has connected; it is gone when the bridge is."""
        engine = Engine(self.port, path, **options)
        self.engines.append(engine)
        return engine

    @property
    def port(self) -> int:
        return self.server.port

    def wait(self, count: str, least: int = 1) -> None:
        """Until the server has counted so many of something."""
        eventually(lambda: self.server.seen().counts.get(count, 0) >= least, count)


def eventually(true: Callable[[], bool], what: str = "", within_s: float = 10.0) -> None:
    """Wait in small steps until it is true."""
    pause = threading.Event()
    for _ in range(int(within_s * 200)):
        if true():
            return
        pause.wait(0.005)
    raise AssertionError(f"not in {within_s:g} s: {what}")


@contextmanager
def running(
    settings: Bridge | None = None, token: Secret = NO_SECRET, *, most_waiting: int = 65_536, **changes: object
) -> Iterator[Running]:
    """A bridge on any free port, with sessions; afterwards no thread of it is left."""
    before = set(threading.enumerate())
    state = new_state()
    hub = BridgeHub(state, lambda: at(60), most_waiting=most_waiting)
    settings = replace(settings or Bridge(port=0, heartbeat_s=60.0), **changes)  # type: ignore[arg-type]
    server = BridgeServer(settings, token, hub, lambda: at(60), greet)
    server.start()
    bridge = Running(hub, server, state)
    try:
        yield bridge
    finally:
        for engine in bridge.engines:
            engine.kill()
        assert server.stop(10.0), "the bridge did not stop in time"
        eventually(lambda: not set(threading.enumerate()) - before, "threads are left")
