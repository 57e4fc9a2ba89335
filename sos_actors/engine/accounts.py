"""The account of an engine that goes event by event: empty at first, with room for whatever the next event brings."""

from __future__ import annotations

import numpy as np

from sos_actors.engine.records import BOOK, POSITION, SIGNAL, TRADE
from sos_actors.engine.sweep import Account

_ROOM = 256


def new_account(most_open: int) -> Account:
    """An account in which nothing has happened.

    Args:
        most_open: positions that may be open at once.
    """
    account = Account(
        np.zeros(1, BOOK), np.zeros(most_open, POSITION), np.zeros(_ROOM, SIGNAL), np.zeros(_ROOM, TRADE)
    )  # fmt: skip
    account.book["session"], account.book["next_id"] = -1, 1
    return account


def with_room(account: Account, n_signals: int) -> Account:
    """The same account, with space for more signals and trades than one event can bring.

    Args:
        account: whose spare room may be used up; the other one takes its place.
        n_signals: how many signals there are.
    """
    if len(account.signals) - n_signals < _ROOM // 2:
        more = np.zeros(len(account.signals), SIGNAL)
        account = account._replace(signals=np.concatenate([account.signals, more]))
    if len(account.trades) - int(account.book["n_trades"][0]) < _ROOM // 2:
        more = np.zeros(len(account.trades), TRADE)
        account = account._replace(trades=np.concatenate([account.trades, more]))
    return account
