"""What can be said of the system from outside: does it run, is its news fresh, what does it hold.

For `sos status` and `sos stop`; reads the lock and the status file, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sos_actors.app.kill_switch import flat_reason
from sos_actors.app.run_lock import Holder, holder_of, left_by_a_killed_run
from sos_actors.app.status_file import read_status
from sos_actors.app.status_lines import indian_time, span_text
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.status import SystemStatus
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

OLD_AFTER_S = 10.0
"""News older than that, or than five writes, comes from a system that hangs."""

SIMULATOR = "simulator"
"""The source of prices that a run starts itself."""

SLOW_START_S = 180.0
"""The first start compiles before it tells anything."""


class Verdict(StrEnum):
    """How the system is."""

    RUNNING = "running"
    STARTING = "starting"
    HUNG = "hung"
    NOT_RUNNING = "not running"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found.

    Attributes:
        status: the last one written: of this run, or where none runs of the last; None when there is none.
        holder: who runs.
        killed: the run that ended without a word, where none runs.
        age: nanoseconds since the status was made, by the wall clock.
        flat: why everything is to be closed; None when that was not asked for, or is done.
    """

    verdict: Verdict
    status: SystemStatus | None
    holder: Holder | None
    killed: Holder | None
    age: int | None
    flat: str | None


def look(data_dir: Path, now: UnixNanos, every_s: float) -> Seen:
    """Look from outside.

    Args:
        data_dir: the data folder.
        now: by the wall clock.
        every_s: how often the status is written.

    Raises:
        DataError: the status cannot be read.
    """
    holder = holder_of(data_dir)
    status = read_status(data_dir)
    flat = flat_reason(data_dir)
    if holder is None:
        age = None if status is None else now - status.wall
        return Seen(Verdict.NOT_RUNNING, status, None, left_by_a_killed_run(data_dir), age, flat)
    if status is None or status.run.run_id != holder.run_id or status.run.pid != holder.pid:
        old = now - holder.since > SLOW_START_S * NANOS_PER_SECOND
        return Seen(Verdict.HUNG if old else Verdict.STARTING, None, holder, None, None, flat)
    age = now - status.wall
    hung = age > max(OLD_AFTER_S, 5 * every_s) * NANOS_PER_SECOND
    return Seen(Verdict.HUNG if hung else Verdict.RUNNING, status, holder, None, age, flat)


def sentences(seen: Seen, data_dir: Path) -> Iterator[str]:
    """What must be said above or instead of the status; nothing when all is well."""
    holder = seen.holder
    if holder is None:
        yield f"Nothing runs on {data_dir}: start it with `sos live`."
        yield from _of_the_last_run(seen)
    elif seen.verdict is Verdict.STARTING:
        yield f"Run {holder.run_id} (pid {holder.pid}) is starting; it has told nothing yet."
    elif seen.verdict is Verdict.HUNG:
        age = "it never told anything" if seen.age is None else f"its last news is {span_text(seen.age)} old"
        yield f"Run {holder.run_id} (pid {holder.pid}) HANGS: {age}."
        yield "`sos stop --flat` still closes everything; `sos stop --now` ends the process."
    if seen.flat is not None:
        told = "It is closing everything." if holder else "The next `sos live` will close everything and not trade."
        yield f"Flat was asked for ({seen.flat}). {told} `sos stop --clear` takes that back."


def _of_the_last_run(seen: Seen) -> Iterator[str]:
    status = seen.status
    if seen.killed is not None:
        yield (
            f"Run {seen.killed.run_id} (pid {seen.killed.pid}) of {indian_time(seen.killed.since):%d %b %H:%M} did not "
            "end in order: it was killed, or the machine went down."
        )
    if status is not None:
        yield f"The last news is of {indian_time(status.wall):%d %b %Y %H:%M:%S}."
        if not status.holds_nothing:
            yield f"It then held {held_words(status)}. {whose_now(status)}"


def is_gone_with_its_run(status: SystemStatus) -> bool:
    """Whether what it held is gone: the simulated exchange ends with the run that began it."""
    return status.run.source == SIMULATOR


def whose_now(status: SystemStatus) -> str:
    """Who looks after what a run held that is over, as a sentence."""
    if is_gone_with_its_run(status):
        return "That is gone with its simulated market."
    return "Nobody guards that now; `sos live` takes it up again."


def held_words(status: SystemStatus) -> str:
    """Positions and orders in words, for example ``NIFTY 25600 CE 13 JAN 26: buy 75``."""
    positions = [f"{short_name_of(one.symbol)}: {one.side} {one.quantity}" for one in status.positions]
    orders = [
        f"{short_name_of(one.symbol)}: an order to {one.side} {one.quantity - one.filled}" for one in status.orders
    ]
    return "; ".join(positions + orders) or "nothing"
