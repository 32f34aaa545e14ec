"""Reports of the backup extension in the shape in which it writes them: the outer status is `success` whatever happened."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

NAME = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
STARTED = datetime(2026, 11, 22, 22, 1, tzinfo=UTC)
WRITTEN_AFTER = timedelta(minutes=3, seconds=11)


@dataclass(frozen=True)
class Report:
    """One run; the defaults are a good one, snapshotted by the host."""

    code: int = 1
    message: str = ""
    started: datetime = STARTED
    creator: str = "backupHostService"
    host: int = 200
    version: str = "1.0.9220.0"
    python: str = "3.12.3"
    disks: tuple[object, ...] = ("true",)
    """`isSuccessful` of each disk: of the host as text, of the guest as JSON's own."""
    error: str = "The snapshot count against this blob has been exceeded"
    is_classic: bool = False
    """Whether this is no virtual machine of ARM: then the outer status is the inner one."""

    @property
    def inner_status(self) -> str:
        """The status in the substatus."""
        return "success" if self.code in (0, 1, 3, 4) else "error"

    def text(self) -> str:
        """The status file, one line."""
        outer = self._entry(
            self.started + WRITTEN_AFTER,
            self.inner_status if self.is_classic else "success",
            substatus=[{"code": "0", "name": self.inner_text(), "status": "success", "formattedMessage": None}],
            telemetry=None,
            snapshots=None,
        )
        return json.dumps([outer])

    def inner_text(self) -> str:
        """What the substatus carries, and what the extension sends to storage."""
        at = int((self.started + WRITTEN_AFTER).timestamp()) * 1000
        snapshots = None if self.code == 4 else [self._disk(told) for told in self.disks]
        entry = self._entry(
            f"/Date({at})/", self.inner_status, substatus=[], telemetry=self._telemetry(), snapshots=snapshots
        )
        return json.dumps([entry]).replace("/Date(", "\\/Date(").replace(')/"', ')\\/"')

    def changed(self, **changes: Any) -> str:
        """The file with some values of the outer status replaced."""
        document = json.loads(self.text())
        document[0]["status"] |= changes
        return json.dumps(document)

    def _entry(
        self, time: datetime | str, status: str, *, substatus: list[Any], telemetry: Any, snapshots: Any
    ) -> dict[str, Any]:
        said = {
            "messageStr": self._said(),
            "snapshotConsistency": 0,
            "jobMessage": "",
            "isSizeComputationFailed": False,
        }
        return {
            "version": "1.0",
            "timestampUTC": time if isinstance(time, str) else f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "status": {
                "name": NAME,
                "operation": "Enable",
                "status": status,
                "substatus": substatus,
                "code": str(self.code),
                "taskId": "5a11ab1e-0000-4000-8000-00000000000a",
                "formattedMessage": {"lang": "en-US", "message": json.dumps(said)},
                "storageDetails": {"partitionCount": 0, "totalUsedSizeInBytes": 0},
                "commandStartTimeUTCTicks": str(ticks(self.started)),
                "telemetryData": telemetry,
                "uniqueMachineId": "",
                "snapshotInfo": snapshots,
                "vmHealthInfo": None if snapshots is None else {"vmHealthState": 0, "vmHealthStatusCode": self.code},
            },
        }

    def _said(self) -> str:
        message = "Transitioning state in extension" if self.code == 4 else self.message
        creator = f"snapshotCreator={self.creator}, " if self.creator and self.code != 4 else ""
        return f"{message}{creator}hostStatusCodePreSnapshot={self.host}, "

    def _telemetry(self) -> list[dict[str, str]]:
        told = {
            "networkFSTypePresentInMount": "True",
            "pythonVersion": self.python,
            "hostStatusCodePreSnapshot": str(self.host),
            "guestAgentVersion": "2.15.0.1",
            "extensionVersion": self.version,
            "osVersion": "Ubuntu-24.04",
            "snapshotCreator": "" if self.code == 4 else self.creator,
            "consistencyType": "none",
            "ramDisksSize": "30976",
        }
        return [{"Value": value, "Key": key} for key, value in told.items() if value]

    def _disk(self, told: object) -> dict[str, Any]:
        failed = str(told).lower() == "false"
        blob = None if failed else "https://md-sample.z20.blob.storage.azure.net/abc/abcd"
        return {
            "isSuccessful": told,
            "snapshotUri": blob and f"{blob}?snapshot=2026-11-22T22:03:00.0000000Z",
            "errorMessage": self.error if failed else None,
            "blobUri": blob,
            "directDriveSnapshotIdentifier": None,
        }


def ticks(time: datetime) -> int:
    """.NET's: tenths of a microsecond since the year 1."""
    return int((time - datetime(1, 1, 1, tzinfo=UTC)).total_seconds()) * 10**7


def substatus(report: Report) -> str:
    """The report's substatus as the Windows probe prints it."""
    listed = json.loads(report.text())[0]["status"]["substatus"]
    return json.dumps(listed[0], separators=(",", ":"))


GOOD = Report()
UNDER_WAY = replace(GOOD, code=4)
FAILED = replace(GOOD, code=76, disks=("false",))
