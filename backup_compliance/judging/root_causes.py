"""Which failed control of a VM likely explains which others, and where guest and platform contradict each other.

Pure. An explanation is a likelihood, never a verdict: every finding keeps its own outcome, and a cause needs a control
that was proven not to hold. What rests on a stage that the failure got past explains nothing: a security group that
drops packets does not explain a certificate that somebody exchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from backup_compliance.model.verdicts import Outcome

FAILED: Final = frozenset({Outcome.NON_COMPLIANT, Outcome.ADVISORY, Outcome.EXEMPT})
"""Proven not to hold, whether that gates or not: only these can be a cause."""
OPEN: Final = FAILED | {Outcome.UNDETERMINED}
"""What a cause may explain."""


class Ranked(Protocol):
    """A severity."""

    @property
    def rank(self) -> int: ...  # noqa: D102  # as `controls.Severity` has it


class Judged(Protocol):
    """What is needed of a finding."""

    @property
    def control(self) -> str: ...  # noqa: D102  # the attributes of a finding
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def outcome(self) -> Outcome: ...  # noqa: D102
    @property
    def severity(self) -> Ranked: ...  # noqa: D102
    @property
    def gates(self) -> bool: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def evidence(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def see(self) -> Sequence[str]: ...  # noqa: D102


class Rule(Protocol):
    """What is needed of a control."""

    @property
    def because(self) -> str: ...  # noqa: D102  # the attributes of a control
    @property
    def breaks(self) -> Sequence[str]: ...  # noqa: D102


class RootCause(msgspec.Struct, frozen=True):
    """A finding that no other explains, and what it explains itself."""

    control: str
    because: str
    """In a few words, what is wrong."""
    found: str
    """The finding's own message."""
    explains: list[str]
    """Ids of the controls that likely fail, or cannot be decided, for this reason."""


_PACKETS: Final = frozenset({"AVB-104", "AVB-111", "AVB-113", "AVB-114"})
"""What drops packets: it explains a connection that was never made, nothing that happened after."""
_NETWORK: Final = frozenset({"AVB-101", "AVB-102"})
_BACKUP_ONLY: Final = _NETWORK | {"AVB-301", "AVB-302", "AVB-304", "AVB-311"}
"""What concerns the backup extension and no other of the extensions that AVB-312 looks at."""
_NO_NETWORK: Final = frozenset({76, 761})
"""The extension's own exit codes for no and for restricted network (VMBackup, ExtensionErrorCodeHelper)."""

_CONTRADICTIONS: Final = (
    (
        "AVB-101",
        ("AVB-111", "AVB-113", "AVB-114"),
        "the guest reaches storage, although by the platform's rules it should not ({ids}): it may go another way, such as a proxy, or the rules changed between the two readings",
        "the guest does not reach storage, although no rule, route or subnet of the platform stands in the way ({ids}): look at the guest's own firewall, its name resolution, a proxy, or an appliance on the way",
    ),
    (
        "AVB-201",
        ("AVB-211",),
        "the agent's processes run in the guest, and the platform hears nothing from it ({ids}): look at the way between them, 168.63.129.16 (AVB-103)",
        "the platform still shows an agent that is ready ({ids}), and the guest shows that it does not run: the platform's status is older than the guest's",
    ),
    (
        "AVB-204",
        ("AVB-212",),
        "the guest's agent is new enough, and the version that the platform knows is not ({ids}): the agent was updated and has not reported since, or reports its packaged version",
        "the guest's agent is too old, and the platform knows a newer one ({ids}): the two were read at different times, or a second agent lies in the guest",
    ),
    (
        "AVB-301",
        ("AVB-311",),
        "the guest's backup extension is new enough, and the version that the platform knows is not ({ids}): the agent has not reported since the update",
        "the guest's backup extension is too old, and the platform knows a newer one ({ids}): the update did not arrive in the guest",
    ),
    (
        "AVB-302",
        ("AVB-312",),
        "the backup extension is ready in the guest, and the platform says that it is not ({ids}): its status was not sent since",
        "the backup extension is not ready in the guest, and the platform knows no failed one ({ids}): its status did not reach the platform, or shows outside the success that it shows of a failed run as well",
    ),
)


def disagreements(findings: Iterable[Judged]) -> list[str]:
    """Where one side proves what the other disproves, in a sentence each."""
    by = {
        f.control: f.outcome
        for f in findings
        if f.control != "AVB-312" or f.outcome is Outcome.COMPLIANT or _is_of_backup(f)
    }
    told = []
    for guest, platform, guest_well, guest_ill in _CONTRADICTIONS:
        denied = [c for c in platform if by.get(c) in FAILED]
        if by.get(guest) is Outcome.COMPLIANT and denied:
            told.append(f"{guest}: {guest_well.format(ids=', '.join(denied))}")
        allowed = [c for c in platform if by.get(c) is Outcome.COMPLIANT]
        if by.get(guest) in FAILED and len(allowed) == len(platform):
            told.append(f"{guest}: {guest_ill.format(ids=', '.join(allowed))}")
    return told


