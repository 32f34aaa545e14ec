"""Every guest control: compliant, non-compliant, unreadable, blank, and not applicable where it can be."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from selftests.builders.extension_reports import FAILED, GOOD, UNDER_WAY
from selftests.builders.judging import check_kinds, check_no_verdict, check_outcome
from selftests.builders.product import Judged, judge_apart, record
from selftests.builders.recordings import (
    ANSWERED,
    CONF,
    DROPPED,
    EGG,
    ENDPOINT,
    EPOCH,
    EXTENSION,
    REFUSED,
    Recording,
    debian,
    dhclient_lease,
    http,
    red_hat,
    suse,
    ubuntu,
)

CONTROLS = (
    *("AVB-101", "AVB-102", "AVB-103", "AVB-104", "AVB-201", "AVB-202", "AVB-203", "AVB-204", "AVB-205"),
    *("AVB-206", "AVB-207", "AVB-301", "AVB-302", "AVB-304", "AVB-402", "AVB-403", "AVB-404", "AVB-405", "AVB-504"),
)
DIRECT = f"http storage direct {ENDPOINT}"
THROUGH = f"http storage proxy {ENDPOINT}"
ROUTE = f"route {ENDPOINT} 20.60.88.4"
FLATCAR = (
    ubuntu()
    .laid_out("/usr/share/oem/waagent.conf")
    .edit("config", ("/etc/os-release:ID=ubuntu", "/etc/os-release:ID=flatcar"))
)
CLEAR = (
    ubuntu()
    .laid_out("/usr/share/defaults/waagent/waagent.conf")
    .edit("config", ("/etc/os-release:ID=ubuntu", '/etc/os-release:ID="clear-linux-os"'))
)
PORTAL = http(
    "HTTP/1.1 302 Found",
    "Server: portal",
    "Location: http://login.example/",
    "http=302 connect=000 ip=20.60.88.4 tcp=0.003 tls=0.02",
)
PROXY = "10.20.0.250:3128"
SET = ("HttpProxy.Host=10.20.0.250", "HttpProxy.Port=3128")
PROXIED = ubuntu().proxied(*SET, way=PROXY, through=ANSWERED)


def environment(*variables: str, way: str = "direct") -> Recording:
    """A guest whose agent has these variables in its environment."""
    told = "".join(f"\nenvironment 1187 {v}" for v in variables)
    return ubuntu().proxied(way=way).edit("processes", ("scanned 148", f"scanned 148{told}"))


HTTP_ONLY = environment(f"http_proxy=http://{PROXY}")
HTTPS = environment(f"https_proxy=http://{PROXY}", way=PROXY).put(THROUGH, ANSWERED)
SPARED = environment(f"https_proxy=http://{PROXY}", "no_proxy=storage.azure.net")
REFUSES = http("curl: (56) CONNECT tunnel failed, response 403", "http=000 connect=403", exit_status=56)
OLD_VERSION = "WALinuxAgent-2.2.45 running on ubuntu 18.04\nPython: 3.6.9\nGoal state agent: 2.2.45\nexit=0"
NEVER_INSTALLED = (
    ubuntu()
    .put("extension", "")
    .edit("goal-state", ("backup-extension=yes", "backup-extension=no"))
    .state(EXTENSION, "absent")
    .state("/var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux", "absent")
)
STATIC = debian().edit("config", ("iface eth0 inet dhcp", "iface eth0 inet static")).put("leases", "")
EXPIRED = debian().put("leases", dhclient_lease("10.20.0.6", expire="4 2026/11/19 10:00:00"))
BUSY = "seconds=2\ncpu  26287 0 9556 265412 1142 0 456 1180 0 0\ncpu  26667 0 9569 265419 1142 0 456 1180 0 0"
AT_NINETY = "seconds=2\ncpu  0 0 0 0 0 0 0 0 0 0\ncpu  360 0 0 40 0 0 0 0 0 0"
UPSTART = "readable /etc/init/walinuxagent.conf\n/etc/init/walinuxagent.conf:start on runlevel [2345]\n/etc/init/walinuxagent.conf:respawn"
SYSV = "readable /etc/init.d/waagent\nreadable /etc/rc3.d/S90waagent\nabsent /etc/init/waagent.conf"
READING = datetime.fromtimestamp(EPOCH, UTC)
YOUNG = replace(UNDER_WAY, started=READING - timedelta(minutes=139))
OLD = replace(UNDER_WAY, started=READING - timedelta(minutes=142))
BEFORE = replace(GOOD, started=READING - timedelta(days=1))
PYTHON_3_13 = ubuntu().put("python", "searched=/usr/bin /usr/local/bin\npath=/usr/bin/python3\nPython 3.13.5\nagent=")
NO_PYTHON = (
    ubuntu()
    .old()
    .put("python", "searched=/usr/bin /usr/local/bin")
    .edit("processes", ("843 /usr/bin/python3", "843 /usr/libexec/platform-python"))
)
EXIT_3 = ('"Plugin enabled"', '"[ExtensionOperationError] Non-zero exit code: 3, handle.sh enable"')
TRACEBACK = json.dumps(
    "Non-zero exit code: 1, handle.sh enable\n[stderr]\nx.py:1: SyntaxWarning: invalid escape sequence\n"
    "Traceback (most recent call last):\n  File 'x.py', line 1\nModuleNotFoundError: No module named 'crypt'\nTraceback"
)[1:-1]


def newer(guest: Recording) -> Recording:
    """The same guest with a version of the extension of which nothing is known."""
    return guest.edit("extension", ("1.0.9220.0", "1.0.9300.0")).edit("files", ("1.0.9220.0", "1.0.9300.0"))


# (control, name of the case, recording, outcome, what the message has to name)
CASES: tuple[tuple[str, str, Recording, str, str], ...] = (
    ("AVB-101", "answers", ubuntu(), "compliant", ""),
    ("AVB-101", "answers-through-proxy-only", PROXIED.put(DIRECT, DROPPED), "compliant", ""),
    ("AVB-101", "answers-through-the-environments-proxy", HTTPS.put(DIRECT, DROPPED), "compliant", ""),
    (
        "AVB-101",
        "http-proxy-is-no-way-for-https",
        HTTP_ONLY.put(DIRECT, DROPPED),
        "non_compliant",
        "http_proxy is no way",
    ),
    (
        "AVB-101",
        "another-way-is-open-that-the-agent-does-not-take",
        HTTP_ONLY.put(DIRECT, DROPPED).put(THROUGH, ANSWERED),
        "non_compliant",
        "does not go that way",
    ),
    (
        "AVB-101",
        "old-recording-another-way-is-open",
        HTTP_ONLY.put(DIRECT, DROPPED).put(THROUGH, ANSWERED).old(),
        "non_compliant",
        "does not go that way",
    ),
    (
        "AVB-101",
        "no-proxy-spares-storage",
        SPARED.put(DIRECT, DROPPED),
        "non_compliant",
        "no_proxy spares it by storage.azure.net",
    ),
    (
        "AVB-101",
        "proxy-is-down",
        PROXIED.put(THROUGH, REFUSES),
        "non_compliant",
        f"through the proxy {PROXY} (HttpProxy.Host",
    ),
    ("AVB-101", "proxy-intercepts", PROXIED.put(THROUGH, PORTAL), "non_compliant", "captive portal"),
    (
        "AVB-101",
        "proxy-is-no-host",
        ubuntu().proxied("HttpProxy.Host=http://p", "HttpProxy.Port=80", way="unusable"),
        "non_compliant",
        "no host can have that name",
    ),
    ("AVB-101", "proxy-was-not-asked", ubuntu().proxied(*SET, way=PROXY), "error", "by its proxy"),
    (
        "AVB-101",
        "old-recording-proxy-was-not-asked",
        ubuntu().proxied(*SET, way=PROXY).old(),
        "undetermined",
        "the probe did not",
    ),
    ("AVB-101", "way-was-cut-out", ubuntu().edit("endpoints", (" direct", "")), "error", "cannot be read"),
    ("AVB-101", "way-is-damaged", ubuntu().edit("endpoints", (" direct", " dir\x00ect")), "error", "cannot be read"),
    ("AVB-101", "configuration-was-not-read", ubuntu().state("/etc/waagent.conf", "unreadable"), "error", "unreadable"),
    (
        "AVB-101",
        "relayed",
        ubuntu().put(DIRECT, DROPPED).edit("endpoints", (" direct", " direct\nchannel=HostGAPlugin")),
        "non_compliant",
        "changed to the HostGAPlugin channel",
    ),
    (
        "AVB-101",
        "extension-has-a-way-of-its-own",
        ubuntu().proxied(SET[0], way="direct").reported(replace(GOOD, creator="guestExtension")),
        "undetermined",
        "10.20.0.250:443",
    ),
    ("AVB-101", "dropped", ubuntu().put(DIRECT, DROPPED), "non_compliant", "TCP to md-sample0001"),
    ("AVB-101", "refused", ubuntu().put(DIRECT, REFUSED), "non_compliant", "TCP to md-sample0001"),
    (
        "AVB-101",
        "name-unknown",
        ubuntu().put(DIRECT, http("curl: (6) Could not resolve host: x", "http=000", exit_status=6)),
        "non_compliant",
        "does not resolve",
    ),
    (
        "AVB-101",
        "tls-intercepted",
        ubuntu().put(
            DIRECT, http("curl: (60) SSL certificate problem: x", "http=000 ip=20.60.88.4 tcp=0.1", exit_status=60)
        ),
        "non_compliant",
        "TLS to",
    ),
    ("AVB-101", "captive-portal", ubuntu().put(DIRECT, PORTAL), "non_compliant", "captive portal"),
    (
        "AVB-101",
        "private-address",
        ubuntu().put(DIRECT, PORTAL.replace("20.60.88.4", "10.9.9.9")),
        "non_compliant",
        "leads to the private address 10.9.9.9, and there something other than Azure Storage answers",
    ),
    (
        "AVB-101",
        "private-address-that-is-silent",
        ubuntu().put(DIRECT, REFUSED.replace("ip= ", "ip=10.9.9.9 ")),
        "non_compliant",
        "leads to the private address 10.9.9.9, and there connection failed",
    ),
    (
        "AVB-101",
        "in-guest-snapshots-need-the-direct-path",
        PROXIED.put(DIRECT, DROPPED).reported(replace(GOOD, creator="guestExtension", host=404)),
        "non_compliant",
        "snapshotCreator=guestExtension, hostStatusCodePreSnapshot=404",
    ),
    (
        "AVB-101",
        "in-guest-snapshots-by-configuration",
        PROXIED.put(DIRECT, DROPPED).config("/etc/azure/vmbackup.conf", "SnapshotMethod = onlyGuest").reported(),
        "non_compliant",
        "onlyGuest",
    ),
    (
        "AVB-101",
        "host-snapshots-whatever-is-configured",
        PROXIED.put(DIRECT, DROPPED).config("/etc/azure/vmbackup.conf", "SnapshotMethod = onlyGuest"),
        "compliant",
        "",
    ),
    ("AVB-101", "no-tool", ubuntu().put(DIRECT, "tool=none exit=127\n"), "error", "no tool"),
    ("AVB-101", "no-request", ubuntu().without(DIRECT), "error", "no storage endpoint"),
    ("AVB-102", "no-proxy", ubuntu(), "not_applicable", "no proxy"),
    ("AVB-102", "unit-not-told", ubuntu().put("units", ""), "error", "systemctl"),
    ("AVB-404", "no-address", debian().put("interface", "name=eth0\nindex=2"), "error", "addresses of eth0"),
    ("AVB-102", "usable", PROXIED, "compliant", ""),
    (
        "AVB-102",
        "no-port",
        ubuntu().config("/etc/waagent.conf", f"{CONF}\nHttpProxy.Host=10.20.0.250"),
        "non_compliant",
        "HttpProxy.Port is not set",
    ),
    (
        "AVB-102",
        "no-host",
        ubuntu().config("/etc/waagent.conf", f"{CONF}\nHttpProxy.Port=3128"),
        "non_compliant",
        "HttpProxy.Host is not set",
    ),
    (
        "AVB-102",
        "port-no-number",
        ubuntu().config("/etc/waagent.conf", f"{CONF}\nHttpProxy.Host=p\nHttpProxy.Port=http"),
        "non_compliant",
        "not a number",
    ),
    (
        "AVB-102",
        "a-url",
        ubuntu().config("/etc/waagent.conf", f"{CONF}\nHttpProxy.Host=http://p\nHttpProxy.Port=80"),
        "non_compliant",
        "is a URL",
    ),
    (
        "AVB-102",
        "blanks-harm-nothing",
        ubuntu().proxied(*(x.replace("=", " = ") for x in SET), way=PROXY, through=ANSWERED),
        "compliant",
        "",
    ),
    (
        "AVB-102",
        "host-alone",
        ubuntu().proxied(SET[0], way="direct"),
        "non_compliant",
        "the agent goes directly, the backup extension to 10.20.0.250:443",
    ),
    (
        "AVB-102",
        "host-alone-and-blanks",
        ubuntu().proxied("HttpProxy.Host = 10.20.0.250", way="direct"),
        "non_compliant",
        "the agent goes directly, the backup extension as well",
    ),
    (
        "AVB-102",
        "host-empty",
        ubuntu().proxied("HttpProxy.Host=", way="direct"),
        "non_compliant",
        "HttpProxy.Host is empty",
    ),
    (
        "AVB-102",
        "environment-without-a-port",
        environment("https_proxy=http://p"),
        "non_compliant",
        "no URL with a port",
    ),
    (
        "AVB-102",
        "environment-without-a-scheme",
        environment("https_proxy=p:3128"),
        "non_compliant",
        "no URL with a port",
    ),
    (
        "AVB-102",
        "environment-credentials",
        environment("https_proxy=http://***@p:80", way="p:80").put(THROUGH, ANSWERED),
        "non_compliant",
        "credentials",
    ),
    (
        "AVB-102",
        "credentials",
        ubuntu().config("/etc/waagent.conf", f"{CONF}\nHttpProxy.Host=***@p\nHttpProxy.Port=80"),
        "non_compliant",
        "credentials",
    ),
    (
        "AVB-102",
        "refuses-connect",
        PROXIED.put(THROUGH, REFUSES),
        "non_compliant",
        "CONNECT",
    ),
    ("AVB-102", "environment", HTTPS, "compliant", ""),
    ("AVB-102", "http-proxy-concerns-nobody", HTTP_ONLY, "compliant", ""),
    ("AVB-102", "http-proxy-concerns-nobody-old-recording", HTTP_ONLY.put(THROUGH, REFUSES).old(), "compliant", ""),
    ("AVB-102", "storage-is-spared", SPARED, "compliant", ""),
    (
        "AVB-102",
        "agent-stopped",
        ubuntu().edit(
            "units", ("Id=wal", "Environment=https_proxy=http://p:80\nEnvironment=no_proxy=168.63.129.16\nId=wal")
        ),
        "undetermined",
        "does not run with it",
    ),
    ("AVB-102", "configuration-unreadable", ubuntu().state("/etc/waagent.conf", "unreadable"), "error", "unreadable"),
    ("AVB-103", "answers", ubuntu(), "compliant", ""),
    ("AVB-103", "port-80-dropped", ubuntu().put("http host 80", DROPPED), "non_compliant", "TCP 80"),
    ("AVB-103", "port-32526-refused", ubuntu().put("http host 32526", REFUSED), "non_compliant", "TCP 32526"),
    ("AVB-103", "something-else-answers", ubuntu().put("http host 80", PORTAL), "non_compliant", "not 200"),
    ("AVB-103", "one-port-not-tried", ubuntu().without("http host 32526"), "undetermined", "32526"),
    ("AVB-103", "not-tried", ubuntu().without("http host 80", "http host 32526"), "error", "no request to host"),
    ("AVB-104", "routes", ubuntu(), "compliant", ""),
    (
        "AVB-104",
        "blackhole",
        ubuntu().put(ROUTE, "exit=2\nRTNETLINK answers: Invalid argument"),
        "non_compliant",
        "leads nowhere",
    ),
    (
        "AVB-104",
        "unreachable",
        ubuntu().put("route host 168.63.129.16", "exit=2\nRTNETLINK answers: Network is unreachable"),
        "non_compliant",
        "168.63.129.16",
    ),
    (
        "AVB-104",
        "no-ip-command",
        ubuntu().put(ROUTE, "exit=127").put("route host 168.63.129.16", "exit=127"),
        "compliant",
        "",
    ),
    (
        "AVB-104",
        "no-ip-command-reject-route",
        ubuntu().put("route host 168.63.129.16", "exit=127").edit("routes", ("0007", "0207")),
        "non_compliant",
        "10813FA8",
    ),
    ("AVB-104", "name-unknown", ubuntu().without(ROUTE), "undetermined", "AVB-101"),
    (
        "AVB-104",
        "usage-text",
        ubuntu().put(ROUTE, "exit=0\nUsage: ip route { list | flush } SELECTOR\n       ip route get ADDRESS"),
        "error",
        "told no decision",
    ),
    (
        "AVB-104",
        "another-address",
        ubuntu().put(ROUTE, "exit=0\n20.60.88.40 via 10.20.0.1 dev eth0 src 10.20.0.4"),
        "error",
        "told no decision",
    ),
    (
        "AVB-104",
        "asked-for-no-address",
        ubuntu().without(ROUTE).put(f"route {ENDPOINT} 20.60.88", "exit=0\n20.60.88 dev eth0"),
        "error",
        "cannot be read",
    ),
    (
        "AVB-104",
        "another-error",
        ubuntu().put(ROUTE, "exit=2\nRTNETLINK answers: Operation not permitted"),
        "error",
        "told no decision",
    ),
    (
        "AVB-104",
        "table-with-a-damaged-row",
        ubuntu().put(ROUTE, "exit=127").edit("routes", ("0007", "00x7")),
        "error",
        "cannot be read",
    ),
    ("AVB-104", "no-decision", ubuntu().without(ROUTE, "route host 168.63.129.16"), "error", "no routing decision"),
    ("AVB-201", "runs", ubuntu(), "compliant", ""),
    (
        "AVB-201",
        "decoys-only",
        ubuntu().put("processes", "scanned 9\nprocess 7 python3 /var/lib/waagent/Example-1.0/waagent-watch.py -daemon"),
        "non_compliant",
        "bear its name",
    ),
    (
        "AVB-201",
        "handler-gone",
        ubuntu().edit("processes", (f"process 1187 {EGG}", "")),
        "non_compliant",
        "-run-exthandlers",
    ),
    (
        "AVB-201",
        "not-installed",
        ubuntu().put("processes", "scanned 9").put("version", "absent"),
        "non_compliant",
        "not installed",
    ),
    (
        "AVB-201",
        "cannot-be-started",
        ubuntu().put("processes", "scanned 9").put("version", "waagent: No such file or directory\nexit=127"),
        "non_compliant",
        "does not run",
    ),
    ("AVB-201", "not-read", ubuntu().put("processes", ""), "error", "processes were not read"),
    ("AVB-202", "enabled", ubuntu(), "compliant", ""),
    (
        "AVB-202",
        "disabled",
        ubuntu().edit("units", ("UnitFileState=enabled", "UnitFileState=disabled")),
        "non_compliant",
        "UnitFileState=disabled",
    ),
    ("AVB-202", "masked", ubuntu().edit("units", ("LoadState=loaded", "LoadState=masked")), "non_compliant", "masked"),
    (
        "AVB-202",
        "no-unit",
        ubuntu().edit("units", ("LoadState=loaded", "LoadState=not-found")),
        "non_compliant",
        "no service",
    ),
    ("AVB-202", "upstart", ubuntu().state("/run/systemd/system", "absent").put("units", UPSTART), "compliant", ""),
    ("AVB-202", "sysv", ubuntu().state("/run/systemd/system", "absent").put("units", SYSV), "compliant", ""),
    (
        "AVB-202",
        "sysv-without-link",
        ubuntu().state("/run/systemd/system", "absent").put("units", "readable /etc/init.d/waagent"),
        "non_compliant",
        "no start link",
    ),
    ("AVB-202", "systemctl-silent", ubuntu().put("units", ""), "error", "systemctl"),
    ("AVB-203", "always", ubuntu(), "compliant", ""),
    ("AVB-203", "on-failure", ubuntu().edit("units", ("Restart=always", "Restart=on-failure")), "compliant", ""),
    ("AVB-203", "respawn", ubuntu().state("/run/systemd/system", "absent").put("units", UPSTART), "compliant", ""),
    ("AVB-203", "no", ubuntu().edit("units", ("Restart=always", "Restart=no")), "non_compliant", "Restart=no"),
    (
        "AVB-203",
        "on-success-only",
        ubuntu().edit("units", ("Restart=always", "Restart=on-success")),
        "non_compliant",
        "on-success",
    ),
    (
        "AVB-203",
        "sysv",
        ubuntu().state("/run/systemd/system", "absent").put("units", SYSV),
        "non_compliant",
        "not restarted",
    ),
    ("AVB-203", "systemctl-silent", ubuntu().put("units", ""), "error", "systemctl"),
    ("AVB-204", "current", ubuntu(), "compliant", ""),
    ("AVB-204", "at-the-minimum", ubuntu().put("version", OLD_VERSION.replace("2.2.45", "2.2.53.1")), "compliant", ""),
    (
        "AVB-204",
        "old-daemon-new-handler",
        ubuntu().put("version", OLD_VERSION.replace("agent: 2.2.45", "agent: 2.8.0.11")),
        "compliant",
        "",
    ),
    ("AVB-204", "old", ubuntu().put("version", OLD_VERSION), "non_compliant", "2.2.45"),
    (
        "AVB-204",
        "one-line-only",
        ubuntu().put("version", "WALinuxAgent-2.0.16 running on ubuntu 14.04\nexit=0"),
        "non_compliant",
        "2.0.16",
    ),
    ("AVB-204", "not-installed", ubuntu().put("version", "absent"), "undetermined", "AVB-201"),
    (
        "AVB-204",
        "traceback",
        ubuntu().put("version", "Traceback (most recent call last):\nexit=0"),
        "error",
        "no version",
    ),
    ("AVB-205", "newer-key", ubuntu(), "compliant", ""),
    ("AVB-205", "neither-key", ubuntu().config("/etc/waagent.conf", "Extensions.Enabled=y"), "compliant", ""),
    (
        "AVB-205",
        "newer-key-wins",
        ubuntu().config("/etc/waagent.conf", "AutoUpdate.Enabled=n\nAutoUpdate.UpdateToLatestVersion=y"),
        "compliant",
        "",
    ),
    (
        "AVB-205",
        "newer-key-off",
        ubuntu().config("/etc/waagent.conf", "AutoUpdate.Enabled=y\nAutoUpdate.UpdateToLatestVersion=n"),
        "non_compliant",
        "UpdateToLatestVersion=n",
    ),
    (
        "AVB-205",
        "older-key-off",
        ubuntu().config("/etc/waagent.conf", "AutoUpdate.Enabled=N"),
        "non_compliant",
        "AutoUpdate.Enabled=N",
    ),
    ("AVB-205", "no-file", ubuntu().config("/etc/waagent.conf", None), "undetermined", "AVB-206"),
    ("AVB-205", "garbled", ubuntu().config("/etc/waagent.conf", "garbage"), "error", "no setting: 'garbage'"),
    (
        "AVB-205",
        "damaged-line-among-others",
        ubuntu().config("/etc/waagent.conf", f"{CONF}\nAutoUpdate.Enab\x00led=n"),
        "error",
        "no setting: 'AutoUpdate.Enab led=n'",
    ),
    (
        "AVB-205",
        "line-without-a-path",
        ubuntu().edit("config", ("/etc/waagent.conf:Auto", "/etc/waagent.c Auto")),
        "error",
        "cannot be read",
    ),
    (
        "AVB-205",
        "flatcar",
        FLATCAR.config("/usr/share/oem/waagent.conf", "AutoUpdate.Enabled=n"),
        "non_compliant",
        "/usr/share/oem/waagent.conf",
    ),
    (
        "AVB-205",
        "unknown-keys-are-no-damage",
        ubuntu().config("/etc/waagent.conf", f"{CONF}\nDebug.New=x\n # a=b"),
        "compliant",
        "",
    ),
    ("AVB-205", "file-too-large", ubuntu().config("/etc/waagent.conf", "x=y\n" * 20000), "error", "64 KiB"),
    ("AVB-206", "on", ubuntu(), "compliant", ""),
    ("AVB-206", "unset-is-on", ubuntu().config("/etc/waagent.conf", "Logs.Verbose=n"), "compliant", ""),
    (
        "AVB-206",
        "off",
        ubuntu().config("/etc/waagent.conf", "Extensions.Enabled=y\nExtensions.Enabled=n"),
        "non_compliant",
        "Extensions.Enabled=n",
    ),
    ("AVB-206", "no-file", ubuntu().config("/etc/waagent.conf", None), "non_compliant", "does not exist"),
    ("AVB-206", "garbled", ubuntu().config("/etc/waagent.conf", "\\x00\\x01garbage"), "error", "no setting"),
    ("AVB-206", "flatcar", FLATCAR, "compliant", ""),
    (
        "AVB-206",
        "flatcar-off",
        FLATCAR.config("/usr/share/oem/waagent.conf", "Extensions.Enabled=n"),
        "non_compliant",
        "in /usr/share/oem/waagent.conf",
    ),
    (
        "AVB-206",
        "flatcar-missing",
        FLATCAR.config("/usr/share/oem/waagent.conf", None),
        "non_compliant",
        "/usr/share/oem/waagent.conf does not exist",
    ),
    (
        "AVB-206",
        "flatcar-old-recording",
        FLATCAR.config("/usr/share/oem/waagent.conf", None).without_state("/usr/share/oem/waagent.conf").old(),
        "undetermined",
        "did not ask for /usr/share/oem",
    ),
    ("AVB-206", "clear-linux", CLEAR, "compliant", ""),
    ("AVB-206", "named-on-the-command-line", ubuntu().laid_out("/opt/azure/agent.cfg"), "compliant", ""),
    (
        "AVB-206",
        "probe-does-not-say-which",
        ubuntu().edit("meta", ("conf=/etc/waagent.conf\n", "")),
        "error",
        "which configuration",
    ),
    ("AVB-206", "empty", ubuntu().config("/etc/waagent.conf", ""), "non_compliant", "empty"),
    ("AVB-206", "unreadable", ubuntu().state("/etc/waagent.conf", "unreadable"), "error", "unreadable"),
    ("AVB-207", "as-asked", ubuntu(), "compliant", ""),
    (
        "AVB-207",
        "newer-than-asked",
        ubuntu().put("goal-state", "agent-version=2.14.0.1\nbackup-extension=yes"),
        "compliant",
        "",
    ),
    (
        "AVB-207",
        "older-than-asked",
        ubuntu().put("goal-state", "agent-version=99.0.0.1\nbackup-extension=yes"),
        "non_compliant",
        "platform asks for 99.0.0.1",
    ),
    (
        "AVB-207",
        "older-than-known",
        ubuntu().without("goal-state").put("version", OLD_VERSION),
        "non_compliant",
        "newest release known",
    ),
    ("AVB-207", "traceback", ubuntu().put("version", "Traceback\nexit=0"), "error", "no version"),
    ("AVB-301", "current", ubuntu(), "compliant", ""),
    ("AVB-301", "3.12-in-doubt", ubuntu().reported(replace(GOOD, python="3.11.9")), "undetermined", "imp, distutils"),
    ("AVB-301", "3.13-known-to-be-bad", PYTHON_3_13, "non_compliant", "crypt"),
    ("AVB-301", "3.13-newer-in-doubt", newer(PYTHON_3_13), "undetermined", "not known"),
    (
        "AVB-301",
        "3.13-newer-at-work",
        newer(PYTHON_3_13.reported(replace(FAILED, python="3.13.1"))),
        "compliant",
        "",
    ),
    ("AVB-301", "component-wise", ubuntu().edit("extension", ("1.0.9220.0", "1.0.9102.0")), "compliant", ""),
    ("AVB-301", "old", ubuntu().edit("extension", ("1.0.9220.0", "1.0.57.0")), "non_compliant", "1.0.91.0"),
    ("AVB-301", "asked-for-and-not-there", ubuntu().put("extension", ""), "non_compliant", "no handler folder"),
    ("AVB-301", "never-installed", NEVER_INSTALLED, "not_applicable", "no trace"),
    (
        "AVB-301",
        "status-no-json",
        ubuntu().edit("extension", ('[{"version"', '[{{"version"')),
        "error",
        "no readable JSON",
    ),
    ("AVB-301", "status-not-needed", red_hat().edit("extension", ('[{"version"', '[{{"version"')), "compliant", ""),
    ("AVB-301", "files-not-listed", NEVER_INSTALLED.put("files", ""), "error", "does not say"),
    ("AVB-302", "ready", ubuntu(), "compliant", ""),
    ("AVB-302", "never-installed", NEVER_INSTALLED, "not_applicable", "no trace"),
    ("AVB-302", "asked-for-and-not-there", ubuntu().put("extension", ""), "not_applicable", "AVB-301"),
    (
        "AVB-302",
        "not-enabled",
        ubuntu().edit("extension", ("HandlerState:Enabled", "HandlerState:Installed")),
        "non_compliant",
        "Installed, not Enabled",
    ),
    (
        "AVB-302",
        "not-ready",
        ubuntu().edit("extension", ('"Ready"', '"NotReady"')),
        "non_compliant",
        "NotReady, not Ready",
    ),
    ("AVB-302", "last-run-failed", ubuntu().reported(FAILED), "non_compliant", "disk 1 of 1 failed"),
    ("AVB-302", "no-code-of-its-own", ubuntu().reported(replace(GOOD, code=2)), "non_compliant", "code 2"),
    ("AVB-302", "under-way", ubuntu().reported(BEFORE, YOUNG), "compliant", "under way since 2026-11-23 05:41 UTC"),
    (
        "AVB-302",
        "under-way-after-a-failure",
        ubuntu().reported(replace(BEFORE, code=121), YOUNG),
        "non_compliant",
        "121",
    ),
    ("AVB-302", "under-way-after-a-killed-one", ubuntu().reported(OLD, YOUNG), "non_compliant", "never finished"),
    ("AVB-302", "under-way-and-none-before", ubuntu().reported(YOUNG), "undetermined", "under way"),
    ("AVB-302", "never-finished", ubuntu().reported(BEFORE, OLD), "non_compliant", "never finished"),
    ("AVB-302", "no-report", ubuntu().reported(), "undetermined", "no report of a run"),
    (
        "AVB-302",
        "no-state",
        ubuntu().edit("extension", (f"{EXTENSION}/config/HandlerState:Enabled", "")),
        "non_compliant",
        "missing",
    ),
    (
        "AVB-302",
        "status-no-json",
        ubuntu().edit("extension", ('[{"version"', '[{{"version"')),
        "error",
        "no readable JSON",
    ),
    ("AVB-304", "3.12", ubuntu(), "compliant", ""),
    ("AVB-304", "3.12-in-doubt", ubuntu().reported(replace(GOOD, python="3.11.9")), "undetermined", "3.12.3"),
    ("AVB-304", "3.12-never-installed", NEVER_INSTALLED, "not_applicable", "no extension"),
    (
        "AVB-304",
        "3.13-never-installed",
        NEVER_INSTALLED.put("python", PYTHON_3_13.parts["python"]),
        "undetermined",
        "first backup",
    ),
    ("AVB-304", "3.13-known-to-be-bad", PYTHON_3_13, "advisory", "crypt"),
    (
        "AVB-304",
        "3.13-does-not-start",
        newer(PYTHON_3_13).edit("extension", ("Plugin enabled", TRACEBACK)),
        "advisory",
        "crypt",
    ),
    ("AVB-304", "agents-own-at-work", NO_PYTHON, "compliant", ""),
    ("AVB-304", "agents-own-in-doubt", NO_PYTHON.reported(replace(GOOD, version="1.0.9156.0")), "error", "version"),
    ("AVB-304", "launcher-finds-none", NO_PYTHON.edit("extension", EXIT_3), "advisory", "exit code 3"),
    (
        "AVB-304",
        "2.7",
        ubuntu().put("python", "searched=/usr/bin\npath=/usr/bin/python2.7\nPython 2.7.18"),
        "compliant",
        "",
    ),
    (
        "AVB-304",
        "3.14",
        ubuntu().put("python", "searched=/usr/bin\npath=/usr/bin/python3\nPython 3.14.2\nagent="),
        "advisory",
        "3.14.2",
    ),
    ("AVB-304", "none", NO_PYTHON.put("processes", "scanned 148").reported(), "advisory", "no python"),
    (
        "AVB-304",
        "broken",
        ubuntu().put("python", "searched=/usr/bin\npath=/usr/bin/python3\nSegmentation fault\nagent=").reported(),
        "error",
        "no version",
    ),
    ("AVB-304", "not-searched", ubuntu().put("python", ""), "error", "looked for"),
    ("AVB-402", "idle", ubuntu(), "compliant", ""),
    ("AVB-402", "at-90", ubuntu().put("cpu", AT_NINETY), "compliant", ""),
    ("AVB-402", "busy", ubuntu().put("cpu", BUSY), "non_compliant", "98.2 %"),
    ("AVB-402", "read-once", ubuntu().put("cpu", BUSY.rsplit("\n", 1)[0]), "error", "twice"),
    (
        "AVB-402",
        "clock-stopped",
        ubuntu().put("cpu", "seconds=2\ncpu 1 2 3 4 5 6 7 8\ncpu 1 2 3 4 5 6 7 8"),
        "error",
        "did not move",
    ),
    ("AVB-403", "free", ubuntu(), "compliant", ""),
    (
        "AVB-403",
        "used-up",
        ubuntu().edit("memory", ("MemAvailable: 5701400", "MemAvailable: 400000")),
        "non_compliant",
        "95.1 %",
    ),
    (
        "AVB-403",
        "old-kernel",
        ubuntu().edit("memory", ("MemAvailable: 5701400\n", "")).edit("meta", ("kernel=6.8.0", "kernel=3.13.0")),
        "compliant",
        "",
    ),
    (
        "AVB-403",
        "no-available-on-a-new-kernel",
        ubuntu().edit("memory", ("MemAvailable: 5701400\n", "")),
        "error",
        "meminfo",
    ),
    (
        "AVB-403",
        "damaged-on-a-new-kernel",
        ubuntu().edit("memory", ("MemAvailable: 57", "MemAvail\x00ble: 57")),
        "error",
        "cannot be read",
    ),
    ("AVB-403", "damaged-number", ubuntu().edit("memory", ("5701400", "57o1400")), "error", "cannot be read"),
    (
        "AVB-403",
        "two-that-contradict",
        ubuntu().edit("memory", ("MemAvailable: 5701400", "MemAvailable: 400000\nMemAvailable: 5701400")),
        "error",
        "MemAvailable: 5701400",
    ),
    (
        "AVB-403",
        "unknown-keys-are-no-damage",
        ubuntu().edit("memory", ("MemFree", "MemNew: 1\nMemFree")),
        "compliant",
        "",
    ),
    (
        "AVB-403",
        "old-kernel-with-half-of-it",
        ubuntu().put("memory", "MemTotal: 8144856\nMemFree: 1204000").edit("meta", ("kernel=6.8.0", "kernel=3.13.0")),
        "error",
        "meminfo",
    ),
    (
        "AVB-403",
        "kernel-untold",
        ubuntu().edit("memory", ("MemAvailable: 5701400\n", "")).edit("meta", ("kernel=6.8.0-1021-azure", "kernel=")),
        "error",
        "meminfo",
    ),
    ("AVB-403", "not-read", ubuntu().put("memory", ""), "error", "meminfo"),
    ("AVB-404", "networkd", ubuntu(), "compliant", ""),
    ("AVB-404", "networkmanager", red_hat(), "compliant", ""),
    ("AVB-404", "wicked", suse(), "compliant", ""),
    ("AVB-404", "dhclient", debian(), "compliant", ""),
    ("AVB-404", "static", STATIC, "non_compliant", "inet static"),
    (
        "AVB-404",
        "static-several-addresses",
        STATIC.edit(
            "interface",
            ("valid_lft forever", "valid_lft forever\n2: eth0    inet 10.20.0.60/24 scope global secondary eth0"),
        ),
        "advisory",
        "10.20.0.60",
    ),
    (
        "AVB-404",
        "cannot-tell",
        STATIC.edit("config", ("iface eth0 inet static", "auto lo")),
        "undetermined",
        "cannot be told",
    ),
    ("AVB-404", "no-default-route", ubuntu().put("interface", "name=\nindex="), "error", "no default route"),
    ("AVB-405", "networkd", ubuntu(), "compliant", ""),
    ("AVB-405", "networkmanager", red_hat(), "compliant", ""),
    ("AVB-405", "wicked", suse(), "compliant", ""),
    ("AVB-405", "dhclient", debian(), "compliant", ""),
    ("AVB-405", "missing", debian().put("leases", dhclient_lease("10.20.0.6", None)), "non_compliant", "no option 245"),
    (
        "AVB-405",
        "another-address",
        debian().put("leases", dhclient_lease("10.20.0.6", "a:4d:0:63")),
        "non_compliant",
        "10.77.0.99",
    ),
    (
        "AVB-405",
        "no-address",
        debian().put("leases", dhclient_lease("10.20.0.6", "zz:1")),
        "non_compliant",
        "no IPv4 address",
    ),
    ("AVB-405", "expired", EXPIRED, "non_compliant", "ran out on 2026-11-19"),
    ("AVB-405", "static", STATIC, "non_compliant", "no DHCP lease"),
    ("AVB-405", "no-lease-found", debian().put("leases", ""), "undetermined", "no lease"),
    ("AVB-405", "lease-part-missing", debian().without("leases"), "error", "leases"),
    ("AVB-504", "none", ubuntu(), "compliant", ""),
    ("AVB-504", "red-hat", red_hat(), "compliant", ""),
    ("AVB-504", "flag", ubuntu().state("/run/reboot-required", "readable"), "advisory", "/run/reboot-required"),
    (
        "AVB-504",
        "newer-kernel",
        ubuntu().state("/boot/vmlinuz-6.8.0-1030-azure", "kernel"),
        "advisory",
        "6.8.0-1030-azure",
    ),
    (
        "AVB-504",
        "newer-kernel-of-another-flavour",
        ubuntu().state("/boot/vmlinuz-6.9.0-99-generic", "kernel"),
        "compliant",
        "",
    ),
    (
        "AVB-504",
        "no-kernels",
        ubuntu().edit("files", ("kernel /boot", "absent /boot")),
        "undetermined",
        "no kernel image",
    ),
    ("AVB-504", "not-looked", ubuntu().put("files", ""), "error", "does not say"),
)
BLANK = Recording(dict.fromkeys(ubuntu().parts, "") | {"meta": ubuntu().parts["meta"]})
RECORDINGS = {f"{control}-{name}": recording for control, name, recording, _, _ in CASES}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One run of the product over the recordings of every case, a blank guest and a guest that is not root."""
    base = tmp_path_factory.mktemp("controls")
    plain = ubuntu().edit("meta", ("uid=0", "uid=1000"))
    record(
        base / "facts",
        {
            **RECORDINGS,
            "blank": BLANK,
            "not-root": plain,
            "cut": ubuntu().output()[:2000],
            "garbage": b"\xff\x00<html>",
        },
    )
    return judge_apart(base / "reports", f"--facts={base / 'facts'}")


