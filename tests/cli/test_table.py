"""The summary in the terminal: aligned, within its width, coloured only where that is wanted."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from sos_actors.app.fitting import cell_width, fitted, printable
from sos_actors.app.rupees import format_inr
from sos_actors.cli.table import MOST_REASONS, render_summary, wants_colour
from tests.app.documents import empty_document, make_document

ESCAPES = re.compile(r"\x1b\[[\d;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return make_document()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_asked(document: dict[str, Any], width: int) -> None:
    text = render_summary(document, width, False)
    assert max(map(len, text.splitlines())) <= width
    assert text.endswith("\n")
    assert text.isascii()


def test_a_very_narrow_terminal_gets_sixty_columns(document: dict[str, Any]) -> None:
    assert render_summary(document, 10, False) == render_summary(document, 60, False)


def test_simulated_data_is_said_first(document: dict[str, Any]) -> None:
    assert render_summary(document, 80, False).startswith("SIMULATED DATA: ")


def test_the_figures_are_those_of_the_summary(document: dict[str, Any]) -> None:
    text, summary = render_summary(document, 80, False), document["summary"]
    assert f"Net {format_inr(summary['net_inr'], plus=True)} INR after charges, from {summary['trades']} trades" in text
    for row in (*summary["by_strategy"], *summary["by_regime"]):
        name = row.get("strategy") or row["regime"]
        line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
        assert line.split()[1] == str(row["trades"])
        assert line.split()[3] == format_inr(row["net_inr"], plus=True)
    assert f"Charges {format_inr(summary['charges']['total'])} INR: brokerage" in text


def test_columns_of_a_table_are_aligned(document: dict[str, Any]) -> None:
    lines = render_summary(document, 80, False).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("Strategy "))
    rows = [lines[start], *lines[start + 2 : start + 6]]
    assert len({len(row) for row in rows}) == 1


def test_what_did_not_trade_is_listed_with_its_reason(document: dict[str, Any]) -> None:
    text = render_summary(document, 80, False)
    for row in document["summary"]["skipped_reasons"]:
        assert re.search(rf"{row['count']}  {row['outcome']} +{re.escape(row['reason'])}", text)


def test_many_reasons_are_cut_and_the_rest_counted(document: dict[str, Any]) -> None:
    reasons = [{"outcome": "denied", "reason": f"reason {number}", "count": 2} for number in range(MOST_REASONS + 3)]
    text = render_summary({**document, "summary": {**document["summary"], "skipped_reasons": reasons}}, 80, False)
    assert "      6  for 3 other reasons: see the report" in text
    assert f"reason {MOST_REASONS}" not in text


def test_missing_bars_guessed_prices_and_failed_expressions_are_named(document: dict[str, Any]) -> None:
    text = " ".join(render_summary(document, 80, False).split())
    assert re.search(r"\d+ bars missing in \d+ sessions", text)
    assert "14 trades from the chain and 7 trades from the model" in text
    assert "Conditions that met an unknown value" in text
    assert "PDH_BREAKOUT: could not be evaluated 4 times: close / vars.range > 2" in text


def test_a_run_whose_expressions_all_had_values_does_not_speak_of_them(document: dict[str, Any]) -> None:
    text = render_summary({**document, "summary": {**document["summary"], "expression_errors": []}}, 80, False)
    assert "unknown value" not in text
    errors = [{"strategy": f"S{number}", "expression": "high > day_high()", "count": 1} for number in range(14)]
    text = render_summary({**document, "summary": {**document["summary"], "expression_errors": errors}}, 80, False)
    assert "S11: could not be evaluated once: high > day_high()\nand 2 other expressions: see the report" in text


def test_a_run_without_trades_says_why_and_shows_unknown_ratios() -> None:
    text = render_summary(empty_document(12), 80, False)
    assert "No trades: 12 signals, of which" in text
    assert re.search(r"Win rate +n/a", text)
    assert "Strategy" not in text


def test_colour_changes_nothing_but_escapes(document: dict[str, Any]) -> None:
    coloured = render_summary(document, 80, True)
    assert "\x1b[32m" in coloured
    assert "\x1b[31m" in coloured
    assert ESCAPES.sub("", coloured) == render_summary(document, 80, False)


@pytest.mark.parametrize(
    ("stream", "environment", "wanted"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour_needs_a_terminal_and_no_objection(
    stream: io.StringIO, environment: dict[str, str], wanted: bool
) -> None:
    assert wants_colour(stream, environment) is wanted


def test_hostile_names_cannot_steer_the_terminal(document: dict[str, Any]) -> None:
    rows = [{**row, "strategy": "\x1b[2J\x07evil\nname" + "x" * 90} for row in document["summary"]["by_strategy"]]
    text = render_summary({**document, "summary": {**document["summary"], "by_strategy": rows}}, 80, False)
    assert "\x1b" not in text
    assert "?[2J?evil?name" in text
    assert max(map(len, text.splitlines())) <= 80


def test_wide_letters_count_two_columns() -> None:
    assert cell_width("ab") == 2
    assert cell_width("\u65e5\u672c") == 4
    assert cell_width("e\u0301") == 1
    assert fitted("\u65e5\u672c\u8a9e", 5) == "\u65e5.. "
    assert fitted("7", 3, right=True) == "  7"
    assert printable("a\x00\u202eb") == "a??b"
