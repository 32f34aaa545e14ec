"""pytest hooks and fixtures, nothing else: every decision is made elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.catalogue.controls import Control, DuplicateControl, collect, control_of
from backup_compliance.gathering.check_access import check_access
from backup_compliance.gathering.collect import gather
from backup_compliance.gathering.folder import load_facts, save_facts
from backup_compliance.guest.recording import Guest
from backup_compliance.judging.findings import Finding
from backup_compliance.judging.run import Run, Subject
from backup_compliance.judging.test_results import TestResult, result_of_exception
from backup_compliance.model.verdicts import NotApplicable, Outcome
from backup_compliance.plugin import terminal
from backup_compliance.plugin.azure_options import azure_request
from backup_compliance.plugin.fixtures import NO_SUBJECT, Fixtures
from backup_compliance.plugin.options import (
    WHAT_TO_TYPE,
    add_options,
    build_request,
    build_run,
    facts_named,
    log_collector,
    path_of,
    targets,
)
from backup_compliance.plugin.other_baseline import other_baseline_result
from backup_compliance.plugin.protocol import ControlProtocol
from backup_compliance.plugin.reporter import Reporter
from backup_compliance.report import html
from backup_compliance.report.catalogue import catalogue_text

RUN = pytest.StashKey[Run]()
XDIST_FACTS_DIR = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Runs before pytest-html reads its options, so that the report needs none on the command line."""
    if config.getoption("help") or config.getoption("version"):
        return
    config.stash[RUN] = _build(config)
    config.pluginmanager.register(Fixtures(config.stash[RUN]), "compliance-fixtures")
    config.pluginmanager.register(ControlProtocol(config), "compliance-protocol")
    if not hasattr(config, "workerinput") and not config.getoption("collectonly"):
        folder = _writable(report_dir(config))
        html.configure(config.option, folder)
        config.pluginmanager.register(
            Reporter(config, config.stash[RUN], folder, log_collector(config, folder)), "compliance-reporter"
        )


def _build(config: pytest.Config) -> Run:
    try:
        return build_run(config)
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """`--controls` and `--check-access` end before pytest configures anything."""
    if config.getoption("controls"):
        run = _build(config)
        print(catalogue_text(run.catalogue.values(), run.baseline))
        return 0
    if config.getoption("check_access"):
        return _checked_access(config)
    return None


def _checked_access(config: pytest.Config) -> int:
    run = _build(config)
    if not run.asked:
        raise pytest.UsageError(WHAT_TO_TYPE)
    try:
        return check_access(build_request(config, run.baseline.thresholds.storage_endpoints), print)
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error


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
    if not run.asked:
        raise pytest.UsageError(WHAT_TO_TYPE)
    try:
        if hasattr(config, "workerinput"):
            run.take(load_facts(Path(config.workerinput["compliance_facts"])))
        elif not config.getoption("collectonly") or config.getoption("facts"):
            request = build_request(config, run.baseline.thresholds.storage_endpoints)
            run.take(gather(facts_named(config), request, terminal.writer(config)))
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: hand the facts to a worker as a folder."""
    stash = node.config.stash
    if XDIST_FACTS_DIR not in stash:
        stash[XDIST_FACTS_DIR] = tempfile.TemporaryDirectory(prefix="compliance-facts-")
        save_facts(stash[RUN].facts, Path(stash[XDIST_FACTS_DIR].name) / "facts")
    node.workerinput["compliance_facts"] = str(Path(stash[XDIST_FACTS_DIR].name) / "facts")


def pytest_unconfigure(config: pytest.Config) -> None:
    if XDIST_FACTS_DIR in config.stash:
        config.stash[XDIST_FACTS_DIR].cleanup()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    subjects = metafunc.config.stash[RUN].subjects
    if "guest_name" in metafunc.fixturenames:
        names = sorted(subjects.guests) or [t.name for t in targets(metafunc.config)] or [NO_SUBJECT]
        metafunc.parametrize("guest_name", names, ids=names)
    for fixture, ids in (("machine_key", subjects.machine_ids), ("policy_key", subjects.policy_ids)):
        if fixture in metafunc.fixturenames:
            keys = sorted(ids, key=lambda key: ids[key]) or [NO_SUBJECT]
            metafunc.parametrize(fixture, keys, ids=[ids.get(key, NO_SUBJECT) for key in keys])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    controls = []
    for item in items:
        if (control := control_of(getattr(item, "function", None))) is not None:
            controls.append(control)
            item.extra_keyword_matches.add(control.id)  # -k AVB-213
    known = config.stash[RUN].catalogue
    unknown_controls = sorted({c.id for c in controls} - set(known))
    if unknown_controls:
        raise pytest.UsageError(f"{', '.join(unknown_controls)}: controls live in tests_guest and tests_platform")
    try:
        collect(iter(controls))
    except DuplicateControl as error:
        raise pytest.UsageError(str(error)) from error
    _leave_out_other_sides(config, items)


def _leave_out_other_sides(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A side that was not asked for is deselected: it would have nobody to judge."""
    asked = {side for side, named in (("guest", targets(config)), ("platform", azure_request(config))) if named}
    sides = config.stash[RUN].subjects.sides | asked
    unasked = {i for i in items if (c := control_of(getattr(i, "function", None))) and c.side not in sides}
    if unasked:
        config.hook.pytest_deselected(items=[i for i in items if i in unasked])
        items[:] = [i for i in items if i not in unasked]


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
    end = result_of_exception(raised, in_body=call.when == "call")
    subject = _subject(item, control, run)
    finding = run.conclude(subject, end, lambda: _elsewhere(item, run, end, call.when))
    _apply(report, finding)
    # only plain data travels from one of xdist's workers
    travels = hasattr(item.config, "workerinput")
    report.compliance = msgspec.to_builtins(finding) if travels else finding  # type: ignore[attr-defined]
    report.user_properties += [
        ("control", finding.control),
        ("severity", finding.severity.value),
        ("resource", finding.resource),
    ]
    return report


def _subject(item: pytest.Item, control: Control, run: Run) -> Subject:
    """Whom the test was parametrized with."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    key = next((str(params[n]) for n in ("guest_name", "machine_key", "policy_key") if n in params), item.name)
    inside = run.subjects.guest_of(key) if control.side == "platform" else run.subjects.guests.get(key)
    return Subject(
        control=control,
        resource=run.subjects.resource_id(key) if key != NO_SUBJECT else f"{control.side} side",
        test=item.nodeid,
        observed=run.observing,
        guest=inside if isinstance(inside, Guest) else None,
    )


def _elsewhere(item: pytest.Item, run: Run, end: TestResult, when: str) -> TestResult:
    """How the same test ends with the other baseline's thresholds."""
    if when == "teardown" or run.other.thresholds == run.baseline.thresholds:
        return end
    return other_baseline_result(item, run.other.thresholds, end, was_set_up=when == "call")


def _apply(report: pytest.TestReport, finding: Finding) -> None:
    """Say the verdict in pytest's own words."""
    report.sections = []
    report.__dict__.pop("wasxfail", None)  # pytest counts no failure that it believes to be expected
    if finding.outcome is Outcome.COMPLIANT:
        return
    text = f"{finding.control} [{finding.name}] {finding.message}"
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
