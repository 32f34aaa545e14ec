"""How fast guests are read, against ssh itself and one command at a time: `python -m selftests.bench.guests` as root.

Checks what is needed, then starts the measuring where nothing can leak out of it.
"""

from __future__ import annotations

import sys

from selftests.bench import sealed
from selftests.bench.guests_inside import arguments


def main(argv: list[str]) -> int:
    """0: measured and within the targets; 1: outside them or failed; 2: this machine cannot measure."""
    arguments(argv)  # a mistake is told here, before anything is made
    lacking = sealed.lacking()
    if lacking:
        for what in lacking:
            print(f"bench: {what}", file=sys.stderr)
        return 2
    return sealed.run("selftests.bench.guests_inside", argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
