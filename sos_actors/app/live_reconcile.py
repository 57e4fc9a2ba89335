"""The first look at the broker's books: the execution desk as journal and broker leave it. The broker is right.

A position of ours of which the broker holds less was closed by somebody else, and is corrected; what the broker holds
beyond our orders is the trader's own, and never touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sos_actors.app.live_instruments import Instruments
from sos_actors.app.live_journal import JournaledDay
from sos_actors.app.live_machine import Machine
from sos_actors.config.running import Orders
from sos_actors.engine.engine import Engine
from sos_actors.engine.execution.commands import Output
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.engine.execution.resume import AtBroker, Difference, resume
from sos_actors.engine.records import PositionState
from sos_actors.errors import ActorTimeoutError
from sos_actors.messages.trading import OrderUpdated, PositionCorrected
from sos_actors.ports import Broker
from sos_actors.runtime.trading_gate import Rung
from sos_actors.types import UnixNanos

_log = logging.getLogger(__name__)
REAL_S = 0.4
"""Real seconds a broker needs to answer, and a request to be seen in the book."""
DIVERGED = "divergence"
"""Key under which trading ends when the journal's decisions cannot be made again."""


def paced(config: Orders, speed: float) -> Orders:
    """The settings with waits that a broker can answer within: at sixty times the speed two seconds are 33 ms."""
    least_s = REAL_S * speed
    return replace(
        config, reprice_after_s=max(config.reprice_after_s, least_s), poll_s=min(max(config.poll_s, least_s), 300.0),
        look_again_after_s=min(max(config.look_again_after_s, least_s), 60.0),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The desk, and what it has to do first."""

    desk: ExecutionDesk
    outputs: list[Output]


@dataclass(frozen=True, slots=True)
class Holding:
    """A position as the engine has it; ``units`` are positive when bought, ``price`` is the last one known, rupees."""

    position_id: int
    symbol: str
    units: int
    price: float


def reconciled(
    machine: Machine, config: Orders, instruments: Instruments, day: JournaledDay, broker: Broker,
    last_price: Callable[[str], float | None],
) -> Reconciled:  # fmt: skip
    """Read the broker's books and make the desk; corrections go to the engine, differences into log and journal.

    Raises:
        VendorError: the broker does not answer; nothing is known, and nobody was told anything, then.
    """
    asked_at = machine.clock()
    books = AtBroker(broker.orders(), broker.fills(), broker.positions(), asked_at)
    found = resume(
        config, day.header.nonce, instruments.terms_of, instruments.by_key.get, day.orders, books, machine.clock()
    )
    for difference in found.differences:
        _log.warning("The broker and the journal differ: %s (%s: ours %d, the broker's %d).", difference.what,
                     difference.instrument_key, difference.ours, difference.brokers)  # fmt: skip
        day.note(
            "difference", key=difference.instrument_key, text=difference.what, ours=difference.ours,
            brokers=difference.brokers,
        )  # fmt: skip
    outputs: list[Output] = []
    for output in found.outputs:
        if isinstance(output, OrderUpdated | PositionCorrected):  # what it missed comes before what it holds
            machine.sink.publish(output)
        else:
            outputs.append(output)
    if day.restarted and not found.desk.moving():  # what still works may have filled between the books
        now = machine.clock()
        for correction in corrections(_held_by(machine), found.differences, instruments, last_price, now):
            if not config.broker_stop:  # else the desk tells it, when no stop order explains it
                machine.sink.publish(correction)
            outputs += found.desk.correct(correction, now)
    if day.divergence is not None:
        text = f"The journal's decisions cannot be made again (event {day.divergence.number}): everything is closed."
        machine.gate.hold(DIVERGED, Rung.SQUARE_OFF, text)
        outputs += found.desk.flatten(machine.clock())
    return Reconciled(found.desk, outputs)


def _held_by(machine: Machine) -> list[Holding]:
    """What the engine holds; nothing when it does not answer: it is compared again soon, and was told of its fills."""
    try:
        return machine.ask(holdings)
    except ActorTimeoutError as error:
        _log.warning("Positions are compared later: %s", error)
        return []


def corrections(
    held: Sequence[Holding], differences: Sequence[Difference], instruments: Instruments,
    last_price: Callable[[str], float | None], now: UnixNanos,
) -> list[PositionCorrected]:  # fmt: skip
    """What the engine has to be told where the broker holds less of a position than our orders explain.

    Args:
        held: the engine's positions.
        differences: of the broker's books from our orders.
        instruments: the broker's list.
        last_price: of a canonical symbol; None when unknown.
        now: UnixNanos.
    """
    corrected = []
    for difference in differences:
        symbol = instruments.by_key.get(difference.instrument_key)
        mine = [one for one in held if one.symbol == symbol and one.units]
        if symbol is None or not mine or len({one.units > 0 for one in mine}) > 1:
            continue  # bought and sold at once: nobody can say which of them is gone
        way, price = (1 if mine[0].units > 0 else -1), last_price(symbol)
        there = max(difference.brokers * way, 0)
        if there >= difference.ours * way:
            continue
        for position in mine:  # the oldest keep what there is
            units = position.units * way
            left = min(units, there)
            there -= left
            if left < units:
                at = position.price if price is None else price
                corrected.append(PositionCorrected(now, position.position_id, left, at))
    return corrected


def holdings(engine: Engine) -> list[Holding]:
    """What the engine holds; on the dispatcher's thread."""
    return [
        Holding(
            int(one["id"]), engine.instruments[int(one["instrument"])],
            int(one["side"]) * int(one["filled"] - one["closing"]), float(one["last_price"] or one["entry_price"]),
        )
        for one in engine.account.positions
        if one["state"] != PositionState.FREE
    ]  # fmt: skip
