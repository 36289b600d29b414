"""`python -m screenkit` is the command `screenkit`."""

from __future__ import annotations

if __name__ == "__main__":
    from screenkit.cli.app import main

    main()
