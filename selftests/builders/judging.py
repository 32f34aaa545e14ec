"""What every table of cases has to hold, whichever side and system it is about."""

from __future__ import annotations

from collections.abc import Iterable

from backup_compliance.judging.findings import Finding


def check_outcome(finding: Finding, outcome: str, named: str) -> None:
    """It ended as it must, and its words name the evidence."""
    assert finding.outcome == outcome, f"{finding.outcome} instead of {outcome}: {finding.message}"
    told = f"{finding.message} {finding.remediation}"
    assert named in told, f"{named!r} is not in {told!r}"


def check_no_verdict(finding: Finding) -> None:
    """From nothing follows nothing: no pass, no failure and no exemption from applying."""
    assert finding.outcome in ("error", "undetermined"), f"{finding.outcome}: {finding.message}"
    assert finding.message, "it does not say why"


def check_kinds(outcomes: Iterable[str]) -> None:
    """A control without a failing or an unreadable recording would not be known to be able to fail."""
    found = set(outcomes)
    assert {"compliant", "error"} <= found, f"only {found}"
    assert found & {"non_compliant", "advisory"}, f"only {found}"
