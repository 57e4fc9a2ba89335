"""One ingest over the real clients while vendors fail: another source's rows, or a gap that says why; no wrong row.

What is right is what an ingest without faults has stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from sos_actors.app.ingest import breadth
from sos_actors.app.ingest.ingesting import ingest
from sos_actors.app.ingest.request import BREADTH, CANDLES, OPTIONS, HistorySources, IngestReport, IngestRequest
from sos_actors.config import Ingest
from sos_actors.market.members import Members
from sos_actors.simulator.faults import VENDORS, Fault, FaultKind
from sos_actors.store.database import Store
from tests.app.ingest.sources import CALENDAR
from tests.app.ingest.stored_rows import Rows, assert_kept, assert_part_of, stored_marks, stored_rows
from tests.simulator.markets import small_world
from tests.vendors.bench import PLANTED, Bench, assert_no_secret, bench, nothing_left_over
from tests.vendors.outcomes import TIMEOUT_S
from tests.vendors.readings import NIFTY, WARM_S, YESTERDAY, chart, upstox

FEW = Members(("RELIANCE", "TCS", "SBIN", "ITC"), {}, exact=True)
HISTORY, LIST = "/v3/historical-candle/*", "/v2/option/contract"
INDEX, CONTRACT = "/v3/historical-candle/NSE_INDEX*", "/v3/historical-candle/NSE_FO*"
REQUEST = IngestRequest([NIFTY], [YESTERDAY])
SETTINGS = Ingest(strikes_around=1, parallel=2)


class Case(NamedTuple):
    """What goes wrong, and what must become of it.

    Attributes:
        faults: in force during the first of two runs.
        sources: who has given candles after it.
        gaps: what is missing after it, and said to be; the second run fills it.
        told: what a gap or note of it says.
    """

    name: str
    faults: Sequence[Fault]
    sources: set[str]
    gaps: set[str]
    told: str = ""


def upstox_fault(kind: FaultKind, path: str = "*", **more: int) -> Fault:
    return Fault("upstox", kind, path, **more)


ALL = {CANDLES, OPTIONS, BREADTH}
UPSTOX, OTHER = {"upstox"}, {"tradingview"}
AWAY = Fault("tradingview", FaultKind.REFUSE)
CASES = (
    Case("trouble that passes", [upstox_fault(FaultKind.STATUS, times=2, status=503)], UPSTOX, set()),
    Case("too many requests, once", [upstox_fault(FaultKind.STATUS, times=1, status=429)], UPSTOX, set()),
    Case("an answer lost now and then", [upstox_fault(FaultKind.DROP, times=2, skip=3)], UPSTOX, set()),
    Case("the other one away", [AWAY], UPSTOX, set()),
    Case("a page for an index", [upstox_fault(FaultKind.HTML, INDEX)], UPSTOX | OTHER, set(), "web page"),
    Case("another shape for an index", [upstox_fault(FaultKind.WRONG_JSON, INDEX)], UPSTOX | OTHER, set(), "expected"),
    Case("nothing for an index", [upstox_fault(FaultKind.EMPTY, INDEX)], UPSTOX | OTHER, set(), "an empty object"),
    Case("a damaged index", [upstox_fault(FaultKind.CORRUPT, INDEX)], UPSTOX | OTHER, set(), "no JSON"),
    Case("silence about an index", [upstox_fault(FaultKind.MUTE, INDEX)], UPSTOX | OTHER, set(), "no whole answer"),
    Case("no candles at all", [upstox_fault(FaultKind.HTML, HISTORY)], OTHER, {OPTIONS}, "no open interest"),
    Case("damaged contracts", [upstox_fault(FaultKind.CORRUPT, CONTRACT, times=3)], UPSTOX, {OPTIONS}, "no JSON"),
    Case("an expired token", [upstox_fault(FaultKind.TOKEN_EXPIRED)], UPSTOX, {OPTIONS}, "sos login"),
    Case("no list of contracts", [upstox_fault(FaultKind.EMPTY, LIST)], UPSTOX, {OPTIONS}, "an empty object"),
    Case("a page for a list", [upstox_fault(FaultKind.HTML, LIST)], UPSTOX, {OPTIONS}, "web page"),
    Case("a blocked account", [upstox_fault(FaultKind.STATUS, status=403)], OTHER, {OPTIONS}, "not allowed"),
    Case("the broker away", [upstox_fault(FaultKind.REFUSE)], OTHER, {OPTIONS}, "refused"),
    Case("both away", [upstox_fault(FaultKind.REFUSE), AWAY], set(), ALL, "refused"),
    Case("one away, one damaged", [upstox_fault(FaultKind.CORRUPT), AWAY], set(), ALL, "no JSON"),
)


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    with bench(small_world("2026-01-13 10:30:30", rate_limits=False), VENDORS) as made:
        yield made


@pytest.fixture(autouse=True)
def _few_members(monkeypatch: pytest.MonkeyPatch, served: Bench) -> Iterator[None]:
    """Fifty securities say no more than four."""
    monkeypatch.setattr(breadth, "members", lambda _day: FEW)
    yield
    served.heal()


def run(served: Bench, folder: Path, timeout_s: float) -> IngestReport:
    with (
        upstox(served, timeout_s) as broker, chart(served, timeout_s) as candles,
        Store.open(folder, origin="simulated") as store,
    ):  # fmt: skip
        connect: Callable[[], HistorySources] = lambda: HistorySources([broker.candles, candles], broker.contracts)  # noqa: E731
        return ingest(store, connect, REQUEST, CALENDAR, SETTINGS, served.world.clock.now)


@pytest.fixture(scope="module")
def whole(served: Bench, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What is stored without faults; both sources are asked once, so that the market is computed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(breadth, "members", lambda _day: FEW)
        folder = tmp_path_factory.mktemp("whole")
        assert run(served, folder, WARM_S).gaps == []
        served.add(upstox_fault(FaultKind.HTML, HISTORY))
        run(served, tmp_path_factory.mktemp("other"), WARM_S)
        served.heal()
    return without_sources(stored_rows(folder))


def without_sources(rows: Rows) -> Rows:
    """Rows without who gave them."""
    return {key: values[:-1] for key, values in rows.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_").replace(",", ""))
def test_a_gap_or_the_next_source_and_never_a_wrong_row(
    served: Bench, whole: Rows, tmp_path: Path, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    with nothing_left_over():
        for one in case.faults:
            served.add(one)
        report = run(served, tmp_path, TIMEOUT_S)
        served.heal()
    first = stored_rows(tmp_path)
    assert_part_of(without_sources(first), whole)
    assert {str(values[-1]) for key, values in first.items() if key[0] == "candles"} == case.sources
    assert {gap.what for gap in report.gaps} == case.gaps
    marked = {str(kind) for _, _, kind in stored_marks(tmp_path)}
    assert marked == ALL - case.gaps
    told = " ".join([*(gap.reason for gap in report.gaps), *report.notes])
    assert case.told in told
    assert_no_secret(told + caplog.text, [served.token.reveal(), PLANTED])

    assert run(served, tmp_path, WARM_S).gaps == []
    then = without_sources(stored_rows(tmp_path))
    assert_part_of(then, whole)
    assert_kept(without_sources(first), then)
    assert {str(kind) for _, _, kind in stored_marks(tmp_path)} == ALL
