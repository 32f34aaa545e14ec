"""The codes of VMSnapshotLinux: what each means, and which of them say that a snapshot was taken.

Source: VMBackup of azure-linux-extensions, main/common.py, main/ExtensionErrorCodeHelper.py and main/handle.sh.
"""

from __future__ import annotations

import re
from typing import Final

DONE: Final = frozenset({0, 1, 3})
UNDER_WAY: Final = 4
NO_PYTHON: Final = 3
"""Exit code of the launcher."""

_MEANINGS: Final = {
    0: "done, application consistent",
    1: "done",
    2: "an error without a code of its own",
    3: "this command was done already",
    4: "under way",
    11: "a parameter of the command is wrong",
    12: "a file or folder was not found",
    13: "the guest's clock is wrong",
    14: "the same task was asked for again",
    15: "an HTTP request failed",
    16: "the guest agent's certificate was not found",
    17: "the list of data disks is invalid",
    76: "no network, or a disk could not be snapshotted",
    85: "the limit of snapshots is reached on some disks",
    121: "fsfreeze failed",
    122: "fsfreeze timed out",
    123: "a mount could not be opened for fsfreeze",
    124: "the safefreeze binary is missing",
    173: "snapshots were asked for too often",
    300: "the pre-script failed",
    301: "the post-script failed",
    302: "the pre-script was not found",
    303: "the post-script was not found",
    304: "the plugin host's configuration cannot be parsed",
    305: "the script plugin's configuration cannot be parsed",
    306: "the pre-script's permissions are wrong",
    307: "the post-script's permissions are wrong",
    308: "the pre-script timed out",
    309: "the post-script timed out",
    310: "the plugin host timed out before the snapshot",
    311: "the plugin host timed out after the snapshot",
    312: "a script's checksum does not match",
    313: "the plugin host's configuration was not found",
    314: "the permissions of the plugin host's configuration are wrong",
    315: "the owner of the plugin host's configuration is wrong",
    316: "the script plugin's configuration was not found",
    317: "the permissions of the script plugin's configuration are wrong",
    318: "the owner of the script plugin's configuration is wrong",
    402: "the command started too late",
    500: "the workload's pre-script failed",
    501: "the workload's configuration cannot be parsed",
    502: "the workload's role is invalid",
    503: "the workload's name is invalid",
    504: "the workload's post-script failed",
    505: "the workload's authorization is missing",
    506: "the workload could not be connected to",
    507: "the workload's IPC folder is missing",
    508: "the workload's database changed its status",
    509: "the workload could not be quiesced",
    510: "quiescing the workload timed out",
    511: "the workload's database keeps no archive log",
    512: "the workload's database changed its log mode",
    556: "the host answered the snapshot request with a server error",
    761: "restricted network: the host could not be reached",
}
_EXIT_MEANINGS: Final = {
    NO_PYTHON: "the extension's launcher found no Python",
    126: "the extension's launcher may not be executed: a noexec mount, or its permissions",
    127: "the extension's launcher or the shell that runs it was not found",
}


def code_meaning(code: int | None) -> str:
    """The extension's own meaning of a status code; empty for one that is not known."""
    return "" if code is None else _MEANINGS.get(code, "")


def exit_code_meaning(code: int | None) -> str:
    """What an exit code of the extension's launcher tells; empty for one that tells nothing by itself."""
    return "" if code is None else _EXIT_MEANINGS.get(code, "")


def parse_code(value: object) -> int | None:
    """A code as the extension writes it, number or text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = value.strip() if isinstance(value, str) else str(value) if abs(value) < 10**9 else ""
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None
