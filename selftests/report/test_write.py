"""Reports: valid in their formats, complete, and safe with hostile data in every place it can reach."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import msgspec
import pytest

from backup_compliance.gathering.folder import Facts, save_facts
from backup_compliance.judging.findings import Verdict, VmVerdict
from backup_compliance.judging.vm_verdicts import verdicts
from backup_compliance.model.recorded import RecordedGuest
from backup_compliance.report.ci import publish_summary
from backup_compliance.report.markdown import escaped
from backup_compliance.report.sarif import RESULTS, fingerprints
from selftests.builders.hostile import hostile_facts
from selftests.builders.product import ROOT, Judged, judge_apart
from selftests.builders.recordings import CONF, ubuntu

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
HOSTILE = f"{SCRIPT}\u202egnp.exe\x1b[31m]]>&amp;|`*_{{% raw %}}" + "x" * 5000


def _hostile() -> Facts:
    guest = ubuntu().edit("meta", ("hostname=sample", f"hostname={HOSTILE}"))
    guest = guest.config("/etc/waagent.conf", f"{CONF}\nHttpProxy.Host={HOSTILE}\nHttpProxy.Port={HOSTILE}")
    guest = guest.edit(
        "units", ("Restart=always", f"Restart={HOSTILE}"), ("UnitFileState=enabled", f"UnitFileState={HOSTILE}")
    )
    guest = guest.edit("extension", ("Plugin enabled", SCRIPT), ('"Ready"', f'"{SCRIPT}"'))
    guest = guest.edit("config", ("Ubuntu 24.04.3 LTS", HOSTILE))
    return Facts((RecordedGuest("web01", guest.output()), RecordedGuest("web02", HOSTILE.encode())), label=HOSTILE)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One run over guests that try to break out of every report."""
    base = tmp_path_factory.mktemp("reports")
    save_facts(_hostile(), base / "facts")
    return judge_apart(base / "reports", f"--facts={base / 'facts'}", "-v")


def _read(judged: Judged, name: str) -> str:
    return (judged.folder / name).read_text(encoding="utf-8")


class _Page(html.parser.HTMLParser):
    """Elements of a page, and what stands in those that are no markup."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the element."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Remember the report's own data."""
        if self.tags and self.tags[-1][1].get("id") == "avb-data":
            self.data += data


def test_html_holds_no_element_of_a_hosts_making(judged: Judged) -> None:
    """No script but the report's own two, no handler, no image but pytest-html's empty one; the data is whole."""
    text = _read(judged, "compliance.html")
    page = _Page(text)
    assert not [a for _, a in page.tags if any(k.startswith("on") for k in a)]
    assert [a.get("src") for tag, a in page.tags if tag == "img"] == [""]
    assert [a.get("id") for tag, a in page.tags if tag == "script"] == ["avb-data", None, None]
    assert "<script>alert" not in text
    messages = {f.message for f in judged.document.findings if "<script>" in f.message}
    assert messages
    assert messages <= set(json.loads(page.data)["texts"])


