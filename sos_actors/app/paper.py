"""Paper trading over real quotes: the ``Broker`` and ``OrderStream`` ports over the simulated exchange.

Orders, fills and refusals are written and read in Upstox's own words, so that nothing else can tell the difference.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from sos_actors.app.paper_account import VENDOR, PaperAccount
from sos_actors.app.paper_market import PaperMarket
from sos_actors.errors import MissingDataError, OrderRefusedError, VendorError, VendorRefusedError
from sos_actors.messages.broker import BrokerFill, BrokerOrder, BrokerPosition, Funds, OrderChange, OrderRequest
from sos_actors.messages.feed import FeedState
from sos_actors.runtime.clock import Clock, indian_day
from sos_actors.simulator.upstox.account_documents import funds_v3, position_row
from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.exchange import Exchange
from sos_actors.simulator.upstox.exchange_orders import OrderTerms
from sos_actors.simulator.upstox.order_documents import book_row, order_update, trade_row
from sos_actors.simulator.upstox.order_rules import check_hours, check_order_id, read_change, read_terms
from sos_actors.simulator.upstox.positions import Position
from sos_actors.simulator.upstox.request_fields import refused
from sos_actors.types import Segment, Side, UnixNanos
from sos_actors.vendors.upstox import parse

_log = logging.getLogger(__name__)
_BEAT_S = 0.02
"""Real seconds between two looks at the clock."""
OnOrder = Callable[[UnixNanos, BrokerOrder], None]
OnState = Callable[[UnixNanos, FeedState, str], None]


class PaperBroker:
    """A ``Broker`` without money. Thread-safe.

    Args:
        account: takes the orders.
        market: knows which instruments have a price; the account's.
        clock: what time it is.
    """

    def __init__(self, account: PaperAccount, market: PaperMarket, clock: Clock) -> None:
        self._account, self._market, self._clock = account, market, clock

    def place(self, order: OrderRequest) -> str:
        """Place one order; returns its id.

        Raises:
            OrderRefusedError: refused as Upstox would, or the instrument has not been quoted yet; nothing was placed.
            VendorUnreachableError: the account's file cannot be written; look the order up by its tag.
        """
        body: dict[str, Any] = {
            "instrument_token": order.instrument_key, "quantity": order.quantity, "product": order.product,
            "validity": order.validity, "price": order.price, "trigger_price": order.trigger_price,
            "transaction_type": order.side.name, "order_type": order.kind.value, "tag": order.tag,
            "market_protection": order.market_protection,
        }  # fmt: skip
        if not order.tag:
            raise OrderRefusedError(VENDOR, "An order needs a tag. Nothing was placed.")
        ids: list[str] = _asked(lambda: self._place(read_terms(body)), order=True)
        return ids[0]

    def modify(self, change: OrderChange) -> None:
        """Change an open order.

        Raises:
            OrderRefusedError: refused as Upstox would; the order stays as it is.
            VendorUnreachableError: the account's file cannot be written; look the order up.
        """
        body: dict[str, Any] = {
            "order_id": change.order_id, "quantity": change.quantity, "order_type": change.kind.value,
            "validity": change.validity, "price": change.price, "trigger_price": change.trigger_price,
            "market_protection": change.market_protection,
        }  # fmt: skip
        _asked(lambda: self._account.modify(read_change(body)), order=True)

    def cancel(self, order_id: str) -> None:
        """Take an open order back; raises as ``modify``."""
        _asked(lambda: self._account.cancel(check_order_id(order_id)), order=True)

    def orders(self) -> list[BrokerOrder]:
        """Every order of today."""
        rows = _asked(lambda: self._account.ask(lambda exchange: [book_row(each.row) for each in exchange.orders()]))
        return parse.broker_orders(rows, self._clock())

    def orders_by_tag(self, tag: str) -> list[BrokerOrder]:
        """Orders of today that carry the tag; empty when there is none."""
        return [order for order in self.orders() if order.tag == tag]

    def fills(self) -> list[BrokerFill]:
        """Every trade of today."""
        rows = _asked(lambda: self._account.ask(lambda exchange: [trade_row(trade) for trade in exchange.trades()]))
        return parse.broker_fills(rows, self._clock())

    def positions(self) -> list[BrokerPosition]:
        """What is held of today's trading, closed positions included."""
        return parse.broker_positions(_asked(lambda: self._account.ask(_positions)))

    def funds(self) -> Funds:
        """Money available for trading."""
        return parse.funds(_asked(lambda: self._account.ask(lambda exchange: funds_v3(exchange.money()))))

    def exit_all(self, tag: str | None = None) -> None:
        """Close every open position, or what orders of a tag have opened, at the market; nothing open is fine.

        Raises:
            OrderRefusedError: some or all were refused; those that were not are being closed. Look at the positions.
        """
        wanted = _asked(lambda: self._account.ask(lambda exchange: _to_exit(exchange, tag)))
        errors = []
        for position, quantity in sorted(wanted, key=lambda each: each[1] > 0):
            side = Side.SELL if quantity > 0 else Side.BUY
            terms = OrderTerms(
                position.listing.key, abs(quantity), side, "MARKET", position.product, market_protection=-1.0,
                slice=True,
            )  # fmt: skip
            try:
                _asked(lambda terms=terms: self._exit(terms), order=True)  # type: ignore[misc]
            except OrderRefusedError as error:
                errors.append(error)
        if errors:
            message = f"{len(errors)} positions could not be closed: {errors[0]} Look at the positions."
            raise OrderRefusedError(VENDOR, message, errors[0].code)

    def _place(self, terms: OrderTerms) -> list[str]:
        now = self._clock()
        check_hours(now, "UDAPI100074", "Order API")
        listing = self._market.find(terms.instrument_key, indian_day(now))
        needed = () if listing is None or listing.segment is Segment.INDEX else (listing.key, listing.underlying_key)
        for key in needed:
            if key and not self._market.has_price(key):
                message = f"No price of {key} has come over the feed yet. Nothing was placed."
                raise OrderRefusedError(VENDOR, message)
        return self._account.place(terms)

    def _exit(self, terms: OrderTerms) -> list[str]:
        if not self._account.ask(lambda exchange: exchange.is_open(exchange.listing(terms.instrument_key))):
            raise refused("UDAPI1113", "The Exit Positions API is accessible during the market hours only.")
        return self._account.place(terms)


