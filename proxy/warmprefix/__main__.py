"""`python -m warmprefix` is the `warmprefix` command."""

import sys


def start() -> None:
    """Run the command line. Ctrl-C while it is loaded ends it as later on: without a traceback."""
    try:
        from warmprefix.cli import main
    except KeyboardInterrupt:
        sys.exit(130)  # 128 and the number of the signal, as shells have it
    main()


if __name__ == "__main__":
    start()
