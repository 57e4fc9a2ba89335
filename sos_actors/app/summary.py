"""Statistics of a run, from its lists of trades, signals and sessions: the ``summary`` of the run's document.

Pure: values in, values out. Money is summed in whole paise; a ratio that is undefined is None, never 0.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from sos_actors.app.rupees import sum_paise, to_paise, to_rupees
from sos_actors.types import Regime

Record = Mapping[str, Any]
CHARGE_LINES = ("brokerage", "stt", "exchange", "ipft", "sebi", "stamp", "gst", "total")
REGIME_ORDER = {name: place for place, name in enumerate([*list(Regime.__members__)[1:], Regime.UNKNOWN.name])}
OUTCOMES = ("traded", "vetoed", "denied", "skipped", "refused")


@dataclass(frozen=True, slots=True)
class Result:
    """What the statistics need of one trade; amounts in paise, times as the document writes them."""

    trade: Record
    gross: int
    charges: int
    net: int
    exit_time: str


def summarise(
    trades: Sequence[Record],
    signals: Sequence[Record],
    sessions: Sequence[Record],
    expression_errors: Sequence[Record] = (),
) -> dict[str, Any]:
    """Build the ``summary`` of a document.

    Args:
        trades: closed trades, in any order; all times carry the offset +05:30.
        signals: every signal with its outcome.
        sessions: one record for each day and symbol.
        expression_errors: counts of strategy expressions that failed, passed through.

    Returns:
        Sums in rupees; ``win_rate``, ``profit_factor``, ``expectancy_inr``, ``sharpe_daily`` are None when undefined.
        A trade wins when its net is above zero and loses when it is below; exactly zero is neither.

    Raises:
        DataError: an amount is not a finite number.
    """
    results = sorted((_result(trade) for trade in trades), key=lambda result: result.exit_time)
    outcomes = Counter(signal["outcome"] for signal in signals)
    daily = _daily(results, sessions)
    return {
        **_figures(results),
        "sharpe_daily": sharpe_daily([to_paise(row["net_inr"]) for row in daily]),
        "signals": len(signals),
        **{outcome: outcomes[outcome] for outcome in OUTCOMES},
        "outcomes": dict(sorted(outcomes.items())),
        "charges": _charge_lines(trades),
        "by_strategy": _by_strategy(results, signals),
        "by_regime": _by_regime(results, signals, sessions),
        "by_symbol": _grouped(results, "symbol", lambda trade: str(trade["symbol"])),
        "by_hour": _grouped(results, "hour", lambda trade: f"{trade['entry_time'][11:13]}:00"),
        "by_exit": _grouped(results, "exit_reason", lambda trade: str(trade["exit_reason"])),
        "daily": daily,
        "equity": equity_curve(results),
        "priced_from": dict(sorted(Counter(str(trade["priced_from"]) for trade in trades).items())),
        "skipped_reasons": _reasons(signals),
        "expression_errors": [dict(error) for error in expression_errors],
    }


def _result(trade: Record) -> Result:
    return Result(
        trade,
        to_paise(trade["gross_inr"]),
        to_paise(trade["charges"]["total"]),
        to_paise(trade["net_inr"]),
        trade["exit_time"],
    )


def _figures(results: Sequence[Result]) -> dict[str, Any]:
    """The figures every table row and the whole run have; ``results`` by exit time."""
    count = len(results)
    gains = losses = wins = losers = gross = charges = 0
    for result in results:
        gross += result.gross
        charges += result.charges
        if result.net > 0:
            wins += 1
            gains += result.net
        elif result.net < 0:
            losers += 1
            losses -= result.net
    net = gains - losses
    return {
        "trades": count,
        "wins": wins,
        "losses": losers,
        "win_rate": round(wins / count, 6) if count else None,
        "gross_inr": to_rupees(gross),
        "charges_inr": to_rupees(charges),
        "net_inr": to_rupees(net),
        "profit_factor": round(gains / losses, 6) if losses else None,
        "max_drawdown_inr": to_rupees(max_drawdown(_step_nets(results))),
        "expectancy_inr": round(net / count / 100, 2) if count else None,
    }


def _step_nets(results: Iterable[Result]) -> list[int]:
    """Net of each instant at which something closed, in order."""
    steps: dict[str, int] = {}
    for result in results:
        steps[result.exit_time] = steps.get(result.exit_time, 0) + result.net
    return list(steps.values())


def max_drawdown(steps: Iterable[int]) -> int:
    """Largest fall of the running sum of ``steps`` below its highest value so far, at first 0; a positive amount."""
    total = peak = worst = 0
    for step in steps:
        total += step
        if total > peak:
            peak = total
        elif peak - total > worst:
            worst = peak - total
    return worst


def sharpe_daily(nets: Sequence[int]) -> float | None:
    """Mean over sample deviation (n-1) of the days' net results: not annualised, no risk-free rate, no capital.

    Every session counts, also those without a trade. None with fewer than two days or when all days are equal.
    """
    if len(nets) < 2 or len(set(nets)) == 1:
        return None
    return round(fmean(nets) / stdev(nets), 6)


def equity_curve(results: Sequence[Result]) -> list[list[Any]]:
    """``[exit time, cumulative net in rupees]``; trades that close at the same instant make one point."""
    curve: list[list[Any]] = []
    total = 0
    for result in results:
        total += result.net
        if curve and curve[-1][0] == result.exit_time:
            curve[-1][1] = to_rupees(total)
        else:
            curve.append([result.exit_time, to_rupees(total)])
    return curve


def _daily(results: Sequence[Result], sessions: Sequence[Record]) -> list[dict[str, Any]]:
    nets: dict[str, list[int]] = {str(session["date"]): [] for session in sessions}
    for result in results:
        nets.setdefault(result.exit_time[:10], []).append(result.net)
    return [{"date": day, "trades": len(nets[day]), "net_inr": to_rupees(sum(nets[day]))} for day in sorted(nets)]


def _charge_lines(trades: Sequence[Record]) -> dict[str, float]:
    return {line: to_rupees(sum_paise([trade["charges"][line] for trade in trades])) for line in CHARGE_LINES}


def _split(results: Iterable[Result], key: Callable[[Record], str]) -> dict[str, list[Result]]:
    groups: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[key(result.trade)].append(result)
    return dict(groups)


def _grouped(results: Iterable[Result], name: str, key: Callable[[Record], str]) -> list[dict[str, Any]]:
    groups = _split(results, key)
    return [{name: value, **_figures(groups[value])} for value in sorted(groups)]


def _by_strategy(results: Sequence[Result], signals: Sequence[Record]) -> list[dict[str, Any]]:
    """Best net first; a strategy whose signals never traded is listed too."""
    groups = _split(results, lambda trade: str(trade["strategy"]))
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in groups}
    for (name, outcome), number in Counter((str(one["strategy"]), one["outcome"]) for one in signals).items():
        outcomes.setdefault(name, Counter())[outcome] = number
    rows = [
        {
            "strategy": name,
            **_figures(groups.get(name, [])),
            "signals": sum(counts.values()),
            **{outcome: counts[outcome] for outcome in OUTCOMES},
        }
        for name, counts in outcomes.items()
    ]
    return sorted(rows, key=lambda row: (-row["net_inr"], row["strategy"]))


def _by_regime(
    results: Sequence[Result], signals: Sequence[Record], sessions: Sequence[Record]
) -> list[dict[str, Any]]:
    """Regimes with trades, signals or minutes, most bullish first; ``minutes`` adds up the sessions of all symbols."""
    minutes: Counter[str] = Counter()
    for session in sessions:
        minutes.update({str(name): int(count) for name, count in session["regime_minutes"].items()})
    seen = Counter(str(signal["regime"]) for signal in signals)
    groups = _split(results, lambda trade: str(trade["regime"]))
    names = sorted({*groups, *seen, *minutes}, key=lambda name: (REGIME_ORDER.get(name, len(REGIME_ORDER)), name))
    return [
        {"regime": name, **_figures(groups.get(name, [])), "signals": seen[name], "minutes": minutes[name]}
        for name in names
    ]


def _reasons(signals: Sequence[Record]) -> list[dict[str, Any]]:
    """Why signals did not trade, most frequent first."""
    counts = Counter(
        (str(signal["outcome"]), str(signal.get("reason") or "")) for signal in signals if signal["outcome"] != "traded"
    )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"outcome": outcome, "reason": reason, "count": count} for (outcome, reason), count in ordered]
