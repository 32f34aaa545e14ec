"""One segment, in a network namespace of its own: guests with an sshd each, and the keys to them where its workers look.

Started inside that namespace: `python -m selftests.lab_fleet.segment GUESTS`. Says when all guests answer, then starts a
worker for each line of standard input: a name, its resources, whether it is to be started again when it dies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from selftests.bench import hosts
from selftests.builders.product import ROOT

KEYS: Final = Path("/run/keys")
"""The same path in every segment, another folder in each."""
NODES: Final = Path("/run/nodes")
"""Logs and process ids, for all to see."""
KILLER: Final = "10.78.9.9"
"""A host whose ssh ends the worker that asks it."""
_KILLS_ITS_WORKER: Final = f"""\
Host {KILLER}
  ProxyCommand sh -c 'p=$PPID; while ! grep -q python /proc/$p/comm; do p=$(cut -d" " -f4 /proc/$p/stat); done; kill -9 $p'
"""
SCHEDULER: Final = "10.79.0.1"
PORT: Final = 8786


def main(guests: int) -> None:
    """Until standard input ends."""
    for folder in (KEYS, Path("/run/netns")):
        folder.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "segment", folder], check=True)
    hosts.start(guests, KEYS / "ssh")
    configuration = KEYS / "ssh" / "ssh_config"
    configuration.write_text(_KILLS_ITS_WORKER + configuration.read_text())
    print("ready", flush=True)
    for line in sys.stdin:
        start_worker(**json.loads(line))


def start_worker(name: str, resources: str, threads: int, address: str, *, nanny: bool) -> None:
    """A worker of this segment, whose log and process id are kept by its name."""
    command = [sys.executable, "-m", "dask", "worker", f"tcp://{SCHEDULER}:{PORT}", "--no-dashboard"]
    command += ["--host", address, "--nthreads", str(threads), "--local-directory", f"/run/nodes/{name}.files"]
    command += ["--resources", resources, "--nanny" if nanny else "--no-nanny"]
    with (NODES / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd="/",
        )
    (NODES / f"{name}.pid").write_text(str(process.pid))


if __name__ == "__main__":
    main(int(sys.argv[1]))
