"""Stand-in for VMSnapshotLinux's program: asks the host, reports, and fails to report, as the real one does.

Lies in a guest as main/handle.py, started by main/handle.sh; needs nothing but the standard library of Python 3.9.
`enable` reports code 4, under way, and leaves the rest to a process of its own, `daemon`. What the platform's settings
say (`code`, `exit`, `killed`, `ago`) is what cannot be brought about from outside. Shapes: VMBackup of
azure-linux-extensions, main/handle.py, main/Utils/HandlerUtil.py, main/Utils/Status.py.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NAME = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
UNDER_WAY = 4
LATEST = 140 * 60
"""Seconds after the platform's command in which a run may start."""
GREEN, YELLOW, RED = 0, 128, 256
REPORTED = {
    0: ("success_appconsistent", GREEN),
    1: ("success", GREEN),
    2: ("error", GREEN),
    4: ("ExtensionTempTerminalState", GREEN),
    11: ("error_parameter", YELLOW),
    15: ("error_http_failure", RED),
    16: ("FailedHandlerGuestAgentCertificateNotFound", YELLOW),
    85: ("FailedSnapshotLimitReached", RED),
    76: ("FailedRetryableSnapshotFailedNoNetwork", RED),
    121: ("FailedRetryableFsFreezeFailed", YELLOW),
    122: ("FailedRetryableFsFreezeTimeout", YELLOW),
    123: ("FailedRetryableUnableToOpenMount", YELLOW),
    124: ("FailedRetryableFsFreezeBinaryMissing", YELLOW),
    300: ("FailedPrepostPreScriptFailed", YELLOW),
    301: ("FailedPrepostPostScriptFailed", YELLOW),
    308: ("FailedPrepostPreScriptTimeout", YELLOW),
    316: ("FailedPrepostPluginConfigNotFound", YELLOW),
    402: ("FailedGuestAgentInvokedCommandTooLate", RED),
    500: ("FailedWorkloadPreError", YELLOW),
}
"""Names and colours of the codes that can be reported. One that is missing here crashes who reports it, as there."""
EPOCH_TICKS = 621355968000000000
SERVER_ERROR = 556


class Run:
    """One command of the platform, and what became of it so far."""

    def __init__(self, folder: Path, sequence: str) -> None:
        self.folder = folder
        files = {p.stem: p for p in (folder / "config").glob("*.settings") if p.stem.isdigit()}
        self.sequence = sequence if sequence in files else max(files, key=int)
        text = json.loads(files[self.sequence].read_text())
        self.settings: dict[str, Any] = text["runtimeSettings"][0]["handlerSettings"]["publicSettings"]
        self.now = time.time() - 60 * int(self.settings.get("ago", 0))
        self.ticks = int(self.settings["commandStartTimeUTCTicks"])
        self.told: list[str] = []
        self.telemetry: dict[str, str] = {}
        self.disks: list[dict[str, Any]] | None = None

    @property
    def is_late(self) -> bool:
        """Whether the platform has stopped to wait for this run."""
        return self.now - (self.ticks - EPOCH_TICKS) / 1e7 > LATEST

    def tell(self, name: str, value: str, *, aloud: bool = True) -> None:
        """A fact of this run for the telemetry, and for the message where it is one that is told."""
        self.telemetry[name] = value
        if aloud:
            self.told.append(f"{name}={value}, ")

    def report(self, code: int, words: str = "") -> None:
        """Writes the status file."""
        name, colour = REPORTED[code]
        if code != UNDER_WAY:
            self.tell("extErrorCode", name, aloud=False)
        document = status_document(self, code, colour, words)
        file = self.folder / "status" / f"{self.sequence}.status"
        file.parent.mkdir(exist_ok=True)
        unfinished = file.with_suffix(".new")
        unfinished.write_text(document)
        unfinished.replace(file)


def status_document(run: Run, code: int, colour: int, words: str) -> str:
    """The status as a VM of ARM gets it: `success` outside whatever happened, the truth inside the substatus' name."""
    message = {
        "messageStr": words + "".join(run.told),
        "snapshotConsistency": 0,
        "jobMessage": "",
        "isSizeComputationFailed": False,
    }
    status: dict[str, Any] = {
        "name": NAME,
        "operation": "Enable",
        "status": "success" if code in (0, 1, UNDER_WAY) else "error",
        "substatus": [],
        "code": str(code),
        "taskId": run.settings["taskId"],
        "formattedMessage": {"lang": "en-US", "message": json.dumps(message)},
        "storageDetails": {
            "partitionCount": 0,
            "totalUsedSizeInBytes": 0,
            "isStoragespacePresent": False,
            "isSizeComputationFailed": False,
        },
        "commandStartTimeUTCTicks": str(run.ticks),
        "telemetryData": [{"Value": value, "Key": key} for key, value in run.telemetry.items()],
        "uniqueMachineId": "",
        "snapshotInfo": run.disks,
        "vmHealthInfo": {"vmHealthState": colour, "vmHealthStatusCode": 1 if code == UNDER_WAY else code},
    }
    # C# reads this date, and wants its slashes escaped
    inside = {"version": "1.0", "timestampUTC": f"/Date({int(run.now * 1000)})/", "status": status}
    text = re.sub(r'"/(Date\(\d+\))/"', r'"\\/\1\\/"', json.dumps([inside]))
    emptied = dict.fromkeys(("telemetryData", "snapshotInfo", "vmHealthInfo"))
    substatus = {"code": "0", "name": text, "status": "success", "formattedMessage": None}
    outside = {**status, "status": "success", "substatus": [substatus], **emptied}
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.now))
    return json.dumps([{"version": "1.0", "timestampUTC": written, "status": outside}])


