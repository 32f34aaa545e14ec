"""Which files of self-tests run which lines, measured one file at a time, processes that tests start included."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import coverage
import msgspec

from selftests.builders.product import ROOT
from selftests.proof.apart import run_apart
from selftests.proof.places import STATE, digest, digest_of

LEFT_OUT: Final = (
    *("lab", "lab_fleet", "lab_windows", "bench", "fleet", "proof", "guest/transport", "platform/arm"),
    *(
        "test_layers.py",
        "test_readme.py",
        "test_readme_azure.py",
        "report/test_browser.py",
        "gathering/test_check_access.py",
    ),
)
"""Tests of processes, networks and texts: what fails there on a busy machine proves nothing of a mutant."""
LIMIT: Final = 300
"""Seconds of processor time that one file may take."""
WORKERS: Final = 2
COPIED: Final = ("backup_compliance", "selftests", "tests_guest", "tests_platform", "samples", "examples", "docs")
PLAIN: Final = ("-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0", "-x", "--no-header", "-q", "-rfE")


class Ran(msgspec.Struct, frozen=True):
    """One file of self-tests: what it costs, and what it runs."""

    file: str
    version: str
    """Of the tests themselves."""
    passed: bool
    seconds: float
    """Of processor time."""
    lines: dict[str, list[int]]
    """By module, as `network/routes`."""
    sources: dict[str, str] = {}
    """What each module's text was then."""

    def runs(self, module: str, line: int, source: str) -> bool:
        """Whether it runs a line; of a module that changed since, whether it runs any."""
        found = self.lines.get(module, ())
        return line in found if self.sources.get(module, source) == source else bool(found)


def test_files() -> list[str]:
    """The self-tests that mutants are shown to, relative to `selftests`."""
    below = ROOT / "selftests"
    found = sorted(str(p.relative_to(below)) for p in below.rglob("test_*.py"))
    return [f for f in found if not any(f == out or f.startswith(f"{out}/") for out in LEFT_OUT)]


def working_copy(number: int) -> Path:
    """A copy of the project that may be changed; what did not change keeps its compiled files."""
    folder = STATE / f"copy-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        _mirror(ROOT / name, folder / name)
    for path in (p for p in ROOT.iterdir() if p.is_file() and not p.name.startswith(".git")):
        _take(path, folder / path.name)
    (folder / "reports").mkdir(exist_ok=True)
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def _mirror(source: Path, target: Path) -> None:
    wanted = {p.relative_to(source) for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    for path in [p for p in target.rglob("*") if p.is_file() and "__pycache__" not in p.parts]:
        if path.relative_to(target) not in wanted:
            path.unlink()
    for path in wanted:
        _take(source / path, target / path)


def _take(source: Path, target: Path) -> None:
    if not target.exists() or target.read_bytes() != source.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def command(*arguments: str) -> list[str]:
    """Self-tests in a working copy."""
    return [sys.executable, "-m", "pytest", "-c", "selftests/pytest.ini", *PLAIN, *arguments]


def _measure(copy: Path, file: str, modules: Sequence[str]) -> Ran:
    with tempfile.TemporaryDirectory(prefix="proof-map-") as folder:
        settings = Path(folder) / "coveragerc"
        data = Path(folder) / "data"
        include = ", ".join(f"{copy}/backup_compliance/{m}.py" for m in modules)
        settings.write_text(f"[run]\nparallel = true\npatch = subprocess\ndata_file = {data}\ninclude = {include}\n")
        run = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", *command(f"selftests/{file}")[1:]]
        done = run_apart(run, copy, seconds=LIMIT)
        lines: dict[str, set[int]] = {}
        for part in Path(folder).glob("data*"):
            found = coverage.CoverageData(basename=str(part))
            found.read()
            for path in found.measured_files():
                module = str(Path(path).relative_to(copy / "backup_compliance").with_suffix(""))
                lines.setdefault(module, set()).update(found.lines(path) or ())
    if done.status:
        print(f"map: {file} fails without any mutant:\n{done.output[-2000:]}", file=sys.stderr)
    kept = {module: sorted(numbers) for module, numbers in sorted(lines.items())}
    sources = {module: source_version(module) for module in kept}
    return Ran(file, _version(file), done.status == 0, done.seconds, kept, sources)


def source_version(module: str) -> str:
    """Of one module of the package."""
    return digest_of([ROOT / "backup_compliance" / f"{module}.py"])


def _version(file: str) -> str:
    return digest_of([ROOT / "selftests" / file])


def measured(modules: Iterable[str], *, keep: bool = False) -> list[Ran]:
    """Every file of self-tests, measured anew where anything changed; `keep`: only where the file itself did."""
    path = STATE / "map.json"
    version = digest("backup_compliance", "tests_guest", "tests_platform", "selftests/builders")
    known: dict[str, Ran] = {}
    if path.exists():
        stored = msgspec.json.decode(path.read_bytes(), type=tuple[str, dict[str, Ran]])
        known = stored[1] if keep or stored[0] == version else {}
    files = test_files()
    known = {f: r for f, r in known.items() if f in files and r.version == _version(f)}
    free: SimpleQueue[Path] = SimpleQueue()
    for number in range(WORKERS):
        free.put(working_copy(number))

    def measure(file: str) -> Ran:
        copy = free.get()
        try:
            return _measure(copy, file, list(modules))
        finally:
            free.put(copy)

    with ThreadPoolExecutor(WORKERS) as pool:
        for ran in pool.map(measure, [f for f in files if f not in known]):
            known[ran.file] = ran
            print(f"map: {ran.file} {ran.seconds:.1f} s", file=sys.stderr, flush=True)
            path.write_bytes(msgspec.json.encode((version, known)))
    return [known[f] for f in files if f in known]
