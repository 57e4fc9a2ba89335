"""The SQLite store: monthly shards and a master, written in batches, read as NumPy columns."""

from sos_actors.messages.records import DepthRow
from sos_actors.store.columns import ChainColumns, StatsColumns
from sos_actors.store.database import ContractData, Origin, Store
from sos_actors.store.fingerprint import fingerprint_of
from sos_actors.store.records import DayRecord, RunRecord

__all__ = [
    "ChainColumns",
    "ContractData",
    "DayRecord",
    "DepthRow",
    "Origin",
    "RunRecord",
    "StatsColumns",
    "Store",
    "fingerprint_of",
]
