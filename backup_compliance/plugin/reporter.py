"""The half of the plugin that only the controller needs: it collects findings and writes the reports."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_metadata.plugin import metadata_key

from backup_compliance.catalogue.exemptions import STALE_STATUSES
from backup_compliance.gathering.support_logs import SupportLog
from backup_compliance.judging.findings import JUDGED, Finding
from backup_compliance.judging.run import Run
from backup_compliance.plugin import terminal
from backup_compliance.report import html
from backup_compliance.report.ci import publish_summary
from backup_compliance.report.document import Document
from backup_compliance.report.write import counted, left_out, make_document, versions, write_reports


class Reporter:
    """pytest's hooks from the first line of a run to its reports."""

    def __init__(
        self, config: pytest.Config, run: Run, folder: Path, collect: Callable[[Collection[str]], list[SupportLog]]
    ) -> None:
        self.config = config
        self.run = run
        self.folder = folder
        self.collect = collect
        """Fetches the support logs of these hosts."""
        self.document: Document | None = None
        self.others = 0
        """Rows of pytest-html's own table."""
        self.written: list[Path] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """pytest-metadata lists plugins and a CI's variables; a compliance report names what judged."""
        if (metadata := self.config.stash.get(metadata_key, None)) is not None:
            metadata.clear()
            metadata.update(versions())

    def pytest_report_header(self) -> list[str]:
        run = self.run
        baseline = f"baseline: {run.baseline.name} ({run.baseline.title}), failing on {run.fail_on} and above"
        return [baseline, *left_out(run)]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.run.facts.label:
            terminal.writer(self.config)(f"facts: {self.run.facts.label}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (told := getattr(report, "compliance", None)) is not None:
            self.run.collected.add(told if isinstance(told, Finding) else msgspec.convert(told, Finding))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Around pytest-html's own, which renders what is decided here and whose file is then finished."""
        if not self.config.getoption("collectonly") and self.run.subjects.sides:
            self._conclude(session)
        yield
        written = Path(self.config.getoption("htmlpath", None) or "")
        if self.config.getoption("self_contained_html", default=False) and written.is_file():
            html.finish(written)

    def _conclude(self, session: pytest.Session) -> None:
        """The last word on the exit status, and every report but the page."""
        if session.exitstatus == pytest.ExitCode.OK and any(f.gates for f in self.run.collected.findings.values()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED  # whatever else a report of it was taken for
        judged = any(f.outcome in JUDGED for f in self.run.collected.findings.values())
        if session.exitstatus == pytest.ExitCode.OK and not (judged and self.run.subjects.vms()):
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
            what = (
                "no control could be evaluated"
                if self.run.subjects.vms()
                else "there is no virtual machine and no host"
            )
            self.run.notes.append(f"{what}; an empty result does not pass")
        self.document = self._document(session)
        self.written = write_reports(self.document, self.folder)

    def _document(self, session: pytest.Session) -> Document:
        """What the run found out; stale exemptions may make it fail."""
        ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        logs = self._logs() if ended else []  # whoever pressed Ctrl-C does not wait for logs
        document = make_document(self.run, int(session.exitstatus), logs)
        stale = [use for use in document.exemptions if use.standing in STALE_STATUSES]
        if not (stale and self.config.getoption("strict_exemptions")):
            return document
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.run.notes.append(f"--strict-exemptions: {counted(len(stale), 'exemption')} to renew, mend or remove")
        return make_document(self.run, int(session.exitstatus), logs)

    def _logs(self) -> list[SupportLog]:
        """The support logs of guests with a failed control, where they were asked for."""
        hosts = self.run.failed_hosts()
        if not (hosts and self.config.getoption("collect_logs")):
            return []
        terminal.writer(self.config)(f"fetching the support logs of {counted(len(hosts), 'guest')}")
        return self.collect(hosts)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        report.title = html.TITLE

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """Findings are shown by our page; pytest-html's table keeps what is no control, its ids escaped."""
        if getattr(report, "compliance", None) is not None or (report.when != "call" and report.passed):
            cells.clear()
        else:
            self.others += 1
            cells[1] = html.test_id_cell(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        if self.document is not None:
            prefix.append(html.overview(self.document, self.others))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.document is not None:
            terminal.summarize(terminalreporter, self.document, self.run.subjects.problems(), self.written)
            for line in publish_summary(self.folder / "summary.md", os.environ):
                terminalreporter.write_line(line)
