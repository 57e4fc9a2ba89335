"""`sos ingest --file`: a trader's own market data, and what was refused of it and why."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sos_actors.app.filling import origin_of, own_folder
from sos_actors.app.imports.importing import import_file
from sos_actors.app.imports.report import ImportOptions, ImportReport
from sos_actors.app.sources import symbol_master
from sos_actors.cli.progress import Progress
from sos_actors.config import Config
from sos_actors.errors import UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import SymbolMaster
from sos_actors.runtime.clock import wall_time
from sos_actors.store.database import Store


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that say how a file is read."""
    group = parser.add_argument_group("files of yours (CSV, also gzipped, or Parquet)")
    group.add_argument("--file", type=Path, action="append", metavar="FILE", help="what to import; repeatable")
    group.add_argument(
        "--kind", choices=("candles", "options", "chain"), default="candles",
        help="one-minute candles of indices and stocks (default), candles of option contracts, or chain snapshots",
    )  # fmt: skip
    group.add_argument(
        "--map", action="append", default=[], metavar="OURS=THEIRS,…", help="columns whose names are not recognised"
    )
    group.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE,…", help="a value for every row: symbol, expiry, …"
    )
    group.add_argument(
        "--oi-unit", choices=("units", "contracts"), default="units", help="what open interest counts (default units)"
    )
    group.add_argument("--timezone", default="Asia/Kolkata", help="of times without one (default Asia/Kolkata, IST)")
    group.add_argument(
        "--date-format", default="", metavar="FORMAT",
        help="dmy, mdy or a strptime pattern (%%d/%%m/%%Y %%H:%%M), where the file itself does not tell",
    )  # fmt: skip
    group.add_argument(
        "--new-symbol", action="store_true", help="take a share on trust whose name is close to a known one"
    )
    group.add_argument(
        "--label", choices=("open", "close"), default="open", help="what a bar's time is: its open (default) or close"
    )
    group.add_argument("--source", default="", help="name kept beside each row (default the file's name)")


def import_files(args: argparse.Namespace, config: Config) -> int:
    """Import every file; 1 when a file gave no row or could not be read."""
    options = ImportOptions(
        kind=args.kind, columns=_pairs("--map", args.map), constants=_pairs("--set", args.set), oi_unit=args.oi_unit,
        timezone=args.timezone, date_format=args.date_format, label=args.label, source=args.source, force=args.force,
        new_symbol=args.new_symbol,
    )  # fmt: skip
    for path in args.file:
        if path.is_dir():
            raise UsageError(f"--file {path}: this is a folder; name the files in it, each with --file.")
        if not path.is_file():
            raise UsageError(f"--file {path}: there is no such file.")
    calendar, master = Calendar.default(), symbol_master(config)
    with Store.open(own_folder(config), origin=origin_of(config), commit_rows=config.store.commit_rows) as store:
        if args.force:
            for aside in store.set_aside_damaged():
                print(f"sos: a damaged month was set aside as {aside}", file=sys.stderr)
        reports = [_import(store, path, options, calendar, master) for path in args.file]
    if args.json:
        print(json.dumps([_document(report) for report in reports], ensure_ascii=False, indent=1))
    else:
        print("\n\n".join("\n".join(_lines(report)) for report in reports))
    return 0 if all(report.rows_accepted for report in reports) else 1


def _import(
    store: Store, path: Path, options: ImportOptions, calendar: Calendar, master: SymbolMaster
) -> ImportReport:
    with Progress(f"Importing {path.name}", unit="rows") as progress:
        done = 0

        def count(rows: int) -> None:
            nonlocal done
            progress.advance(rows - done)
            done = rows

        try:
            return import_file(store, path, options, calendar, master, count, wall_time())
        except KeyboardInterrupt:
            raise _Interrupted(path, done) from None


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C in an import, with what is safe."""

    def __init__(self, path: Path, rows: int) -> None:
        super().__init__(f"Stopped after {rows:,} rows of {path}; they are kept. The same command goes on from there.")


def _pairs(flag: str, texts: Sequence[str]) -> dict[str, str]:
    """``a=b,c=d`` as a mapping.

    Raises:
        UsageError: a part has no ``=``.
    """
    pairs = {}
    for part in (part for text in texts for part in text.split(",")):
        name, separator, value = part.partition("=")
        if not separator or not name.strip():
            raise UsageError(f"{flag} {part!r}: write NAME=VALUE, several with commas between.")
        pairs[name.strip()] = value.strip()
    return pairs


def _lines(report: ImportReport) -> list[str]:
    lines = [f"{report.path}: {report.rows_accepted:,} of {report.rows_read:,} rows imported"]
    for symbol, rows in sorted(report.symbols.items()):
        new = "  (taken on trust: no instrument list names it)" if symbol in report.new_symbols else ""
        lines.append(f"  {rows:>11,}  {symbol}{new}")
    if report.rows_accepted:
        lines.append(f"               {report.new:,} new, {report.unchanged:,} unchanged, {report.replaced:,} REPLACED")
    lines += [f"               {example}" for example in report.replacements]
    if report.unused_columns:
        lines.append(f"               unused columns: {', '.join(report.unused_columns)}")
    lines += [f"               {remark}" for remark in report.remarks]
    for text, count in report.notes.items():
        lines.append(f"  {count:>11,}  noted: {text}")
    for reason, rejection in sorted(report.rejected.items(), key=lambda item: -item[1].count):
        lines.append(f"  {rejection.count:>11,}  REJECTED: {reason}")
        lines += [f"               {example}" for example in rejection.examples]
    return lines


def _document(report: ImportReport) -> dict[str, Any]:
    return {
        "file": str(report.path),
        "rows_read": report.rows_read,
        "rows_accepted": report.rows_accepted,
        "rows_rejected": report.rows_rejected,
        "symbols": dict(sorted(report.symbols.items())),
        "new_symbols": report.new_symbols,
        "stored": {"new": report.new, "unchanged": report.unchanged, "replaced": report.replaced},
        "replacements": report.replacements,
        "unused_columns": report.unused_columns,
        "remarks": report.remarks,
        "notes": report.notes,
        "rejected": {
            reason: {"count": rejection.count, "examples": rejection.examples}
            for reason, rejection in report.rejected.items()
        },
    }


