"""Many orders in one request: placing a list, cancelling and exiting whatever fits a filter.

What goes through although other parts do not is answered with status 207 and ``partial_success``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from aiohttp import web

from sos_actors.simulator.upstox.answers import UpstoxRefusal, error_entry, json_response
from sos_actors.simulator.upstox.exchange import Exchange
from sos_actors.simulator.upstox.exchange_orders import OrderTerms
from sos_actors.simulator.upstox.kill_switch import SEGMENTS
from sos_actors.simulator.upstox.order_access import admit, json_body
from sos_actors.simulator.upstox.order_rules import read_terms
from sos_actors.simulator.upstox.positions import Position
from sos_actors.simulator.upstox.request_fields import refused
from sos_actors.simulator.world import World
from sos_actors.types import Side

MOST_IN_A_LIST: Final = 25
MOST_AT_ONCE: Final = 50
_MOST_LETTERS: Final = 20


class _Line(NamedTuple):
    correlation_id: str
    terms: OrderTerms


class BulkCalls:
    """Lists of orders.

    Args:
        world: clock and strictness.
        exchange: takes the orders.
    """

    def __init__(self, world: World, exchange: Exchange) -> None:
        self._world, self._exchange = world, exchange

    def add_routes(self, app: web.Application) -> None:
        """Mount the calls."""
        app.router.add_post("/v2/order/multi/place", self._place)
        app.router.add_delete("/v2/order/multi/cancel", self._cancel)
        app.router.add_post("/v2/order/positions/exit", self._exit)

    async def _place(self, request: web.Request) -> web.Response:
        """Nothing is placed when a line is malformed; buys are placed before sells."""
        body = await json_body(request)
        self._begin()
        lines, errors = _lines(body)
        if errors:
            return _list_answer(len(lines) + len(errors), [], errors, payload_errors=len(errors))
        placed: list[dict[str, str]] = []
        for line in sorted(lines, key=lambda each: -each.terms.side):
            try:
                order_ids = self._exchange.place(line.terms)
            except UpstoxRefusal as refusal:
                errors.append(_entry(refusal) | {"correlation_id": line.correlation_id})
                continue
            names = [line.correlation_id] if len(order_ids) == 1 else _numbered(line.correlation_id, len(order_ids))
            placed += [{"correlation_id": n, "order_id": i} for n, i in zip(names, order_ids, strict=True)]
        return _list_answer(len(lines), placed, errors, payload_errors=0)

    async def _cancel(self, request: web.Request) -> web.Response:
        self._begin()
        segment, tag = _filters(request)
        orders = [
            order
            for order in self._exchange.orders()
            if not order.row.is_over
            and segment in (None, order.row.listing.upstox_segment)
            and tag in (None, order.row.terms.tag)
        ]
        if not orders:
            raise refused("UDAPI1108", "No open or pending order available")
        if len(orders) > MOST_AT_ONCE:
            raise refused("UDAPI1109", f"Available open or pending orders should not be more than {MOST_AT_ONCE}")
        return _batch_answer([self._exchange.cancel(order.row.order_id) for order in orders], [])

    async def _exit(self, request: web.Request) -> web.Response:
        """One order at the market against each position, those that buy first; delivery shares are left alone."""
        self._begin()
        segment, tag = _filters(request)
        wanted = [(position, quantity) for position, quantity in self._open(segment, tag) if quantity]
        if not wanted:
            raise refused("UDAPI1108", "No open position available to exit.")
        if len(wanted) > MOST_AT_ONCE:
            raise refused("UDAPI1109", f"Available open positions should not be more than {MOST_AT_ONCE}.")
        order_ids: list[str] = []
        errors: list[dict[str, Any]] = []
        for position, quantity in sorted(wanted, key=lambda each: each[1] > 0):
            try:
                order_ids += self._exit_one(position, quantity)
            except UpstoxRefusal as refusal:
                errors.append(_entry(refusal) | {"order_id": None, "instrument_key": position.listing.key})
        return _batch_answer(order_ids, errors)

    def _open(self, segment: str | None, tag: str | None) -> Iterator[tuple[Position, int]]:
        """Positions with the units to exit: all, or as many as today's orders with the tag have opened."""
        for (key, product), position in self._exchange.account.positions.items():
            if position.is_delivery or segment not in (None, position.listing.upstox_segment):
                continue
            quantity = position.quantity
            if tag is not None:
                tagged = self._tagged(key, product, tag)
                same = tagged * quantity > 0
                quantity = (min(abs(tagged), abs(quantity)) * (1 if quantity > 0 else -1)) if same else 0
            yield position, quantity

    def _tagged(self, key: str, product: str, tag: str) -> int:
        """Units that today's trades with a tag have left open."""
        return sum(
            trade.quantity * trade.order.terms.side
            for trade in self._exchange.trades()
            if (trade.order.listing.key, trade.order.terms.product, trade.order.terms.tag) == (key, product, tag)
        )

    def _exit_one(self, position: Position, quantity: int) -> list[str]:
        if not self._exchange.is_open(position.listing):
            raise refused("UDAPI1113", "The Exit Positions API is accessible during the market hours only.")
        side = Side.SELL if quantity > 0 else Side.BUY
        terms = OrderTerms(
            position.listing.key, abs(quantity), side, "MARKET", position.product, market_protection=-1.0, slice=True
        )
        return self._exchange.place(terms)

    def _begin(self) -> None:
        admit(self._world)
        self._exchange.advance(self._world.clock.now())


