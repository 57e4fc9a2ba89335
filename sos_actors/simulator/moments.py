"""Moments as people write them: ``2026-01-13 10:30`` in India."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, UnixNanos

_EPOCH = date(1970, 1, 1).toordinal()


def moment_of(day: date, at: time = time()) -> UnixNanos:
    """The moment of a time of day in India; to the second."""
    seconds = (day.toordinal() - _EPOCH) * 86_400 + at.hour * 3600 + at.minute * 60 + at.second - IST_OFFSET_S
    return UnixNanos(seconds * NANOS_PER_SECOND)


def read_time(text: str) -> time:
    """Read ``10:30`` or ``10:30:15``.

    Raises:
        ValueError: not a time of day; the message says how to write one.
    """
    for pattern in ("%H:%M", "%H:%M:%S"):
        try:
            return datetime.strptime(text, pattern).time()
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a time of day: write it like 10:30 or 10:30:15.")


def read_moment(text: str, day: date) -> UnixNanos:
    """Read ``2026-01-13 10:30``, or ``10:30`` of the given day; seconds may follow.

    Raises:
        ValueError: neither; the message says how to write it.
    """
    first, _, rest = text.strip().replace("T", " ").partition(" ")
    if not rest:
        return moment_of(day, read_time(first))
    try:
        return moment_of(date.fromisoformat(first), read_time(rest))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a moment: write it like 2026-01-13 10:30 (time in India).") from error


def spoken(ts: int) -> str:
    """``2026-01-13 10:30:15`` in India."""
    at = datetime.fromtimestamp(ts // NANOS_PER_SECOND, UTC) + timedelta(seconds=IST_OFFSET_S)
    return f"{at:%Y-%m-%d %H:%M:%S}"
