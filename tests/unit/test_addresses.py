"""The judgement of addresses and ports, as tables."""

import pytest

from shared.addresses import Allowance, why_not_public
from shared.errors import Permanent

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "192.0.1.0",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "2400:cb00::1",
    "::ffff:8.8.8.8",
]

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "not an address",
    "127.1",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_asked_at_the_usual_ports(address: str) -> None:
    assert why_not_public(address) is None
    Allowance().judge(address, 80)
    Allowance().judge(address, 443)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_every_other_address_is_forbidden(address: str) -> None:
    with pytest.raises(Permanent) as caught:
        Allowance().judge(address, 80)
    assert caught.value.problem == "address_forbidden"


@pytest.mark.parametrize("port", [1, 22, 25, 79, 81, 5432, 6379, 8080, 65535])
def test_other_ports_are_forbidden_even_at_public_addresses(port: int) -> None:
    with pytest.raises(Permanent, match=f"Port {port}"):
        Allowance().judge("8.8.8.8", port)


def test_ports_can_be_configured() -> None:
    allowance = Allowance.parse(ports="80, 443,8080")
    allowance.judge("8.8.8.8", 8080)
    with pytest.raises(Permanent):
        allowance.judge("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("allow", "address", "port", "is_opened"),
    [
        ("127.0.0.1/32", "127.0.0.1", 1, True),
        ("127.0.0.1/32", "127.0.0.1", 18099, True),
        ("127.0.0.1/32", "::ffff:127.0.0.1", 18099, True),
        ("127.0.0.1/32", "127.0.0.2", 80, False),
        ("127.0.0.1/32", "::1", 80, False),
        ("127.0.0.1/32:18099", "127.0.0.1", 18099, True),
        ("127.0.0.1/32:18099", "127.0.0.1", 80, False),
        ("127.0.0.1", "127.0.0.1", 5, True),
        ("127.0.0.1:80", "127.0.0.1", 81, False),
        ("10.0.0.0/8:8080, 127.0.0.1/32", "10.9.8.7", 8080, True),
        ("10.0.0.0/8:8080, 127.0.0.1/32", "10.9.8.7", 80, False),
        ("10.0.0.0/8:8080, 127.0.0.1/32", "127.0.0.1", 80, True),
        ("::1/128", "::1", 9, True),
        ("[::1/128]:80", "::1", 80, True),
        ("[::1/128]:80", "::1", 81, False),
        ("fd00::/8", "fd12::1", 80, True),
        ("", "127.0.0.1", 80, False),
    ],
)
def test_the_allow_list_opens_exactly_what_it_says(allow: str, address: str, port: int, is_opened: bool) -> None:
    allowance = Allowance.parse(allow)
    if is_opened:
        allowance.judge(address, port)
    else:
        with pytest.raises(Permanent, match="address_forbidden"):
            allowance.judge(address, port)


@pytest.mark.parametrize("allow", ["localhost", "127.0.0.1/33", "127.0.0.1:0", "127.0.0.1:99999", "*", "[::1]x:80:90"])
def test_an_unreadable_allow_list_is_an_error_and_not_ignored(allow: str) -> None:
    with pytest.raises(ValueError, match="Not a"):
        Allowance.parse(allow)


@pytest.mark.parametrize("ports", ["http", "0", "65536", "-1", "\u0661"])
def test_an_unreadable_port_list_is_an_error(ports: str) -> None:
    with pytest.raises(ValueError, match="Not a port"):
        Allowance.parse(ports=ports)
