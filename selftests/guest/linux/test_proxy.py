"""The agent's proxy settings, and by which way it asks for https: the parser's rules, and the probe's beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_compliance.guest.facts import AgentWay, Proxy
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.linux.proxy import parse_proxy, read_proxy, way_to
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.verdicts import Unreadable
from selftests.builders import fake_guest
from selftests.builders.recordings import Recording, ubuntu

GUEST = ubuntu()
CONF_PATH = "/etc/waagent.conf"
STORAGE = "md-real0001.z1.blob.storage.azure.net"
UNIT = "Id=waagent.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nRestart=always"


def read(guest: Recording) -> ProbeOutput:
    """The recording as the parsers get it."""
    return parse_output(guest.output())


def settings(conf: str = "A=y", units: str = "", environment: str = "") -> ProbeOutput:
    """A guest with these lines in its configuration, its unit, and its processes' environments."""
    guest = GUEST.config(CONF_PATH, conf).put("units", f"{UNIT}\n{units}")
    return read(guest.put("processes", f"{GUEST.parts['processes']}\n{environment}"))


def proxy(conf: str = "A=y", units: str = "", environment: str = "") -> Proxy | None:
    """The proxy settings of such a guest."""
    return parse_proxy(settings(conf, units, environment))


def test_guest_without_proxy_settings_has_none() -> None:
    """Nothing set anywhere."""
    assert proxy() is None


@pytest.mark.parametrize(
    ("conf", "host", "port", "extension"),
    [
        ("HttpProxy.Host=10.0.0.5\nHttpProxy.Port=3128", "10.0.0.5", "3128", None),
        ("HttpProxy.Host = proxy.example\nHttpProxy.Port = 3128 # squid", "proxy.example", "3128", None),
        ("HttpProxy.Host=10.0.0.5", "10.0.0.5", None, "10.0.0.5:443"),
        ("HttpProxy.Host=10.0.0.5\nLogs.Verbose = n", "10.0.0.5", None, None),
        ("HttpProxy.Port=3128", None, "3128", None),
        ("HttpProxy.Host=10.0.0.5\nHttpProxy.Port=None", "10.0.0.5", None, "10.0.0.5:443"),
        ("HttpProxy.Host=10.0.0.4\nHttpProxy.Host=10.0.0.5\nHttpProxy.Port=x", "10.0.0.5", "x", None),
        ("HttpProxy.Host=", "", None, None),
    ],
)
def test_proxy_of_the_configuration_is_host_and_port(
    conf: str, host: str | None, port: str | None, extension: str | None
) -> None:
    """Half of it is a setting too; the extension then goes to the host's port 443, unless a blank stops its parser."""
    found = proxy(conf)
    assert found is not None
    assert (found.host, found.port, found.variables, found.extension_proxy) == (host, port, (), extension)


@pytest.mark.parametrize(
    ("units", "environment", "variables", "no_proxy"),
    [
        ("Environment=http_proxy=http://10.0.0.5:3128", "", [("systemd unit", "http_proxy", "http://10.0.0.5:3128", False)], ()),
        ('Environment="HTTPS_PROXY=http://p:1" "x=y"', "", [("systemd unit", "HTTPS_PROXY", "http://p:1", False)], ()),
        ("", "environment 843 https_proxy=http://p:1", [("environment of process 843", "https_proxy", "http://p:1", True)], ()),
        (
            "",
            "environment 843 https_proxy=http://p:1\nenvironment 1187 no_proxy=a",
            [("environment of process 843", "https_proxy", "http://p:1", False)],
            ("a",),
        ),
        ("", "environment 1187 all_proxy=socks5://p:1", [("environment of process 1187", "all_proxy", "socks5://p:1", True)], ()),
        (
            "Environment=http_proxy=http://p:1\nEnvironment=no_proxy=localhost",
            "environment 1187 http_proxy=http://p:1\nenvironment 1187 NO_PROXY=a, b\nenvironment 843 no_proxy=c",
            [("systemd unit", "http_proxy", "http://p:1", False), ("environment of process 1187", "http_proxy", "http://p:1", True)],
            ("a", "b"),
        ),
    ],
)  # fmt: skip
def test_proxy_variables_are_told_with_their_origin(
    units: str, environment: str, variables: list[tuple[str, str, str, bool]], no_proxy: tuple[str, ...]
) -> None:
    """Drop-ins of systemd and the environment of the running agent: in force is what its handler has."""
    found = proxy(units=units, environment=environment)
    assert found is not None
    assert [(v.origin, v.name, v.value, v.in_force) for v in found.variables] == variables
    assert found.no_proxy == no_proxy


