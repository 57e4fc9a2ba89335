"""Carries positions through their orders: fills, exits, square-off, as events arrive. The rules are ``rules.py``'s."""

from __future__ import annotations

import numpy as np

from sos_actors.engine import codes
from sos_actors.engine.holdings import Holdings
from sos_actors.engine.records import ExitReason
from sos_actors.engine.rules import close_position, drop_entry, exit_touch, fill_entry
from sos_actors.engine.sweep import Account
from sos_actors.messages.signals import EntryRefused, SignalFormed
from sos_actors.messages.trading import (
    CancelOrder,
    OrderStatus,
    OrderUpdated,
    PositionClosed,
    PositionOpened,
    Purpose,
    SubmitOrder,
)
from sos_actors.types import Side, UnixNanos

Decision = SignalFormed | EntryRefused | SubmitOrder | CancelOrder | PositionOpened | PositionClosed


def order_of(position_id: int, purpose: Purpose) -> int:
    """The order's own number: even for the entry of a position, odd for its exit."""
    return 2 * position_id + (purpose is Purpose.EXIT)


class PositionKeeper:
    """Stateless but for the names of instruments; positions live in the account's records.

    Args:
        holdings: instruments by number.
    """

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings

    def number_of(self, name: str) -> int | None:
        """An instrument's number, None when it never was one."""
        return self._holdings.names.index(name) if name in self._holdings.names else None

    def sent(self, account: Account, slot: int, reference_price: float) -> list[Decision]:
        """The entry order of a slot that was just taken."""
        position = account.positions[slot]
        ts = UnixNanos(int(position["sent_ts"]))
        side = Side(int(position["side"]))
        return [self._order(account, slot, ts, side, int(position["quantity"]), Purpose.ENTRY, reference_price, "signal")]

    def on_prices(
        self, account: Account, ts: int, symbol: str, open_: float, high: float, low: float
    ) -> list[Decision]:
        """Stops and targets of what is held in ``symbol``."""
        number = self.number_of(symbol)
        decisions: list[Decision] = []
        for slot, position in enumerate(account.positions):
            if number is None or position["state"] != codes.OPEN or position["instrument"] != number:
                continue
            reason, price = exit_touch(
                int(position["side"]), float(position["stop"]), float(position["target"]), open_, high, low
            )
            if reason != codes.NO_EXIT:
                decisions += self._leave(account, slot, ts, int(reason), float(price))
        return decisions

    def on_time(self, account: Account, ts: int, session: np.void, entry_valid_ns: int) -> list[Decision]:
        """Entries that waited too long, positions whose time is over."""
        decisions: list[Decision] = []
        for slot, position in enumerate(account.positions):
            if position["state"] == codes.ENTRY_SENT and ts - position["sent_ts"] >= entry_valid_ns:
                order = order_of(int(position["id"]), Purpose.ENTRY)
                decisions.append(CancelOrder(UnixNanos(ts), order))
            elif position["state"] == codes.OPEN and ts >= self._square_off(session, int(position["instrument"])):
                decisions += self._leave(account, slot, ts, codes.SQUARE_OFF, float(position["last_price"]))
        return decisions

    def on_order(self, account: Account, update: OrderUpdated, session: np.void) -> list[Decision]:
        """What the broker says of an order; an unknown order, or one of a closed position, changes nothing."""
        position_id, exit_ = divmod(update.order_id, 2)
        for slot, position in enumerate(account.positions):
            if position["state"] == codes.FREE or position["id"] != position_id:
                continue
            if update.status is not OrderStatus.FILLED:
                return self._ended(account, slot, bool(exit_))
            if exit_:
                return self._exit_filled(account, slot, update)
            return self._entry_filled(account, slot, update, session)
        return []

    def _square_off(self, session: np.void, instrument: int) -> int:
        option = self._holdings.instruments[instrument]["kind"] == codes.OPTION
        return int(session["square_off_option" if option else "square_off_equity"])

    def _ended(self, account: Account, slot: int, exit_: bool) -> list[Decision]:
        """An order ended unfilled: an entry frees its slot, an exit is due again at the next price."""
        position = account.positions[slot]
        if exit_:
            position["state"] = codes.OPEN
        elif position["filled"] == 0:
            drop_entry(account.book, account.positions, account.signals, slot, codes.NOT_FILLED)
        return []

    def _entry_filled(
        self, account: Account, slot: int, update: OrderUpdated, session: np.void
    ) -> list[Decision]:
        position = account.positions[slot]
        instrument = int(position["instrument"])
        tick = float(self._holdings.instruments[instrument]["tick"])
        fill_entry(account.positions, slot, int(update.ts_event), update.fill_price, update.fill_quantity, tick)
        opened = PositionOpened(
            update.ts_event, int(position["id"]), self._holdings.names[instrument], Side(int(position["side"])),
            int(position["filled"]), float(position["entry_price"]), float(position["stop"]), float(position["target"]),
        )  # fmt: skip
        if update.ts_event >= self._square_off(session, instrument):
            return [opened, *self._leave(account, slot, update.ts_event, codes.SQUARE_OFF, update.fill_price)]
        return [opened]

    def _exit_filled(self, account: Account, slot: int, update: OrderUpdated) -> list[Decision]:
        position = account.positions[slot]
        position["proceeds"] += update.fill_price * update.fill_quantity
        position["closing"] += update.fill_quantity
        if position["closing"] < position["filled"]:
            return []
        instrument = int(position["instrument"])
        whole = update.fill_quantity == position["filled"]
        price = update.fill_price if whole else float(position["proceeds"] / position["closing"])
        reason = int(position["exit_reason"])
        closed = PositionClosed(
            update.ts_event, int(position["id"]), self._holdings.names[instrument], int(position["filled"]),
            float(position["entry_price"]), price, ExitReason(reason).name.lower(),
        )  # fmt: skip
        record = self._holdings.instruments[instrument : instrument + 1]
        close_position(
            account.book, account.positions, slot, record, int(update.ts_event), price, reason, account.trades
        )
        return [closed]

    def _leave(self, account: Account, slot: int, ts: int, reason: int, price: float) -> list[Decision]:
        position = account.positions[slot]
        position["state"] = codes.EXIT_SENT
        position["exit_reason"] = reason
        side = Side(-int(position["side"]))
        quantity = int(position["filled"] - position["closing"])
        text = ExitReason(reason).name.lower()
        return [self._order(account, slot, UnixNanos(ts), side, quantity, Purpose.EXIT, price, text)]

    def _order(
        self, account: Account, slot: int, ts: UnixNanos, side: Side, quantity: int, purpose: Purpose, price: float,
        reason: str,
    ) -> SubmitOrder:  # fmt: skip
        position = account.positions[slot]
        number = int(position["id"])
        name = self._holdings.names[int(position["instrument"])]
        return SubmitOrder(ts, order_of(number, purpose), number, name, side, quantity, purpose, price, reason)
