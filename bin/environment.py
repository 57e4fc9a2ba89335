"""The virtual environment `.venv` of the checkout: is it whole, and if not, make it. Only the standard library.

Versions are pinned in setup.cfg (what SOS imports) and bin/constraints.txt (what that needs in turn). A *stamp* in
`.venv`, written last, says for which pins it was made and what stood in it then; without a matching stamp it is made
anew. As a program, `environment.py ROLE ARGUMENTS…` sets up and then starts again what was asked for.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import sys
from typing import NoReturn

ROLES = ("sos", "test")
"""`sos` has what the program imports; `test` has the tools of bin/test beside it."""


class SetUpError(Exception):
    """The environment could not be made; the message says why and what to do."""


def is_whole(home: str, role: str) -> bool:
    """Whether `.venv` is the one for the pins as they are now and has everything that was installed in it."""
    try:
        with open(_stamp(home, role), encoding="utf-8") as file:
            wanted, *entries = file.read().splitlines()
        return wanted == pins_hash(home, role) and set(entries) <= set(os.listdir(_site_packages(home)))
    except (OSError, ValueError):
        return False


def requirements(home: str, role: str) -> list[str]:
    """The `name==version` lines of setup.cfg for a role."""
    setup = configparser.ConfigParser()
    with open(os.path.join(home, "setup.cfg"), encoding="utf-8") as file:
        setup.read_file(file)
    lines = setup["options"]["install_requires"]
    if role == "test":
        lines += setup["options.extras_require"]["test"]
    return lines.split()


def pins_hash(home: str, role: str) -> str:
    """Changes with the pins of the role and with the minor version of the Python that runs this."""
    with open(_constraints(home), "rb") as file:
        text = file.read()
    words = [sys.implementation.cache_tag or "", *requirements(home, role)]
    return hashlib.sha256("\n".join(words).encode() + text).hexdigest()


def set_up(home: str, role: str) -> None:
    """Make the environment unless another start made it while this one waited for the lock.

    Raises:
        SetUpError: a folder that cannot be written, or an installation that failed.
    """
    try:
        with open(os.path.join(home, ".venv.lock"), "w", encoding="utf-8") as lock:
            _wait_for(lock.fileno())
            if not (is_whole(home, role) and _runs(_venv(home))):
                _build(home, role)
    except OSError as error:
        raise SetUpError(f"Cannot set up {_venv(home)}: {error.strerror}: {error.filename}") from error


def _build(home: str, role: str) -> None:
    venv, unfinished = _venv(home), os.path.join(_venv(home), "unfinished")
    adding = role == "test" and is_whole(home, "sos") and not os.path.exists(unfinished) and _runs(venv)
    if not adding:
        _create(venv)
    _tell(f"{'Adding the tools of bin/test to' if adding else 'Setting up'} {venv} with Python {_version()}.")
    _tell("This happens once and needs the network; later starts do not.")
    _write(unfinished, "")
    _install(home, role)
    entries = [name for name in sorted(os.listdir(_site_packages(home))) if name != "__pycache__"]
    for done in ROLES[: ROLES.index(role) + 1]:
        _write(_stamp(home, done), "\n".join([pins_hash(home, done), *entries]))
    os.remove(unfinished)
    _tell("Done.")


def _create(venv: str) -> None:
    import shutil
    from venv import EnvBuilder

    if os.path.lexists(venv):
        _tell(f"{venv} is incomplete, damaged or for other versions: making it anew.")
        if os.path.islink(venv) or not os.path.isdir(venv):
            os.remove(venv)
        else:
            shutil.rmtree(venv)
    EnvBuilder(symlinks=True, with_pip=True).create(venv)


def _install(home: str, role: str) -> None:
    """Run pip with the user's own pip configuration, its messages on stderr: stdout belongs to the command."""
    import subprocess

    pip = [os.path.join(_venv(home), "bin", "python"), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    command = [*pip, "install", "--constraint", _constraints(home), *requirements(home, role)]
    surroundings = {name: value for name, value in os.environ.items() if name not in ("PIP_TARGET", "PIP_PREFIX")}
    surroundings["PIP_USER"] = "0"
    status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=2, env=surroundings, check=False).returncode
    if status:
        raise SetUpError(
            f"pip ended with status {status}; its reason stands above. Without a network SOS cannot be set up.\n"
            "Nothing is lost: the next start tries again."
        )


def _wait_for(descriptor: int) -> None:
    """Take the lock, which the system gives back however this process ends."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _tell("Another start is setting up; waiting for it.")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _runs(venv: str) -> bool:
    import subprocess

    try:
        return subprocess.run([os.path.join(venv, "bin", "python"), "-I", "-c", ""], check=False).returncode == 0
    except OSError:
        return False


def _write(path: str, text: str) -> None:
    """Write a file that is either there in full or not at all."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def _venv(home: str) -> str:
    return os.path.join(home, ".venv")


def _stamp(home: str, role: str) -> str:
    return os.path.join(_venv(home), f"{role}.stamp")


def _constraints(home: str) -> str:
    return os.path.join(home, "bin", "constraints.txt")


def _site_packages(home: str) -> str:
    return os.path.join(_venv(home), "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")


def _version() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


def _tell(message: str) -> None:
    print(f"sos: {message}", file=sys.stderr, flush=True)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def main(role: str, arguments: list[str]) -> NoReturn:
    """Set up, then replace this process with the start that was asked for."""
    import signal

    home = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    signal.signal(signal.SIGTERM, _end)  # so that pip is ended too
    signal.signal(signal.SIGHUP, _end)
    try:
        set_up(home, role)
    except SetUpError as error:
        _tell(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        _tell("Interrupted; the next start begins the set-up anew.")
        sys.exit(130)
    python = os.path.join(_venv(home), "bin", "python")
    os.execv(python, [python, "-I", os.path.join(home, "bin", "launch.py"), role, *arguments])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
