"""Checks what is needed, then starts the lab where nothing can leak out of it: `make lab-fleet`."""

from __future__ import annotations

import sys

from selftests.bench import sealed


def main() -> int:
    """0: all as it must be; 1: not so; 2: this machine cannot hold the lab."""
    lacking = sealed.lacking()
    for what in lacking:
        print(f"lab-fleet: {what}", file=sys.stderr)
    return 2 if lacking else sealed.run("selftests.lab_fleet.inside", [])


if __name__ == "__main__":
    sys.exit(main())
