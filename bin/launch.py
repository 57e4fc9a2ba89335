"""Every start after the first: look that the environment is whole, then run. Only the standard library, and little.

Run by the environment's own Python: `launch.py ROLE ARGUMENTS…` with the role `sos` or `test`.
"""

import os
import sys

HOME = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
BIN = os.path.join(HOME, "bin")


def main(role: str, arguments: list[str]) -> int:
    """Run the program or the checks; an environment that is not whole is sent back to the shell script for repair."""
    sys.path.insert(0, BIN)
    import environment

    if not environment.is_whole(HOME, role):
        os.environ["SOS_SET_UP"] = "1"
        os.execv("/bin/sh", ["/bin/sh", os.path.join(BIN, role), *arguments])
    if role == "test":
        import checks

        return checks.main(HOME, arguments)
    sys.path[0] = HOME
    from sos_actors.cli.main import main as sos

    return sos(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
