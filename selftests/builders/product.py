"""Runs the product's own tests from a self-test, in this process, and reads what they wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import pytest

from backup_compliance.gathering.folder import Facts, save_facts
from backup_compliance.judging.findings import Finding
from backup_compliance.model.recorded import RecordedGuest
from backup_compliance.report.document import Document
from selftests.builders.arm import Subscription
from selftests.builders.recordings import Recording

ROOT = Path(__file__).parents[2]

# where the self-tests run in CI, their runs of the product are no summary of that job
for _name in ("GITHUB_STEP_SUMMARY", "TF_BUILD"):
    os.environ.pop(_name, None)


@dataclass(frozen=True)
class Judged:
    """One run of the product: its exit status, its output, its document."""

    status: int
    text: str
    folder: Path

    @cached_property
    def document(self) -> Document:
        """`compliance.json` of the run."""
        return msgspec.json.decode((self.folder / "compliance.json").read_bytes(), type=Document)

    def finding(self, control: str, resource: str) -> Finding:
        """The one finding of `control` for `resource`."""
        (found,) = (f for f in self.document.findings if (f.control, f.resource) == (control, resource))
        return found


def record(folder: Path, guests: Mapping[str, Recording | bytes], *subscriptions: Subscription) -> Path:
    """A facts folder with these guests and subscriptions."""
    recorded = [RecordedGuest(n, g if isinstance(g, bytes) else g.output()) for n, g in guests.items()]
    save_facts(Facts(tuple(recorded), tuple(s.recorded() for s in subscriptions)), folder)
    return folder


def arguments(folder: Path, *given: str) -> list[str]:
    """Pytest's arguments for the product, reports into a folder of their own."""
    own = ["-c", str(ROOT / "pytest.ini"), f"--rootdir={ROOT}", "-p", "no:cacheprovider"]
    return [*own, f"--report-dir={folder}", *given, str(ROOT / "tests_guest"), str(ROOT / "tests_platform")]


def judge(pytester: pytest.Pytester, *given: str) -> Judged:
    """Run `pytest GIVEN` on the product in this process."""
    folder = pytester.path / "reports"
    result = pytester.runpytest_inprocess(*arguments(folder, "-p", "no:cov", *given))
    return Judged(int(result.ret), "\n".join([*result.outlines, *result.errlines]), folder)


def judge_apart(folder: Path, *given: str, cwd: Path = ROOT) -> Judged:
    """The same in a process of its own, as users run it."""
    command = [sys.executable, "-m", "pytest", *arguments(folder, *given)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    return Judged(done.returncode, done.stdout + done.stderr, folder)
