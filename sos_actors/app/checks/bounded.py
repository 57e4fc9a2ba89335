"""Runs examinations side by side, each in a thread of its own, and waits for none of them beyond a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

from sos_actors.app.checks.finding import Finding, Need, Status


@dataclass(frozen=True, slots=True)
class Examination:
    """Something that may take its time.

    Attributes:
        name: of the line that says it did not end.
        run: gives findings one by one; what came before time was up counts.
        need: who cannot run when it did not end.
        serves: as of ``Finding``.
    """

    group: str
    name: str
    run: Callable[[], Iterator[Finding]]
    need: Need = Need.REAL
    serves: tuple[str, ...] = ()


@dataclass(slots=True)
class _Running:
    examination: Examination
    found: list[Finding] = field(default_factory=list)
    ended: Event = field(default_factory=Event)
    bug: BaseException | None = None

    def work(self) -> None:
        try:
            for finding in self.examination.run():
                self.found.append(finding)
        except BaseException as error:  # told by whoever waits
            self.bug = error
        finally:
            self.ended.set()


class Examinations:
    """Started at once; ``findings`` waits. The threads of those that do not end in time end with the program.

    Args:
        examinations: in the order their findings are given.
        most_s: seconds all of them have together, from now on.
    """

    def __init__(self, examinations: Sequence[Examination], most_s: float) -> None:
        self._most_s, self._until = most_s, time.monotonic() + most_s
        self._running = [_Running(examination) for examination in examinations]
        for running in self._running:
            Thread(target=running.work, name=f"examine-{running.examination.name}", daemon=True).start()

    def findings(self) -> Iterator[Finding]:
        """What was found, examination by examination.

        Raises:
            Exception: whatever an examination raised, which is a bug.
        """
        for running in self._running:
            ended = running.ended.wait(max(self._until - time.monotonic(), 0.0))
            if running.bug is not None:
                raise running.bug
            yield from list(running.found)
            if not ended:
                one = running.examination
                told = f"not all was answered within {self._most_s:g} s"
                advice = "Look at the network, and ask again."
                yield Finding(one.group, one.name, Status.FAIL, told, advice, one.need, one.serves)
