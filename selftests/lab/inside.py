"""The part that runs in the sealed namespaces: starts everything, breaks it, reads it, tells."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from backup_compliance.guest.linux.probe import PROBE
from selftests.bench.sealed import settle
from selftests.lab import leftovers, readonly, variants
from selftests.lab.cases import CASES, healthy
from selftests.lab.guests import start_all
from selftests.lab.places import ROOT, UP
from selftests.lab.run import Lab
from selftests.lab.table import AFTERWARDS, WINDOWS_ONLY, Row, rounds, shown

WATCHED = ("plain1", "wget1", "python1", "networkmanager", "busybox")
"""Guests in which every change is looked for: each tool, each shell's kind, each agent's."""


def main(argv: Sequence[str]) -> int:
    """0 when every row is as expected and nothing was changed, else 1."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--guest", action="append", default=[])
    parser.add_argument("--idle", type=int, default=0)
    given = parser.parse_args(argv)
    started = time.monotonic()
    settle()
    leftovers.join()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {line}", file=sys.stderr, flush=True)

    if given.idle:
        start_all(variants.GUESTS[: given.idle], lambda line: None)
        UP.touch()
        time.sleep(600)
        return 0
    return _whole(given.guest, say)


def _whole(names: Sequence[str], say: Callable[[str], None]) -> int:
    wanted = tuple(g for g in variants.GUESTS if not names or g.name in names or g.name == "static")
    fabric, running = start_all(wanted, say)
    lab = Lab(fabric, running, say)
    cases = [c for c in CASES if c.guest in running]
    found = lab.first(c for c in healthy.healthy() if c.guest in running)
    memory = sum(g.memory() for g in running.values()) / len(running)
    say(f"read {len(running)} healthy guests, which hold {memory:.0f} MiB each")
    for planned in rounds(cases):
        found += lab.round(planned)
    lost = {c.guest for c in cases if c.fault.final}
    found += lab.first(c for c in healthy.healthy(AFTERWARDS) if c.guest in running and c.guest not in lost)
    say("read every guest again, mended")
    lines = shown(found)
    print("\n".join(lines))
    (ROOT / "reports").mkdir(exist_ok=True)
    (ROOT / "reports" / "lab.txt").write_text("\n".join(lines) + "\n")
    unchanged = _unchanged(lab, [n for n in WATCHED if n in running])
    say("looked for changes")
    return int(not (_summary(found, whole=not names) and unchanged))


def _summary(rows: Sequence[Row], *, whole: bool) -> bool:
    """The counts, and whether every row is as expected."""
    faults = {row.case.fault for row in rows}
    seen = Counter(row.outcome for row in rows)
    wrong = sum(not row.holds for row in rows)
    controls = {row.expected.control for row in rows if row.expected.control.startswith("AVB-")} - WINDOWS_ONLY
    kinds = {
        kind: {r.expected.control for r in rows if r.holds and r.outcome == kind}
        for kind in ("compliant", "non_compliant")
    }
    one_sided = sorted(c for c in controls if not all(c in of for of in kinds.values()))
    print(
        f"\n{len(rows)} rows, {len(faults)} faults, {len({r.case.guest for r in rows})} guests: "
        + ", ".join(f"{n} {o}" for o, n in sorted(seen.items()))
    )
    print(
        f"controls seen compliant and non-compliant: {len(controls) - len(one_sided)} of {len(controls)}"
        + (f"; not so: {', '.join(one_sided)}" if one_sided else "")
    )
    print(f"not as expected: {wrong}")
    return not wrong and not (whole and one_sided)


def _unchanged(lab: Lab, names: Sequence[str]) -> bool:
    """Whether reading changed nothing in these guests, and the probe's system calls neither."""
    print("\nchanges by a reading, what logging in changes left out (selftests/lab/readonly.py):")
    good = True
    for name in names:
        guest = lab.guests[name]
        changed = readonly.watched(guest, partial(lab.read, [f"ssh://root@{name}"]))
        traced = readonly.trace(guest, PROBE.read_text())
        good = good and not changed and not traced.written and not traced.strangers and traced.calls > 100
        print(
            f"  {name}: {'; '.join(changed) or 'none'}; {traced.calls} system calls by the probe that name files or hosts: "
            f"{'; '.join(traced.written) or 'none'} write outside /dev, {', '.join(traced.strangers) or 'no'} other hosts"
        )
    return good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
