"""Python and packages: what is told of a machine that is not as it should be."""

from __future__ import annotations

import configparser
from importlib import metadata
from pathlib import Path

import pytest

from sos_actors.app.checks import program
from sos_actors.app.checks.finding import Status
from sos_actors.app.checks.program import (
    check_program,
    installed_version,
    packages_finding,
    pinned_packages,
    python_finding,
)

PINS = {"numpy": "2.4.6", "peewee": "4.5.3"}


def test_this_machine_is_fine() -> None:
    assert [(one.name, one.status) for one in check_program()] == [("python", Status.OK), ("packages", Status.OK)]


@pytest.mark.parametrize(
    ("version", "system", "status"),
    [
        ((3, 11, 0), "Linux x86_64", Status.OK),
        ((3, 13, 1), "Darwin arm64", Status.OK),
        ((3, 12, 0), "Windows AMD64", Status.WARN),
        ((3, 10, 9), "Linux x86_64", Status.FAIL),
    ],
)
def test_an_old_python_fails_and_an_untested_system_warns(
    version: tuple[int, ...], system: str, status: Status
) -> None:
    assert python_finding(version, system).status is status


@pytest.mark.parametrize(
    ("there", "status", "said"),
    [
        (PINS, Status.OK, "all 2 as pinned"),
        ({"numpy": "2.4.6"}, Status.FAIL, "not installed: peewee"),
        ({"numpy": "2.4.6", "peewee": "4.0"}, Status.WARN, "peewee 4.0 instead of 4.5.3"),
    ],
)
def test_packages_are_compared_with_the_pins(there: dict[str, str], status: Status, said: str) -> None:
    finding = packages_finding(PINS, there.get)
    assert finding.status is status
    assert said in finding.text
    assert (finding.advice == "") == (status is Status.OK)


def test_the_pins_are_those_of_the_checkout() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(program._CHECKOUT) / "setup.cfg", encoding="utf-8")
    asked = setup["options"]["install_requires"].split()
    assert [f"{name}=={version}" for name, version in pinned_packages().items()] == asked


def test_without_a_checkout_the_packages_own_list_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = ["numpy==2.4.6", 'pytest==9.2.0; extra == "test"', "loose>=1"]
    monkeypatch.setattr(metadata, "requires", lambda _: listed)
    assert pinned_packages(tmp_path) == {"numpy": "2.4.6"}


@pytest.mark.parametrize("content", ["", "no section", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_without_any_list_nothing_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    def unknown(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", unknown)
    (tmp_path / "setup.cfg").write_bytes(content.encode("latin-1"))
    assert pinned_packages(tmp_path) == {}
    assert packages_finding({}, installed_version).status is Status.SKIPPED


def test_what_is_not_installed_has_no_version() -> None:
    assert installed_version("pytest") == metadata.version("pytest")
    assert installed_version("no-such-package-of-ours") is None
