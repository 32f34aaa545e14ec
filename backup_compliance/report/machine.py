"""`compliance.json`, and `junit.xml` as CI systems read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import junitparser
import msgspec

from backup_compliance.judging.findings import Finding
from backup_compliance.model.verdicts import Outcome
from backup_compliance.report.document import ControlInfo, Document


def write_json(document: Document, path: Path) -> None:
    """The document itself, a finding a line: those of a fleet are tens of megabytes, which nobody holds twice or indents."""
    around = msgspec.json.encode(msgspec.structs.replace(document, findings=[]))
    before, empty, after = msgspec.json.format(around, indent=2).rpartition(b'"findings": []')
    encoder = msgspec.json.Encoder()
    with path.open("wb") as file:
        file.write(before + empty[:-1])
        for number, finding in enumerate(document.findings):
            file.write((b"," if number else b"") + b"\n    " + encoder.encode(finding))
        file.write((b"\n  " if document.findings else b"") + b"]" + after + b"\n")


def write_junit(document: Document, path: Path) -> None:
    """A suite for each VM and other resource, a test case for each finding.

    Azure Pipelines and the actions that show test results on GitHub group by suite or by class name, and list the case's
    name; failures, errors and skips show their message first. Advice and exemptions are skips: they do not fail a build.
    """
    names = {v.vm: v.name for v in document.verdicts}
    controls = {c.id: c for c in document.controls}
    groups: dict[str, list[Finding]] = {}
    for finding in document.findings:
        groups.setdefault(finding.vm or finding.resource, []).append(finding)
    report = junitparser.JUnitXml("azure-backup-compliance")
    for key, found in groups.items():
        # add_testsuite compares each suite with all before it
        report.append(_suite(document, names.get(key, found[0].name), found, controls))
    report.update_statistics()
    report.write(str(path), pretty=False)


def _suite(
    document: Document, name: str, findings: Sequence[Finding], controls: dict[str, ControlInfo]
) -> junitparser.TestSuite:
    suite = junitparser.TestSuite(name)
    suite.timestamp = document.run.started.isoformat(timespec="seconds")
    suite.add_property("baseline", document.run.baseline)
    suite.add_property("scope", document.run.scope)
    # the library's own ways to add them count everything again, which the whole report does at its end
    suite.extend([_case(finding, name, controls[finding.control]) for finding in findings])
    return suite


def _case(finding: Finding, vm: str, control: ControlInfo) -> junitparser.TestCase:
    case = junitparser.TestCase(f"{finding.control} {finding.title}", classname=f"{vm}.{finding.side}", time=0.0)
    # what pytest's own xunit1 has; actions that annotate look for them
    case._elem.set("file", control.file)  # noqa: SLF001  # the library knows no such attributes
    case._elem.set("line", str(control.line))  # noqa: SLF001
    properties = junitparser.Properties()
    for name in ("control", "severity", "resource", "outcome"):
        properties.add_property(junitparser.Property(name, str(getattr(finding, name))))
    case.append(properties)
    told = f"{finding.severity}: {finding.message}"
    text = f"{finding.message}\n\nResource: {finding.resource}\nWhat to do: {finding.remediation}\nSource: {finding.source}\n{finding.other_baseline.text}"
    result: junitparser.Failure | junitparser.Error | junitparser.Skipped | None = None
    if finding.outcome is Outcome.NON_COMPLIANT:
        result = junitparser.Failure(told, finding.severity)
        result.text = text
    elif finding.gates:
        result = junitparser.Error(told, finding.outcome)
        result.text = text
    elif finding.outcome is not Outcome.COMPLIANT:
        result = junitparser.Skipped(f"{finding.outcome}: {finding.message}", finding.outcome)
    if result is not None:
        case.result = [result]
    return case
