"""Which stop order should wait at the broker for each position, and what has to wait until it is gone.

    held, nothing leaves it          one stop order for all that is held, beyond the engine's stop
    another quantity, another stop   taken back, and replaced when it is gone: after a moment, as fills come in bursts
    an exit, a flatten, a correction taken back first; the exit goes when it is gone for certain, for what is left
    it does not go                   searched by its tag every look_again times look_again_after_s, cancelled again
    it is still there, look_again    the exit goes all the same: the broker does answer, and cancelling does not work
    times                            (what is sold too much then is bought back)
    it has sold                      PositionCorrected to the engine; what waits of exits is for what is left

While the broker does not answer nothing is sent for a second time, as with every other order of unknown fate.
"""

from __future__ import annotations

from sos_actors.config.running import Orders
from sos_actors.engine.execution.attempts import AttemptState
from sos_actors.engine.execution.commands import Output, Severity, Trouble
from sos_actors.engine.execution.ledger import Ledger
from sos_actors.engine.execution.pricing import is_price, limit_price
from sos_actors.engine.execution.working import Account, WorkingOrder
from sos_actors.messages.trading import PositionCorrected, PositionOpened
from sos_actors.types import NANOS_PER_SECOND, Side, UnixNanos


class StopKeeper:
    """Changes the ledger's stop orders; the sender sends and cancels them.

    Args:
        config: whether, how far, and how long.
        ledger: what there is.
    """

    def __init__(self, config: Orders, ledger: Ledger) -> None:
        self.is_on = config.broker_stop
        self._percent, self._rounds, self._ledger = config.broker_stop_percent, config.look_again, ledger
        self._moment = int(config.look_again_after_s * NANOS_PER_SECOND)
        self._search_ns = config.look_again * self._moment

    def opened(self, opened: PositionOpened) -> bool:
        """Where the engine stops; whether that matters."""
        account = self._ledger.of_position(opened.position_id) if self.is_on else None
        if account is None:
            return False
        account.guard.stop = opened.stop if is_price(opened.stop) else 0.0
        self._ledger.stir(account)
        return True

    def correct(self, correction: PositionCorrected) -> list[Output]:
        """Somebody found another quantity at the broker: see first whether a stop order explains it."""
        account = self._ledger.of_position(correction.position_id)
        if account is None:
            return [correction]
        account.guard.correction, account.guard.then = correction, account.held
        self._ledger.stir(account)
        return []

    def mind(self, account: Account, now: UnixNanos) -> list[Output]:
        """Make, keep or withdraw the stop order of an account; bar its exits, and cut them to what is left."""
        if not self.is_on:
            return []
        outputs = self._corrected(account, now)
        _cut(account)
        guard = account.guard
        leaving = account.closed or account.held <= 0 or account.has_exits or guard.correction is not None
        wish = None if leaving else self._wish(account)
        if wish != guard.wish:
            guard.wish, guard.wished_at = wish, now
        stops = [order for order in account.orders if order.is_stop and order.going]
        for order in stops:
            if not self._may_stay(account, order, order is stops[-1], now):
                order.withdraw()
        stops = [order for order in stops if order.going]
        if wish is not None and not stops:
            self._ledger.stop_order(account, *wish, now)
        return outputs + self._bar(account, stops, now)

    def _wish(self, account: Account) -> tuple[int, float] | None:
        terms = self._ledger.terms_of(account.symbol)
        if terms is None or not account.guard.stop:
            return None
        return account.held, limit_price(Side(-account.side), account.guard.stop, self._percent, 1, terms.tick)

    def _may_stay(self, account: Account, order: WorkingOrder, is_last: bool, now: UnixNanos) -> bool:
        """A stop order that is not as it should be stays a moment, unless it could sell more than there is."""
        wish = account.guard.wish
        if wish is None or order.withdrawn or not is_last or order.going > wish[0]:
            return False
        return (order.going, order.trigger) == wish or now - account.guard.wished_at < self._moment

    def _bar(self, account: Account, stops: list[WorkingOrder], now: UnixNanos) -> list[Output]:
        """While a stop order may still sell no exit is sent; one that does not go is searched."""
        guard = account.guard
        if not stops or guard.wish is not None:
            guard.barred, guard.since, guard.rounds = False, 0, 0
            return []
        if not guard.since:
            guard.since = guard.searched_at = now
        guard.barred = guard.rounds <= self._rounds
        if now - guard.searched_at < self._search_ns:
            return []
        alive = [a for order in stops for a in order.attempts() if a.state is AttemptState.ALIVE and a.cancels]
        for attempt in alive:
            attempt.doubt()
        if not alive:
            return []
        guard.searched_at, guard.rounds = now, guard.rounds + 1
        if guard.rounds != self._rounds + 1:
            return []
        text = f"{account.symbol}: the stop order {alive[0].tag} cannot be cancelled; its exit is sent all the same."
        return [Trouble(now, f"stop {account.number}", text, Severity.ERROR)]

    def _corrected(self, account: Account, now: UnixNanos) -> list[Output]:
        """Believe a correction once no stop order can explain it, or forget it."""
        guard = account.guard
        found = guard.correction
        if found is None:
            return []
        if account.held != guard.then or account.has_exits or account.believed != account.held:
            guard.correction = None  # things have moved since: if it is so it will be found again
            return []
        if any(order.is_stop and order.going for order in account.orders):
            return []
        guard.correction = None
        account.adjustment += found.quantity - account.held
        account.note_closed()
        return [PositionCorrected(now, account.number, found.quantity, found.price)]


def _cut(account: Account) -> None:
    """Exits that were not sent yet sell no more than is held."""
    exits = [order for order in account.orders if order.is_exit and not order.is_stop and not order.withdrawn]
    excess = -sum(account.sign(order) * order.going for order in exits) - max(account.held, 0)
    for order in reversed(exits):
        for piece in reversed(order.slices):
            cut = min(piece.unsent, excess)
            if cut > 0 and account.sign(order) < 0:
                piece.quantity -= cut
                excess -= cut
