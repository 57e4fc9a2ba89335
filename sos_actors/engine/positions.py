"""Carries positions through their orders: fills, exits, square-off, as events arrive. The rules are ``rules.py``'s."""

from __future__ import annotations

import numpy as np

from sos_actors.engine import codes
from sos_actors.engine.holdings import Holdings
from sos_actors.engine.records import ExitReason
from sos_actors.engine.rules import close_position, drop_entry, exit_touch, fill_entry
from sos_actors.engine.sweep import Account
from sos_actors.messages.market import PriceSpan
from sos_actors.messages.signals import EntryRefused, SignalFormed
from sos_actors.messages.trading import (
    CancelOrder,
    OrderStatus,
    OrderUpdated,
    PositionClosed,
    PositionCorrected,
    PositionOpened,
    Purpose,
    SubmitOrder,
)
from sos_actors.types import Side, UnixNanos

Decision = SignalFormed | EntryRefused | SubmitOrder | CancelOrder | PositionOpened | PositionClosed
_HELD = (codes.OPEN, codes.EXIT_SENT)
ORDERS_EACH = 1_000_000
"""Order numbers of one position: its entry has the first, its exits follow."""


def order_of(position_id: int, exits: int = 0) -> int:
    """The number of a position's order: its entry (0), or the exit that was sent as the ``exits``-th."""
    return position_id * ORDERS_EACH + exits


