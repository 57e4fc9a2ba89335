"""Seeded documents of a run for the tests of report and table: realistic prices, signals and itemised charges."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from sos_actors.app.summary import summarise

IST = timezone(timedelta(hours=5, minutes=30))
STRATEGIES = ("ORB_RETEST_LONG", "VWAP_FADE_SHORT", "PDH_BREAKOUT", "TREND_PULLBACK_EMA20")
REGIMES = ("COMPLETE_BULLISH", "BULLISH", "SIDEWAYS_BULLISH", "SIDEWAYS", "SIDEWAYS_BEARISH", "BEARISH")
SPOT = {"NIFTY": 25_640.0, "BANKNIFTY": 58_900.0, "RELIANCE": 1_462.0}
LOT = {"NIFTY": 65, "BANKNIFTY": 30, "RELIANCE": 1}
REFUSALS = (
    ("vetoed", "the market is SIDEWAYS: veto_regimes"),
    ("vetoed", "the market is SIDEWAYS: veto_regimes"),
    ("denied", "max_open_positions: 3 positions are open"),
    ("denied", "last_entry_before_close_min: the session closes in 22 minutes"),
    ("denied", "max_daily_loss_inr: the day stands at -10,214.30"),
    ("skipped", "no candles of NSE|FO|NIFTY 25600 CE 13 JAN 26 on 2026-01-12"),
    ("refused", "stop is above entry for BUY: risk is not positive"),
)
Document = dict[str, Any]


def weekdays(first: date, count: int) -> list[date]:
    days = (first + timedelta(days=offset) for offset in range(count * 2 + 7))
    return [day for day in days if day.weekday() < 5][:count]


def _session_candles(rng: random.Random, day: date, price: float) -> tuple[list[int], list[list[float]]]:
    open_s = int(datetime(day.year, day.month, day.day, 9, 15, tzinfo=IST).timestamp())
    drift = rng.gauss(0, 0.00004)
    rows = []
    for minute in range(375):
        width = price * 0.0003 * (1.8 if minute < 30 else 1.0)
        close = price + price * drift + rng.gauss(0, width)
        high = max(price, close) + abs(rng.gauss(0, width / 2))
        low = min(price, close) - abs(rng.gauss(0, width / 2))
        rows.append([round(value, 2) for value in (price, high, low, close)])
        price = close
    return [open_s + 60 * minute for minute in range(375)], rows


def _candles(rng: random.Random, symbol: str, days: list[date]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"time": [], "open": [], "high": [], "low": [], "close": []}
    price = SPOT[symbol]
    for day in days:
        times, rows = _session_candles(rng, day, price)
        columns["time"] += times
        for index, name in enumerate(("open", "high", "low", "close")):
            columns[name] += [row[index] for row in rows]
        price = rows[-1][3] * (1 + rng.gauss(0, 0.003))
    return columns


def _charges(turnover_buy: float, turnover_sell: float) -> dict[str, float]:
    lines = {
        "brokerage": 40.0,
        "stt": turnover_sell * 0.001,
        "exchange": (turnover_buy + turnover_sell) * 0.0003553,
        "ipft": (turnover_buy + turnover_sell) * 0.000005,
        "sebi": (turnover_buy + turnover_sell) * 0.000001,
        "stamp": turnover_buy * 0.00003,
    }
    lines["gst"] = 0.18 * (lines["brokerage"] + lines["exchange"] + lines["sebi"])
    lines = {name: round(value, 2) for name, value in lines.items()}
    return {**lines, "total": round(sum(lines.values()), 2)}


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone(IST).isoformat()


def _trade(rng: random.Random, signal: Document, number: int, index: int, exit_s: int, move: float) -> Document:
    symbol, long = signal["symbol"], signal["side"] == "BUY"
    is_stock = symbol == "RELIANCE"
    lots = rng.choice((1, 1, 2))
    quantity = 60 if is_stock else lots * LOT[symbol]
    strike = round(signal["entry"] / 50) * 50
    instrument = f"NSE|FO|{symbol} {strike} {'CE' if long else 'PE'} 13 JAN 26"
    entry = signal["entry"] if is_stock else round(rng.uniform(90, 260) * 20) / 20
    gain = move if is_stock else max(0.05 - entry, move * (1 if long else -1) * 0.52)
    exit_price = round((entry + gain) * 20) / 20
    side = signal["side"] if is_stock else "BUY"
    gross = round((exit_price - entry) * quantity * (1 if side == "BUY" else -1), 2)
    buy, sell = (entry, exit_price) if side == "BUY" else (exit_price, entry)
    charges = _charges(buy * quantity, sell * quantity)
    risk = abs(signal["entry"] - signal["stop"])
    source = "candles" if is_stock else rng.choices(("candles", "chain", "model"), (6, 3, 1))[0]
    return {
        "id": number, "strategy": signal["strategy"], "symbol": symbol,
        "instrument": "NSE|EQ|RELIANCE" if is_stock else instrument,
        "side": side, "quantity": quantity, "lots": lots, "entry_time": signal["time"], "entry_price": entry,
        "exit_time": _iso(exit_s), "exit_price": exit_price,
        "exit_reason": rng.choices(("stop", "target", "square_off"), (5, 4, 1))[0],
        "stop": signal["stop"] if is_stock else round(entry - 0.52 * risk, 2),
        "target": signal["target"] if is_stock else round(entry + 1.04 * risk, 2),
        "delta": None if is_stock else 0.52 if long else -0.52, "underlying_entry": signal["entry"],
        "regime": signal["regime"], "gross_inr": gross, "charges": charges,
        "net_inr": round(gross - charges["total"], 2), "priced_from": source, "signal": index,
    }  # fmt: skip


def _signals_and_trades(
    rng: random.Random, candles: Document, count: int, traded: float
) -> tuple[list[Document], list[Document]]:
    signals: list[Document] = []
    trades: list[Document] = []
    places = sorted(
        (candles[symbol]["time"][bar], symbol, bar)
        for symbol in (rng.choice(sorted(candles)) for _ in range(count))
        for bar in [rng.randrange(len(candles[symbol]["time"]) // 375) * 375 + rng.randrange(10, 330)]
    )
    for seconds, symbol, bar in places:
        close = candles[symbol]["close"][bar]
        side = rng.choice(("BUY", "SELL"))
        risk = close * rng.uniform(0.0006, 0.0015) * (1 if side == "BUY" else -1)
        outcome, reason = ("traded", "") if rng.random() < traded else rng.choice(REFUSALS)
        signal = {
            "id": len(signals) + 1, "time": _iso(seconds), "strategy": rng.choice(STRATEGIES), "symbol": symbol,
            "side": side, "regime": rng.choice(REGIMES), "entry": close, "stop": round(close - risk, 2),
            "target": round(close + 2 * risk, 2), "outcome": outcome, "reason": reason, "trade": None,
        }  # fmt: skip
        if outcome == "traded":
            later = bar + rng.randrange(3, 35)
            move = candles[symbol]["close"][later] - close
            trade = _trade(rng, signal, len(trades) + 1, len(signals), candles[symbol]["time"][later], move)
            signal["trade"] = trade["id"]
            trades.append(trade)
        signals.append(signal)
    return signals, trades


def _sessions(rng: random.Random, symbols: tuple[str, ...], days: list[date]) -> list[Document]:
    sessions = []
    for day in days:
        cuts = sorted(rng.sample(range(1, 375), len(REGIMES) - 1))
        lengths = [end - start for start, end in zip([0, *cuts], [*cuts, 375], strict=True)]
        minutes = dict(zip(REGIMES, lengths, strict=True))
        sessions += [
            {"date": day.isoformat(), "symbol": symbol, "bars": 375 - rng.choice((0, 0, 0, 0, 3)), "expected": 375,
             "regime_minutes": minutes, "source": "simulated"}
            for symbol in symbols
        ]  # fmt: skip
    return sessions


def make_document(
    seed: int = 7,
    days: int = 5,
    signals: int = 90,
    symbols: tuple[str, ...] = ("NIFTY", "BANKNIFTY", "RELIANCE"),
    traded: float = 0.6,
) -> Document:
    """A complete document; the same arguments make the same document."""
    rng = random.Random(seed)
    dates = weekdays(date(2026, 1, 12), days)
    candles = {symbol: _candles(rng, symbol, dates) for symbol in symbols}
    signal_rows, trades = _signals_and_trades(rng, candles, signals, traded)
    sessions = _sessions(rng, symbols, dates)
    errors = [{"strategy": "PDH_BREAKOUT", "expression": "close / vars.range > 2", "count": 4}] if trades else []
    return {
        "run": {
            "id": f"{dates[0]:%Y%m%d}-5f3a9c1e", "version": "0.1.0", "symbols": list(symbols),
            "from": dates[0].isoformat(), "to": dates[-1].isoformat(),
            "strategies": [
                {"pattern_id": name, "hash": f"{rng.getrandbits(256):064x}", "file": f"strategies/{name.lower()}.json"}
                for name in STRATEGIES
            ],
            "config": {
                "risk": {"max_open_positions": 3, "max_trades_per_day": 20, "max_daily_loss_inr": 10000.0},
                "sizing": {"mode": "lots", "lots": 1}, "mood": {"veto_regimes": ["SIDEWAYS"]},
                "fills": {"slippage_ticks": 1, "model_volatility": 0.14},
            },
            "data_fingerprint": f"{rng.getrandbits(256):064x}", "simulated": True, "seed": seed,
            "notes": ["SIMULATED DATA: made by the market model with seed 7; no market ever traded at these prices."],
        },
        "sessions": sessions, "trades": trades, "signals": signal_rows,
        "summary": summarise(trades, signal_rows, sessions, errors), "candles": candles,
    }  # fmt: skip


def empty_document(signals: int = 0) -> Document:
    """A run without a trade; with ``signals``, every one of them was vetoed, denied, skipped or refused."""
    return make_document(days=1, signals=signals, symbols=("NIFTY",), traded=0.0)
