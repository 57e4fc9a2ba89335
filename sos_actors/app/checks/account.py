"""The login, and what Upstox says when it is asked: reachable, token good, and what orders would depend on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sos_actors.app.checks.calendar import agreement_finding, running_session
from sos_actors.app.checks.finding import Finding, Need, Status, ist, spoken_s, told_by
from sos_actors.app.credentials import UpstoxLogin
from sos_actors.app.rupees import format_inr
from sos_actors.config import Upstox
from sos_actors.errors import ConfigError, VendorError
from sos_actors.market.calendar import Calendar
from sos_actors.runtime.clock import Clock
from sos_actors.types import NANOS_PER_SECOND, Secret
from sos_actors.vendors.upstox.account import UpstoxAccount
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.feed_addresses import feed_address
from sos_actors.vendors.upstox.market_info import UpstoxMarketInfo
from sos_actors.vendors.upstox.orders import UpstoxBroker

LOGIN, VENDORS, ORDERS = "login", "vendors", "orders"
LOG_IN = "run 'sos login'"
_TRADED = ("NSE_EQ", "NSE_FO")
SERVES = ("candles", "chain")
"""What ``[trust]`` asks Upstox for."""
_AGAIN = "Run 'sos login'."


def login_finding(login: UpstoxLogin | ConfigError, calendar: Calendar, now: int) -> Finding:
    """Whether there is a token, and until when."""
    if isinstance(login, ConfigError):
        return Finding(LOGIN, "token", Status.FAIL, str(login))
    if not login.token:
        return Finding(LOGIN, "token", Status.SKIPPED, f"nobody is logged in: {LOG_IN}")
    who = login.user or "an unknown user"
    if login.expires == 0:
        return Finding(LOGIN, "token", Status.WARN, f"{who}; when the token ends is not known")
    left = (login.expires - now) / NANOS_PER_SECOND
    if left <= 0:
        told = f"{who}; the token ended {ist(login.expires)}, {spoken_s(-left)} ago"
        return Finding(LOGIN, "token", Status.FAIL, told, _AGAIN, Need.REAL)
    told = f"{who}; the token ends {ist(login.expires)}, in {spoken_s(left)}"
    session = running_session(calendar, now)
    if session is not None and login.expires < session.close_ns:
        return Finding(LOGIN, "token", Status.WARN, f"{told}, before today's session does", _AGAIN)
    return Finding(LOGIN, "token", Status.OK, told)


def check_upstox(
    settings: Upstox, token: Secret | None, clock: Clock, calendar: Calendar, told: str
) -> Iterator[Finding]:
    """Everything that is asked of Upstox; stops at the first thing the rest depends on.

    Args:
        settings: addresses and time-outs.
        token: None when nobody is logged in; what needs none is asked all the same.
        clock: what time it is.
        calendar: of our tables.
        told: what to say of the address beside the latency.
    """
    try:
        connection = UpstoxConnection(settings, token, clock=clock)
    except ConfigError as error:
        advice = "Correct [upstox] in the configuration."
        yield Finding(VENDORS, "upstox", Status.FAIL, str(error), advice, Need.REAL, SERVES)
    except VendorError as error:
        yield _failed(LOGIN, "profile", error, Need.REAL, SERVES)
    else:
        with connection:
            yield from _Questions(connection, calendar, told).findings()


@dataclass(frozen=True, slots=True)
class _Questions:
    """What is asked, on one connection."""

    connection: UpstoxConnection
    calendar: Calendar
    told: str

    def findings(self) -> Iterator[Finding]:
        """Ask, one thing after the other."""
        market = UpstoxMarketInfo(self.connection)
        begun = time.monotonic()
        try:
            days = market.holidays()
        except VendorError as error:
            yield _failed(VENDORS, "upstox", error, Need.REAL, SERVES)
            return
        yield Finding(VENDORS, "upstox", Status.OK, f"{self.told}, {_ms(begun)}", need=Need.REAL, serves=SERVES)
        yield agreement_finding(days, self.calendar, self.connection.clock())
        if not self.connection.has_token:
            return
        account = UpstoxAccount(self.connection)
        try:
            yield self._profile(account)
        except VendorError as error:
            yield _failed(LOGIN, "profile", error, Need.REAL, SERVES)
            return
        for group, name, ask in self._rest(account, market):
            yield _asked(group, name, ask)

    def _profile(self, account: UpstoxAccount) -> Finding:
        profile = account.profile()
        told = f"the token works: {profile.user_id}, {' '.join(profile.exchanges)}"
        if not profile.active:
            advice = "See Upstox's website for what it misses."
            return Finding(LOGIN, "profile", Status.FAIL, f"{told}; the account is inactive", advice, Need.REAL)
        if "NFO" not in profile.exchanges:
            advice = "Activate futures and options at Upstox to trade them."
            return Finding(LOGIN, "profile", Status.WARN, f"{told}; no derivatives", advice)
        return Finding(LOGIN, "profile", Status.OK, told)

    def _rest(
        self, account: UpstoxAccount, market: UpstoxMarketInfo
    ) -> list[tuple[str, str, Callable[[], Finding]]]:
        return [
            (VENDORS, "upstox feed", lambda: self._feed()),
            (VENDORS, "market", lambda: _market(market)),
            (ORDERS, "kill switch", lambda: _kill_switch(account)),
            (ORDERS, "funds", lambda: _funds(UpstoxBroker(self.connection))),
            (ORDERS, "static ip", lambda: _static_ips(account)),
        ]

    def _feed(self) -> Finding:
        begun = time.monotonic()
        feed_address(self.connection)()
        return Finding(VENDORS, "upstox feed", Status.OK, f"authorised, {_ms(begun)}")


def _market(market: UpstoxMarketInfo) -> Finding:
    status = market.status()
    phase = status.phase.name.replace("_", " ").lower()
    return Finding(VENDORS, "market", Status.OK, f"derivatives: {phase} since {ist(status.ts_event)}")


def _kill_switch(account: UpstoxAccount) -> Finding:
    switches = {switch.segment: switch for switch in account.kill_switch()}
    ours = [switches[name] for name in _TRADED if name in switches]
    killed = [switch.segment for switch in ours if switch.killed]
    closed = [switch.segment for switch in ours if not switch.active and not switch.killed]
    if killed:
        told = f"it is on for {', '.join(killed)}: orders are refused"
        return Finding(ORDERS, "kill switch", Status.WARN, told, "Upstox opens a segment again after 12 hours.")
    if closed:
        told = f"off, but {', '.join(closed)} cannot be traded"
        return Finding(ORDERS, "kill switch", Status.WARN, told, "Activate the segment at Upstox.")
    if not ours:
        return Finding(ORDERS, "kill switch", Status.WARN, "Upstox names none of the segments SOS trades")
    return Finding(ORDERS, "kill switch", Status.OK, f"off; {', '.join(one.segment for one in ours)} can be traded")


def _funds(broker: UpstoxBroker) -> Finding:
    funds = broker.funds()
    told = f"{format_inr(funds.available)} INR available, {format_inr(funds.used)} used"
    if funds.available <= 0:
        return Finding(ORDERS, "funds", Status.WARN, told, "Nothing can be bought with that.")
    return Finding(ORDERS, "funds", Status.OK, told)


def _static_ips(account: UpstoxAccount) -> Finding:
    ips = account.static_ips()
    registered = [address for address in (ips.primary, ips.secondary) if address]
    if not registered:
        told = "none is registered: Upstox refuses every order of the API"
        return Finding(ORDERS, "static ip", Status.WARN, told, "Register this machine's in Upstox's developer portal.")
    told = f"{', '.join(registered)}; orders from any other address are refused"
    return Finding(ORDERS, "static ip", Status.OK, told)


def _asked(group: str, name: str, ask: Callable[[], Finding]) -> Finding:
    """What was found; a failure is a warning, for nothing that exists today needs it."""
    try:
        return ask()
    except VendorError as error:
        return Finding(group, name, Status.WARN, told_by(error), need=Need.NOTHING)


def _failed(group: str, name: str, error: VendorError, need: Need, serves: tuple[str, ...]) -> Finding:
    return Finding(group, name, Status.FAIL, told_by(error), need=need, serves=serves)


def _ms(begun: float) -> str:
    return f"{(time.monotonic() - begun) * 1000:.0f} ms"
