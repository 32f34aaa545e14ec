"""The backup extension: never there, old, unable to start, its last run failed; told by the agent itself."""

from __future__ import annotations

from typing import Final

from selftests.lab.cases.agent import FREEZE, THAW
from selftests.lab.places import EXTENSION
from selftests.lab.table import C, Case, E, Fault, N, case

_FOLDER: Final = f"/var/lib/waagent/{EXTENSION}-1.0.9220.0"
_OLDER: Final = f"/var/lib/waagent/{EXTENSION}-1.0.80.0"
_LAST: Final = f"cat $(ls -t {_FOLDER}/status/*.status | head -n 1)"
_JSON: Final = "no readable JSON"
GUESTS: Final = (
    *("plain1", "plain2", "plain3", "plain4", "plain5", "plain6", "agent1", "agent2", "agent3"),
    *("proxy1", "proxy2", "proxy3", "dhclient", "networkd", "networkmanager"),
)
"""Guests whose extension is told to fail, one a code."""
CODES: Final = {
    11: "a parameter of the command is wrong",
    13: "the guest's clock is wrong",
    15: "an HTTP request failed",
    16: "certificate was not found",
    76: "no network",
    85: "the limit of snapshots",
    121: "fsfreeze failed",
    122: "fsfreeze timed out",
    123: "a mount could not be opened",
    124: "safefreeze binary is missing",
    173: "asked for too often",
    310: "pre- or post-script failed",
    402: "started too late",
    556: "server error",
    761: "restricted network",
}


def _failed(code: int) -> Fault:
    """The platform sends new settings, the agent hands them over, the extension writes this code."""
    settings = {"status": "error", "code": str(code)}
    return Fault(
        f"extension's last run: {code}", orders={"settings": settings}, seen=f"{_LAST} | grep -q '\"code\": {code},'"
    )


def _written(name: str, change: str) -> Fault:
    """Another status file than the extension wrote; the agent, which looks after its files, stands still meanwhile."""
    files = f"{_FOLDER}/status"
    return Fault(
        name,
        f"{FREEZE}; cp -a {files} /run/lab-status; f={files}/$(ls {files} | sort -n | tail -n 1); {change}",
        f"rm -r {files}; mv /run/lab-status {files}; {THAW}",
    )


CASES: Final[tuple[Case, ...]] = (
    *(
        case(guest, _failed(code), ("302", N, words))
        for guest, (code, words) in zip(GUESTS, CODES.items(), strict=True)
    ),
    case(
        "extension1",
        Fault(
            "extension does not start",
            orders={"settings": {"exit": "51"}},
            seen=f"grep -q NotReady {_FOLDER}/config/HandlerStatus",
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
        _written("status file cut", "head -c 60 $f > $f.new; mv $f.new $f"),
        ("302", E, _JSON),
    ),
    case(
        "extension1",
        _written("odd bytes in the status file", "sed -i 's/stand-in/\\xff\\xfe\\x01 stand/' $f"),
        ("302", E, _JSON),
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
            orders={"extension_version": "1.0.9220.0"},
            seen=f"grep -q Ready {_FOLDER}/config/HandlerStatus",
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
