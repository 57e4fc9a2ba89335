"""The statistics of a run, checked by hand on small runs and for consistency on a large one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.app.rupees import format_count, format_inr, group_indian, to_paise
from sos_actors.app.summary import CHARGE_LINES, max_drawdown, sharpe_daily, summarise
from sos_actors.errors import DataError
from tests.app.documents import make_document


def trade(
    net: float, exit_time: str, strategy: str = "A", regime: str = "BULLISH", charges: float = 0.0
) -> dict[str, Any]:
    lines = {**dict.fromkeys(CHARGE_LINES, 0.0), "brokerage": charges, "total": charges}
    return {
        "strategy": strategy, "symbol": "NIFTY", "regime": regime, "exit_reason": "stop", "priced_from": "candles",
        "entry_time": "2026-01-12T09:45:00+05:30", "exit_time": f"2026-01-{exit_time}:00+05:30",
        "gross_inr": round(net + charges, 2), "charges": lines, "net_inr": net,
    }  # fmt: skip


def session(day: str, **minutes: int) -> dict[str, Any]:
    return {"date": f"2026-01-{day}", "symbol": "NIFTY", "bars": 375, "expected": 375, "regime_minutes": minutes}


def signal(outcome: str, reason: str = "", strategy: str = "A") -> dict[str, Any]:
    return {"strategy": strategy, "regime": "SIDEWAYS", "outcome": outcome, "reason": reason}


def test_drawdown_of_a_hand_worked_example_is_the_deepest_fall_below_the_highest_point() -> None:
    # running sum 100, 60, 180, 90, 40, 140, 30: highest 180, lowest after it 30
    assert max_drawdown([100, -40, 120, -90, -50, 100, -110]) == 150


def test_a_first_loss_is_a_drawdown_from_zero() -> None:
    assert max_drawdown([-70, 30]) == 70


def test_drawdown_follows_exit_times_not_the_order_of_the_list() -> None:
    late_loss = [trade(-50.0, "12T11:00"), trade(80.0, "12T10:00"), trade(-20.0, "12T10:30")]
    assert summarise(late_loss, [], [])["max_drawdown_inr"] == 70.0


def test_trades_that_close_together_make_one_point_of_equity() -> None:
    summary = summarise([trade(-50.0, "12T10:00"), trade(60.0, "12T10:00"), trade(5.0, "12T10:01")], [], [])
    assert summary["equity"] == [["2026-01-12T10:00:00+05:30", 10.0], ["2026-01-12T10:01:00+05:30", 15.0]]
    assert summary["max_drawdown_inr"] == 0.0


def test_figures_of_a_hand_worked_example() -> None:
    trades = [trade(300.1, "12T10:00", charges=40.2), trade(-100.05, "12T11:00"), trade(0.0, "13T11:00")]
    summary = summarise(trades, [signal("traded")] * 3, [session("12"), session("13")])
    assert (summary["trades"], summary["wins"], summary["losses"]) == (3, 1, 1)
    assert summary["win_rate"] == pytest.approx(1 / 3, abs=1e-6)
    assert summary["gross_inr"] == 240.25
    assert summary["charges_inr"] == summary["charges"]["total"] == summary["charges"]["brokerage"] == 40.2
    assert summary["net_inr"] == 200.05
    assert summary["profit_factor"] == pytest.approx(300.1 / 100.05, abs=1e-6)
    assert summary["expectancy_inr"] == 66.68
    assert [(row["date"], row["net_inr"]) for row in summary["daily"]] == [("2026-01-12", 200.05), ("2026-01-13", 0.0)]


def test_daily_sharpe_is_mean_over_sample_deviation_and_counts_idle_days() -> None:
    summary = summarise([trade(30.0, "12T10:00")], [], [session("12"), session("13"), session("14")])
    assert summary["sharpe_daily"] == pytest.approx(10.0 / (30.0 / 3**0.5), abs=1e-6)


@pytest.mark.parametrize("nets", [[], [500], [100, 100, 100]])
def test_daily_sharpe_is_unknown_without_two_unlike_days(nets: list[int]) -> None:
    assert sharpe_daily(nets) is None


def test_undefined_ratios_of_a_run_without_trades_are_none_not_zero() -> None:
    summary = summarise([], [], [session("12", BULLISH=375)])
    assert all(summary[name] is None for name in ("win_rate", "profit_factor", "expectancy_inr", "sharpe_daily"))
    assert summary["net_inr"] == summary["max_drawdown_inr"] == 0.0
    assert summary["equity"] == []
    assert [(row["regime"], row["trades"], row["minutes"]) for row in summary["by_regime"]] == [("BULLISH", 0, 375)]


def test_profit_factor_is_unknown_without_a_loss() -> None:
    assert summarise([trade(5.0, "12T10:00")], [], [])["profit_factor"] is None


def test_outcomes_and_reasons_are_counted_most_frequent_first() -> None:
    signals = [signal("denied", "too many"), signal("vetoed", "mood"), signal("denied", "too many"), signal("traded")]
    summary = summarise([trade(5.0, "12T10:00")], signals, [])
    assert summary["outcomes"] == {"denied": 2, "traded": 1, "vetoed": 1}
    assert (summary["signals"], summary["denied"], summary["vetoed"], summary["skipped"]) == (4, 2, 1, 0)
    assert [(row["reason"], row["count"]) for row in summary["skipped_reasons"]] == [("too many", 2), ("mood", 1)]


def test_a_strategy_whose_signals_never_traded_is_listed() -> None:
    summary = summarise([trade(-5.0, "12T10:00")], [signal("traded"), signal("vetoed", "mood", strategy="B")], [])
    rows = [(row["strategy"], row["trades"], row["vetoed"]) for row in summary["by_strategy"]]
    assert rows == [("B", 0, 1), ("A", 1, 0)]


def test_regimes_stand_from_bullish_to_bearish_with_unknown_last() -> None:
    trades = [trade(1.0, "12T10:00", regime=name) for name in ("UNKNOWN", "BEARISH", "COMPLETE_BULLISH", "SIDEWAYS")]
    names = [row["regime"] for row in summarise(trades, [], [])["by_regime"]]
    assert names == ["COMPLETE_BULLISH", "SIDEWAYS", "BEARISH", "UNKNOWN"]


@pytest.mark.parametrize("group", ["by_strategy", "by_regime", "by_symbol", "by_hour", "by_exit", "daily"])
def test_every_grouping_adds_up_to_the_whole(group: str) -> None:
    summary = make_document()["summary"]
    assert sum(row["trades"] for row in summary[group]) == summary["trades"] > 40
    assert sum(to_paise(row["net_inr"]) for row in summary[group]) == to_paise(summary["net_inr"])


def test_charges_and_net_add_up_to_gross_to_the_paisa() -> None:
    summary = make_document(seed=11)["summary"]
    lines = sum(to_paise(summary["charges"][line]) for line in CHARGE_LINES if line != "total")
    assert lines == to_paise(summary["charges"]["total"]) == to_paise(summary["charges_inr"])
    assert to_paise(summary["gross_inr"]) - lines == to_paise(summary["net_inr"]) == to_paise(summary["equity"][-1][1])


@given(st.lists(st.integers(-(10**7), 10**7), max_size=40))
def test_sums_of_paise_are_exact(nets: list[int]) -> None:
    trades = [trade(net / 100, f"12T10:{place:02d}") for place, net in enumerate(nets)]
    summary = summarise(trades, [], [])
    assert to_paise(summary["net_inr"]) == sum(nets)
    assert to_paise(summary["max_drawdown_inr"]) == max_drawdown(nets)


def test_an_unknown_amount_is_refused_not_summed() -> None:
    with pytest.raises(DataError, match="nan rupees"):
        summarise([trade(float("nan"), "12T10:00")], [], [])


@pytest.mark.parametrize(
    ("rupees", "text"),
    [(0.0, "0.00"), (-0.0, "0.00"), (999.5, "999.50"), (1000.0, "1,000.00"), (123456.78, "1,23,456.78"),
     (-12345678.9, "-1,23,45,678.90"), (None, "n/a"), (float("nan"), "n/a")],
)  # fmt: skip
def test_rupees_are_grouped_the_indian_way(rupees: float | None, text: str) -> None:
    assert format_inr(rupees) == text


def test_signs_and_counts_are_printed() -> None:
    assert format_inr(5.0, plus=True) == "+5.00"
    assert format_inr(-5.0, minus="\N{MINUS SIGN}") == "\N{MINUS SIGN}5.00"
    assert [format_count(number) for number in (7, -100000, 10**9)] == ["7", "-1,00,000", "1,00,00,00,000"]


@given(st.integers(0, 10**15))
def test_grouping_only_adds_commas(number: int) -> None:
    assert group_indian(str(number)).replace(",", "") == str(number)
