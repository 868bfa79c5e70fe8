"""Where webhooks may go: nowhere inside, however the address is written."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from registry.domain.egress import may_be_reached


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1"])
def test_public_addresses_may_be_reached(address: str) -> None:
    assert may_be_reached(address, ())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b:1::a9fe:a9fe",  # of 169.254.169.254, by a network's own prefix
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2130706433",
        "0177.0.0.1",
        "localhost",
        "",
    ],
)
def test_nothing_inside_may_be(address: str) -> None:
    assert not may_be_reached(address, ())


def test_a_network_can_be_allowed_and_no_other_is() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    assert may_be_reached("10.1.2.3", allowed)
    assert may_be_reached("fd00::1", allowed)
    assert not may_be_reached("10.2.0.1", allowed)
