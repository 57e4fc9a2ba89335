"""What `bin/test` runs: ruff, mypy, the import layers and pytest, each to its end, then one summary. Standard library.

With arguments it runs only pytest, and hands them to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def main(home: str, arguments: list[str]) -> int:
    """Run the checks from the checkout's folder; 0 when all are fine.

    Paths among the arguments are taken from the folder the user is in, if they exist there.
    """
    python = [sys.executable, "-I", "-m"]
    if arguments:
        given = [_from_here(word, before) for word, before in zip(arguments, ["", *arguments], strict=False)]
        return subprocess.run([*python, "pytest", *given], cwd=home, env=_surroundings(), check=False).returncode
    steps = {
        "ruff": [*python, "ruff", "check", "."],
        "mypy": [*python, "mypy", "--no-error-summary"],
        "import layers": [sys.executable, "-I", "-c", LINT_IMPORTS, "--config", "setup.cfg"],
        "pytest": [*python, "pytest"],
    }
    results = []
    for name, command in steps.items():
        print(f"--- {name}", flush=True)
        begun = time.monotonic()
        status = subprocess.run(command, cwd=home, env=_surroundings(), check=False).returncode
        results.append((name, status, time.monotonic() - begun))
    print("--- summary")
    for name, status, seconds in results:
        print(f"{name:14} {'fine' if status == 0 else f'FAILED (status {status})':22} {seconds:6.1f} s")
    return 1 if any(status for _, status, _ in results) else 0


def _from_here(word: str, before: str) -> str:
    """A path that exists where the user stands, made absolute; anything else, such as the `x` of `-k x`, as it is."""
    path, colons, test = word.partition("::")
    is_path = before not in ("-k", "-m", "-p", "-o", "-W") and not word.startswith("-") and os.path.exists(path)
    return os.path.abspath(path) + colons + test if is_path else word


def _surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "SOS_SET_UP"}
