"""What lies in the data folder: room, the stores of real and simulated data, the instrument file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from sos_actors.app.checks.finding import Finding, Status, spoken_s
from sos_actors.app.filling import INSTRUMENTS, own_folder, simulated_folder
from sos_actors.app.headline import plural
from sos_actors.app.rupees import format_count
from sos_actors.config import Config
from sos_actors.errors import DataError, StoreLockedError
from sos_actors.store.health import FileHealth, examine
from sos_actors.types import UnixNanos
from sos_actors.vendors.upstox.instruments import upstox_master
from sos_actors.vendors.upstox.instruments_download import age_s, is_current

GROUP = "data"
STORES_S = 6.0
"""For going through all databases."""
FULL_BELOW, LOW_BELOW = 200_000_000, 2_000_000_000
_EPOCH = date(1970, 1, 1).toordinal()


def check_data(config: Config, now: UnixNanos, most_s: float = STORES_S) -> Iterator[Finding]:
    """Everything in the data folder, with what a simulator of the configuration gave; nothing of it is changed."""
    folder = config.paths.data_dir
    yield folder_finding(folder)
    own, seeded = own_folder(config), simulated_folder(folder, config.simulation.seed)
    attached = [own] if own != folder and own.is_dir() else []
    simulated = sorted(path for path in seeded.parent.glob("seed-*") if path.is_dir() and path != seeded)
    stores = [folder, *attached, seeded, *simulated]
    for store in stores:
        origin = "real" if store == folder else "simulated"
        health = examine(store, most_s / len(stores))
        yield from store_findings(store, health, origin, is_used=store in (own, seeded))
    yield instruments_finding(own / INSTRUMENTS, now)


def folder_finding(folder: Path) -> Finding:
    """Whether the folder, or where it is to be made, can be written, and how much room there is."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    other = "Make it writable, or set [paths] data_dir to another folder."
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
            file.flush()
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(GROUP, "folder", Status.FAIL, f"{folder} cannot be written: {error.strerror}", other)
    told = f"{folder}{'' if there == folder else ' (not made yet)'}, {free / 1e9:,.1f} GB free"
    if free < LOW_BELOW:
        status = Status.FAIL if free < FULL_BELOW else Status.WARN
        return Finding(GROUP, "folder", status, told, "Free some space, or set [paths] data_dir to another folder.")
    return Finding(GROUP, "folder", Status.OK, told)


def store_findings(
    folder: Path, files: Sequence[FileHealth], origin: str, *, is_used: bool = True
) -> Iterator[Finding]:
    """How the databases of one folder are: a line for the store, and one for each file with which something is wrong.

    Args:
        folder: of the store.
        files: what ``store.health.examine`` found.
        origin: ``real`` or ``simulated``, what it should hold.
        is_used: whether commands use it with this configuration; what is wrong is worth a warning else.
    """
    name = f"{origin} store"
    bad = Status.FAIL if is_used else Status.WARN
    if not files:
        if is_used:
            yield Finding(GROUP, name, Status.SKIPPED, f"there is none in {folder} yet")
        return
    wrong = [finding for file in files if (finding := _file_finding(file, name, origin, bad)) is not None]
    if not wrong:
        yield Finding(GROUP, name, Status.OK, f"{folder}: {_told(files)}")
    yield from wrong


def _file_finding(file: FileHealth, name: str, origin: str, bad: Status) -> Finding | None:
    if isinstance(file.problem, StoreLockedError):
        return Finding(GROUP, name, Status.WARN, str(file.problem))
    if file.problem is not None:
        rebuild = f"Set it aside and rebuild it with 'sos ingest --force{_flag(origin)}', or restore a backup."
        told = str(file.problem)
        return Finding(GROUP, name, bad, told, "" if "sos ingest --force" in told else rebuild)
    if file.origin not in ("", origin):
        told = f"{file.path} holds {file.origin} data where {origin} data belongs"
        return Finding(GROUP, name, bad, told, "Set [paths] data_dir to another folder, or move the file away.")
    if file.version > file.newest:
        told = f"{file.path} has schema version {file.version}, this program knows up to {file.newest}"
        return Finding(GROUP, name, bad, told, "A newer release wrote it: upgrade, or choose another data_dir.")
    return None


def _told(files: Sequence[FileHealth]) -> str:
    """What is in a store, in a few words."""
    shards = files[1:]
    counted = [file for file in shards if file.bars is not None]
    first = min((file.first for file in counted if file.first is not None), default=None)
    last = max((file.last for file in counted if file.last is not None), default=None)
    told = plural(len(shards), "month")
    if first is not None and last is not None:
        bars, sessions = (sum(getattr(file, key) or 0 for file in counted) for key in ("bars", "sessions"))
        days = f"{date.fromordinal(_EPOCH + first)} to {date.fromordinal(_EPOCH + last)}"
        told += f", {format_count(bars)} bars of {plural(sessions, 'session')} from {days}"
    unchecked = sum(not file.checked for file in files)
    whole = f"; no time to check {unchecked} of {len(files)} files" if unchecked else "; every file is whole"
    older = sum(0 < file.version < file.newest for file in files)
    schema = f"; {plural(older, 'file')} of an older schema, brought up to date when written" if older else ""
    return f"{told}{whole}{schema}"


def instruments_finding(path: Path, now: UnixNanos) -> Finding:
    """Whether Upstox's instrument file is there, can be read, and how old it is."""
    age = age_s(path, now)
    if age is None:
        return Finding(GROUP, "instruments", Status.SKIPPED, f"no {path}; the built-in list serves until a login")
    try:
        count = len(upstox_master(path))
    except DataError as error:
        return Finding(GROUP, "instruments", Status.FAIL, str(error), f"Delete {path}; it is fetched again.")
    told = f"{format_count(count)} instruments, fetched {spoken_s(max(age, 0.0))} ago"
    if age < 0:
        return Finding(GROUP, "instruments", Status.WARN, f"{path} is of the future", "Set this machine's clock.")
    if not is_current(path, now):
        told += "; renewed when the vendors are next asked"
    return Finding(GROUP, "instruments", Status.OK, told)


def _flag(origin: str) -> str:
    return " --simulated" if origin == "simulated" else ""
