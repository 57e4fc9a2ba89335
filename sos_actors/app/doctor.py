"""Looks at everything a run would depend on, and says whether it can go: what `sos doctor` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sos_actors.app.checks.account import LOG_IN, LOGIN, ORDERS, SERVES, VENDORS, check_upstox, login_finding
from sos_actors.app.checks.bounded import Examination, Examinations
from sos_actors.app.checks.calendar import check_calendar
from sos_actors.app.checks.clock import check_clock
from sos_actors.app.checks.data import check_data
from sos_actors.app.checks.finding import Finding, Need, Status
from sos_actors.app.checks.program import check_program
from sos_actors.app.checks.running import check_running
from sos_actors.app.checks.settings import CheckedFiles, check_strategies, configuration_finding
from sos_actors.app.checks.vendors import (
    ADDRESSES,
    STRANGER,
    VendorChecks,
    addresses_finding,
    bounded_config,
    spoken_address,
    strange_findings,
)
from sos_actors.app.credentials import UpstoxLogin, account_of, read_login
from sos_actors.config import Config, Trust, is_loopback
from sos_actors.errors import ConfigError
from sos_actors.market.calendar import Calendar
from sos_actors.runtime.clock import Clock, wall_time

VENDORS_S = 20.0
"""For everything that is asked over the network, together."""
_TRUSTED_AS = {
    "upstox": "upstox", "tradingview scan": "tradingview", "tradingview chart": "tradingview", "nse": "nse",
    "trendlyne": "trendlyne",
}  # fmt: skip
"""What ``[trust]`` calls who is asked under a finding's name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it can go.

    Attributes:
        go: the exit status: whether everything this machine is set up for can run.
        line: GO or NO-GO, with the reasons.
        simulated_market: whether the simulated market can run.
        real_vendors: whether the real vendors can be asked; None when that was not looked at.
    """

    go: bool
    line: str
    simulated_market: bool
    real_vendors: bool | None


@dataclass(slots=True)
class Doctor:
    """One look at everything.

    Args:
        outcome: the configuration, or why it cannot be read.
        named: the configuration's file, where the command line names one.
        checked: reads strategy files to the end.
        offline: ask nobody.
        clock: what time it is.
        is_simulated: which addresses are no vendor's.
        vendors_s: seconds for all questions over the network.
    """

    outcome: Config | ConfigError
    named: Path | None
    checked: CheckedFiles
    offline: bool = False
    calendar: Calendar = field(default_factory=Calendar.default)
    clock: Clock = wall_time
    is_simulated: Callable[[str], bool] = is_loopback
    vendors_s: float = VENDORS_S
    found: list[Finding] = field(default_factory=list, init=False)
    _login: UpstoxLogin = field(default_factory=UpstoxLogin, init=False)

    def findings(self) -> Iterator[Finding]:
        """What is found, as it is found; also kept in ``found`` for the verdict."""
        for finding in self._all():
            self.found.append(finding)
            yield finding

    @property
    def is_logged_in(self) -> bool:
        """Whether there is a token that has not ended."""
        return self._login.is_valid(self.clock())

    def verdict(self) -> Verdict:
        """Of what was found so far."""
        wrong = [finding for finding in self.found if finding.status is Status.FAIL]
        reasons = _reasons([one for one in wrong if one.need is Need.EVERYTHING])
        if reasons:
            return Verdict(False, f"NO-GO: {reasons}", False, False)
        if not self._login.token:
            told = f"GO for the simulated market; NO-GO for Upstox: nobody is logged in, {LOG_IN}"
            return Verdict(True, told, True, False)
        reasons = _reasons([one for one in wrong if one.need is Need.REAL])
        if reasons:
            told = f"NO-GO for the real vendors: {reasons}. GO for the simulated market, with --simulated"
            return Verdict(False, told, True, False)
        if self.offline:
            return Verdict(True, "GO, as far as can be told offline: nobody was asked", True, None)
        warnings = [finding for finding in self.found if finding.status is Status.WARN]
        told = f", with {len(warnings)} warning{'s' * (len(warnings) != 1)}" if warnings else ""
        invented = [finding.text for finding in warnings if finding.name in (ADDRESSES, STRANGER)]
        return Verdict(True, ". ".join([f"GO{told}", *invented]), True, True)

    def _all(self) -> Iterator[Finding]:
        config = self.outcome
        if isinstance(config, ConfigError):
            yield from check_program()
            yield configuration_finding(self.named, config)
            return
        now = self.clock()
        login: UpstoxLogin | ConfigError
        try:
            login = self._login = read_login(account_of(config.upstox.rest_url))
        except ConfigError as error:
            login = error
        network = None if self.offline else Examinations(self._examinations(config), self.vendors_s)
        yield from check_program()
        yield configuration_finding(self.named, config)
        yield from check_strategies(config, self.checked)
        yield from check_data(config, now)
        yield from check_calendar(self.calendar, now)
        asked = self._offline() if network is None else list(self._judged(network.findings(), config.trust))
        groups = {group: [one for one in asked if one.group == group] for group in (LOGIN, VENDORS, ORDERS)}
        yield login_finding(login, self.calendar, now)
        yield from groups[LOGIN]
        yield addresses_finding(config, self.is_simulated)
        yield from strange_findings(config)
        yield from groups[VENDORS]
        yield from groups[ORDERS]
        yield _orders(config)
        yield from check_running(config)

    def _offline(self) -> list[Finding]:
        return [Finding(VENDORS, "vendors", Status.SKIPPED, "--offline: nobody was asked")]

    def _examinations(self, config: Config) -> list[Examination]:
        """Everything asked over the network: the vendors, and what time it is."""
        bounded = bounded_config(config)
        urls = (config.upstox.rest_url, config.nse.url, config.tradingview.scanner_url, config.trendlyne.url)
        step_s = bounded.nse.timeout_s

        def clock() -> Iterator[Finding]:
            return check_clock(urls, self.clock, step_s, self.is_simulated)

        def upstox() -> Iterator[Finding]:
            token = self._login.token if self.is_logged_in else None
            told = spoken_address(config.upstox.rest_url, self.is_simulated)
            return check_upstox(bounded.upstox, token, self.clock, self.calendar, told)

        others = VendorChecks(bounded, self.calendar, self.clock, self.is_simulated).examinations()
        return [
            Examination(VENDORS, "clock", clock),
            Examination(VENDORS, "upstox", upstox, Need.REAL, SERVES),
            *others,
        ]

    def _judged(self, findings: Iterator[Finding], trust: Trust) -> Iterator[Finding]:
        """The findings, milder where nobody needs what failed; those of Upstox that need a login are added."""
        found = list(findings)
        if not self.is_logged_in and any(one.name == "upstox" for one in found):
            for group, name in ((LOGIN, "profile"), (VENDORS, "upstox feed"), (ORDERS, "account")):
                found.append(Finding(group, name, Status.SKIPPED, LOG_IN))
        failed = {one.name for one in found if one.status is Status.FAIL}
        for finding in found:
            yield self._milder(finding, failed, found, trust) if finding.name in failed else finding

    def _milder(self, finding: Finding, failed: set[str], found: Sequence[Finding], trust: Trust) -> Finding:
        if not self._login.token:
            advice = finding.advice or "Only a login needs it."
            return replace(finding, status=Status.WARN, advice=advice)
        if not finding.serves or finding.name in ("upstox", "profile"):
            return finding
        asked_for = [what for what in finding.serves if _TRUSTED_AS[finding.name] in getattr(trust, what)]
        instead: list[str] = []
        for what in asked_for:
            able = [one.name for one in found if what in one.serves and one.name not in failed]
            well = {_TRUSTED_AS[name]: name for name in able if name in _TRUSTED_AS}
            others = [well[name] for name in getattr(trust, what) if name in well]
            if not others:
                return finding
            instead.append(f"{what} from {others[0]}")
        advice = f"In its place: {', '.join(instead)}." if instead else "Nothing in [trust] asks it."
        return replace(finding, status=Status.WARN, advice=advice)


def _reasons(findings: Sequence[Finding]) -> str:
    """Their names and what is wrong, shortly."""
    return "; ".join(f"{one.name}: {' '.join(one.text.split()).rstrip('.')}" for one in findings)


def _orders(config: Config) -> Finding:
    """Whether an order could be real."""
    if config.trading.mode == "live":
        told = '[trading] mode = "live": with --broker upstox, and your word for it, orders are real'
    else:
        told = f'[trading] mode = "{config.trading.mode}": no order can be real'
    return Finding(ORDERS, "real money", Status.OK, told)
