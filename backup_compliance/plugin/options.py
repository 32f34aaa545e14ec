"""The command line's options, and what they make of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from backup_compliance.catalogue.baselines import BUILT_IN, load_baseline
from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.catalogue.controls import (
    BrokenReference,
    BrokenTests,
    DuplicateControl,
    Severity,
    load_catalogue,
)
from backup_compliance.catalogue.exemptions import Exemptions, load_exemptions
from backup_compliance.gathering.agent_release import NotRefreshed, cached_release, fetch_newest_release, with_release
from backup_compliance.gathering.folder import check_new_folder
from backup_compliance.gathering.live import Request
from backup_compliance.gathering.support_logs import SupportLog, collect_logs
from backup_compliance.guest.conditions import CONDITIONS
from backup_compliance.guest.transport.hosts import Target, parse_hosts, parse_hosts_file, unique
from backup_compliance.guest.transport.read import ReadLimits
from backup_compliance.judging.run import Run
from backup_compliance.plugin.azure_options import add_azure_options, azure_request, narrowing_of
from backup_compliance.plugin.fleet_options import EXPECTED, add_fleet_options, of_segments, read_on

MAX_RELEASE_AGE: Final = 365
"""Days after which the newest known release is worth a note."""

DEFAULT_EXEMPTIONS: Final = "exemptions.toml"
WHAT_TO_TYPE: Final = """no hosts, subscription or facts were given. Use one of:
  pytest --hosts=ssh://root@HOST1,ssh://root@HOST2     read these guests now
  pytest --hosts-file=FILE                             read the guests listed in FILE
  pytest --subscription=ID                             read this Azure subscription now (az login, or ARM_ACCESS_TOKEN)
  pytest --facts=DIR                                   judge recorded facts (guests, ARM's JSON), no network at all
  pytest --facts=samples/facts                         see it work on made-up samples
  pytest --controls                                    print the control catalogue"""


def add_options(parser: pytest.Parser) -> None:
    """Every option of ours; testinfra brings --hosts, --connection, --sudo, --ssh-config and the like."""
    group = parser.getgroup("compliance", "Azure VM Backup compliance")
    add = group.addoption
    add("--hosts-file", metavar="FILE", help="a host list: one testinfra host spec a line, # comments")
    add_fleet_options(group)
    add_azure_options(group)
    add(
        "--facts",
        metavar="DIR",
        action="append",
        default=[],
        help="judge recorded facts; no network at all; may be repeated, or hold several facts folders",
    )
    add("--save-facts", metavar="DIR", help="write the collected facts to DIR, which must be new or empty")
    add("--max-facts-age", metavar="HOURS", type=float, help="report facts older than HOURS as errors")
    add("--timeout", metavar="SECONDS", type=float, default=60.0, help="how long one host may take (default: 60)")
    add("--max-connections", metavar="N", type=int, default=32, help="guests read at once (default: 32)")
    _add_judging(add)


def _add_judging(add: Callable[..., None]) -> None:
    """What the facts are held against, and what becomes of the verdicts."""
    add(
        "--baseline",
        metavar="NAME_OR_FILE",
        default="documented",
        help="documented (default), current, or a TOML file that extends one of them",
    )
    add("--exemptions", metavar="FILE", help=f"TOML file of exemptions (default: {DEFAULT_EXEMPTIONS} if present)")
    add(
        "--strict-exemptions",
        action="store_true",
        help="fail if an exemption has expired, matches nothing or is no longer needed",
    )
    add(
        "--fail-on",
        choices=[s.value for s in Severity],
        default="medium",
        help="failures below this severity are advisory (default: medium)",
    )
    add("--collect-logs", action="store_true", help="fetch the support logs of guests with a failed control")
    add("--report-dir", metavar="DIR", help="where the reports go (default: reports)")
    add("--refresh", action="store_true", help="ask GitHub for the newest released Azure Linux Agent")
    add("--check-access", action="store_true", help="only say which hosts and which ARM permissions work, and exit")
    add("--controls", action="store_true", help="print the control catalogue and exit")


def path_of(config: pytest.Config, text: str) -> Path:
    """A path from the command line, relative to where pytest was started."""
    return config.invocation_params.dir / Path(text).expanduser()


def targets(config: pytest.Config) -> list[Target]:
    """Every live guest that was asked for."""
    if config.getoption("ssh_extra_args"):
        raise ConfigurationError(
            "--ssh-extra-args: testinfra registers this option and never uses it; put the settings into a file and use --ssh-config"
        )
    if sum(str(a).split("=")[0] == "--hosts" for a in config.invocation_params.args) > 1:
        raise ConfigurationError("--hosts was given twice, and only the last is used; separate hosts with commas")
    # ssh's files are the workers' own where they read
    names = () if config.getoption("read_on") else ("ssh_config", "ssh_identity_file")
    for name in (*names, "ansible_inventory"):
        if (file := config.getoption(name)) and not path_of(config, file).exists():
            raise ConfigurationError(f"--{name.replace('_', '-')}: {file} does not exist")
    connection = config.getoption("connection")
    found: list[Target] = []
    if (text := config.getoption("hosts")) is not None:
        found += parse_hosts(text, connection)
    if (file := config.getoption("hosts_file")) is not None:
        found += parse_hosts_file(path_of(config, file), connection)
    if not found and config.getoption("ansible_inventory"):
        found = parse_hosts("ansible://all")
    return of_segments(unique(found), config.getoption("segment"))


def connection_options(config: pytest.Config) -> dict[str, Any]:
    """Testinfra's own options, as it would pass them on itself."""
    names = ("ssh_config", "ssh_identity_file", "sudo", "sudo_user", "ansible_inventory", "force_ansible")
    given = {name: value for name in names if (value := config.getoption(name))}
    if config.getoption("read_on"):  # workers have folders of their own
        paths = ("ssh_config", "ssh_identity_file", "ansible_inventory")
        given |= {name: str(path_of(config, given[name])) for name in paths if name in given}
    # one command a host needs no master connection, and would leave one behind for a minute each
    return {"controlpersist": 0, **given}


def limits(config: pytest.Config) -> ReadLimits:
    """How many guests are asked at once, and how long each may take."""
    return ReadLimits(config.getoption("max_connections"), config.getoption("timeout"))


def log_collector(config: pytest.Config, folder: Path) -> Callable[[Collection[str]], list[SupportLog]]:
    """What fetches the support logs of hosts into `folder`."""

    def collect(hosts: Collection[str]) -> list[SupportLog]:
        return collect_logs(targets(config), hosts, connection_options(config), limits(config), folder)

    return collect


def facts_named(config: pytest.Config) -> list[Path]:
    """Every folder of recorded facts that was named."""
    return [path_of(config, text) for text in config.getoption("facts")]


def build_request(config: pytest.Config, endpoints: Mapping[str, str]) -> Request:
    """What the options ask to be read; `endpoints` are the baseline's storage hosts by cloud."""

    def folder(name: str) -> Path | None:
        text = config.getoption(name)
        return None if text is None else path_of(config, text)

    if (keep_in := folder("save_facts")) is not None:
        check_new_folder(keep_in)

    hosts = targets(config)
    return Request(
        targets=hosts,
        connection=connection_options(config),
        limits=limits(config),
        storage_endpoint=endpoints.get(config.getoption("cloud"), ""),
        keep_in=keep_in,
        azure=azure_request(config),
        read_on=read_on(config, hosts),
        expected=_expected(config),
    )


def _expected(config: pytest.Config) -> tuple[str, ...]:
    """The ids of the hosts that have to be there, as reading them gives."""
    if (file := config.getoption("expect_hosts")) is None:
        return ()
    found = parse_hosts_file(path_of(config, file), config.getoption("connection"), EXPECTED)
    if patterns := [t.name for t in found if t.connection == "ansible"]:
        raise ConfigurationError(
            f"{EXPECTED}: {file}: {patterns[0]}: list the hosts themselves, not patterns of an inventory"
        )
    return tuple(t.name for t in found)


def build_run(config: pytest.Config) -> Run:
    """The run that the options ask for, with nothing read yet.

    Raises:
        ConfigurationError: what is wrong, with file, line and key where a file is.
    """
    try:
        catalogue = load_catalogue(config.rootpath)
    except (DuplicateControl, BrokenTests, BrokenReference) as error:
        raise ConfigurationError(str(error)) from error
    for name in ("timeout", "max_connections", "max_facts_age"):
        if (number := config.getoption(name)) is not None and not (0 < number < math.inf):
            raise ConfigurationError(f"--{name.replace('_', '-')}: must be more than 0")
    chosen = config.getoption("baseline")
    baseline = load_baseline(chosen if chosen in BUILT_IN else str(path_of(config, chosen)), catalogue, CONDITIONS)
    missing = sorted(set(catalogue) - set(baseline.severities))
    if missing:
        raise ConfigurationError(f"--baseline: {baseline.name} has no severity for {', '.join(missing)}")
    if config.getoption("collect_logs") and not targets(config):
        raise ConfigurationError("--collect-logs: there is no guest to fetch them from; add --hosts or --hosts-file")
    age = config.getoption("max_facts_age")
    run = Run(
        baseline=baseline,
        other=load_baseline("current" if baseline.name == "documented" else "documented"),
        exemptions=_exemptions(config, list(catalogue), baseline.thresholds.exemption_days),
        catalogue=catalogue,
        fail_on=Severity(config.getoption("fail_on")),
        asked=bool(config.getoption("facts") or targets(config) or azure_request(config)),
        narrowing=narrowing_of(config),
        max_facts_age=None if age is None else timedelta(hours=age),
    )
    # once per run: xdist's workers and the catalogue take what the cache holds
    asks = config.getoption("refresh") and not hasattr(config, "workerinput") and not config.getoption("controls")
    _take_release(run, refresh=asks)
    return run


def _exemptions(config: pytest.Config, controls: list[str], longest: int) -> Exemptions:
    named = config.getoption("exemptions")
    if named is None and not path_of(config, DEFAULT_EXEMPTIONS).is_file():
        return Exemptions()
    return load_exemptions(path_of(config, named or DEFAULT_EXEMPTIONS), controls, longest=longest)


def _take_release(run: Run, *, refresh: bool) -> None:
    """Teach both baselines the newest release that is known, and note where that comes from."""
    release = cached_release()
    if refresh:
        try:
            release = fetch_newest_release()
        except NotRefreshed as error:
            run.notes.append(f"--refresh failed ({error}); what was known before counts")
    run.baseline = msgspec.structs.replace(run.baseline, thresholds=with_release(run.baseline.thresholds, release))
    run.other = msgspec.structs.replace(run.other, thresholds=with_release(run.other.thresholds, release))
    known = run.baseline.thresholds
    if (datetime.now(UTC).date() - known.linux_agent_newest_date).days > MAX_RELEASE_AGE:
        told = f"{known.linux_agent_newest}, of {known.linux_agent_newest_date}"
        run.notes.append(f"the newest known Azure Linux Agent is {told}; --refresh asks for a newer one")
