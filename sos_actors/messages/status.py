"""What the running system tells of itself, as one frozen value: `sos status`, screen, metrics and summary show it.

Whoever wires the system fills it; nothing decides on it. None is unknown. It holds no secret and crosses processes as
JSON, so a change of its shape raises ``SCHEMA``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sos_actors.messages.trading_status import (
    DayStatus,
    MoodStatus,
    PatternStatus,
    PositionStatus,
    SignalStatus,
    TradeStatus,
    WatchedStatus,
    WorkingOrderStatus,
)
from sos_actors.types import UnixNanos

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What runs.

    Attributes:
        run_id: names the run in journal, log and store.
        mode: ``paper`` or ``real``; real is real money.
        broker: who executes, ``paper`` or ``upstox``.
        source: where prices come from, ``simulator`` or ``upstox``.
        speed: market seconds a second.
        simulated: the prices are invented.
        started: by the market's clock.
        started_wall: by the wall clock.
    """

    run_id: str
    pid: int
    mode: str
    broker: str
    source: str
    speed: float
    simulated: bool
    started: UnixNanos
    started_wall: UnixNanos


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """The market's day.

    ``phase`` in words: ``closed``, ``before open``, ``open``, ``no entries``, ``square-off``, ``over``.
    """

    day: str
    phase: str
    open: UnixNanos | None = None
    last_entry: UnixNanos | None = None
    square_off: UnixNanos | None = None
    close: UnixNanos | None = None


@dataclass(frozen=True, slots=True)
class HoldStatus:
    """One thing trading waits for. ``rung`` as in `GateStatus`; ``since`` by the market's clock."""

    key: str
    rung: str
    reason: str
    since: UnixNanos


@dataclass(frozen=True, slots=True)
class GateStatus:
    """The ladder: ``open``, ``stop entries``, ``exits only``, ``square off`` or ``halt``, and what it waits for."""

    rung: str
    holds: tuple[HoldStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class FlatStatus:
    """The kill switch: asked for or not, why, and whether the broker's books say that nothing is held any more."""

    asked: bool = False
    reason: str = ""
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class ActorStatus:
    """One node of the tree. ``state`` is ``running`` when all is well; ``since`` by the market's clock."""

    name: str
    state: str
    restarts: int = 0
    last_reason: str = ""
    since: UnixNanos | None = None
    children: tuple[ActorStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class StageStatus:
    """How long one stage of the hot path took, microseconds."""

    stage: str
    count: int
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float


@dataclass(frozen=True, slots=True)
class StallStatus:
    """The dispatcher's worst delay in one minute, microseconds."""

    minute: UnixNanos
    worst_us: float


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """The market feed; ``last_price`` is when the last one arrived, by the market's clock."""

    state: str
    frames_per_s: float = 0.0
    instruments: int = 0
    last_price: UnixNanos | None = None


@dataclass(frozen=True, slots=True)
class RingStatus:
    """The ring's counts since the start."""

    slots: int
    published: int = 0
    ticks: int = 0
    conflated: int = 0
    waited: int = 0
    most_behind: int = 0


@dataclass(frozen=True, slots=True)
class KeptStatus:
    """Where the run is written down: the journal, and what the store still has to write or had to drop."""

    journal: str = ""
    records: int = 0
    journal_bytes: int = 0
    store_pending: int = 0
    store_dropped: int = 0


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """The server of external engines; an empty address means it is off."""

    address: str = ""
    engines: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class VendorStatus:
    """What a vendor is asked for, how it answers, and until when it is left alone (market's clock)."""

    name: str
    asked_for: str
    state: str
    resting_until: UnixNanos | None = None


@dataclass(frozen=True, slots=True)
class TroubleStatus:
    """A recent warning or error; ``times`` it was said."""

    ts: UnixNanos
    level: str
    text: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What the process takes of the machine; None where the machine does not say."""

    memory_bytes: int | None = None
    threads: int | None = None
    descriptors: int | None = None


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """Everything at one moment.

    Attributes:
        at: by the market's clock.
        wall: by the wall clock; how old the news is counts from it.
        trades: closed ones of the day, oldest first.
        signals: the last ones, oldest first.
        stalls: the last minutes, oldest first.
        troubles: the last ones, oldest first.
    """

    run: RunStatus
    at: UnixNanos
    wall: UnixNanos
    session: SessionStatus
    gate: GateStatus
    flat: FlatStatus
    feed: FeedStatus
    ring: RingStatus
    day: DayStatus = field(default_factory=DayStatus)
    kept: KeptStatus = KeptStatus()
    bridge: BridgeStatus = BridgeStatus()
    process: ProcessStatus = ProcessStatus()
    actors: tuple[ActorStatus, ...] = ()
    watchlist: tuple[WatchedStatus, ...] = ()
    patterns: tuple[PatternStatus, ...] = ()
    positions: tuple[PositionStatus, ...] = ()
    orders: tuple[WorkingOrderStatus, ...] = ()
    trades: tuple[TradeStatus, ...] = ()
    signals: tuple[SignalStatus, ...] = ()
    moods: tuple[MoodStatus, ...] = ()
    latencies: tuple[StageStatus, ...] = ()
    stalls: tuple[StallStatus, ...] = ()
    vendors: tuple[VendorStatus, ...] = ()
    troubles: tuple[TroubleStatus, ...] = ()
    schema: int = SCHEMA

    @property
    def holds_nothing(self) -> bool:
        """Whether neither a position nor an order is left, as far as this run knows."""
        return not self.positions and not self.orders
