"""Where `sos live` trades: whose addresses, whose time, which day, and the folder its data goes to.

The simulated market is a process of ours. A simulator the trader runs is a vendor like any other; only its time may be
taken from its control port.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sos_actors.app.backtest import has_hours, latest_sessions, warm_up_days
from sos_actors.app.credentials import account_of, read_login
from sos_actors.app.filling import INSTRUMENTS, open_filling, origin_of, own_folder, simulated_folder
from sos_actors.app.ingest.job import Progress
from sos_actors.app.journaling import journal_path
from sos_actors.app.simulated import SimulatorProcess
from sos_actors.app.vendors import connect_vendors
from sos_actors.config import Config
from sos_actors.errors import MarketRuleError, TokenRefusedError, UsageError, VendorError, VendorUnreachableError
from sos_actors.market.calendar import Calendar
from sos_actors.market.symbols import canonical_for
from sos_actors.runtime.clock import AcceleratedClock, WallClock, indian_day, monotonic_ns, wall_time
from sos_actors.store.copying import copy_before
from sos_actors.store.database import Origin
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Secret, Segment, UnixNanos

SETTING_UP_S = 12.0
"""Real seconds before the bell at which the simulated market begins: as long as setting up takes."""
BEFORE_OPEN_S = 30.0
"""Market seconds before the bell at which it begins at the latest."""
MINUTE_OF_WARMTH_NS = NANOS_PER_MINUTE
"""After the bell: at that moment the simulator is asked for everything once before its time runs."""
_PATIENCE_S = 15.0
_MOST_ANSWER = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where trading happens.

    Attributes:
        config: with the addresses that are used.
        token: of Upstox.
        clock: the market's.
        day: the session.
        folder: of the data and the journal.
        origin: real or simulated market.
        source: ``simulator`` or ``upstox``.
        warm_up: sessions before the day.
    """

    config: Config
    token: Secret
    clock: WallClock | AcceleratedClock
    day: date
    folder: Path
    origin: Origin
    source: str
    warm_up: list[date]

    @property
    def speed(self) -> float:
        """Market seconds in a real one."""
        return float(self.clock.speed)


@contextmanager
def simulated_place(
    config: Config, calendar: Calendar, day: date | None, speed: float, run: str, progress: Progress
) -> Iterator[Place]:
    """The simulated market on a day (default the last session), in a folder of this run alone.

    Raises:
        UsageError: the day is no session.
    """
    day = simulated_session(calendar, day)
    warm_up = warm_up_days(calendar, day)
    seed = config.simulation.seed
    with open_filling(config, warm_up, simulated=True) as filling:
        symbols = [canonical_for(name) for name in config.trading.indices]
        filling.fill(symbols, [], warm_up, calendar, progress)
    folder = simulated_folder(config.paths.data_dir, seed) / "sessions" / f"{day}-{run}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    copy_before(simulated_folder(config.paths.data_dir, seed), folder, day, warm_up[0])
    opens = int(calendar.session(day, Segment.EQ).open_ns)
    begins = opens - int(max(BEFORE_OPEN_S, SETTING_UP_S * speed) * NANOS_PER_SECOND)
    with SimulatorProcess(seed, begins, speed=0.0) as process:
        config = process.config_for(config)
        process.set_clock(opens + MINUTE_OF_WARMTH_NS, 0.0)
        _warm(config, process, folder)
        process.set_clock(begins, speed)
        clock = _running(process.clock, speed)
        yield Place(config, process.token, clock, day, folder, "simulated", "simulator", warm_up)


@contextmanager
def vendor_place(config: Config, calendar: Calendar, control: str, progress: Progress) -> Iterator[Place]:
    """The vendors of the configuration, today.

    Args:
        config: addresses.
        calendar: sessions.
        control: address of the control port of a simulator of the trader's own, which then says what time it is.
        progress: of fetching what warms up the indicators.

    Raises:
        TokenRefusedError: nobody is logged in.
        UsageError: there is no session today, or it is over.
    """
    token = valid_token(config)
    clock = control_clock(control) if control else WallClock()
    day = session_now(calendar, clock())
    warm_up = warm_up_days(calendar, day)
    symbols = [canonical_for(name) for name in config.trading.indices]
    if not journal_path(own_folder(config), day).exists():  # a restart has what is held to look after first
        with open_filling(config, warm_up) as filling:
            filling.fill(symbols, [], warm_up, calendar, progress)
    yield Place(config, token, clock, day, own_folder(config), origin_of(config), "upstox", warm_up)


