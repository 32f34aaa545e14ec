"""Cause 1: the VM cannot reach Azure."""

from __future__ import annotations

from backup_compliance.catalogue.controls import HOST_ADDRESS_2019, TROUBLESHOOTING_2016, Commands, control
from backup_compliance.guest.decisions import (
    host_address_failure,
    route_failure,
    storage_failure,
)
from backup_compliance.guest.facts import Proxy
from backup_compliance.guest.proxy_decisions import proxy_failure, proxy_settings_failure
from backup_compliance.guest.recording import Guest


@control(
    "AVB-101",
    cause=1,
    source=TROUBLESHOOTING_2016,
    remediation="Let the VM out to Azure Storage on TCP 443: an NSG rule for Storage.<region>, a route, or HttpProxy.Host and HttpProxy.Port in /etc/waagent.conf.",
    windows="Let the VM out to Azure Storage on TCP 443: an NSG rule for Storage.<region>, a route (New-NetRoute), or a proxy for LocalSystem.",
    because="the guest does not reach storage",
    breaks=("AVB-302", "AVB-312", "AVB-415"),
    commands=Commands(
        guest=(
            "sudo curl -sv --max-time 15 -o /dev/null https://{endpoint}/",
            "grep -n '^HttpProxy' /etc/waagent.conf",
        ),
        azure=(
            "az network watcher test-ip-flow --subscription {subscription} --resource-group {group} --vm {vm} --direction Outbound --protocol TCP --local PRIVATE_ADDRESS:60000 --remote STORAGE_ADDRESS:443",
        ),
    ),
)
def test_storage_answers_https(guest: Guest) -> None:
    """The backup extension sends snapshot commands to Azure Storage over HTTPS; a silent drop only shows as a timeout."""
    failure = storage_failure(guest.storage)
    assert failure is None, failure


@control(
    "AVB-102",
    cause=1,
    source=TROUBLESHOOTING_2016,
    remediation="Set HttpProxy.Host and HttpProxy.Port in /etc/waagent.conf without credentials, or https_proxy=http://HOST:PORT in the agent's unit, and allow CONNECT to port 443 on the proxy.",
    windows="Give LocalSystem (HKU\\S-1-5-18, Internet Settings) and WinHTTP (netsh winhttp set proxy) the same proxy without credentials, allow CONNECT to port 443 on it, and except 168.63.129.16 in both.",
    because="the proxy settings cannot be used",
    breaks=("AVB-101", "AVB-302", "AVB-415"),
    commands=Commands(
        guest=(
            "grep -n '^HttpProxy' /etc/waagent.conf",
            "sudoedit /etc/waagent.conf",
            "sudo systemctl restart walinuxagent || sudo systemctl restart waagent",
        ),
    ),
)
def test_proxy_settings_are_usable(guest: Guest, proxy: Proxy) -> None:
    """A proxy that is half set, asks for a password or refuses CONNECT cuts the agent off."""
    failure = proxy_settings_failure(proxy) or proxy_failure(proxy, guest.storage.checks)
    assert failure is None, failure


@control(
    "AVB-103",
    cause=1,
    source=HOST_ADDRESS_2019,
    remediation="Allow root to reach 168.63.129.16 on TCP 80 and 32526 in the guest's firewall.",
    windows="Allow outbound TCP 80 and 32526 to 168.63.129.16 in Windows' firewall and other filters (netsh wfp show filters), and except it from proxies.",
    because="the guest does not reach the host address",
    breaks=("AVB-211", "AVB-207", "AVB-301", "AVB-302", "AVB-312", "AVB-415"),
    commands=Commands(
        guest=(
            "sudo curl -sS --max-time 5 'http://168.63.129.16/?comp=versions'",
            "sudo iptables -t security -L OUTPUT -nv; sudo nft list ruleset",
            "ip route get 168.63.129.16",
        ),
    ),
)
def test_host_address_answers(guest: Guest) -> None:
    """The agent gets its orders and reports its status through 168.63.129.16; without it no extension can run."""
    failure = host_address_failure(guest.host_address)
    assert failure is None, failure


@control(
    "AVB-104",
    cause=1,
    source=TROUBLESHOOTING_2016,
    remediation="Remove the blackhole, unreachable or prohibit route, or add a default route: ip route show table all.",
    windows="Remove the route that leads nowhere (Get-NetRoute -PolicyStore PersistentStore, Remove-NetRoute), or add a default route.",
    because="a route inside the guest leads nowhere",
    breaks=("AVB-101", "AVB-103"),
    commands=Commands(
        guest=("ip route show table all", "ip rule show", "sudo ip route delete blackhole PREFIX"),
    ),
)
def test_routes_lead_somewhere(guest: Guest) -> None:
    """A route that drops packets inside the guest cannot be mended by any rule outside of it."""
    failure = route_failure(guest.routes)
    assert failure is None, failure
