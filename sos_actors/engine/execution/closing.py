"""What no exit of the engine's covers: orphans, what was sold twice, everything when the desk flattens by itself."""

from __future__ import annotations

from sos_actors.engine.execution.commands import Output, Severity, Trouble
from sos_actors.engine.execution.ledger import Ledger
from sos_actors.engine.execution.working import Account
from sos_actors.types import Side, UnixNanos


def settle(ledger: Ledger, account: Account, now: UnixNanos, reason: str) -> list[Output]:
    """Bring an account to nothing held and nothing in motion: called while it is closed, or the desk flattens.

    What the entry may still fill is taken back and not counted on. Exits that would sell too much are taken back, and
    waited for: they may fill meanwhile; so is a stop order. Only what nothing in motion covers is ordered.
    """
    exits = 0
    for order in account.orders:
        if not order.is_exit and order.going:
            order.withdraw()
        elif order.is_exit and not order.is_stop:
            exits += account.sign(order) * order.going
    open_units = account.held + exits
    if not open_units or account.guard.barred:
        return []
    closing = [order for order in account.orders if order.is_exit and not order.is_stop]
    against = [order for order in closing if account.sign(order) * open_units > 0]
    for order in reversed(against):  # what is not sent yet goes first, so that what works need not be taken back
        if 0 < order.going <= abs(open_units) and not any(piece.committed for piece in order.slices):
            open_units -= account.sign(order) * order.going
            order.withdraw()
    if not open_units:
        return []
    pending = [order for order in against if order.going]
    for order in pending:
        order.withdraw()
    if any(order.going for order in pending):
        return []
    open_units = account.held + sum(account.sign(order) * order.going for order in closing)
    if not open_units:
        return []
    side = Side(-account.side) if open_units > 0 else account.side
    order = ledger.own_order(account, side, abs(open_units), reason, now)
    what = f"{side.name} {abs(open_units)} {account.symbol}"
    text = f"{what}: order {order.order_id} of the desk's own ({reason})."
    return [Trouble(now, f"own {order.order_id}", text, Severity.ERROR)]
