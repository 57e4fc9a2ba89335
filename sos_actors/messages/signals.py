"""What the engine made of the market: signals, and the reasons why some are not traded."""

from __future__ import annotations

from dataclasses import dataclass

from sos_actors.types import Regime, Side, UnixNanos


@dataclass(frozen=True, slots=True)
class SignalFormed:
    """A pattern fired on a closed bar; prices are those of the bar's own symbol."""

    ts_event: UnixNanos
    signal_id: int
    symbol: str
    strategy: str
    side: Side
    regime: Regime
    entry: float
    stop: float
    target: float


@dataclass(frozen=True, slots=True)
class EntryRefused:
    """A signal that is not traded. ``outcome`` is ``vetoed``, ``denied``, ``skipped`` or ``refused``."""

    ts_event: UnixNanos
    signal_id: int
    outcome: str
    reason: str
