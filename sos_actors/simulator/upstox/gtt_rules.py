"""The rules of a good-till-triggered order, and what is refused of them at once.

Source: the documentation of these orders, 2026, and the error table of its page on placing them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sos_actors.simulator.upstox.order_rules import MOST_PROTECTION
from sos_actors.simulator.upstox.request_fields import fields_of, number, refused, text, whole, word
from sos_actors.simulator.view import Listing
from sos_actors.types import Side

_TYPES = ("SINGLE", "MULTIPLE")
_STRATEGIES = ("ENTRY", "TARGET", "STOPLOSS")
_INPUT = "UDAPI100036"


@dataclass(slots=True)
class GttRule:
    """One condition and the order it places.

    Attributes:
        side: of the order.
        is_long: whether the entry buys.
        market_protection: percent, -1 automatic.
    """

    strategy: str
    trigger_type: str
    trigger_price: float
    side: Side
    is_long: bool
    trailing_gap: float | None = None
    market_protection: float | None = None
    status: str = "SCHEDULED"
    message: str | None = None
    order_id: str | None = None

    @property
    def is_entry(self) -> bool:
        """Whether it opens the position."""
        return self.strategy == "ENTRY"

    @property
    def waits_for_rise(self) -> bool:
        """Whether the price must come up to the trigger, not down."""
        return self.trigger_type == "ABOVE" if self.is_entry else self.is_long == (self.strategy == "TARGET")

    def trail(self, last: float, tick: float) -> None:
        """Let a trailing stop follow the last price; it only ever moves the position's way."""
        if self.strategy != "STOPLOSS" or not self.trailing_gap:
            return
        followed = last - self.trailing_gap if self.is_long else last + self.trailing_gap
        followed = round(round(followed / tick) * tick, 2)
        better = followed > self.trigger_price if self.is_long else followed < self.trigger_price
        if better and followed > 0:
            self.trigger_price = followed


@dataclass(slots=True)
class GttOrder:
    """An order of rules; the entry is the first of them.

    Attributes:
        created, expires: UnixNanos.
    """

    id: str
    type: str
    listing: Listing
    quantity: int
    product: str
    side: Side
    rules: list[GttRule]
    created: int
    expires: int

    def copy(self) -> GttOrder:
        """As it stands now."""
        return replace(self, rules=[replace(rule) for rule in self.rules])


class Wish(NamedTuple):
    """What a request asks for."""

    type: str
    quantity: int
    product: str
    instrument_key: str
    side: Side
    rules: list[GttRule]


class Change(NamedTuple):
    """What a request wants changed."""

    type: str
    quantity: int
    rules: list[GttRule]


def read_wish(body: Any) -> Wish:
    """The order a body asks for.

    Raises:
        UpstoxRefusal: 400 with the code of the first thing that is wrong with it.
    """
    fields = fields_of(body)
    kind = word(fields, "type", _TYPES, "UDAPI1126", "UDAPI1126")
    quantity = whole(fields, "quantity")
    product = word(fields, "product", ("I", "D", "MTF"), "UDAPI1006", "UDAPI1054")
    key = text(fields, "instrument_token", "UDAPI1026", "Instrument key is required")
    side = Side[word(fields, "transaction_type", ("BUY", "SELL"), "UDAPI1005", "UDAPI1057")]
    return Wish(kind, quantity, product, key, side, _rules(fields, kind, side))


def order_id_of(body: Any) -> str:
    """Which order a body is about.

    Raises:
        UpstoxRefusal: 400 UDAPI1023: it does not say.
    """
    return text(fields_of(body), "gtt_order_id", "UDAPI1023", "Order id is required")


def read_change(body: Any, side: Side) -> Change:
    """The change a body asks for, of an order whose entry is on ``side``.

    Raises:
        UpstoxRefusal: 400 with the code of the first thing that is wrong with it.
    """
    fields = fields_of(body)
    kind = word(fields, "type", _TYPES, "UDAPI1126", "UDAPI1126")
    return Change(kind, whole(fields, "quantity"), _rules(fields, kind, side))


def _rules(fields: Mapping[str, Any], kind: str, side: Side) -> list[GttRule]:
    entries = fields.get("rules")
    entries = entries if isinstance(entries, list) else []
    if kind == "SINGLE" and len(entries) != 1:
        raise refused("UDAPI1136", "SINGLE type requires exactly one rule", "rules")
    if kind == "MULTIPLE" and not 2 <= len(entries) <= 3:
        raise refused("UDAPI1137", "MULTIPLE type requires 2 to 3 rules", "rules")
    rules = [_rule(fields_of(entry), side) for entry in entries]
    strategies = [rule.strategy for rule in rules]
    if "ENTRY" not in strategies:
        raise refused("UDAPI1141", "An ENTRY strategy is mandatory", "rules")
    if len(set(strategies)) < len(strategies):
        raise refused(_INPUT, "Each strategy can appear only once", "rules")
    return sorted(rules, key=lambda rule: not rule.is_entry)


def _rule(fields: Mapping[str, Any], side: Side) -> GttRule:
    strategy = word(fields, "strategy", _STRATEGIES, _INPUT, _INPUT)
    trigger_type = word(fields, "trigger_type", ("ABOVE", "BELOW", "IMMEDIATE"), _INPUT, _INPUT)
    is_entry = strategy == "ENTRY"
    if not is_entry and trigger_type != "IMMEDIATE":
        raise refused("UDAPI1143", "Strategies other than ENTRY require the trigger type IMMEDIATE", "trigger_type")
    price = number(fields, "trigger_price")
    if price is None or price <= 0:
        raise refused(_INPUT, "The trigger price must be positive", "trigger_price", price)
    gap = number(fields, "trailing_gap")
    if gap is not None and (gap <= 0 or strategy != "STOPLOSS"):
        raise refused(_INPUT, "The trailing gap is invalid", "trailing_gap", gap)
    protection = number(fields, "market_protection")
    if protection is not None and protection > MOST_PROTECTION:
        raise refused("UDAPI1176", "Market protection cannot be greater than 25%", "market_protection", protection)
    if protection is not None and protection != -1 and protection < 0:
        raise refused("UDAPI1177", "The market protection is invalid", "market_protection", protection)
    own = side if is_entry else Side(-side)
    return GttRule(strategy, trigger_type, price, own, side is Side.BUY, gap, protection)
