"""`sos doctor`: what it prints, its exit status, and how it is stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sos_actors.app.checks.bounded import Examinations
from sos_actors.app.checks.finding import Finding, Status
from sos_actors.app.credentials import UpstoxLogin, account_of, write_login
from sos_actors.cli import doctor as command
from sos_actors.cli.main import main
from sos_actors.cli.table import Paint
from sos_actors.types import Secret
from tests.cli.commands import configured
from tests.loopback import free_port

PLANTED = "planted-token-7117"
SIMULATED_GO = "GO for the simulated market; NO-GO for Upstox: nobody is logged in, run 'sos login'"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where logins are kept."""
    file = tmp_path / "credentials.json"
    monkeypatch.setenv("SOS_SECRETS", str(file))
    return file


def unreachable(folder: Path, secrets: Path) -> list[str]:
    """A configuration whose vendors are at a port of this machine that refuses, and a login there that lasts."""
    flags = configured(folder)
    path = Path(flags[1])
    port = free_port()
    text = path.read_text(encoding="utf-8")
    for host in ("api.upstox.com", "api-hft.upstox.com", "scanner.tradingview.com", "www.nseindia.com"):
        text = text.replace(f"https://{host}", f"http://127.0.0.1:{port}")
    text = text.replace("https://smartoptions.trendlyne.com", f"http://127.0.0.1:{port}")
    write_login(account_of(f"http://127.0.0.1:{port}"), UpstoxLogin(Secret(PLANTED), 1 << 62, "AB1"), secrets)
    path.write_text(text.replace("wss://data.tradingview.com", f"ws://127.0.0.1:{port}"), encoding="utf-8")
    return flags


def test_a_line_a_check_and_the_verdict_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--offline", *configured(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line for line in lines[:-1] if line and not line.startswith(" ")]
    assert headings == ["program", "settings", "data", "calendar", "login", "vendors", "orders", "trading"]
    assert all(line[2:10].strip() in list(Status) for line in lines[:-1] if line.startswith(" "))
    assert lines[-1] == SIMULATED_GO
    assert "\x1b" not in "".join(lines)
    assert f"  skipped real store        there is none in {tmp_path / 'data'} yet" in lines


def test_a_document_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--offline", "--json", *configured(tmp_path)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["go"], document["simulated_market"], document["real_vendors"]) == (True, True, False)
    assert document["line"] == SIMULATED_GO
    checks = {check["name"]: check for check in document["checks"]}
    assert checks["packages"]["status"] == "ok"
    assert checks["token"]["status"] == "skipped"
    assert set(checks["token"]) == {"group", "name", "status", "text", "advice"}


def test_vendors_that_refuse_are_a_no_go(tmp_path: Path, secrets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *unreachable(tmp_path, secrets), "--debug"]) == 1
    said = capsys.readouterr()
    assert "FAIL    upstox            GET 127.0.0.1/v2/market/holidays: the connection was refused." in said.out
    assert said.out.splitlines()[-1].startswith("NO-GO for the real vendors: upstox: ")
    assert PLANTED not in said.out + said.err


def test_a_broken_configuration_is_a_no_go_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "sos.toml"
    wrong.write_text("[risk]\nmax_open_position = 3\n", encoding="utf-8")
    assert main(["doctor", "--offline", "--config", str(wrong)]) == 1
    said = capsys.readouterr().out
    assert f"{wrong}:2: unknown key risk.max_open_position" in said
    assert said.splitlines()[-1].startswith("NO-GO: configuration: ")


def test_ctrl_c_stops_it(
    tmp_path: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Examinations) -> Iterator[Finding]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Examinations, "findings", interrupted)
    assert main(["doctor", *unreachable(tmp_path, secrets)]) == 130
    assert capsys.readouterr().err == "sos: Stopped; nothing was changed.\n"
    for thread in threading.enumerate():
        if thread.name.startswith("examine-"):
            thread.join(10)


def test_what_vendors_say_does_not_steer_the_terminal() -> None:
    finding = Finding("vendors", "nse", Status.FAIL, "\x1b[31mred\x07", "Do\nthis.")
    assert list(command._lines(iter([finding]), Paint(False))) == [
        "vendors", "  FAIL    nse               ?[31mred?. Do this.",
    ]  # fmt: skip
    assert list(command._lines(iter([finding]), Paint(True)))[1].startswith("  \x1b[31mFAIL    \x1b[0mnse ")
