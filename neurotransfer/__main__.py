"""Where ``neurotransfer`` and ``python -m neurotransfer`` begin."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the working folder, in which `python -m` would look for Python's own modules

import os
import signal


def main() -> None:
    """Load and run the command line."""
    # Amid imports Python answers a Ctrl-C with a traceback, and leaves SIGTERM to the system, which ignores it for the
    # first process of a container. Whoever started us to ignore them has reasons.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: os._exit(128 + number))
    try:
        from neurotransfer.cli.main import main as run_command
    except Exception as error:  # a broken package may raise anything
        reason = f"{type(error).__name__}: {error}"
        sys.exit(f"Error: The program cannot be loaded ({reason}); unset PYTHONPATH, or install the program again.")
    run_command()


if __name__ == "__main__":
    main()
