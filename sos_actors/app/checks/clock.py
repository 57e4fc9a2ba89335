"""This machine's clock against the one of a web server, which says the time with every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import requests

from sos_actors.app.checks.finding import Finding, Need, Status, spoken_s
from sos_actors.config import is_loopback
from sos_actors.runtime.clock import Clock
from sos_actors.types import NANOS_PER_SECOND
from sos_actors.vendors.web import place

GROUP = "vendors"
WARN_S, FAIL_S = 2.0, 10.0
_SECOND = NANOS_PER_SECOND
_ADVICE = "Set it by NTP: candles, tokens and orders go by the time."


@dataclass(frozen=True, slots=True)
class Skew:
    """By how much this machine's clock is ahead, as far as can be known: between two bounds, in seconds.

    The bounds are as far apart as the question took, and one second more, since servers tell whole seconds.
    """

    least_s: float
    most_s: float

    @property
    def certain_s(self) -> float:
        """What it is ahead at the least, negative when it is behind; 0 when it may be right."""
        return max(self.least_s, 0.0) or min(self.most_s, 0.0)


def check_clock(
    urls: Sequence[str], clock: Clock, timeout_s: float, is_simulated: Callable[[str], bool] = is_loopback
) -> Iterator[Finding]:
    """Ask the first of the servers that tells the time.

    Args:
        urls: of the vendors, first to last.
        clock: this machine's.
        timeout_s: for each.
        is_simulated: which of them keep a time of their own.
    """
    real = [url for url in urls if not is_simulated(url)]
    if not real:
        yield Finding(GROUP, "clock", Status.SKIPPED, "simulated vendors keep a time of their own")
        return
    for url in real:
        skew = ask_skew(url, clock, timeout_s)
        if skew is not None:
            yield skew_finding(skew, place(url))
            return
    yield Finding(GROUP, "clock", Status.WARN, "no vendor said what time it is", "Compare it yourself.", Need.REAL)


def ask_skew(url: str, clock: Clock, timeout_s: float) -> Skew | None:
    """The skew against one server; None when it does not answer, or tells no time."""
    with requests.Session() as session:
        session.trust_env = not is_loopback(url)
        before = clock()
        try:
            with session.head(url, timeout=timeout_s, allow_redirects=False, stream=True) as response:
                after, told = clock(), response.headers.get("Date", "")
        except requests.RequestException:
            return None
    try:
        server = int(parsedate_to_datetime(told).timestamp()) * _SECOND
    except (ValueError, OverflowError):
        return None
    return Skew((before - server - _SECOND) / _SECOND, (after - server) / _SECOND)


def skew_finding(skew: Skew, where: str) -> Finding:
    """How bad it is."""
    certain = skew.certain_s
    word = "ahead of" if certain > 0 else "behind"
    if abs(certain) <= WARN_S:
        return Finding(GROUP, "clock", Status.OK, f"agrees with {where} to the second or two servers tell")
    status = Status.FAIL if abs(certain) > FAIL_S else Status.WARN
    told = f"this machine's clock is {spoken_s(abs(certain))} or more {word} {where}"
    return Finding(GROUP, "clock", status, told, _ADVICE, Need.REAL)
