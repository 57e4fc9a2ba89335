"""`sos live`: trade a session with the whole system, on paper unless real money is asked for in every way there is."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from sos_actors.app.day_summary import day_summary, what_next
from sos_actors.app.live import LiveRequest, check_day, is_real_money, run_live, source_of
from sos_actors.app.status_lines import rendered
from sos_actors.app.terminal import wants_screen
from sos_actors.cli.arguments import Subparsers, a_date, a_time, new_command
from sos_actors.cli.kernel_cache import kernels_are_cold
from sos_actors.cli.progress import Progress
from sos_actors.cli.table import wants_colour
from sos_actors.config import Config
from sos_actors.errors import ConfigError, UsageError
from sos_actors.market.calendar import Calendar

CONFIRMATION = "real money"
WIDTH = 100


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command line."""
    parser = new_command(
        subparsers, "live",
        "Trade a session: screen, promote, follow, decide, order, protect, record.\n\n"
        "Without a login the market is simulated and so are the orders. Logged in, prices are Upstox's and\n"
        "orders are still paper. Real orders need mode = \"live\" in [trading] of the configuration, --broker\n"
        "upstox, and your word for it.\n\n"
        "At the end by the clock everything is closed. Ctrl-C ends the run cleanly and leaves positions as they are;\n"
        "'sos stop --flat', from another terminal, closes everything first. A second Ctrl-C hurries, a third kills.\n"
        "Exit status 0 when the run ended in order, also because you stopped it.",
        "sos live\n"
        "sos live --speed 10 --date 2026-01-13 --until 11:00\n"
        "sos live --source upstox --broker paper --no-tui",
    )  # fmt: skip
    parser.add_argument("--broker", choices=("paper", "upstox"), default="paper", help="whose orders (default paper)")
    parser.add_argument(
        "--source", choices=("sim", "upstox"), default="", help="whose prices; default upstox when logged in"
    )
    parser.add_argument("--speed", type=_a_speed, metavar="N", help="market seconds a second; simulated market only")
    parser.add_argument("--date", type=a_date, metavar="DAY", help="session of the simulated market; default the last")
    parser.add_argument("--until", type=a_time, metavar="HH:MM", help="end earlier than the session, time in India")
    parser.add_argument("--strategies", type=Path, nargs="+", default=[], metavar="PATH", help="files or folders")
    parser.add_argument("--no-tui", action="store_true", help="log lines instead of the screen")
    parser.add_argument("--yes-real-money", action="store_true", help="do not ask before real orders")
    parser.add_argument("--clock", default="", metavar="URL", help="take the time from a simulator's control port")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the command; 0 when the session ended in order."""
    screen = not args.no_tui and wants_screen(sys.stdout, os.environ)
    request = LiveRequest(
        args.broker, args.source, args.speed, args.date, args.until, screen, args.clock, tuple(args.strategies)
    )
    check_day(config, request, source_of(config, request), Calendar.default())
    if is_real_money(config, request):
        _confirm(config, args.yes_real_money)
    if kernels_are_cold():
        print("sos: First run: compiling the engine, once; ten seconds to a minute.", file=sys.stderr)
    with _SettingUp() as telling:
        last = run_live(config, request, telling.history, telling.step, telling.close)
    if last is not None:
        print(rendered(day_summary(last, WIDTH), WIDTH, wants_colour(sys.stdout, os.environ)))
        print("\n".join(["", *what_next(last, str(args.config or ""))]))  # never cut: these are to be copied
    return 0


class _SettingUp(ExitStack):
    """Progress of what comes before trading; silent from ``close`` on, when the log or the screen speaks."""

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = self.enter_context(Progress("Setting up", unit="steps"))
        self.callback(self._end)
        self._label = ""

    def step(self, label: str) -> None:
        """The next thing is being set up."""
        self._label = label
        if self._progress is not None:
            self._progress.advance(1, label)

    def history(self, done: int, total: int, note: str = "") -> None:
        """How much of the history is there."""
        if self._progress is not None:
            self._progress.advance(0, f"{self._label}: {done} of {total} {note}")

    def _end(self) -> None:
        self._progress = None


def _confirm(config: Config, yes: bool) -> None:
    """Real orders take the configuration's word and the trader's.

    Raises:
        ConfigError: the configuration does not allow it.
        UsageError: nobody confirmed.
    """
    if config.trading.mode != "live":
        raise ConfigError(
            'Real orders need mode = "live" in [trading] of the configuration. Without it: --broker paper.'
        )
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("Real orders: type the confirmation at a terminal, or give --yes-real-money.")
    print("Orders will be REAL, with your money, at Upstox.", file=sys.stderr)
    print(f'Type "{CONFIRMATION}" to go on: ', end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != CONFIRMATION:
        raise UsageError("Not confirmed: nothing was begun.")


def _a_speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.1 <= speed <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed: a number from 0.1 to 1000")
    return speed
