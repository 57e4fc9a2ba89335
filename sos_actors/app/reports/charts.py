"""Drawings of the report that need no script: equity, drawdown, net per day, and the way from gross to net.

Plots are SVG stretched to their box (strokes keep their width); labels are HTML placed by percentages, so that they
stay readable on a phone and in print.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sos_actors.app.headline import format_day
from sos_actors.app.reports.markup import MINUS, amount, esc
from sos_actors.app.rupees import group_indian, to_paise

Record = Mapping[str, Any]
MAX_POINTS = 1200
OPEN_MINUTE, CLOSE_MINUTE = 9 * 60 + 15, 15 * 60 + 30
CHARGE_NAMES = {
    "brokerage": "Brokerage",
    "stt": "Securities transaction tax",
    "exchange": "Exchange transaction charges",
    "ipft": "Investor protection fund",
    "sebi": "SEBI turnover fee",
    "stamp": "Stamp duty",
    "gst": "GST",
}


@dataclass(frozen=True, slots=True)
class Point:
    """A step of the equity curve: ``x`` 0..1 over the sessions, ``net`` and ``drawdown`` (at most 0) in paise."""

    x: float
    time: str
    net: int
    drawdown: int


def equity_points(summary: Record) -> list[Point]:
    """The equity curve with nights and weekends cut out; long curves keep each slice's first, lowest, highest, last."""
    days = [row["date"] for row in summary["daily"]]
    place = {day: index for index, day in enumerate(days)}
    points: list[Point] = []
    peak = 0
    for time, net_inr in summary["equity"]:
        net = to_paise(net_inr)
        peak = max(peak, net)
        minute = int(time[11:13]) * 60 + int(time[14:16])
        within = min(max((minute - OPEN_MINUTE) / (CLOSE_MINUTE - OPEN_MINUTE), 0.0), 1.0)
        points.append(Point((place[time[:10]] + within) / len(days), time, net, net - peak))
    return _thinned(points)


def _thinned(points: list[Point]) -> list[Point]:
    if len(points) <= MAX_POINTS:
        return points
    size = math.ceil(len(points) / (MAX_POINTS // 4))
    kept: list[Point] = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        chosen = {id(p): p for p in (part[0], min(part, key=_net), max(part, key=_net), part[-1])}
        kept += [p for p in part if id(p) in chosen]
    return kept


def _net(point: Point) -> int:
    return point.net


def nice_ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round values from at most ``low`` to at least ``high``, steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / wanted))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * wanted >= span)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * number for number in range(first, last + 1)]


def short_inr(rupees: float) -> str:
    """An axis label: ``-1.5 L`` for lakh, ``2 Cr`` for crore, plain below one lakh."""
    size = abs(rupees)
    sign = MINUS if rupees < 0 else ""
    for unit, name in ((1e7, "Cr"), (1e5, "L")):
        if size >= unit:
            return f"{sign}{size / unit:.4g} {name}"
    return sign + group_indian(f"{size:.0f}")


def equity_chart(summary: Record) -> str:
    """Equity, drawdown and net per day above one another on one time axis; empty text without trades."""
    points = equity_points(summary)
    if not points:
        return ""
    nets = [0.0, *(point.net / 100 for point in points)]
    depth = min(point.drawdown for point in points) / 100
    daily = [float(row["net_inr"]) for row in summary["daily"]]
    return (
        '<div class="plots" id="equity-plots">'
        + _panel("Cumulative net", "equity", nice_ticks(min(nets), max(nets)), _equity_shapes(points), "tall")
        + _panel("Drawdown", "drawdown", nice_ticks(depth, 0.0, 2), _drawdown_shapes(points), "low")
        + _panel("Net per day", "daily", nice_ticks(min(0.0, *daily), max(0.0, *daily), 2), _daily_shapes(daily), "low")
        + _day_axis([row["date"] for row in summary["daily"]])
        + '<div class="cursor" hidden></div><output class="tip" hidden></output></div>'
    )


