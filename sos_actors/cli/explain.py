"""`sos explain`: bar by bar, what one pattern stood in, asked and found, and what became of its signals."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from sos_actors.app.backtest import BacktestRequest, followed, run_backtest
from sos_actors.app.document import exchange_times, make_document
from sos_actors.app.explaining import explain_history
from sos_actors.app.outcomes import SignalOutcome, signal_outcomes
from sos_actors.app.sources import Source, SourceWishes, open_source, symbol_master
from sos_actors.cli.arguments import Subparsers, a_date, nearest, new_command
from sos_actors.cli.backtest import DEFAULT_SYMBOL, asked_days, asked_instrument
from sos_actors.cli.progress import Progress
from sos_actors.cli.strategies import usable_strategies
from sos_actors.config import Config
from sos_actors.engine.plan import FollowedSymbol, follows
from sos_actors.errors import UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.strategy.explain import BarExplanation
from sos_actors.strategy.tree import Strategy

MOST_REASONS = 8
END_OF_DAY = "24:00"
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
        "Why a pattern did or did not fire, bar by bar, and what became of its signals.\n"
        "A bar shows when it opened and closed, in exchange time; a signal has the time at which its bar closed.\n"
        "The last lines say what kept the pattern from firing. What became of a signal is what 'sos backtest' of all\n"
        "the strategies makes of it on this symbol alone.",
        EXAMPLE,
    )
    parser.add_argument("pattern", metavar="PATTERN", help="its pattern_id")
    parser.add_argument("--symbol", default=DEFAULT_SYMBOL, metavar="NAME", help=f"default {DEFAULT_SYMBOL}")
    parser.add_argument(
        "--from-date", type=a_date, metavar="DAY", help="first session, YYYY-MM-DD; default the store's last sessions"
    )
    parser.add_argument("--to-date", type=a_date, metavar="DAY", help="last session; default the first")
    parser.add_argument(
        "--from-time", type=_a_time, default="00:00", metavar="HH:MM", help="from the bar that had last closed then"
    )
    parser.add_argument(
        "--to-time", type=_a_time, default="23:59", metavar="HH:MM", help="to the bar that had last opened then"
    )
    parser.add_argument("--changes", action="store_true", help="only bars on which the pattern moved")
    parser.add_argument(
        "--strategies", type=Path, nargs="+", metavar="PATH", help="files or folders; default from the configuration"
    )
    parser.add_argument("--no-backfill", action="store_true", help="fail and list the missing days instead of filling")
    parser.add_argument("--skip-missing", action="store_true", help="explain the days that are there")
    parser.add_argument("--simulated", action="store_true", help="use the simulated market whatever the store has")
    parser.add_argument("--price-model", action="store_true", help="as for 'sos backtest'")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the command; 0 when the pattern fired on one of the bars shown, 1 when it did not."""
    calendar = Calendar.default()
    instrument = asked_instrument(symbol_master(config), args.symbol)
    days = asked_days(args, config, instrument, calendar)
    strategies = usable_strategies(args.strategies or [config.paths.strategies])
    strategy = _named(args.pattern, strategies)
    wishes = SourceWishes(not args.no_backfill, args.skip_missing, args.simulated)
    with Progress("Bringing in what is missing", unit="parts") as progress:
        source = open_source(config, [instrument], days, calendar, wishes, progress.reach)
    symbol = followed(instrument)
    outcomes: Mapping[str, SignalOutcome] = {}
    with source.store:
        bars = explain_history(strategy, instrument, source.days, source.store, calendar, config)
        shown = _within(bars, args.from_time, args.to_time)
        fired = any(bar.record.signal is not None for bar in shown)
        if fired and follows(strategy, symbol):
            request = BacktestRequest([instrument], strategies, source.days, args.price_model)
            outcomes = _outcomes(request, config, source, calendar, strategy)
    if source.simulated:
        print("SIMULATED DATA" + (f" (seed {source.seed})" if source.seed is not None else ""))
    for bar in shown:
        if not args.changes or _moved(bar):
            outcome = _became(bar, outcomes)
            print("\n".join([*bar.lines(), *([f"    -> {outcome.text}"] if outcome else [])]))
    print("\n".join(_summary(strategy, symbol, shown, outcomes)))
    return 0 if fired else 1


def _outcomes(
    request: BacktestRequest, config: Config, source: Source, calendar: Calendar, strategy: Strategy
) -> Mapping[str, SignalOutcome]:
    """What a run of all the strategies, which share the risk gate, makes of the signals of this one."""
    with Progress("Running", unit="programs") as progress:
        finished = run_backtest(request, config, source.store, calendar, progress.reach)
    document = make_document(finished, config, calendar, seed=source.seed, simulated=source.simulated)
    return signal_outcomes(document, strategy.pattern_id)


def _became(bar: BarExplanation, outcomes: Mapping[str, SignalOutcome]) -> SignalOutcome | None:
    return outcomes.get(exchange_times([bar.closed])[0]) if bar.record.signal is not None else None


def _within(bars: Sequence[BarExplanation], first: str, last: str) -> list[BarExplanation]:
    """The bars of each day that had opened by ``last`` and were, at ``first`` or later, open or the last closed."""
    opens, closes = exchange_times([bar.ts for bar in bars]), exchange_times([bar.closed for bar in bars])
    chosen = []
    for i, bar in enumerate(bars):
        followed_today = i + 1 < len(bars) and opens[i + 1][:10] == opens[i][:10]
        replaced = closes[i + 1][11:16] if followed_today else END_OF_DAY
        if opens[i][11:16] <= last and replaced > first:
            chosen.append(bar)
    return chosen


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


def _moved(bar: BarExplanation) -> bool:
    record = bar.record
    return record.signal is not None or record.timed_out or record.next_phase != record.phase


def _summary(
    strategy: Strategy, symbol: FollowedSymbol, bars: Sequence[BarExplanation], outcomes: Mapping[str, SignalOutcome]
) -> list[str]:
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
    became = Counter(outcome.outcome for bar in bars if (outcome := _became(bar, outcomes)) is not None)
    counted = f": {', '.join(f'{count} {word}' for word, count in became.most_common())}" if became else ""
    lines = [f"{strategy.pattern_id} on {name}: {len(bars)} bars, fired {times}{counted}."]
    if not follows(strategy, symbol):
        lines.append(f"The file names only {', '.join(strategy.symbols)}: a run does not follow it on {name}.")
    if stopped:
        lines.append("Stopped by:")
        lines += [f"{count:>7}  {reason}" for reason, count in stopped.most_common(MOST_REASONS)]
    return lines
