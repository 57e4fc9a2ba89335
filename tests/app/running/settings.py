"""Strategies that trade often, and a configuration under which nothing but faults keeps them from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sos_actors.app.session_header import StrategyText
from sos_actors.app.simulated import config_for
from sos_actors.config import Config
from tests.vendors.bench import SHARES


def strategy(pattern_id: str, when: str, side: str, option: str, symbols: tuple[str, ...]) -> StrategyText:
    """One phase, a stop and a target that are soon reached."""
    away, near = ("-", "+") if side == "BUY" else ("+", "-")
    document: dict[str, Any] = {
        "pattern_id": pattern_id, "timeframe": "1m", "symbols": list(symbols),
        "phases": [{"id": "GO", "conditions": [when]}],
        "execution": {
            "side": side, "entry": "close", "sl": f"entry {away} entry * 0.0002", "tp": f"entry {near} entry * 0.0002",
            "option_selection": option,
        },
    }  # fmt: skip
    return StrategyText(f"{pattern_id.lower()}.json", json.dumps(document))


STRATEGIES = (
    strategy("UP", "close > prev_candle.close", "BUY", "ATM_CALL", ("NIFTY",)),
    strategy("DOWN", "close <= prev_candle.close", "SELL", "ATM_PUT", ("NIFTY",)),
    strategy("STOCK_UP", "close > prev_candle.close", "BUY", "NONE", SHARES),
    strategy("STOCK_DOWN", "close <= prev_candle.close", "SELL", "NONE", SHARES),
)


def config_of(folder: Path, addresses: Mapping[str, str], **sections: Mapping[str, object]) -> Config:
    """Quick to start, quick to notice, and nothing but faults keeps it from trading."""
    settings: dict[str, dict[str, object]] = {
        "paths": {"data_dir": folder},
        "risk": {"max_trades_per_day": 100_000, "max_daily_loss_inr": 1e12},
        "mood": {"veto_regimes": (), "stale_after_s": 240},
        "trust": {"chain": ("nse", "trendlyne")},
        "trading": {"indices": ("NIFTY",), "max_stocks": 6, "strikes_each_side": 2},
        "screener": {
            "min_relative_volume": 0.0, "min_change_percent": 0.0, "min_change_from_open_percent": 0.0, "min_adx": 0.0,
            "min_atr_percent": 0.0,
        },
        "runtime": {
            "dispatcher_cpu": -2, "realtime": False, "ping_every_s": 0.3, "hung_after_s": 2.0, "max_restarts": 100,
            "first_delay_s": 0.05, "most_delay_s": 0.4,
        },
        "orders": {"reprice_after_s": 20.0, "poll_s": 20.0, "look_again_after_s": 10.0},
        "bridge": {"port": 0, "heartbeat_s": 1.0},
        "upstox": {"connect_timeout_s": 1.0, "read_timeout_s": 4.0},
        "nse": {"timeout_s": 1.0, "rest_after_block_s": 60.0},
        "trendlyne": {"timeout_s": 1.0},
    }  # fmt: skip
    for name, values in sections.items():
        settings.setdefault(name, {}).update(values)
    base = Config.default()
    changed = {name: replace(getattr(base, name), **values) for name, values in settings.items()}
    return config_for(replace(base, **changed), addresses)
