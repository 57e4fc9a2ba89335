"""The HTML report: complete, self-contained, safe against hostile names, the same bytes every time."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from datetime import datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sos_actors.app.headline import ordered_notes, period, why_no_trades
from sos_actors.app.reports.charts import MAX_POINTS, equity_points, nice_ticks, short_inr
from sos_actors.app.reports.columns import candle_columns, script_json, text_column
from sos_actors.app.reports.markup import MINUS
from sos_actors.app.reports.report import render_report
from sos_actors.app.rupees import format_inr, to_paise
from tests.app.documents import empty_document, make_document

TEMPLATES = Path(__file__).resolve().parents[2] / "sos_actors" / "app" / "reports" / "templates"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror='alert(2)'>\"&{{data}}\u2028"


class Page(HTMLParser):
    """Elements with their attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        else:
            self.words.append(data)

    @property
    def data(self) -> Any:
        return json.loads(self.scripts[0])


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return make_document()


@pytest.fixture(scope="module")
def page(document: dict[str, Any]) -> str:
    return render_report(document)


def hostile_document() -> dict[str, Any]:
    document = make_document(days=1, signals=12)
    run = document["run"]
    run["symbols"].append(HOSTILE)
    run["notes"].append(HOSTILE)
    run["config"]["risk"][HOSTILE] = HOSTILE
    run["strategies"][0] = {"pattern_id": HOSTILE, "file": HOSTILE, "hash": HOSTILE}
    for row in (*document["trades"], *document["signals"], *document["summary"]["by_strategy"]):
        row["strategy"] = HOSTILE
    for signal in document["signals"]:
        signal["reason"] = HOSTILE
    document["summary"]["skipped_reasons"] = [{"outcome": HOSTILE, "reason": HOSTILE, "count": 1}]
    document["summary"]["expression_errors"] = [{"strategy": HOSTILE, "expression": HOSTILE, "count": 1}]
    document["sessions"][0]["regime_minutes"] = {HOSTILE: 3}
    document["candles"] = {HOSTILE: document["candles"]["NIFTY"]}
    return document


def test_modelled_prices_are_told_as_loudly_as_a_simulated_market() -> None:
    document = make_document()
    document["run"]["simulated"], document["run"]["notes"] = False, ["Left out: a day.", "MODEL PRICES: 3 of 4 trades."]
    page = render_report(document)
    assert '<p class="banner" role="note">MODEL PRICES: 3 of 4 trades.</p>' in page
    assert '<p class="note" role="note">Left out: a day.</p>' in page


def test_the_same_document_gives_the_same_bytes(document: dict[str, Any], page: str) -> None:
    assert render_report(copy.deepcopy(document)) == page


def test_nothing_refers_to_the_outside(page: str) -> None:
    outward = ("http://", "https://", "src=", "@import", "url(", "<link", "<iframe")
    assert [word for word in outward if word in page] == []


