"""`sos validate`: every strategy file and the configuration are checked to the end, then it says what is wrong."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sos_actors.app.addresses import strange_addresses
from sos_actors.cli.arguments import Subparsers, new_command
from sos_actors.cli.strategies import checked_files
from sos_actors.config import Config, load_config
from sos_actors.errors import ConfigError
from sos_actors.strategy.findings import Finding, Severity

EXAMPLE = """
sos validate                               the configuration, and the strategies folder it names
sos validate strategies/orb_retest_long.json mine/
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's flags."""
    parser = new_command(
        subparsers,
        "validate",
        "Check strategy files and the configuration.\n"
        "Exit status 0 when nothing is wrong (warnings do not count), 1 otherwise.",
        EXAMPLE,
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="strategy files or folders; default from the configuration"
    )
    parser.set_defaults(reads_config_itself=True)


def run(args: argparse.Namespace, default: Config) -> int:
    """Run the command; 1 when something is wrong. A wrong configuration does not keep the strategies unchecked."""
    config, config_error = _checked_config(args.config, default)
    paths: list[Path] = args.paths or [config.paths.strategies]
    loaded = checked_files(paths)
    findings = [finding for file in loaded for finding in file.findings]
    for finding in findings:
        print(finding.render())
    if config_error:
        print(config_error)
    for told in strange_addresses(config):
        print(f"warning: {told}.")
    if not loaded:
        print(f"There are no strategy files (*.json) in {', '.join(str(path) for path in paths)}.")
    wrong = [file for file in loaded if file.errors]
    if wrong:
        print(f"{_count(len(wrong), 'file')} of {len(loaded)} cannot be used: {_kinds(findings)}.")
    elif loaded:
        print("All strategy files are valid.")
    return 1 if wrong or config_error or not loaded else 0


def _checked_config(path: Path | None, default: Config) -> tuple[Config, str]:
    """The configuration and what is wrong with it; the default one stands in for one that cannot be used."""
    try:
        return load_config(path), ""
    except ConfigError as error:
        return default, str(error)


def _kinds(findings: Sequence[Finding]) -> str:
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    warnings = len(findings) - errors
    return _count(errors, "error") + (f", {_count(warnings, 'warning')}" if warnings else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
