"""The backup extension: never there, old, unable to start, its last run failed or never finished; told by the agent itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from selftests.lab.cases.agent import FREEZE, THAW
from selftests.lab.places import EXTENSION, EXTENSION_VERSION
from selftests.lab.table import NUMBER, C, Case, E, Fault, N, U, case

_FOLDER: Final = f"/var/lib/waagent/{EXTENSION}-{EXTENSION_VERSION}"
_OLDER: Final = f"/var/lib/waagent/{EXTENSION}-1.0.80.0"
LAST: Final = f"ls {_FOLDER}/status | grep '[.]status$' | sort -n | tail -n 1"
"""The name of the newest status file; those before it were renamed to NUMBER_status."""
_JSON: Final = "no readable JSON"
_LIMIT: Final = "The snapshot count against this blob has been exceeded"
UNFINISHED: Final = "never finished"
UNDER_WAY: Final = "under way"
NO_MODULE: Final = "no module"
"""Python's words, or words for them: the code cannot be imported."""
_LONG_AGO: Final = {"ago": "181"}
"""The run was that many minutes ago: longer than one may last."""
_FAILURES: Final = (
    ("plain1", 11, "a parameter of the command is wrong"),
    ("plain2", 15, "an HTTP request failed"),
    ("plain3", 16, "certificate was not found"),
    ("plain4", 121, "fsfreeze failed"),
    ("plain5", 122, "fsfreeze timed out"),
    ("plain6", 123, "a mount could not be opened"),
    ("agent1", 124, "safefreeze binary is missing"),
    ("agent2", 300, "pre-script failed"),
    ("agent3", 301, "post-script failed"),
    ("proxy1", 308, "pre-script timed out"),
    ("proxy2", 316, "configuration was not found"),
    ("dhclient", 500, "the workload's pre-script failed"),
)
"""Guests whose extension is told to fail: code, and words for it."""


def reported(code: int) -> str:
    """A command that succeeds once the ordered run's status says that code and nothing of the extension runs any more."""
    text = f'"code": "{code}", "taskId"'
    return f"grep -q '{text}' {_FOLDER}/status/{NUMBER}.status && ! pgrep -f '[m]ain/handle[.]'"


def did_not_start(version: str) -> str:
    """A command that succeeds once the agent tells that this version did not start."""
    return f"grep -q 'Non-zero exit code' /var/lib/waagent/{EXTENSION}-{version}/config/HandlerStatus"


def ran(name: str, code: int, **orders: Any) -> Fault:
    """Another command of the platform, and the code that the extension's run ends with."""
    return Fault(name, orders=orders, seen=reported(code))


def told(code: int) -> Fault:
    """The settings say what the run ends with."""
    return ran(f"extension's last run: {code}", code, settings={"code": str(code)})


def long_ago(name: str, **orders: Any) -> Fault:
    """A run that ended with code 4 before anything that the guest's other reports tell, which are therefore gone."""
    return replace(ran(name, 4, late=181, **orders), apply=f"rm {_FOLDER}/status/*")


NEVER_FINISHED: Final = long_ago("its daemon was killed, hours ago", settings={"killed": "yes", **_LONG_AGO})


def written(name: str, change: str) -> Fault:
    """Other status files than the extension wrote; the agent, which looks after them, stands still meanwhile."""
    files = f"{_FOLDER}/status"
    return Fault(
        name,
        f"{FREEZE}; cp -a {files} /run/lab-status; f={files}/$({LAST}); {change}",
        f"rm -r {files}; mv /run/lab-status {files}; {THAW}",
    )


CASES: Final[tuple[Case, ...]] = (
    *(case(guest, told(code), ("302", N, words)) for guest, code, words in _FAILURES),
    case("proxy3", ran("command came too late", 402, late=150), ("302", N, "started too late")),
    case("networkd", ran("its only disk is at the limit", 76, disks=(_LIMIT,)), ("302", N, "disk 1 of 1")),
    case("networkmanager", ran("one of two disks is at the limit", 85, disks=("", _LIMIT)), ("302", N, "disk 2 of 2")),
    case("networkd-wrong", told(0), ("302", C)),
    case("networkd-wrong", ran("its daemon was killed just now", 4, settings={"killed": "yes"}), ("302", C, UNDER_WAY)),
    case("networkd-wrong", ran("asked for too often", 4, settings={"code": "173"}), ("302", C, UNDER_WAY)),
    case("dhclient", NEVER_FINISHED, ("302", N, UNFINISHED)),
    case(
        "networkd",
        long_ago("host answered 500, hours ago", settings=_LONG_AGO, dosnapshot=500),
        ("302", N, UNFINISHED),
    ),
    case(
        "networkd-none",
        Fault(
            "no snapshot by the host, storage refuses",
            obstacle="tcp_reset",
            orders={"presnapshot": 404},
            seen=reported(2),
        ),
        ("101", N, "TCP"),
        ("302", N, "without a code of its own"),
    ),
    case("plain5", ran("no snapshot by the host, storage open", 1, presnapshot=404), ("302", C)),
    case(
        "extension1",
        Fault(
            "extension does not start",
            orders={"settings": {"exit": "51"}},
            seen=did_not_start(EXTENSION_VERSION),
        ),
        ("302", N, "NotReady"),
    ),
    case(
        "extension1",
        Fault(
            "an older version beside it",
            f'cp -a {_FOLDER} {_OLDER}; echo \'[{{"status": {{"status": "error", "code": 76}}}}]\' > {_OLDER}/status/9.status',
            f"rm -r {_OLDER}",
        ),
        ("301", C),
        ("302", C),
    ),
    case(
        "extension1",
        written("status file cut", "head -c 60 $f > $f.new; mv $f.new $f"),
        ("302", E, _JSON),
    ),
    case(
        "extension1",
        written("odd bytes in the status file", "sed -i 's/backupHostService/\\xff\\xfe\\x01/' $f"),
        ("302", E, _JSON),
    ),
    case(
        "extension1",
        Fault(
            "its first run is under way",
            f"rm {_FOLDER}/status/*",
            orders={"settings": {"killed": "yes"}},
            seen=reported(4),
        ),
        ("302", U, UNDER_WAY),
    ),
    case(
        "extension1",
        Fault(
            "HandlerState is gone",
            f"{FREEZE}; mv {_FOLDER}/config/HandlerState /run/lab-state",
            f"mv /run/lab-state {_FOLDER}/config/HandlerState; {THAW}",
        ),
        ("302", N, "HandlerState"),
    ),
    case(
        "old-extension",
        Fault(
            "platform updates the extension",
            orders={"extension_version": EXTENSION_VERSION},
            seen=f"grep -q Ready {_FOLDER}/config/HandlerStatus && {reported(1)}",
            final=True,
        ),
        ("301", C),
        ("302", C),
    ),
    case(
        "no-extension",
        Fault(
            "extension asked for, cannot be had",
            orders={"extension": True, "extension_version": "1.0.9999.0"},
            seen="grep -q 1.0.9999.0 /var/log/waagent.log",
            final=True,
        ),
        ("301", C),  # the agent makes the folder before it fetches what belongs there
        ("302", N, "Unable to find version 1.0.9999.0"),
    ),
)
