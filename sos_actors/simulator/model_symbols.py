"""What the simulated market lists: two indices and some two hundred shares, with what their prices are drawn from.

Levels are those of early January 2026, rounded; betas, own volatilities and volumes are plausible, not estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sos_actors.market.members import members
from sos_actors.market.ticks import equity_tick
from sos_actors.simulator.model_shares import SHARES
from sos_actors.types import Segment

ANCHOR_DAY = date(2026, 1, 9)
"""On this session every simulated price closes at its anchor, whatever the seed."""

NIFTY_BACKBONE: tuple[tuple[date, float], ...] = (
    (date(2019, 1, 1), 10_900.0),
    (date(2020, 1, 1), 12_200.0),
    (date(2021, 1, 1), 14_000.0),
    (date(2022, 1, 1), 17_400.0),
    (date(2023, 1, 1), 18_150.0),
    (date(2024, 1, 1), 21_750.0),
    (date(2025, 1, 1), 23_700.0),
    (ANCHOR_DAY, 25_700.0),
    (date(2026, 8, 1), 24_200.0),
    (date(2026, 12, 31), 24_600.0),
)
"""Where NIFTY roughly stood; simulated levels return towards it, so every year looks like itself."""


@dataclass(frozen=True, slots=True)
class ListedSymbol:
    """One simulated underlying.

    Attributes:
        symbol: canonical symbol.
        anchor: close of ``ANCHOR_DAY``, rupees or index points.
        beta: of its returns to NIFTY's.
        own_volatility: standard deviation of the daily return that NIFTY does not explain, as a fraction.
        daily_volume: shares traded on an ordinary full session; 0 for an index, whose volume is unknown.
        name: of the company or the index.
    """

    symbol: str
    anchor: float
    beta: float
    own_volatility: float
    daily_volume: float = 0.0
    name: str = ""

    @property
    def short_name(self) -> str:
        """The last part of the symbol, for example ``RELIANCE``."""
        return self.symbol.rpartition("|")[2]

    @property
    def segment(self) -> Segment:
        """The segment whose session its candles follow."""
        return Segment(self.symbol.split("|")[1])


NIFTY = ListedSymbol("NSE|INDEX|NIFTY", 25_700.0, 1.0, 0.0, name="Nifty 50")
BANKNIFTY = ListedSymbol("NSE|INDEX|BANKNIFTY", 59_500.0, 1.05, 0.0042, name="Nifty Bank")
FIRST_LISTED: tuple[ListedSymbol, ...] = (
    NIFTY,
    BANKNIFTY,
    ListedSymbol("NSE|EQ|RELIANCE", 1_475.0, 1.05, 0.0085, 11e6, "Reliance Industries"),
    ListedSymbol("NSE|EQ|TCS", 3_210.0, 0.80, 0.0095, 2.4e6, "Tata Consultancy Services"),
    ListedSymbol("NSE|EQ|HDFCBANK", 940.0, 1.00, 0.0080, 22e6, "HDFC Bank"),
    ListedSymbol("NSE|EQ|ICICIBANK", 1_405.0, 1.05, 0.0085, 11e6, "ICICI Bank"),
    ListedSymbol("NSE|EQ|INFY", 1_615.0, 0.90, 0.0105, 7e6, "Infosys"),
    ListedSymbol("NSE|EQ|SBIN", 1_000.0, 1.10, 0.0095, 12e6, "State Bank of India"),
    ListedSymbol("NSE|EQ|AXISBANK", 1_260.0, 1.15, 0.0105, 8e6, "Axis Bank"),
    ListedSymbol("NSE|EQ|KOTAKBANK", 425.0, 0.90, 0.0090, 14e6, "Kotak Mahindra Bank"),
    ListedSymbol("NSE|EQ|LT", 4_050.0, 1.10, 0.0095, 2e6, "Larsen & Toubro"),
    ListedSymbol("NSE|EQ|ITC", 340.0, 0.60, 0.0085, 18e6, "ITC"),
    ListedSymbol("NSE|EQ|BHARTIARTL", 2_040.0, 0.75, 0.0090, 5e6, "Bharti Airtel"),
    ListedSymbol("NSE|EQ|TATAMOTORS", 360.0, 1.30, 0.0125, 16e6, "Tata Motors"),
)
"""Drawn together; NIFTY first: everything else is drawn relative to it. Splits and demergers are ignored."""
LISTED: tuple[ListedSymbol, ...] = FIRST_LISTED + tuple(
    ListedSymbol(f"NSE|EQ|{short}", anchor, beta, own, volume, company)
    for short, company, anchor, beta, own, volume in SHARES
)
"""Everything with candles."""
ROWS: Mapping[str, int] = {listed.symbol: row for row, listed in enumerate(LISTED)}
"""Where a canonical symbol stands in ``LISTED``."""
MEMBERS: tuple[str, ...] = tuple(
    name if f"NSE|EQ|{name}" in ROWS else now.also[name] for now in (members(ANCHOR_DAY),) for name in now.names
)
"""The securities of the NIFTY 50 on ``ANCHOR_DAY``, by the names they have here."""


def price_tick(listed: ListedSymbol, day: date) -> float:
    """The step in which a symbol's prices move on a day: 0.05 for the first listed, by the exchange's table after."""
    return 0.05 if ROWS[listed.symbol] < len(FIRST_LISTED) else float(equity_tick(day, listed.anchor))
