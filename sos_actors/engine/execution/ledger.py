"""Every order of the day by its names: the engine's number, our tag, the broker's id; and the accounts they make up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sos_actors.engine.execution.attempts import Attempt, AttemptState
from sos_actors.engine.execution.commands import Intent
from sos_actors.engine.execution.tags import Tag, parse_tag
from sos_actors.engine.execution.terms import NameOf, TermsOf, slices
from sos_actors.engine.execution.working import OWN_FIRST, STOP_FIRST, Account, Slice, WorkingOrder
from sos_actors.engine.positions import order_of
from sos_actors.messages.broker import BrokerOrder
from sos_actors.messages.trading import Purpose, SubmitOrder
from sos_actors.types import Side, UnixNanos


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt belongs."""

    account: Account
    order: WorkingOrder
    piece: Slice
    attempt: Attempt


class Ledger:
    """What the desk knows. It changes nothing by itself and sends nothing.

    Args:
        nonce: of the journal: four letters or digits.
        terms_of: terms of a canonical symbol.
        name_of: canonical symbol of a broker's key, for orders nothing else is known of.
    """

    def __init__(self, nonce: str, terms_of: TermsOf, name_of: NameOf) -> None:
        self.nonce, self.terms_of, self.name_of = nonce, terms_of, name_of
        self.orders: dict[int, WorkingOrder] = {}
        self.prices: dict[str, float] = {}
        self._accounts: dict[tuple[int, str], Account] = {}
        self._busy: dict[tuple[int, str], Account] = {}
        self._by_tag: dict[str, Place] = {}
        self._by_id: dict[str, Place] = {}
        self._own: dict[tuple[int, int], int] = {}
        self._worries: dict[str, int] = {}

    def accounts(self) -> Iterable[Account]:
        """All of the day."""
        return self._accounts.values()

    def busy(self) -> list[Account]:
        """Those something may have to be done about, oldest first."""
        return list(self._busy.values())

    def rest(self, account: Account) -> None:
        """Nothing has to be done about an account for now."""
        self._busy.pop((account.number, account.symbol), None)

    def stir(self, account: Account) -> None:
        """Something may have to be done about an account."""
        self._busy.setdefault((account.number, account.symbol), account)

    def places(self) -> Iterator[Place]:
        """Every attempt of the accounts that are busy."""
        for account in self.busy():
            for order in account.orders:
                for piece in order.slices:
                    for attempt in piece.attempts:
                        yield Place(account, order, piece, attempt)

    def account(self, number: int, symbol: str, side: Side) -> Account:
        """The account of a position; made when it is new, with ``side`` as its direction."""
        key = (number, symbol)
        if key not in self._accounts:
            self._accounts[key] = Account(number, symbol, side)
        self._busy[key] = self._accounts[key]
        return self._accounts[key]

    def of_position(self, number: int) -> Account | None:
        """The account of one of the engine's positions; None when there is none."""
        return next((account for account in self.accounts() if account.number == number), None)

    def add(self, submit: SubmitOrder, quantities: list[int] | None = None) -> WorkingOrder:
        """Take an order in, divided by its terms unless ``quantities`` says how.

        Without terms an entry has no slices, and so is over; an exit has one, which waits until there are terms.
        """
        is_exit = submit.purpose is Purpose.EXIT
        if quantities is None:
            terms = self.terms_of(submit.symbol)
            nothing_known = [submit.quantity] if is_exit else []
            quantities = nothing_known if terms is None else slices(submit.quantity, terms)
        order = WorkingOrder(submit, [Slice(number, units) for number, units in enumerate(quantities)])
        account = self.account(submit.position_id, submit.symbol, Side(-submit.side) if is_exit else submit.side)
        account.orders.append(order)
        self.orders[submit.order_id] = order
        return order

    def account_of(self, order: WorkingOrder) -> Account:
        """The account an order belongs to."""
        return self._accounts[order.submit.position_id, order.submit.symbol]

    def own_order(self, account: Account, side: Side, quantity: int, reason: str, now: UnixNanos) -> WorkingOrder:
        """An order of the desk's own about what an account holds; its reference is the best price known, or NaN."""
        near = self.price_near(account)
        price = float("nan") if near is None else near
        return self._own_order(account, OWN_FIRST, side, quantity, price, reason, now)

    def stop_order(self, account: Account, quantity: int, trigger: float, now: UnixNanos) -> WorkingOrder:
        """An order that is to wait at the broker until the price is at ``trigger``, rupees."""
        side = Side(-account.side)
        order = self._own_order(account, STOP_FIRST, side, quantity, trigger, "broker stop", now)
        order.trigger = trigger
        return order

    def _own_order(
        self, account: Account, first: int, side: Side, quantity: int, price: float, reason: str, now: UnixNanos
    ) -> WorkingOrder:  # fmt: skip
        self._own[account.number, first] = number = self._own.get((account.number, first), 0) + 1
        order_id = order_of(account.number, first + number)
        submit = SubmitOrder(
            now, order_id, account.number, account.symbol, side, quantity, Purpose.EXIT, price, reason
        )  # fmt: skip
        terms = self.terms_of(account.symbol)
        pieces = [quantity] if terms is None else slices(quantity, terms)
        order = WorkingOrder(submit, [Slice(at, units) for at, units in enumerate(pieces)])
        account.orders.append(order)
        self.orders[order_id] = order
        return order

    def note_own(self, order_id: int) -> None:
        """A number of the desk's own that is taken."""
        position, exits = divmod(order_id, order_of(1))
        first = STOP_FIRST if exits >= STOP_FIRST else OWN_FIRST
        self._own[position, first] = max(self._own.get((position, first), 0), exits - first)

    def price_near(self, account: Account) -> float | None:
        """The last price of an account's instrument, or else what it paid; None when neither is known."""
        if account.symbol in self.prices:
            return self.prices[account.symbol]
        priced = [attempt for order in account.orders for attempt in order.attempts() if attempt.priced]
        units = sum(attempt.priced for attempt in priced)
        return sum(attempt.paise for attempt in priced) / units / 100 if units else None

    def attempt(self, order: WorkingOrder, piece: Slice, intent: Intent) -> Attempt:
        """Take in an attempt that is about to be sent, or was."""
        request = intent.request
        attempt = Attempt(
            request.tag, request.side, request.quantity, request.price, intent.ts_event, acted_at=intent.ts_event
        )  # fmt: skip
        piece.attempts.append(attempt)
        piece.tried = max(piece.tried, intent.attempt + 1)
        self._by_tag[attempt.tag] = Place(self.account_of(order), order, piece, attempt)
        return attempt

    def worry(self, order_id: int) -> str:
        """The key of what is wrong with an exit."""
        key = f"exit {order_id}"
        self._worries[key] = order_id
        return key

    def unworried(self) -> list[str]:
        """The keys of exits that are over, each once."""
        over = [key for key, order_id in self._worries.items() if not self.orders[order_id].going]
        for key in over:
            del self._worries[key]
        return over

    def tagged(self, tag: str) -> Place | None:
        """The attempt of a tag."""
        return self._by_tag.get(tag)

    def bind(self, place: Place, broker_id: str) -> None:
        """The broker's id of an attempt has become known."""
        if broker_id:
            place.attempt.broker_id = place.attempt.broker_id or broker_id
            self._by_id.setdefault(broker_id, place)

    def by_id(self, broker_id: str) -> Place | None:
        """The attempt the broker calls so."""
        return self._by_id.get(broker_id)

    def match(self, row: BrokerOrder, now: UnixNanos) -> Place | None:
        """Whose row it is; None when it is no order of this journal's.

        An order under a tag whose attempt is another order, or under a tag of ours that was never given, is taken in as
        a further attempt: it is there, so it counts.
        """
        known = self._by_id.get(row.order_id)
        if known is not None:
            return known
        place = self._by_tag.get(row.tag)
        if place is not None and not place.attempt.broker_id:
            self._by_id[row.order_id] = place
            return place
        tag = parse_tag(row.tag)
        if place is None and (tag is None or tag.nonce != self.nonce):
            return None
        return self._adopted(row, place, tag, now)

    def _adopted(self, row: BrokerOrder, twin: Place | None, tag: Tag | None, now: UnixNanos) -> Place | None:
        if twin is None:
            assert tag is not None
            twin = self._home(row, tag, now)
            if twin is None:
                return None
        attempt = Attempt(
            row.tag if row.tag not in self._by_tag else f"{row.tag}#{row.order_id}", row.side, row.quantity, row.price,
            now, AttemptState.ABSENT, acted_at=now,
        )  # fmt: skip
        twin.piece.attempts.append(attempt)
        place = Place(twin.account, twin.order, twin.piece, attempt)
        self._by_tag.setdefault(attempt.tag, place)
        self._by_id[row.order_id] = place
        return place

    def _home(self, row: BrokerOrder, tag: Tag, now: UnixNanos) -> Place | None:
        """The order a tag names; one that nobody knows is made up from the row, with nothing left to be sent."""
        order = self.orders.get(tag.order_id)
        if order is None:
            symbol = self.name_of(row.instrument_key)
            if symbol is None:
                return None
            position, exits = divmod(tag.order_id, order_of(1))
            purpose = Purpose.EXIT if exits else Purpose.ENTRY
            submit = SubmitOrder(
                now, tag.order_id, position, symbol, row.side, row.quantity, purpose, row.price, "found at the broker"
            )  # fmt: skip
            order = self.add(submit, [])
            order.ended = order.withdrawn = True
            account = self.account_of(order)
            account.closed = account.closed or account.orders == [order]
            self.note_own(tag.order_id)
        while len(order.slices) <= tag.piece:
            order.slices.append(Slice(len(order.slices), 0, dropped=True))
        piece = order.slices[tag.piece]
        piece.tried = max(piece.tried, tag.attempt + 1)
        blank = Attempt(row.tag, row.side, 0, row.price, now, AttemptState.ABSENT)
        return Place(self.account_of(order), order, piece, blank)
