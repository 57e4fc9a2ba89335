"""What every outcome and every word of the broker changes in the ledger: the policy's table, carried out."""

from __future__ import annotations

from collections.abc import Sequence

from sos_actors.config.running import Orders
from sos_actors.engine.execution.attempts import AttemptState, Request
from sos_actors.engine.execution.budget import RequestBudget
from sos_actors.engine.execution.commands import Cleared, Need, Output, Severity, Trouble
from sos_actors.engine.execution.ledger import Ledger, Place
from sos_actors.engine.execution.policy import ALARM, LOCKED_S, POLICY, WORRY, Fate, Step
from sos_actors.engine.execution.searching import Searcher
from sos_actors.engine.execution.telling import tell
from sos_actors.messages.broker import BrokerFill, BrokerOrder
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

_MOST_DOUBLINGS = 3
LOCK = "broker account"
"""Key of the trouble that the broker lets nobody trade."""


class Outcomes:
    """Changes the ledger as outcomes come in; says what is worth saying.

    Args:
        config: paces.
        ledger: what there is.
        budget: hears of refusals for too many requests.
        searcher: is told where there is a reason to look.
    """

    def __init__(self, config: Orders, ledger: Ledger, budget: RequestBudget, searcher: Searcher) -> None:
        self._ledger, self._budget, self._searcher = ledger, budget, searcher
        self._retry_ns = int(config.reprice_after_s * NANOS_PER_SECOND)
        self._locked_until = 0

    @property
    def is_locked(self) -> bool:
        """Whether the broker lately let nobody trade: token, static IP, account."""
        return self._locked_until > 0

    def placed(self, tag: str, broker_id: str, now: UnixNanos) -> list[Output]:
        """The broker has an order, under this id."""
        outputs = self._answered(now)
        place = self._ledger.tagged(tag)
        if place is None:
            return outputs
        attempt = place.attempt
        self._ledger.bind(place, broker_id)
        if attempt.state in (AttemptState.ABSENT, AttemptState.REFUSED):
            attempt.surfaced = True
            outputs.append(_surfaced(place, now))
        if attempt.state is not AttemptState.OVER:
            attempt.state, attempt.acted_at = AttemptState.ALIVE, now
        self._ledger.stir(place.account)
        return outputs

    def not_placed(self, tag: str, fate: Fate, reason: str, now: UnixNanos, retry_after_s: float) -> list[Output]:
        """An order was refused, or nobody knows."""
        outputs: list[Output] = []
        if fate is Fate.THROTTLED:
            self._budget.refused(now, retry_after_s)
        if fate is Fate.LOCKED:
            outputs += self._lock(reason, now)
        place = self._ledger.tagged(tag)
        if place is None or place.attempt.state is not AttemptState.PLACING:
            return outputs
        return outputs + self._follow(place, fate, reason, now)

    def absent(self, place: Place, now: UnixNanos) -> list[Output]:
        """An order was searched everywhere and is not there."""
        return self._follow(place, Fate.ABSENT, "it was never at the broker", now)

    def changed(self, tag: str, fate: Fate, reason: str, now: UnixNanos, retry_after_s: float) -> list[Output]:
        """What became of a modify or cancel."""
        outputs: list[Output] = []
        place = self._ledger.tagged(tag)
        request = Request.NONE if place is None else place.attempt.request
        if fate is Fate.PLACED:
            outputs += self._answered(now)
        elif fate is Fate.LOCKED:
            outputs += self._lock(reason, now)
        elif fate is Fate.THROTTLED:
            self._budget.refused(now, retry_after_s)
        if place is None or request is Request.NONE:
            return outputs
        attempt = place.attempt
        attempt.request = Request.NONE
        if fate is Fate.THROTTLED:
            attempt.acted_at = 0
            attempt.cancels -= request is Request.CANCEL
            attempt.reprices -= request is Request.MODIFY
            return outputs
        attempt.acted_at = now
        if fate is Fate.PLACED and request is Request.MODIFY:
            attempt.price = attempt.asked_price
        else:
            self._searcher.poll_soon(now)
        return outputs

    def row(self, row: BrokerOrder, now: UnixNanos, *, whole: bool) -> list[Output]:
        """The broker shows an order; others' change nothing."""
        place = self._ledger.match(row, now)
        if place is None:
            return []
        outputs: list[Output] = []
        attempt = place.attempt
        self._ledger.bind(place, row.order_id)
        was_over, was_surfaced = attempt.state is AttemptState.OVER, attempt.surfaced
        before = attempt.filled
        attempt.take(row, now, whole=whole)
        if not (was_over and attempt.filled == before and place.account.is_quiet):
            self._ledger.stir(place.account)
        if attempt.surfaced and not was_surfaced:
            outputs.append(_surfaced(place, now))
        if attempt.state is AttemptState.OVER and not was_over:
            outputs += self._ended(place, now)
        elif row.state.terminal and attempt.state is not AttemptState.OVER:
            self._searcher.poll_soon(now)
        return outputs + tell(place.account, place.order, now)

    def trades(self, fills: Sequence[BrokerFill], now: UnixNanos) -> list[Output]:
        """Trades of the day; others' change nothing."""
        outputs: list[Output] = []
        for fill in fills:
            place = self._ledger.by_id(fill.order_id)
            if place is not None and fill.trade_id not in place.attempt.trades:
                place.attempt.trade(fill, now)
                self._ledger.stir(place.account)
                outputs += tell(place.account, place.order, now)
        return outputs

    def on_time(self, now: UnixNanos) -> list[Output]:
        """A lock is tried again after a while: nobody else would find out that it is gone."""
        return self._unlock(now) if self._locked_until and now >= self._locked_until else []

    def over(self, now: UnixNanos) -> list[Output]:
        """Worries about exits that need none any more."""
        return [Cleared(now, key) for key in self._ledger.unworried()]

    def _follow(self, place: Place, fate: Fate, reason: str, now: UnixNanos) -> list[Output]:
        """What the table says."""
        attempt, piece, order = place.attempt, place.piece, place.order
        step = POLICY[fate, order.submit.purpose]
        if step is Step.SEARCH:
            attempt.doubt()
            text = f"{attempt.tag}: nobody knows whether it was placed: {reason}. It is searched before anything else."
            return [Trouble(now, f"doubt {attempt.tag}", text, Severity.WARNING)]
        attempt.state = AttemptState.ABSENT if fate is Fate.ABSENT else AttemptState.REFUSED
        attempt.reason = reason
        if step is Step.AGAIN:
            return []
        if step is Step.AGAIN_LATER:
            return self._again_later(place, reason, now)
        piece.dropped = True
        text = f"{order.submit.symbol}: the entry {attempt.tag} was not placed: {reason}."
        return [Trouble(now, f"entry {order.order_id}", text, Severity.WARNING)]

    def _again_later(self, place: Place, reason: str, now: UnixNanos) -> list[Output]:
        piece, order = place.piece, place.order
        piece.next_try_at = now + (self._retry_ns << min(piece.refusals, _MOST_DOUBLINGS))
        piece.refusals += 1
        need = Need.EXITS_ONLY if piece.refusals >= ALARM and not order.is_stop else Need.STOP_ENTRIES
        need = need if piece.refusals >= WORRY else Need.NOTHING
        severity = Severity.WARNING if need is Need.NOTHING else Severity.ERROR
        key = self._ledger.worry(order.order_id)
        what = f"{'stop order' if order.is_stop else 'exit'} {place.attempt.tag}"
        text = f"{order.submit.symbol}: the {what} was refused ({piece.refusals} in a row): {reason}."
        return [Trouble(now, key, text, severity, need)]

    def _ended(self, place: Place, now: UnixNanos) -> list[Output]:
        """An order is over at the broker; what is left of an exit is sent again, of an entry never."""
        piece, order, attempt = place.piece, place.order, place.attempt
        if not order.is_exit:
            piece.dropped = True
            return []
        if attempt.filled:
            piece.refusals = 0
        if not piece.unsent or order.withdrawn:
            return []
        if attempt.rejected:
            return self._again_later(place, attempt.reason or "the broker gives no reason", now)
        piece.next_try_at = now if attempt.cancels else now + self._retry_ns
        return []

    def _answered(self, now: UnixNanos) -> list[Output]:
        self._budget.answered()
        return self._unlock(now) if self._locked_until else []

    def _lock(self, reason: str, now: UnixNanos) -> list[Output]:
        self._locked_until = now + int(LOCKED_S * NANOS_PER_SECOND)
        for account in self._ledger.busy():
            for order in account.orders:
                if not order.is_exit:
                    order.drop_unsent()
        return [Trouble(now, LOCK, f"The broker takes no orders: {reason}.", Severity.ERROR, Need.EXITS_ONLY)]

    def _unlock(self, now: UnixNanos) -> list[Output]:
        self._locked_until = 0
        return [Cleared(now, LOCK)]


def _surfaced(place: Place, now: UnixNanos) -> Trouble:
    text = f"{place.attempt.tag}: it was held for not placed, and is at the broker."
    return Trouble(now, f"doubt {place.attempt.tag}", text, Severity.ERROR)
