"""`sos login` at two addresses, whose logins do not touch, and secrets typed where they do not belong."""

from __future__ import annotations

import pytest

from sos_actors.app.credentials import OWN_ACCOUNT, read_login
from sos_actors.cli.main import main
from sos_actors.config import Upstox
from sos_actors.simulator.server import RunningSimulator
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN
from tests.cli.desk import STORED_TOKEN, Desk

NOBODY = "http://127.0.0.1:1"


def test_a_login_at_a_simulator_leaves_the_real_one_alone(simulated_upstox: RunningSimulator, desk: Desk) -> None:
    url = simulated_upstox.addresses["upstox"]
    desk.keep(Upstox().rest_url)
    assert desk.run(url, "--status") == 1
    desk.pipe(f"{FIRST_TOKEN}\n")
    assert desk.run(url, "--token") == 0
    assert (desk.kept().user, read_login(OWN_ACCOUNT, desk.secrets).token.reveal()) == ("SIM001", STORED_TOKEN)
    assert desk.run(url, "--status") == 0
    assert desk.out.startswith(f"SIMULATED, at {url}: Logged in as SIM001;")
    assert desk.run(url, "--forget") == 0
    assert desk.out == f"SIMULATED, at {url}: Deleted from {desk.secrets}; logins at other addresses stay.\n"
    assert read_login(OWN_ACCOUNT, desk.secrets).token.reveal() == STORED_TOKEN
    assert desk.run(Upstox().rest_url, "--status") == 0
    assert desk.out.startswith("Logged in as OLD1;")


@pytest.mark.parametrize(
    "words",
    [
        ["--token", STORED_TOKEN], [f"--token={STORED_TOKEN}"], [STORED_TOKEN, "--token"],
        ["--token", f"-{STORED_TOKEN}"],
        ["--token", "--debug", STORED_TOKEN], ["--token", "Bearer", STORED_TOKEN],
    ],
)  # fmt: skip
def test_a_token_on_the_command_line_is_refused_and_not_repeated(desk: Desk, words: list[str]) -> None:
    assert desk.run(NOBODY, *words) == 2
    assert "the token is asked for, not given on the command line" in desk.err


def test_a_misspelt_flag_is_named_without_the_word_after_it(desk: Desk) -> None:
    for words in (["--tokn", STORED_TOKEN], [f"--tokn={STORED_TOKEN}"]):
        assert desk.run(NOBODY, *words) == 2
        assert "unrecognized arguments: --tokn Did you mean --token?" in desk.err


def test_other_commands_name_the_word_that_is_too_much(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "sometimes"]) == 2
    assert "unrecognized arguments: sometimes" in capsys.readouterr().err
