"""The part that runs in the sealed namespaces: makes the guests, measures, tells."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from selftests.bench.guest_figures import section
from selftests.bench.guest_reading import measure
from selftests.bench.hosts import start
from selftests.bench.relay import added, far
from selftests.bench.results import finish
from selftests.bench.sealed import RUN, settle
from selftests.bench.users_file import FAR_WORKERS, WORKERS

MOST = 500


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    hosts: tuple[int, ...]
    far: tuple[int, ...]
    rounds: int


def arguments(argv: Sequence[str]) -> Arguments:
    """Parsed and checked; argparse ends the process with 2 on a mistake."""
    parser = argparse.ArgumentParser("python -m selftests.bench.guests", description="How fast guests are read.")
    parser.add_argument(
        "--hosts", type=_sizes, default=(20, 50, 100), help=f"sizes of fleets (default 20,50,100; at most {MOST})"
    )
    parser.add_argument("--far", type=_sizes, default=(20,), help="... behind a long line (default 20; none: '')")
    parser.add_argument("--rounds", type=int, default=3, help="how often to measure each way (default 3)")
    given = parser.parse_args(argv)
    if given.rounds < 1 or not given.hosts + given.far:
        parser.error("nothing to measure")
    return Arguments(given.hosts, given.far, given.rounds)


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in text.split(",") if size)
    if not all(1 <= size <= MOST for size in sizes):
        raise argparse.ArgumentTypeError(f"1 to {MOST}")
    return sizes


def main(argv: Sequence[str]) -> int:
    """0 within the targets, 1 outside."""
    given = arguments(argv)
    settle()
    guests = start(max(given.hosts + given.far), RUN / "bench")
    codes = [finish(section(measure(guests.first(size), given.rounds, WORKERS, _say))) for size in given.hosts]
    for size in given.far:
        near = guests.first(size)
        with far(near) as distant:
            line = added(near.addresses[0], distant.addresses[0])
            codes.append(finish(section(measure(distant, given.rounds, FAR_WORKERS, _say), line)))
    return max(codes)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
