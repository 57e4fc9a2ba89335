"""The rig with stop orders at the broker: prices set them off, while exits, cancels and crashes come between."""

from __future__ import annotations

from collections import defaultdict
from random import Random

from sos_actors.config.running import Orders
from sos_actors.engine.execution.working import is_stop
from sos_actors.engine.positions import ORDERS_EACH
from sos_actors.messages.broker import OrderState
from sos_actors.messages.trading import OrderUpdated, PositionCorrected, PositionOpened
from sos_actors.types import NANOS_PER_SECOND
from tests.engine.execution.fake_exchange import Resting
from tests.engine.execution.rig import Rig, new_desk
from tests.engine.execution.small_engine import SYMBOL, Held

STOP_AWAY = 2.0


class StopRig(Rig):
    """Every position's stop is so far away; the broker's one percent further."""

    leaves = 0.97

    def __init__(self, rng: Random, *, late_s: float = 1.5, faults: float = 0.3) -> None:
        super().__init__(rng, late_s=late_s, faults=faults)
        self.config = Orders(broker_stop=True, broker_stop_percent=1.0)
        self.desk = new_desk(broker_stop=True, broker_stop_percent=1.0)

    def exchange_words(self) -> None:
        """The engine says where it stops after every fill of an entry."""
        before = {number: held.filled for number, held in self.engine.positions.items()}
        super().exchange_words()
        for number, held in self.engine.positions.items():
            if held.filled != before.get(number, 0):
                self.to_desk.append(self._opened(held))

    def _opened(self, held: Held) -> PositionOpened:
        stop = round(self.exchange.price - STOP_AWAY * int(held.side), 2)
        opened = PositionOpened(
            self.when, held.number, SYMBOL, held.side, held.filled, self.exchange.price, stop, stop
        )  # fmt: skip
        self.opened.append(opened)
        return opened

    def hold_still(self, seconds: float) -> None:
        """Nothing goes wrong, nobody leaves, and no price changes."""
        self.faults = 0.0
        for number, held in self.engine.positions.items():
            if held.filled < held.quantity:
                self.to_desk.append(self.engine.cancel(self.now, number))
        until = self.now + int(seconds * NANOS_PER_SECOND)
        while self.now < until:
            self.now += NANOS_PER_SECOND // 4
            self.exchange.match(self.rng, 75, 1.0)
            while self.lane:
                self.carry_out(self.lane.pop(0))
            self.exchange_words()
            self.take(self.desk.on_time(self.when))
            self.check()

    def by_position(self) -> dict[int, list[Resting]]:
        found: dict[int, list[Resting]] = defaultdict(list)
        for order in self.exchange.orders.values():
            found[number_of(order) // ORDERS_EACH].append(order)
        return found

    def stops(self) -> list[Resting]:
        return [order for order in self.exchange.orders.values() if is_stop_order(order)]

    def check(self) -> None:
        super().check()
        if self.late_s > 2.0 or any("cannot be cancelled" in trouble.text for trouble in self.troubles):
            return
        for number, orders in self.by_position().items():
            side = orders[0].request.side  # the entry comes first
            held = sum(int(order.request.side) * int(side) * order.filled for order in orders)
            live = [order for order in orders if order.is_live and order.request.side is not side]
            going = sum(order.request.quantity - order.filled for order in live)
            assert held >= going, f"{going} of {held} units of position {number} are for sale"

    def check_guarded(self) -> int:
        """Every position that nobody leaves has its stop order, for all of it; returns how many there are."""
        guarded = 0
        orders = self.by_position()
        for number, held in self.engine.positions.items():
            units = held.filled - held.closing
            waiting = [o for o in orders[number] if is_stop_order(o) and o.is_live]
            if units and not held.is_leaving:
                assert sum(o.request.quantity - o.filled for o in waiting) == units
                assert all(o.state is not OrderState.REJECTED and o.request.side is not held.side for o in waiting)
                guarded += 1
            elif not units:
                assert waiting == []
        return guarded

    def is_quiet(self) -> bool:
        orders = self.exchange.orders.values()
        busy = self.to_desk or self.to_engine or any(order.is_live or order.appears > self.now for order in orders)
        closed = all(held.is_closed for held in self.engine.positions.values())
        told = sum(update.fill_quantity for update in self.engine.told if isinstance(update, OrderUpdated))
        filled = sum(order.filled for order in orders if not is_stop_order(order))
        return not busy and self.desk.is_idle and closed and told == filled

    def check_end(self) -> None:
        assert self.exchange.net() == 0, "something is still held"
        assert not any(order.is_live for order in self.exchange.orders.values()), "something is left at the broker"
        assert all(held.is_closed for held in self.engine.positions.values())
        told: dict[int, int] = defaultdict(int)
        for update in self.engine.told:
            if isinstance(update, OrderUpdated):
                told[update.order_id] += update.fill_quantity
        for order_id, units in self.filled().items():
            assert is_stop(order_id) or told[order_id] == units
        if self.late_s > 2.0:
            return
        for number, held in self.engine.positions.items():
            sold = sum(order.filled for order in self.by_position()[number] if order.request.side is not held.side)
            assert held.closing == held.filled == sold, "the engine and the exchange differ"
            assert told[number * ORDERS_EACH] == held.filled

    def filled(self) -> dict[int, int]:
        units: dict[int, int] = defaultdict(int)
        for order in self.exchange.orders.values():
            units[number_of(order)] += order.filled
        return units

    def corrected(self) -> list[PositionCorrected]:
        return [update for update in self.engine.told if isinstance(update, PositionCorrected)]


def number_of(order: Resting) -> int:
    """The desk's number of an order at the exchange."""
    return int(order.request.tag.split("-")[1])


def is_stop_order(order: Resting) -> bool:
    return is_stop(number_of(order))
