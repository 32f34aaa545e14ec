"""The part that runs in the sealed namespaces: three segments, their workers, and runs of the product that lose some."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from selftests.bench.sealed import settle
from selftests.builders.fleet_nodes import wait_for
from selftests.builders.product import ROOT, Judged, arguments
from selftests.lab_fleet.segment import KEYS, KILLER, NODES, PORT, SCHEDULER
from selftests.lab_fleet.wire import Wire

GUESTS = 6
THREADS = 2
SEGMENTS = ("west", "east", "south")
CANARY = "canary-that-must-not-travel"
QUICK = {"DASK_BACKUP_COMPLIANCE__GRACE": "4", "DASK_BACKUP_COMPLIANCE__SLACK": "5"}


@dataclass
class Lab:
    """What runs."""

    segments: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    runs: int = 0

    def check(self, what: str, *, holds: bool) -> None:
        """A line a fact."""
        print(f"  {'ok  ' if holds else 'FAIL'} {what}", flush=True)
        if not holds:
            self.failed.append(what)

    def add_segment(self, name: str, number: int) -> None:
        """A network that only its own namespace reaches, and a way from there to the scheduler."""
        _ip(
            f"netns add {name}",
            f"link add mgmt-{name} type veth peer name mgmt netns {name}",
            f"link set mgmt-{name} master mgmt0 up",
        )
        for words in (f"addr add {_address(number)}/24 dev mgmt", "link set mgmt up", "link set lo up"):
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
        command = ["ip", "netns", "exec", name, sys.executable, "-m", "selftests.lab_fleet.segment", str(GUESTS)]
        self.segments[name] = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def add_worker(self, name: str, segment: str, *, nanny: bool = False) -> None:
        """A worker there; the scheduler knows it when this returns."""
        before = _registered()
        given = {"name": name, "resources": f"segment-{segment}={THREADS}", "threads": THREADS, "nanny": nanny}
        told = json.dumps({**given, "address": _address(SEGMENTS.index(segment))})
        to = self.segments[segment].stdin
        assert to is not None
        print(told, file=to, flush=True)
        wait_for(lambda: _registered() > before)

    def start_run(self, hosts: str, *more: str, port: int = PORT, timeout: int = 30) -> Run:
        """The product's own command line, from the scheduler's side, where no guest can be reached."""
        self.runs += 1
        folder = NODES / f"run{self.runs}"
        folder.mkdir()
        (folder / "hosts.txt").write_text(hosts)
        given = [f"--hosts-file={folder}/hosts.txt", f"--read-on=tcp://{SCHEDULER}:{port}", f"--timeout={timeout}"]
        given += [f"--ssh-config={KEYS}/ssh/ssh_config", f"--ssh-identity-file={KEYS}/ssh/id"]
        command = [sys.executable, "-m", "pytest", *arguments(folder, *given, *more)]
        with (folder / "out").open("wb") as out:
            return Run(subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, stdin=subprocess.DEVNULL), folder)


@dataclass
class Run:
    """A run under way."""

    process: subprocess.Popen[bytes]
    folder: Path
    began: float = field(default_factory=time.monotonic)

    def end(self) -> tuple[Judged, set[str], float]:
        """What came of it, the hosts that could not be read, how long it took."""
        status = self.process.wait(timeout=120)
        judged = Judged(status, (self.folder / "out").read_text(), self.folder)
        # a guest that was read has errors too: here it lacks a default route, for one
        return judged, _resources(judged) - _resources(judged, unread=False), time.monotonic() - self.began


def _resources(judged: Judged, *, unread: bool = True) -> set[str]:
    """Every guest of a run, or those with any verdict."""
    return {f.resource for f in judged.document.findings if unread or f.outcome != "error"}


def _address(number: int) -> str:
    return f"10.79.0.{number + 2}"


def _ip(*commands: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


def _registered() -> int:
    return (NODES / "scheduler.log").read_text().count("Register worker")


def _asking(name: str) -> Iterator[int]:
    """Processes that a worker has started."""
    pid = int((NODES / f"{name}.pid").read_text())
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            yield from (int(child) for child in (task / "children").read_text().split())
        except OSError:  # the thread has ended
            continue


def _signal_once_it_reads(name: str, number: int = signal.SIGKILL, *, after: int = 1) -> None:
    """Signal a worker in the middle of reading: when it has asked so many guests."""
    seen: set[int] = set()

    def enough() -> bool:
        seen.update(_asking(name))
        return len(seen) >= after

    wait_for(enough, 40)
    os.kill(int((NODES / f"{name}.pid").read_text()), number)


def _hosts(*segments: str) -> str:
    """Every guest of these: the same addresses in each."""
    return "\n".join(f"root@10.78.1.{2 + n} segment={s}" for s in segments for n in range(GUESTS))


def _ids(segment: str) -> set[str]:
    return {f"10.78.1.{2 + n}~{segment}" for n in range(GUESTS)}


def _start(lab: Lab) -> None:
    NODES.mkdir()
    (KEYS / "ssh").mkdir(parents=True)
    for name in ("ssh_config", "id"):
        (KEYS / "ssh" / name).write_text(f"# {CANARY}\n")  # the runner's own are never looked into
    os.environ.update({**QUICK, "WINRM_PASSWORD": CANARY})
    _ip("link add mgmt0 type bridge", f"addr add {SCHEDULER}/24 dev mgmt0", "link set mgmt0 up")
    command = [sys.executable, "-m", "dask", "scheduler", "--host", SCHEDULER, "--port", str(PORT), "--no-dashboard"]
    # a scheduler needs nothing of this project
    environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "4s"}
    with (NODES / "scheduler.log").open("wb") as log:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/")
    for number, name in enumerate(SEGMENTS):
        lab.add_segment(name, number)
    for process in lab.segments.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    wait_for(lambda: "Scheduler at" in (NODES / "scheduler.log").read_text())
    for name, segment in (("west1", "west"), ("west2", "west"), ("east1", "east"), ("south1", "south")):
        lab.add_worker(name, segment)


def takes_over(lab: Lab) -> None:
    """One of two workers is killed while it reads; every host has its verdicts, and no secret was on the wire."""
    wire = Wire((SCHEDULER, PORT))
    wire.open(SCHEDULER)
    run = lab.start_run(_hosts(*SEGMENTS), "-n2", port=wire.port)
    _signal_once_it_reads("west1")
    judged, unread, seconds = run.end()
    found = {f.resource for f in judged.document.findings}
    lab.check(
        f"every guest of every segment has verdicts ({seconds:.1f} s)", holds=found == set().union(*map(_ids, SEGMENTS))
    )
    lab.check("none of them is an error, though a worker was killed", holds=not unread)
    lab.check("the runner says who read", holds=f"read {3 * GUESTS} guests by workers of" in judged.text)
    lab.check("nothing of Dask is printed", holds="distributed" not in judged.text and "Traceback" not in judged.text)
    lab.check(
        "host specs are on the wire, and the probe's answers",
        holds=b"root@10.78.1.2" in wire.text() and b"avb-probe" in wire.text(),
    )
    lab.check(
        "keys, configurations and passwords are not",
        holds=CANARY.encode() not in wire.text() and b"PRIVATE KEY" not in wire.text(),
    )


def is_lost(lab: Lab) -> None:
    """The only worker of a segment is killed while it reads."""
    run = lab.start_run(_hosts(*SEGMENTS))
    _signal_once_it_reads("south1", after=THREADS + 1)
    judged, unread, seconds = run.end()
    lab.check(f"the run ends ({seconds:.1f} s) with status 1", holds=judged.status == 1)
    lab.check(
        f"what was not read is an error: {len(unread)} of {GUESTS} guests there",
        holds=unread < _ids("south") and len(unread) >= THREADS,
    )
    told = {f.message for f in judged.document.findings if f.resource in unread}
    lab.check(
        "each error says which worker is missing",
        holds=all("with the resource segment-south is connected" in t for t in told),
    )
    lab.check("everyone else has verdicts", holds=_resources(judged) == set().union(*map(_ids, SEGMENTS)))


def hangs(lab: Lab) -> None:
    """One of two workers stops in the middle, its connections open: the scheduler's own time to live gives its guests away."""
    lab.add_worker("west3", "west")
    run = lab.start_run(_hosts("west"), timeout=10)
    _signal_once_it_reads("west3", signal.SIGSTOP)
    _, unread, seconds = run.end()
    lab.check(f"guests of a worker that hangs are read by the other ({seconds:.1f} s)", holds=not unread)


