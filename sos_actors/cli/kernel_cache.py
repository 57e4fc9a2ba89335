"""Where numba keeps compiled kernels: a folder per state of the sources they come from.

Numba's own cache looks only at the file of the function itself, not at what that function calls in other files, so an
edit there would go on running the old code. Called before numba is imported; a leaf.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
MARK = "@compiled"
IMPORT = re.compile(r"^(?:from (sos_actors[.\w]*) import (\([^)]*\)|.*)|import (sos_actors[.\w]*))", re.MULTILINE)
KEPT = 4
"""Folders kept, so that going back to the state before an edit costs no compilation."""


def prepare_kernel_cache() -> Path:
    """Point `NUMBA_CACHE_DIR` at the folder for the sources as they are now and return it.

    It lies in the virtual environment, or in the user's cache folder when that cannot be written, or in the folder
    `NUMBA_CACHE_DIR` names already. Folders of older states are dropped.

    Raises:
        RuntimeError: numba is imported already, so it is too late.
    """
    folder = _parent() / f"sos-{fingerprint(PACKAGE)}"
    if os.environ.get("NUMBA_CACHE_DIR") == str(folder):
        return folder
    if "numba" in sys.modules:
        raise RuntimeError("prepare_kernel_cache() must run before numba is imported")
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _drop_old(folder)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder


def kernels_are_cold() -> bool:
    """Whether nothing has been compiled for the sources as they are: this run will take some ten seconds more."""
    return not any(Path(os.environ.get("NUMBA_CACHE_DIR", "")).glob("*/*.nbc"))


def fingerprint(package: Path) -> str:
    """16 hexadecimal digits that change with any source a compiled kernel can come from.

    These are the files with a compiled function, and what they import of the project, directly or not: code they call
    and constants they use.
    """
    texts = {
        Path(folder, name): Path(folder, name).read_text(encoding="utf-8")
        for folder, _, names in os.walk(package)
        for name in names
        if name.endswith(".py")
    }
    waiting = [file for file, text in texts.items() if MARK in text]
    reached: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            waiting.extend(found for found in _imported(texts[file], package.parent) if found in texts)
    digest = hashlib.sha256()
    for file in sorted(reached):
        digest.update(f"{file.relative_to(package)} {len(texts[file])}\n{texts[file]}".encode())
    return digest.hexdigest()[:16]


def _imported(text: str, root: Path) -> Iterator[Path]:
    for source, names, plain in IMPORT.findall(text):
        module = root.joinpath(*(source or plain).split("."))
        yield module.with_suffix(".py")
        yield module / "__init__.py"
        yield from (module / f"{name}.py" for name in re.findall(r"\w+", names))


def _parent() -> Path:
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given).parent if Path(given).name.startswith("sos-") else Path(given)
    environment = Path(sys.prefix)
    if sys.prefix != sys.base_prefix and os.access(environment, os.W_OK):
        return environment / "kernel-cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sos" / "kernel-cache"


def _drop_old(newest: Path) -> None:
    others = [folder for folder in newest.parent.glob("sos-*") if folder != newest]
    others.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in others[KEPT - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
