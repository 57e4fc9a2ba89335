"""`sos ingest`: bring market history into the store, from the vendors or from files of the trader's own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from sos_actors.app.backtest import latest_sessions, session_days
from sos_actors.app.filling import Filling, open_filling
from sos_actors.app.headline import plural
from sos_actors.app.ingest.request import IngestReport, gap_lines
from sos_actors.app.sources import symbol_master
from sos_actors.cli.arguments import Subparsers, a_date, new_command
from sos_actors.cli.backtest import DEFAULT_SYMBOL, asked_instrument, distinct
from sos_actors.cli.ingest_files import add_flags, import_files
from sos_actors.cli.progress import Progress
from sos_actors.config import Config
from sos_actors.errors import UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import Instrument
from sos_actors.runtime.clock import indian_day, wall_time

DEFAULT_SESSIONS = 5
SHOWN_GAPS = 12

EXAMPLE = """
sos ingest --symbol NIFTY --symbol BANKNIFTY --from-date 2026-11-02
sos ingest --symbol RELIANCE --force
sos ingest --file NIFTY_1min.csv.gz --set symbol=NIFTY
sos ingest --file calls.parquet --kind options --set expiry=2024-01-10 --map open=Open,close=Last
sos ingest --file chain.csv.gz --kind chain --oi-unit contracts
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command line."""
    parser = new_command(
        subparsers, "ingest",
        "Bring market history into the store: from the vendors, or from files of yours.\n\n"
        "Of an index: its candles, the option contracts around the money of every session (expired ones too), chain "
        "snapshots, and the market's measures. Of a share: its candles. Sessions that are whole are skipped; an "
        "interrupted ingest is gone on with by the same command. Logged in to Upstox ('sos login') it asks the real "
        "vendors, else a simulated market, which has a store of its own.\n\n"
        "Nothing bad goes in silently: what is missing and what was refused is listed with its reason, and nothing "
        "stored is replaced by something different unless --force is given.",
        EXAMPLE,
    )  # fmt: skip
    parser.add_argument(
        "--symbol", action="append", metavar="NAME", help=f"index or share; repeatable (default {DEFAULT_SYMBOL})"
    )
    parser.add_argument("--from-date", type=a_date, metavar="DATE", help="first session (default: the last five)")
    parser.add_argument("--to-date", type=a_date, metavar="DATE", help="last session (default: today)")
    parser.add_argument(
        "--full-options", action="store_true", help="every listed strike, and a chain snapshot for every minute"
    )
    parser.add_argument("--simulated", action="store_true", help="from the simulated market, also when logged in")
    parser.add_argument(
        "--force", action="store_true",
        help="ask again for what is whole and replace it; with --file replace stored rows, import what looks like a "
        "mistake (hours, --set beside a column), and set damaged months aside to begin them anew",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_flags(parser)


def run(args: argparse.Namespace, config: Config) -> int:
    """Ingest; 1 when something is still missing, or a file gave no row."""
    if args.file:
        return _with_files(args, config)
    calendar = Calendar.default()
    master = symbol_master(config)
    instruments = distinct([asked_instrument(master, name) for name in args.symbol or [DEFAULT_SYMBOL]])
    days = _days(args, calendar)
    with Progress("Ingesting", unit="parts") as progress, open_filling(config, days, args.simulated) as filling:
        report = _ingest(filling, instruments, days, calendar, args, progress)
    _show(args, filling, report, instruments, days)
    return 1 if report.gaps else 0


def _with_files(args: argparse.Namespace, config: Config) -> int:
    if args.symbol or args.from_date or args.to_date or args.full_options or args.simulated:
        raise UsageError(
            "--file imports all of the file: --symbol, --from-date, --to-date, --full-options and --simulated are for "
            "the vendors. A symbol for every row is given with --set symbol=NAME."
        )
    return import_files(args, config)


def _days(args: argparse.Namespace, calendar: Calendar) -> list[date]:
    """The sessions asked for; those of today count, later ones do not.

    Raises:
        UsageError: the dates name no session.
    """
    today = indian_day(wall_time())
    for flag, day in (("--from-date", args.from_date), ("--to-date", args.to_date)):
        if day is not None and day > today:
            raise UsageError(f"{flag} {day}: that day is still to come.")
    if args.from_date is not None:
        return session_days(calendar, args.from_date, args.to_date or max(today, args.from_date))
    return latest_sessions(calendar, args.to_date or today, DEFAULT_SESSIONS)


def _ingest(
    filling: Filling, instruments: Sequence[Instrument], days: Sequence[date], calendar: Calendar,
    args: argparse.Namespace, progress: Progress,
) -> IngestReport:  # fmt: skip
    def show(done: int, known: int, what: str) -> None:
        progress.reach(done, known, what)

    try:
        return filling.fill([one.symbol for one in instruments], days, [], calendar, show,
                            full_options=args.full_options, force=args.force)  # fmt: skip
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Stopped; what was stored is kept. The same command goes on from there.") from None


def _show(
    args: argparse.Namespace, filling: Filling, report: IngestReport, instruments: Sequence[Instrument],
    days: Sequence[date],
) -> None:  # fmt: skip
    if args.json:
        print(json.dumps(_document(filling, report, instruments, days), ensure_ascii=False, indent=1))
        return
    names = ", ".join(instrument.short_name for instrument in instruments)
    sessions = plural(len(days), "session")
    print(f"{filling.headline}{names}, {days[0]} to {days[-1]}, {sessions}, into {filling.folder}")
    for what, rows in report.rows.items():
        print(f"  {rows:>11,}  {what}")
    for source, rows in sorted(report.sources.items()):
        print(f"  {rows:>11,}  {_said(source)}")
    if report.skipped:
        print(f"  {report.skipped:>11,}  parts were whole already")
    for note in report.notes:
        print(f"  note: {note}")
    if report.gaps:
        print(f"Still missing ({len(report.gaps)}):")
        lines = gap_lines(report)
        for line in lines[:SHOWN_GAPS]:
            print(f"  {line}")
        if len(lines) > SHOWN_GAPS:
            print(f"  … and {len(lines) - SHOWN_GAPS} more; --json lists all.")
    else:
        print("Nothing of these sessions is missing.")


def _said(source: str) -> str:
    """Rows of ``upstox candles`` were computed here, those of ``upstox`` came as they are."""
    vendor, computed, _ = source.partition(" candles")
    return f"computed from candles of {vendor}" if computed else f"from {vendor}"


def _document(
    filling: Filling, report: IngestReport, instruments: Sequence[Instrument], days: Sequence[date]
) -> dict[str, Any]:
    return {
        "simulated": filling.simulated,
        "symbols": [instrument.short_name for instrument in instruments],
        "folder": str(filling.folder),
        "sessions": [str(day) for day in days],
        "rows": report.rows,
        "sources": report.sources,
        "whole": [{"symbol": symbol, "day": str(day), "what": what} for symbol, day, what in report.whole],
        "skipped": report.skipped,
        "requests": report.asked,
        "gaps": [
            {"symbol": gap.symbol, "what": gap.what, "from": str(gap.first), "to": str(gap.last), "reason": gap.reason}
            for gap in report.gaps
        ],
        "notes": report.notes,
    }


