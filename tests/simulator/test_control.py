"""The control port: what it tells, what it changes, and how it says no."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from sos_actors.simulator.control import fault_meanings
from sos_actors.simulator.faults import VENDORS, FaultKind
from sos_actors.simulator.server import RunningSimulator, running
from sos_actors.simulator.world import Strictness
from tests.simulator.quiet import OPEN, ask, make_app, quiet_world


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    world = quiet_world()
    with running(world, apps=lambda: {"upstox": make_app(world)}) as simulator:
        yield simulator


def control(simulator: RunningSimulator, path: str) -> str:
    return simulator.addresses["control"] + path


def test_the_status_tells_everything_at_a_glance(simulator: RunningSimulator) -> None:
    for path in ("/price?token=secret", "/item/1", "/item/2", "/nowhere"):
        ask(simulator.addresses["upstox"] + path)
    status = ask(control(simulator, "/status")).json()
    assert status["clock"] == {"at": "2026-01-13 09:15:00", "ts": OPEN, "speed": 0.0}
    assert (status["seed"], status["market"]) == (7, "quiet")
    assert status["requests"] == {"upstox": {"/price": 1, "/item/{id}": 2, "(no such path)": 1}}
    assert status["addresses"] == simulator.addresses
    assert status["strictness"]["rate_limits"] is True


@pytest.mark.parametrize("path", ["", "/", "/help"])
def test_the_help_lists_routes_vendors_kinds_and_rules(simulator: RunningSimulator, path: str) -> None:
    answer = ask(control(simulator, path))
    told = answer.body.decode()
    assert (answer.status, answer.content_type) == (200, "text/plain")
    for route in ("GET    /status ", "POST   /clock ", "DELETE /faults/{id} ", "GET    /requests?last=N ", '{"step": '):
        assert route in told
    for word in (*VENDORS, *(f"  {kind.value} " for kind in FaultKind), "expired_reach_days", "market (quiet)"):
        assert word in told


def test_every_kind_of_fault_has_a_line() -> None:
    meanings = fault_meanings()
    assert list(meanings) == list(FaultKind)
    assert meanings[FaultKind.EMPTY] == '"{}" with status 200.'
    assert all(meaning.endswith(".") and "\n" not in meaning for meaning in meanings.values())


def test_the_examples_of_the_help_work_as_they_stand(simulator: RunningSimulator) -> None:
    lines = ask(control(simulator, "/help")).body.decode().splitlines()
    examples = [shlex.split(line) for line in lines if line.startswith("  curl ")]
    assert [words[:2] for words in examples] == [["curl", "-d"]] * 2
    assert [ask(address, "POST", body).status for *_, body, address in examples] == [200, 200]
    status = ask(control(simulator, "/status")).json()
    assert [fault["kind"] for fault in status["faults"]] == ["html"]
    assert status["clock"]["ts"] == OPEN + 60_000_000_000


def test_the_last_requests_are_told_without_their_queries(simulator: RunningSimulator) -> None:
    ask(simulator.addresses["upstox"] + "/price?token=secret")
    ask(simulator.addresses["upstox"] + "/order", "POST", "two")
    answer = ask(control(simulator, "/requests?last=1"))
    assert answer.json() == [
        {"at": "2026-01-13 09:15:00", "vendor": "upstox", "method": "POST", "path": "/order", "status": 200}
    ]
    assert b"secret" not in ask(control(simulator, "/requests")).body


def test_a_handler_that_fails_is_told_as_500(simulator: RunningSimulator, caplog: pytest.LogCaptureFixture) -> None:
    assert ask(simulator.addresses["upstox"] + "/bug").status == 500
    assert [asked["status"] for asked in ask(control(simulator, "/requests")).json()] == [500]
    assert "Error handling request" in caplog.text


@pytest.mark.parametrize(
    ("document", "at", "speed"),
    [
        ({"at": "2026-01-14 10:30"}, "2026-01-14 10:30:00", 0.0),
        ({"at": "11:00:30"}, "2026-01-13 11:00:30", 0.0),
        ({"at": OPEN + 5_000_000_000}, "2026-01-13 09:15:05", 0.0),
        ({"step": 90.5}, "2026-01-13 09:16:30", 0.0),
        ({"speed": 0, "step": 60}, "2026-01-13 09:16:00", 0.0),
    ],
)
def test_the_clock_is_set(simulator: RunningSimulator, document: dict[str, object], at: str, speed: float) -> None:
    told = ask(control(simulator, "/clock"), "POST", document).json()
    assert (told["at"], told["speed"]) == (at, speed)
    assert ask(control(simulator, "/status")).json()["clock"] == told
    assert ask(control(simulator, "/clock")).json() == told


def test_faults_are_added_told_and_taken_back(simulator: RunningSimulator) -> None:
    added = ask(control(simulator, "/faults"), "POST", {"vendor": "upstox", "kind": "html", "path": "/price"}).json()
    assert ask(simulator.addresses["upstox"] + "/price").content_type == "text/html"
    assert ask(control(simulator, "/faults")).json() == [added | {"struck": 1}]
    assert added["begun"] == OPEN
    assert ask(control(simulator, f"/faults/{added['id']}"), "DELETE").json() == []
    ask(control(simulator, "/faults"), "POST", {"vendor": "upstox", "kind": "html"})
    assert ask(control(simulator, "/faults"), "DELETE").json() == []
    assert ask(simulator.addresses["upstox"] + "/price").status == 200


def test_rules_are_changed_one_by_one(simulator: RunningSimulator) -> None:
    told = ask(control(simulator, "/strictness"), "POST", {"rate_limits": False, "delayed_s": 900}).json()
    assert (told["rate_limits"], told["delayed_s"], told["plus_plan"]) == (False, 900, True)
    assert ask(control(simulator, "/strictness")).json() == told
    assert simulator.world.strictness == Strictness(rate_limits=False, delayed_s=900)


@pytest.mark.parametrize(
    ("path", "document", "said"),
    [
        ("/clock", {}, "Say "),
        ("/clock", {"at": "10:00", "step": 1}, "Say "),
        ("/clock", {"at": "noon"}, "not a time of day"),
        ("/clock", {"at": 10.5}, "must be a text"),
        ("/clock", {"at": 10**30}, "outside the market's calendar"),
        ("/clock", {"at": "1999-01-01 10:00"}, "outside the market's calendar"),
        ("/clock", {"step": -1}, "must be seconds"),
        ("/clock", {"speed": "fast"}, "must be a number"),
        ("/clock", {"speed": -1}, "must be a number"),
        ("/faults", {"vendor": "nse"}, "needs a 'kind'"),
        ("/faults", [], "must be a JSON object"),
        ("/faults", "not json", "is no JSON"),
        ("/strictness", {"mercy": True}, "no rule 'mercy'"),
        ("/strictness", {"rate_limits": 1}, "cannot be 1"),
        ("/strictness", {"expired_reach_days": -1}, "cannot be -1"),
    ],
)
def test_what_is_wrong_is_answered_with_a_sentence(
    simulator: RunningSimulator, path: str, document: object, said: str
) -> None:
    answer = ask(control(simulator, path), "POST", document)
    assert answer.status == 400
    assert said in answer.json()["error"]
    assert ask(control(simulator, "/status")).json()["clock"]["ts"] == OPEN


def test_what_is_not_there_is_answered_with_a_sentence(simulator: RunningSimulator) -> None:
    assert ask(control(simulator, "/faults/7"), "DELETE").json() == {"error": "No fault 7 is in force."}
    assert ask(control(simulator, "/requests?last=all")).status == 400
    assert ask(control(simulator, "/nothing")) == (
        404, b'{"error":"404 Not Found: GET /nothing."}\n', "application/json",
    )  # fmt: skip
