"""A simulated Upstox that outlives us, and `sos live` on it as a process that is killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from datetime import time as daytime
from pathlib import Path
from typing import Any

from sos_actors.app.credentials import UpstoxLogin, account_of, write_login
from sos_actors.app.simulated import SimulatorProcess, config_for
from sos_actors.app.status_file import read_status
from sos_actors.config import Config
from sos_actors.engine.execution.tags import PREFIX
from sos_actors.errors import DataError
from sos_actors.messages.broker import BrokerOrder
from sos_actors.messages.status import SystemStatus
from sos_actors.runtime.journal_records import JournalReader, RecordKind
from sos_actors.simulator.moments import moment_of
from sos_actors.types import Secret
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.orders import UpstoxBroker
from tests.app.running.books import where_killed

DAY, SPEED, BOUND_S = date(2026, 1, 13), 30.0, 120.0
ROOT = Path(__file__).resolve().parents[3]
PLACES = "/v3/order/place"


def strategy(name: str, way: str) -> dict[str, object]:
    """A strategy that trades on nearly every bar one way, with stop and target close by."""
    up = way == "BUY"
    stop, target = ("entry - 0.5 * atr", "entry + 0.5 * risk") if up else ("entry + 0.5 * atr", "entry - 0.5 * risk")
    return {
        "pattern_id": name, "description": "A bar that moves.", "symbols": ["NIFTY", "BANKNIFTY"], "timeframe": "1m",
        "phases": [{"id": "MOVES", "conditions": ["close > open" if up else "close < open"]}],
        "execution": {
            "side": way, "entry": "close", "sl": stop, "tp": target,
            "option_selection": "ATM_CALL" if up else "ATM_PUT",
        },
    }  # fmt: skip


SETTINGS: dict[str, dict[str, object]] = {
    "bridge": {"enabled": False},
    "trading": {"max_stocks": 0},
    "risk": {
        "max_open_positions": 8, "max_per_symbol": 4, "max_trades_per_day": 5000, "max_daily_loss_inr": 1e9,
    },
    "mood": {"veto_regimes": []},
    "sizing": {"lots": 30},
    "status": {"every_s": 0.1},
}  # fmt: skip


def toml(config: dict[str, dict[str, object]]) -> str:
    """A configuration file."""
    lines = []
    for section, values in config.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


@dataclass(slots=True)
class Crashing:
    """The trader's machine.

    Attributes:
        simulator: Upstox and the others.
        home: data, configuration, login and what the processes said.
        broker: the real client; asked by the tests for the truth.
        starts: how often the program was started.
    """

    simulator: SimulatorProcess
    home: Path
    broker: UpstoxBroker
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    started_at: float = 0.0

    @property
    def data(self) -> Path:
        return self.home / "var"

    @property
    def journal(self) -> Path:
        return self.data / "simulated" / "attached" / "journal" / f"{DAY}.sosj"

    def login(self, token: str) -> None:
        account = account_of(self.simulator.addresses["upstox"])
        write_login(account, UpstoxLogin(Secret(token)), self.home / "secrets.json")

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "sos_actors.cli", *words, "--config", str(self.home / "sos.toml")]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "SOS_HOME": str(self.home), "SOS_SECRETS": str(self.home / "secrets.json"), "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def start(self) -> None:
        """Start the program, and return at once."""
        assert self.process is None
        self.starts += 1
        control = self.simulator.addresses["control"]
        live = self.command("live", "--source", "upstox", "--broker", "upstox", "--clock", control, "--no-tui")
        with (self.home / f"said-{self.starts:03d}.txt").open("wb") as said:
            self.process = subprocess.Popen(
                live, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=self.environment, cwd=self.home
            )
        self.started_at = time.monotonic()

    def said(self) -> str:
        return (self.home / f"said-{self.starts:03d}.txt").read_text()

    def kill(self) -> None:
        """Kill it as nobody can prevent."""
        process, self.process = self.process, None
        assert process is not None
        assert process.poll() is None, f"it had ended by itself: {process.returncode}\n{self.said()[-3000:]}"
        process.send_signal(signal.SIGKILL)
        process.wait(BOUND_S)

    def stop(self) -> int:
        """Ask it to end, and wait for it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended by itself; its exit status."""
        process, self.process = self.process, None
        assert process is not None
        return process.wait(BOUND_S)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command of the program."""
        return subprocess.run(
            self.command(*words), env=self.environment, cwd=self.home, capture_output=True, text=True,
            timeout=BOUND_S * 2, check=False,
        )  # fmt: skip

    def status(self) -> SystemStatus | None:
        """What the present process tells of itself; None while it tells nothing."""
        try:
            status = read_status(self.data)
        except DataError:
            return None
        assert self.process is not None
        return status if status is not None and status.run.pid == self.process.pid else None

    def until(self, condition: str, bound_s: float = BOUND_S) -> SystemStatus:
        """Wait until the status is ``open``, ``flat`` …; see ``_HOLDS``."""
        end = time.monotonic() + bound_s
        while True:
            status = self.status()
            if status is not None and _HOLDS[condition](status):
                return status
            assert self.process is not None
            assert self.process.poll() is None, f"it ended by itself\n{self.said()[-3000:]}"
            assert time.monotonic() < end, (condition, status and (status.gate, status.positions), self.said()[-3000:])
            time.sleep(0.02)

    def fault(self, **document: object) -> None:
        """Have the simulator's Upstox fail."""
        self.control("/faults", {"vendor": "upstox", **document})

    def calm(self) -> None:
        """No more faults."""
        request = urllib.request.Request(f"{self.simulator.addresses['control']}/faults", method="DELETE")
        with urllib.request.urlopen(request, timeout=5):
            pass

    def control(self, path: str, document: object = None) -> object:
        """Ask the simulator's control port."""
        body = None if document is None else json.dumps(document).encode()
        with urllib.request.urlopen(f"{self.simulator.addresses['control']}{path}", body, timeout=5) as answer:
            return json.loads(answer.read())

    def ours(self) -> list[BrokerOrder]:
        """The broker's book as far as we wrote it."""
        return [row for row in self.broker.orders() if row.tag.startswith(PREFIX)]

    def holds(self) -> dict[str, int]:
        """What the broker says is held, by its key."""
        return {one.instrument_key: one.quantity for one in self.broker.positions() if one.quantity}

    def wait(self, condition: Callable[[], object], what: str, bound_s: float = BOUND_S) -> None:
        """Wait until something is so."""
        end = time.monotonic() + bound_s
        while not condition():
            assert self.process is None or self.process.poll() is None, f"it ended by itself\n{self.said()[-3000:]}"
            assert time.monotonic() < end, (what, self.said()[-3000:])
            time.sleep(0.01)

    def status_now(self) -> SystemStatus:
        """What it tells of itself."""
        return self.until("started")

    def agrees(self) -> bool:
        """Whether engine and broker hold the same at this moment."""
        before, status = self.holds(), self.status()
        if status is None or before != self.holds():
            return False
        ours: Counter[str] = Counter()
        for one in status.positions:
            ours[one.symbol] += one.quantity * (1 if one.side == "buy" else -1)
        return sorted(units for units in ours.values() if units) == sorted(before.values())

    def placed(self) -> int:
        """How often an order was asked for."""
        requests: Any = self.control("/status")
        return sum(count for route, count in _leaves(requests["requests"]) if PLACES in route)

    def intents(self) -> int:
        """How many orders were meant, by the journal."""
        if not self.journal.exists():
            return 0
        return sum(one.kind is RecordKind.INTENT for one in JournalReader(self.journal).records())

    def last_intent_is_at_the_broker(self) -> bool:
        """Whether the broker has the order that was meant last, and we have not heard of it."""
        return where_killed(self.journal, self.ours()) == "between send and ack"


