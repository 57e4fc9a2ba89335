"""One small simulated world for the tests of everything that looks at a market."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache

from sos_actors.market.calendar import Calendar
from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.model_market import ModelMarket
from sos_actors.simulator.world import Strictness, World
from sos_actors.types import NANOS_PER_SECOND

SEED = 7
INDIA = timezone(timedelta(hours=5, minutes=30))


@lru_cache(maxsize=1)
def model_market() -> ModelMarket:
    """The market of seed 7, made once: it only remembers what it has computed."""
    return ModelMarket(SEED, Calendar.default())


def moment(text: str) -> int:
    """``2026-01-13 10:30`` or ``2026-01-13 10:30:05.5`` in India as UnixNanos."""
    at = datetime.fromisoformat(text).replace(tzinfo=INDIA)
    return int(at.timestamp()) * NANOS_PER_SECOND + at.microsecond * 1_000


def small_world(at: str = "2026-01-13 10:30", speed: float = 0.0, **strictness: object) -> World:
    """A world at an Indian time; its clock stands still unless told otherwise. Keywords are those of ``Strictness``."""
    clock = SimulatedClock(moment(at), speed)
    return World(model_market(), clock, strictness=Strictness(**strictness), seed=SEED)  # type: ignore[arg-type]