def root_causes(findings: Sequence[Judged], rules: Mapping[str, Rule]) -> list[RootCause]:
    """What to look at first on one VM: findings that gate, or explain one that does, and that no other explains.

    The one that explains most comes first. What could not be read stands at the end, once for each reason.
    `rules` are the controls by id: what each breaks is followed further, so it names the next step only.
    """
    by = {f.control: f for f in findings if f.outcome in OPEN}
    steps = {control: _next(found, by, rules) for control, found in by.items()}
    explained = {effect for effects in steps.values() for effect in effects}
    roots = []
    for control in [c for c in by if c not in explained]:
        reached = _reached(control, steps)
        if any(by[c].gates for c in (control, *reached)):
            roots.append(_root(by[control], reached, rules))
    roots.sort(key=lambda r: _order(by[r.control], r))
    return [*roots, *_unread(findings)]


def _order(found: Judged, root: RootCause) -> tuple[bool, int, bool, int, str]:
    return found.outcome not in FAILED, -len(root.explains), not found.gates, -found.severity.rank, root.control


def _next(cause: Judged, by: Mapping[str, Judged], rules: Mapping[str, Rule]) -> list[str]:
    """The open findings that `cause` explains directly."""
    if cause.outcome not in FAILED:
        return []
    rule = rules.get(cause.control)
    direct = [c for c in rule.breaks if c in by and _reaches(cause, by[c])] if rule else []
    return direct + [
        c for c, found in by.items() if c not in direct and c != cause.control and cause.control in found.see
    ]


def _reaches(cause: Judged, effect: Judged) -> bool:
    """Whether the failure happened at a stage that the cause concerns."""
    if effect.control == "AVB-101" and cause.control in _PACKETS:
        return bool(_stages(effect) & {"connection"}) or not _stages(effect)
    if effect.control == "AVB-101" and cause.control in ("AVB-102", "AVB-115"):
        return bool(_stages(effect) & {"connection", "proxy", "name resolution"}) or not _stages(effect)
    if effect.control == "AVB-302" and cause.control in _NETWORK:
        return bool(_exit_codes(effect) & _NO_NETWORK)
    if effect.control == "AVB-312" and cause.control in _BACKUP_ONLY:
        return _is_of_backup(effect)
    if effect.control == "AVB-415":  # the vault's error says which controls look for its reason
        return cause.control in effect.see
    return True


def _is_of_backup(finding: Judged) -> bool:
    return "vmsnapshot" in finding.message.casefold()


def _stages(finding: Judged) -> set[str]:
    """The stages at which the guest's requests to storage ended, as its evidence has them."""
    storage = finding.evidence.get("storage")
    checks = storage.get("checks") if isinstance(storage, dict) else None
    found = [c.get("stage") for c in checks or () if isinstance(c, dict)]
    return {str(stage) for stage in found if stage and stage != "answered"}


def _exit_codes(finding: Judged) -> set[int]:
    """The exit codes in the extension's last status files."""
    extension = finding.evidence.get("extension")
    handlers = extension.get("handlers") if isinstance(extension, dict) else None
    last = [h.get("last") for h in handlers or () if isinstance(h, dict)]
    codes = [entry.get("code") for entry in last if isinstance(entry, dict)]
    return {code for code in codes if isinstance(code, int)}


def _reached(control: str, steps: Mapping[str, Sequence[str]]) -> list[str]:
    """Everything behind `control`, nearest first."""
    found: dict[str, None] = {}
    waiting = list(steps[control])
    while waiting:
        each = waiting.pop(0)
        if each not in found and each != control:
            found[each] = None
            waiting += steps.get(each, ())
    return list(found)


def _root(found: Judged, reached: list[str], rules: Mapping[str, Rule]) -> RootCause:
    rule = rules.get(found.control)
    undecided = found.outcome is Outcome.UNDETERMINED
    known = rule.because if rule else ""
    because = f"not decided: {found.title}" if undecided else known or f"not met: {found.title}"
    return RootCause(found.control, because, found.message, reached)


def _unread(findings: Sequence[Judged]) -> list[RootCause]:
    """One entry for each reason why something could not be read, with every control that it took."""
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        if finding.outcome is Outcome.ERROR:
            reasons.setdefault(finding.message, []).append(finding.control)
    ordered = sorted(reasons.items(), key=lambda entry: -len(entry[1]))
    return [RootCause(ids[0], "it could not be read", message, ids[1:]) for message, ids in ordered]
