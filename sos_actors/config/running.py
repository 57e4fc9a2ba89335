"""The sections of the running system: trading, its machinery, feed, orders, bridge and what is shown of it."""

from __future__ import annotations

from dataclasses import dataclass

from sos_actors.config.section import Section, setting

TRADING_MODES = ("paper", "live")
WAITS = ("block", "yield", "spin")
INDICES = ("NIFTY", "BANKNIFTY")


@dataclass(frozen=True, slots=True)
class Trading(Section):
    """What is followed, and whether real money may be used."""

    mode: str = setting("paper", one_of=TRADING_MODES)
    indices: tuple[str, ...] = setting(INDICES, one_of=INDICES)
    max_stocks: int = setting(200, at_least=0, at_most=1000)
    strikes_each_side: int = setting(5, at_least=1, at_most=50)
    recentre_after: float = setting(0.75, at_least=0.5, at_most=5)


@dataclass(frozen=True, slots=True)
class Runtime(Section):
    """The machinery: ring, dispatcher, supervision."""

    ring_slots: int = setting(1024, at_least=64, at_most=1_048_576)
    wait: str = setting("block", one_of=WAITS)
    dispatcher_cpu: int = setting(-1, at_least=-2, at_most=1023)
    realtime: bool = setting(True)
    all_ticks: bool = setting(False)
    ask_timeout_s: float = setting(2.0, at_least=0.05, at_most=60)
    ping_every_s: float = setting(5.0, at_least=0.1, at_most=600)
    hung_after_s: float = setting(15.0, at_least=0.5, at_most=3600)
    max_restarts: int = setting(5, at_least=0, at_most=1000)
    within_s: float = setting(60.0, at_least=1, at_most=86400)
    first_delay_s: float = setting(0.2, at_least=0, at_most=60)
    most_delay_s: float = setting(10.0, at_least=0, at_most=600)
    stop_within_s: float = setting(5.0, at_least=0.5, at_most=120)


@dataclass(frozen=True, slots=True)
class Feed(Section):
    """What is made of the market feed."""

    bar_grace_s: float = setting(5.0, at_least=0.1, at_most=30)
    still_after_s: float = setting(10.0, at_least=1, at_most=600)
    blind_after_s: float = setting(120.0, at_least=5, at_most=3600)


@dataclass(frozen=True, slots=True)
class Orders(Section):
    """How orders are priced, paced, watched and protected."""

    entry_protection_percent: float = setting(1.0, at_least=0, at_most=25)
    exit_protection_percent: float = setting(3.0, at_least=0, at_most=25)
    protection_ticks: int = setting(2, at_least=0, at_most=1000)
    reprice_after_s: float = setting(2.0, at_least=0.2, at_most=600)
    most_reprices: int = setting(20, at_least=0, at_most=1000)
    requests_per_second: int = setting(10, at_least=1)
    requests_per_minute: int = setting(500, at_least=1)
    requests_per_half_hour: int = setting(2000, at_least=1)
    kept_for_exits: float = setting(0.4, at_least=0, at_most=1)
    poll_s: float = setting(3.0, at_least=0.5, at_most=300)
    look_again: int = setting(3, at_least=1, at_most=100)
    look_again_after_s: float = setting(1.0, at_least=0.1, at_most=60)
    broker_stop: bool = setting(False)
    broker_stop_percent: float = setting(10.0, at_least=0.5, at_most=90)


@dataclass(frozen=True, slots=True)
class Bridge(Section):
    """The WebSocket server for external engines. Its token is no setting: SOS_BRIDGE_TOKEN, or a file beside logins."""

    enabled: bool = setting(True)
    host: str = setting("127.0.0.1")
    port: int = setting(8765, at_least=0, at_most=65535)
    queue: int = setting(2000, at_least=10, at_most=1_000_000)
    most_engines: int = setting(16, at_least=1, at_most=1000)
    heartbeat_s: float = setting(5.0, at_least=0.1, at_most=60)


@dataclass(frozen=True, slots=True)
class Status(Section):
    """What is shown of the running system."""

    every_s: float = setting(1.0, at_least=0.1, at_most=60)
    prometheus_port: int = setting(0, at_least=0, at_most=65535)
    log_megabytes: int = setting(50, at_least=1, at_most=10_000)
