"""`sos` as a process of its own in a folder of its own, and which processes of ours are still there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sos_actors.app.simulated import address_settings
from tests.cli.commands import REPOSITORY

Settings = Mapping[str, Mapping[str, object]]
HANG_S = 180.0
"""Nothing here takes a tenth of it; it only ends what would never end."""


@dataclass(frozen=True, slots=True)
class Home:
    """A machine of its own: configuration, data and secrets in one folder."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def simulated(self) -> Path:
        """The store of the simulated market."""
        return self.data / "simulated" / "seed-7"

    @property
    def secrets(self) -> Path:
        return self.folder / "credentials.json"

    @property
    def config(self) -> list[str]:
        return ["--config", str(self.folder / "sos.toml")]

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "sos_actors.cli", *self.config, *words]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"SOS_SECRETS": str(self.secrets)}

    def start(
        self, *words: str, command: list[str] | None = None, told: int | TextIO = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """One run under way, leader of a group of its own as on a terminal; ``told`` takes its standard error."""
        return subprocess.Popen(
            command or self.command(*words),
            cwd=REPOSITORY, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told,
            text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """One run to its end."""
        with self.start(*words) as process:
            try:
                out, told = process.communicate(typed, timeout=HANG_S)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, told)

    def document(self, *words: str, status: int = 0) -> dict[str, Any]:
        """What a run with ``--json`` printed."""
        ended = self.run(*words, "--json")
        assert ended.returncode == status, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout)
        return found


def new_home(folder: Path, settings: Settings | None = None, addresses: Mapping[str, str] | None = None) -> Home:
    """A folder without data whose configuration differs from the shipped one as told.

    Args:
        folder: is made.
        settings: by section and key.
        addresses: of the vendors; without them the real ones, which no test may reach.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sections: dict[str, dict[str, object]] = {
        "paths": {"data_dir": str(folder / "data"), "strategies": str(REPOSITORY / "strategies")}
    }
    for more in (address_settings(addresses or {}), settings or {}):
        for name, keys in more.items():
            sections.setdefault(name, {}).update(keys)
    lines: list[str] = []
    for name, keys in sections.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""]
    (folder / "sos.toml").write_text("\n".join(lines), encoding="utf-8")
    return Home(folder)


def children_of(pid: int) -> list[int]:
    """Processes whose parent is ``pid``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(after_name[1]) == pid:
                    found.append(int(entry.name))
    return found


def simulators_of(pid: int) -> list[int]:
    """The simulators a process has started."""
    return [child for child in children_of(pid) if "simulate" in command_line(child)]


def command_line(pid: int) -> list[str]:
    """A process's words; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def is_gone(pid: int, patience_s: float = 20.0) -> bool:
    """Whether a process ends within so long."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if not command_line(pid):  # gone, or a zombie nobody has asked about
            return True
        time.sleep(0.01)
    return False
