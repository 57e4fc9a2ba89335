"""`sos doctor`: looks at everything a run depends on, a line each, and ends with GO or NO-GO."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict

from sos_actors.app.checks.finding import Finding, Status
from sos_actors.app.doctor import Doctor, Verdict
from sos_actors.app.fitting import printable
from sos_actors.cli.arguments import Subparsers, new_command
from sos_actors.cli.strategies import checked_files
from sos_actors.cli.table import BOLD, DIM, GREEN, RED, YELLOW, Paint, wants_colour
from sos_actors.config import Config, load_config
from sos_actors.errors import ConfigError
from sos_actors.runtime.clock import utc_text

COLOURS = {Status.OK: GREEN, Status.WARN: YELLOW, Status.FAIL: RED, Status.SKIPPED: DIM}
NAME_WIDTH = 17

EXAMPLE = """
sos doctor
sos doctor --offline       # asks nobody
sos doctor --json
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command line."""
    parser = new_command(
        subparsers, "doctor",
        "Look at everything a run depends on, and say whether it can go.\n\n"
        "Program, settings, data, calendar, login, vendors: one line each, with what to do. Nothing is changed, no "
        "order is sent, and it takes half a minute at the most. Exit status 0 for GO, 1 for NO-GO. Without a login "
        "only the simulated market can run: that is a GO, and it says so.",
        EXAMPLE,
    )  # fmt: skip
    parser.add_argument("--offline", action="store_true", help="ask no vendor")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(reads_config_itself=True)


def run(args: argparse.Namespace, _default: Config) -> int:
    """Run the command; 0 when everything this machine is set up for can run."""
    outcome: Config | ConfigError
    try:
        outcome = load_config(args.config)
    except ConfigError as error:
        outcome = error
    doctor = Doctor(outcome, args.config, checked_files, offline=args.offline)
    quiet = logging.NullHandler()  # what is logged stands in the findings
    logging.getLogger("sos_actors").addHandler(quiet)
    try:
        verdict = _shown(doctor, as_json=args.json)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Stopped; nothing was changed.") from None
    finally:
        logging.getLogger("sos_actors").removeHandler(quiet)
    return 0 if verdict.go else 1


def _shown(doctor: Doctor, *, as_json: bool) -> Verdict:
    if as_json:
        found = list(doctor.findings())
        verdict = doctor.verdict()
        print(json.dumps(_document(found, verdict), ensure_ascii=False, indent=1))
    else:
        paint = Paint(wants_colour(sys.stdout, os.environ))
        for line in _lines(doctor.findings(), paint):
            print(line, flush=True)
        verdict = doctor.verdict()
        print(f"\n{paint(printable(verdict.line), BOLD, GREEN if verdict.go else RED)}")
    return verdict


def _lines(findings: Iterator[Finding], paint: Paint) -> Iterator[str]:
    """A heading where a group begins, and a line a finding."""
    group = ""
    for finding in findings:
        if finding.group != group:
            yield paint(finding.group, BOLD) if not group else f"\n{paint(finding.group, BOLD)}"
            group = finding.group
        status = paint(f"{finding.status:<8}", COLOURS[finding.status])
        yield f"  {status}{finding.name:<{NAME_WIDTH}} {printable(finding.line)}"


def _document(found: list[Finding], verdict: Verdict) -> dict[str, object]:
    checks = [
        {"group": one.group, "name": one.name, "status": one.status.lower(), "text": one.text, "advice": one.advice}
        for one in found
    ]
    return {"at": utc_text(), **asdict(verdict), "checks": checks}
