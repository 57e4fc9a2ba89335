"""The rules of the house that no other tool holds: sizes, names, what stands where, and the pins."""

from __future__ import annotations

import ast
import configparser
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.checkout import tracked

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sos_actors"
SOURCES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "bin").glob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES = 300
TOP_LEVEL = {"setup.cfg", "sos_actors", "strategies", "conf", "tests", "bin", "README.md", "pyproject.toml"}
MADE_BY_TOOLS = {"var", "build", "dist", "__pycache__", "sos_actors.egg-info"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "base", "core", "manager", "orchestrator"}
MODES = re.compile(r"(?i)\b(live|back ?test\w*)\b")


def each(files: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("file", files, ids=lambda file: str(file.relative_to(ROOT)))


def in_package(*folders: str) -> list[Path]:
    """Sources of the package outside the given folders or files."""
    return [file for file in PACKAGE.rglob("*.py") if not any(file.is_relative_to(PACKAGE / name) for name in folders)]


def calls(file: Path) -> Iterator[str]:
    """The dotted names a file calls or mentions: `time.time`, `datetime.now`, `print`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute | ast.Name):
            yield ast.unparse(node)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def spaced(name: str) -> str:
    """`LiveFeed` and `live_feed` as `Live Feed` and `live feed`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ")


def identifiers(file: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


@each(SOURCES + TESTS)
def test_a_file_is_short_enough_to_read_in_one_go(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@each(SOURCES)
def test_a_module_says_what_it_is_in_five_lines_at_most(file: Path) -> None:
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")), clean=False)
    assert said, "no module docstring"
    prose = [line for line in said.splitlines() if line.strip() and not line.startswith("    ")]  # no drawing
    assert len(prose) <= 5


@each(SOURCES + TESTS)
def test_no_file_has_a_name_that_says_nothing(file: Path) -> None:
    words = set(re.split(r"[_./]", str(file.relative_to(ROOT).with_suffix("")).lower()))
    assert not words & FORBIDDEN_NAMES


def test_only_wiring_and_commands_know_how_the_system_is_run() -> None:
    told = {
        str(file.relative_to(ROOT)): wrong
        for file in in_package("app", "cli")
        if (wrong := {name for name in identifiers(file) if MODES.search(spaced(name))})
    }
    assert told == {}


def test_only_one_file_reads_the_clock() -> None:
    clocks = {"datetime.now", "datetime.utcnow", "datetime.datetime.now", "date.today", "time.time", "time.time_ns"}
    told = {
        str(file.relative_to(ROOT)): seen
        for file in in_package("runtime/clock.py")
        if (seen := clocks & {*calls(file)})
    }
    assert told == {}


def test_only_commands_print() -> None:
    assert [str(file) for file in in_package("cli") if "print" in set(calls(file))] == []


def test_the_top_level_holds_what_it_should_and_nothing_else() -> None:
    there = {file.relative_to(ROOT).parts[0] for file in tracked("**")}
    assert {name for name in there if not name.startswith(".")} - TOP_LEVEL - MADE_BY_TOOLS == set()
    assert TOP_LEVEL - there == set()
    assert set(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))) == {"build-system"}


def test_imports_point_down_and_decisions_are_pure() -> None:
    script = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    command = [sys.executable, "-c", script, "--config", "setup.cfg", "--no-cache"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "3 kept, 0 broken" in ended.stdout


def pinned() -> dict[str, str]:
    lines = (ROOT / "bin" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {plain(name): version for name, version in pairs}


def plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_every_version_asked_for_is_exact_and_the_pinned_one() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    asked = f"{setup['options']['install_requires']}\n{setup['options.extras_require']['test']}".split()
    assert len(asked) > 10
    for requirement in asked:
        name, _, version = requirement.partition("==")
        assert pinned().get(plain(name)) == version, requirement


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="not run by bin/test, so the environment is another's")
def test_nothing_is_installed_that_is_not_pinned() -> None:
    installed = {plain(found.metadata["Name"]): found.version for found in distributions()}
    brought = {"pip", "setuptools"}  # by the Python itself
    assert {name: version for name, version in installed.items() if name not in brought} == pinned()


def test_the_data_files_of_the_package_are_packaged() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = setup["options.package_data"]["sos_actors"].split()
    data = [
        path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc")
    ]
    missed = [path for path in data if not any(Path("x", path.relative_to(PACKAGE)).match(text) for text in patterns)]
    assert missed == []
