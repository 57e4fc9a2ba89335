"""One line of the doctor: what was looked at, how it is, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sos_actors.errors import VendorError
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND


class Status(StrEnum):
    """How it is, in the words that are printed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"
    SKIPPED = "skipped"


class Need(StrEnum):
    """Who needs what a finding is about."""

    EVERYTHING = "everything"
    REAL = "the real vendors"
    NOTHING = "nothing that exists today"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        group: the heading it stands under.
        text: how it is, without a full stop where advice follows.
        advice: what to do, as full sentences; empty when there is nothing to do.
        need: who cannot run when this failed.
        serves: what this vendor is asked for, in the words of ``[trust]``.
    """

    group: str
    name: str
    status: Status
    text: str
    advice: str = ""
    need: Need = Need.EVERYTHING
    serves: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Text and advice as one line."""
        told = " ".join(self.text.split())
        return f"{told.rstrip('.')}. {' '.join(self.advice.split())}" if self.advice else told


def told_by(error: VendorError) -> str:
    """What a vendor's error says, without the name that stands before it in the line already."""
    return str(error).removeprefix(f"{error.vendor}: ")


def ist(ts: int) -> str:
    """``14 Jan 2026 03:30 IST`` of UnixNanos."""
    moment = datetime.fromtimestamp(ts // NANOS_PER_SECOND, UTC) + timedelta(seconds=IST_OFFSET_S)
    return f"{moment:%d %b %Y %H:%M} IST"


def spoken_s(seconds: float) -> str:
    """``2 days``, ``3 h 20 min``, ``12 min`` or ``4.5 s``."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 2880:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} days"
