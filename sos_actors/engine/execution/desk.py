"""The execution desk: the engine's orders in, requests to the broker and facts for the engine out.

It knows no clock, thread or broker: whoever calls it says what time it is, carries out its commands, and tells it what
became of them. What it does about every outcome is written in ``policy``. Not thread-safe.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sos_actors.config.running import Orders
from sos_actors.engine.execution.attempts import Attempt, AttemptState, Request
from sos_actors.engine.execution.budget import RequestBudget
from sos_actors.engine.execution.closing import settle
from sos_actors.engine.execution.commands import Cleared, Output, Severity, Trouble
from sos_actors.engine.execution.ledger import Ledger
from sos_actors.engine.execution.outcomes import Outcomes
from sos_actors.engine.execution.policy import Fate
from sos_actors.engine.execution.pricing import is_price
from sos_actors.engine.execution.searching import Searcher
from sos_actors.engine.execution.sending import Sender
from sos_actors.engine.execution.stops import StopKeeper
from sos_actors.engine.execution.telling import tell
from sos_actors.engine.execution.terms import NameOf, TermsOf
from sos_actors.messages.broker import BrokerFill, BrokerOrder
from sos_actors.messages.trading import (
    CancelOrder,
    OrderStatus,
    OrderUpdated,
    PositionCorrected,
    PositionOpened,
    Purpose,
    SubmitOrder,
)
from sos_actors.types import UnixNanos

ORPHAN, FLATTEN = "orphan", "flatten"
_FACTS = (OrderUpdated, PositionCorrected, Trouble, Cleared)


class ExecutionDesk:
    """Everything that is known of our orders today, and what has to be done about them.

    Every method that takes ``now`` (UnixNanos) returns what has to be done and told because of it, in that order. Of
    every command the outcome must be told once: of ``Place`` with ``placed`` or ``not_placed``, of ``Modify`` and
    ``Cancel`` with ``changed``, of ``LookUp`` with ``looked_up`` or ``look_up_failed``, of ``PollBook`` with ``book``
    or ``book_failed``. What will never be answered is told with ``doubt``.

    Args:
        config: prices, paces and bounds.
        nonce: of the journal the intents go to: four letters or digits, part of every tag.
        terms_of: terms of a canonical symbol.
        name_of: canonical symbol of a broker's key.
    """

    def __init__(self, config: Orders, nonce: str, terms_of: TermsOf, name_of: NameOf) -> None:
        self.ledger = Ledger(nonce, terms_of, name_of)
        self._budget = RequestBudget.of(config)
        self._sender = Sender(config, self.ledger, self._budget)
        self.stops = StopKeeper(config, self.ledger)
        self._searcher = Searcher(config, self.ledger)
        self._outcomes = Outcomes(config, self.ledger, self._budget, self._searcher)
        self._flattening = False
        self._unsaid: list[Output] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing of ours works or is held for the desk to sell."""
        return not self.ledger.busy()

    @property
    def is_flattening(self) -> bool:
        """Whether the desk closes everything by itself."""
        return self._flattening

    @property
    def symbols(self) -> set[str]:
        """Canonical symbols whose prices matter now."""
        return {account.symbol for account in self.ledger.busy()}

    def working(self) -> list[str]:
        """Tags of what may still fill."""
        return [place.attempt.tag for place in self.ledger.places() if place.attempt.may_fill]

    def moving(self) -> list[str]:
        """The same without stop orders that only wait for their price."""
        alive = [place.attempt for place in self.ledger.places() if place.attempt.may_fill]
        return [one.tag for one in alive if not (one.waits and one.request is Request.NONE)]

    def held(self) -> dict[int, tuple[str, int]]:
        """Symbol and units of every position with something held, positive when bought; by the position's number."""
        return {a.number: (a.symbol, a.held * int(a.side)) for a in self.ledger.accounts() if a.held}

    def attempts(self) -> Mapping[str, Attempt]:
        """Every attempt of the day by its tag; to be looked at only."""
        orders = self.ledger.orders.values()
        return {attempt.tag: attempt for order in orders for attempt in order.attempts()}

    def sent_before(self, at: UnixNanos) -> None:
        """An earlier run sent a request at this moment: it counts in the budget."""
        self._budget.note(at)

    def submit(self, submit: SubmitOrder, last_price: float | None, now: UnixNanos) -> list[Output]:
        """The engine wants an order; one that is known already changes nothing.

        Args:
            last_price: of its instrument, where a later one than the decision's is known; rupees.
        """
        if last_price is not None:
            self.last_price(submit.symbol, last_price)
        if submit.order_id in self.ledger.orders:
            return []
        order = self.ledger.add(submit)
        if submit.purpose is Purpose.ENTRY and (self._flattening or self._outcomes.is_locked):
            order.drop_unsent()
        return self._work(now, [])

    def cancel(self, cancel: CancelOrder, now: UnixNanos) -> list[Output]:
        """The engine takes back what is left of an order."""
        order = self.ledger.orders.get(cancel.order_id)
        if order is None:
            text = f"The order {cancel.order_id} is to be cancelled, but was never heard of."
            outputs: list[Output] = [Trouble(now, f"order {cancel.order_id}", text, Severity.ERROR)]
            return [*outputs, OrderUpdated(now, cancel.order_id, OrderStatus.CANCELLED)]
        order.withdraw()
        self.ledger.stir(self.ledger.account_of(order))
        return self._work(now, [])

    def correct(self, correction: PositionCorrected, now: UnixNanos) -> list[Output]:
        """The broker holds another quantity of a position than we thought.

        The engine was told: so be it here. With stop orders at the broker it was not: it is told by what this returns,
        as soon as it is certain that no stop order explains it; else nothing is changed, and it will be found again.
        """
        if self.stops.is_on:
            return self._work(now, self.stops.correct(correction))
        for account in self.ledger.accounts():
            if account.number == correction.position_id:
                account.adjustment += correction.quantity - account.held
                self.ledger.stir(account)
        return self._work(now, [])

    def position_opened(self, opened: PositionOpened, now: UnixNanos) -> list[Output]:
        """The engine says where it stops: the stop order at the broker follows, where one is kept."""
        return self._work(now, []) if self.stops.opened(opened) else []

    def flatten(self, now: UnixNanos) -> list[Output]:
        """Close all that is held by our own account, without the engine; entries are taken back and no more taken.

        Exits that work are left to; what none covers is ordered. This is for good.
        """
        self._flattening = True
        for account in self.ledger.accounts():
            account.closed = True
            self.ledger.stir(account)
        return self._work(now, [])

    def placed(self, tag: str, broker_id: str, now: UnixNanos) -> list[Output]:
        """A ``Place`` was acknowledged."""
        return self._work(now, self._outcomes.placed(tag, broker_id, now))

    def not_placed(
        self, tag: str, fate: Fate, reason: str, now: UnixNanos, *, code: str = "", retry_after_s: float = 0.0
    ) -> list[Output]:
        """A ``Place`` was not acknowledged; ``fate`` is any but PLACED and ABSENT."""
        said = f"{reason} ({code})" if code else reason
        return self._work(now, self._outcomes.not_placed(tag, fate, said, now, retry_after_s))

    def changed(
        self, tag: str, fate: Fate, reason: str, now: UnixNanos, *, code: str = "", retry_after_s: float = 0.0
    ) -> list[Output]:
        """What became of a ``Modify`` or ``Cancel``; PLACED means the broker took the request."""
        said = f"{reason} ({code})" if code else reason
        return self._work(now, self._outcomes.changed(tag, fate, said, now, retry_after_s))

    def looked_up(self, tag: str, rows: Sequence[BrokerOrder], now: UnixNanos) -> list[Output]:
        """The orders of a tag; none when there is none."""
        outputs: list[Output] = []
        for row in rows:
            outputs += self._outcomes.row(row if row.tag else _tagged(row, tag), now, whole=True)
        place = self.ledger.tagged(tag)
        if place is not None and not rows:
            self._searcher.not_found(place)
        elif place is not None:
            place.attempt.looking = False
        return self._work(now, outputs)

    def look_up_failed(self, tag: str, now: UnixNanos) -> list[Output]:
        """A look-up gave no answer."""
        place = self.ledger.tagged(tag)
        if place is not None:
            self._searcher.no_answer(place)
        return self._work(now, [])

    def seen(self, row: BrokerOrder, now: UnixNanos) -> list[Output]:
        """An update of the order stream: late, doubled, out of order or another's, it does no harm."""
        return self._work(now, self._outcomes.row(row, now, whole=False))

    def book(
        self, rows: Sequence[BrokerOrder], fills: Sequence[BrokerFill], asked_at: UnixNanos, now: UnixNanos
    ) -> list[Output]:
        """The whole order book, and the day's trades as far as they were asked for.

        Args:
            asked_at: when the book was asked for, before the request was sent.
        """
        outputs: list[Output] = []
        for row in rows:
            outputs += self._outcomes.row(row, now, whole=True)
        outputs += self._outcomes.trades(fills, now)
        tags = {row.tag for row in rows}
        absent, doubtful = self._searcher.book_came(tags, {row.order_id for row in rows}, asked_at)
        for place in absent:
            outputs += self._outcomes.absent(place, now)
        for place in doubtful:
            place.attempt.doubt()
            text = f"{place.attempt.tag}: acknowledged as {place.attempt.broker_id}, but in no book; it is searched."
            outputs.append(Trouble(now, f"doubt {place.attempt.tag}", text, Severity.ERROR))
        return self._work(now, outputs)

    def book_failed(self, now: UnixNanos) -> list[Output]:
        """The book gave no answer."""
        self._searcher.book_failed(now)
        return self._work(now, [])

    def stream_up(self, now: UnixNanos) -> list[Output]:
        """The order stream is (again) there, or left something out: the book is asked for at once."""
        self._searcher.poll_soon(now, at_once=True)
        return self._work(now, [])

    def last_price(self, symbol: str, price: float) -> None:
        """A price of an instrument, rupees; what is no price changes nothing. It is used at the next occasion."""
        if is_price(price):
            self.ledger.prices[symbol] = price

    def on_time(self, now: UnixNanos) -> list[Output]:
        """Time has passed: to be called at least each tenth of a second while not idle, else each second."""
        return self._work(now, [])

    def doubt(self, in_hand: Collection[str], now: UnixNanos) -> list[Output]:
        """Outcomes were lost: every request is in doubt whose tag is not ``in_hand`` of whoever carries them out."""
        self._searcher.lost()
        for place in self.ledger.places():
            attempt = place.attempt
            if attempt.tag not in in_hand:
                if attempt.state is AttemptState.PLACING:
                    attempt.doubt()
                attempt.request = attempt.request.NONE
        self._searcher.poll_soon(now, at_once=True)
        return self._work(now, [])

    def _work(self, now: UnixNanos, outputs: list[Output]) -> list[Output]:
        """Tell the engine what is new, then see what has to be sent and asked.

        Should one of the steps fail, what was told before it is told the next time: it counts as told already. What was
        to be sent is not: after such a failure every request is in doubt, and searched.
        """
        unsaid = self._unsaid = [one for one in self._unsaid if isinstance(one, _FACTS)]
        unsaid += outputs
        unsaid += self._outcomes.on_time(now)
        for account in self.ledger.busy():
            for order in account.orders:
                unsaid += tell(account, order, now)
            unsaid += self.stops.mind(account, now)
            if account.closed:
                unsaid += settle(self.ledger, account, now, FLATTEN if self._flattening else ORPHAN)
        unsaid += self._sender.exits(now)
        unsaid += self._sender.stops(now)
        unsaid += self._sender.entries(now)
        for account in self.ledger.busy():
            for order in account.orders:
                unsaid += tell(account, order, now)
        unsaid += self._searcher.step(now)
        unsaid += self._outcomes.over(now)
        for account in self.ledger.busy():
            if account.is_quiet:
                self.ledger.rest(account)
        self._unsaid = []
        return unsaid


def _tagged(row: BrokerOrder, tag: str) -> BrokerOrder:
    """A row of a tag's look-up that does not repeat the tag."""
    return BrokerOrder(
        row.ts_event, row.order_id, tag, row.instrument_key, row.side, row.kind, row.state, row.status, row.quantity,
        row.filled, row.pending, row.price, row.trigger_price, row.average_price, row.exchange_order_id, row.reason,
    )  # fmt: skip