class PositionKeeper:
    """Knows the instruments' names and whether everything is to go; positions live in the account's records.

    Args:
        holdings: instruments by number.

    Attributes:
        flattening: whatever is held, or fills, leaves at once.
    """

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self.flattening = False

    def sent(self, account: Account, slot: int, reference_price: float) -> list[Decision]:
        """The entry order of a slot that was just taken."""
        position = account.positions[slot]
        side, quantity = Side(int(position["side"])), int(position["quantity"])
        return [self._order(position, int(position["sent_ts"]), side, quantity, reference_price, "signal")]

    def open_names(self, account: Account) -> set[str]:
        """The instruments that are held: only their prices concern anything."""
        states = account.positions["state"].tolist()
        if codes.OPEN not in states and codes.EXIT_SENT not in states:
            return set()
        names, numbers = self._holdings.names, account.positions["instrument"].tolist()
        return {names[number] for state, number in zip(states, numbers, strict=True) if state in _HELD}

    def is_open(self, account: Account, name: str) -> bool:
        """Whether a price of the instrument concerns anything that is held."""
        return name in self.open_names(account)

    def on_prices(self, account: Account, span: PriceSpan) -> list[Decision]:
        """Stops and targets of what is held in ``span.symbol``; an exit that failed before is sent again."""
        decisions: list[Decision] = []
        if not self.is_open(account, span.symbol):
            return decisions
        for position in account.positions:
            if position["state"] not in _HELD or self._name(position) != span.symbol:
                continue
            position["last_price"], position["last_ts"] = span.close, span.ts_event
            if position["state"] == codes.EXIT_SENT:
                continue
            reason, price = self._due(position), span.open
            if reason == codes.NO_EXIT:
                reason, price = exit_touch(
                    int(position["side"]), float(position["stop"]), float(position["target"]), span.open, span.high,
                    span.low,
                )  # fmt: skip
            if reason != codes.NO_EXIT:
                decisions += self._leave(position, span.ts_event, int(reason), float(price))
        return decisions

    def on_time(self, account: Account, ts: int, session: np.void, entry_valid_ns: int) -> list[Decision]:
        """Entries that waited too long, positions whose time is over.

        An exit that failed is sent again, price or no price. A position that is not out when its session closes is
        valued by the broker: its exit counts as ``session_end``.
        """
        decisions: list[Decision] = []
        for position in account.positions:
            if position["state"] == codes.FREE:
                continue
            kind = "option" if self._is_option(position) else "equity"
            over = ts >= session[f"close_{kind}"]
            if position["filled"] < position["quantity"] and (over or ts - position["sent_ts"] >= entry_valid_ns):
                decisions.append(CancelOrder(UnixNanos(ts), order_of(int(position["id"]))))
            due = self._due(position) != codes.NO_EXIT or ts >= session[f"square_off_{kind}"]
            if position["state"] == codes.OPEN and due:
                reason = self._due(position) or codes.SQUARE_OFF
                decisions += self._leave(position, ts, reason, float(position["last_price"]))
            if over and position["exit_reason"] == codes.SQUARE_OFF:
                position["exit_reason"] = codes.SESSION_END
        return decisions

    def on_order(self, account: Account, update: OrderUpdated, session: np.void) -> list[Decision]:
        """What the broker says of an order; an unknown order, or one of a closed position, changes nothing."""
        position_id, exits = divmod(update.order_id, ORDERS_EACH)
        for slot, position in enumerate(account.positions):
            if position["state"] == codes.FREE or position["id"] != position_id or exits > position["exits"]:
                continue
            if update.status is not OrderStatus.FILLED:
                return self._ended(account, slot, exits, update)
            if update.fill_quantity <= 0:
                return []
            if exits:
                return self._exit_filled(account, slot, update)
            return self._entry_filled(account, slot, update, session)
        return []

    def withdraw(self, account: Account, ts: int) -> list[Decision]:
        """Take back what is left of every entry."""
        return [
            CancelOrder(UnixNanos(ts), order_of(int(position["id"])))
            for position in account.positions
            if position["state"] != codes.FREE and position["filled"] < position["quantity"]
        ]

    def flatten(self, account: Account, ts: int) -> list[Decision]:
        """Leave every position and take every entry back; what fills later leaves then."""
        self.flattening = True
        decisions: list[Decision] = []
        for position in account.positions:
            if position["state"] == codes.OPEN:
                decisions += self._leave(position, ts, codes.FLAT, float(position["last_price"]))
            elif position["state"] == codes.ENTRY_SENT:
                decisions.append(CancelOrder(UnixNanos(ts), order_of(int(position["id"]))))
        return decisions

    def correct(self, account: Account, event: PositionCorrected) -> list[Decision]:
        """The broker holds another quantity: what is missing was sold by somebody, what is more was bought.

        Where a stop order at the broker sold it, that is a stop.
        """
        for slot, position in enumerate(account.positions):
            if position["state"] == codes.FREE or position["id"] != event.position_id or not position["filled"]:
                continue
            missing = int(position["filled"] - position["closing"]) - event.quantity
            if missing < 0:
                total = int(position["filled"]) - missing
                value = position["entry_price"] * position["filled"] - event.price * missing
                position["entry_price"], position["filled"] = value / total, total
                position["quantity"] = max(int(position["quantity"]), total)
            elif missing > 0:
                position["proceeds"] += event.price * missing
                position["closing"] += missing
                position["leaving"] = min(int(position["leaving"]), event.quantity)
            if event.quantity == 0:
                position["exit_reason"] = position["exit_reason"] or (codes.STOP if event.order_id else codes.CORRECTED)
                position["state"], position["leaving"] = codes.EXIT_SENT, 0
                if position["filled"] < position["quantity"]:  # it may fill on: closed when that is over
                    return [CancelOrder(event.ts_event, order_of(int(position["id"])))]
                return self._settle(account, slot, OrderUpdated(event.ts_event, 0, OrderStatus.FILLED, 0, event.price))
        return []

    def _due(self, position: np.void) -> int:
        """Why a position should be left whatever its price, 0 when there is no reason."""
        return int(position["exit_reason"]) or (codes.FLAT if self.flattening else codes.NO_EXIT)

    def _name(self, position: np.void) -> str:
        return self._holdings.names[int(position["instrument"])]

    def _is_option(self, position: np.void) -> bool:
        return bool(self._holdings.instruments[int(position["instrument"])]["kind"] == codes.OPTION)

    def _ended(self, account: Account, slot: int, exits: int, update: OrderUpdated) -> list[Decision]:
        """An order works no longer: an unfilled entry frees its slot, an exit is due again at the next price."""
        position = account.positions[slot]
        if exits == 0 and position["filled"] == 0:
            drop_entry(account.book, account.positions, account.signals, slot, codes.NOT_FILLED)
        elif exits == 0:
            position["quantity"] = position["filled"]
            if position["state"] == codes.EXIT_SENT:
                return self._settle(account, slot, update)
        elif exits == position["exits"] and position["leaving"] > 0:
            position["state"], position["leaving"] = codes.OPEN, 0
        return []

    def _entry_filled(self, account: Account, slot: int, update: OrderUpdated, session: np.void) -> list[Decision]:
        position = account.positions[slot]
        tick = float(self._holdings.instruments[int(position["instrument"])]["tick"])
        fill_entry(account.positions, slot, int(update.ts_event), update.fill_price, update.fill_quantity, tick)
        opened = PositionOpened(
            update.ts_event, int(position["id"]), self._name(position), Side(int(position["side"])),
            int(position["filled"]), float(position["entry_price"]), float(position["stop"]), float(position["target"]),
        )  # fmt: skip
        if position["state"] == codes.EXIT_SENT:
            return [opened, *self._settle(account, slot, update)]
        if self.flattening:
            return [opened, *self._leave(position, int(update.ts_event), codes.FLAT, update.fill_price)]
        square_off = session["square_off_option" if self._is_option(position) else "square_off_equity"]
        if update.ts_event >= square_off:
            return [opened, *self._leave(position, update.ts_event, codes.SQUARE_OFF, update.fill_price)]
        return [opened]

    def _exit_filled(self, account: Account, slot: int, update: OrderUpdated) -> list[Decision]:
        position = account.positions[slot]
        position["proceeds"] += update.fill_price * update.fill_quantity
        position["closing"] += update.fill_quantity
        position["leaving"] = max(int(position["leaving"]) - update.fill_quantity, 0)
        return self._settle(account, slot, update)

    def _settle(self, account: Account, slot: int, update: OrderUpdated) -> list[Decision]:
        """Close a position that is being left once all it bought is sold and nothing can fill any more."""
        position = account.positions[slot]
        if position["leaving"] > 0:
            return []
        if position["closing"] < position["filled"]:
            return self._leave(position, update.ts_event, int(position["exit_reason"]), update.fill_price)
        if position["filled"] < position["quantity"]:
            return []
        whole = update.fill_quantity == position["filled"]
        price = update.fill_price if whole else float(position["proceeds"] / position["closing"])
        reason = int(position["exit_reason"])
        closed = PositionClosed(
            update.ts_event, int(position["id"]), self._name(position), int(position["filled"]),
            float(position["entry_price"]), price, ExitReason(reason).name.lower(),
        )  # fmt: skip
        instruments = self._holdings.instruments
        close_position(
            account.book, account.positions, slot, instruments, int(update.ts_event), price, reason, account.trades
        )
        return [closed]

    def _leave(self, position: np.void, ts: int, reason: int, price: float) -> list[Decision]:
        """Send an exit for what is held, and take back what is left of the entry."""
        decisions: list[Decision] = []
        if position["filled"] < position["quantity"]:
            decisions.append(CancelOrder(UnixNanos(ts), order_of(int(position["id"]))))
        quantity = int(position["filled"] - position["closing"])
        position["state"], position["exit_reason"], position["leaving"] = codes.EXIT_SENT, reason, quantity
        position["exits"] += 1
        text = ExitReason(reason).name.lower()
        return [*decisions, self._order(position, ts, Side(-int(position["side"])), quantity, price, text)]

    def _order(
        self, position: np.void, ts: int, side: Side, quantity: int, price: float, reason: str
    ) -> SubmitOrder:  # fmt: skip
        number, exits = int(position["id"]), int(position["exits"])
        purpose = Purpose.EXIT if exits else Purpose.ENTRY
        name = self._name(position)
        return SubmitOrder(UnixNanos(ts), order_of(number, exits), number, name, side, quantity, purpose, price, reason)
