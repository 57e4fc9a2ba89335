"""Upstox's own streamers, unmodified, at the simulated feed and stream: through the tunnel, under their real names."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from upstox_client import MarketDataStreamerV3, OrderApiV3, PlaceOrderV3Request, PortfolioDataStreamer

from sos_actors.simulator.server import RunningSimulator, running
from sos_actors.simulator.upstox.app import make_app
from tests.simulator.markets import small_world
from tests.simulator.upstox.broker import sdk

NIFTY, RELIANCE = "NSE_INDEX|Nifty 50", "NSE_EQ|INE002A01018"
BOUND_S = 10.0


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSimulator]:
    world = small_world()
    with running(world, apps=lambda: {"upstox": make_app(world)}, tunnel=True) as simulator:
        monkeypatch.setenv("https_proxy", simulator.addresses["tunnel"])
        yield simulator
    for thread in threading.enumerate():  # the end of the server ends them; their own disconnect may take ten seconds
        if "run_forever" in thread.name:
            thread.join(BOUND_S)
            assert not thread.is_alive()


class Events:
    """What a streamer says."""

    def __init__(self, streamer: Any) -> None:
        self.messages: list[Any] = []
        self.errors: list[Any] = []
        self.changed = threading.Condition()
        self.is_open = self.is_closed = False
        streamer.on("open", lambda *_: self._note("is_open"))
        streamer.on("close", lambda *_: self._note("is_closed"))
        streamer.on("message", lambda message: self._keep(self.messages, message))
        streamer.on("error", lambda error: self._keep(self.errors, error))

    def _note(self, name: str) -> None:
        with self.changed:
            setattr(self, name, True)
            self.changed.notify_all()

    def _keep(self, where: list[Any], what: Any) -> None:
        with self.changed:
            where.append(what)
            self.changed.notify_all()

    def until(self, condition: Callable[[], Any]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, BOUND_S), (self.messages, self.errors)


def streaming(streamer: Any) -> Events:
    """What a connected streamer says."""
    events = Events(streamer)
    streamer.auto_reconnect(False)
    streamer.connect()
    events.until(lambda: events.is_open)
    return events


def quotes(events: Events) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for message in events.messages:
        merged |= message.get("feeds", {})
    return merged


def test_the_market_data_streamer_is_at_home(simulator: RunningSimulator) -> None:
    with sdk(simulator.addresses["upstox"]) as client:
        streamer = MarketDataStreamerV3(client, [NIFTY, RELIANCE], "full")
        events = streaming(streamer)
        events.until(lambda: {NIFTY, RELIANCE} <= set(quotes(events)))
        streamer.change_mode([RELIANCE], "option_greeks")
        events.until(lambda: "firstLevelWithGreeks" in quotes(events)[RELIANCE])
        streamer.unsubscribe([NIFTY])
        streamer.subscribe([RELIANCE], "ltpc")
        events.until(lambda: "ltpc" in quotes(events)[RELIANCE])
        count = len(events.messages)
        simulator.world.clock.step(20)
        events.until(lambda: len(events.messages) > count + 3)
    first = events.messages[0]
    assert first["type"] == "market_info"
    assert first["marketInfo"]["segmentStatus"]["NSE_FO"] == "NORMAL_OPEN"
    full = next(m["feeds"][RELIANCE] for m in events.messages if "fullFeed" in m.get("feeds", {}).get(RELIANCE, {}))
    assert set(full["fullFeed"]["marketFF"]) >= {"ltpc", "marketLevel", "optionGreeks", "marketOHLC", "atp", "vtt"}
    assert full["requestMode"] == "full_d5"
    assert isinstance(full["fullFeed"]["marketFF"]["ltpc"]["ltt"], str)
    assert events.errors == []


def test_the_portfolio_streamer_is_at_home(simulator: RunningSimulator) -> None:
    with sdk(simulator.addresses["upstox"]) as client:
        streamer = PortfolioDataStreamer(client, order_update=True, position_update=True)
        events = streaming(streamer)
        body = PlaceOrderV3Request(
            quantity=1, product="I", validity="DAY", price=1000.0, tag="t", instrument_token=RELIANCE,
            order_type="LIMIT", transaction_type="BUY", disclosed_quantity=0, trigger_price=0.0, is_amo=False,
            slice=False,
        )  # fmt: skip
        order_id = OrderApiV3(client).place_order(body).data.order_ids[0]
        simulator.world.clock.step(2)
        events.until(lambda: events.messages)
    told = json.loads(events.messages[0])
    assert (told["update_type"], told["order_id"], told["tag"]) == ("order", order_id, "t")
