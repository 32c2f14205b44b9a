"""Where ``neurotransfer`` and ``python -m neurotransfer`` begin."""

import signal


def main() -> None:
    """Load and run the command line."""
    # Python answers a Ctrl-C amid imports with a traceback, the system by just ending the process.
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from neurotransfer import cli

    cli.main()


if __name__ == "__main__":
    main()
