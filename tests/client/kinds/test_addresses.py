"""Which addresses the crawler may connect to."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds._public_address import (
    Refused,
    Unreachable,
    checked_addresses,
    is_public,
)
from tests.client.kinds import steady

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::10.0.0.1", "::8.8.8.8", "fe80::1", "fe80::1%lo", "fec0::1", "fc00::1",
    "fd12:3456::1",
    "ff02::1", "100::1", "2001:db8::1", "2001::1", "2001:2::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a00:1::1",
    "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "93.184.215.14", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8",
    "2002:808:808::1", "64:ff9b::8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_no_private_or_special_address_counts_as_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_do(address):
    assert is_public(address)


@steady
@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_no_writing_of_a_private_ipv4_address_into_ipv6_makes_it_public(address):
    value = int(address)
    for outer in (value, 0xFFFF << 32 | value, 0x64FF9B << 96 | value, 0x2002 << 112 | value << 80):
        assert not is_public(str(st_ipv6(outer)))


def st_ipv6(value: int) -> str:
    return socket.inet_ntop(socket.AF_INET6, value.to_bytes(16, "big"))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "::1",
        "10.0.0.1",
    ],
)
def test_every_way_to_write_a_private_host_is_refused(host):
    with pytest.raises(
        (Refused, Unreachable)
    ):  # systems differ in which of the odd forms they take
        checked_addresses(host, 80, private=False)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "0x7f000001"]
)
def test_the_refusal_names_the_address(host):
    with pytest.raises(Refused, match="which is not public"):
        checked_addresses(host, 443, private=False)


@pytest.mark.parametrize("port", [8080, 22, 6379, 8443])
def test_only_the_web_s_ports_are_allowed(port):
    with pytest.raises(Refused, match=f"port {port}"):
        checked_addresses("8.8.8.8", port, private=False)


def test_public_addresses_pass():
    assert checked_addresses("8.8.8.8", 443, private=False) == ["8.8.8.8"]


def test_an_owner_may_allow_everything():
    assert checked_addresses("127.0.0.1", 6379, private=True) == ["127.0.0.1"]


def test_one_private_address_of_several_refuses_the_name(monkeypatch):
    entries = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
        for address in ("8.8.8.8", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    with pytest.raises(Refused, match=r"10\.0\.0\.1"):
        checked_addresses("both.example", 80, private=False)


def test_a_name_nobody_knows_is_unreachable():
    with pytest.raises(Unreachable):
        checked_addresses("a..b", 80, private=False)