@pytest.mark.parametrize(
    ("processes", "in_force"),
    [
        ("scanned 9\nprocess 843 /usr/sbin/waagent -daemon\nenvironment 843 https_proxy=http://p:1", "environment of process 843"),
        ("scanned 9", "systemd unit"),
    ],
)  # fmt: skip
def test_environment_that_counts_is_the_daemons_or_the_units_where_no_handler_runs(
    processes: str, in_force: str
) -> None:
    """The handler has its environment from the daemon, and that from the unit."""
    guest = GUEST.put("processes", processes).put("units", f"{UNIT}\nEnvironment=https_proxy=http://p:1")
    assert [v.origin for v in read_proxy(read(guest)).variables if v.in_force] == [in_force]


@pytest.mark.parametrize(
    ("units", "environment"),
    [
        ("", "environment 4242 http_proxy=http://somebody.example:1"),
        ("Environment=ftp_proxy=http://p:1", "environment 843 rsync_proxy=p:1"),
        ("Environment=http_proxy=", "environment 843 https_proxy="),
        ("Environment=no_proxy=*", ""),
        ("Environment=", ""),
    ],
)
def test_variable_that_does_not_concern_the_agent_is_no_proxy(units: str, environment: str) -> None:
    """Of another process, of another protocol, or empty."""
    assert proxy(units=units, environment=environment) is None


@pytest.mark.parametrize("part", ["units", "processes", "files", "config"])
def test_proxy_settings_that_were_not_read_are_unreadable(part: str) -> None:
    """No setting seen in a place that was not looked at proves nothing."""
    with pytest.raises(Unreadable):
        parse_proxy(read(GUEST.without(part)))


@pytest.mark.parametrize(
    "line", ["environment", "environment x https_proxy=http://p:1", "enviro\x00nment 1187 a_proxy=b", "process x y"]
)
def test_processes_with_a_damaged_line_are_unreadable(line: str) -> None:
    """It could be the variable that counts."""
    with pytest.raises(Unreadable, match="cannot be read"):
        proxy(environment=line)


P = "http://10.0.0.5:3128"
ON = "10.0.0.5:3128"
CONFIGURED = "HttpProxy.Host=10.0.0.5\nHttpProxy.Port=3128"
# name: (waagent.conf, the handler's environment, the way to STORAGE)
WAYS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "nothing": ("A=y", (), "direct"),
    "configuration": (CONFIGURED, (), ON),
    "configuration before the environment": (CONFIGURED, ("https_proxy=http://p:1",), ON),
    "blanks, quotes and a comment": ('HttpProxy.Host = "10.0.0.5"\n\tHttpProxy.Port\t= 3128 # squid', (), ON),
    "the last one counts": (f"HttpProxy.Host=p\n{CONFIGURED}", (), ON),
    "unset again": (f"{CONFIGURED}\nHttpProxy.Host=None", (), "direct"),
    "host alone": ("HttpProxy.Host=10.0.0.5", (f"https_proxy={P}",), "direct"),
    "host empty": ("HttpProxy.Host=", (f"https_proxy={P}",), "direct"),
    "host empty, and a port": ("HttpProxy.Host=\nHttpProxy.Port=1", (f"https_proxy={P}",), "unusable"),
    "port no number": ("HttpProxy.Host=p\nHttpProxy.Port=http", (f"https_proxy={P}",), "direct"),
    "port alone": ("HttpProxy.Port=3128", (f"https_proxy={P}",), ON),
    "a URL": ("HttpProxy.Host=http://p\nHttpProxy.Port=1", (), "unusable"),
    "credentials": ("HttpProxy.Host=user:word@p\nHttpProxy.Port=1", (), "unusable"),
    "https_proxy": ("A=y", (f"https_proxy={P}",), ON),
    "HTTPS_PROXY": ("A=y", (f"HTTPS_PROXY={P}/",), ON),
    "the lower case counts": ("A=y", ("HTTPS_PROXY=http://p:1", f"https_proxy={P}"), ON),
    "the lower case counts, even empty": ("A=y", (f"HTTPS_PROXY={P}", "https_proxy="), "direct"),
    "credentials are left out": ("A=y", ("https_proxy=http://user:wo:rd@10.0.0.5:3128",), ON),
    "no scheme": ("A=y", ("https_proxy=10.0.0.5:3128",), "direct"),
    "no port": ("A=y", ("https_proxy=http://10.0.0.5",), "direct"),
    "http_proxy alone": ("A=y", (f"http_proxy={P}", f"HTTP_PROXY={P}", f"all_proxy={P}"), "direct"),
    "another case": ("A=y", (f"Https_Proxy={P}",), "direct"),
    "spared by a suffix": ("A=y", (f"https_proxy={P}", "no_proxy=localhost, .Storage.Azure.NET"), "direct"),
    "spared by any suffix": (CONFIGURED, ("no_proxy=re.net",), "direct"),
    "spared by NO_PROXY": (CONFIGURED, (f"NO_PROXY={STORAGE}", "no_proxy="), "direct"),
    "no_proxy before NO_PROXY": (CONFIGURED, (f"NO_PROXY={STORAGE}", "no_proxy=x.net"), ON),
    "a star spares nothing": (CONFIGURED, ("no_proxy=*",), ON),
    "a star in a name spares nothing": (CONFIGURED, ("no_proxy=*.azure.net",), ON),
    "a prefix spares nothing": (CONFIGURED, ("no_proxy=md-real0001",), ON),
    "a network spares no name": (CONFIGURED, ("no_proxy=0.0.0.0/0,168.63.129.16,",), ON),
}


