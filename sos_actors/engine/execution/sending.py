"""Which requests go to the broker now: exits, stop orders, entries, in budget, each attempt under its own tag."""

from __future__ import annotations

from collections.abc import Iterator

from sos_actors.config.running import Orders
from sos_actors.engine.execution.attempts import AttemptState, Request
from sos_actors.engine.execution.budget import RequestBudget
from sos_actors.engine.execution.commands import Cancel, Intent, Modify, Need, Output, Severity, Trouble
from sos_actors.engine.execution.commands import Place as PlaceOrder
from sos_actors.engine.execution.ledger import Ledger, Place
from sos_actors.engine.execution.policy import BLIND_AFTER, ENTRIES_IN_FLIGHT, MOST_TRIES_A_MINUTE
from sos_actors.engine.execution.pricing import is_bolder, is_price, limit_price, tightened
from sos_actors.engine.execution.tags import Tag
from sos_actors.engine.execution.working import Account, Slice, WorkingOrder
from sos_actors.messages.broker import OrderChange, OrderKind, OrderRequest
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos

_SLOWEST_STALL_S = 10.0


MOST_STEPS = 8
"""How many times as far as the first one a move of a limit without prices goes at most."""


class Sender:
    """Makes commands of what the ledger shows has to be done.

    Args:
        config: prices, paces and bounds.
        ledger: what there is.
        budget: what may be sent.
    """

    def __init__(self, config: Orders, ledger: Ledger, budget: RequestBudget) -> None:
        self._config, self._ledger, self._budget = config, ledger, budget
        self._reprice_ns = int(config.reprice_after_s * NANOS_PER_SECOND)

    def exits(self, now: UnixNanos) -> list[Output]:
        """Exits, and cancels that stand in their way: first in line, with the whole budget."""
        outputs = self._cancels(now, exit_class=True)
        for account in self._ledger.busy():
            for order in account.orders:
                if order.is_exit and not (order.is_stop or order.withdrawn or account.guard.barred):
                    for piece in order.slices:
                        outputs += self._exit(account, order, piece, now)
        return outputs + self._reprices(now)

    def stops(self, now: UnixNanos) -> list[Output]:
        """Stop orders, with what is not kept for exits."""
        outputs: list[Output] = []
        for account in self._ledger.busy():
            for order in account.orders:
                if order.is_stop and not order.withdrawn:
                    for piece in order.slices:
                        outputs += self._stop(order, piece, now)
        return outputs

    def entries(self, now: UnixNanos) -> list[Output]:
        """Cancels of entries, and entries, with what is not kept for exits."""
        outputs = self._cancels(now, exit_class=False)
        for account in self._ledger.busy():
            for order in account.orders:
                if not order.is_exit and not order.withdrawn:
                    for piece in order.slices:
                        outputs += self._entry(order, piece, now)
        return outputs

    def _exit(self, account: Account, order: WorkingOrder, piece: Slice, now: UnixNanos) -> list[Output]:
        """Send what is unsent of an exit's slice, if it is time."""
        if not piece.unsent or now < piece.next_try_at:
            return []
        if _tried_enough(piece, now):
            return []
        price = self._exit_limit(account, order, piece.refusals)
        if price is None:
            piece.next_try_at = now + self._reprice_ns
            text = f"{account.symbol}: the exit {order.order_id} cannot be sent: its price or its terms are not known."
            return [Trouble(now, self._ledger.worry(order.order_id), text, Severity.ERROR, Need.STOP_ENTRIES)]
        if not self._budget.take(now, exit_class=True):
            return []
        piece.tries.append(now)
        return self._place(order, piece, price, now)

    def _stop(self, order: WorkingOrder, piece: Slice, now: UnixNanos) -> list[Output]:
        """Send what is unsent of a stop order's slice, if it is time: its limit lies beyond its trigger."""
        terms = self._ledger.terms_of(order.submit.symbol)
        if not piece.unsent or now < piece.next_try_at or terms is None or _tried_enough(piece, now):
            return []
        if not self._budget.take(now, exit_class=False):
            return []
        piece.tries.append(now)
        percent = tightened(self._config.exit_protection_percent, piece.refusals)
        price = limit_price(order.submit.side, order.trigger, percent, self._config.protection_ticks, terms.tick)
        return self._place(order, piece, price, now)

    def _entry(self, order: WorkingOrder, piece: Slice, now: UnixNanos) -> list[Output]:
        if not piece.unsent:
            return []
        terms, reference = self._ledger.terms_of(order.submit.symbol), order.submit.reference_price
        if terms is None or not is_price(reference):
            piece.dropped = True
            text = (
                f"{order.submit.symbol}: the entry {order.order_id} was not sent: its price or its terms are not known."
            )
            return [Trouble(now, f"entry {order.order_id}", text, Severity.WARNING)]
        in_flight = sum(
            place.attempt.state is AttemptState.PLACING and not place.order.is_exit for place in self._ledger.places()
        )
        if in_flight >= ENTRIES_IN_FLIGHT or not self._budget.take(now, exit_class=False):
            return []
        protection, ticks = self._config.entry_protection_percent, self._config.protection_ticks
        price = limit_price(order.submit.side, reference, protection, ticks, terms.tick)
        return self._place(order, piece, price, now)

    def _place(self, order: WorkingOrder, piece: Slice, price: float, now: UnixNanos) -> list[Output]:
        submit, terms = order.submit, self._ledger.terms_of(order.submit.symbol)
        assert terms is not None
        tag = Tag(self._ledger.nonce, submit.order_id, piece.number, piece.tried)
        key = terms.instrument_key
        kind = OrderKind.SL if order.trigger else OrderKind.LIMIT
        request = OrderRequest(tag.text, key, submit.side, piece.unsent, kind, price, order.trigger)
        intent = Intent(
            now, submit.order_id, submit.position_id, submit.symbol, submit.purpose, piece.number, piece.tried, request
        )  # fmt: skip
        self._ledger.attempt(order, piece, intent)
        return [PlaceOrder(intent)]

    def _exit_limit(self, account: Account, order: WorkingOrder, refusals: int) -> float | None:
        """Around the latest price, or else the one the decision was made on, or what the position cost."""
        terms = self._ledger.terms_of(account.symbol)
        reference: float | None = self._ledger.prices.get(account.symbol, order.submit.reference_price)
        if not is_price(reference):
            reference = self._ledger.price_near(account)
        if terms is None or reference is None or not is_price(reference):
            return None
        percent = tightened(self._config.exit_protection_percent, refusals)
        return limit_price(order.submit.side, reference, percent, self._config.protection_ticks, terms.tick)

    def _reprices(self, now: UnixNanos) -> list[Output]:
        """Bolder limits for exits that do not fill."""
        outputs: list[Output] = []
        for place in self._alive():
            order, attempt = place.order, place.attempt
            is_working_exit = order.is_exit and not order.is_stop and not _to_be_cancelled(place)
            if not is_working_exit or now - attempt.acted_at < self._reprice_ns:
                continue
            outputs += self._stalled(place, now)
            price = self._bolder_limit(place, now)
            slow = attempt.reprices >= self._config.most_reprices
            if price is None or (slow and now - attempt.acted_at < BLIND_AFTER * self._reprice_ns):
                continue
            if self._budget.take(now, exit_class=True):
                attempt.request, attempt.acted_at = Request.MODIFY, now
                attempt.reprices += 1
                attempt.asked_price = price
                change = OrderChange(attempt.broker_id, attempt.quantity, OrderKind.LIMIT, price)
                outputs.append(Modify(attempt.tag, change))
        return outputs

    def _bolder_limit(self, place: Place, now: UnixNanos) -> float | None:
        """A limit that gives more than the present one; None when there is no reason for it yet.

        An order that the latest price should long have filled shows that this is not the price any more, as when the
        feed is dead: then its own limit is moved on, further each time.
        """
        attempt, config = place.attempt, self._config
        price = self._exit_limit(place.account, place.order, place.piece.refusals)
        if price is not None and is_bolder(attempt.side, price, attempt.price):
            return price
        terms = self._ledger.terms_of(place.account.symbol)
        if terms is None or now - attempt.acted_at < BLIND_AFTER * self._reprice_ns or not is_price(attempt.price):
            return None
        steps = min(1 + attempt.reprices, MOST_STEPS)
        percent = tightened(config.exit_protection_percent, place.piece.refusals) * steps
        price = limit_price(attempt.side, attempt.price, percent, config.protection_ticks, terms.tick)
        return price if is_bolder(attempt.side, price, attempt.price) else None

    def _stalled(self, place: Place, now: UnixNanos) -> list[Output]:
        """Say once that an exit works in vain."""
        attempt, most = place.attempt, self._config.most_reprices
        long_ns = max(int(_SLOWEST_STALL_S * NANOS_PER_SECOND), most * self._reprice_ns)
        if attempt.stalled or (attempt.reprices < most and now - attempt.since < long_ns):
            return []
        attempt.stalled = True
        text = (
            f"{place.account.symbol}: the exit {attempt.tag} has {attempt.filled} of {attempt.quantity} filled "
            f"at the limit {attempt.price} after {attempt.reprices} changes of price. Look at it at the broker."
        )
        return [Trouble(now, self._ledger.worry(place.order.order_id), text, Severity.ERROR, Need.STOP_ENTRIES)]

    def _cancels(self, now: UnixNanos, *, exit_class: bool) -> list[Output]:
        outputs: list[Output] = []
        for place in self._alive():
            attempt, order = place.attempt, place.order
            if not _to_be_cancelled(place) or (attempt.cancels and now - attempt.acted_at < self._reprice_ns):
                continue
            in_the_way = order.is_exit or place.account.closed or place.account.has_exits
            if in_the_way is exit_class and self._budget.take(now, exit_class=exit_class):
                attempt.request, attempt.acted_at = Request.CANCEL, now
                attempt.cancels += 1
                outputs.append(Cancel(attempt.tag, attempt.broker_id))
        return outputs

    def _alive(self) -> Iterator[Place]:
        """Orders at the broker about which nothing is on the way."""
        for place in self._ledger.places():
            attempt = place.attempt
            if attempt.state is AttemptState.ALIVE and attempt.broker_id and attempt.request is Request.NONE:
                yield place


def _tried_enough(piece: Slice, now: UnixNanos) -> bool:
    """Whether a slice was sent as often in the last minute as it may be."""
    piece.tries = [at for at in piece.tries if at + NANOS_PER_MINUTE > now]
    return len(piece.tries) >= MOST_TRIES_A_MINUTE


def _to_be_cancelled(place: Place) -> bool:
    """What is withdrawn, what the engine was told is over, and a copy too many."""
    order, attempt = place.order, place.attempt
    return order.withdrawn or order.ended or (attempt.surfaced and place.piece.excess > 0)
