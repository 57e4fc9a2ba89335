"""The bridge to external engines: hub, server, and a supervised session for every engine that connects."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pykka

from sos_actors.actors.engine_session import EngineSession
from sos_actors.actors.gap import closed_bars
from sos_actors.app.live_bars import BarsInOrder
from sos_actors.app.live_machine import Machine
from sos_actors.bridge.hub import BridgeHub
from sos_actors.bridge.server import BridgeServer
from sos_actors.bridge.state import StreamState
from sos_actors.config import Config
from sos_actors.engine.following import SymbolPast
from sos_actors.errors import ActorTimeoutError
from sos_actors.market.calendar import Calendar
from sos_actors.market.symbols import Instrument, canonical_for
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.market import BarClosed, ScreenerAlert, Sentiment
from sos_actors.messages.snapshots import OptionChain
from sos_actors.ports import EngineSocket
from sos_actors.runtime.child import ChildSpec
from sos_actors.runtime.clock import indian_day
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.supervision import ChildState, Restart
from sos_actors.runtime.supervisor import Supervisor
from sos_actors.types import Secret, Segment

TOKEN_VARIABLE = "SOS_BRIDGE_TOKEN"


@dataclass(slots=True)
class BridgePart:
    """Everything an engine is told goes through here.

    Attributes:
        instruments: those of canonical symbols, for the initial sync.
    """

    machine: Machine
    config: Config
    calendar: Calendar
    instruments: Callable[[Sequence[str]], list[Instrument]]
    hub: BridgeHub = field(init=False)
    server: BridgeServer | None = None
    group: Supervisor | None = None
    _bars: BarsInOrder = field(init=False)
    _symbols: list[str] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        clock, market = self.machine.clock, canonical_for(self.config.mood.market_symbol)
        state = StreamState(clock, self._session, market_symbol=market)
        self.hub = BridgeHub(state, clock)
        self._bars = BarsInOrder(self.hub.bar, {canonical_for(name) for name in self.config.trading.indices})

    def begin(self, group: Supervisor) -> None:
        """Listen.

        Raises:
            ConfigError: an address off loopback without a token.
        """
        self.group = group
        settings = self.config.bridge
        if settings.enabled:
            token = Secret(os.environ.get(TOKEN_VARIABLE, ""))
            self.server = BridgeServer(settings, token, self.hub, self.machine.clock, self._greet)
            self.server.start()

    def stop(self) -> bool:
        """Close all engines and listen no more; whether that ended in time."""
        return self.server.stop(3.0) if self.server is not None and self.server.is_alive else True

    def follow(self, symbol: str) -> None:
        """A symbol is followed: its bars are sent from now on; engines that connect later hear of the instrument."""
        if symbol not in self._symbols:
            self._symbols.append(symbol)
            self.hub.instruments(self.instruments(self._symbols))

    def bar(self, bar: BarClosed) -> None:
        """A bar has closed, or one that was missed is known now; those of contracts are not sent."""
        if bar.symbol in self._symbols:
            self._bars.bar(bar)

    def past(self, symbol: str, past: SymbolPast) -> None:
        """A symbol's history was read: engines hear of today's part of it, before the bars that close from now on."""
        opens = int(self.calendar.session(indian_day(self.machine.clock()), Segment.EQ).open_ns)
        self._bars.past(symbol, closed_bars(symbol, past.bars, opens - 1))

    def mood(self, told: Sentiment | OptionChain) -> None:
        """A mood or a chain was read."""
        if isinstance(told, Sentiment):
            self.hub.sentiment(told)
        else:
            self.hub.chain(told)

    def alert(self, alert: ScreenerAlert) -> None:
        """A stock came into play or left."""
        self.hub.alert(alert)

    def history(self, symbol: str, rows: Sequence[OiHistoryRow]) -> None:
        """Open interest of the past."""
        self.hub.history(symbol, rows)

    def _session(self, day: date, segment: Segment) -> Any:
        return self.calendar.session(day, segment)

    def reap(self) -> None:
        """Forget the sessions that are over; called now and then, on a thread that may wait."""
        for node in self.group.nodes() if self.group is not None else ():
            if node.state is ChildState.STOPPED and self.group is not None:
                with suppress(ActorTimeoutError):  # the group is busy: it will be removed
                    self.group.remove(node.name)

    def _greet(self, socket: EngineSocket) -> Callable[[object], bool]:
        """A fresh session of its own for a connection."""
        assert self.group is not None

        def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
            return EngineSession.start(socket, mailbox)

        name = f"{socket.name} #{next(self._numbers)}"
        return self.group.add(ChildSpec(name, start, Restart.TEMPORARY, stop_within_s=1.0)).tell