def _leaves(document: Any, path: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _leaves(value, f"{path} {key}")
    else:
        yield path, int(document)


def _reads_books(status: SystemStatus) -> bool:
    return "orders" not in {hold.key for hold in status.gate.holds}


_HOLDS: dict[str, Callable[[SystemStatus], object]] = {
    "started": lambda _: True,
    "protected": lambda status: _reads_books(status) and (status.ring.ticks > 0 or not status.positions),
    "open": lambda status: status.gate.rung == "open",
    "read": _reads_books,
    "held": lambda status: bool(status.positions),
    "trading": lambda status: bool(status.positions or status.orders),
    "flat": lambda status: status.flat.confirmed,
}


@contextmanager
def crashing(home: Path, at: daytime = daytime(9, 30), speed: float = SPEED, seed: int = 7) -> Iterator[Crashing]:
    """A simulator on a day, a login for it, a configuration that trades all the time; nothing is started yet."""
    with SimulatorProcess(seed, moment_of(DAY, at), speed=0.0) as simulator:
        plain = config_for(Config(), simulator.addresses)
        document: dict[str, dict[str, object]] = {
            "paths": {"data_dir": str(home / "var"), "strategies": str(home / "strategies")}, **SETTINGS,
        }  # fmt: skip
        for name in ("upstox", "tradingview", "nse", "trendlyne"):
            section, default = getattr(plain, name), getattr(Config(), name)
            keys = section.__dataclass_fields__
            document[name] = {k: getattr(section, k) for k in keys if getattr(section, k) != getattr(default, k)}
        (home / "sos.toml").write_text(toml(document))
        (home / "strategies").mkdir()
        for name, way in (("OFTEN_LONG", "BUY"), ("OFTEN_SHORT", "SELL")):
            (home / "strategies" / f"{name.lower()}.json").write_text(json.dumps(strategy(name, way)))
        with UpstoxConnection(plain.upstox, simulator.token) as connection:
            made = Crashing(simulator, home, UpstoxBroker(connection))
            made.login(simulator.token.reveal())
            simulator.set_clock(speed=speed)
            try:
                yield made
            finally:
                if made.process is not None:
                    made.process.kill()
                    made.process.wait()
