from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from sos_actors.cli import main as dispatcher
from sos_actors.cli.arguments import Subparsers, a_date, new_command
from sos_actors.cli.main import COMMANDS, main
from sos_actors.config import Config
from sos_actors.errors import MissingDataError, UsageError

REPOSITORY = Path(__file__).resolve().parent.parent.parent
Run = Callable[[argparse.Namespace, Config], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Make `sos weigh` the only command, running a function of the test."""

    def install(run: Run) -> None:
        module = ModuleType("sos_actors.cli.weigh")

        def add_parser(subparsers: Subparsers) -> None:
            parser = new_command(subparsers, "weigh", "Weigh a symbol.", "sos weigh --from-date 2026-01-12")
            parser.add_argument("--from-date", type=a_date)
            parser.add_argument("--report")

        module.add_parser = add_parser  # type: ignore[attr-defined]
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "sos_actors.cli.weigh", module)
        monkeypatch.setattr(dispatcher, "COMMANDS", {"weigh": "weigh a symbol"})

    return install


def raising(error: BaseException) -> Run:
    def run(_args: argparse.Namespace, _config: Config) -> int:
        raise error

    return run


def test_the_status_of_a_command_is_the_programs(command: Callable[[Run], None]) -> None:
    command(lambda _args, _config: 1)
    assert main(["weigh"]) == 1


def test_a_flag_may_be_spelled_with_underscores_and_its_value_stays_as_typed(command: Callable[[Run], None]) -> None:
    seen: list[tuple[str, str]] = []

    def run(args: argparse.Namespace, _config: Config) -> int:
        seen.append((str(args.from_date), args.report))
        return 0

    command(run)
    assert main(["weigh", "--from_date=2026-01-12", "--report", "my_report.html"]) == 0
    assert main(["weigh", "--from-date", "2026-01-12", "--report=my_report.html"]) == 0
    assert seen == [("2026-01-12", "my_report.html")] * 2


def test_the_configuration_is_named_before_or_after_the_command(command: Callable[[Run], None], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[simulation]\nseed = 12\n", encoding="utf-8")
    command(lambda _args, config: config.simulation.seed)
    assert main(["--config", str(tmp_path / "mine.toml"), "weigh"]) == 12
    assert main(["weigh", "--config", str(tmp_path / "mine.toml")]) == 12
    assert main(["weigh"]) == 7


def test_help_of_a_command_ends_with_an_example(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(lambda _args, _config: 0)
    assert main(["weigh", "--help"]) == 0
    assert "example:\n  sos weigh --from-date 2026-01-12\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wiegh"], "There is no command 'wiegh'. Did you mean weigh?"),
        (["weigh", "--form-date", "2026-01-12"], "Did you mean --from-date?"),
        (["weigh", "--from-date", "12.1.2026"], "'12.1.2026' is not a date: write it like 2026-01-12"),
        (["weigh", "--fro", "2026-01-12"], "unrecognized arguments: --fro"),
        (["--config", "nowhere.toml", "weigh"], "Cannot read the configuration nowhere.toml"),
        (["--config"], "expected one argument"),
        ([], "usage: sos"),
    ],
)
def test_wrong_use_is_explained_on_stderr_with_status_2(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    command(lambda _args, _config: 0)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (MissingDataError("No bars of NIFTY on 2026-01-12."), 1, "sos: No bars of NIFTY on 2026-01-12.\n"),
        (UsageError("--from-date is after --to-date."), 2, "sos: --from-date is after --to-date.\n"),
        (PermissionError(13, "Permission denied", "/srv/report.html"), 1, "sos: Permission denied: /srv/report.html\n"),
        (KeyboardInterrupt(), 130, "sos: Stopped.\n"),
        (KeyboardInterrupt("Stopped; 5 rows are kept."), 130, "sos: Stopped; 5 rows are kept.\n"),
    ],
)
def test_an_expected_error_is_one_message_without_a_traceback(
    command: Callable[[Run], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    said: str,
) -> None:
    command(raising(error))
    assert main(["weigh"]) == status
    assert capsys.readouterr().err == said


def test_debug_shows_where_an_expected_error_comes_from(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(MissingDataError("No bars.")))
    assert main(["weigh", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_shows_its_traceback_and_has_a_status_of_its_own(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(ZeroDivisionError("oops")))
    assert main(["weigh"]) == 70
    assert "ZeroDivisionError: oops\nsos: That is a bug in SOS" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_not_an_error_worth_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    script = "import sys; sys.path[0] = sys.argv[1]; from sos_actors.cli.main import main; sys.exit(main(['--help']))"
    words = [sys.executable, "-E", "-c", script, str(REPOSITORY)]
    ended = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert ended.stderr == b""
    assert ended.returncode == 141


@pytest.mark.parametrize("said", ["print('x' * 10)", "print('x' * 100_000)", "print('x') or 1"])
def test_output_that_cannot_be_written_is_one_message_and_status_1(said: str) -> None:
    script = (
        "import sys; sys.path[0] = sys.argv[1]; from sos_actors.cli import main; "
        f"main._run = lambda words: {said} or 0; sys.exit(main.main([]))"
    )
    with Path("/dev/full").open("wb") as full:
        words = [sys.executable, "-E", "-c", script, str(REPOSITORY)]
        ended = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("sos: ")
    assert "No space left on device" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "sos 0.1.0\n"


def test_the_list_of_commands_costs_no_heavy_import() -> None:
    script = "import sys; from sos_actors.cli.main import main; main(['--help']); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert set(COMMANDS) <= set(ended.stdout.split())
    assert not {"numba", "numpy", "polars", "rich", "jsonschema", "asteval"} & set(ended.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    import_module(f"sos_actors.cli.{name}")
    assert main([name, "--help"]) == 0
    assert "example" in capsys.readouterr().out.lower()
