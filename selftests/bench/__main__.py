"""Every bench, one after the other, and their figures together: `make bench`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from selftests.bench.results import FILE, described, machine, recorded
from selftests.builders.product import ROOT

PARTS: Final = ("run", "egress", "report", "arm_reading", "guests")
NOT_HERE: Final = 2
"""The exit code of a bench that this machine cannot measure; it said why."""


def main() -> int:
    """0 when every target is kept, 1 when one is missed, 2 when something could not be measured here."""
    print(described(machine()), flush=True)
    FILE.unlink(missing_ok=True)
    ended: dict[str, int] = {}
    failed: list[str] = []
    for part in PARTS:
        print(f"\n-- {part}", flush=True)
        before = recorded()
        ended[part] = subprocess.run([sys.executable, "-m", f"selftests.bench.{part}"], cwd=ROOT).returncode
        new = [section for name, section in recorded().items() if name not in before]
        # Python's own exit code for a crash is 1 too: a target that was missed is in the file
        if ended[part] != NOT_HERE and (not new or bool(ended[part]) == all(section["kept"] for section in new)):
            failed.append(part)
    figures = [(name, f) for name, section in recorded().items() for f in section["figures"]]
    missed = [f"{name}: {f['what']}" for name, f in figures if not f["kept"]]
    left_out = [part for part, code in ended.items() if code == NOT_HERE]
    print(f"\n{len(figures)} figures, {len(missed)} targets missed; every measurement: {FILE.relative_to(ROOT)}")
    for text in missed:
        print(f"  MISSED {text}")
    for part in failed:
        print(f"  FAILED {part}")
    for part in left_out:
        print(f"  not measured here: {part}" + ("" if os.geteuid() == 0 else " (root may)"))
    return 1 if missed or failed else NOT_HERE if left_out else 0


if __name__ == "__main__":
    sys.exit(main())
