"""Every guest control on Windows: compliant, non-compliant, unreadable, blank, and not applicable where it can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftests.builders.extension_reports import FAILED, GOOD, UNDER_WAY
from selftests.builders.judging import check_kinds, check_no_verdict, check_outcome
from selftests.builders.product import Judged, judge_apart, record
from selftests.builders.recordings import ENDPOINT, ubuntu
from selftests.builders.windows_recordings import (
    CONNECTIONS,
    ENGLISH,
    FRENCH,
    GERMAN,
    INTERFACE,
    OPTIONS,
    POWERSHELL_PARTS,
    SERVICES,
    SERVICING,
    SOFTWARE,
    SYSTEM_INTERNET,
    TIMED_OUT,
    UPDATES,
    WindowsRecording,
    dword,
    french,
    german,
    http,
    japanese,
    key,
    korean,
    no_service,
    reported,
    service,
    state,
    text,
    windows,
    winhttp_blob,
    with_proxy,
    with_sql,
    writers,
)

ON_WINDOWS = (
    *("AVB-101", "AVB-102", "AVB-103", "AVB-104", "AVB-201", "AVB-202", "AVB-203", "AVB-204"),
    *("AVB-302", "AVB-303", "AVB-401", "AVB-402", "AVB-403", "AVB-404", "AVB-405", "AVB-504"),
)
ON_LINUX_ONLY = ("AVB-205", "AVB-206", "AVB-207", "AVB-301", "AVB-304")
LANGUAGES = {"english": windows(), "german": german(), "korean": korean(), "japanese": japanese(), "french": french()}
DIRECT = f"http storage direct {ENDPOINT}"
THROUGH = f"http storage proxy {ENDPOINT}"
HOST_80, HOST_32526 = "http host 80 168.63.129.16", "http host 32526 168.63.129.16"
STATUS = "handler 1.0.75.0"
FRESH = (
    windows()
    .absent("handlers", "bcdr", "bcdr-persistent", "IaasVmProvider")
    .put("goal-state", "backup-extension=no")
    .without(STATUS)
)
WRITTEN = (
    windows()
    .edit("powershell", ("language=", "revision=2\nlanguage="))
    .put("aggregate-status", "file=read\nwritten=2026-11-23T07:59:50Z")
)
UNINSTALLED = (
    windows()
    .absent("RdAgent", "WindowsAzureGuestAgent", "guest")
    .put("service RdAgent", no_service())
    .put("service WindowsAzureGuestAgent", no_service())
)
STATIC = windows().put(
    "reg interfaces",
    key(
        INTERFACE,
        dword("EnableDHCP", 0),
        ("IPAddress", "REG_MULTI_SZ", "10.20.0.26"),
        text("DhcpIPAddress", "10.20.0.26"),
        ("DhcpInterfaceOptions", "REG_BINARY", OPTIONS),
    ),
)
TWO_STATIC = STATIC.edit("reg interfaces", ("REG_MULTI_SZ    10.20.0.26", r"REG_MULTI_SZ    10.20.0.26\010.20.0.27"))
DENIED = "ERROR: Access is denied."
PORTAL = http(address="20.60.88.4", status="302", server="portal", location="http://login.example/")
CONSTRAINED = (
    windows()
    .put("powershell", "version=5.1.17763.1\nlanguage=ConstrainedLanguage\nclock=2026-11-23T08:00:00")
    .without(HOST_80, HOST_32526, DIRECT, "endpoints", "goal-state", "imds")
)
STUBBED = windows().without(*POWERSHELL_PARTS)
RENAMES = ("PendingFileRenameOperations", "REG_MULTI_SZ", r"\??\C:\a.dll\0!\??\C:\b.dll\0\??\C:\temp\0")
DELETES = ("PendingFileRenameOperations", "REG_MULTI_SZ", r"\??\C:\temp\0\0\??\C:\other\0")
SESSION = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager"
SYSTEM_PROXY = (dword("ProxyEnable", 1), text("ProxyServer", "10.20.0.250:3128"))

# (control, name of the case, recording, outcome, what the message has to name)
CASES: tuple[tuple[str, str, WindowsRecording, str, str], ...] = (
    *(
        (control, language, guest, "not_applicable" if control in ("AVB-102", "AVB-401") else "compliant", "")
        for control in ON_WINDOWS
        for language, guest in LANGUAGES.items()
    ),
    *((control, "windows", windows(), "not_applicable", "Windows Server 2022") for control in ON_LINUX_ONLY),
    ("AVB-101", "dropped", windows().put(DIRECT, TIMED_OUT), "non_compliant", "connecting timed out"),
    (
        "AVB-101",
        "intercepted",
        windows().put(
            DIRECT,
            http(
                "TLS", address="20.60.88.4", detail="RemoteCertificateChainErrors, certificate issued by CN=Example CA"
            ),
        ),
        "non_compliant",
        "CN=Example CA",
    ),
    ("AVB-101", "captive-portal", windows().put(DIRECT, PORTAL), "non_compliant", "captive portal"),
    (
        "AVB-101",
        "name-unknown",
        korean().put(DIRECT, http("name resolution", address="", detail="알려진 호스트가 없습니다")),
        "non_compliant",
        "does not resolve",
    ),
    ("AVB-101", "proxy-only", with_proxy(windows()).put(DIRECT, TIMED_OUT), "compliant", ""),
    (
        "AVB-101",
        "in-guest-snapshots-need-the-direct-path",
        with_proxy(windows())
        .put(DIRECT, TIMED_OUT)
        .put(STATUS, "status=Ready\nlast=success\ncode=1\nsaid=Snapshot taken\ntime=2026-11-22T22:04:11Z")
        .put("reg bcdr-persistent", key(rf"{SOFTWARE}\BcdrAgentPersistentKeys", text("SnapshotMethod", "onlyGuest"))),
        "non_compliant",
        "onlyGuest",
    ),
    ("AVB-101", "cut", windows().put(DIRECT, "stage=answered\naddress=20.60.88.4"), "error", "not told to its end"),
    (
        "AVB-101",
        "no-endpoint",
        windows().put("endpoints", "origin=baseline\n").without(DIRECT),
        "error",
        "no storage endpoint",
    ),
    ("AVB-101", "constrained-language", CONSTRAINED, "error", "ConstrainedLanguage"),
    ("AVB-101", "powershell-stubbed", STUBBED, "error", "PowerShell printed nothing"),
    ("AVB-102", "usable", with_proxy(windows()), "compliant", ""),
    ("AVB-102", "by-scheme", with_proxy(windows(), "http=10.20.0.250:3128;https=10.20.0.250:3128"), "compliant", ""),
    (
        "AVB-102",
        "machine-has-none",
        with_proxy(windows(), machine=""),
        "non_compliant",
        "LocalSystem uses 10.20.0.250:3128 and WinHTTP uses none",
    ),
    (
        "AVB-102",
        "machine-has-another",
        with_proxy(windows(), machine="10.20.0.9:8080"),
        "non_compliant",
        "WinHTTP uses 10.20.0.9:8080",
    ),
    (
        "AVB-102",
        "captures-host-address",
        with_proxy(windows(), override="<local>;*.example"),
        "non_compliant",
        "list of exceptions",
    ),
    ("AVB-102", "wildcard-spares-host-address", with_proxy(windows(), override="168.63.*"), "compliant", ""),
    (
        "AVB-102",
        "refuses-connect",
        with_proxy(windows()).put(THROUGH, http("proxy", detail="CONNECT was answered HTTP/1.1 403 Forbidden")),
        "non_compliant",
        "403 Forbidden",
    ),
    (
        "AVB-102",
        "policy-for-all-users",
        windows()
        .put("reg internet-policy", key(rf"{SOFTWARE}\x", dword("ProxySettingsPerUser", 0)))
        .put("reg internet-machine", key(rf"{SOFTWARE}\Internet Settings", *SYSTEM_PROXY)),
        "non_compliant",
        "LocalSystem uses 10.20.0.250:3128",
    ),
    (
        "AVB-102",
        "script",
        windows().put("reg internet-system", key(SYSTEM_INTERNET, text("AutoConfigURL", "http://p.example/p.pac"))),
        "undetermined",
        "p.pac",
    ),
    ("AVB-102", "no-port", with_proxy(windows(), "proxy.example").without(THROUGH), "undetermined", "not HOST:PORT"),
    (
        "AVB-102",
        "blob-cut",
        windows().put("reg winhttp", key(CONNECTIONS, ("WinHttpSettings", "REG_BINARY", winhttp_blob("p:1")[:36]))),
        "error",
        "cut short",
    ),
    ("AVB-103", "port-80-dropped", windows().put(HOST_80, TIMED_OUT), "non_compliant", "TCP 80"),
    ("AVB-103", "something-else", windows().put(HOST_32526, PORTAL), "non_compliant", "not 200"),
    ("AVB-103", "one-port-not-tried", windows().without(HOST_32526), "undetermined", "32526"),
    ("AVB-103", "not-tried", windows().without(HOST_80, HOST_32526), "error", "PowerShell ended"),
    (
        "AVB-104",
        "gateway-out-of-reach",
        windows().edit("route-table", ("10.20.0.1      10.20.0.26     11", "10.99.0.1      10.20.0.26     11")),
        "non_compliant",
        "10.99.0.1",
    ),
    (
        "AVB-104",
        "persistent-route-to-itself",
        windows()
        .edit("route-table", ("10.20.0.1      10.20.0.26     11", "10.20.0.1       127.0.0.1     11"))
        .put(
            "reg persistent-routes",
            key(
                rf"{SERVICES}\Tcpip\Parameters\PersistentRoutes", text("168.63.129.16,255.255.255.255,10.20.0.1,1", "")
            ),
        ),
        "non_compliant",
        "persistent route 168.63.129.16",
    ),
    ("AVB-104", "name-unknown", windows().put(DIRECT, http("name resolution", detail="x")), "undetermined", "AVB-101"),
    ("AVB-104", "no-table", windows().put("route-table", ""), "error", "showed no route"),
    (
        "AVB-201",
        "watcher-stopped",
        windows().put("service RdAgent", state("RdAgent", 1)),
        "non_compliant",
        "RdAgent is in state 1",
    ),
    (
        "AVB-201",
        "worker-stopped-in-french",
        french().put("service WindowsAzureGuestAgent", state("WindowsAzureGuestAgent", 1, FRENCH)),
        "non_compliant",
        "WindowsAzureGuestAgent is in state 1",
    ),
    ("AVB-201", "not-installed", UNINSTALLED, "non_compliant", "not installed"),
    ("AVB-201", "sc-stubbed", windows().put("service RdAgent", ""), "error", "printed nothing"),
    (
        "AVB-201",
        "sc-denied",
        windows().put("service RdAgent", "[SC] OpenService FAILED 5:\n\nAccess is denied."),
        "error",
        "FAILED 5",
    ),
    ("AVB-201", "registry-denied", windows().put("reg RdAgent", DENIED), "error", "Access is denied"),
    ("AVB-202", "on-demand", windows().put("reg RdAgent", service("RdAgent", start=3)), "non_compliant", "Start=3"),
    ("AVB-202", "one-is-missing", windows().absent("WindowsAzureGuestAgent"), "non_compliant", "does not exist"),
    ("AVB-202", "none", UNINSTALLED, "non_compliant", "neither RdAgent"),
    (
        "AVB-202",
        "delayed",
        windows().edit(
            "reg RdAgent",
            ("Start    REG_DWORD    0x2", "Start    REG_DWORD    0x2\n    DelayedAutostart    REG_DWORD    0x1"),
        ),
        "compliant",
        "",
    ),
    (
        "AVB-202",
        "reg-stubbed",
        windows().put("reg RdAgent", "").put("reg avb-no-such-key", ""),
        "error",
        "reg.exe printed nothing",
    ),
    (
        "AVB-203",
        "no-actions",
        windows().put("reg RdAgent", service("RdAgent")),
        "non_compliant",
        "FailureActions of RdAgent=unset",
    ),
    (
        "AVB-203",
        "first-does-nothing",
        windows().edit("reg RdAgent", ("0100000060ea0000" * 2, "0000000060ea0000" * 2)),
        "non_compliant",
        "unset",
    ),
    ("AVB-203", "cut", windows().edit("reg RdAgent", ("0100000060ea0000" * 2, "01")), "error", "cut short"),
    (
        "AVB-204",
        "old",
        windows().edit("reg guest", ("2.7.41491.1172", "2.7.41491.911")),
        "non_compliant",
        "2.7.41491.1010",
    ),
    ("AVB-204", "at-the-minimum", windows().edit("reg guest", (".1172", ".1010")), "compliant", ""),
    ("AVB-204", "not-installed", UNINSTALLED, "undetermined", "AVB-201"),
    (
        "AVB-204",
        "no-version",
        windows().edit("reg guest", ("GuestAgentVersion", "Other")),
        "error",
        "GuestAgentVersion",
    ),
    ("AVB-302", "never-installed", FRESH, "not_applicable", "no trace"),
    (
        "AVB-302",
        "disabled",
        windows().edit("reg handlers", ("Enabled", "NotInstalled")),
        "non_compliant",
        "NotInstalled",
    ),
    ("AVB-302", "not-ready", windows().edit(STATUS, ("status=Ready", "status=NotReady")), "non_compliant", "NotReady"),
    (
        "AVB-302",
        "last-run-failed",
        windows().put(STATUS, reported(FAILED)),
        "non_compliant",
        "code 76",
    ),
    ("AVB-302", "by-code-alone", windows().put(STATUS, reported(GOOD, with_substatus=False)), "compliant", ""),
    (
        "AVB-302",
        "failed-by-code-alone",
        windows().put(STATUS, reported(FAILED, with_substatus=False)),
        "non_compliant",
        "code 76",
    ),
    (
        "AVB-302",
        "unknown-code",
        windows().put(STATUS, reported(replace(GOOD, code=1001), with_substatus=False)),
        "non_compliant",
        "1001",
    ),
    (
        "AVB-302",
        "no-code",
        windows().put(STATUS, "status=Ready\nlast=success\ncode=\nsaid=\ntime="),
        "undetermined",
        "no code",
    ),
    (
        "AVB-302",
        "warning",
        windows().put(STATUS, "status=Ready\nlast=warning\ncode=0\nsaid=\ntime="),
        "undetermined",
        "warning",
    ),
    (
        "AVB-302",
        "classic",
        windows().put(STATUS, "status=Ready\nlast=error\ncode=\nsaid=no\ntime="),
        "non_compliant",
        "an error",
    ),
    (
        "AVB-302",
        "never-ran",
        windows().put(STATUS, "status=Ready\nlast=\ncode=\nsaid=\ntime="),
        "undetermined",
        "no report",
    ),
    ("AVB-302", "never-finished", windows().put(STATUS, reported(UNDER_WAY)), "non_compliant", "never finished"),
    ("AVB-302", "substatus-cut", windows().put(STATUS, reported(GOOD)[:-40]), "error", "no readable JSON"),
    ("AVB-302", "report-of-today", WRITTEN, "compliant", ""),
    ("AVB-302", "report-of-yesterday", WRITTEN.edit("aggregate-status", ("11-23", "11-22")), "undetermined", "AVB-201"),
    (
        "AVB-302",
        "report-without-time",
        WRITTEN.put("aggregate-status", "file=read\nwritten="),
        "error",
        "when it was written",
    ),
    ("AVB-302", "not-reported", windows().without(STATUS), "non_compliant", "missing"),
    ("AVB-302", "no-report", windows().put("aggregate-status", "file=absent"), "error", "aggregatestatus.json"),
    (
        "AVB-302",
        "report-no-json",
        windows().put("aggregate-status", "error=Invalid JSON primitive"),
        "error",
        "Invalid JSON",
    ),
    ("AVB-302", "denied", windows().put("reg handlers", DENIED), "error", "Access is denied"),
    ("AVB-303", "stopped", windows(), "compliant", ""),
    (
        "AVB-303",
        "disabled",
        windows().put("reg IaasVmProvider", service("IaasVmProvider", start=4)),
        "non_compliant",
        "disabled",
    ),
    (
        "AVB-303",
        "on-demand",
        windows().put("reg IaasVmProvider", service("IaasVmProvider", start=3)),
        "non_compliant",
        "on demand",
    ),
    ("AVB-303", "gone", windows().absent("IaasVmProvider"), "non_compliant", "does not exist"),
    ("AVB-303", "never-installed", FRESH, "not_applicable", "no trace"),
    ("AVB-303", "denied", windows().put("reg IaasVmProvider", DENIED), "error", "Access is denied"),
    ("AVB-401", "set", with_sql(windows()), "compliant", ""),
    ("AVB-401", "any-case", with_sql(windows(), text("UseVssCopyBackup", "true")), "compliant", ""),
    ("AVB-401", "not-set", with_sql(windows(), None), "non_compliant", "is not set"),
    ("AVB-401", "false", with_sql(windows(), text("USEVSSCOPYBACKUP", "FALSE")), "non_compliant", "not TRUE"),
    ("AVB-401", "number", with_sql(windows(), dword("USEVSSCOPYBACKUP", 1)), "non_compliant", "not a REG_SZ"),
    (
        "AVB-401",
        "32-bit-view",
        with_sql(windows())
        .absent("bcdr")
        .put("reg bcdr-32", key(rf"{SOFTWARE}\WOW6432Node\BcdrAgent", text("USEVSSCOPYBACKUP", "TRUE"))),
        "non_compliant",
        "WOW6432Node",
    ),
    (
        "AVB-401",
        "full",
        with_sql(windows()).edit("reg bcdr", ("    USEVSS", "    UseVssFullBackup    REG_SZ    True\n    USEVSS")),
        "non_compliant",
        "UseVssFullBackup",
    ),
    (
        "AVB-401",
        "client-tools-only",
        windows().put("reg sql", key(rf"{SOFTWARE}\Microsoft SQL Server")),
        "not_applicable",
        "no instance",
    ),
    (
        "AVB-401",
        "instance-of-32-bit",
        with_sql(windows(), None)
        .absent("sql", "sql-instances")
        .put("reg sql-instances-32", key(rf"{SOFTWARE}\Instance Names\SQL", text("OLD", "MSSQL12.OLD"))),
        "non_compliant",
        "OLD",
    ),
    ("AVB-401", "denied", windows().put("reg sql", DENIED), "error", "Access is denied"),
    ("AVB-402", "busy", windows().edit("cpu", ("90018000000", "90000100000")), "non_compliant", "99.5 %"),
    ("AVB-402", "at-90", windows().edit("cpu", ("90018000000", "90002000000")), "compliant", ""),
    (
        "AVB-402",
        "wmi-broken",
        windows().put("cpu", "error=WMI: Provider load failure"),
        "error",
        "WMI: Provider load failure",
    ),
    ("AVB-402", "read-once", windows().edit("cpu", ("\nsample=90018000000 133700000020000000", "")), "error", "twice"),
    (
        "AVB-402",
        "clock-stopped",
        windows().edit("cpu", ("133700000020000000", "133700000000000000")),
        "error",
        "did not move",
    ),
    ("AVB-403", "used-up", windows().edit("memory", ("free=4200000", "free=400000")), "non_compliant", "95.2 %"),
    ("AVB-403", "wmi-broken", windows().put("memory", "error=WMI: x"), "error", "WMI"),
    ("AVB-404", "static", STATIC, "non_compliant", "EnableDHCP=0"),
    ("AVB-404", "static-several-addresses", TWO_STATIC, "advisory", "10.20.0.27"),
    (
        "AVB-404",
        "no-default-route",
        windows().edit("route-table", ("          0.0.0.0          0.0.0.0", "          10.0.0.0        255.0.0.0")),
        "error",
        "no default route",
    ),
    (
        "AVB-404",
        "address-unknown",
        windows().edit("reg interfaces", ("10.20.0.26", "10.20.0.99")),
        "error",
        "0 interfaces",
    ),
    (
        "AVB-405",
        "missing",
        windows().edit("reg interfaces", ("f5000000", "f6000000")),
        "non_compliant",
        "no option 245",
    ),
    (
        "AVB-405",
        "another-address",
        windows().edit(
            "reg interfaces",
            (
                "f500000000000000" + "04000000" + "00000000ffffffffa83f8110",
                "f500000000000000" + "04000000" + "00000000ffffffff0a4d0063",
            ),
        ),
        "non_compliant",
        "10.77.0.99",
    ),
    ("AVB-405", "static", STATIC, "non_compliant", "no DHCP lease"),
    (
        "AVB-405",
        "expired",
        windows().edit("reg interfaces", ("0xffffffff", "0xe10"), ("0x7fffffff", f"0x{1795410000:x}")),
        "non_compliant",
        "ran out",
    ),
    (
        "AVB-405",
        "cut-within-a-record",
        windows().edit("reg interfaces", ("a83f8110\n", "a83f\n")),
        "error",
        "within a record",
    ),
    (
        "AVB-504",
        "servicing",
        windows().put("reg servicing", f"{key(SERVICING, dword('x', 1))}\n{SERVICING}\\RebootPending\n"),
        "advisory",
        "RebootPending",
    ),
    (
        "AVB-504",
        "update",
        windows().put("reg update", f"{key(UPDATES, dword('x', 1))}\n{UPDATES}\\RebootRequired\n"),
        "advisory",
        "RebootRequired",
    ),
    ("AVB-504", "no-updates-ever", windows().absent("update"), "compliant", ""),
    ("AVB-504", "servicing-stubbed", windows().put("reg servicing", ""), "error", "printed nothing"),
    (
        "AVB-302",
        "asked-for-and-not-there",
        FRESH.put("goal-state", "backup-extension=yes"),
        "non_compliant",
        "goal state",
    ),
    ("AVB-302", "left-its-provider-behind", windows().absent("handlers"), "non_compliant", "IsProviderInstalled"),
    (
        "AVB-302",
        "made-ready-to-be-installed-again",
        FRESH.put("reg bcdr", key(rf"{SOFTWARE}\BcdrAgent", text("IsProviderInstalled", "False"))),
        "not_applicable",
        "no trace",
    ),
    ("AVB-302", "no-extension-ever", FRESH.put("reg handlers", "\n"), "not_applicable", "no trace"),
    ("AVB-302", "handlers-stubbed", FRESH.put("reg handlers", "\n").absent("azure"), "error", "printed nothing"),
    ("AVB-504", "renames", windows().put("reg session-manager", key(SESSION, RENAMES)), "advisory", r"C:\a.dll"),
    ("AVB-504", "deletes-only", windows().put("reg session-manager", key(SESSION, DELETES)), "compliant", ""),
    (
        "AVB-504",
        "renamed-computer",
        windows().edit("reg computer-name", ("REG_SZ    sample", "REG_SZ    another")),
        "advisory",
        "another",
    ),
    (
        "AVB-504",
        "writer-failed",
        german().put("vss", writers(GERMAN, (1, 1, 8, 1), "Fehlgeschlagen", "Zeitüberschreitung")),
        "advisory",
        "System Writer",
    ),
    (
        "AVB-504",
        "writer-says-an-error",
        windows().put("vss", writers().replace("No error", "Retryable error", 1)),
        "advisory",
        "Retryable error",
    ),
    (
        "AVB-504",
        "every-writer-says-an-error",
        windows().put("vss", writers().replace("No error", "Retryable error")),
        "undetermined",
        "'Retryable error' means no error is not known",
    ),
    (
        "AVB-504",
        "backup-under-way",
        windows().put("vss", writers(ENGLISH, (5, 5, 5, 5), "Waiting for completion")),
        "undetermined",
        "under way",
    ),
    (
        "AVB-504",
        "vss-disabled",
        windows().put("reg VSS", service("VSS", start=4)).put("vss", "Error: 0x80070422"),
        "advisory",
        "disabled",
    ),
    ("AVB-504", "vssadmin-silent", windows().put("vss", ""), "error", "printed nothing"),
)
BLANK = WindowsRecording(
    dict.fromkeys(windows().parts, "")
    | {
        n: windows().parts[n]
        for n in ("collected", "reg computer-name", "reg administrator", "reg avb-no-such-key", "version")
    }
)
NOBODY = windows().put("reg administrator", DENIED)
HOSTILE = {
    "no-admin": NOBODY.output(),
    "cut": windows().output()[:400],
    "silent": b"",
    "frames-only": WindowsRecording(dict.fromkeys(windows().parts, "")).output(),
}
RECORDINGS = {f"{control}-{name}": recording for control, name, recording, _, _ in CASES}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One run of the product over the recordings of every case, hostile ones, and a Linux guest beside them."""
    base = tmp_path_factory.mktemp("windows")
    record(base / "facts", {**RECORDINGS, **HOSTILE, "blank": BLANK, "linux": ubuntu()})
    return judge_apart(base / "reports", f"--facts={base / 'facts'}")


