"""The load of ``bench_live``: a simulated market in mid-session, 2,000 instruments, strategies that trade a lot."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, time

from sos_actors.actors.feed_messages import Follow
from sos_actors.actors.feed_roster import MOST_INSTRUMENTS
from sos_actors.app.backtest import warm_up_days
from sos_actors.app.filling import open_filling, simulated_folder
from sos_actors.app.live_place import Place
from sos_actors.app.live_system import TradingSystem
from sos_actors.app.session_header import StrategyText
from sos_actors.app.simulated import SimulatorProcess
from sos_actors.config import Config
from sos_actors.config.reading import load_config
from sos_actors.market.calendar import Calendar
from sos_actors.market.symbols import canonical_for
from sos_actors.runtime.clock import AcceleratedClock, monotonic_ns
from sos_actors.simulator.moments import moment_of
from sos_actors.store.copying import copy_before

DAY, AT = date(2026, 1, 13), time(10, 0)
STOCKS = 200
ROOM = 260
"""Of the instruments the feed may carry: for indices, windows, stocks in play and what is held."""
TRADED = ("RELIANCE", "HDFCBANK")
ENGINE = """
import sys, websocket
socket = websocket.create_connection(sys.argv[1], timeout=60, suppress_origin=True, skip_utf8_validation=True)
while socket.recv():
    pass
"""
"""An external engine that listens to everything, in a process of its own."""


def configuration(wait: str) -> Config:
    """Everything at its lowest threshold, limits that never bind, every tick through the ring."""
    config = load_config()
    screener = replace(
        config.screener, min_relative_volume=0.0, min_change_percent=0.0, min_change_from_open_percent=0.0, min_adx=0.0,
        min_atr_percent=0.0, min_close_inr=0.0, max_close_inr=1e6, limit=250,
    )  # fmt: skip
    risk = replace(
        config.risk, max_open_positions=8, max_per_symbol=2, max_trades_per_day=100_000, max_daily_loss_inr=1e12
    )  # fmt: skip
    return replace(
        config, screener=screener, risk=risk, mood=replace(config.mood, veto_regimes=()),
        sizing=replace(config.sizing, equity_value_inr=20_000.0),
        trading=replace(config.trading, max_stocks=STOCKS), runtime=replace(config.runtime, wait=wait, all_ticks=True),
        bridge=replace(config.bridge, port=0),
    )  # fmt: skip


def strategies(config: Config) -> list[StrategyText]:
    """Those that are shipped, and two that enter at every minute's close with a stop and a target nearby."""
    shipped = sorted(config.paths.strategies.glob("*.json"))
    return [StrategyText(path.name, path.read_text(encoding="utf-8")) for path in shipped] + [
        _always("BENCH_INDICES", ("NIFTY", "BANKNIFTY"), "ATM_CALL"), _always("BENCH_STOCKS", TRADED, "NONE")
    ]  # fmt: skip


def _always(name: str, symbols: tuple[str, ...], option: str) -> StrategyText:
    document = {
        "pattern_id": name, "description": "Enters whatever happens: it loads the benchmark.", "symbols": list(symbols),
        "timeframe": "1m", "phases": [{"id": "GO", "conditions": ["close > 0"]}],
        "execution": {
            "side": "BUY", "entry": "close", "sl": "entry * 0.9996", "tp": "entry * 1.0004", "option_selection": option,
        },
    }  # fmt: skip
    return StrategyText(f"{name.lower()}.json", json.dumps(document))


@contextmanager
def market(config: Config, calendar: Calendar) -> Iterator[tuple[Place, SimulatorProcess]]:
    """The simulated market at wall speed in mid-session, in a process of its own."""
    warm_up, seed = warm_up_days(calendar, DAY), config.simulation.seed
    with open_filling(config, warm_up, simulated=True) as filling:
        symbols = [canonical_for(name) for name in config.trading.indices]
        filling.fill(symbols, [], warm_up, calendar, lambda *_: None)
    begins = moment_of(DAY, AT)
    folder = simulated_folder(config.paths.data_dir, seed) / "sessions" / f"bench-{monotonic_ns()}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    copy_before(simulated_folder(config.paths.data_dir, seed), folder, DAY, warm_up[0])
    with SimulatorProcess(seed, begins, speed=0.0) as process:
        process.set_clock(begins, 1.0)
        before = monotonic_ns()
        clock = AcceleratedClock(process.clock(), 1.0, (before + monotonic_ns()) // 2)
        config = process.config_for(config)
        yield Place(config, process.token, clock, DAY, folder, "simulated", "simulator", warm_up), process


def follow_contracts(system: TradingSystem) -> int:
    """Have the feed carry contracts of further expiries until it is full; returns how many."""
    instruments, chosen = system.trading.instruments, dict[str, None]()
    master = instruments.master
    for number in range(8):
        for index in instruments.indices:
            for expiry in master.expiries(index.symbol)[number : number + 1]:
                chosen |= dict.fromkeys(one.symbol for one in master.contracts(index.symbol, expiry))
    wanted = list(chosen)[: MOST_INSTRUMENTS - ROOM]
    system.trading.refs["feed"].tell(Follow(frozenset(wanted), {}))
    return len(wanted)


@contextmanager
def engine(system: TradingSystem) -> Iterator[None]:
    """An external engine that is connected all the time."""
    assert system.bridge.server is not None
    address = f"ws://127.0.0.1:{system.bridge.server.port}/"
    with subprocess.Popen([sys.executable, "-c", ENGINE, address], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()
