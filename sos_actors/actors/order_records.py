"""What is kept of orders: a record of every attempt, written again whenever it changes."""

from __future__ import annotations

from sos_actors.engine.execution.attempts import Attempt
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.messages.records import OrderRecord
from sos_actors.types import UnixNanos


class OrderRecorder:
    """Finds what changed since it last looked."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, str, Attempt]] = {}
        self._written: dict[str, tuple[object, ...]] = {}

    def changes(self, desk: ExecutionDesk) -> list[OrderRecord]:
        """Records of attempts that are new or different."""
        for place in desk.ledger.places():
            entry = (place.account.symbol, place.order.submit.reason, place.attempt)
            self._open.setdefault(place.attempt.tag, entry)
        records = []
        for tag, (symbol, reason, attempt) in list(self._open.items()):
            state = (attempt.state, attempt.filled, attempt.priced, attempt.paise, attempt.price, attempt.broker_id)
            if self._written.get(tag) != state:
                self._written[tag] = state
                records.append(_record(symbol, reason, attempt))
            if not attempt.may_fill and not attempt.unpriced:
                del self._open[tag]
        return records


def _record(symbol: str, reason: str, attempt: Attempt) -> OrderRecord:
    average = attempt.paise / attempt.priced / 100 if attempt.priced else None
    return OrderRecord(
        UnixNanos(attempt.since), attempt.tag, symbol, attempt.side, attempt.quantity, attempt.filled,
        "rejected" if attempt.rejected else attempt.state.value, attempt.price, average,
        attempt.broker_id or None, None, attempt.reason or reason,
    )  # fmt: skip