@pytest.mark.parametrize(("conf", "variables", "way"), WAYS.values(), ids=WAYS.keys())
def test_way_is_by_the_agents_own_rules(conf: str, variables: tuple[str, ...], way: str) -> None:
    """The configuration before the environment, `https_proxy` alone, `no_proxy` by plain suffix."""
    # as the probe tells them: without what stands before the last @
    told = "\n".join(f"environment 1187 {v.replace('user:wo:rd', '***')}" for v in variables)
    found = way_to(read_proxy(settings(conf.replace("user:word", "***"), environment=told)), f"{STORAGE}:443")
    assert (found.proxy or "direct" if found.is_usable else "unusable") == way
    assert found.setting


def test_probe_goes_by_the_same_rules(tmp_path: Path) -> None:
    """Its own words about every one of these guests, all of them asked side by side."""
    running = {}
    for number, (name, (conf, variables, _)) in enumerate(WAYS.items()):
        environ = b"".join(f"{v}\0".encode() for v in ("PATH=/bin", *variables))
        daemons = {"proc/843/environ": b"https_proxy=http://daemon:1\0", "proc/1187/environ": environ}
        root = fake_guest.build(tmp_path / str(number), {"etc/waagent.conf": f"{conf}\n", **daemons})
        running[name] = fake_guest.start(root)
    told = {
        name: parse_output(fake_guest.finish(process)).one("endpoints").lines() for name, process in running.items()
    }
    assert {name: lines[1] for name, lines in told.items()} == {
        name: f"{STORAGE} {way}" for name, (_, _, way) in WAYS.items()
    }


@pytest.mark.parametrize(
    ("entry", "host", "spared"),
    [
        ("20.60.88.4", "20.60.88.4", True),
        ("20.60.0.0/16", "20.60.88.4", True),
        ("88.4", "20.60.88.4", False),
        ("20.61.0.0/16", "20.60.88.4", False),
        ("nonsense", "20.60.88.4", False),
        ("20.60.88.4", "a20.60.88.4", True),
        ("x.net", "ax.net", True),
        (".x.net", "x.net", False),
    ],
)
def test_host_is_spared_by_suffix_and_an_address_by_network(entry: str, host: str, spared: bool) -> None:  # noqa: FBT001
    """Addresses and networks count for hosts that are addresses only."""
    found = way_to(Proxy("p", "1", (), (entry,)), host)
    assert found == (
        AgentWay(None, f"no_proxy spares it by {entry}")
        if spared
        else AgentWay("p:1", "HttpProxy.Host and HttpProxy.Port")
    )
