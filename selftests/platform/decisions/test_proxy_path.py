"""AVB-115 by its facts: which proxy is meant, which machine that is, and every flow on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backup_compliance.guest.facts import Proxy, ProxyVariable
from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.network.egress import EgressDecision
from backup_compliance.network.ip_flow import Access
from backup_compliance.platform.decisions.proxy_path import (
    Leg,
    find_proxy_path,
    path_evidence,
    proxy_endpoint,
    proxy_path_failure,
)
from backup_compliance.platform.estate.interfaces import primary_interface
from selftests.builders.arm import (
    Subscription,
    machine,
    nic,
    rule,
    security_group,
    subnet,
    subscription,
    virtual_network,
)
from selftests.builders.platform_network import opened


def proxy(host: str | None = None, port: str | None = None, **variables: str) -> Proxy:
    """Settings of waagent.conf, and variables of the agent's process."""
    return Proxy(host, port, tuple(ProxyVariable("process 843", n, v) for n, v in variables.items()), ())


def of_windows(**variables: str) -> Proxy:
    """Settings that keep their exceptions with them."""
    return Proxy(None, None, tuple(ProxyVariable("WinHTTP", n, v, ()) for n, v in variables.items()), ())


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_agent_of_linux_takes_no_proxy_but_that_for_https(name: str) -> None:
    """Nothing then leads to the proxy that the variable names."""
    with pytest.raises(Undetermined, match="name 0 proxies"):
        proxy_endpoint(proxy(**{name: "http://a:1"}))


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        (proxy("10.20.0.250", "3128"), ("10.20.0.250", 3128)),
        (proxy("proxy.example", "1"), ("proxy.example", 1)),
        (proxy("fd00::1", "65535"), ("fd00::1", 65535)),
        (proxy("a", "8080", https_proxy="http://other:1"), ("a", 8080)),
        (proxy(https_proxy="http://10.0.0.1:3128"), ("10.0.0.1", 3128)),
        (proxy(https_proxy="10.0.0.1:3128"), ("10.0.0.1", 3128)),
        (proxy(https_proxy="http://user:word@10.0.0.1:3128/path?x#y"), ("10.0.0.1", 3128)),
        (proxy(https_proxy="http://[fd00::1]:3128"), ("fd00::1", 3128)),
        (proxy(http_proxy="http://a:1", https_proxy="http://b:2", all_proxy="http://c:3"), ("b", 2)),
        (of_windows(all_proxy="http://c:3", http_proxy="http://a:1"), ("a", 1)),
        (of_windows(all_proxy="socks5://c:3"), ("c", 3)),
        (proxy(HTTPS_PROXY="http://b:2"), ("b", 2)),
        (proxy(https_proxy="http://b:2", HTTPS_PROXY="http://b:2/"), ("b", 2)),
    ],
)
def test_endpoint_is_the_agents_own_setting_else_the_variable_for_https(
    given: Proxy, endpoint: tuple[str, int]
) -> None:
    """waagent.conf first, then what concerns storage."""
    assert proxy_endpoint(given) == endpoint


@pytest.mark.parametrize(
    "given",
    [
        proxy("10.0.0.1"),
        proxy(None, "3128"),
        proxy("10.0.0.1", "0"),
        proxy("10.0.0.1", "65536"),
        proxy("10.0.0.1", "x"),
        proxy("10.0.0.1", "123456"),
        proxy("a b", "1"),
        proxy("a" * 254, "1"),
        proxy("http://a", "1"),
        proxy(https_proxy="http://secret@10.0.0.1"),
        proxy(https_proxy="http://10.0.0.1:"),
        proxy(https_proxy=""),
    ],
)
def test_setting_that_cannot_be_used_is_not_shown(given: Proxy) -> None:
    """It may hold credentials; AVB-102 judges it."""
    with pytest.raises(Undetermined, match="AVB-102 judges that") as caught:
        proxy_endpoint(given)
    assert caught.value.see == ("AVB-102",)
    assert "secret" not in str(caught.value)


def test_two_proxies_or_none_are_undetermined() -> None:
    """Which one the agent takes is not known."""
    with pytest.raises(Undetermined, match="name 2 proxies: a:1, b:2"):
        proxy_endpoint(proxy(https_proxy="http://b:2", HTTPS_PROXY="http://a:1"))
    with pytest.raises(Undetermined, match="name 0 proxies: none that is known here"):
        proxy_endpoint(proxy(ftp_proxy="http://a:1"))


HOST = "10.20.0.250"
IN_ALLOWED = rule("in", 100, "Allow", direction="Inbound", source="10.20.0.4", port="3128")


def estate(
    *, proxys: tuple[Any, ...] = (IN_ALLOWED,), mine: tuple[Any, ...] = (), proxy_group: bool = True
) -> Subscription:
    """The sample beside its proxy, each with a security group of its own."""
    return (
        subscription()
        .add("virtualMachines", machine("proxy", 50))
        .put(
            "networkInterfaces",
            nic("sample-nic", "10.20.0.4", security_group="mine"),
            nic("proxy-nic", HOST, security_group="proxys" if proxy_group else None),
        )
        .put("networkSecurityGroups", security_group("mine", *mine), security_group("proxys", *proxys))
        .put("virtualNetworks", virtual_network(subnet("apps", "10.20.0.0/24")))
    )


