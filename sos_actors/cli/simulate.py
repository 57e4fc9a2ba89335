"""`sos simulate`: a market of all four vendors on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import date, time
from pathlib import Path

from sos_actors.app.simulated import address_settings
from sos_actors.cli.arguments import Subparsers, a_date, a_time, new_command
from sos_actors.config import Config, load_config
from sos_actors.errors import MarketRuleError, MissingDataError, UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.runtime.clock import indian_day, wall_time
from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.control import FAULT_EXAMPLE
from sos_actors.simulator.faults import VENDORS
from sos_actors.simulator.model_market import ModelMarket
from sos_actors.simulator.moments import moment_of, spoken
from sos_actors.simulator.script import EXAMPLE, Script, read_script, read_speed
from sos_actors.simulator.server import SimulatorServer, make_apps
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN, expiry_of
from sos_actors.simulator.view import MarketView
from sos_actors.simulator.world import Strictness, World
from sos_actors.types import Segment

DEFAULT_PORT = 8800
PORTS = (*VENDORS, "control", "tunnel")
"""Their ports follow one another from ``--port`` on."""
STATUS_EVERY_S = 60.0
_HIGHEST_PORT = 65_535
_MORE_HELP = f"""

script (--script FILE): a JSON list of actions, each done once when the simulated
clock reaches its "at" (a time of the session begun in, or a day and a time). An
action has one of "fault", "clear" (take all faults back), "speed" and "strictness"
(which of the vendors' rules are held). As an example, a file faults.json:
{textwrap.indent(EXAMPLE, "  ")}
control port: takes the same at any moment, over HTTP. "curl http://127.0.0.1:PORT/"
lists the routes, the bodies and the kinds of faults.

tunnel (--tunnel): a proxy for programs that know the vendors by their real names only,
such as a vendor's own library: start them with https_proxy=http://127.0.0.1:PORT. Its
certificate is signed by nobody; a program that checks certificates refuses it.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command line."""
    parser = new_command(
        subparsers, "simulate",
        "Run a simulated market: Upstox, TradingView, NSE and Trendlyne on this machine.\n\n"
        "One market stands behind all four: invented from a seed, or a stored day replayed.\n"
        "Runs until Ctrl-C. The control port takes faults and moves the clock; nothing leaves this\n"
        "machine, and no money is involved.",
        "sos simulate --date 2026-01-13 --at 10:30 --speed 10\n"
        "sos simulate --step --script faults.json",
    )  # fmt: skip
    parser.epilog = f"{parser.epilog}{_MORE_HELP}"
    parser.add_argument("--date", type=a_date, metavar="DAY", help="session to begin in; default the last one")
    parser.add_argument("--at", type=a_time, default=time(9, 15), metavar="HH:MM", help="time in India (09:15)")
    parser.add_argument("--speed", type=_a_speed, metavar="N", help="simulated seconds a second (default 1)")
    parser.add_argument("--step", action="store_true", help="time stands still; the control port steps it")
    parser.add_argument("--seed", type=int, metavar="N", help="another invented market; default from the configuration")
    parser.add_argument("--replay", type=a_date, metavar="DAY", help="the market of a day in your own store instead")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="N",
        help=f"first of 5 ports, a sixth with --tunnel (default {DEFAULT_PORT}); 0 takes any that are free",
    )  # fmt: skip
    parser.add_argument("--script", type=Path, metavar="FILE", help="JSON: faults and more at their times; see below")
    parser.add_argument("--no-rate-limits", action="store_true", help="never answer 429")
    parser.add_argument("--tunnel", action="store_true", help="also a proxy that leads the vendors' names here, TLS")
    parser.add_argument("--embedded", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(reads_config_itself=True)


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the command; 0 when it was told to end, 130 after Ctrl-C."""
    if not args.embedded:
        config = load_config(args.config)
    day = _day(args, Calendar.default())
    ports = _ports(0 if args.embedded else args.port)
    script = read_script(args.script, day) if args.script is not None else Script()
    with ExitStack() as stack:
        market = _market(args, config, stack)
        clock = SimulatedClock(moment_of(day, args.at), _speed(args))
        seed = config.simulation.seed if args.seed is None else args.seed
        world = World(market, clock, strictness=_strictness(args), seed=seed)
        asyncio.run(_serve(world, script, ports, args))
    return 0


def _strictness(args: argparse.Namespace) -> Strictness:
    """An embedded simulator serves expired contracts of any age: it stands in for data nobody else has."""
    reach = None if args.embedded else Strictness().expired_reach_days
    return Strictness(rate_limits=not args.no_rate_limits, expired_reach_days=reach)


def _a_speed(text: str) -> float:
    try:
        return read_speed(float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 100000") from error


def _speed(args: argparse.Namespace) -> float:
    if args.step and args.speed is not None:
        raise UsageError("--step and --speed: give one of them; the control port can change it later.")
    return 0.0 if args.step else 1.0 if args.speed is None else args.speed


def _ports(first: int) -> dict[str, int]:
    last = first + len(PORTS) - 1
    if first < 0 or last > _HIGHEST_PORT:
        raise UsageError(f"--port {first}: 0, or a number up to {_HIGHEST_PORT - len(PORTS) + 1}.")
    return {name: first + number if first else 0 for number, name in enumerate(PORTS)}


def _day(args: argparse.Namespace, calendar: Calendar) -> date:
    """The day to begin in: a session, unless another program knows what it does.

    Raises:
        UsageError: the day is no session, with the reason.
    """
    if args.replay is not None and args.date not in (None, args.replay):
        raise UsageError(f"--date {args.date} and --replay {args.replay}: a replay begins in its own day.")
    day: date | None = args.replay or args.date
    if day is None:
        return _last_session(calendar)
    try:
        if args.embedded:
            calendar.is_session(day)  # only that it is covered
        else:
            calendar.session(day, Segment.INDEX)
    except MarketRuleError as error:
        raise UsageError(f"--{'replay' if args.replay else 'date'} {day}: {error}") from error
    return day


def _last_session(calendar: Calendar) -> date:
    """Today's, or the last one before it whose hours are known."""
    day = min(indian_day(wall_time()), calendar.last)
    while True:
        try:
            calendar.session(day, Segment.INDEX)
        except MarketRuleError:
            day = calendar.previous_session(day)
        else:
            return day


def _market(args: argparse.Namespace, config: Config, stack: ExitStack) -> MarketView:
    calendar = Calendar.default()
    if args.replay is None:
        seed = config.simulation.seed if args.seed is None else args.seed
        if seed < 0:
            raise UsageError(f"--seed {seed}: 0 or more.")
        return ModelMarket(seed, calendar)
    from sos_actors.app.sources import symbol_master  # the store's libraries take long to import
    from sos_actors.app.stored_market import StoredMarket
    from sos_actors.store.database import Store

    folder = config.paths.data_dir
    try:
        store = stack.enter_context(Store.open(folder, read_only=True))
    except MissingDataError as error:
        raise UsageError(
            f"There is no store of your own in {folder}, so there is nothing to replay: bring a session in with "
            "'sos ingest'."
        ) from error
    return StoredMarket(store, calendar, symbol_master(config), args.replay)


async def _serve(world: World, script: Script, ports: dict[str, int], args: argparse.Namespace) -> None:
    server = SimulatorServer(world, make_apps(world), ports=ports, script=script, tunnel=args.tunnel)
    ended = asyncio.Event()
    await server.start()
    try:
        with _ended_by_signal(ended), _ended_with_parent(ended) if args.embedded else nullcontext():
            if args.embedded:
                ready = {"addresses": server.addresses(), "token": FIRST_TOKEN, "market": world.market.description}
                print(json.dumps(ready), flush=True)
                await ended.wait()
            else:
                print(_welcome(world, server.addresses()), flush=True)
                await _tell_status(world, ended)
    finally:
        await server.stop()


@contextmanager
def _ended_by_signal(ended: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@contextmanager
def _ended_with_parent(ended: asyncio.Event) -> Iterator[None]:
    """End when the input is closed, which the system does for a parent that was killed.

    Raises:
        UsageError: the input is nothing that can be waited for.
    """
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def heard() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            ended.set()

    try:
        loop.add_reader(stdin, heard)
    except PermissionError as error:
        raise UsageError("--embedded is for another program, which holds our input open: use a pipe.") from error
    try:
        yield
    finally:
        loop.remove_reader(stdin)


async def _tell_status(world: World, ended: asyncio.Event) -> None:
    while not ended.is_set():
        try:
            await asyncio.wait_for(ended.wait(), STATUS_EVERY_S)
        except TimeoutError:
            print(_status(world), file=sys.stderr, flush=True)


def _status(world: World) -> str:
    pace = f"speed {world.clock.speed:g}" if world.clock.speed else "standing still"
    counts = [(world.requests.total(), "request"), (len(world.faults.active()), "fault")]
    told = (f"{number} {word}{'' if number == 1 else 's'}" for number, word in counts)
    return f"sos: {spoken(world.clock.now())}, {pace}, {', '.join(told)}"


def _welcome(world: World, addresses: dict[str, str]) -> str:
    """What the trader needs to know, with a configuration to save."""
    pace = f"speed {world.clock.speed:g}" if world.clock.speed else "standing still"
    lines = [f"A simulated market ({world.market.description}) at {spoken(world.clock.now())}, {pace}.", ""]
    lines += [f"  {name:<12} {address}" for name, address in addresses.items()]
    lines += [
        "", "Save as sim.toml and use --config sim.toml. It is a complete file of its own, keys left out have their",
        "defaults; conf/sos.toml has these sections already and must not have them twice.", "",
    ]  # fmt: skip
    for section, settings in address_settings(addresses).items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items()), ""]
    lines += [
        f"Its Upstox takes the token {FIRST_TOKEN!r}, or a login of its own at {addresses['upstox']}. The token is",
        f"valid until {spoken(expiry_of(world.clock.now()))}, the next simulated 03:30, or until it is logged out.",
        "What is fetched from here lies in data_dir/simulated/attached, never with real data.",
    ]
    if "tunnel" in addresses:
        lines += [f"For the vendors' own libraries, in their process only: https_proxy={addresses['tunnel']}"]
    control = addresses["control"]
    lines += [f"Control: curl {control}/ lists what it takes. A fault, for example:"]
    lines += [f"  curl -d '{FAULT_EXAMPLE}' {control}/faults", "Ctrl-C ends it."]
    return "\n".join(lines)
