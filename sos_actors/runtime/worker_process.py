"""The inside of a worker process: reads pickled requests from its standard input, answers on its standard output.

Started only by ``workers.WorkerProcess``, as ``python -c``; whatever the work prints goes to standard error instead.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

from sos_actors.errors import ActorError

LENGTH = struct.Struct(">Q")


def main() -> None:
    """Serve until standard input ends, which it does when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, frames), daemon=True).start()
    serve(frames.get, lambda frame: _write(answers, frame))


def serve(receive: Callable[[], bytes], send: Callable[[bytes], None]) -> None:
    """Make the work with the factory of the first frame and say so, then answer every request with it."""
    try:
        work: Callable[[Any], Any] = pickle.loads(receive())()
    except Exception as error:  # the boundary to the work: its exceptions are answers
        send(failure(error))
        return
    send(success(None))
    while True:
        try:
            answer = success(work(pickle.loads(receive())))
        except Exception as error:  # as above; a request that cannot be read or an answer that cannot be sent, too
            answer = failure(error)
        send(answer)


def success(value: object) -> bytes:
    """An answer as a frame."""
    return pickle.dumps((True, value), pickle.HIGHEST_PROTOCOL)


def failure(error: Exception) -> bytes:
    """An exception as a frame, from which ``opened`` makes the same exception, with the traceback as a note."""
    note = "".join(traceback.format_exception(error)).rstrip()
    kind = type(error)
    for parts in ((kind, error.args, error.__dict__), (ActorError, (f"{kind.__name__}: {error}",), {})):
        try:
            frame = pickle.dumps((False, (*parts, note)), pickle.HIGHEST_PROTOCOL)
            rebuilt(*pickle.loads(frame)[1])
        except Exception:  # a class or an argument that cannot be pickled: then its words must do
            continue
        return frame
    return pickle.dumps((False, (ActorError, (kind.__name__,), {}, note)), pickle.HIGHEST_PROTOCOL)


def opened(frame: bytes) -> Any:
    """The answer in a frame; raises the exception if it is one."""
    fine, content = pickle.loads(frame)
    if fine:
        return content
    raise rebuilt(*content)


def rebuilt(kind: type[Exception], args: tuple[Any, ...], state: dict[str, Any], note: str) -> Exception:
    """An exception as it was; made without its ``__init__``, which may want other arguments than ``args``."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    error.__notes__ = [*state.get("__notes__", ()), f"In the worker process:\n{note}"]
    return error


def _read(requests: BinaryIO, frames: queue.SimpleQueue[bytes]) -> None:
    while (head := requests.read(LENGTH.size)) and len(head) == LENGTH.size:
        frames.put(requests.read(LENGTH.unpack(head)[0]))
    os._exit(0)  # the parent is gone, or has enough of us: whatever is being worked on, nobody wants it


def _write(answers: BinaryIO, frame: bytes) -> None:
    try:
        answers.write(LENGTH.pack(len(frame)) + frame)
        answers.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    sys.exit("This is started by sos itself.")
