from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.errors import JournalError
from sos_actors.runtime.journal import JournalReader, JournalWriter, Record, RecordKind

HEADER = msgpack.packb({"run": "one"})
Content = tuple[RecordKind, bytes]


def packed(value: object) -> bytes:
    return bytes(msgpack.packb(value))


def contents(reader: JournalReader) -> list[Content]:
    """What was appended; who opened the file is left out."""
    return [(kind, payload) for kind, payload, _ in reader.records() if b"opened_by" not in payload]


def appended(n: int, first: int = 0) -> list[Content]:
    return [(RecordKind.EVENT, packed(["event", k, "x" * (k % 7)])) for k in range(first, first + n)]


def write(path: Path, records: list[Content]) -> None:
    with JournalWriter.create(path, HEADER) as writer:
        for kind, payload in records:
            writer.append(kind, payload)


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """The disk takes no file larger than that, in bytes: the last write is cut short, then refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    records = [*appended(3), (RecordKind.DECISION, packed([1, 2.5])), (RecordKind.INTENT, packed({"tag": "a"}))]
    write(tmp_path / "day.sosj", records)
    reader = JournalReader(tmp_path / "day.sosj")
    assert reader.header == HEADER
    assert contents(reader) == records
    assert reader.torn == ""
    assert reader.end == reader.size == (tmp_path / "day.sosj").stat().st_size


def test_nothing_is_in_the_file_before_a_flush(tmp_path: Path) -> None:
    path = tmp_path / "day.sosj"
    with JournalWriter.create(path, HEADER) as writer:
        for kind, payload in appended(5):
            writer.append(kind, payload)
        assert contents(JournalReader(path)) == []
        assert writer.held > 0
        writer.flush()
        assert contents(JournalReader(path)) == appended(5)
        assert writer.held == 0


def test_a_flush_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with JournalWriter.create(tmp_path / "day.sosj", HEADER) as writer:
        writes: list[int] = []
        real = os.pwrite

        def counted(fd: int, data: memoryview, offset: int) -> int:
            writes.append(len(data))
            return real(fd, data, offset)

        monkeypatch.setattr(os, "pwrite", counted)
        for kind, payload in appended(100):
            writer.append(kind, payload)
        writer.flush()
        writer.flush()
        assert len(writes) == 1


def test_a_record_is_a_msgpack_pair_that_any_reader_takes(tmp_path: Path) -> None:
    write(tmp_path / "day.sosj", appended(2))
    data = (tmp_path / "day.sosj").read_bytes()
    assert data[:4] == b"SOSJ"
    at, found = 8, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        found.append(msgpack.unpackb(data[at + 8 : at + 8 + length]))
        at += 8 + length
    assert found[0] == [0, {"run": "one"}]
    assert [pair for pair in found if pair[0] == RecordKind.EVENT] == [[1, ["event", 0, ""]], [1, ["event", 1, "x"]]]


def test_a_journal_is_never_begun_twice(tmp_path: Path) -> None:
    write(tmp_path / "day.sosj", appended(1))
    with pytest.raises(JournalError, match="exists already"):
        JournalWriter.create(tmp_path / "day.sosj", HEADER)
    assert contents(JournalReader(tmp_path / "day.sosj")) == appended(1)
    assert [file.name for file in tmp_path.iterdir()] == ["day.sosj"]


def test_two_writers_are_refused_and_the_first_is_named(tmp_path: Path) -> None:
    path = tmp_path / "day.sosj"
    with JournalWriter.create(path, HEADER), pytest.raises(JournalError, match=f"process {os.getpid()}"):
        JournalWriter.append_to(path)
    JournalWriter.append_to(path).close()


def test_a_session_goes_on_after_a_crash_in_the_middle_of_a_record(tmp_path: Path) -> None:
    path = tmp_path / "day.sosj"
    write(path, appended(4))
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    reader = JournalReader(path)
    assert contents(reader) == appended(3)
    assert "no whole record" in reader.torn
    with JournalWriter.append_to(path) as writer:
        for kind, payload in appended(2, first=50):
            writer.append(kind, payload)
    reader = JournalReader(path)
    assert contents(reader) == appended(3) + appended(2, first=50)
    assert reader.torn == ""
    aside = (tmp_path / "day.sosj.torn").read_bytes()
    assert aside
    assert whole[:-3].endswith(aside)


def test_a_second_torn_tail_does_not_replace_the_first(tmp_path: Path) -> None:
    path = tmp_path / "day.sosj"
    write(path, appended(4))
    for _ in range(2):
        path.write_bytes(path.read_bytes() + b"\x00" * 20)
        JournalWriter.append_to(path).close()
    assert contents(JournalReader(path)) == appended(4)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["day.sosj", "day.sosj.torn", "day.sosj.torn2"]


def test_a_full_disk_tears_nothing_and_everything_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "day.sosj"
    with JournalWriter.create(path, HEADER) as writer:
        writer.append(*appended(1)[0])
        writer.flush()
        size = path.stat().st_size
        for kind, payload in appended(200, first=1):
            writer.append(kind, payload)
        with full_at(size + 100):
            for _ in range(3):
                with pytest.raises(JournalError, match="cannot be written"):
                    writer.flush()
                assert path.stat().st_size == size
            writer.append(*appended(1, first=201)[0])
            assert contents(JournalReader(path)) == appended(1)
        writer.flush()
        assert contents(JournalReader(path)) == appended(202)


def test_closing_on_a_full_disk_says_so_and_lets_go_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "day.sosj"
    writer = JournalWriter.create(path, HEADER)
    writer.append(*appended(1)[0])
    with full_at(path.stat().st_size), pytest.raises(JournalError):
        writer.close()
    JournalWriter.append_to(path).close()
    with pytest.raises(JournalError, match="closed"):
        writer.append(*appended(1)[0])


def test_a_journal_that_cannot_be_begun_leaves_nothing(tmp_path: Path) -> None:
    with full_at(10), pytest.raises(JournalError, match="cannot be written"):
        JournalWriter.create(tmp_path / "day.sosj", HEADER)
    assert list(tmp_path.iterdir()) == []


def test_threads_append_and_flush_without_losing_or_mixing_records(tmp_path: Path) -> None:
    path = tmp_path / "day.sosj"
    with JournalWriter.create(path, HEADER) as writer:

        def run(name: int) -> None:
            for k in range(200):
                writer.append(RecordKind.EVENT, packed([name, k]))
                if k % 7 == 0:
                    writer.flush()
                if k % 50 == 0:
                    writer.sync()

        threads = [threading.Thread(target=run, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    found = [msgpack.unpackb(payload) for _, payload in contents(JournalReader(path))]
    assert len(found) == 800
    for name in range(4):
        assert [k for who, k in found if who == name] == list(range(200))


@pytest.mark.parametrize("data", [b"", b"SOS", b"SOSJ\x01\x00\x00\x00", b"SOSJ\x63\x00\x00\x00", b"PK\x03\x04" * 9])
def test_what_has_no_sound_header_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "day.sosj"
    path.write_bytes(data)
    with pytest.raises(JournalError, match=r"day\.sosj"):
        JournalReader(path)
    with pytest.raises(JournalError, match=r"day\.sosj"):
        JournalWriter.append_to(path)
    assert path.read_bytes() == data


def test_several_records_that_were_appended_together_are_read_one_by_one(tmp_path: Path) -> None:
    path, records = tmp_path / "day.sosj", appended(9)
    with JournalWriter.create(path, HEADER) as writer:
        writer.append(*records[0])
        writer.append_all(RecordKind.EVENT, [payload for _, payload in records[1:8]])
        writer.append_all(*(records[8][0], [records[8][1]]))
    reader = JournalReader(path)
    assert contents(reader) == records
    offsets = [record.offset for record in reader.records() if b"opened_by" not in record.payload]
    assert len(set(offsets)) == 3
    assert reader.end == reader.size


def test_of_several_that_were_cut_off_together_none_is_read(tmp_path: Path) -> None:
    path, records = tmp_path / "day.sosj", appended(6)
    with JournalWriter.create(path, HEADER) as writer:
        writer.append_all(RecordKind.EVENT, [payload for _, payload in records[:3]])
        writer.flush()
        whole = path.stat().st_size
        writer.append_all(RecordKind.EVENT, [payload for _, payload in records[3:]])
    path.write_bytes(path.read_bytes()[:-1])
    reader = JournalReader(path)
    assert contents(reader) == records[:3]
    assert reader.end == whole
    assert reader.torn


@pytest.mark.parametrize("content", [[1], [99, [b"a"]], [1, ["text"]], "text"])
def test_several_records_of_another_version_are_told(tmp_path: Path, content: object) -> None:
    write(tmp_path / "day.sosj", [*appended(1), (RecordKind.BLOCK, packed(content))])
    with pytest.raises(JournalError, match="block at byte"):
        list(JournalReader(tmp_path / "day.sosj").records())


def test_a_journal_that_is_not_there_is_told(tmp_path: Path) -> None:
    for opens in (JournalReader, JournalWriter.append_to):
        with pytest.raises(JournalError, match="No such file"):
            opens(tmp_path / "none.sosj")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_of_a_damaged_file_exactly_the_whole_records_before_the_damage_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.sosj"
    path.unlink(missing_ok=True)
    write(
        path, [(RecordKind.EVENT, packed(value)) for value in data.draw(st.lists(st.binary(max_size=40), max_size=6))]
    )
    whole = path.read_bytes()
    records = list(JournalReader(path).records())
    ends = [record.offset for record in records] + [len(whole)]
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    flipped = whole[at] ^ data.draw(st.integers(1, 255))
    path.write_bytes(whole[:at] if cut else whole[:at] + bytes([flipped]) + whole[at + 1 :])
    if at < ends[0]:
        with pytest.raises(JournalError):
            JournalReader(path)
        return
    reader = JournalReader(path)
    sound: list[Record] = [record for record, end in zip(records, ends[1:], strict=True) if end <= at]
    assert list(reader.records()) == sound
    assert reader.end == ends[len(sound)]
    assert (reader.torn == "") is (path.stat().st_size == reader.end)