def test_html_runs_its_own_scripts_only(judged: Judged) -> None:
    """The policy in its head names each script and style sheet by its hash, and no other place."""
    (policy,) = [
        str(a["content"])
        for _, a in _Page(_read(judged, "compliance.html")).tags
        if a.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    assert len(rules["script-src"]) == 2
    assert all(source.startswith("'sha256-") for kind in ("script-src", "style-src") for source in rules[kind])
    assert rules["img-src"] == ["data:"]


def test_tests_that_are_no_control_stay_in_pytest_htmls_table(tmp_path: Path) -> None:
    """Somebody's own test beside the controls is not lost, and its name is no markup."""
    own = tmp_path / "test_own.py"
    own.write_text(
        "import pytest\n@pytest.mark.parametrize('x', ['<img src=x onerror=alert(1)>'])\ndef test_own(x): assert not x\n"
    )
    judged = judge_apart(
        tmp_path / "reports", f"--facts={ROOT / 'samples/facts'}", str(own), "-k", "test_own or AVB-501"
    )
    page = _Page(_read(judged, "compliance.html"))
    (rows,) = [json.loads(str(a["data-jsonblob"]))["tests"] for _, a in page.tags if "data-jsonblob" in a]
    (row,) = rows.values()
    assert "&lt;img src=x" in row[0]["resultsTableRow"][1]
    assert [a["data-others"] for tag, a in page.tags if tag == "main"] == ["1"]
    assert judged.status == 1


def test_html_asks_no_other_place_for_anything(judged: Judged) -> None:
    """One self-contained file: no address in a src, no style sheet, no font."""
    tags = _Page(_read(judged, "compliance.html")).tags
    assert not [a for t, a in tags if t in ("link", "iframe", "object") or re.match(r"https?:|//", a.get("src") or "")]


def test_no_report_holds_control_characters(judged: Judged) -> None:
    """Escape sequences and bidirectional marks of a host reach no file and no terminal."""
    for name in ("compliance.html", "compliance.json", "compliance.sarif", "junit.xml", "summary.md"):
        text = _read(judged, name)
        assert "\x1b" not in text, name
        assert "\u202e" not in text, name
        assert "\\u202e" not in text.replace("\\\\", ""), name
    assert "\x1b[31m" not in judged.text
    assert "\u202e" not in judged.text


def test_hostile_subscription_breaks_no_format(tmp_path: Path) -> None:
    """ARM's names, tags and messages lie as well, in lines of a megabyte: every file stays valid, printable and small."""
    save_facts(hostile_facts(), tmp_path / "facts")
    judged = judge_apart(tmp_path / "reports", f"--facts={tmp_path / 'facts'}")
    assert len(judged.document.findings) > 50
    assert len(ElementTree.fromstring(_read(judged, "junit.xml")).findall("testsuite")) > 1
    assert _sarif(judged)["results"]
    for path in judged.folder.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search("[\x1b\x07\u202e\u2066]", text), path
        assert "A" * 5000 not in text, path
    assert "<script" not in _read(judged, "summary.md")
    assert not re.search(r"(?m)^<", _read(judged, "summary.md"))


def test_junit_is_xml_that_ci_systems_read(judged: Judged) -> None:
    """Counts agree with the findings; control, severity and resource are properties."""
    root = ElementTree.fromstring(_read(judged, "junit.xml"))
    cases = list(root.iter("testcase"))
    findings = judged.document.findings
    assert len(cases) == len(findings)
    assert len(list(root.iter("failure"))) == sum(f.outcome == "non_compliant" for f in findings)
    assert len(list(root.iter("error"))) == sum(f.gates and f.outcome != "non_compliant" for f in findings)
    first = {p.get("name"): p.get("value") for p in cases[0].iter("property")}
    assert set(first) == {"control", "severity", "resource", "outcome"}


def test_junit_groups_by_machine(judged: Judged) -> None:
    """A suite for each VM; a case says its control, where its test stands, and its severity first."""
    suites = ElementTree.fromstring(_read(judged, "junit.xml")).findall("testsuite")
    assert [s.get("name") for s in suites] == ["web01", "web02"]
    assert sum(int(s.get("tests", 0)) for s in suites) == len(judged.document.findings)
    case = next(c for c in suites[0].iter("testcase") if c.find("failure") is not None)
    failure = case.find("failure")
    assert failure is not None
    assert re.match(r"(critical|high|medium|low): ", str(failure.get("message")))
    assert (ROOT / str(case.get("file"))).is_file()


def _sarif(judged: Judged) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(_read(judged, "compliance.sarif"))
    schema = json.loads((ROOT / "selftests/schemas/sarif-2.1.0.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(log)
    found: dict[str, Any] = log["runs"][0]
    return found


def test_sarif_is_valid_and_complete(judged: Judged) -> None:
    """By the schema; a rule for each control, a result for each failure, a notification for what was not read or decided."""
    run = _sarif(judged)
    findings = judged.document.findings
    assert [r["id"] for r in run["tool"]["driver"]["rules"]] == [c.id for c in judged.document.controls]
    assert len(run["results"]) == sum(f.outcome in RESULTS for f in findings)
    (invocation,) = run["invocations"]
    notes = invocation["toolExecutionNotifications"]
    assert len(notes) == sum(f.outcome in ("error", "undetermined") for f in findings)
    assert invocation["exitCode"] == judged.status


def test_sarif_result_stands_at_its_test_and_names_its_resource(judged: Judged) -> None:
    """GitHub refuses a result without a file; the line is that of the control's test."""
    for result in _sarif(judged)["results"]:
        (location,) = result["locations"]
        place = location["physicalLocation"]
        lines = (ROOT / place["artifactLocation"]["uri"]).read_text().splitlines()
        line = place["region"]["startLine"]
        assert f'"{result["ruleId"]}"' in "".join(lines[line - 1 : line + 1])
        assert location["logicalLocations"][0]["fullyQualifiedName"] in ("web01", "web02")


def test_sarif_fingerprints_tell_resources_apart_and_stay(judged: Judged) -> None:
    """One alert for each control and resource, whatever the message says today."""
    findings = [f for f in judged.document.findings if f.outcome in RESULTS]
    found = [fingerprints(f) for f in findings]
    assert len({f["primaryLocationLineHash"] for f in found}) == len(findings)
    assert [r["partialFingerprints"] for r in _sarif(judged)["results"]] == found
    assert fingerprints(msgspec.structs.replace(findings[0], message="another", severity="low")) == found[0]


def test_sarif_suppresses_what_is_exempt(tmp_path: Path) -> None:
    """With the exemption's own words; an expired one suppresses nothing."""
    entry = '[[exemption]]\ncontrol = "{}"\nresource = "*"\nreason = "why"\nowner = "who"\nexpires_on = {}-01-31\n'
    file = tmp_path / "exemptions.toml"
    file.write_text(entry.format("AVB-203", 2999) + entry.format("AVB-404", 2020))
    run = _sarif(judge_apart(tmp_path / "reports", f"--facts={ROOT / 'samples/facts'}", f"--exemptions={file}"))
    by = {r["ruleId"]: r for r in run["results"]}
    (suppression,) = by["AVB-203"]["suppressions"]
    assert suppression["justification"] == "exempt until 2999-01-31: why, owner who"
    assert "suppressions" not in by["AVB-404"]


def test_summary_goes_where_the_ci_system_looks(tmp_path: Path) -> None:
    """Appended to GitHub's job summary, uploaded by Azure Pipelines' command; a place that is none is told."""
    summary, target = tmp_path / "summary.md", tmp_path / "step.md"
    summary.write_text("# ours\n")
    target.write_text("# another step's\n")
    assert publish_summary(summary, {"GITHUB_STEP_SUMMARY": str(target)}) == []
    assert target.read_text() == "# another step's\n# ours\n"
    assert publish_summary(summary, {"TF_BUILD": "True"}) == [f"##vso[task.uploadsummary]{summary}"]
    assert "could not be written" in publish_summary(summary, {"GITHUB_STEP_SUMMARY": str(tmp_path)})[0]
    assert publish_summary(summary, {}) == []


def test_summary_shows_markup_of_a_host_as_text(judged: Judged) -> None:
    """Nothing in the summary is HTML, and no cell breaks its table."""
    text = _read(judged, "summary.md")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    rows = [x for x in text.splitlines() if x.startswith("| AVB-")]
    assert rows
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


def test_messages_are_short(judged: Judged) -> None:
    """A megabyte in one line of a guest becomes a line that people can read."""
    assert max(len(f.message) for f in judged.document.findings) <= 700


def test_json_is_complete(judged: Judged) -> None:
    """Every finding has what the schema promises; scope, baseline, versions and the age of the facts are told."""
    document = judged.document
    assert {f.control for f in document.findings if f.resource == "web01"} == {f.control for f in document.findings}
    assert document.run.baseline.startswith("documented")
    assert document.run.scope == "2 guests, guest side only"
    assert "2026-11-23 08:00 UTC" in document.run.facts
    assert document.run.exit_status == judged.status == 1
    assert all(f.test.startswith("tests_guest/") and f.side == "guest" for f in document.findings)


def test_markdown_escapes_what_means_something() -> None:
    """Pipes, backticks, links and HTML are shown, not done."""
    assert escaped("a|b`c`[x](y)<b>&") == r"a\|b\`c\`\[x\]\(y\)&lt;b&gt;&amp;"


def test_vm_nothing_was_read_of_is_not_assessed(judged: Judged) -> None:
    """Errors alone are no verdict on the VM; a failure beside them is."""
    by_vm: dict[str, Verdict] = {v.vm: v for v in verdicts(judged.document.findings, {}, {}, {})}
    assert by_vm["web02"].verdict is VmVerdict.NOT_ASSESSED
    assert by_vm["web01"].verdict is VmVerdict.NOT_READY
