"""One self-contained HTML page about a run: figures, charts, every trade, every signal, what was skipped and why.

The page needs no network and allows itself none: its content security policy admits only its own script.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from sos_actors.app.headline import ordered_notes, period, plural, why_no_trades
from sos_actors.app.reports.charts import equity_chart, equity_points, waterfall
from sos_actors.app.reports.columns import candle_columns, epoch, script_json, signal_columns, trade_columns
from sos_actors.app.reports.markup import amount, count, definition_list, esc, percent, ratio
from sos_actors.app.reports.tables import (
    configuration,
    errors_table,
    group_table,
    reasons_table,
    sessions_table,
    strategies_table,
)
from sos_actors.app.rupees import format_count, format_inr

Record = Mapping[str, Any]
SCRIPTS = ("format.js", "table.js", "drawing.js", "candles.js", "page.js")
STYLES = ("page.css", "parts.css")
LOUD = "MODEL PRICES"
"""How a note begins that no reader may miss, besides that of a simulated market."""
SIGNAL_COUNTS = (("signals", "Signals"), ("vetoed", "Vetoed"), ("denied", "Denied"), ("skipped", "Skipped"))


def render_report(document: Record) -> str:
    """Write the page of a run.

    Args:
        document: the run's document with ``candles``; without them the page says so. ``run.assumptions`` (sentences)
            replaces the standard text on how fills are made.

    Returns:
        HTML; the same document gives the same text.

    Raises:
        DataError: an amount of the summary is not a finite number.
    """
    candles, left_out = candle_columns(document)
    data = {
        "trades": trade_columns(document["trades"]),
        "signals": signal_columns(document["signals"]),
        "candles": candles,
        "equity": [[round(p.x, 5), epoch(p.time), p.net, p.drawdown] for p in equity_points(document["summary"])],
    }
    script = "".join(_template(name) for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _fill(
        _template("report.html"),
        {
            **_head(document),
            **_tables(document),
            "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
            "style": "".join(_template(name) for name in STYLES),
            "script": script,
            "data": script_json(data),
            "candles_note": esc(_candles_note(document, left_out)),
        },
    )


def _template(name: str) -> str:
    return (files("sos_actors.app.reports") / "templates" / name).read_text(encoding="utf-8")


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Replace every ``{{name}}`` in one pass, so that no value is searched for names."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _head(document: Record) -> dict[str, str]:
    run, summary = document["run"], document["summary"]
    notes = ordered_notes(run)
    symbols = ", ".join(str(symbol) for symbol in run["symbols"])
    reason = why_no_trades(document)
    days = len({session["date"] for session in document["sessions"]})
    subtitle = [
        period(run), plural(days, "session"), plural(len(run["strategies"]), "strategy"),
        plural(summary["trades"], "trade"),
    ]  # fmt: skip
    return {
        "title": esc(f"SOS run: {symbols}, {period(run)}"),
        "symbols": esc(symbols or "no symbols"),
        "subtitle": esc(" · ".join(subtitle)),
        "notes": "".join(_note(note, first=place == 0, run=run) for place, note in enumerate(notes)),
        "net": amount(summary["net_inr"]),
        "formula": f"gross {amount(summary['gross_inr'])} less charges {format_inr(summary['charges_inr'])}",
        "why": f'<p class="why">{esc(reason)}</p>' if reason else "",
        "cards": "".join(_card(label, value, hint) for label, value, hint in _figures(summary)),
    }


def _note(note: str, *, first: bool, run: Record) -> str:
    loud = (first and bool(run.get("simulated"))) or note.startswith(LOUD)
    return f'<p class="{"banner" if loud else "note"}" role="note">{esc(note)}</p>'


def _card(label: str, value: str, hint: str) -> str:
    return f'<div class="card"><h3>{esc(label)}</h3><p>{value}</p><small>{esc(hint)}</small></div>'


def _figures(summary: Record) -> list[tuple[str, str, str]]:
    wins, losses = summary["wins"], summary["losses"]
    none = "no trades"
    drawdown = -summary["max_drawdown_inr"]
    return [
        ("Trades", count(summary["trades"]), f"{plural(wins, 'win')}, {format_count(losses)} lost"),
        ("Win rate", percent(summary["win_rate"]), "trades with net above zero"),
        ("Per trade", amount(summary["expectancy_inr"]) if summary["trades"] else ratio(None, none), "mean net, INR"),
        ("Profit factor", ratio(summary["profit_factor"], "no losing trade"), "net gains over net losses"),
        ("Largest drawdown", amount(drawdown), "INR below the highest point, at exits"),
        ("Daily Sharpe", ratio(summary["sharpe_daily"], "needs two unlike days"), "mean / deviation, not annualised"),
        *((label, count(summary[name]), _signal_hint(name)) for name, label in SIGNAL_COUNTS),
    ]


def _signal_hint(name: str) -> str:
    hints = {
        "signals": "all patterns completed", "vetoed": "by the market's regime", "denied": "by the risk gate",
        "skipped": "no usable data or price",
    }  # fmt: skip
    return hints[name]


def _tables(document: Record) -> dict[str, str]:
    run, summary = document["run"], document["summary"]
    signals = [("signals", "Signals"), ("vetoed", "Vetoed"), ("denied", "Denied"), ("skipped", "Skipped")]
    regime = [("signals", "Signals"), ("minutes", "Minutes")]
    identity = [
        ("Run", run.get("id", "")), ("SOS version", run.get("version", "")), ("Created", run.get("created", "")),
        ("Data", "simulated" if run.get("simulated") else "market data"), ("Seed", run.get("seed")),
        ("Contracts without prices", "priced by the model" if run.get("price_model") else ""),
        ("Data fingerprint", run.get("data_fingerprint", "")),
    ]  # fmt: skip
    return {
        "equity": equity_chart(summary) or '<p class="quiet">No trade was closed, so there is no curve.</p>',
        "waterfall": waterfall(summary) or '<p class="quiet">No trade, so no charges.</p>',
        "by_strategy": group_table(summary["by_strategy"], "strategy", "Strategy", signals),
        "by_regime": group_table(summary["by_regime"], "regime", "Regime", regime),
        "by_hour": group_table(summary["by_hour"], "hour", "Hour of entry"),
        "by_symbol": group_table(summary["by_symbol"], "symbol", "Symbol"),
        "by_exit": group_table(summary["by_exit"], "exit_reason", "Exit"),
        "reasons": reasons_table(summary),
        "errors": errors_table(summary),
        "sessions": sessions_table(document["sessions"]),
        "strategies": strategies_table(run["strategies"]),
        "config": configuration(run.get("config") or {}),
        "identity": definition_list((name, value) for name, value in identity if value not in ("", None)),
        "assumptions": "".join(f"<li>{esc(text)}</li>" for text in run.get("assumptions") or _assumptions(run)),
    }


def _assumptions(run: Record) -> list[str]:
    config = run.get("config") or {}
    fills, risk = config.get("fills") or {}, config.get("risk") or {}
    ticks = plural(fills["slippage_ticks"], "tick") if "slippage_ticks" in fills else "the slippage"
    texts = [
        "A strategy sees closed bars only: a signal is made at the close of its bar.",
        f"Entries fill at the open of the instrument's next bar that traded, {ticks} against us.",
        f"A bar that opens beyond a level exits at its open. Otherwise a stop fills at its level, {ticks} against us, "
        "and a target at its level. When one bar reaches both, the stop is taken to come first.",
        "For an index signal the contract's stop and target are the symbol's distances times the contract's delta.",
        "Priced from candles: the contract's own one-minute candles. Chain: last prices of option-chain snapshots "
        "without high and low between them, so a target fills at its level and a stop at the snapshot. Model: Black-76 "
        "on the underlying, an estimate; no market traded there.",
    ]
    if run.get("price_model") and "model_volatility" in fills:
        texts.append(f"The model's volatility is {fills['model_volatility'] * 100:g}% a year where none is known.")
    if "square_off_before_close_min" in risk:
        minutes = plural(risk["square_off_before_close_min"], "minute")
        texts.append(f"From {minutes} before the close, open positions are closed at the open of their next bar.")
    texts.append("Charges follow the dated tariff of the trade's day, each line rounded to the paisa.")
    texts.append("Orders fill completely and do not move the market.")
    return texts


def _candles_note(document: Record, left_out: int) -> str:
    if not document.get("candles"):
        return "This document carries no candles."
    if left_out:
        return f"{plural(left_out, 'session')} left out to keep this file small; those with trades were kept first."
    return ""