def path(given: Subscription, endpoint: tuple[str, int] = (HOST, 3128), index: int = 0) -> tuple[Leg, ...]:
    """Every flow on the way of one machine."""
    found, vm, profile = opened(given, index)
    return find_proxy_path(found, primary_interface(found, profile, vm), vm, endpoint)


def test_whole_way_is_judged_in_its_order() -> None:
    """To the proxy, into it, and out of it on both ports."""
    found = path(estate())
    assert [leg.text for leg in found] == [
        "sample to its proxy proxy",
        "proxy proxy from sample",
        "proxy proxy to the internet on 80",
        "proxy proxy to the internet on 443",
    ]
    assert proxy_path_failure(found) is None
    assert set(path_evidence(found)) == {leg.text for leg in found}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (estate(mine=(rule("x", 100, "Deny", destination=HOST, port="3128"),)), "sample to its proxy proxy: "),
        (estate(mine=(rule("x", 100, "Deny", destination=HOST, port="3129"),)), None),
        (estate(proxys=(rule("x", 100, "Deny", direction="Inbound", port="3128"),)), "proxy proxy from sample: "),
        (estate(proxys=(rule("x", 100, "Deny", direction="Inbound", source="10.20.0.9"),)), None),
        (
            estate(proxys=(IN_ALLOWED, rule("x", 100, "Deny", destination="Internet", port="80"))),
            "to the internet on 80: ",
        ),
        (
            estate(proxys=(IN_ALLOWED, rule("x", 100, "Deny", destination="Internet", port="443"))),
            "to the internet on 443: ",
        ),
        (estate(proxys=(IN_ALLOWED, rule("x", 100, "Deny", destination="20.0.0.0/8"))), "to the internet on 80: "),
        (estate(mine=(rule("x", 100, "Deny", destination="Internet"),)), None),
    ],
)
def test_first_flow_that_is_denied_is_told(given: Subscription, said: str | None) -> None:
    """In whole or in part."""
    failure = proxy_path_failure(path(given))
    assert said in str(failure) if said else failure is None


def test_machine_that_is_its_own_proxy_meets_no_group_on_the_way() -> None:
    """What it sends to itself stays inside."""
    found = path(estate(proxys=()), index=1)
    assert [leg.text for leg in found] == ["proxy proxy to the internet on 80", "proxy proxy to the internet on 443"]


def test_proxy_by_host_name_is_nobody_known() -> None:
    """DNS would tell."""
    with pytest.raises(Undetermined, match="named by a host name"):
        path(estate(), ("proxy.example", 3128))


def leg(found: Any, text: str = "leg") -> Leg:
    """A leg of which something is known, or not."""
    return Leg(text, found)


def decided(access: Access) -> Any:
    """A decision of the sample's own, with another verdict."""
    found = path(estate())[0].found
    assert isinstance(found, EgressDecision)
    return replace(found, access=access, explanation=f"it is {access}")


def test_denial_stands_whatever_else_is_not_known() -> None:
    """Then an error, then what cannot be decided, each with its leg and what to do."""
    denied, unknown = leg(decided(Access.PARTIAL), "denied"), leg(decided(Access.UNDETERMINED), "unknown")
    unread = leg(Unreadable("no list", "collect it"), "unread")
    open_one = leg(Undetermined("who knows", "look", ("AVB-102",)), "open")
    assert proxy_path_failure((open_one, unread, unknown, denied)) == "denied: it is partial"
    with pytest.raises(Unreadable, match="unread: no list") as error:
        proxy_path_failure((open_one, unknown, unread))
    assert error.value.remedy == "collect it"
    with pytest.raises(Undetermined, match="open: who knows") as undecided:
        proxy_path_failure((unknown, open_one))
    assert (undecided.value.remedy, undecided.value.see) == ("look", ("AVB-102",))
    with pytest.raises(Undetermined, match="unknown: it is undetermined"):
        proxy_path_failure((leg(decided(Access.ALLOW)), unknown))
    assert proxy_path_failure((leg(decided(Access.ALLOW)),)) is None


def test_evidence_tells_decisions_and_reasons() -> None:
    """Of each leg."""
    told = path_evidence((leg(decided(Access.ALLOW), "a"), leg(Unreadable("no list", "collect it"), "b")))
    assert told["b"] == "no list (collect it)"
    assert told["a"]["access"] == "allow"


def test_leg_that_cannot_be_judged_keeps_its_reason() -> None:
    """The others are judged all the same."""
    broken = estate().set("networkInterfaces", "sample-nic", "properties.networkSecurityGroup", {"id": "/x/gone"})
    found = path(broken)
    assert proxy_path_failure(found[1:]) is None
    with pytest.raises((Unreadable, Undetermined), match="sample to its proxy proxy"):
        proxy_path_failure(found)
    assert [leg.text for leg in found[1:]] == [
        "proxy proxy from sample",
        "proxy proxy to the internet on 80",
        "proxy proxy to the internet on 443",
    ]
