"""A market that does what a test says: its last price, volume and book change only when they are set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import NamedTuple

from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.upstox.exchange import Exchange, Update
from sos_actors.simulator.upstox.exchange_orders import Conduct, OrderRow, OrderTerms
from sos_actors.simulator.view import Level, Listing, State
from sos_actors.simulator.world import Strictness, World
from sos_actors.types import Segment, Side
from tests.simulator.upstox.staged import BASES, CALL, FUTURE, LISTED, NIFTY, PUT, RELIANCE, TODAY, StagedMarket

__all__ = ["CALL", "FUTURE", "NIFTY", "PUT", "RELIANCE", "TODAY"]

Offers = Sequence[tuple[float, int]]
LATER = date(2026, 1, 14)


class Scene(NamedTuple):
    """What the market of an instrument shows from a moment on."""

    ts: int
    ltp: float
    volume: int
    bids: Offers
    asks: Offers
    band: tuple[float, float]


def at(text: str, day: date = TODAY) -> int:
    """``10:30:15`` on the day of the tests, UnixNanos."""
    return moment_of(day, time.fromisoformat(text))


class ScriptedMarket(StagedMarket):
    """Its calls are worth 100, its puts 50, the share 1,400 and NIFTY 25,600, unless told otherwise."""

    description = "scripted"

    def __init__(self) -> None:
        super().__init__()
        self._scenes: dict[str, list[Scene]] = {}
        self.looks = 0
        for listing in LISTED:
            price = {NIFTY: 25_600.0, RELIANCE: 1_400.0, FUTURE: 25_650.0, PUT: 50.0}.get(listing.key, 100.0)
            self.set(listing.key, at("00:00", date(2026, 1, 1)), price)

    def set(
        self,
        key: str,
        ts: int,
        ltp: float,
        volume: int = 0,
        bids: Offers | None = None,
        asks: Offers | None = None,
        band: tuple[float, float] = (0.05, 100_000.0),
    ) -> None:
        """From ``ts`` on the instrument looks like this; without offers there are ten lots a tick away on each side."""
        listing = next(each for each in (*BASES, *LISTED) if each.key == key)
        tick, size = listing.tick or 0.05, max(listing.lot, 1) * 10
        book_bids = [(round(ltp - tick, 2), size)] if bids is None else bids
        book_asks = [(round(ltp + tick, 2), size)] if asks is None else asks
        scenes = self._scenes.setdefault(key, [])
        scenes.append(Scene(ts, ltp, volume, book_bids, book_asks, band))
        scenes.sort(key=lambda scene: scene.ts)

    def state(self, listing: Listing, ts: int) -> State:
        self.looks += 1
        key = listing.key
        scene = next(scene for scene in reversed(self._scenes[key]) if scene.ts <= ts)
        depth = []
        for place in range(max(len(scene.bids), len(scene.asks)) if listing.segment is not Segment.INDEX else 0):
            bid = scene.bids[place] if place < len(scene.bids) else (0.0, 0)
            ask = scene.asks[place] if place < len(scene.asks) else (0.0, 0)
            depth.append(Level(bid[1], bid[0], ask[1], ask[0]))
        no_greeks = (0.0, 0.0, 0.0, 0.0, 0.0)
        return State(
            ts, scene.ltp, max(scene.ts, 1), 65, 90.0, scene.volume, scene.ltp, 0.0, 0.0, 0.2, no_greeks, None, None,
            tuple(depth), 0, 0, *scene.band,
        )  # fmt: skip


@dataclass(slots=True)
class Floor:
    """An exchange on a scripted market, and everything it has told."""

    world: World
    market: ScriptedMarket
    exchange: Exchange
    told: list[Update]

    def wait(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.world.clock.step(seconds)
        self.exchange.advance(self.world.clock.now())

    def wait_until(self, ts: int) -> None:
        """Let simulated time pass until a moment."""
        self.world.clock.set(at=ts)
        self.exchange.advance(ts)

    def place(
        self, key: str = CALL, quantity: int = 65, side: Side = Side.BUY, kind: str = "LIMIT", **more: object
    ) -> str:
        """Place an order, a limit order at 100 unless told otherwise; returns its id."""
        if kind in ("LIMIT", "SL"):
            more.setdefault("price", 100.0)
        else:
            more.setdefault("market_protection", -1.0)
        return self.exchange.place(OrderTerms(key, quantity, side, kind, **more))[0]  # type: ignore[arg-type]

    def fill(self, key: str = CALL, quantity: int = 65, side: Side = Side.BUY, **more: object) -> str:
        """Place an order at the market and let it fill."""
        order_id = self.place(key, quantity, side, "MARKET", **more)
        self.wait(1)
        assert self.row(order_id).filled == quantity
        return order_id

    def row(self, order_id: str) -> OrderRow:
        """How an order stands."""
        return self.exchange.order(order_id).row

    def statuses(self, order_id: str) -> list[str]:
        """Every status an order has had, each told to the listeners too."""
        rows = self.exchange.order(order_id).history
        assert [each for each in self.told if isinstance(each, OrderRow) and each.order_id == order_id] == rows
        return [str(row.status) for row in rows]


def scripted_world(when: int | None = None, funds: float = 1_000_000.0, **strictness: object) -> World:
    """A world at 10:30 unless told otherwise, on a clock that stands still."""
    clock = SimulatedClock(at("10:30") if when is None else when, 0.0)
    rules = Strictness(**strictness)  # type: ignore[arg-type]
    return World(ScriptedMarket(), clock, strictness=rules, opening_funds=funds)


def floor(
    when: int | None = None, funds: float = 1_000_000.0, conduct: Conduct | None = None, **strictness: object
) -> Floor:
    """An exchange at 10:30 unless told otherwise, on a clock that stands still."""
    world = scripted_world(when, funds, **strictness)
    market = world.market
    assert isinstance(market, ScriptedMarket)
    exchange = Exchange(world, conduct)
    told: list[Update] = []
    exchange.listen(told.append)
    return Floor(world, market, exchange, told)
