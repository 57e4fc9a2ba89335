"""Statuses of a running system, made by hand: one in the middle of a day with everything in it, and a bare one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sos_actors.messages.status import (
    ActorStatus,
    BridgeStatus,
    FeedStatus,
    FlatStatus,
    GateStatus,
    HoldStatus,
    KeptStatus,
    ProcessStatus,
    RingStatus,
    RunStatus,
    SessionStatus,
    StageStatus,
    StallStatus,
    SystemStatus,
    TroubleStatus,
    VendorStatus,
)
from sos_actors.messages.trading_status import (
    DayStatus,
    MoodStatus,
    OutcomeCount,
    PatternStatus,
    PositionStatus,
    SignalStatus,
    TradeStatus,
    WatchedStatus,
    WorkingOrderStatus,
)
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos

TEN = 1_768_278_600 * NANOS_PER_SECOND
"""10:00 in India on 13 January 2026."""
CALL = "NSE|FO|NIFTY 25600 CE 13 JAN 26"


def at(minutes: float) -> UnixNanos:
    """So many minutes after ten."""
    return UnixNanos(TEN + round(minutes * NANOS_PER_MINUTE))


def bare_status(**changed: Any) -> SystemStatus:
    """A run on paper against the simulator at ten o'clock in which nothing has happened."""
    status = SystemStatus(
        run=RunStatus("a1b2", 4711, "paper", "paper", "simulator", 60.0, True, at(-45), at(-1)),
        at=at(0),
        wall=at(0),
        session=SessionStatus("2026-01-13", "open", at(-45), at(300), at(320), at(330)),
        gate=GateStatus("open"),
        flat=FlatStatus(),
        feed=FeedStatus("up", 12.5, 24, at(-0.05)),
        ring=RingStatus(1024),
    )
    return replace(status, **changed)


def real_money(status: SystemStatus) -> SystemStatus:
    """The same run with orders that are real."""
    run = replace(status.run, mode="real", broker="upstox", source="upstox", speed=1.0, simulated=False)
    return replace(status, run=run)


def a_position(**changed: Any) -> PositionStatus:
    """A call held since 9:58, 262.50 rupees up before charges."""
    held = PositionStatus(
        7, CALL, "buy", 75, 101.5, 105.0, 91.25, 122.0, 262.5, 62.5, "orb_retest_long", at(-2)
    )  # fmt: skip
    return replace(held, **changed)


def full_status(**changed: Any) -> SystemStatus:
    """The same run with something of everything."""
    strategies = (("orb_retest_long", "RETEST", 2, 3, 4), ("vwap_reclaim_long", "ARMED", 1, 4, 11))
    status = bare_status(
        gate=GateStatus("stop entries", (HoldStatus("backfill", "stop entries", "bars of RELIANCE", at(-0.5)),)),
        day=DayStatus(1234.5, 321.25, 3, 2, 1, (OutcomeCount("traded", 4), OutcomeCount("vetoed", 9))),
        kept=KeptStatus("var/journal/2026-01-13.a1b2.journal", 45_210, 3_456_789, 12),
        bridge=BridgeStatus("ws://127.0.0.1:8765", 1, 230),
        process=ProcessStatus(212_000_000, 31, 58),
        actors=_actors(),
        watchlist=(
            WatchedStatus("NSE|INDEX|NIFTY", "following", at(-45)),
            WatchedStatus("NSE|EQ|RELIANCE", "backfilling", at(-0.5), 2.41, 1.25, 88.0),
            *(WatchedStatus(f"NSE|EQ|SHARE{n}", "following", at(-n), 1.5, -0.5, 60.0) for n in range(8)),
        ),
        patterns=tuple(PatternStatus("NSE|INDEX|NIFTY", *one) for one in strategies),
        positions=(a_position(),),
        orders=(WorkingOrderStatus(9, "NSE|EQ|SHARE1", "buy", 40, 15, 512.35, "entry", "part filled", at(-0.25)),),
        trades=_trades(),
        signals=(
            SignalStatus(at(-20), 1, "NSE|INDEX|NIFTY", "gap_fill_short", "sell", "vetoed", "regime is SIDEWAYS"),
            SignalStatus(at(-2), 2, "NSE|INDEX|NIFTY", "orb_retest_long", "buy", "traded"),
        ),
        moods=(MoodStatus("NSE|INDEX|NIFTY", "SIDEWAYS_BULLISH", 1.07, 1.9, at(-1)),),
        latencies=(
            StageStatus("published-decided", 45_000, 58.0, 191.2, 2620.0, 9100.0),
            StageStatus("decided-sent", 4, 210.0, 900.0, 900.0, 900.0),
        ),
        stalls=(StallStatus(at(-2), 9100.0), StallStatus(at(-1), 430.0)),
        vendors=(VendorStatus("nse", "chains", "resting", at(2)), VendorStatus("tradingview", "screener", "up")),
        troubles=(TroubleStatus(at(-3), "WARNING", "nse: too many requests", 38),),
    )
    return replace(status, **changed)


def _actors() -> tuple[ActorStatus, ...]:
    cold = (
        ActorStatus("screener", "running", since=at(-45)),
        ActorStatus("mood", "restarting", 2, "VendorAnswerError: nse: HTML", at(-0.1)),
    )
    return (
        ActorStatus("system", "running", since=at(-45), children=(
            ActorStatus("feed", "running", 1, "hung", at(-10)),
            ActorStatus("cold", "running", since=at(-45), children=cold),
        )),
    )  # fmt: skip


def _trades() -> tuple[TradeStatus, ...]:
    return (
        TradeStatus(CALL, "buy", 75, 95.0, 110.0, at(-40), at(-31), "target", 1125.0, 110.0, "gap_and_go_long"),
        TradeStatus(CALL, "buy", 75, 110.0, 117.46, at(-30), at(-22), "target", 559.5, 111.25, "orb_retest_long"),
        TradeStatus(
            "NSE|EQ|SHARE3", "sell", 90, 700.0, 705.0, at(-15), at(-8), "stop", -450.0, 100.0, "gap_fill_short"
        ),
    )
