"""What `sos live` needs of this machine, and whether one runs: cores, files, clock, the bridge's port, the last run."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

from sos_actors.app.checks.finding import Finding, Status
from sos_actors.app.headline import plural
from sos_actors.app.kill_switch import flat_reason
from sos_actors.app.run_lock import Holder, holder_of, left_by_a_killed_run
from sos_actors.config import Config
from sos_actors.config.running import Bridge

GROUP = "trading"
FEW_FILES = 256
"""Descriptors a run with sixteen engines and full stores stays well below."""
CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies", "pit")
"""Reading one of these is a call to the hardware or coarse; every event is stamped several times."""


def check_running(config: Config) -> Iterator[Finding]:
    """The machine, then what runs; nothing is changed."""
    yield cores_finding(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
                        config.runtime.wait)  # fmt: skip
    yield files_finding(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield clock_source_finding(CLOCK_SOURCE)
    folder = config.paths.data_dir
    try:
        holder, killed, flat = holder_of(folder), left_by_a_killed_run(folder), flat_reason(folder)
    except OSError as error:
        told = f"what runs cannot be told: {error.strerror}: {error.filename}"
        yield Finding(GROUP, "run", Status.FAIL, told, "Give that folder back to yourself.")
        return
    yield run_finding(holder, killed, flat)
    yield port_finding(config.bridge, holder)


def cores_finding(cores: int, wait: str) -> Finding:
    """Whether the dispatcher can have a core, which ``spin`` and ``yield`` take whole."""
    told = f"{plural(cores, 'core')}, the dispatcher waits by {wait!r}"
    if wait != "block" and cores < 3:
        advice = 'That takes one of them whole: set [runtime] wait = "block".'
        return Finding(GROUP, "cores", Status.WARN, told, advice)
    if cores < 2:
        return Finding(GROUP, "cores", Status.WARN, told, "Decisions wait for everything else: two are better.")
    return Finding(GROUP, "cores", Status.OK, told)


def files_finding(limit: int) -> Finding:
    """Whether a run may open as many files and sockets as it needs."""
    told = "any number of open files" if limit == resource.RLIM_INFINITY else f"{limit:,} open files allowed"
    if 0 <= limit < FEW_FILES:
        return Finding(GROUP, "open files", Status.WARN, told, f"Type 'ulimit -n {FEW_FILES}' before 'sos live'.")
    return Finding(GROUP, "open files", Status.OK, told)


def clock_source_finding(path: Path) -> Finding:
    """Whether asking what time it is, is quick."""
    try:
        name = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return Finding(GROUP, "clock source", Status.SKIPPED, "this system does not tell it")
    if name in SLOW_CLOCKS:
        advice = "Latencies are worse with it; the kernel names better ones beside that file."
        return Finding(GROUP, "clock source", Status.WARN, f"{name}, which is slow to ask", advice)
    return Finding(GROUP, "clock source", Status.OK, name)


def run_finding(holder: Holder | None, killed: Holder | None, flat: str | None) -> Finding:
    """What runs on the data folder, or how the last run ended."""
    told = "nothing runs" if holder is None else f"run {holder.run_id} is under way, pid {holder.pid}"
    if flat is not None:
        advice = "Until then it only closes what there is; 'sos stop --clear' takes that back."
        return Finding(GROUP, "run", Status.WARN, f"{told}; everything is to be closed ({flat})", advice)
    if killed is not None:
        told = f"{told}; run {killed.run_id} (pid {killed.pid}) did not end in order"
        return Finding(GROUP, "run", Status.WARN, told, "The next 'sos live' of that day takes up where it was.")
    return Finding(GROUP, "run", Status.OK, told)


def port_finding(settings: Bridge, holder: Holder | None) -> Finding:
    """Whether the bridge can listen where it is to."""
    where = f"{settings.host}:{settings.port}"
    if not settings.enabled:
        return Finding(GROUP, "bridge", Status.SKIPPED, "off, by [bridge] enabled")
    if holder is not None:
        return Finding(GROUP, "bridge", Status.SKIPPED, "'sos status' shows the one of the run under way")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        advice = "End who has it, or set [bridge] port; trading goes on without it meanwhile."
        return Finding(GROUP, "bridge", Status.WARN, f"{where} cannot be listened on: {error.strerror}", advice)
    return Finding(GROUP, "bridge", Status.OK, "any free port" if settings.port == 0 else f"{where} is free")
