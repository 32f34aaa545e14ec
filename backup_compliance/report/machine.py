"""`compliance.json`, and `junit.xml` as CI systems read it."""

from __future__ import annotations

from pathlib import Path

import junitparser
import msgspec

from backup_compliance.report.findings import Document, Finding
from backup_compliance.verdicts import Outcome


def write_json(document: Document, path: Path) -> None:
    """The document itself."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def write_junit(document: Document, path: Path) -> None:
    """A test case per finding; control, severity and resource as properties."""
    suite = junitparser.TestSuite("azure-backup-compliance")
    suite.timestamp = document.run.started.isoformat(timespec="seconds")
    suite.add_property("baseline", document.run.baseline)
    suite.add_property("scope", document.run.scope)
    # one by one, the library would count everything again after each
    suite.add_testcases([_case(finding) for finding in document.findings])
    report = junitparser.JUnitXml()
    report.add_testsuite(suite)
    report.update_statistics()
    report.write(str(path), pretty=False)


def _case(finding: Finding) -> junitparser.TestCase:
    case = junitparser.TestCase(
        f"{finding.control} {finding.title} [{finding.name}]",
        classname=f"{finding.side}.{finding.control}",
        time=0.0,
    )
    properties = junitparser.Properties()
    for name in ("control", "severity", "resource", "outcome"):
        properties.add_property(junitparser.Property(name, str(getattr(finding, name))))
    case.append(properties)
    text = f"{finding.message}\n\nWhat to do: {finding.remediation}\nSource: {finding.source}"
    result: junitparser.Failure | junitparser.Error | junitparser.Skipped | None = None
    if finding.outcome is Outcome.NON_COMPLIANT:
        result = junitparser.Failure(finding.message, finding.severity)
        result.text = text
    elif finding.gates:
        result = junitparser.Error(finding.message, finding.outcome)
        result.text = text
    elif finding.outcome is not Outcome.COMPLIANT:
        result = junitparser.Skipped(f"{finding.outcome}: {finding.message}")
    if result is not None:
        case.result = [result]
    return case