def ask_host(action: str) -> tuple[int, str]:
    """What the host answers to a request for a snapshot: HTTP status and body."""
    connection = http.client.HTTPConnection("168.63.129.16", 80, timeout=10)
    try:
        connection.request("POST", f"/metadata/recsvc/snapshot/{action}?api-version=2017-12-01", "{}")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 555, ""
    finally:
        connection.close()


def storage_answers(host: str) -> bool:
    """Whether the disks' storage can be reached from the guest itself; no proxy is asked."""
    connection = http.client.HTTPSConnection(host, timeout=5)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().status > 0
    except OSError:
        return False
    finally:
        connection.close()


def enable(run: Run) -> int:
    """Reports that the run is under way, and starts it; once a command, however often the agent asks."""
    if "exit" in run.settings:
        sys.stderr.write("stand-in: told to fail\n")
        return int(run.settings["exit"])
    done = run.folder / "mrseq"
    if done.exists() and done.read_text() == run.sequence:
        return 0
    done.write_text(run.sequence)
    put_aside(run)
    begin(run)
    run.report(UNDER_WAY, "stand-in: under way ")
    with Path(os.devnull).open("w") as nowhere:
        environment = {**os.environ, "ConfigSequenceNumber": run.sequence}
        subprocess.Popen(
            ["main/handle.sh", "daemon"],
            cwd=run.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,
        )
    return 0


def put_aside(run: Run) -> None:
    """Renames what earlier commands left, so that the agent reports this one's: 41.status becomes 41_status."""
    for kind in ("config/*.settings", "status/*.status"):
        for file in run.folder.glob(kind):
            if file.stem != run.sequence:
                file.rename(file.with_name(file.name.replace(".", "_")))


def begin(run: Run) -> int:
    """Who runs where, and the host's answer before the snapshot."""
    manifest = json.loads((run.folder / "HandlerManifest.json").read_text())
    run.tell("pythonVersion", platform.python_version(), aloud=False)
    run.tell("platformArchitecture", "64bit", aloud=False)
    run.tell("extensionVersion", manifest[0]["standInVersion"], aloud=False)
    status, _ = ask_host("presnapshot")
    run.tell("hostStatusCodePreSnapshot", str(status))
    return status


def backup(run: Run) -> int:
    """The run itself."""
    host_status = begin(run)
    if run.is_late:
        run.report(402, "stand-in: the command came too late. ")
        return 0
    if "killed" in run.settings:
        os.kill(os.getpid(), signal.SIGKILL)
    if "code" in run.settings:
        run.tell("snapshotCreator", "backupHostService")
        run.report(int(run.settings["code"]), "stand-in: as told. ")
        return 0
    if host_status == 200 and "onlyguest" not in configured():
        snapshot_by_host(run)
    else:
        snapshot_by_guest(run)
    return 0


def configured() -> str:
    """The extension's own configuration, lower case; empty where there is none."""
    file = Path("/etc/azure/vmbackup.conf")
    return file.read_text().lower() if file.exists() else ""


def snapshot_by_host(run: Run) -> None:
    """The usual way: the host takes the snapshots and tells of each disk."""
    run.tell("snapshotCreator", "backupHostService")
    status, body = ask_host("dosnapshot")
    run.tell("hostStatusCodeDoSnapshot", str(status))
    if status != 200:
        run.report(SERVER_ERROR)
    run.disks = [
        {
            "isSuccessful": disk["isSuccessful"],
            "snapshotUri": disk["snapshotUri"],
            "errorMessage": disk["errorMessage"],
            "blobUri": (disk["snapshotUri"] or "").partition("?")[0] or None,
            "directDriveSnapshotIdentifier": None,
        }
        for disk in json.loads(body)["snapshotInfo"]
    ]
    run.report(disks_code(run.disks))


def disks_code(disks: list[dict[str, Any]]) -> int:
    """1 where every disk has its snapshot; a limit has its own code only where not all disks met it."""
    errors = [d["errorMessage"] or "" for d in disks if d["isSuccessful"] != "true"]
    if not errors:
        return 1
    return 85 if len(errors) < len(disks) and any("exceeded" in e for e in errors) else 76


def snapshot_by_guest(run: Run) -> None:
    """The way round a host that cannot or may not: storage is asked directly."""
    run.tell("snapshotCreator", "guestExtension")
    run.report(1 if storage_answers(run.settings["storage"]) else 2)


def main(arguments: list[str]) -> int:
    """Python's own exit code 1, with its traceback, is what the agent sees of an error."""
    folder = Path(__file__).resolve().parent.parent
    importlib.import_module("agent_library")
    sequence, action = (a.rpartition(":")[2].lstrip("-") for a in arguments[-2:])
    run = Run(folder, sequence)
    return enable(run) if action == "enable" else backup(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
