"""The part that runs in the sealed namespaces: makes the guests, measures, tells."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from selftests.bench.figures import figures, machine, record, table
from selftests.bench.guest_reading import measure
from selftests.bench.hosts import start
from selftests.bench.sealed import ROOT, RUN, settle


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    hosts: int
    rounds: int


def arguments(argv: Sequence[str]) -> Arguments:
    """Parsed and checked; argparse ends the process with 2 on a mistake."""
    parser = argparse.ArgumentParser("python -m selftests.bench", description="How fast guests are read, as ratios.")
    parser.add_argument("--hosts", type=int, default=20, help="how many guests to make (default 20, at most 500)")
    parser.add_argument("--rounds", type=int, default=3, help="how often to measure each way (default 3)")
    given = parser.parse_args(argv)
    if not 1 <= given.hosts <= 500 or not 1 <= given.rounds <= given.hosts:
        parser.error("--hosts must be 1 to 500 and --rounds 1 to that many")
    return Arguments(given.hosts, given.rounds)


def main(argv: Sequence[str]) -> int:
    """0 within the targets, 1 outside."""
    given = arguments(argv)
    described = machine()
    settle()
    guests = start(given.hosts, RUN / "bench")
    measured = measure(guests, given.rounds, lambda line: print(line, file=sys.stderr, flush=True))
    found = figures(measured, given.hosts)
    print(table(measured, found, described))
    target = ROOT / "reports" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(record(measured, found, described), indent=2) + "\n", encoding="utf-8")
    print(f"every measurement: {target.relative_to(ROOT)}")
    return 0 if found.within else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
