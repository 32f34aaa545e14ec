"""The demo's recorded guests, and the subscription they live in: `python -m selftests.samples` writes them to samples/facts.

Each documented cause fails on at least one of them, two are clean, one never had a backup, one could
not be reached and one recording is cut short.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from backup_compliance.gathering.folder import Facts, save_facts
from backup_compliance.model.recorded import Problem, RecordedGuest
from selftests.builders.extension_reports import FAILED
from selftests.builders.recordings import (
    ANSWERED,
    DROPPED,
    EGG,
    ENDPOINT,
    EPOCH,
    EXTENSION,
    Recording,
    debian,
    http,
    red_hat,
    suse,
    ubuntu,
)
from selftests.builders.sample_estate import sample_subscription, third_octet
from selftests.builders.windows_recordings import (
    GERMAN,
    KOREAN,
    WindowsRecording,
    service,
    windows,
    with_proxy,
    with_sql,
    writers,
)

FOLDER = Path(__file__).parents[1] / "samples" / "facts"
LABEL = "made-up samples, no real machines"
OLD_EXTENSION = EXTENSION.replace("1.0.9220.0", "1.0.57.0")
STORAGE = f"http storage direct {ENDPOINT}"


def intercepted() -> Recording:
    """A filter presents its own certificate for Azure Storage, and the newest kernel waits for a restart."""
    guest = ubuntu("sample-web-02", 11)
    seen = http(
        "curl: (60) SSL certificate problem: self-signed certificate in certificate chain",
        f"http=000 connect=000 ip=20.60.88.4 tcp=0.003 tls=0.000{chr(10)}*  issuer: O=Example Security; CN=Example TLS Inspection CA",
        exit_status=60,
    )
    return guest.put(STORAGE, seen).state("/boot/vmlinuz-6.8.0-1030-azure", "kernel")


def half_proxied() -> Recording:
    """Only the proxy may go out, and its port is missing."""
    guest = red_hat("sample-web-03", 12)
    return guest.proxied("HttpProxy.Host=10.20.0.250", way="direct").put(STORAGE, DROPPED)


def proxied() -> Recording:
    """Only the proxy may go out, and it is set as it must be."""
    guest = red_hat("sample-web-04", 23).put(STORAGE, DROPPED)
    settings = ("HttpProxy.Host=10.20.0.250", "HttpProxy.Port=3128")
    return guest.proxied(*settings, way="10.20.0.250:3128", through=ANSWERED)


def proxied_in_vain() -> Recording:
    """Its proxy takes the connection and may not go out itself."""
    settings = ("HttpProxy.Host=10.20.0.251", "HttpProxy.Port=3128")
    refused = http("curl: (56) CONNECT tunnel failed, response 504", "http=000 connect=504", exit_status=56)
    return ubuntu("sample-web-05", 27).proxied(*settings, way="10.20.0.251:3128", through=refused)


def blackholed() -> Recording:
    """A hardening script's firewall and blackhole route cut the host address and storage off."""
    guest = suse("sample-net-03", 13)
    guest = (
        guest.put("http host 80", DROPPED)
        .put("http host 32526", DROPPED)
        .put(STORAGE, DROPPED)
        .without("goal-state", "imds")
    )
    return guest.put(
        f"route {ENDPOINT} 20.60.88.4", "exit=2\nRTNETLINK answers: Invalid argument\nblackhole 20.60.0.0/16"
    ).put("imds", "")


def stopped_agent() -> Recording:
    """The agent was stopped and disabled; its unit would not restart it either."""
    guest = debian("sample-app-01", 14).put(
        "processes",
        "scanned 96\nprocess 2210 /usr/bin/python3 /var/lib/waagent/Example.Monitoring-1.4/waagent-watch.py -daemon",
    )
    guest = guest.edit(
        "units",
        ("ActiveState=active", "ActiveState=inactive"),
        ("SubState=running", "SubState=dead"),
        ("UnitFileState=enabled", "UnitFileState=disabled"),
    )
    guest = guest.edit("units", ("Restart=always", "Restart=no"))
    return guest.put(
        "version", "WALinuxAgent-2.7.3.0 running on debian 12\nPython: 3.11.2\nGoal state agent: 2.7.3.0\nexit=0"
    )


def old_agent() -> Recording:
    """An agent from 2020 that may neither update itself nor run extensions."""
    guest = ubuntu("sample-app-02", 15).edit(
        "config",
        ("Extensions.Enabled=y", "Extensions.Enabled=n"),
        ("AutoUpdate.UpdateToLatestVersion=y", "AutoUpdate.Enabled=n"),
    )
    old = "python3 -u /usr/sbin/waagent -run-exthandlers"
    guest = guest.edit("processes", (f"process 1187 {EGG}", f"process 1187 {old}"), (f"\nrunning handler {EGG}", ""))
    return guest.put(
        "version", "WALinuxAgent-2.2.45 running on ubuntu 18.04\nPython: 3.6.9\nGoal state agent: 2.2.45\nexit=0"
    )


