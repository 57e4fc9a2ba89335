"""The journal of a session, written: append-only, one process at a time, never torn but by a crash.

Who may append from which thread does not matter; nothing is on the disk before ``flush``. What the contents mean is the
caller's business. Reading is ``JournalReader``'s.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

from sos_actors.errors import JournalError
from sos_actors.runtime.journal_records import JournalReader, Record, RecordKind, framed, framed_block, prefix

__all__ = ["JournalReader", "JournalWriter", "Record", "RecordKind"]

_OPENED_BY = "opened_by"


class JournalWriter:
    """Made by ``create`` or ``append_to``.

    A record is held until it has been written whole. When the disk refuses, ``flush`` raises, cuts off what was written
    in part, and tries everything that is held again the next time it is called.

    Args:
        path: of the file.
        fd: of the file, open for writing and locked; the writer closes it.
        end: where the last whole record ends, bytes.
    """

    def __init__(self, path: Path, fd: int, end: int) -> None:
        self.path = path
        self._fd = fd
        self._end = end
        self._torn = False
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._closed = False
        self._buffer_lock = threading.Lock()
        self._file_lock = threading.Lock()
        self._sync_lock = threading.Lock()

    @classmethod
    def create(cls, path: Path, header: bytes) -> Self:
        """Begin a journal; its header is on the disk when this returns. Folders above it are made.

        Args:
            path: of the file.
            header: one msgpack value.

        Raises:
            JournalError: the file exists, or cannot be written.
        """
        begun = path.with_name(f"{path.name}.{os.getpid()}.new")  # a crash leaves no journal without its header
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = cls(path, os.open(begun, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644), 0)
        except OSError as error:
            raise _refused(path, error) from error
        try:
            writer._lock()
            writer._hold(prefix() + framed(RecordKind.HEADER, header))
            writer._note_opening()
            _named(begun, path)
        except BaseException:
            writer._release()
            raise
        finally:
            begun.unlink(missing_ok=True)
        return writer

    @classmethod
    def append_to(cls, path: Path) -> Self:
        """Go on with a journal. What a crash left after its last whole record is kept aside as ``….torn`` and cut off.

        Raises:
            JournalError: another process writes it, there is none, its header is damaged, or it cannot be written.
        """
        try:
            fd = os.open(path, os.O_RDWR)
        except OSError as error:
            raise _refused(path, error) from error
        writer = cls(path, fd, 0)
        try:
            writer._lock()
            reader = JournalReader(path)
            for _ in reader.records():
                pass
            writer._end = reader.end
            if reader.torn:
                writer._set_aside_tail()
            writer._note_opening()
        except BaseException:
            writer._release()
            raise
        return writer

    @property
    def held(self) -> int:
        """Bytes that are appended but not written; more than a batch of them means that the disk refuses."""
        return self._held_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, kind: RecordKind, payload: bytes) -> None:
        """Hold a record for the next ``flush``. Any thread; never waits for the disk.

        Args:
            kind: of the record.
            payload: one msgpack value.

        Raises:
            JournalError: the journal is closed, or the payload is too large.
        """
        self._hold(framed(kind, payload))

    def append_all(self, kind: RecordKind, payloads: Sequence[bytes]) -> None:
        """Hold several records of one kind, which are written whole or not at all.

        Raises:
            JournalError: as ``append``.
        """
        self._hold(framed_block(kind, payloads) if len(payloads) > 1 else framed(kind, payloads[0]))

    def flush(self) -> None:
        """Write everything held with one write(2); it then survives the end of this process, not of the machine.

        Raises:
            JournalError: the disk refuses; everything is still held, and the file ends with a whole record.
        """
        with self._file_lock:
            with self._buffer_lock:
                pieces, self._held = self._held, []
            if not pieces:
                return
            data = b"".join(pieces)
            try:
                self._write(data)
            except OSError as error:
                with self._buffer_lock:
                    self._held[:0] = pieces
                raise _refused(self.path, error) from error
            with self._buffer_lock:
                self._held_bytes -= len(data)

    def sync(self) -> None:
        """Flush, and wait until it is on the disk; others append and flush meanwhile.

        Raises:
            JournalError: as ``flush``, or the disk failed.
        """
        self.flush()
        with self._sync_lock:
            if self._closed:
                return
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                raise _refused(self.path, error) from error

    def close(self) -> None:
        """Sync and let go of the file; a second time does nothing.

        Raises:
            JournalError: the disk refuses; the file is let go all the same, and what was held is lost.
        """
        try:
            self.sync()
        finally:
            self._release()

    def _hold(self, data: bytes) -> None:
        with self._buffer_lock:
            if self._closed:
                raise JournalError(f"The journal {self.path} is closed.")
            self._held.append(data)
            self._held_bytes += len(data)

    def _write(self, data: bytes) -> None:
        """Write at the end, or not at all."""
        if self._torn:
            self._cut_back()
        done = 0
        try:
            with memoryview(data) as view:
                while done < len(data):  # more than once only where the disk takes less than it was given
                    done += os.pwrite(self._fd, view[done:], self._end + done)
        except OSError:
            self._torn = done > 0
            if self._torn:
                self._cut_back()
            raise
        self._end += done

    def _cut_back(self) -> None:
        os.ftruncate(self._fd, self._end)
        self._torn = False

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(
                f"The journal {self.path} is being written by {_writer_of(self.path)}. Stop that session first: two "
                "never trade one account."
            ) from error

    def _note_opening(self) -> None:
        self.append(RecordKind.NOTE, msgspec.msgpack.encode({_OPENED_BY: os.getpid()}))
        self.sync()

    def _set_aside_tail(self) -> None:
        """Copy what is after the last whole record to a file of its own, then cut it off."""
        aside = self.path.with_name(f"{self.path.name}.torn")
        number = 1
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{self.path.name}.torn{number}")
        try:
            length = os.fstat(self._fd).st_size - self._end
            aside.write_bytes(os.pread(self._fd, length, self._end))
            self._cut_back()
        except OSError as error:
            raise _refused(self.path, error) from error

    def _release(self) -> None:
        with self._sync_lock, self._file_lock, self._buffer_lock:
            if not self._closed:
                self._closed = True
                os.close(self._fd)


def _refused(path: Path, error: OSError) -> JournalError:
    return JournalError(f"The journal {path} cannot be written: {error.strerror}.")


def _writer_of(path: Path) -> str:
    """Who opened a journal last, as it says itself."""
    opened = None
    for record in JournalReader(path).records():
        if record.kind is RecordKind.NOTE:
            note = msgspec.msgpack.decode(record.payload)
            opened = note.get(_OPENED_BY, opened) if isinstance(note, dict) else opened
    return f"process {opened}" if opened is not None else "another process"


def _named(begun: Path, path: Path) -> None:
    """Give a file its name, unless there is one of that name; the name then survives a power cut."""
    try:
        os.link(begun, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError as error:
        raise JournalError(f"The journal {path} exists already: a session goes on with it, or is another.") from error
    except OSError as error:
        raise _refused(path, error) from error
