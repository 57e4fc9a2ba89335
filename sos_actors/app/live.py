"""`sos live`: the whole funnel over one session, simulated or real, until it is over or somebody stops it."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path

from sos_actors.app.credentials import account_of, read_login
from sos_actors.app.ingest.job import Progress
from sos_actors.app.kill_switch import KillSwitch
from sos_actors.app.killed_run import tell_of_killed_run
from sos_actors.app.live_building import Onlookers, Wishes, built
from sos_actors.app.live_place import (
    Place,
    session_now,
    simulated_place,
    simulated_session,
    valid_token,
    vendor_place,
)
from sos_actors.app.live_status import StatusSource, is_flat
from sos_actors.app.live_system import TradingSystem, running
from sos_actors.app.live_warming import warm_up
from sos_actors.app.logs import Logs
from sos_actors.app.metrics import Metrics
from sos_actors.app.run_lock import Holder, RunLock
from sos_actors.app.session_header import StrategyText
from sos_actors.app.status_file import StatusWriter
from sos_actors.app.status_lines import indian_time
from sos_actors.app.strategy_files import validate_paths
from sos_actors.app.terminal import Screen
from sos_actors.config import Config, is_loopback
from sos_actors.errors import SosError, StrategyError, UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import Sentiment
from sos_actors.messages.signals import EntryRefused, SignalFormed
from sos_actors.messages.status import RunStatus, SystemStatus
from sos_actors.messages.trading import PositionClosed, PositionOpened
from sos_actors.runtime.clock import monotonic_ns, wall_time
from sos_actors.runtime.trading_gate import Rung
from sos_actors.simulator.moments import moment_of
from sos_actors.types import NANOS_PER_SECOND, Segment

_log = logging.getLogger(__name__)
AFTER_CLOSE_S = 60.0
"""Market seconds after the last close for the last bars, exits and records."""
LOOK_S = 0.2
CLOSING_S = 30.0
"""Real seconds for closing what is held when the run ends by the clock."""
FLAT_ONLY = "flat"


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """What the trader asked for.

    Attributes:
        broker: ``paper`` or ``upstox``.
        source: ``sim``, ``upstox``, or empty: Upstox when logged in, else the simulated market.
        speed: of the simulated market; None takes the configuration's.
        day: session of the simulated market; None: the last one.
        until: the trader's own end of the day.
        screen: draw the screen on the terminal.
        control: control port of a simulator whose time is taken.
        strategies: files or folders; empty: the configuration's folder.
    """

    broker: str = "paper"
    source: str = ""
    speed: float | None = None
    day: date | None = None
    until: time | None = None
    screen: bool = False
    control: str = ""
    strategies: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Ending:
    """Why and when the run ends; told by signals, read by the main thread."""

    asked: threading.Event = field(default_factory=threading.Event)
    hurry: bool = False
    reason: str = ""

    def ask(self, hurry: bool) -> None:
        self.hurry = self.hurry or hurry
        self.reason = self.reason or "you stopped it"
        self.asked.set()


def source_of(config: Config, request: LiveRequest) -> str:
    """``sim`` or ``upstox``: what was asked for, else Upstox when somebody is logged in.

    Raises:
        ConfigError: the stored login cannot be read.
        UsageError: the wishes contradict one another.
    """
    logged_in = read_login(account_of(config.upstox.rest_url)).is_valid(wall_time())
    source = request.source or ("upstox" if logged_in or request.broker == "upstox" else "sim")
    if source == "sim" and request.broker == "upstox":
        raise UsageError("--broker upstox trades at Upstox's prices: it cannot go with --source sim.")
    if source != "sim" and (request.speed is not None or request.day is not None):
        raise UsageError("--speed and --date belong to the simulated market: add --source sim, or leave them out.")
    return source


def is_real_money(config: Config, request: LiveRequest) -> bool:
    """Whether orders would be real: Upstox itself, not a simulator on this machine."""
    return request.broker == "upstox" and not is_loopback(config.upstox.order_url)


def read_strategies(config: Config, request: LiveRequest) -> list[StrategyText]:
    """The strategies as texts; one that is wrong stops the start: better now than at ten o'clock.

    Raises:
        StrategyError: a file is refused, or there is none.
    """
    paths = request.strategies or (config.paths.strategies,)
    loaded = validate_paths(paths)
    bad = [one for one in loaded.files if one.strategy is None]
    if bad:
        told = "; ".join(f"{one.path}: {one.errors[0].message}" for one in bad[:5])
        many = "1 strategy is" if len(bad) == 1 else f"{len(bad)} strategies are"
        raise StrategyError(f"{many} refused: {told.rstrip('.')}. 'sos validate' says more.")
    if not loaded.files:
        raise StrategyError(f"There is no strategy in {', '.join(map(str, paths))}.")
    return [StrategyText(Path(one.path).name, Path(one.path).read_text(encoding="utf-8")) for one in loaded.files]


def check_day(config: Config, request: LiveRequest, source: str, calendar: Calendar) -> None:
    """Whether there is a session to trade at all; asked before anything is begun.

    Raises:
        ConfigError: the stored login cannot be read.
        TokenRefusedError: nobody is logged in.
        UsageError: no such session, or its end as wished for is before its beginning.
    """
    now = wall_time()
    if source == "sim":
        day = simulated_session(calendar, request.day)
    else:
        valid_token(config)
        if request.control:
            return  # its day is known when it says what time it is
        day = session_now(calendar, now)
    opens = int(calendar.session(day, Segment.EQ).open_ns)
    if request.until is not None and moment_of(day, request.until) <= opens:
        raise UsageError(f"--until {request.until:%H:%M}: the session of {day} opens at {indian_time(opens):%H:%M}.")
    if request.until is not None and source != "sim" and moment_of(day, request.until) <= now:
        raise UsageError(f"--until {request.until:%H:%M}: it is {indian_time(now):%H:%M} already.")


def run_live(
    config: Config, request: LiveRequest, progress: Progress, told: Callable[[str], None],
    ready: Callable[[], object] = lambda: None,
) -> SystemStatus | None:  # fmt: skip
    """Trade one session; returns the last status, None when nothing was begun.

    Args:
        config: as read.
        request: what was asked for.
        progress: of fetching history.
        told: hears what is being set up.
        ready: called when the log or the screen takes over from both.

    Raises:
        SosError: it cannot begin; nothing was traded then.
    """
    calendar = Calendar.default()
    source, texts = source_of(config, request), read_strategies(config, request)
    check_day(config, request, source, calendar)
    run = secrets.token_hex(3)
    ending = _Ending()
    with ExitStack() as stack:
        lock = stack.enter_context(RunLock.take(config.paths.data_dir, Holder(os.getpid(), run, wall_time())))
        told("compiled functions")
        warm_up(config, texts, calendar)
        told("history")
        place = stack.enter_context(_place(config, request, source, calendar, run, progress))
        people = None if request.screen else sys.stderr
        if not request.screen:
            ready()
        logs = Logs(config.paths.data_dir, place.clock, megabytes=config.status.log_megabytes, people=people)
        logs.start()
        stack.callback(logs.stop)
        tell_of_killed_run(lock.previous, config.paths.data_dir)
        moods: dict[str, Sentiment] = {}
        onlookers = Onlookers(_tell_log, lambda mood: moods.__setitem__(mood.symbol, mood))
        told("instruments and journal")
        system = stack.enter_context(built(place, Wishes(request.broker, texts, run), calendar, onlookers))
        status = StatusSource(system, _run_status(config, request, place, run), logs, moods)
        switch = KillSwitch(config.paths.data_dir, system.flatten, ending.ask)
        switch.start()
        stack.callback(switch.stop)
        if switch.flatten_only:
            system.machine.gate.hold(FLAT_ONLY, Rung.SQUARE_OFF, "Flat was asked for; 'sos stop --clear' ends that.")
        told("actors")
        return _traded(system, status, switch, config, request, place, calendar, ending, told, ready)


def _traded(
    system: TradingSystem, source: StatusSource, switch: KillSwitch, config: Config, request: LiveRequest, place: Place,
    calendar: Calendar, ending: _Ending, told: Callable[[str], None], ready: Callable[[], object],
) -> SystemStatus | None:  # fmt: skip
    """Run until the day is over or somebody stops it."""
    writer = StatusWriter(config.paths.data_dir, source, config.status.every_s)
    with ExitStack() as stack:
        stack.enter_context(running(system, told))
        writer.start()
        stack.callback(writer.stop)
        if config.status.prometheus_port:
            metrics = Metrics(lambda: writer.latest, config.status.prometheus_port)
            metrics.start()
            stack.callback(metrics.stop)
        ready()
        if request.screen:
            stack.enter_context(Screen(lambda: writer.latest))
        end = _end_of(place, calendar, request.until)
        while not ending.asked.wait(LOOK_S):
            if place.clock() >= end:
                ending.reason = "the session is over" if request.until is None else f"it is {request.until:%H:%M}"
                _close_what_is_held(system, source, ending)
                break
            if system.flat_reason and not source.flat_confirmed:
                _confirm_flat(system, source, switch)
        _log.info("The run ends: %s.", ending.reason)
        system.withdraw()
        writer.write()
    return writer.latest


def _close_what_is_held(system: TradingSystem, source: StatusSource, ending: _Ending) -> None:
    """At the end of the run nothing is left unguarded, if that can be helped."""
    deadline = monotonic_ns() + int(CLOSING_S * NANOS_PER_SECOND)
    while not source.flat_confirmed and monotonic_ns() < deadline:
        with suppress(SosError):
            source.flat_confirmed = is_flat(system)
        if not source.flat_confirmed and not system.flat_reason:
            system.flatten(f"The run ends: {ending.reason}.")
        if ending.asked.wait(LOOK_S) and ending.hurry:
            break


def _confirm_flat(system: TradingSystem, source: StatusSource, switch: KillSwitch) -> None:
    with suppress(SosError):  # somebody does not answer: not flat yet, as far as anybody knows
        if is_flat(system):
            _log.warning("Nothing is held any more.")
            source.flat_confirmed = True
            switch.confirm_flat()


def _end_of(place: Place, calendar: Calendar, until: time | None) -> int:
    close = max(int(calendar.session(place.day, one).close_ns) for one in (Segment.EQ, Segment.FO))
    over = close + int(AFTER_CLOSE_S * NANOS_PER_SECOND)
    return over if until is None else min(over, moment_of(place.day, until))


def _place(
    config: Config, request: LiveRequest, source: str, calendar: Calendar, run: str, progress: Progress
) -> AbstractContextManager[Place]:
    if source != "sim":
        return vendor_place(config, calendar, request.control, progress)
    speed = request.speed if request.speed is not None else config.simulation.speed
    return simulated_place(config, calendar, request.day, speed, run, progress)


def _run_status(config: Config, request: LiveRequest, place: Place, run: str) -> RunStatus:
    mode = "real" if is_real_money(config, request) else "paper"
    return RunStatus(
        run, os.getpid(), mode, request.broker, place.source, place.speed, place.origin == "simulated", place.clock(),
        wall_time(),
    )  # fmt: skip


def _tell_log(decision: object) -> None:
    """What a trader wants in the day's log."""
    match decision:
        case SignalFormed():
            _log.info("Signal %d: %s %s %s in %s.", decision.signal_id, decision.strategy, decision.side.name,
                      decision.symbol, decision.regime.name)  # fmt: skip
        case EntryRefused():
            _log.info("Signal %d is not traded: %s.", decision.signal_id, decision.reason)
        case PositionOpened():
            _log.info("Position %d: %s %d %s at %.2f, stop %.2f, target %.2f.", decision.position_id,
                      decision.side.name, decision.quantity, decision.symbol, decision.price, decision.stop,
                      decision.target)  # fmt: skip
        case PositionClosed():
            _log.info("Position %d closed: %d %s at %.2f after %.2f (%s).", decision.position_id, decision.quantity,
                      decision.symbol, decision.exit_price, decision.entry_price, decision.reason)  # fmt: skip
