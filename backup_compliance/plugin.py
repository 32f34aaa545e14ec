"""pytest hooks and fixtures, nothing else: every decision is made elsewhere."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_metadata.plugin import metadata_key

from backup_compliance.baselines import Thresholds
from backup_compliance.configuration import ConfigurationError
from backup_compliance.controls import DuplicateControl, collect, control_of
from backup_compliance.facts import load_facts, save_facts
from backup_compliance.guest.linux import LinuxGuest
from backup_compliance.options import WHAT_TO_TYPE, add_options, build_request, build_run, path_of, targets
from backup_compliance.reading import read_facts
from backup_compliance.report import html, terminal
from backup_compliance.report.catalogue import catalogue_text
from backup_compliance.report.findings import JUDGED, Document, Finding
from backup_compliance.report.write import make_document, versions, write_reports
from backup_compliance.run import Ending, Run, Subject, ending
from backup_compliance.verdicts import NotApplicable, Outcome

RUN = pytest.StashKey[Run]()
GUEST = pytest.StashKey[LinuxGuest]()
HANDED_OVER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Runs before pytest-html reads its options, so that the report needs none on the command line."""
    if config.getoption("help") or config.getoption("version"):
        return
    config.stash[RUN] = _build(config)
    if not hasattr(config, "workerinput") and not config.getoption("collectonly"):
        html.configure(config.option, _writable(report_dir(config)))
        config.pluginmanager.register(Reporter(config, config.stash[RUN]), "compliance-reporter")


def _build(config: pytest.Config) -> Run:
    try:
        return build_run(config)
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """`--controls` ends before pytest configures anything."""
    if not config.getoption("controls"):
        return None
    run = _build(config)
    print(catalogue_text(run.catalogue.values(), run.baseline))
    return 0


def report_dir(config: pytest.Config) -> Path:
    """Where this run's reports go."""
    named = config.getoption("report_dir")
    return path_of(config, named) if named else config.rootpath / "reports"


def _writable(folder: Path) -> Path:
    """`folder`, made if need be; an audit that cannot be written down is better not begun."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise pytest.UsageError(f"--report-dir: {folder}: {error.strerror}") from error
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Reads everything, in the controller only: workers load what it read."""
    config = session.config
    run = config.stash[RUN]
    if config.getoption("showfixtures", False) or config.getoption("show_fixtures_per_test", False):
        return
    if not run.asks_guests:
        raise pytest.UsageError(WHAT_TO_TYPE)
    try:
        if hasattr(config, "workerinput"):
            run.take(load_facts(Path(config.workerinput["compliance_facts"])))
        elif not config.getoption("collectonly") or config.getoption("facts"):
            request = build_request(config, run.baseline.thresholds.storage_endpoints)
            run.take(read_facts(request, terminal.writer(config)))
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: hand the facts to a worker as a folder."""
    stash = node.config.stash
    if HANDED_OVER not in stash:
        stash[HANDED_OVER] = tempfile.TemporaryDirectory(prefix="compliance-facts-")
        save_facts(stash[RUN].facts, Path(stash[HANDED_OVER].name) / "facts")
    node.workerinput["compliance_facts"] = str(Path(stash[HANDED_OVER].name) / "facts")


def pytest_unconfigure(config: pytest.Config) -> None:
    if HANDED_OVER in config.stash:
        config.stash[HANDED_OVER].cleanup()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "guest_name" not in metafunc.fixturenames:
        return
    run = metafunc.config.stash[RUN]
    names = sorted(run.guests) or [t.name for t in targets(metafunc.config)] or ["none"]
    metafunc.parametrize("guest_name", names, ids=names)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    controls = [c for item in items if (c := control_of(getattr(item, "function", None)))]
    known = config.stash[RUN].catalogue
    strangers = sorted({c.id for c in controls} - set(known))
    if strangers:
        raise pytest.UsageError(f"{', '.join(strangers)}: controls live in tests_guest and tests_platform")
    try:
        collect(iter(controls))
    except DuplicateControl as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture
def guest(request: pytest.FixtureRequest, guest_name: str) -> LinuxGuest:
    """The guest under test, with a fresh memory of what the test asks for."""
    found = request.config.stash[RUN].guest(guest_name)
    request.node.stash[GUEST] = found
    return found


@pytest.fixture(scope="session")
def thresholds(pytestconfig: pytest.Config) -> Thresholds:
    """The chosen baseline's thresholds."""
    return pytestconfig.stash[RUN].baseline.thresholds


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    control = control_of(getattr(item, "function", None))
    if control is None or (call.when != "call" and call.excinfo is None):
        return report
    run = item.config.stash[RUN]
    raised = call.excinfo.value if call.excinfo else None
    if isinstance(raised, pytest.skip.Exception):
        raised = NotApplicable(str(raised))
    if isinstance(raised, KeyboardInterrupt | pytest.exit.Exception):
        return report
    end = ending(raised, in_body=call.when == "call")
    subject = Subject(control, _resource(item), item.nodeid, item.stash.get(GUEST, None))
    finding = run.conclude(subject, end, _elsewhere(item, run, end) if call.when == "call" else end)
    _apply(report, finding)
    report.compliance = msgspec.to_builtins(finding)  # type: ignore[attr-defined]  # plain data travels with the report, through xdist too
    report.user_properties += [
        ("control", finding.control),
        ("severity", finding.severity.value),
        ("resource", finding.resource),
    ]
    return report


