"""`sos backtest`: run strategies over history and say honestly what would have happened."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sos_actors.app.backtest import Backtest, BacktestRequest, latest_sessions, run_backtest, session_days
from sos_actors.app.document import make_document, with_candles
from sos_actors.app.filling import own_folder
from sos_actors.app.reports.report import render_report
from sos_actors.app.sources import Source, SourceWishes, has_store, open_source, symbol_master
from sos_actors.cli.arguments import Subparsers, a_date, new_command
from sos_actors.cli.kernel_cache import kernels_are_cold
from sos_actors.cli.progress import Progress
from sos_actors.cli.strategies import tell_idle, usable_strategies
from sos_actors.cli.table import render_summary, wants_colour
from sos_actors.config import Config
from sos_actors.errors import MissingDataError, StoreError, UnknownSymbolError, UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import Instrument, SymbolMaster
from sos_actors.market.symbols import is_contract_name, parse_contract_symbol
from sos_actors.runtime.clock import indian_day, utc_text, wall_time
from sos_actors.store.database import Store
from sos_actors.store.records import RunRecord

DEFAULT_SYMBOL = "NIFTY"
DEFAULT_SESSIONS = 5


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command line."""
    parser = new_command(
        subparsers, "backtest",
        "Run strategies over history, with fills, charges and a report.\n\n"
        "Where the store has none of the sessions, a seeded market model fills a separate database and the output "
        "says so.",
        "sos backtest --symbol NIFTY --from-date 2026-01-12 --to-date 2026-01-16\n"
        "sos backtest --symbol NIFTY --symbol RELIANCE --from-date 2026-01-12 --report day.html --json > day.json",
    )  # fmt: skip
    parser.add_argument("--symbol", action="append", metavar="NAME", help="repeatable; default NIFTY")
    parser.add_argument("--from-date", type=a_date, metavar="DAY", help="first session, YYYY-MM-DD")
    parser.add_argument("--to-date", type=a_date, metavar="DAY", help="last session; default the first")
    parser.add_argument(
        "--strategies", type=Path, nargs="+", metavar="PATH", help="files or folders; default from the configuration"
    )
    parser.add_argument("--no-backfill", action="store_true", help="fail and list the missing days instead of filling")
    parser.add_argument("--skip-missing", action="store_true", help="run on the days that are there")
    parser.add_argument("--simulated", action="store_true", help="run on the simulated market whatever the store has")
    parser.add_argument(
        "--price-model", action="store_true", help="price a contract without stored prices by Black-76, marked so"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write one self-contained HTML file")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the command; 0 when it ran, whatever the result was."""
    calendar = Calendar.default()
    master = symbol_master(config)
    instruments = distinct([asked_instrument(master, name) for name in args.symbol or [DEFAULT_SYMBOL]])
    if args.report is not None:
        _check_writable(args.report)
    days = asked_days(args, config, instruments[0], calendar)
    strategies = usable_strategies(args.strategies or [config.paths.strategies])
    tell_idle(strategies, instruments, aloud=args.strategies is not None)
    wishes = SourceWishes(not args.no_backfill, args.skip_missing, args.simulated)
    if kernels_are_cold():
        print("sos: First run: compiling the engine, once; ten seconds to a minute.", file=sys.stderr)
    with Progress("Bringing in what is missing", unit="parts") as progress:
        source = open_source(config, instruments, days, calendar, wishes, progress.reach)
    with source.store, Progress("Running", unit="programs") as progress:
        request = BacktestRequest(instruments, strategies, source.days, args.price_model)
        finished = run_backtest(request, config, source.store, calendar, progress.reach)
        finished = replace(finished, notes=[*source.notes, *finished.notes])
        document = make_document(finished, config, calendar, seed=source.seed, simulated=source.simulated)
        _keep(source, document)
    _show(args, finished, document)
    return 0


def asked_instrument(master: SymbolMaster, name: str) -> Instrument:
    """The instrument of a ``--symbol``; a name nobody knows is wrong use, and so is a contract."""
    if is_contract_name(name):
        underlying = parse_contract_symbol(name).underlying
        raise UsageError(
            f"--symbol {name}: this is a contract. Give its underlying (--symbol {underlying}): contracts are chosen "
            "for each signal."
        )
    try:
        return master.resolve(name)
    except UnknownSymbolError as error:
        raise UsageError(f"--symbol: {error}") from error


def distinct(instruments: Sequence[Instrument]) -> list[Instrument]:
    """Each instrument once, in the order they were named."""
    return list({instrument.symbol: instrument for instrument in instruments}.values())


def asked_days(args: argparse.Namespace, config: Config, instrument: Instrument, calendar: Calendar) -> list[date]:
    """The sessions of ``--from-date`` and ``--to-date``; without either the last ones.

    Raises:
        UsageError: the dates name no session.
    """
    if args.from_date is None and args.to_date is None:
        return _latest(config, instrument, calendar, simulated=args.simulated)
    first = args.from_date or args.to_date
    return session_days(calendar, first, args.to_date or first)


def _latest(config: Config, instrument: Instrument, calendar: Calendar, *, simulated: bool) -> list[date]:
    """The last sessions the store has, when no dates were given, else the last ones there were."""
    if has_store(config) and not simulated:
        with Store.open(own_folder(config), read_only=True) as store:
            days = sorted(store.candle_days(instrument.symbol))[-DEFAULT_SESSIONS:]
        if days:
            return days
    return latest_sessions(calendar, indian_day(wall_time()) - timedelta(days=1), DEFAULT_SESSIONS)


def _check_writable(report: Path) -> None:
    """Complain about the report's folder before the run, not after it."""
    if report.is_dir() or not report.parent.is_dir():
        raise UsageError(f"--report {report}: {'is a folder' if report.is_dir() else 'its folder does not exist'}.")


def _keep(source: Source, document: dict[str, Any]) -> None:
    """Keep the run in the store; a store that cannot be written is no reason to lose the result."""
    if not source.writable:
        return
    run_of = document["run"]
    summary = {key: value for key, value in document["summary"].items() if key != "equity"}
    try:
        source.store.save_run(
            RunRecord(
                id=run_of["id"],
                created=utc_text(),
                kind="backtest",
                config=run_of["config"] | {"symbols": run_of["symbols"], "from": run_of["from"], "to": run_of["to"]},
                strategies={entry["pattern_id"]: entry["hash"] for entry in run_of["strategies"]},
                fingerprint=run_of["data_fingerprint"],
                summary=summary,
            )
        )
    except StoreError as error:
        print(f"sos: the run was not kept: {error}", file=sys.stderr)


def _show(args: argparse.Namespace, finished: Backtest, document: dict[str, Any]) -> None:
    if args.report is not None:
        try:
            args.report.write_text(render_report(with_candles(document, finished)), encoding="utf-8")
        except OSError as error:
            raise MissingDataError(f"The report could not be written to {args.report}: {error.strerror}.") from error
        print(f"Report: {args.report}", file=sys.stderr)
    if args.json:
        print(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
    else:
        colour = wants_colour(sys.stdout, os.environ)
        sys.stdout.write(render_summary(document, shutil.get_terminal_size().columns, colour))
