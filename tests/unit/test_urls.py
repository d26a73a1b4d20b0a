"""The reading of URLs, as tables."""

import pytest

from shared.addresses import Allowance
from shared.errors import Permanent
from shared.urls import parse_redirect, parse_url, validate_url

GOOD_URLS = [
    ("http://example.com", "example.com", 80, "/"),
    ("HTTPS://EXAMPLE.com/A.jpg", "example.com", 443, "/A.jpg"),
    ("http://example.com:80/a?b=c#part", "example.com", 80, "/a?b=c"),
    ("http://example.com./a", "example.com", 80, "/a"),
    ("http://example.com?x=1", "example.com", 80, "/?x=1"),
    ("https://under_score.example.com/a", "under_score.example.com", 443, "/a"),
    ("https://xn--bcher-kva.example/a", "xn--bcher-kva.example", 443, "/a"),
    ("https://b\u00fccher.example/\u00fc.jpg", "xn--bcher-kva.example", 443, "/%C3%BC.jpg"),
    ("https://bu\u0308cher.example/a", "xn--bcher-kva.example", 443, "/a"),
    ("https://a.example/b c.jpg", "a.example", 443, "/b%20c.jpg"),
    ("https://a.example/100%.jpg", "a.example", 443, "/100%25.jpg"),
    ("https://a.example/s?sig=a%2Bb%7E%3d+c&x=%41", "a.example", 443, "/s?sig=a%2Bb%7E%3d+c&x=%41"),
    ("https://a.example/x@y:z/w", "a.example", 443, "/x@y:z/w"),
    ("http://8.8.8.8/a", "8.8.8.8", 80, "/a"),
    ("http://[2606:4700:4700:0:0:0:0:1111]/a", "2606:4700:4700::1111", 80, "/a"),
    ("http://localhost:8080/a", "localhost", 8080, "/a"),
    ("http://1.example/a", "1.example", 80, "/a"),
]


@pytest.mark.parametrize(("text", "host", "port", "sent"), GOOD_URLS)
def test_good_urls_are_read_and_sent_as_they_were_written(text: str, host: str, port: int, sent: str) -> None:
    target = parse_url(text)
    assert (target.host, target.port, target.url.raw_path_qs) == (host, port, sent)
    assert target.url.scheme in ("http", "https")
    validate_url(text)


BAD_URLS = [
    ("", "start with"),
    ("example.com/a.jpg", "start with"),
    ("//example.com/a", "start with"),
    ("ftp://example.com/a", "start with"),
    ("file:///etc/passwd", "start with"),
    ("gopher://127.0.0.1:6379/_", "start with"),
    ("data:image/png;base64,AAAA", "start with"),
    ("http:/example.com", "start with"),
    ("http:example.com", "start with"),
    ("httpfoo://example.com", "start with"),
    (" http://example.com", "space"),
    ("http://example.com ", "space"),
    ("http://exam ple.com/", "space"),
    ("http://example.com/a\r\nX: y", "control"),
    ("http://example.com/\x00", "control"),
    ("http://example.com/\x7f", "control"),
    ("http://example.com/\x85", "control"),
    ("http://exa\tmple.com/", "control"),
    ("http://example.com/\ud800", "control"),
    ("http://example.com\\@evil.example/", "backslash"),
    ("http://example.com/a\\b", "backslash"),
    ("http://user@example.com/", "user name"),
    ("http://user:secret@example.com/", "user name"),
    ("http://@example.com/", "user name"),
    ("http://example.com:80@127.0.0.1/", "user name"),
    ("http://", "no host"),
    ("http:///a", "no host"),
    ("http://:80/", "no host"),
    ("http://?x", "no host"),
    ("http://example.com:/", "no host"),
    ("http://example.com:http/", "no host"),
    ("http://example.com:80:80/", "no host"),
    ("http://example.com:-1/", "no host"),
    ("http://example.com:0/", "port outside"),
    ("http://example.com:65536/", "port outside"),
    ("http://example.com:\u0668\u0660/", "no host"),
    ("http://[fe80::1%25eth0]/", "percent"),
    ("http://[fe80::1%eth0]/", "percent"),
    ("http://127.0.0.1%00.example.com/", "percent"),
    ("http://%31%32%37.0.0.1/", "percent"),
    ("http://[::1/", "no host"),
    ("http://::1/", "no host"),
    ("http://[::1]evil.example/", "no host"),
    ("http://[1:2]/", "IPv6"),
    ("http://[127.0.0.1]/", "cannot be read"),
    ("http://127.1/", "numeric"),
    ("http://127.0.1/", "numeric"),
    ("http://0177.0.0.1/", "numeric"),
    ("http://0x7f.0.0.1/", "numeric"),
    ("http://127.0.0.0x1/", "numeric"),
    ("http://127.0.0.01/", "numeric"),
    ("http://2130706433/", "numeric"),
    ("http://0x7f000001/", "numeric"),
    ("http://0X7F000001/", "numeric"),
    ("http://017700000001/", "numeric"),
    ("http://0/", "numeric"),
    ("http://256.256.256.256/", "numeric"),
    ("http://1.2.3.4.5/", "numeric"),
    ("http://example.123/", "numeric"),
    ("http://127\u30020\u30020\u30021/", "look-alike"),
    ("http://127\uff0e0\uff0e0\uff0e1/", "look-alike"),
    ("http://127\uff610\uff610\uff611/", "look-alike"),
    ("http://\uff11\uff12\uff17.0.0.1/", "look-alike"),
    ("http://\u2460\u2461\u2466.0.0.1/", "look-alike"),
    ("http://ex\uff41mple.com/", "look-alike"),
    ("http://example.com\uff0f.evil.example/", "look-alike"),
    ("http://e\u200bvil.example/", "cannot be read"),
    ("http://a..example/", "malformed"),
    ("http://.example/", "malformed"),
    ("http://example..", "malformed"),
    ("http://-a.example/", "malformed"),
    ("http://a,b.example/", "malformed"),
    ("http://a'b.example/", "malformed"),
    ("http://" + "a" * 64 + ".example/", "malformed"),
    ("http://" + "a." * 127 + "example/", "malformed"),
    ("http://example.com/" + "a" * 2_048, "longer"),
]


