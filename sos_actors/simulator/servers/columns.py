"""The columns TradingView's stock screener knows, and which of them the simulated one fills in.

Source: the fields the screener's own page offered in August 2026 and those independent clients ask for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sos_actors.simulator.servers.frames import DAILY, SHORT, USUAL

TIMEFRAMES = {"1": 1, "5": 5, "15": 15, "30": 30, "60": 60, "120": 120, "240": 240}
"""Minutes by suffix; weeks and months are known but have no data here."""
_LONG = frozenset({"1W", "1M"})


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TIMED = _names(
    """
    open high low close volume change change_abs change_from_open change_from_open_abs gap Value.Traded
    average_volume_10d_calc average_volume_30d_calc relative_volume_10d_calc volume_change volume_change_abs
    ADX ADX+DI ADX-DI ATR ATRP RSI RSI7 RSI9 RSI21 MACD.macd MACD.signal MACD.hist VWAP
    EMA5 EMA8 EMA9 EMA10 EMA13 EMA20 EMA21 EMA30 EMA34 EMA50 SMA5 SMA8 SMA9 SMA10 SMA13 SMA20 SMA21 SMA30 SMA34 SMA50
    BB.upper BB.basis BB.lower KltChnl.upper KltChnl.basis KltChnl.lower update_mode last_bar_update_time time
    """
)
"""In every timeframe, computed from the market."""
PREVIOUS = frozenset({"ADX+DI", "ADX-DI", "RSI", "RSI7", "RSI9", "RSI21"})
"""Those of which ``X[1]`` is the bar before."""
SINGLE = _names(
    """
    name description type typespecs subtype exchange is_primary active_symbol market country currency
    fundamental_currency_code pricescale minmov minmove2 fractional logoid relative_volume_intraday|5 Volatility.D
    update_time
    """
)
"""Without timeframes, filled in."""
BY_TIME_OF_DAY = "relative_volume_intraday|5"
FACTS = SINGLE - {BY_TIME_OF_DAY, "Volatility.D", "update_time"} | {"update_mode"}
"""What does not come from bars."""
_EMPTY_TIMED = _names(
    """
    Recommend.All Recommend.MA Recommend.Other Aroon.Down Aroon.Up ADR ADRP average_volume_60d_calc
    average_volume_90d_calc AO BBPower ChaikinMoneyFlow CCI20 DonchCh20.Lower DonchCh20.Middle DonchCh20.Upper
    EMA100 EMA200 SMA100 SMA200 HullMA9 Ichimoku.BLine Ichimoku.CLine Ichimoku.Lead1 Ichimoku.Lead2 Mom MoneyFlow
    P.SAR ROC Stoch.D Stoch.K Stoch.RSI.K Stoch.RSI.D UO VWMA W.R Candle.3BlackCrows Candle.3WhiteSoldiers Candle.Doji
    Candle.Engulfing.Bearish Candle.Engulfing.Bullish Candle.Hammer Candle.HangingMan Candle.InvertedHammer
    Candle.MorningStar Candle.EveningStar Candle.ShootingStar pre_change post_change gap_up gap_down
    """
)
_EMPTY = _names(
    """
    market_cap_basic market_cap_calc price_earnings_ttm earnings_per_share_diluted_ttm sector industry sector.tr
    earnings_per_share_diluted_yoy_growth_ttm dividends_yield_current AnalystRating AnalystRating.tr index indexes
    number_of_employees beta_1_year price_52_week_high price_52_week_low High.1M Low.1M High.3M Low.3M High.6M Low.6M
    High.All Low.All Perf.W Perf.1M Perf.3M Perf.6M Perf.Y Perf.YTD Perf.5Y Perf.All Volatility.W Volatility.M bid ask
    premarket_change premarket_close premarket_volume postmarket_change postmarket_close postmarket_volume
    float_shares_outstanding total_shares_outstanding debt_to_equity return_on_equity current_session submarket
    AvgValue.Traded_10d AvgValue.Traded_30d earnings_release_date earnings_release_next_date
    """
)
_FORM = re.compile(r"(?P<base>.+?)(?P<previous>\[1\])?(?:\|(?P<timeframe>\w+))?")


SHALLOW = _names(
    """
    open high low close volume change change_abs change_from_open change_from_open_abs gap VWAP time Value.Traded
    volume_change volume_change_abs average_volume_10d_calc relative_volume_10d_calc Volatility.D update_time
    last_bar_update_time
    """
)
"""Daily columns that look back ten sessions at most."""


class Column(NamedTuple):
    """A column as it was asked for.

    Attributes:
        base: the name without timeframe.
        timeframe: minutes, or ``DAILY``.
        back: how many bars back.
        filled: whether there is data for it.
    """

    base: str
    timeframe: int
    back: int
    filled: bool

    @property
    def needs(self) -> frozenset[int]:
        """The histories it is computed from."""
        if not self.filled or self.base in FACTS:
            return frozenset()
        if self.base == BY_TIME_OF_DAY:
            return frozenset({SHORT, USUAL})
        return frozenset({SHORT if self.timeframe == DAILY and self.base in SHALLOW else self.timeframe})


def read(name: str) -> Column | None:
    """What a column's name means; None when the screener knows no such field."""
    if name in SINGLE or name in _EMPTY:
        return Column(name, DAILY, 0, name in SINGLE)
    match = _FORM.fullmatch(name)
    if match is None:
        return None
    base, suffix, back = match["base"], match["timeframe"], 1 if match["previous"] else 0
    if base not in (PREVIOUS if back else TIMED | _EMPTY_TIMED):
        return None
    if suffix is None:
        return Column(base, DAILY, back, base in TIMED)
    if suffix in _LONG:
        return Column(base, DAILY, back, False)
    return Column(base, TIMEFRAMES[suffix], back, base in TIMED) if suffix in TIMEFRAMES else None
