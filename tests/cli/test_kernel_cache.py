from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sos_actors.cli.kernel_cache import KEPT, PACKAGE, fingerprint

KERNEL = "from sos_actors.compiled import compiled\nfrom sos_actors.strategy import (\n    codes,\n)\n@compiled\n"


def written(package: Path, name: str, text: str) -> str:
    file = package / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return fingerprint(package)


def prepared(cache: Path, marker: str = "") -> str:
    """The folder a fresh process gets; `marker` goes into one source of a copy of the package's fingerprint."""
    script = (
        "import os, sys; from sos_actors.cli import kernel_cache as k\n"
        f"real = k.fingerprint; k.fingerprint = lambda package: '{marker}' or real(package)\n"
        "print(k.prepare_kernel_cache(), os.environ['NUMBA_CACHE_DIR'], 'numba' in sys.modules)"
    )
    surroundings = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, cwd=PACKAGE.parent, env=surroundings, capture_output=True, text=True, check=True)
    folder, variable, imported = ended.stdout.split()
    assert (variable, imported) == (folder, "False")
    return folder


def test_the_fingerprint_changes_with_a_kernel_and_with_what_it_imports_directly_or_not(tmp_path: Path) -> None:
    package = tmp_path / "sos_actors"
    seen = [
        written(package, "strategy/kernel.py", KERNEL),
        written(package, "strategy/codes.py", "from sos_actors.types import X\n"),
        written(package, "types.py", "X = 1\n"),
        written(package, "types.py", "X = 2\n"),
        written(package, "strategy/codes.py", "from sos_actors.types import X, Y\n"),
        written(package, "strategy/kernel.py", KERNEL + "def f(): ...\n"),
    ]
    assert len(set(seen)) == len(seen)


def test_a_file_no_kernel_comes_from_may_change_without_compiling_anew(tmp_path: Path) -> None:
    package = tmp_path / "sos_actors"
    written(package, "strategy/codes.py", "")
    before = written(package, "strategy/kernel.py", KERNEL)
    assert written(package, "store/reader.py", "from sos_actors.strategy import kernel\n") == before


def test_the_same_sources_get_the_same_folder_within_the_one_the_user_named(tmp_path: Path) -> None:
    folder = Path(prepared(tmp_path))
    assert folder == tmp_path / f"sos-{fingerprint(PACKAGE)}"
    assert folder.is_dir()
    assert prepared(folder) == str(folder), "a child process must not nest another folder"


def test_folders_of_older_states_are_dropped_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "of-the-user").mkdir()
    for age in range(KEPT + 2):
        (tmp_path / f"sos-{age}").mkdir()
        os.utime(tmp_path / f"sos-{age}", (1_000_000 - age, 1_000_000 - age))
    prepared(tmp_path, marker="now")
    kept = {folder.name for folder in tmp_path.iterdir()}
    assert kept == {"of-the-user", "sos-now", *(f"sos-{age}" for age in range(KEPT - 1))}


def test_after_numba_is_imported_it_is_too_late() -> None:
    script = "import sys; sys.modules['numba'] = sys; from sos_actors.cli import kernel_cache as k\n"
    surroundings = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    ended = subprocess.run(
        [sys.executable, "-c", script + "k.prepare_kernel_cache()"],
        cwd=PACKAGE.parent,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "must run before numba is imported" in ended.stderr
