"""One verdict per VM, made of all its findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from backup_compliance.catalogue.controls import Control
from backup_compliance.judging.findings import JUDGED, Finding, Verdict, VmVerdict
from backup_compliance.judging.root_causes import disagreements, root_causes
from backup_compliance.model.verdicts import Outcome


def verdicts(
    findings: Iterable[Finding],
    expected: Mapping[str, Collection[str]],
    vms: Mapping[str, tuple[str, str, bool]],
    catalogue: Mapping[str, Control],
) -> list[Verdict]:
    """One verdict per VM, the worst first; a VM that was not read, or judged in part only, is not assessed.

    Args:
        findings: of every VM; those of other resources count for no VM.
        expected: the ids of all controls of each side; whoever lacks one of them cannot be ready.
        vms: name, host id and whether ARM knows it, for everyone to be judged; those without any finding were not.
        catalogue: the controls by id, with what each breaks.
    """
    by_vm: dict[str, list[Finding]] = {vm: [] for vm in vms}
    for finding in findings:
        if finding.vm is not None:
            by_vm.setdefault(finding.vm, []).append(finding)
    order = [VmVerdict.NOT_READY, VmVerdict.NOT_ASSESSED, VmVerdict.READY]
    named = {vm: vms.get(vm, (vm, "", False))[:2] for vm in by_vm}
    return sorted(
        (_verdict(vm, named[vm], _sides(vms.get(vm)), found, expected, catalogue) for vm, found in by_vm.items()),
        key=lambda v: (order.index(v.verdict), v.name.casefold(), v.vm.casefold()),
    )


def _sides(vm: tuple[str, str, bool] | None) -> set[str]:
    """The sides that something was read of, whether it was judged or not."""
    if vm is None:
        return set()
    return {side for side, is_known in (("guest", bool(vm[1])), ("platform", vm[2])) if is_known}


def _verdict(
    vm: str,
    named: tuple[str, str],
    known: set[str],
    findings: Sequence[Finding],
    expected: Mapping[str, Collection[str]],
    catalogue: Mapping[str, Control],
) -> Verdict:
    sides = {f.side for f in findings}
    causes = root_causes(findings, catalogue)
    verdict, reason = _judged(findings, sides | known, expected, [c.control for c in causes])
    return Verdict(
        vm=vm,
        name=named[0],
        host=named[1],
        verdict=verdict,
        sides="" if len(sides) != 1 else f"{min(sides)} only",
        reason=reason,
        counts=dict(Counter(f.outcome for f in findings)),
        causes=causes,
        disagreements=disagreements(findings),
    )


def _judged(
    findings: Sequence[Finding], sides: Collection[str], expected: Mapping[str, Collection[str]], causes: Sequence[str]
) -> tuple[VmVerdict, str]:
    if not findings:
        return VmVerdict.NOT_ASSESSED, "not judged in this run"
    gating = sorted(
        (f for f in findings if f.gates),
        # the likely root cause first, then the worst
        key=lambda f: (
            f.outcome is not Outcome.NON_COMPLIANT,
            causes.index(f.control) if f.control in causes else len(causes),
            -f.severity.rank,
            f.control,
        ),
    )
    run = {f.control for f in findings}
    whole = {c for side in sides for c in expected.get(side, ())}
    if gating and gating[0].outcome is Outcome.NON_COMPLIANT:
        return VmVerdict.NOT_READY, f"{gating[0].control} {gating[0].title}"
    if gating or not any(f.outcome in JUDGED for f in findings):
        return VmVerdict.NOT_ASSESSED, gating[0].message if gating else "no control applied to it"
    if whole - run:
        return VmVerdict.NOT_ASSESSED, f"only {len(run & whole)} of {len(whole)} controls were run"
    return VmVerdict.READY, ""
