"""Which of the desk's methods each message of the order actor is for."""

from __future__ import annotations

from sos_actors.actors.order_words import Answered, BookCame, Flatten, Look, LookedUp, OrderSeen, StreamUp
from sos_actors.engine.execution.commands import Output
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.engine.execution.policy import Fate
from sos_actors.messages.trading import CancelOrder, PositionCorrected, PositionOpened, SubmitOrder
from sos_actors.types import UnixNanos


def heard(desk: ExecutionDesk, message: object, now: UnixNanos) -> list[Output] | None:
    """What the desk makes of a message; None when it is for somebody else."""
    match message:
        case Look():
            return desk.on_time(now)
        case SubmitOrder():
            return desk.submit(message, None, now)
        case CancelOrder():
            return desk.cancel(message, now)
        case PositionOpened():
            return desk.position_opened(message, now)
        case OrderSeen():
            return desk.seen(message.row, now)
        case Answered():
            return _answered(desk, message, now)
        case LookedUp(tag, rows):
            return desk.look_up_failed(tag, now) if rows is None else desk.looked_up(tag, rows, now)
        case BookCame(asked_at, rows, fills):
            return desk.book_failed(now) if rows is None else desk.book(rows, fills, asked_at, now)
        case StreamUp():
            return desk.stream_up(now)
        case PositionCorrected():
            return desk.correct(message, now)
        case Flatten():
            return desk.flatten(now)
    return None


def _answered(desk: ExecutionDesk, message: Answered, now: UnixNanos) -> list[Output]:
    told = message.outcome
    fate = Fate(told.fate)
    if told.what == "place" and fate is Fate.PLACED:
        return desk.placed(told.tag, told.broker_id, now)
    tell = desk.not_placed if told.what == "place" else desk.changed
    return tell(told.tag, fate, told.reason, now, code=told.code, retry_after_s=message.retry_after_s)
