"""Everything Upstox can do without a socket, on one connection."""

from __future__ import annotations

from dataclasses import dataclass, field

from sos_actors.market.instruments import SymbolMaster
from sos_actors.vendors.upstox.account import UpstoxAccount
from sos_actors.vendors.upstox.candles import UpstoxCandles
from sos_actors.vendors.upstox.chain import UpstoxChain
from sos_actors.vendors.upstox.charges import UpstoxCharges
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.contracts import UpstoxContracts
from sos_actors.vendors.upstox.market_info import UpstoxMarketInfo
from sos_actors.vendors.upstox.orders import UpstoxBroker


@dataclass(frozen=True, slots=True)
class UpstoxClient:
    """The parts, which share the connection and the list of contracts. Whoever made the connection closes it."""

    connection: UpstoxConnection
    master: SymbolMaster
    contracts: UpstoxContracts = field(init=False)
    candles: UpstoxCandles = field(init=False)
    chain: UpstoxChain = field(init=False)
    broker: UpstoxBroker = field(init=False)
    account: UpstoxAccount = field(init=False)
    market: UpstoxMarketInfo = field(init=False)
    charges: UpstoxCharges = field(init=False)

    def __post_init__(self) -> None:
        contracts = UpstoxContracts(self.connection, self.master)
        parts = {
            "contracts": contracts,
            "candles": UpstoxCandles(self.connection, self.master, contracts),
            "chain": UpstoxChain(self.connection, self.master, contracts),
            "broker": UpstoxBroker(self.connection),
            "account": UpstoxAccount(self.connection),
            "market": UpstoxMarketInfo(self.connection),
            "charges": UpstoxCharges(self.connection),
        }
        for name, part in parts.items():
            object.__setattr__(self, name, part)