def test_the_policy_admits_the_pages_own_script_and_nothing_else(page: str) -> None:
    read = Page(page)
    policy = next(attrs["content"] for tag, attrs in read.elements if "http-equiv" in attrs)
    digest = base64.b64encode(hashlib.sha256(read.scripts[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert len(read.scripts) == 2


def test_hostile_names_stay_text() -> None:
    page = render_report(hostile_document())
    read = Page(page)
    assert len(read.scripts) == 2
    assert not [attrs for tag, attrs in read.elements if tag == "img" or any(name.startswith("on") for name in attrs)]
    assert read.data["trades"]["strategy"]["texts"] == [HOSTILE]
    assert HOSTILE in " ".join(read.words)


def test_the_headline_says_simulated_first_then_symbols_and_net(document: dict[str, Any], page: str) -> None:
    body = page[page.index("<body>") :]
    net = format_inr(document["summary"]["net_inr"], plus=True, minus=MINUS)
    places = [body.index(text) for text in ('class="banner"', "SIMULATED DATA", "NIFTY, BANKNIFTY, RELIANCE", net)]
    assert places == sorted(places)
    assert "12 Jan 2026 to 16 Jan 2026" in body


def test_totals_in_the_page_equal_the_summary(document: dict[str, Any], page: str) -> None:
    trades, summary = Page(page).data["trades"], document["summary"]
    assert len(trades["id"]) == summary["trades"]
    assert sum(trades["net_inr"]) == to_paise(summary["net_inr"])
    for line, rupees in summary["charges"].items():
        assert sum(trades[f"charge_{line}"]) == to_paise(rupees)
        assert line == "total" or format_inr(-rupees, minus=MINUS) in page
    for row in (*summary["by_strategy"], *summary["by_regime"], *summary["by_hour"]):
        assert format_inr(row["net_inr"], plus=True, minus=MINUS) in page


def test_trades_and_signals_survive_the_round_trip(document: dict[str, Any], page: str) -> None:
    data = Page(page).data
    trade, signal = document["trades"][3], document["signals"][5]
    column = data["trades"]["instrument"]
    assert column["texts"][column["index"][3]] == trade["instrument"]
    assert data["trades"]["entry_time"][3] == datetime.fromisoformat(trade["entry_time"]).timestamp()
    assert data["trades"]["stop"][3] == to_paise(trade["stop"])
    reasons = data["signals"]["reason"]
    assert reasons["texts"][reasons["index"][5]] == signal["reason"]
    assert data["signals"]["trade"] == [row["trade"] for row in document["signals"]]


def test_candles_survive_the_round_trip_to_the_paisa(document: dict[str, Any]) -> None:
    sessions, left_out = candle_columns(document)
    source = document["candles"]["BANKNIFTY"]
    bars: list[tuple[float, ...]] = []
    for session in sessions["BANKNIFTY"]:
        previous = 0
        for start in range(0, len(session["bars"]), 4):
            gap, body, above, below = session["bars"][start : start + 4]
            opened, closed = previous + gap, previous + gap + body
            prices = (opened, max(opened, closed) + above, min(opened, closed) - below, closed)
            bars.append((session["start"] + start // 4 * 60, *(price / 100 for price in prices)))
            previous = closed
    assert left_out == 0
    assert bars == list(zip(*(source[name] for name in ("time", "open", "high", "low", "close")), strict=True))


def test_missing_and_unknown_bars_leave_gaps_in_the_minutes() -> None:
    columns = {"time": [600, 660, 720, 840], **{name: [1.0, 2.0, 3.0, 4.0] for name in ("open", "high", "close")}}
    columns["low"] = [1.0, float("nan"), 3.0, 4.0]
    sessions, _ = candle_columns({"trades": [], "candles": {"X": columns}})
    assert sessions["X"][0]["minutes"] == [0, 2, 4]
    assert sessions["X"][0]["start"] == 600


def test_too_many_candles_keep_the_sessions_with_trades(document: dict[str, Any]) -> None:
    only = [trade for trade in document["trades"] if trade["entry_time"][:10] == "2026-01-14"][:1]
    sessions, left_out = candle_columns({**document, "trades": only}, limit=400)
    assert [(symbol, [one["day"] for one in kept]) for symbol, kept in sessions.items()] == [
        (only[0]["symbol"], ["2026-01-14"])
    ]
    assert left_out == 14


def test_unknown_levels_are_null_in_the_page(document: dict[str, Any]) -> None:
    changed = copy.deepcopy(document)
    changed["trades"][0]["stop"] = None
    changed["trades"][1]["target"] = float("nan")
    trades = Page(render_report(changed)).data["trades"]
    assert trades["stop"][0] is None
    assert trades["target"][1] is None


@pytest.mark.parametrize(
    ("signals", "words"),
    [(0, "4 strategies looked at 375 bars and none gave a signal"), (12, "12 signals, of which 6 vetoed by")],
)
def test_a_run_without_trades_says_why(signals: int, words: str) -> None:
    document = empty_document(signals)
    page = render_report(document)
    assert words in why_no_trades(document)
    assert "No trades: " in page
    assert "No trade was closed, so there is no curve." in page
    assert Page(page).data["trades"]["id"] == []


def test_a_run_without_data_or_strategies_says_so() -> None:
    document = empty_document()
    document["sessions"], document["candles"] = [], {}
    assert "not one bar of data" in render_report(document)
    assert "This document carries no candles." in render_report(document)
    document["run"]["strategies"] = []
    assert why_no_trades(document) == "No trades: no strategy was loaded."


def test_assumptions_of_the_run_replace_the_standard_text(document: dict[str, Any]) -> None:
    changed = {**document, "run": {**document["run"], "assumptions": ["Filled by <magic>."]}}
    assert "<li>Filled by &lt;magic&gt;.</li>" in render_report(changed)
    assert "next bar that traded, 1 tick against us" in render_report(document)


def test_sessions_without_a_source_and_runs_without_an_id_are_shown(document: dict[str, Any]) -> None:
    sessions = [{key: value for key, value in row.items() if key != "source"} for row in document["sessions"]]
    run = {key: value for key, value in document["run"].items() if key not in ("id", "seed", "config")}
    page = render_report({**document, "run": run, "sessions": sessions})
    assert "as the run" in page
    assert "All defaults." in page


def test_a_simulated_run_that_forgot_its_note_still_says_so() -> None:
    assert ordered_notes({"simulated": True, "notes": ["other"]})[0].startswith("SIMULATED DATA")
    assert ordered_notes({"simulated": True, "notes": ["other", "SIMULATED DATA: x"]}) == ["SIMULATED DATA: x", "other"]
    assert ordered_notes({"simulated": False}) == []


def test_a_period_of_one_day_is_one_date() -> None:
    assert period({"from": "2026-01-05", "to": "2026-01-05"}) == "5 Jan 2026"


def test_a_long_equity_curve_is_thinned_but_keeps_its_extremes() -> None:
    document = make_document(days=30, signals=6000, symbols=("NIFTY",))
    points, curve = equity_points(document["summary"]), document["summary"]["equity"]
    assert len(points) <= MAX_POINTS < len(curve)
    for pick in (min, max):
        assert pick(point.net for point in points) == to_paise(pick(net for _, net in curve))
    assert points[-1].net == to_paise(curve[-1][1])
    assert all(after.x >= before.x for before, after in pairwise(points))


def test_many_trades_stay_small(document: dict[str, Any]) -> None:
    one = len(script_json(Page(render_report({**document, "candles": {}})).data["trades"])) / len(document["trades"])
    assert one * 20_000 < 6e6


@pytest.mark.parametrize(
    ("low", "high", "ticks"), [(0.0, 0.0, [0.0]), (-50.0, 340.0, [-100, 0, 100, 200, 300, 400]), (0.0, 9.0, [0, 5, 10])]
)
def test_ticks_are_round_and_enclose_the_values(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high)[0] <= low
    assert nice_ticks(low, high)[-1] >= high
    assert nice_ticks(low, high) == ticks


def test_axis_labels_use_lakh_and_crore() -> None:
    labels = [short_inr(value) for value in (0, -99_999, 150_000, 25_000_000)]
    assert labels == ["0", f"{MINUS}99,999", "1.5 L", "2.5 Cr"]


def test_repeated_texts_are_stored_once() -> None:
    assert text_column(["a", None, "a", "b"]) == {"texts": ["a", "", "b"], "index": [0, 1, 0, 2]}


def test_script_json_cannot_close_its_element() -> None:
    text = script_json({"name": HOSTILE})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"name": HOSTILE}


def test_templates_keep_the_file_cap_and_never_write_markup_from_data() -> None:
    for path in TEMPLATES.iterdir():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 300, path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), path.name