def _steps(points: Sequence[Point], values: Sequence[int]) -> str:
    parts = ["M0 0"]
    parts += [f"H{point.x * 1000:.2f}V{-value / 100:.2f}" for point, value in zip(points, values, strict=True)]
    return "".join(parts) + "H1000"


def _equity_shapes(points: Sequence[Point]) -> Sequence[tuple[str, str]]:
    line = _steps(points, [point.net for point in points])
    return [("area", f"{line}V0Z"), ("line", line)]


def _drawdown_shapes(points: Sequence[Point]) -> Sequence[tuple[str, str]]:
    line = _steps(points, [point.drawdown for point in points])
    return [("area down", f"{line}V0Z"), ("line down", line)]


def _daily_shapes(daily: Sequence[float]) -> Sequence[tuple[str, str]]:
    width = 1000 / len(daily)
    bars: dict[bool, list[str]] = {True: [], False: []}
    for index, net in enumerate(daily):
        left, right = (index + 0.15) * width, (index + 0.85) * width
        bars[net >= 0].append(f"M{left:.2f} 0V{-net:.2f}H{right:.2f}V0Z")
    return [("bar up", "".join(bars[True])), ("bar down", "".join(bars[False]))]


def _panel(title: str, name: str, ticks: Sequence[float], paths: Sequence[tuple[str, str]], size: str) -> str:
    bottom, top = ticks[0], ticks[-1]
    height = (top - bottom) or 1.0
    labels = "".join(f'<i style="top:{(top - tick) / height * 100:.3f}%">{esc(short_inr(tick))}</i>' for tick in ticks)
    grid = "".join(f'<path class="grid{" zero" if tick == 0 else ""}" d="M0 {-tick:.2f}H1000"/>' for tick in ticks)
    drawn = "".join(f'<path class="{css}" d="{data}"/>' for css, data in paths if data)
    return (
        f'<h3>{esc(title)} <small>INR</small></h3><div class="panel {size}" data-panel="{name}">'
        f'<div class="ylabels" aria-hidden="true">{labels}</div>'
        f'<svg viewBox="0 {-top:.2f} 1000 {height:.2f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{esc(title)} in rupees over the sessions of the run">{grid}{drawn}</svg></div>'
    )


def _day_axis(days: Sequence[str]) -> str:
    step = math.ceil(len(days) / 6)
    labels = "".join(
        f'<i style="left:{index / len(days) * 100:.3f}%">{esc(format_day(day)[:-5])}</i>'
        for index, day in enumerate(days)
        if index % step == 0
    )
    return f'<div class="xlabels" aria-hidden="true">{labels}</div>'


def waterfall(summary: Record) -> str:
    """Gross, each charge and net as bars that start where the one above ends; empty text without trades."""
    if not summary["trades"]:
        return ""
    gross, net = int(to_paise(summary["gross_inr"])), int(to_paise(summary["net_inr"]))
    rows: list[tuple[str, int, int, int]] = [("Gross", 0, gross, gross)]
    level: int = gross
    for line, name in CHARGE_NAMES.items():
        charge = to_paise(summary["charges"][line])
        rows.append((name, level, level - charge, -charge))
        level -= charge
    rows.append(("Net", 0, net, net))
    low = min(0, *(min(start, end) for _, start, end, _ in rows))
    high = max(0, *(max(start, end) for _, start, end, _ in rows))
    span = (high - low) or 1
    return f'<div class="waterfall">{"".join(_step(row, low, span) for row in rows)}</div>'


def _step(row: tuple[str, int, int, int], low: int, span: int) -> str:
    name, start, end, change = row
    left, width = (min(start, end) - low) / span * 100, abs(end - start) / span * 100
    kind = "total" if name in ("Gross", "Net") else "charge"
    sign = " minus" if change < 0 else ""
    return (
        f'<div class="step {kind}"><span>{esc(name)}</span><span class="track">'
        f'<b class="zero" style="left:{-low / span * 100:.3f}%"></b>'
        f'<b class="fill{sign}" style="left:{left:.3f}%;width:{max(width, 0.25):.3f}%"></b></span>'
        f"<span>{amount(change / 100)}</span></div>"
    )
