"""What the tests of imports share: lines of text brought into a store of the test's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sos_actors.app.imports.importing import ImportOptions, ImportReport, import_file
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.messages.market import BarSeries
from sos_actors.store import ChainColumns, Store
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

FOREVER = 4_000_000_000 * NANOS_PER_SECOND
NIFTY = "NSE|INDEX|NIFTY"
HEAD = "timestamp,open,high,low,close,volume"
BAR = "100,101,99,100,10"
OPEN_0915 = 1_704_080_700 * NANOS_PER_SECOND
"""Monday 1 January 2024, 09:15 in India: a session."""


def bring(
    folder: Path, lines: Sequence[str], *, now: UnixNanos | None = None, name: str = "file.csv", **options: Any
) -> ImportReport:
    """Import lines; every row is accounted for. Without a symbol anywhere they are NIFTY's."""
    if options.get("kind", "candles") == "candles" and "symbol" not in lines[0].lower():
        options.setdefault("constants", {"symbol": "NIFTY"})
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with Store.open(folder / "var", origin="real") as store:
        report = import_file(store, path, ImportOptions(**options), Calendar.default(), default_master(), None, now)
    assert report.rows_read == report.rows_accepted + report.rows_rejected
    return report


def bars(folder: Path, symbol: str = NIFTY) -> BarSeries:
    """What the store now holds."""
    with Store.open(folder / "var", origin="real") as store:
        return store.candles(symbol, 0, FOREVER)


def chain(folder: Path) -> ChainColumns:
    """What the store now holds of NIFTY's chains."""
    with Store.open(folder / "var", origin="real") as store:
        return store.chain(NIFTY, 0, FOREVER)


def counts(report: ImportReport) -> dict[str, int]:
    """Rejected rows by reason."""
    return {reason: rejection.count for reason, rejection in report.rejected.items()}


def minute_lines(count: int, step: int = 1, first: int = OPEN_0915) -> list[str]:
    """A heading and bars ``step`` minutes apart, as epoch seconds."""
    return [HEAD, *(f"{first // NANOS_PER_SECOND + 60 * step * n},{BAR}" for n in range(count))]
