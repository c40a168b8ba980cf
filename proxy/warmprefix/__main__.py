"""`python -m warmprefix` is the `warmprefix` command."""

from warmprefix.cli import main

if __name__ == "__main__":
    main()
