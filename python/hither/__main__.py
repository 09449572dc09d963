"""The command ``hither``: ``python -m hither --help``."""

import signal
import sys

from ._native import command


def main() -> int:
    """Run the command with the arguments of this process; gives what it exits with."""
    # Python's own handlers would wait for the end of the command.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return command(["hither", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