def _lines(body: Any) -> tuple[list[_Line], list[dict[str, Any]]]:
    """The orders of a list, and what is wrong with those that are none."""
    if not isinstance(body, list) or not body:
        raise refused("UDAPI1114", "The request payload is empty")
    if len(body) > MOST_IN_A_LIST:
        raise refused("UDAPI1118", f"Maximum order limit of {MOST_IN_A_LIST} exceeded")
    lines: list[_Line] = []
    errors: list[dict[str, Any]] = []
    names: set[str] = set()
    for entry in body:
        name = entry.get("correlation_id") if isinstance(entry, dict) else None
        try:
            lines.append(_Line(_checked(name, names), read_terms(entry)))
        except UpstoxRefusal as refusal:
            errors.append(_entry(refusal) | {"correlation_id": name})
    return lines, errors


def _checked(name: Any, names: set[str]) -> str:
    if not isinstance(name, str) or not name:
        raise refused("UDAPI1115", "The correlation_id is required", "correlation_id", name)
    if len(name) > _MOST_LETTERS:
        message = f"The correlation_id should not exceed {_MOST_LETTERS} characters"
        raise refused("UDAPI100036", message, "correlation_id", name)
    if name in names:
        raise refused("UDAPI1117", "The correlation_id must be unique", "correlation_id", name)
    names.add(name)
    return name


def _numbered(name: str, parts: int) -> list[str]:
    return [f"{name}_{number}" for number in range(1, parts + 1)]


def _filters(request: web.Request) -> tuple[str | None, str | None]:
    segment, tag = request.query.get("segment") or None, request.query.get("tag") or None
    if segment is not None and segment not in SEGMENTS:
        raise refused("UDAPI1105", "Invalid segment", "segment", segment)
    return segment, tag


def _entry(refusal: UpstoxRefusal) -> dict[str, Any]:
    return error_entry(refusal.code, refusal.message, refusal.field, refusal.value)


def _outcome(done: Sequence[object], errors: Sequence[object]) -> tuple[str, int]:
    """Envelope status and HTTP status."""
    if not errors:
        return "success", 200
    return ("partial_success", 207) if done else ("error", 400)


def _list_answer(
    total: int, placed: Sequence[dict[str, str]], errors: Sequence[dict[str, Any]], payload_errors: int
) -> web.Response:
    """The answer to a placed list; keys that would be empty are left out, as in the documentation's samples."""
    status, code = _outcome(placed, errors)
    failed = 0 if payload_errors else len(errors)
    done = 0 if payload_errors else total - failed
    document: dict[str, Any] = {"status": status}
    document |= {"data": placed} if placed else {}
    document |= {"errors": errors} if errors else {}
    summary = {"total": total, "payload_error": payload_errors, "success": done, "error": failed}
    return json_response(document | {"summary": summary}, code)


def _batch_answer(order_ids: Iterable[str], errors: Sequence[dict[str, Any]]) -> web.Response:
    """The answer to a cancellation or exit of many."""
    done = list(order_ids)
    status, code = _outcome(done, errors)
    summary = {"total": len(done) + len(errors), "success": len(done), "error": len(errors)}
    return json_response(
        {"status": status, "data": {"order_ids": done}, "errors": list(errors) or None, "summary": summary}, code
    )