def busy() -> Recording:
    """Processor and memory are used up."""
    guest = red_hat("sample-batch-01", 16).put(
        "cpu", "seconds=2\ncpu  26287 0 9556 265412 1142 0 456 1180 0 0\ncpu  26667 0 9569 265419 1142 0 456 1180 0 0"
    )
    return guest.edit("memory", ("MemAvailable: 5701400", "MemAvailable: 400000"))


def old_extension() -> Recording:
    """An extension below the article's version, whose last run found no network."""
    guest = ubuntu("sample-legacy-01", 17).edit(
        "extension", (EXTENSION, OLD_EXTENSION), ('"Ready"', '"NotReady"'), ("1.0.9220.0", "1.0.57.0")
    )
    guest = guest.under_python("2.7.18", "/usr/bin/python2.7")
    guest = guest.reported(replace(FAILED, version="1.0.57.0", python="2.7.18"))
    return guest.edit("files", (EXTENSION, OLD_EXTENSION))


def static_address() -> Recording:
    """The address was set inside the guest."""
    guest = debian("sample-net-01", 18).edit("config", ("iface eth0 inet dhcp", "iface eth0 inet static"))
    return guest.put("leases", "")


def no_option_245() -> Recording:
    """A DHCP relay of somebody else's answers, without option 245."""
    guest = suse("sample-net-02", 19)
    return guest.edit(
        "leases",
        ("<options><unknown-245><code>245</code><data>a8:3f:81:10</data></unknown-245></options>", "<options/>"),
    )


def too_new_python() -> Recording:
    """A distribution whose Python the extension cannot run on, waiting for a restart."""
    guest = (
        ubuntu("sample-edge-01", 20)
        .put("python", "searched=/usr/bin /usr/local/bin\npath=/usr/bin/python3\nPython 3.14.2\nagent=")
        .state("/run/reboot-required", "readable")
    )
    return guest.edit("config", ("Ubuntu 24.04.3 LTS", "Ubuntu 26.04 LTS"))


def never_backed_up() -> Recording:
    """A new VM: healthy, and the extension not there yet."""
    guest = (
        red_hat("sample-new-01", 21)
        .put("extension", "")
        .edit("goal-state", ("backup-extension=yes", "backup-extension=no"))
    )
    return guest.state(EXTENSION, "absent").state(
        "/var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux", "absent"
    )


def sql_server() -> WindowsRecording:
    """A German Windows with SQL Server, behind a proxy of LocalSystem's, all of it as it should be."""
    return with_proxy(
        with_sql(windows("sample-sql-01", 28, "Windows Server 2019 Datacenter", "10.0.17763.6532", GERMAN))
    )


def neglected_sql_server() -> WindowsRecording:
    """A Korean Windows with SQL Server whose copy-only setting, provider and agent nobody looked after."""
    guest = windows("sample-sql-02", 29, "Windows Server 2016 Datacenter", "10.0.14393.7428", KOREAN)
    guest = with_sql(guest, None).put("reg IaasVmProvider", service("IaasVmProvider", start=4))
    guest = guest.edit("reg guest", ("2.7.41491.1172", "2.7.41491.911")).put("reg RdAgent", service("RdAgent"))
    guest = guest.put("vss", writers(KOREAN, (1, 1, 8, 1), "실패함", "다시 시도할 수 없는 오류"))
    return with_proxy(guest, override="<local>", machine="")


def sample_facts() -> Facts:
    """Every sample guest."""
    read_at = datetime.fromtimestamp(EPOCH, UTC)
    guests = {
        "sample-web-01": ubuntu("sample-web-01", 4),
        "sample-db-01": red_hat("sample-db-01", 5),
        "sample-web-02": intercepted(),
        "sample-web-03": half_proxied(),
        "sample-web-04": proxied(),
        "sample-web-05": proxied_in_vain(),
        "sample-net-03": blackholed(),
        "sample-app-01": stopped_agent(),
        "sample-app-02": old_agent(),
        "sample-batch-01": busy(),
        "sample-legacy-01": old_extension(),
        "sample-net-01": static_address(),
        "sample-net-02": no_option_245(),
        "sample-edge-01": too_new_python(),
        "sample-new-01": never_backed_up(),
        "sample-win-01": windows("sample-win-01", 26),
        "sample-sql-01": sql_server(),
        "sample-sql-02": neglected_sql_server(),
    }
    recorded = [RecordedGuest(name, guest.moved(third_octet(name)).output(), read_at) for name, guest in guests.items()]
    # reads a VM id that is in no subscription
    recorded.append(RecordedGuest("sample-lab-01", debian("sample-lab-01", 99).output(), read_at))
    cut = ubuntu("sample-cut-01", 22).output()
    recorded.append(RecordedGuest("sample-cut-01", cut[: len(cut) // 2], read_at))
    refused = Problem("it refused the connection", "check that sshd runs there and the port is right")
    recorded.append(RecordedGuest("sample-gone-01", b"", read_at, refused))
    return Facts(tuple(recorded), (sample_subscription().recorded(),), label=LABEL)


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    save_facts(sample_facts(), FOLDER)
