from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.exchange import Exchange, Update
from sos_actors.simulator.upstox.exchange_orders import FOLLOWS, OrderChange, OrderRow, OrderTerms, Status
from sos_actors.simulator.upstox.positions import Position
from sos_actors.types import NANOS_PER_SECOND, Side
from tests.simulator.markets import moment, small_world
from tests.simulator.upstox.scripted import CALL, FUTURE, PUT, RELIANCE, Floor, at, floor

KEYS = {CALL: 65, PUT: 65, FUTURE: 65, RELIANCE: 1}
START = {CALL: 100.0, PUT: 50.0, FUTURE: 25_650.0, RELIANCE: 1_400.0}


class Step(NamedTuple):
    """Something done some tenths of a second after the step before."""

    tenths: int
    what: str
    key: str
    side: Side
    lots: int
    kind: str
    away: int
    which: int


steps = st.lists(
    st.builds(
        Step,
        tenths=st.integers(0, 40),
        what=st.sampled_from(["place", "place", "place", "modify", "cancel"]),
        key=st.sampled_from(sorted(KEYS)),
        side=st.sampled_from(Side),
        lots=st.integers(1, 14),
        kind=st.sampled_from(["LIMIT", "LIMIT", "MARKET", "SL", "SL-M", "IOC"]),
        away=st.integers(-6, 6),
        which=st.integers(0, 5),
    ),
    min_size=1,
    max_size=12,
)
walks = st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 300), st.integers(0, 400)), min_size=1, max_size=20)


def staged(walk: Sequence[tuple[int, int, int]]) -> Floor:
    """Every instrument walks alike, a step each two seconds."""
    here = floor(funds=400_000)
    for key, lot in KEYS.items():
        price, volume = START[key], 0
        for number, (move, traded, size) in enumerate(walk):
            tick = 0.05 if key in (CALL, PUT) else 0.1
            price, volume = round(price + move * tick, 2), volume + traded * lot
            offers = [(round(price + n * tick, 2), size * lot) for n in (1, 2)]
            wanted = [(round(price - n * tick, 2), size * lot) for n in (1, 2)]
            here.market.set(key, at("10:30:01") + 2 * number * NANOS_PER_SECOND, price, volume, wanted, offers)
    return here


def act(here: Floor, step: Step) -> None:
    """Do a step; what is refused is done as well."""
    ids = [order.row.order_id for order in here.exchange.orders()]
    tick = 0.05 if step.key in (CALL, PUT) else 0.1
    price = round(START[step.key] + step.away * tick, 2)
    kind = "LIMIT" if step.kind == "IOC" else step.kind
    is_priced = kind in ("LIMIT", "SL")
    trigger = price if kind.startswith("SL") else 0.0
    protection = None if is_priced else 2.0
    try:
        if step.what == "place":
            here.exchange.place(
                OrderTerms(
                    step.key, step.lots * KEYS[step.key], step.side, kind, "I", "IOC" if step.kind == "IOC" else "DAY",
                    price if is_priced else 0.0, trigger, market_protection=protection,
                )
            )
        elif ids and step.what == "cancel":
            here.exchange.cancel(ids[step.which % len(ids)])
        elif ids:
            row = here.row(ids[step.which % len(ids)])
            limit = round(row.price + tick, 2) if is_priced else 0.0
            change = OrderChange(
                row.order_id, kind, "DAY", limit, limit if trigger else 0.0, None, None, protection
            )  # fmt: skip
            here.exchange.modify(change)
    except UpstoxRefusal:
        pass


def played(walk: Sequence[tuple[int, int, int]], script: Sequence[Step], beat: float | None) -> Floor:
    """The script on a market; looked at each ``beat`` seconds in between, or only when something is asked."""
    here = staged(walk)
    for step in script:
        end = here.world.clock.now() + step.tenths * NANOS_PER_SECOND // 10
        while beat and here.world.clock.now() + int(beat * NANOS_PER_SECOND) < end:
            here.wait(beat)
        here.wait_until(end)
        act(here, step)
    here.wait(45)
    return here


