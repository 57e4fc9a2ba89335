"""What all simulated vendors share: the market, the clock, the faults, the account and how strict they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.faults import FaultBook, FaultKind
from sos_actors.simulator.request_log import RequestLog
from sos_actors.simulator.view import MarketView
from sos_actors.types import NANOS_PER_SECOND, UnixNanos


@dataclass(slots=True)
class Strictness:
    """Which of the vendors' rules are held.

    Attributes:
        rate_limits: answer 429 beyond the documented rates (counted in real time).
        token_expiry: tokens die at 03:30 in India, as Upstox's do.
        plus_plan: whether the account may ask for expired contracts.
        static_ip: whether orders come from the registered address.
        expired_reach_days: how far back expired contracts are served; None without end.
        nse_cookies: whether NSE insists on a warmed-up session.
        trendlyne_window: whether Trendlyne honours the time window (anonymous callers: it does not).
        delayed_s: how far TradingView's data lags.
    """

    rate_limits: bool = True
    token_expiry: bool = True
    plus_plan: bool = True
    static_ip: bool = True
    expired_reach_days: int | None = 183
    nse_cookies: bool = True
    trendlyne_window: bool = False
    delayed_s: float = 0.0


@dataclass(slots=True)
class World:
    """One simulated market with everything around it.

    Attributes:
        opening_funds: rupees of the simulated account.
        seed: of everything random outside the market itself: latencies, conflation, duplicates.
        requests: what the vendors were asked.
    """

    market: MarketView
    clock: SimulatedClock
    faults: FaultBook = field(default_factory=FaultBook)
    strictness: Strictness = field(default_factory=Strictness)
    opening_funds: float = 1_000_000.0
    seed: int = 7
    requests: RequestLog = field(default_factory=RequestLog)

    def now(self, vendor: str) -> UnixNanos:
        """What time a vendor believes it is: the clock's, unless a fault skews it."""
        skew = self.faults.standing(vendor, FaultKind.CLOCK_SKEW)
        return UnixNanos(self.clock.now() + (int(skew.seconds * NANOS_PER_SECOND) if skew else 0))
