"""Holds what the broker says we hold against what our orders say, while nothing works: somebody else may have sold it.

One look may come between two updates; it takes two alike to correct. The broker is right where it holds less; what it
holds beyond our orders is the trader's own.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sos_actors.actors.describing import Describe
from sos_actors.app.live_instruments import Instruments
from sos_actors.app.live_machine import Machine
from sos_actors.app.live_reconcile import Holding, corrections, holdings
from sos_actors.app.live_trading import Trading
from sos_actors.engine.execution.resume import Difference
from sos_actors.errors import SosError
from sos_actors.messages.broker import BrokerPosition
from sos_actors.messages.trading import PositionCorrected
from sos_actors.types import UnixNanos

_log = logging.getLogger(__name__)
EVERY_S = 10.0
"""Real seconds between two looks."""


@dataclass(slots=True)
class PositionWatch:
    """Looks now and then; used by one thread.

    Attributes:
        positions: asks the broker.
        held: the engine's positions.
        is_busy: whether an order of ours may still fill.
        tell: hears of a correction; for the engine and the orders.
        clock: UnixNanos.
        last_price: of a canonical symbol; None when unknown.
    """

    positions: Callable[[], Sequence[BrokerPosition]]
    held: Callable[[], Sequence[Holding]]
    is_busy: Callable[[], bool]
    tell: Callable[[PositionCorrected], object]
    clock: Callable[[], UnixNanos]
    instruments: Instruments
    last_price: Callable[[str], float | None]
    _before: tuple[tuple[int, int], ...] = field(default=())

    def look(self) -> None:
        """Compare once; a broker that does not answer changes nothing."""
        try:
            if self.is_busy() or not (held := [one for one in self.held() if one.units]):
                self._before = ()
                return
            found = self._differences(held, self.positions())
        except SosError as error:
            _log.info("Positions were not compared: %s", error)
            return
        told = corrections(held, found, self.instruments, self.last_price, self.clock())
        seen = tuple((one.position_id, one.quantity) for one in told)
        if seen and seen == self._before and not self.is_busy():
            for one in told:
                _log.error("The broker holds %d of position %d: somebody else has traded it.", one.quantity,
                           one.position_id)  # fmt: skip
                self.tell(one)
            seen = ()
        self._before = seen

    def _differences(self, held: Sequence[Holding], positions: Sequence[BrokerPosition]) -> list[Difference]:
        ours: dict[str, int] = defaultdict(int)
        brokers: dict[str, int] = defaultdict(int)
        for one in held:
            key = self.instruments.key_of(one.symbol)
            if key is not None:
                ours[key] += one.units
        for position in positions:
            brokers[position.instrument_key] += position.quantity
        now = self.clock()
        return [
            Difference(now, key, "the broker holds another quantity", units, brokers[key])
            for key, units in ours.items()
            if brokers[key] != units
        ]


def position_watch(machine: Machine, trading: Trading, wait_s: float) -> PositionWatch:
    """The watch over a running system, which waits so many seconds for the order actor."""

    def tell(correction: PositionCorrected) -> None:
        if not trading.config.orders.broker_stop:  # else the orders say first whether a stop order explains it
            machine.sink.publish(correction)
        trading.refs["orders"].tell(correction)

    def is_busy() -> bool:
        return bool(trading.refs["orders"].ask(Describe(), wait_s)["moving"])

    return PositionWatch(
        trading.broker.positions, lambda: machine.ask(holdings), is_busy, tell, machine.clock, trading.instruments,
        trading.last_price,
    )  # fmt: skip
