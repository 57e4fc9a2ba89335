"""`sos explain`: bar by bar, what one pattern stood in, asked and found, and what kept it from firing."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sos_actors.app.backtest import followed, session_days
from sos_actors.app.explaining import explain_history
from sos_actors.app.sources import SourceWishes, open_source, symbol_master
from sos_actors.cli.arguments import Subparsers, a_date, nearest, new_command
from sos_actors.cli.progress import Progress
from sos_actors.cli.strategies import usable_strategies
from sos_actors.config import Config
from sos_actors.engine.plan import FollowedSymbol, follows
from sos_actors.errors import UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.strategy.explain import BarExplanation
from sos_actors.strategy.tree import Strategy

DEFAULT_SYMBOL = "NIFTY"
MOST_REASONS = 8
EXAMPLE = """
sos explain ORB_RETEST_LONG --symbol NIFTY --from-date 2026-01-12
sos explain ORB_RETEST_LONG --from-date 2026-01-12 --from-time 09:30 --to-time 10:15
sos explain ORB_RETEST_LONG --from-date 2026-01-12 --to-date 2026-01-16 --changes
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's flags."""
    parser = new_command(
        subparsers,
        "explain",
        "Why a pattern did or did not fire, bar by bar.\n"
        "Times are those at which bars open, in exchange time. The last lines say what kept it from firing.",
        EXAMPLE,
    )
    parser.add_argument("pattern", metavar="PATTERN", help="its pattern_id")
    parser.add_argument("--symbol", default=DEFAULT_SYMBOL, metavar="NAME", help=f"default {DEFAULT_SYMBOL}")
    parser.add_argument("--from-date", type=a_date, required=True, metavar="DAY", help="first session, YYYY-MM-DD")
    parser.add_argument("--to-date", type=a_date, metavar="DAY", help="last session; default the first")
    parser.add_argument("--from-time", type=_a_time, default="00:00", metavar="HH:MM", help="first bar of each day")
    parser.add_argument("--to-time", type=_a_time, default="23:59", metavar="HH:MM", help="last bar of each day")
    parser.add_argument("--changes", action="store_true", help="only bars on which the pattern moved")
    parser.add_argument(
        "--strategies", type=Path, nargs="+", metavar="PATH", help="files or folders; default from the configuration"
    )
    parser.add_argument("--no-backfill", action="store_true", help="fail and list the missing days instead of filling")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the command; 0 when the pattern fired on one of the bars shown, 1 when it did not."""
    calendar = Calendar.default()
    instrument = symbol_master(config).resolve(args.symbol)
    days = session_days(calendar, args.from_date, args.to_date or args.from_date)
    strategy = _named(args.pattern, usable_strategies(args.strategies or [config.paths.strategies]))
    with Progress("Preparing the simulated market", unit="sessions") as progress:
        source = open_source(config, [instrument], days, calendar, SourceWishes(not args.no_backfill), progress.reach)
    with source.store:
        bars = explain_history(strategy, instrument, source.days, source.store, calendar, config)
    shown = [bar for bar in bars if args.from_time <= _opened(bar) <= args.to_time]
    if source.seed is not None:
        print(f"SIMULATED DATA (seed {source.seed})")
    for bar in shown:
        if not args.changes or _moved(bar):
            print("\n".join(bar.lines()))
    print("\n".join(_summary(strategy, followed(instrument), shown)))
    return 0 if any(bar.record.signal is not None for bar in shown) else 1


def _named(pattern_id: str, strategies: Sequence[Strategy]) -> Strategy:
    for strategy in strategies:
        if strategy.pattern_id == pattern_id:
            return strategy
    known = [strategy.pattern_id for strategy in strategies]
    raise UsageError(f"No strategy has the pattern_id {pattern_id!r}.{nearest(pattern_id, known)}")


def _a_time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write it like 09:30")
    return text


def _opened(bar: BarExplanation) -> str:
    """`HH:MM` in exchange time, as the bar's first line has it."""
    return bar.lines()[0][11:16]


def _moved(bar: BarExplanation) -> bool:
    record = bar.record
    return record.signal is not None or record.timed_out or record.next_phase != record.phase


def _summary(strategy: Strategy, symbol: FollowedSymbol, bars: Sequence[BarExplanation]) -> list[str]:
    fired = sum(bar.record.signal is not None for bar in bars)
    stopped: Counter[str] = Counter()
    for bar in bars:
        record = bar.record
        last = record.outcomes[-1] if record.outcomes else None
        if record.blocked:
            stopped[f"{bar.phase}: the regime {record.regime.name} allows no entry"] += 1
        elif last is not None and not last.passed:
            stopped[f"{bar.phase}: {last.source}" + (f"  ({last.error})" if last.error else "")] += 1
    times = "never" if not fired else "once" if fired == 1 else f"{fired} times"
    name = symbol.short_name
    lines = [f"{strategy.pattern_id} on {name}: {len(bars)} bars, fired {times}."]
    if not follows(strategy, symbol):
        lines.append(f"The file names only {', '.join(strategy.symbols)}: a run does not follow it on {name}.")
    if stopped:
        lines.append("Stopped by:")
        lines += [f"{count:>7}  {reason}" for reason, count in stopped.most_common(MOST_REASONS)]
    return lines
