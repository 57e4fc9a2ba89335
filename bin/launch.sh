# Sourced by bin/sos and bin/test, which need nothing but this, a POSIX shell and one Python that is new enough:
#     start ROLE "$home" ARGUMENTS…
# Later starts go straight to the environment's Python (bin/launch.py looks whether it is whole). The first one, and one
# that launch.py sends back with SOS_SET_UP=1, looks for a Python that bin/environment.py can build it with.

start() {
    role=$1 home=$2
    shift 2
    if [ -z "${SOS_SET_UP:-}" ] && [ -x "$home/.venv/bin/python" ]; then
        exec "$home/.venv/bin/python" -I "$home/bin/launch.py" "$role" "$@"
    fi
    unset SOS_SET_UP
    find_python || exit 1
    exec "$python" -I "$home/bin/environment.py" "$role" "$@"
}

# Sets $python, or says which ones there are and returns 1. SOS_PYTHON names one to use and no other.
# A name found that does not run (a shim of a version manager without that version behind it) is passed over.
find_python() {
    probe='import sys
sys.stdout.write("%d.%d.%d" % sys.version_info[:3])
if sys.version_info < (3, 11): sys.exit(3)
try:
    import ensurepip, venv
except ImportError:
    sys.stdout.write(" without the venv module (on Debian and Ubuntu: apt install python3-venv)")
    sys.exit(4)'
    found=''
    set -- python3 python3.13 python3.12 python3.11 python3.14 python
    [ -z "${SOS_PYTHON:-}" ] || set -- "$SOS_PYTHON"
    for python in "$@"; do
        version=$("$python" -c "$probe" </dev/null 2>/dev/null) && return 0
        [ -n "$version" ] && found="$found
    $python is $version"
    done
    echo "sos: needs Python 3.11 or newer with its venv module, and there is none here." >&2
    if [ -n "$found" ]; then
        echo "Found:$found" >&2
    else
        echo "Found no Python at all${SOS_PYTHON:+ at $SOS_PYTHON}." >&2
    fi
    echo "Install one, or name one that is not in PATH: SOS_PYTHON=/path/to/python3.12 $0" >&2
    return 1
}