@pytest.mark.parametrize(
    ("control", "name", "outcome", "named"), [(c, n, o, m) for c, n, _, o, m in CASES], ids=list(RECORDINGS)
)
def test_control_comes_to_the_right_outcome(judged: Judged, control: str, name: str, outcome: str, named: str) -> None:
    """Each recording ends as it must, and the message names the evidence."""
    check_outcome(judged.finding(control, f"{control}-{name}"), outcome, named)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("guest", ["blank", "not-root", "cut", "garbage"])
def test_blank_facts_are_never_a_verdict(judged: Judged, control: str, guest: str) -> None:
    """From nothing follows nothing: no pass, no failure and no exemption from applying."""
    check_no_verdict(judged.finding(control, guest))


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_has_all_kinds_of_cases(control: str) -> None:
    """A control without a failing or an unreadable recording would not be known to be able to fail."""
    check_kinds(o for c, _, _, o, _ in CASES if c == control)


def test_failures_carry_evidence_and_remediation(judged: Judged) -> None:
    """A finding that fails says what was read, what to do and where that is documented."""
    failed = [f for f in judged.document.findings if f.outcome in ("non_compliant", "advisory")]
    assert failed
    assert all(f.evidence and f.remediation and f.source for f in failed)


def test_agent_and_extension_failures_say_how_to_debug(judged: Judged) -> None:
    """The article's debugging steps stand in the evidence of causes 2 and 3."""
    finding = judged.finding("AVB-206", "AVB-206-off")
    assert "Logs.Verbose is off: set Logs.Verbose=y" in finding.evidence["debugging"]