def kills(lab: Lab) -> None:
    """A guest that kills its worker each time, beside guests that do not."""
    lab.add_worker("south2", "south", nanny=True)
    run = lab.start_run(_hosts("south") + f"\nroot@{KILLER} segment=south")
    judged, unread, seconds = run.end()
    lab.check(f"it alone is an error ({seconds:.1f} s)", holds=unread == {KILLER})
    told = {f.message for f in judged.document.findings if f.resource == KILLER}
    lab.check("and says why", holds=all("its worker died each time" in text for text in told))


def main() -> int:
    """0 when all is as it must be."""
    settle()
    lab = Lab()
    began = time.monotonic()
    _start(lab)
    print(f"{len(SEGMENTS)} segments of {GUESTS} guests, 4 workers, in {time.monotonic() - began:.1f} s", flush=True)
    scenes: tuple[Callable[[Lab], None], ...] = (takes_over, is_lost, hangs, kills)
    for scene in scenes:
        start = time.monotonic()
        print(f"{scene.__name__.replace('_', ' ')}: {(scene.__doc__ or '').splitlines()[0]}", flush=True)
        scene(lab)
        print(f"  in {time.monotonic() - start:.1f} s", flush=True)
    print(f"{time.monotonic() - began:.0f} s; {len(lab.failed)} failed")
    if lab.failed:
        for log in sorted(NODES.glob("run*/out")):
            print(f"--- {log}\n{log.read_text()[-3000:]}")
    return int(bool(lab.failed))


if __name__ == "__main__":
    sys.exit(main())
