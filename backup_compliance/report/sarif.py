"""`compliance.sarif`: SARIF 2.1.0 (OASIS, 2020-03-27), as code scanning of GitHub and Azure DevOps takes it.

A rule for each control, a result for each control that does not hold somewhere; exempt ones are suppressed. What could
not be read or decided is no result of an analysis but a notification of its invocation (3.20.21).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec

from backup_compliance import __version__
from backup_compliance.catalogue.controls import CAUSES, Severity
from backup_compliance.judging.findings import Finding
from backup_compliance.model.verdicts import Outcome
from backup_compliance.report.document import ControlInfo, Document

RESULTS: Final = (Outcome.NON_COMPLIANT, Outcome.ADVISORY, Outcome.EXEMPT)
NOTIFIED: Final = (Outcome.ERROR, Outcome.UNDETERMINED)
_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
_SCORES: Final = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""GitHub shows critical above 9.0, high from 7.0, medium from 4.0 (its SARIF support, `security-severity`)."""
_BASE: Final = "SUITE"
"""The suite's own folder, which the paths of tests begin at."""


class _Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Objects of the specification; properties that are empty are left out."""


class _Text(_Model, frozen=True, kw_only=True, rename="camel"):
    text: str
    markdown: str = ""


class _Rule(_Model, frozen=True, kw_only=True, rename="camel"):
    id: str
    name: str
    short_description: _Text
    full_description: _Text
    help: _Text
    default_configuration: dict[str, str]
    properties: dict[str, Any]


class _Artifact(_Model, frozen=True, kw_only=True, rename="camel"):
    uri: str
    uri_base_id: str


class _Place(_Model, frozen=True, kw_only=True, rename="camel"):
    artifact_location: _Artifact
    region: dict[str, int]


class _Logical(_Model, frozen=True, kw_only=True, rename="camel"):
    name: str
    fully_qualified_name: str
    kind: str = "resource"


class _Location(_Model, frozen=True, kw_only=True, rename="camel"):
    physical_location: _Place
    logical_locations: list[_Logical]


class _Suppression(_Model, frozen=True, kw_only=True, rename="camel"):
    kind: str
    status: str
    justification: str


class _Result(_Model, frozen=True, kw_only=True, rename="camel"):
    rule_id: str
    rule_index: int
    level: str
    message: _Text
    locations: list[_Location]
    partial_fingerprints: dict[str, str]
    # an empty list says that the result was looked at and is not suppressed (3.27.23)
    suppressions: list[_Suppression] | None = None
    properties: dict[str, Any]


class _Notification(_Model, frozen=True, kw_only=True, rename="camel"):
    level: str
    message: _Text
    locations: list[_Location]
    associated_rule: dict[str, Any]


class _Invocation(_Model, frozen=True, kw_only=True, rename="camel"):
    execution_successful: bool
    start_time_utc: str
    end_time_utc: str
    exit_code: int
    tool_execution_notifications: list[_Notification] = []


class _Driver(_Model, frozen=True, kw_only=True, rename="camel"):
    name: str
    version: str
    semantic_version: str
    rules: list[_Rule]


class _Run(_Model, frozen=True, kw_only=True, rename="camel"):
    tool: dict[str, _Driver]
    invocations: list[_Invocation]
    original_uri_base_ids: dict[str, Any]
    automation_details: dict[str, str]
    column_kind: str = "unicodeCodePoints"
    results: list[_Result]
    properties: dict[str, Any]


def write_sarif(document: Document, path: Path) -> None:
    """The log file with one run."""
    log = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [_run(document)],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(log), indent=1) + b"\n")


def _run(document: Document) -> _Run:
    controls = {c.id: c for c in document.controls}
    positions = {identifier: n for n, identifier in enumerate(controls)}
    rules = [_rule(control) for control in controls.values()]
    results = [_result(f, controls[f.control], positions[f.control]) for f in document.findings if f.outcome in RESULTS]
    notes = [_note(f, controls[f.control], positions[f.control]) for f in document.findings if f.outcome in NOTIFIED]
    run = document.run
    invocation = _Invocation(
        # false would tell GitHub that the upload is worthless, and it is not: what was judged stands in the results
        execution_successful=True,
        start_time_utc=f"{run.started:%Y-%m-%dT%H:%M:%SZ}",
        end_time_utc=f"{run.finished:%Y-%m-%dT%H:%M:%SZ}",
        exit_code=run.exit_status,
        tool_execution_notifications=notes,
    )
    driver = _Driver(name="azure-backup-compliance", version=__version__, semantic_version=__version__, rules=rules)
    return _Run(
        tool={"driver": driver},
        invocations=[invocation],
        original_uri_base_ids={_BASE: {"description": {"text": "the folder of azure-backup-compliance"}}},
        automation_details={"id": "azure-backup-compliance/"},
        results=results,
        properties={"baseline": run.baseline, "scope": run.scope, "facts": run.facts},
    )


def _rule(control: ControlInfo) -> _Rule:
    return _Rule(
        id=control.id,
        name="".join(word.capitalize() for word in control.title.split()),
        short_description=_Text(text=control.title),
        full_description=_Text(text=control.rationale),
        help=_Text(
            text=f"{control.remediation} Source: {control.source}.",
            markdown=f"{control.remediation}\n\nSource: {control.source}.",
        ),
        default_configuration={"level": _LEVELS[control.severity]},
        properties={
            "tags": ["security", "azure-vm-backup", control.side, CAUSES[control.cause]],
            "precision": "high",
            "security-severity": _SCORES[control.severity],
        },
    )


def _result(finding: Finding, control: ControlInfo, position: int) -> _Result:
    suppressions = None
    if finding.exemption is not None and finding.exemption.live:
        suppressions = [_Suppression(kind="external", status="accepted", justification=finding.exemption.text)]
    return _Result(
        rule_id=finding.control,
        rule_index=position,
        level=_LEVELS[finding.severity],
        message=_Text(
            text=f"{finding.name}: {finding.message}. What to do: {finding.remediation or control.remediation}"
        ),
        locations=[_location(finding, control)],
        partial_fingerprints=fingerprints(finding),
        suppressions=suppressions,
        properties={"outcome": str(finding.outcome), "severity": str(finding.severity), "vm": finding.vm or ""},
    )


def fingerprints(finding: Finding) -> dict[str, str]:
    """What makes the same failure of the same resource the same alert tomorrow: control and resource, nothing that moves.

    All results of a control stand at one line of its test. GitHub tells alerts apart by `primaryLocationLineHash`, which
    it would else compute from that line and take them all for one.
    """
    told = f"{finding.control}\n{finding.resource.casefold()}"
    digest = hashlib.sha256(told.encode()).hexdigest()
    return {"controlAndResource/v1": digest, "primaryLocationLineHash": f"{digest[:16]}:1"}


def _note(finding: Finding, control: ControlInfo, position: int) -> _Notification:
    return _Notification(
        level="error" if finding.gates else "warning",
        message=_Text(text=f"{finding.name}: {finding.outcome}: {finding.message}. What to do: {finding.remediation}"),
        locations=[_location(finding, control)],
        associated_rule={"id": finding.control, "index": position},
    )


def _location(finding: Finding, control: ControlInfo) -> _Location:
    return _Location(
        physical_location=_Place(
            artifact_location=_Artifact(uri=control.file, uri_base_id=_BASE), region={"startLine": control.line}
        ),
        logical_locations=[_Logical(name=finding.name, fully_qualified_name=finding.resource)],
    )
