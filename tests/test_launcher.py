"""`bin/sos` and `bin/test` on copies of the real scripts, with real pip and tiny wheels made here: no network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

BIN = Path(__file__).resolve().parent.parent / "bin"
PYENV = Path("~/.pyenv/versions").expanduser()
PROGRAM = """
def main(words):
    import os, ware
    print("program", ware.VERSION, os.getcwd(), *words)
    return 3
"""
CHECKS = """
def main(home, words):
    import tool
    print("checks", tool.VERSION, *words)
    return 4
"""


def wheel(folder: Path, name: str, version: str) -> None:
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", f"VERSION = '{version}'\n")
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")


@dataclass(frozen=True)
class Checkout:
    """A copy of the launcher around a program of three lines."""

    home: Path
    wheels: Path

    def surroundings(self, **changes: str) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "SOS_", "PYTHON"))}
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull}
        return {**plain, **offline, "SOS_PYTHON": sys.executable, **changes}

    def pin(self, version: str) -> None:
        (self.home / "setup.cfg").write_text(
            f"[options]\ninstall_requires =\n    ware=={version}\n[options.extras_require]\ntest =\n    tool==1.0\n",
            encoding="utf-8",
        )

    def start(self, *words: str, role: str = "sos", **changes: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.home / "bin" / role), *words]
        return subprocess.run(
            command, env=self.surroundings(**changes), cwd="/", capture_output=True, text=True, check=False
        )

    def begin(self, **changes: str) -> subprocess.Popen[str]:
        command = [str(self.home / "bin" / "sos")]
        surroundings = self.surroundings(**changes)
        return subprocess.Popen(command, env=surroundings, stderr=subprocess.PIPE, text=True, start_new_session=True)

    @property
    def site_packages(self) -> Path:
        return next((self.home / ".venv" / "lib").glob("python3*")) / "site-packages"


@pytest.fixture
def fresh(tmp_path: Path) -> Checkout:
    """A checkout nothing was started in; its path has a space."""
    checkout = Checkout(tmp_path / "the checkout", tmp_path / "wheels")
    checkout.wheels.mkdir()
    for name, version in (("ware", "1.0"), ("ware", "2.0"), ("tool", "1.0")):
        wheel(checkout.wheels, name, version)
    shutil.copytree(BIN, checkout.home / "bin", ignore=shutil.ignore_patterns("__pycache__"))
    (checkout.home / "bin" / "checks.py").write_text(CHECKS, encoding="utf-8")
    (checkout.home / "bin" / "constraints.txt").write_text("", encoding="utf-8")
    (checkout.home / "sos_actors" / "cli").mkdir(parents=True)
    (checkout.home / "sos_actors" / "cli" / "main.py").write_text(PROGRAM, encoding="utf-8")
    checkout.pin("1.0")
    return checkout


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made") / "venv"


@pytest.fixture
def ready(fresh: Checkout, made_once: Path) -> Checkout:
    """A checkout that was started before; the environment is made once and copied, which must not matter to it."""
    if made_once.exists():
        shutil.copytree(made_once, fresh.home / ".venv", symlinks=True)
    else:
        assert fresh.start().returncode == 3
        shutil.copytree(fresh.home / ".venv", made_once, symlinks=True)
    return fresh


def was_set_up(ended: subprocess.CompletedProcess[str]) -> bool:
    return "Setting up" in ended.stderr


def test_the_first_start_sets_up_and_runs_and_keeps_stdout_for_the_program(fresh: Checkout) -> None:
    first = fresh.start("status", "two words")
    assert (first.returncode, first.stdout) == (3, "program 1.0 / status two words\n")
    assert was_set_up(first)
    assert "Successfully installed ware-1.0" in first.stderr


def test_a_later_start_is_silent_and_installs_nothing(ready: Checkout) -> None:
    later = ready.start("status", PIP_FIND_LINKS="/nowhere", SOS_PYTHON="/nowhere")
    assert (later.returncode, later.stdout, later.stderr) == (3, "program 1.0 / status\n", "")


def test_it_starts_through_links_from_any_folder_and_after_a_move(ready: Checkout, tmp_path: Path) -> None:
    moved = ready.home.rename(tmp_path / "moved")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "relative").symlink_to("../moved/bin/sos")
    (tmp_path / "links" / "sos").symlink_to(tmp_path / "links" / "relative")
    where = [
        ([str(tmp_path / "links" / "sos")], "/"),
        (["./sos"], str(moved / "bin")),
        (["sh", "sos"], str(moved / "bin")),
    ]
    for command, folder in where:
        ended = subprocess.run(
            command, env=ready.surroundings(), cwd=folder, capture_output=True, text=True, check=False
        )
        assert (ended.stdout.strip(), ended.stderr) == (f"program 1.0 {folder}", "")


def test_the_users_python_variables_do_not_reach_the_program(ready: Checkout, tmp_path: Path) -> None:
    (tmp_path / "ware.py").write_text("VERSION = 'of another project'\n", encoding="utf-8")
    assert ready.start(PYTHONPATH=str(tmp_path), PYTHONHOME="/nowhere").stdout == "program 1.0 /\n"


def lose_a_package(checkout: Checkout) -> None:
    (checkout.site_packages / "ware.py").unlink()


def lose_the_python(checkout: Checkout) -> None:
    for link in (checkout.home / ".venv" / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/nowhere/python3")


def become_a_file(checkout: Checkout) -> None:
    shutil.rmtree(checkout.home / ".venv")
    (checkout.home / ".venv").write_text("", encoding="utf-8")


def lose_the_stamp(checkout: Checkout) -> None:
    (checkout.home / ".venv" / "sos.stamp").unlink()


@pytest.mark.parametrize("damage", [lose_a_package, lose_the_python, become_a_file, lose_the_stamp])
def test_a_damaged_environment_is_made_anew(ready: Checkout, damage: object) -> None:
    assert callable(damage)
    damage(ready)
    repaired = ready.start()
    assert was_set_up(repaired)
    assert (repaired.returncode, repaired.stdout) == (3, "program 1.0 /\n")
    assert ready.start().stderr == ""


def test_other_pins_make_it_anew(ready: Checkout) -> None:
    ready.pin("2.0")
    assert ready.start().stdout == "program 2.0 /\n"
    assert ready.start().stderr == ""


def test_a_failed_installation_says_so_and_the_next_start_tries_again(ready: Checkout) -> None:
    ready.pin("2.0")
    failed = ready.start(PIP_FIND_LINKS="/nowhere")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "No matching distribution found for ware==2.0" in failed.stderr
    assert "the next start tries again" in failed.stderr
    assert ready.start().stdout == "program 2.0 /\n"


@pytest.fixture
def hanging(fresh: Checkout) -> dict[str, str]:
    """Surroundings in which pip waits while it reads its configuration, until somebody has written that."""
    os.mkfifo(fresh.home / "pip.conf")
    return {"PIP_CONFIG_FILE": str(fresh.home / "pip.conf")}


@contextmanager
def once_pip_waits(file: str, process: subprocess.Popen[str]) -> Iterator[None]:
    """Enter when pip has begun to read its configuration; it goes on when this is left."""
    while True:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:  # nobody reads yet
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
            assert process.poll() is None, process.communicate()[1]
    try:
        yield
    finally:
        os.unlink(file)  # pip reads it more than once
        os.close(descriptor)


def test_an_interrupted_installation_is_begun_anew(fresh: Checkout, hanging: dict[str, str]) -> None:
    process = fresh.begin(**hanging)
    with once_pip_waits(hanging["PIP_CONFIG_FILE"], process):
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.endswith("sos: Interrupted; the next start begins the set-up anew.\n")
    assert "environment.py" not in said, "no traceback of ours"
    again = fresh.start()
    assert was_set_up(again)
    assert again.returncode == 3


def test_of_two_first_starts_one_sets_up_and_the_other_waits(fresh: Checkout, hanging: dict[str, str]) -> None:
    one = fresh.begin(**hanging)
    with once_pip_waits(hanging["PIP_CONFIG_FILE"], one):
        other = fresh.begin()
        assert other.stderr is not None
        assert other.stderr.readline() == "sos: Another start is setting up; waiting for it.\n"
    assert "Setting up" in one.communicate()[1]
    assert other.communicate()[1] == ""
    assert (one.returncode, other.returncode) == (3, 3)


def test_the_tools_of_the_checks_are_added_once_and_leave_the_program_alone(ready: Checkout) -> None:
    failed = ready.start(role="test", PIP_FIND_LINKS="/nowhere")
    assert failed.returncode == 1
    assert ready.start().stderr == "", "the program does not need the tools"
    added = ready.start("-k", "x", role="test")
    assert (added.returncode, added.stdout) == (4, "checks 1.0 -k x\n")
    assert ready.start(role="test").stderr == ""
    assert ready.start().stderr == ""


def test_a_folder_that_cannot_be_written_is_named(fresh: Checkout) -> None:
    (fresh.home / ".venv.lock").mkdir()
    refused = fresh.start()
    assert refused.returncode == 1
    assert re.fullmatch(r"sos: Cannot set up .*/\.venv: Is a directory: .*\.venv\.lock\n", refused.stderr)


def shim(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def test_pythons_that_are_too_old_or_do_not_run_are_passed_over(ready: Checkout, tmp_path: Path) -> None:
    lose_the_python(ready)
    shim(tmp_path / "path", "python3", "printf 3.8.18; exit 3")
    shim(tmp_path / "path", "python3.13", "echo 'no version behind this shim' >&2; exit 127")
    shim(tmp_path / "path", "python3.12", f"exec '{sys.executable}' \"$@\"")
    assert ready.start(SOS_PYTHON="", PATH=f"{tmp_path / 'path'}:/usr/bin:/bin").returncode == 3


def test_without_a_python_new_enough_it_says_which_there_are(fresh: Checkout, tmp_path: Path) -> None:
    shim(tmp_path / "path", "python3", "printf 3.8.18; exit 3")
    shim(tmp_path / "path", "python3.13", "echo 'no version behind this shim' >&2; exit 127")
    shim(tmp_path / "path", "python3.11", "printf '3.11.2 without the venv module'; exit 4")
    refused = fresh.start(SOS_PYTHON="", PATH=str(tmp_path / "path"))
    assert refused.returncode == 1
    assert "needs Python 3.11 or newer" in refused.stderr
    assert "\n    python3 is 3.8.18\n    python3.11 is 3.11.2 without the venv module\n" in refused.stderr
    assert "3.13" not in refused.stderr
    none = fresh.start(SOS_PYTHON="", PATH="/nowhere")
    assert "Found no Python at all." in none.stderr


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.10"])
def test_a_real_old_python_is_told_from_a_new_one(fresh: Checkout, version: str) -> None:
    there = sorted(PYENV.glob(f"{version}.*/bin/python"))
    if not there:
        pytest.skip(f"no Python {version} under {PYENV}")
    refused = fresh.start(SOS_PYTHON=str(there[0]))
    assert refused.returncode == 1
    assert re.search(rf"{there[0]} is {version}\.\d+\n", refused.stderr)