@pytest.mark.parametrize(("text", "rule"), BAD_URLS, ids=range(len(BAD_URLS)))
def test_bad_urls_are_refused_with_the_rule_they_break(text: str, rule: str) -> None:
    with pytest.raises(Permanent, match=rule) as caught:
        validate_url(text)
    assert caught.value.problem == "url_invalid"


def test_a_secret_in_a_refused_url_is_not_repeated() -> None:
    with pytest.raises(Permanent) as caught:
        validate_url("http://user:hunter2@example.com/?token=hunter3")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://8.8.8.8:22/",
        "http://example.com:22/",
        "https://example.com:8443/",
    ],
)
def test_with_an_allowance_forbidden_places_are_refused_before_any_look_up(text: str) -> None:
    with pytest.raises(Permanent) as caught:
        validate_url(text, Allowance())
    assert caught.value.problem == "address_forbidden"


def test_an_opening_for_any_port_lets_names_with_any_port_reach_the_look_up() -> None:
    validate_url("http://origin.test:9000/a", Allowance.parse("10.0.0.0/8"))
    validate_url("http://origin.test:9000/a", Allowance.parse("10.0.0.0/8:9000"))
    with pytest.raises(Permanent):
        validate_url("http://origin.test:9001/a", Allowance.parse("10.0.0.0/8:9000"))


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/b.jpg", "http://a.example/b.jpg"),
        ("b.jpg?x=%2F", "http://a.example/dir/b.jpg?x=%2F"),
        ("//other.example/b", "http://other.example/b"),
        ("https://other.example/b", "https://other.example/b"),
        ("?page=2", "http://a.example/dir/a.jpg?page=2"),
        ("http://a.example/\u00fc", "http://a.example/%C3%BC"),
    ],
)
def test_redirects_are_read_relative_to_where_they_came_from(location: str, expected: str) -> None:
    current = parse_url("http://a.example/dir/a.jpg?q=1").url
    assert str(parse_redirect(current, location).url) == expected


@pytest.mark.parametrize(
    "location",
    [
        "ftp://a.example/",
        "file:///etc/passwd",
        "//user@other.example/",
        "http://127.1/",
        "//2130706433/",
        "http://[::1",
        "/a\\b",
        "/a\tb",
        "http://",
        "http:/a",
        "javascript:alert(1)",
        "/" + "a" * 3_000,
    ],
)
def test_bad_redirects_are_refused(location: str) -> None:
    with pytest.raises(Permanent) as caught:
        parse_redirect(parse_url("http://a.example/").url, location)
    assert caught.value.problem == "redirect_invalid"
