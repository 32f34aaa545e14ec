"""Which Pythons the extension's launcher tries, in its order: main/handle.sh of VMBackup.

For each name of its list it looks into /usr/bin, then /usr/local/bin; then it takes `which python`, then the interpreter
that runs the agent. It starts each that exists until one of them ends well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from backup_compliance.guest.extension_status.facts import Interpreter
from backup_compliance.guest.probe_output import RECOLLECT_WITH_THIS_PROBE, ProbeOutput
from backup_compliance.guest.versions import parse_version
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

REVISION: Final = 2
"""From this revision on the probe prints every interpreter that the launcher would try, until one is surely fit."""
AGENT: Final = "it runs the agent"
_PLACES: Final = {"path": "in the launcher's list", "which": "`which python`", "agent": AGENT}
_CANDIDATE: Final = re.compile(r"(path|which|agent)=(/\S.*)?")
_VERSION: Final = re.compile(r"Python ([0-9.]{3,40})")
_AGENT_PROCESS: Final = re.compile(r"process ([0-9]{1,10}) (/\S{1,200}) .*")


def parse_interpreters(output: ProbeOutput) -> tuple[Interpreter, ...]:
    """What the launcher would try, in its order; empty where there is none.

    Raises `Unreadable` where the probe did not look everywhere.
    """
    part = output.one("python")
    pairs = part.pairs()
    if "path" not in pairs and "searched" not in pairs:
        raise Unreadable("nothing was looked for in /usr/bin", RECOLLECT_WITH_THIS_PROBE)
    found = list(_candidates(part.lines()))
    if output.revision < REVISION:
        found += _agents_own(output, {i.path for i in found})
    elif "agent" not in pairs and not any(_is_surely_fit(i) for i in found):
        raise Unreadable("the probe's output does not say which Python runs the agent", RECOLLECT_WITH_THIS_PROBE)
    return tuple(found)


def _candidates(lines: list[str]) -> Iterator[Interpreter]:
    known: dict[str, Interpreter] = {}
    place, path, said = "", "", ""
    for line in [*lines, "path="]:
        candidate = _CANDIDATE.fullmatch(line.strip())
        if candidate is None:
            told = _VERSION.match(line.strip())
            said = said or (told.group(1) if told else "")
            continue
        if path and path not in known:
            known[path] = Interpreter(printable(path), parse_version(said), _PLACES[place])
            yield known[path]
        place, path, said = candidate.group(1), candidate.group(2) or "", ""


def _is_surely_fit(interpreter: Interpreter) -> bool:
    """As in the probe, which ends its list there."""
    return interpreter.version is not None and (2, 6) <= interpreter.version.release[:2] < (3, 12)


def _agents_own(output: ProbeOutput, known: set[str]) -> list[Interpreter]:
    """The agent's interpreter, out of its command line and what `waagent --version` says; () where that is a bare name."""
    lines = [line for p in output.all("processes") for line in p.lines()]
    found = [m for line in lines if (m := _AGENT_PROCESS.fullmatch(line)) and "waagent" in line.lower()]
    paths = (m.group(2) for m in sorted(found, key=lambda m: int(m.group(1))))  # as ps lists them
    path = next((p for p in paths if "python" in p), None)
    if path is None or path in known:
        return []
    told = re.search(r"^Python: ([0-9.]{3,40})", "\n".join(p.text for p in output.all("version")), re.MULTILINE)
    return [Interpreter(printable(path), parse_version(told.group(1)) if told else None, AGENT)]
