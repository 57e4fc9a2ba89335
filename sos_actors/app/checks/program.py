"""The program itself: which Python on which machine, and whether its packages are those it was tested with."""

from __future__ import annotations

import configparser
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from sos_actors import __version__
from sos_actors.app.checks.finding import Finding, Status

GROUP = "program"
LEAST_PYTHON = (3, 11)
_CHECKOUT = Path(__file__).resolve().parents[3]
_INSTALL_AGAIN = "Delete the folder .venv and start bin/sos again."


def check_program() -> Iterator[Finding]:
    """Python and the packages."""
    yield python_finding(sys.version_info[:3], f"{platform.system()} {platform.machine()}")
    yield packages_finding(pinned_packages(), installed_version)


def python_finding(version: tuple[int, ...], system: str) -> Finding:
    """Whether this Python on this system can run SOS."""
    told = f"Python {'.'.join(map(str, version))} on {system}, SOS {__version__}"
    if version < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        return Finding(GROUP, "python", Status.FAIL, told, f"SOS needs Python {least} or newer: install one.")
    if not system.startswith(("Linux", "Darwin")):
        return Finding(GROUP, "python", Status.WARN, told, "SOS is tested on Linux and macOS only.")
    return Finding(GROUP, "python", Status.OK, told)


def packages_finding(pins: Mapping[str, str], installed: Callable[[str], str | None]) -> Finding:
    """Whether what is installed is what the pins ask for.

    Args:
        pins: version by package.
        installed: the version there is of a package; None when there is none.
    """
    if not pins:
        return Finding(GROUP, "packages", Status.SKIPPED, "there is no list of what should be installed")
    there = {name: installed(name) for name in pins}
    missing = [name for name, version in there.items() if version is None]
    if missing:
        return Finding(GROUP, "packages", Status.FAIL, f"not installed: {', '.join(missing)}", _INSTALL_AGAIN)
    other = [f"{name} {there[name]} instead of {pin}" for name, pin in pins.items() if there[name] != pin]
    if other:
        told = f"other versions than SOS was tested with: {', '.join(other)}"
        return Finding(GROUP, "packages", Status.WARN, told, _INSTALL_AGAIN)
    return Finding(GROUP, "packages", Status.OK, f"all {len(pins)} as pinned")


def pinned_packages(folder: Path = _CHECKOUT) -> dict[str, str]:
    """The exact version of each package SOS asks for: from the checkout's ``setup.cfg``, else from its metadata."""
    setup = configparser.ConfigParser()
    try:
        setup.read(folder / "setup.cfg", encoding="utf-8")
        asked = setup.get("options", "install_requires", fallback="").splitlines()
    except (configparser.Error, UnicodeDecodeError):
        asked = []
    if not any(asked):
        try:
            asked = [line for line in metadata.requires("sos-actors") or [] if "extra ==" not in line]
        except metadata.PackageNotFoundError:
            asked = []
    found = (re.fullmatch(r"\s*([\w.-]+)\s*==\s*([\w.+!-]+)\s*", line) for line in asked)
    return {match[1]: match[2] for match in found if match}


def installed_version(name: str) -> str | None:
    """The version of an installed package; None when it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
