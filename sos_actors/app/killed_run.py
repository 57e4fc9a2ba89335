"""What a run that was killed left behind, told at the beginning of the next one on the same data folder."""

from __future__ import annotations

import logging
from pathlib import Path

from sos_actors.app.run_lock import Holder
from sos_actors.app.seeing import is_gone_with_its_run
from sos_actors.app.status_file import read_status
from sos_actors.app.status_lines import indian_time
from sos_actors.errors import SosError
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.status import SystemStatus

_log = logging.getLogger(__name__)
_NAMED = 5


def tell_of_killed_run(previous: Holder | None, data_dir: Path) -> None:
    """Log what the run before held, as far as it told, and what becomes of that; nothing when it ended in order.

    To be called before this run writes a status of its own.

    Args:
        previous: who held the run's lock and never gave it back.
        data_dir: of both.
    """
    if previous is None:
        return
    try:
        status = read_status(data_dir)
    except SosError:
        status = None
    known = status if status is not None and status.run.run_id == previous.run_id else None
    _log.warning("%s", words_of_killed_run(previous, known))


def words_of_killed_run(previous: Holder, status: SystemStatus | None) -> str:
    """The same in words; ``status``: its last one, None when it left none."""
    who = f"Run {previous.run_id}, begun {indian_time(previous.since):%d %b %H:%M:%S}, was killed"
    if status is None:
        return f"{who} before it told of anything. Its journal and the broker's books say what it did."
    held = [f"{one.side} {one.quantity:,} {short_name_of(one.symbol)}" for one in status.positions]
    orders = [f"{one.purpose} order in {short_name_of(one.symbol)}" for one in status.orders]
    left = [*held, *orders]
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    told = f"{who}; at {indian_time(status.at):%H:%M:%S} of its market it held "
    told += (", ".join(left[:_NAMED]) + more if left else "nothing") + "."
    if is_gone_with_its_run(status):
        return f"{told} Its simulated market is gone, and all that with it; this is another run. {_replay(status)}"
    return f"{told} On the same day this run goes on with its journal, and asks the broker what is there now."


def _replay(status: SystemStatus) -> str:
    return f"What it did: 'sos replay {status.kept.journal}'." if status.kept.journal else ""
