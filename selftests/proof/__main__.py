"""`make proof`: net, mutants and differential tests, resumable; exit status 1 where something does not hold."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from selftests.proof import flow_differential, mutants, net, route_differential
from selftests.proof.places import Journal, digest

WORKERS: Final = 2
FLOWS: Final = 4000
"""Estates, each asked twice for all addresses."""
TABLES: Final = 12000
BATCH: Final = 100


def proven_net(given: argparse.Namespace) -> tuple[bool, list[str]]:
    """Damage."""
    caught = net.sample(given.seed, copies=given.copies) if given.copies else net.prove()
    return caught.holds, caught.lines()


def proven_mutants(given: argparse.Namespace) -> tuple[bool, list[str]]:
    """Mutants."""
    rooms = given.rooms.split(",") if given.rooms else mutants.ROOMS
    result = mutants.prove(seed=given.seed, count=given.count, rooms=rooms, keep=given.keep_map, again=given.again)
    return result.holds, result.lines()


def proven_differential(given: argparse.Namespace) -> tuple[bool, list[str]]:
    """Flows and routes by brute force."""
    lines: list[str] = []
    holds = True
    journal = Journal("differential", digest("backup_compliance", "selftests/proof", "selftests/builders"))
    for name, differences, seeds in (
        ("flows", flow_differential.differences, FLOWS),
        ("routes", route_differential.differences, TABLES),
    ):
        starts = range(given.seed, given.seed + seeds, BATCH)
        waiting = [s for s in starts if f"{name} {s}" not in journal.known]
        with ProcessPoolExecutor(WORKERS) as pool:
            for start, done in zip(waiting, pool.map(_batch, [differences] * len(waiting), waiting), strict=True):
                journal.add(f"{name} {start}", list(done))
        done_all = [journal.known[f"{name} {s}"] for s in starts]
        found = [d for _, differing in done_all for d in differing]
        holds = holds and not found
        lines += [f"  DIFFERS: {d}" for d in found[:50]]
        lines.append(
            f"{name}: {seeds:,} cases, {sum(c for c, _ in done_all):,} verdicts on addresses, {len(found)} differences"
        )
    return holds, lines


def _batch(differences: Callable[[int], tuple[int, list[str]]], start: int) -> tuple[int, list[str]]:
    results = [differences(seed) for seed in range(start, start + BATCH)]
    return sum(c for c, _ in results), [d for _, found in results for d in found]


PARTS: Final = {"net": proven_net, "differential": proven_differential, "mutants": proven_mutants}


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m selftests.proof", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all of them where none is named")
    parser.add_argument("--seed", type=int, default=mutants.SEED, help="what mutants, copies and cases are drawn by")
    parser.add_argument("--count", type=int, default=mutants.COUNT, help="mutants to draw (%(default)s)")
    parser.add_argument("--rooms", default="", help="draw mutants of these rooms or modules only, separated by commas")
    parser.add_argument(
        "--copies", type=int, default=0, help="damaged copies of each recording; all of them by default"
    )
    parser.add_argument(
        "--keep-map", action="store_true", help="while tests are written: keep what is known of other files"
    )
    parser.add_argument("--again", action="store_true", help="show mutants that lived again")
    found = parser.parse_args(given)
    unknown = sorted(set(found.part) - set(PARTS))
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    return found


def main(given: Sequence[str]) -> int:
    """Prove the parts that are named, one after the other, and print what came of it."""
    arguments = _arguments(given)
    told: list[str] = []
    failed = False
    for name in arguments.part or PARTS:
        begun = time.monotonic()
        holds, lines = PARTS[name](arguments)
        failed = failed or not holds
        told += [
            *lines,
            f"{name}: {'holds' if holds else 'DOES NOT HOLD'}, {(time.monotonic() - begun) / 60:.1f} minutes",
            "",
        ]
    print("\n".join(told))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