def trades_value(here: Floor) -> float:
    return sum(-trade.order.terms.side * trade.quantity * trade.price for trade in here.exchange.trades())


@settings(derandomize=True, max_examples=40, deadline=None)
@given(walks, steps)
def test_orders_positions_and_money_always_add_up(walk: list[tuple[int, int, int]], script: list[Step]) -> None:
    here = played(walk, script, None)
    exchange = here.exchange
    filled = dict.fromkeys((order.row.order_id for order in exchange.orders()), 0)
    for trade in exchange.trades():
        filled[trade.order.order_id] += trade.quantity
    for order in exchange.orders():
        before: Status | None = None
        for row in order.history:
            assert row.status in FOLLOWS[before]
            assert row.filled + row.unfilled == row.quantity
            assert row.unfilled >= 0
            before = row.status
        row = order.row
        assert row.filled == filled[row.order_id]
        assert (row.status is Status.COMPLETE) == (row.unfilled == 0)
        if row.filled:
            path = [START[row.listing.key], *(scene.ltp for scene in here.market._scenes[row.listing.key])]
            assert min(path) - 1 <= row.average_price <= max(path) + 1
    positions = exchange.account.positions.values()
    worth = sum(p.quantity * exchange.last_price(p.listing) for p in positions)
    gain = sum(p.realised + p.unrealised(exchange.last_price(p.listing)) for p in positions)
    assert gain == pytest.approx(trades_value(here) + worth, abs=0.01)
    money = exchange.money()
    assert money.available + money.used == pytest.approx(money.opening)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(walks, steps, st.sampled_from([0.07, 0.3, 1.0]))
def test_it_makes_no_difference_how_often_it_is_advanced(
    walk: list[tuple[int, int, int]], script: list[Step], beat: float
) -> None:
    once, often = played(walk, script, None), played(walk, script, beat)
    assert once.told == often.told
    assert once.exchange.trades() == often.exchange.trades()


def traded_on_the_model() -> tuple[list[Update], Exchange]:
    """A minute of orders on the seeded market."""
    world = small_world("2026-01-13 10:30")
    exchange, told = Exchange(world), list[Update]()
    exchange.listen(told.append)
    listing = world.market.named("NSE|FO|NIFTY 25600 CE 20 JAN 26", date(2026, 1, 13))
    assert listing is not None
    state = world.market.state(listing, exchange.now)
    best = state.depth[0]
    exchange.place(OrderTerms(listing.key, listing.lot * 10, Side.BUY, "LIMIT", price=best.bid_price))
    exchange.place(OrderTerms(listing.key, listing.lot * 200, Side.BUY, "MARKET", market_protection=3.0, slice=True))
    exchange.place(OrderTerms(listing.key, listing.lot, Side.SELL, "SL-M", trigger_price=round(state.ltp - 1, 2),
                              market_protection=-1.0))  # fmt: skip
    exchange.advance(moment("2026-01-13 10:33"))
    return told, exchange


def test_the_same_orders_on_the_seeded_market_fill_the_same_twice() -> None:
    (first, exchange), (second, _) = traded_on_the_model(), traded_on_the_model()
    assert first == second
    fills = [update for update in first if isinstance(update, Position)]
    rows = [update for update in first if isinstance(update, OrderRow)]
    assert len(fills) == len(exchange.trades()) > 5
    assert {row.status for row in rows} >= {Status.OPEN, Status.COMPLETE}
    large = [order.row for order in exchange.orders() if order.protection == 3.0]
    prices = {trade.price for trade in exchange.trades() if trade.order.order_id in {row.order_id for row in large}}
    assert len(prices) > 3, "a large order pays more than one price"
    assert sum(row.filled for row in large) == 200 * large[0].listing.lot