def valid_token(config: Config) -> Secret:
    """Today's token.

    Raises:
        ConfigError: the stored login cannot be read.
        TokenRefusedError: nobody is logged in.
    """
    login = read_login(account_of(config.upstox.rest_url))
    if not login.is_valid(wall_time()):
        raise TokenRefusedError("upstox", "nobody is logged in today: run 'sos login'. '--source sim' needs no login.")
    return login.token


def session_now(calendar: Calendar, now: UnixNanos) -> date:
    """The session that is under way, or will be later today.

    Raises:
        UsageError: there is none today, or it is over.
    """
    day = indian_day(now)
    if not calendar.is_session(day) or not has_hours(calendar, day):
        raise UsageError(
            f"NSE does not trade on {day:%A} {day}{_next(calendar, day)}. '--source sim' trades at any time."
        )
    if now >= int(calendar.session(day, Segment.FO).close_ns):
        raise UsageError(f"The session of {day} is over{_next(calendar, day)}. '--source sim' trades at any time.")
    return day


def _warm(config: Config, process: SimulatorProcess, folder: Path) -> None:
    """Have the simulator make up its whole market while its time stands still: later that would hold up its feed."""
    with (
        connect_vendors(config, process.token, folder / INSTRUMENTS, process.clock, _PATIENCE_S) as vendors,
        suppress(VendorError),  # it is asked again when it matters
    ):
        vendors.screener.scan()
        for source in vendors.history.breadth:
            source.breadth()
        for chain in vendors.history.chains:
            for name in config.trading.indices:
                chain.chain(name)


def _running(ask: Callable[[], UnixNanos], speed: float) -> AcceleratedClock:
    """A clock beside the one that is asked; the answer is taken to be of the middle of the call."""
    before = monotonic_ns()
    at = ask()
    return AcceleratedClock(at, speed, (before + monotonic_ns()) // 2)


def control_clock(address: str) -> AcceleratedClock:
    """The time of a simulator, by its control port.

    Raises:
        VendorUnreachableError: it does not answer, or stands still.
    """
    speeds: list[float] = []

    def ask() -> UnixNanos:
        try:
            with urllib.request.urlopen(f"{address.rstrip('/')}/clock", timeout=5) as response:
                document = json.loads(response.read(_MOST_ANSWER))
            speeds.append(float(document["speed"]))
            return UnixNanos(int(document["ts"]))
        except (OSError, ValueError, KeyError, TypeError, urllib.error.URLError) as error:
            raise VendorUnreachableError("simulator", f"{address} does not say what time it is: {error}.") from error

    ask()
    if not speeds[0] > 0:
        raise VendorUnreachableError("simulator", f"the time of {address} stands still; let it run, by its /clock.")
    return _running(ask, speeds[0])


def simulated_session(calendar: Calendar, day: date | None) -> date:
    """The session of the simulated market: the one wished for, else the last.

    Raises:
        UsageError: the day is no session, or has not come yet.
    """
    today = indian_day(wall_time())
    if day is None:
        return latest_sessions(calendar, min(today, calendar.last), 1)[0]
    try:
        calendar.session(day, Segment.EQ)
    except MarketRuleError as error:
        raise UsageError(f"--date: {error}") from error
    if day > today:
        raise UsageError(f"--date: {day} has not come yet; the last day that can be simulated is today's.")
    return day


def _next(calendar: Calendar, day: date) -> str:
    try:
        following = [one for one in calendar.sessions(day, calendar.last) if one > day and has_hours(calendar, one)]
    except MarketRuleError:
        return ""
    return f"; the next session is {following[0]:%A} {following[0]}" if following else ""