@pytest.mark.parametrize(
    ("control", "name", "outcome", "named"), [(c, n, o, m) for c, n, _, o, m in CASES], ids=list(RECORDINGS)
)
def test_control_comes_to_the_right_outcome(judged: Judged, control: str, name: str, outcome: str, named: str) -> None:
    """Each recording ends as it must, and the message names the evidence."""
    check_outcome(judged.finding(control, f"{control}-{name}"), outcome, named)


@pytest.mark.parametrize("control", ON_WINDOWS)
@pytest.mark.parametrize("guest", ["blank", *HOSTILE])
def test_blank_facts_are_never_a_verdict(judged: Judged, control: str, guest: str) -> None:
    """From nothing follows nothing: no pass, no failure and no exemption from applying."""
    check_no_verdict(judged.finding(control, guest))


@pytest.mark.parametrize("control", ON_WINDOWS)
def test_every_control_has_all_kinds_of_cases(control: str) -> None:
    """A control without a failing or an unreadable recording would not be known to be able to fail."""
    check_kinds(o for c, _, _, o, _ in CASES if c == control)


@pytest.mark.parametrize("control", ["AVB-303", "AVB-401"])
def test_what_only_windows_has_does_not_apply_to_linux(judged: Judged, control: str) -> None:
    """By the evidence of the operating system, which the guest itself told."""
    finding = judged.finding(control, "linux")
    assert (finding.outcome, "Ubuntu" in finding.message) == ("not_applicable", True)


def test_guest_that_is_no_administrator_is_told_so(judged: Judged) -> None:
    """The whole guest is unread: what such a user may not see is not what is not there."""
    finding = judged.finding("AVB-201", "no-admin")
    assert "not run as an administrator" in finding.message


def test_remediation_speaks_of_the_guests_own_system(judged: Judged) -> None:
    """Nobody is told to type apt-get on Windows, or to look for logs below /var."""
    failed = [
        f for f in judged.document.findings if f.outcome in ("non_compliant", "advisory") and f.resource != "linux"
    ]
    assert len(failed) > 50
    told = " ".join(f"{f.remediation} {f.message} {f.evidence.get('debugging', '')}" for f in failed)
    for word in ("apt-get", "waagent", "systemctl", "dhclient", "/var/log", "/etc/", "ip route"):
        assert word not in told
