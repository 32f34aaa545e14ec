"""What the lines of each part of `probe.sh` look like: a line that is none of these could be the one that counts."""

from __future__ import annotations

import re
from typing import Final

from backup_compliance.guest.probe_output import PAIR, PartGrammar

FILE_STATE: Final = re.compile(r"(absent|readable|unreadable|directory|special|kernel) (/.*)", re.DOTALL)
# A path ends at the first colon; network scripts of interface aliases (ifcfg-eth0:1) hold one more.
FILE_LINE: Final = re.compile(r"(/[^:]*(?::\d+(?=:))?):(.*)", re.DOTALL)
LEASE_TAIL: Final = 32768
"""Bytes of leases after which the probe leaves out their beginning: the newest one comes last."""

_ADDRESS: Final = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"


def _one_of(*patterns: str | re.Pattern[str]) -> PartGrammar:
    return PartGrammar(_any_of(*patterns))


def _any_of(*patterns: str | re.Pattern[str]) -> re.Pattern[str]:
    texts = (p if isinstance(p, str) else p.pattern for p in patterns)
    return re.compile("|".join(f"(?:{text})" for text in texts), re.DOTALL)


GRAMMARS: Final = {
    "meta": _one_of(PAIR),
    "routes": _one_of(
        r"Iface\s.*", r"\S+\s+[0-9A-F]{8}\s+[0-9A-F]{8}\s+[0-9A-F]{4}\s+\d+\s+\d+\s+\d+\s+[0-9A-F]{8}\s.*"
    ),
    "interface": _one_of(PAIR, rf"[0-9]+: \S+\s+inet {_ADDRESS}[/ ].*"),
    "memory": _one_of(PAIR, r"[A-Za-z0-9_()]+: [0-9]{1,20}"),
    "files": _one_of(FILE_STATE),
    "config": _one_of(FILE_LINE),
    "leases": PartGrammar(FILE_LINE, begins_anywhere=LEASE_TAIL),
    "dhcpcd": _one_of(r"[0-9a-f ]+"),
    "nmcli": _one_of(PAIR, r"[A-Z0-9.-]+(?:\[[0-9]{1,4}\])?:.*"),
    "processes": _one_of(
        PAIR, r"scanned [0-9]+", r"process [0-9]{1,10} .*", r"running handler .*", r"environment [0-9]+ [A-Za-z_]+=.*"
    ),
    "units": _one_of(PAIR, FILE_STATE, FILE_LINE),
    "python": PartGrammar(PAIR, free_behind=re.compile(r"(?!searched)[a-z]+=.*", re.DOTALL)),
    "extension": _one_of(PAIR, r"(?:handler|status) /.*", FILE_LINE),
    "endpoints": _one_of(PAIR, r"[A-Za-z0-9.:-]+(?: \S+)?"),
    "goal-state": _one_of(PAIR),
    "cpu": _one_of(PAIR, r"cpu +[0-9]{1,20}(?: +[0-9]{1,20}){3,15} *"),
}
"""`version`, `http` and `route` are a program's own words, which their parsers look through. What cannot be read of
`imds` costs the names that it would have told, and not the whole guest."""
