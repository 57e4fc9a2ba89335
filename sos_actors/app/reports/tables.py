"""The report's tables that are written into the page: results by group, sessions, reasons, configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sos_actors.app.headline import format_day
from sos_actors.app.reports.markup import (
    NUMERIC,
    amount,
    breakable,
    count,
    definition_list,
    esc,
    percent,
    ratio,
    table,
    unknown,
)
from sos_actors.app.rupees import format_count, format_inr
from sos_actors.types import Regime

Record = Mapping[str, Any]
RESULT_HEADERS = (
    ("Trades", NUMERIC), ("Wins", f"{NUMERIC} lo wide"), ("Win rate", NUMERIC), ("Gross", f"{NUMERIC} lo wide"),
    ("Charges", f"{NUMERIC} lo wide"), ("Net INR", NUMERIC), ("", "bar lo"), ("Per trade", NUMERIC),
    ("Profit factor", NUMERIC),
)  # fmt: skip


def group_table(rows: Sequence[Record], key: str, label: str, extra: Iterable[tuple[str, str]] = ()) -> str:
    """Results by one property.

    Args:
        rows: of the summary, each with the figures of the whole run.
        key: the property's key in each row.
        label: the property in words.
        extra: key and label of more columns that are counts.
    """
    largest = max((abs(row["net_inr"]) for row in rows), default=0.0)
    more = list(extra)
    headers = [(label, ""), *RESULT_HEADERS, *((words, f"{NUMERIC} lo") for _, words in more)]
    body = [
        [breakable(row[key]), *_result_cells(row, largest), *(count(row[name]) for name, _ in more)] for row in rows
    ]
    return table(headers, body, f"Results by {label.lower()}", empty="No trades.")


def _result_cells(row: Record, largest: float) -> list[str]:
    return [
        count(row["trades"]),
        count(row["wins"]),
        percent(row["win_rate"]),
        amount(row["gross_inr"]),
        esc(format_inr(row["charges_inr"])),
        amount(row["net_inr"]),
        _bar(row["net_inr"], largest),
        amount(row["expectancy_inr"]) if row["trades"] else unknown("no trades"),
        ratio(row["profit_factor"], "no losing trade"),
    ]


def _bar(net: float, largest: float) -> str:
    width = abs(net) / largest * 50 if largest else 0.0
    left = 50 - width if net < 0 else 50
    kind = "minus" if net < 0 else "plus"
    return f'<span class="track"><b class="fill {kind}" style="left:{left:.2f}%;width:{width:.2f}%"></b></span>'


def reasons_table(summary: Record) -> str:
    """Everything that did not trade, by outcome and reason."""
    rows = [
        [esc(row["outcome"]), esc(row["reason"] or "no reason given"), count(row["count"])]
        for row in summary["skipped_reasons"]
    ]
    headers = [("Outcome", ""), ("Reason", "wrap"), ("Signals", NUMERIC)]
    return table(headers, rows, "Signals that did not trade", empty="Every signal traded, or there was none.")


def errors_table(summary: Record) -> str:
    """Strategy expressions that failed while the run went on."""
    rows = [
        [breakable(row["strategy"]), f"<code>{esc(row['expression'])}</code>", count(row["count"])]
        for row in summary.get("expression_errors") or ()
    ]
    headers = [("Strategy", ""), ("Expression", "wrap"), ("Failed", NUMERIC)]
    return table(headers, rows, "Expressions that failed", empty="No strategy expression failed.")


def sessions_table(sessions: Sequence[Record]) -> str:
    """Bars found against bars expected, and the minutes of each regime."""
    rows = [
        [
            esc(format_day(session["date"])),
            esc(session["symbol"]),
            format_count(session["bars"]),
            format_count(session["expected"]),
            _complete(session["bars"], session["expected"]),
            regime_strip(session["regime_minutes"]),
            esc(session.get("source") or "as the run"),
        ]
        for session in sessions
    ]
    headers = [
        ("Session", ""), ("Symbol", ""), ("Bars", NUMERIC), ("Expected", NUMERIC), ("Complete", ""),
        ("Minutes of each regime", "regimes"), ("Source", ""),
    ]  # fmt: skip
    return table(
        headers, rows, "Sessions", empty="No session lies in this period, or no data was found.", css="sessions"
    )


def _complete(bars: int, expected: int) -> str:
    if bars == expected:
        return '<span class="flat">complete</span>'
    words = f"{format_count(expected - bars)} missing" if bars < expected else f"{format_count(bars - expected)} more"
    return f'<span class="neg">{words}</span>'


def regime_strip(minutes: Mapping[str, int]) -> str:
    """Regimes as a strip of proportional pieces with the minutes in words below."""
    known = [name for name in Regime.__members__ if minutes.get(name)]
    names = known + sorted(name for name in minutes if name not in Regime.__members__ and minutes[name])
    total = sum(minutes[name] for name in names)
    if not total:
        return unknown("no regime was computed")
    pieces = "".join(
        f'<b class="r{int(Regime[name]) if name in Regime.__members__ else 0}" '
        f'style="width:{minutes[name] / total * 100:.2f}%"></b>'
        for name in names
    )
    words = ", ".join(f"{name.replace('_', ' ').lower()} {minutes[name]}" for name in names)
    return f'<span class="strip" aria-hidden="true">{pieces}</span><small>{esc(words)}</small>'


def strategies_table(strategies: Sequence[Record]) -> str:
    """What ran: the name, its file and the hash of the file's bytes."""
    rows = [
        [breakable(row["pattern_id"]), f"<code>{esc(row['file'])}</code>", f"<code>{esc(row['hash'])}</code>"]
        for row in strategies
    ]
    headers = [("Strategy", ""), ("File", ""), ("SHA-256 of the file", "hash")]
    return table(headers, rows, "Strategies", empty="No strategy was loaded.")


def configuration(config: Mapping[str, Any]) -> str:
    """Every section of the configuration as names and values."""
    plain = [(name, _value(value)) for name, value in config.items() if not isinstance(value, Mapping)]
    blocks = [f"<div><h3>run</h3>{definition_list(plain)}</div>"] if plain else []
    for name, section in config.items():
        if isinstance(section, Mapping):
            pairs = [(key, _value(value)) for key, value in section.items()]
            blocks.append(f"<div><h3>{esc(name)}</h3>{definition_list(pairs)}</div>")
    return f'<div class="config">{"".join(blocks)}</div>' if blocks else '<p class="quiet">All defaults.</p>'


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