class PaperOrderStream:
    """An ``OrderStream`` of a paper account; its thread also keeps the exchange moving.

    Args:
        account: whose updates are told.
        clock: when.
    """

    def __init__(self, account: PaperAccount, clock: Clock) -> None:
        self._account, self._clock = account, clock
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, on_order: OnOrder, on_state: OnState) -> None:
        """Begin, on a thread of its own, on which both are called."""
        self._ending.clear()
        arguments = (on_order, on_state)
        self._thread = threading.Thread(target=self._run, args=arguments, name="paper exchange", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End the thread; whether it ended in time."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def retry_now(self) -> None:
        """Nothing: this exchange takes no token."""

    def tell(self, on_order: OnOrder) -> None:
        """Let happen what has become due, and tell of it.

        Raises:
            VendorUnreachableError: the account's file cannot be written; it is told later.
        """
        for row in self._account.move():
            received = self._clock()
            on_order(received, parse.broker_order(order_update(row, VENDOR), received))

    def _run(self, on_order: OnOrder, on_state: OnState) -> None:
        on_state(self._clock(), FeedState.UP, "")
        is_well = True
        while not self._ending.wait(_BEAT_S):
            try:
                self.tell(on_order)
            except VendorError as error:
                if is_well:
                    _log.error("%s", error)
                    on_state(self._clock(), FeedState.DOWN, str(error))
                is_well = False
                continue
            except Exception:  # the boundary to the listener: its fault must not stop the exchange
                _log.exception("An update of the paper exchange was not taken.")
                continue
            if not is_well:
                on_state(self._clock(), FeedState.UP, "")
            is_well = True
        on_state(self._clock(), FeedState.STOPPED, "")


def _asked(question: Callable[[], Any], order: bool = False) -> Any:
    """An answer, refusals as ours: a 400 about an order is the broker's no, anything else is not allowed."""
    try:
        return question()
    except UpstoxRefusal as refusal:
        kind = OrderRefusedError if order and refusal.status == 400 else VendorRefusedError
        raise kind(VENDOR, f"The order was refused: {refusal.message} ({refusal.code}).", refusal.code) from refusal
    except MissingDataError as error:
        raise VendorRefusedError(VENDOR, str(error)) from error


def _positions(exchange: Exchange) -> list[dict[str, Any]]:
    rows = []
    for position in exchange.account.positions.values():
        state = exchange.state(position.listing)
        rows.append(position_row(position, state.ltp, state.previous_close))
    return rows


def _to_exit(exchange: Exchange, tag: str | None) -> list[tuple[Position, int]]:
    """Positions with the units to exit: all, or as many as today's orders with the tag have opened."""
    found = []
    for (key, product), position in exchange.account.positions.items():
        quantity = 0 if position.is_delivery else position.quantity
        if tag is not None:
            tagged = sum(
                trade.quantity * trade.order.terms.side
                for trade in exchange.trades()
                if (trade.order.listing.key, trade.order.terms.product, trade.order.terms.tag) == (key, product, tag)
            )
            most = min(abs(tagged), abs(quantity)) if tagged * quantity > 0 else 0
            quantity = most if quantity > 0 else -most
        if quantity:
            found.append((position, quantity))
    return found
