"""The trading half of what the running system tells of itself: in play, held, on order, done; see `messages/status.py`.

Symbols are canonical, times UnixNanos by the market's clock, money rupees; None is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from sos_actors.types import UnixNanos


@dataclass(frozen=True, slots=True)
class WatchedStatus:
    """A symbol in play. ``state``: ``following``, ``backfilling`` or ``waiting``; ``change`` in percent."""

    symbol: str
    state: str
    since: UnixNanos | None = None
    rvol: float | None = None
    change: float | None = None
    momentum: float | None = None


@dataclass(frozen=True, slots=True)
class PatternStatus:
    """How far a strategy is on a symbol: phase ``number`` of ``phases`` (1-based; 0 not begun), ``bars`` in it."""

    symbol: str
    strategy: str
    phase: str
    number: int
    phases: int
    bars: int = 0


@dataclass(frozen=True, slots=True)
class PositionStatus:
    """What is held; rupees.

    Attributes:
        side: ``buy`` or ``sell``.
        gross: at the last price, before charges.
        charges: of the entry and, estimated, of the exit.
        exiting: an exit is on its way.
    """

    position_id: int
    symbol: str
    side: str
    quantity: int
    entry: float
    last: float | None
    stop: float | None
    target: float | None
    gross: float | None
    charges: float | None
    strategy: str = ""
    opened: UnixNanos | None = None
    exiting: bool = False

    @property
    def net(self) -> float | None:
        """After charges, rupees."""
        return None if self.gross is None or self.charges is None else self.gross - self.charges


@dataclass(frozen=True, slots=True)
class WorkingOrderStatus:
    """An order that is not done. ``purpose``: ``entry`` or ``exit``; ``state`` in the order desk's words."""

    order_id: int
    symbol: str
    side: str
    quantity: int
    filled: int
    price: float | None
    purpose: str
    state: str
    since: UnixNanos | None = None


@dataclass(frozen=True, slots=True)
class TradeStatus:
    """A trade of the day that is closed; rupees."""

    symbol: str
    side: str
    quantity: int
    entry: float
    exit: float
    opened: UnixNanos
    closed: UnixNanos
    reason: str
    gross: float
    charges: float | None
    strategy: str = ""

    @property
    def net(self) -> float | None:
        """After charges, rupees."""
        return None if self.charges is None else self.gross - self.charges


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How many signals ended how: ``traded``, ``vetoed``, ``denied``, ``skipped``, ``refused`` or ``waiting``."""

    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class DayStatus:
    """The closed trades of the day, rupees; charges None where one is unknown."""

    gross: float = 0.0
    charges: float | None = 0.0
    trades: int = 0
    won: int = 0
    lost: int = 0
    signals: tuple[OutcomeCount, ...] = ()

    @property
    def net(self) -> float | None:
        """After charges, rupees."""
        return None if self.charges is None else self.gross - self.charges


@dataclass(frozen=True, slots=True)
class SignalStatus:
    """A signal and what became of it; outcomes as in `OutcomeCount`."""

    ts: UnixNanos
    signal_id: int
    symbol: str
    strategy: str
    side: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MoodStatus:
    """The mood of one market: the regime's name, put-call ratio, advances to declines, ``known`` since when."""

    symbol: str
    regime: str
    pcr: float | None = None
    breadth: float | None = None
    known: UnixNanos | None = None
