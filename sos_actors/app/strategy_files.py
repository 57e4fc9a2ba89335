"""Strategy files from disk: whatever is wrong with one is a finding, nothing is raised, the others go on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sos_actors.strategy.document import MAX_BYTES
from sos_actors.strategy.load import LoadedFolder, LoadedStrategy, load_bytes, refused, without_doubles
from sos_actors.strategy.validate import validated


def load_strategy(path: Path | str) -> LoadedStrategy:
    """Read one file; one that is too large is refused unread."""
    where = Path(path)
    try:
        if where.exists() and not where.is_file():
            return refused(str(path), "Not a regular file")
        size = where.stat().st_size
        if size > MAX_BYTES:
            return refused(str(path), f"The file has {size:,} bytes; at most {MAX_BYTES:,}")
        with where.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return refused(str(path), f"Cannot be read: {getattr(error, 'strerror', None) or error}")
    return load_bytes(data, str(path))


def load_paths(paths: Iterable[Path | str]) -> LoadedFolder:
    """Read files, and every ``*.json`` below folders, each once; a ``pattern_id`` used twice is refused."""
    files: list[Path | str] = []
    for path in paths:
        where = Path(path)
        files.extend(sorted(where.rglob("*.json")) if where.is_dir() else [path])
    return without_doubles(load_strategy(file) for file in dict.fromkeys(files))


def validate_paths(paths: Iterable[Path | str]) -> LoadedFolder:
    """Load and validate files and folders; every file is checked before this returns."""
    return LoadedFolder(tuple(validated(file) for file in load_paths(paths).files))