def _resource(item: pytest.Item) -> str:
    """The host id the test was parametrized with."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("guest_name", item.name)) if callspec else item.name


def _elsewhere(item: pytest.Item, run: Run, end: Ending) -> Ending:
    """How the same test ends with the other baseline's thresholds; bodies do no I/O, so asking twice is free of harm."""
    if not isinstance(item, pytest.Function):
        return end
    function, arguments = item.function, item.funcargs
    wanted = inspect.signature(function).parameters
    if "thresholds" not in wanted:
        return end
    try:
        function(**{name: run.other.thresholds if name == "thresholds" else arguments[name] for name in wanted})
    except Exception as error:  # noqa: BLE001  # whatever it raises is its verdict
        return ending(error, in_body=True)
    return ending(None, in_body=True)


def _apply(report: pytest.TestReport, finding: Finding) -> None:
    """Say the verdict in pytest's own words."""
    report.sections = []
    if finding.outcome is Outcome.COMPLIANT:
        return
    text = f"{finding.control} [{finding.resource}] {finding.message}"
    if finding.gates:
        report.outcome = "failed"
        report.longrepr = text
        if finding.outcome is not Outcome.NON_COMPLIANT:
            report.when = "setup"  # pytest's word for an error is a failure outside the call phase
    elif finding.outcome is Outcome.NOT_APPLICABLE:
        report.outcome = "skipped"
        report.longrepr = (str(report.location[0]), report.location[1] or 0, f"Skipped: {finding.message}")
    else:
        report.outcome = "skipped"
        report.wasxfail = f"{finding.outcome}: {finding.message}"  # pytest's own protocol
        report.longrepr = text


class Reporter:
    """The half of the plugin that only the controller needs: it collects findings and writes the reports."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self.config = config
        self.run = run
        self.document: Document | None = None
        self.session_items = 0
        self.written: list[Path] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """pytest-metadata lists plugins and a CI's variables; a compliance report names what judged."""
        if (metadata := self.config.stash.get(metadata_key, None)) is not None:
            metadata.clear()
            metadata.update(versions())

    def pytest_report_header(self) -> list[str]:
        run = self.run
        return [f"baseline: {run.baseline.name} ({run.baseline.title}), failing on {run.fail_on} and above"]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.session_items = len(session.items)
        if self.run.facts.label:
            terminal.writer(self.config)(f"facts: {self.run.facts.label}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (data := getattr(report, "compliance", None)) is not None:
            self.run.collected.add(msgspec.convert(data, Finding))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Before pytest-html's own, which renders what is decided here."""
        if self.config.getoption("collectonly") or not self.run.guests:
            return
        if session.exitstatus == pytest.ExitCode.OK and not any(
            f.outcome in JUDGED for f in self.run.collected.findings.values()
        ):
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
            self.run.notes.append("no control could be judged, which is no reason to pass")
        self.document = make_document(self.run, int(session.exitstatus))
        self.written = write_reports(self.document, report_dir(self.config))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        report.title = html.TITLE

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        cells[:] = html.header_cells()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        if (data := getattr(report, "compliance", None)) is not None:
            cells[:] = html.row_cells(cells[0], msgspec.convert(data, Finding))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, report: pytest.TestReport, data: list[str]) -> None:
        if (found := getattr(report, "compliance", None)) is not None:
            data[:] = [
                html.evidence(msgspec.convert(found, Finding), in_full=self.session_items <= html.EVIDENCE_LIMIT)
            ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        if self.document is not None:
            prefix.append(html.overview(self.document, self.run.catalogue))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.document is not None:
            terminal.summarize(terminalreporter, self.document, self.run.problems(), self.written)
