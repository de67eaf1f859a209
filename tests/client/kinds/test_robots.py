"""What a robots.txt allows, however it is written."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds import _robots
from firmlight_client.kinds._public_address import Refused
from firmlight_client.kinds._web_url import page_url
from tests.client.kinds import steady


def allows(rules: bytes, path: str = "/secret/x") -> bool:
    try:
        _robots._parsed(rules).check(page_url("http://xn--ls8h.la" + path))
    except Refused:
        return False
    return True


FORBIDDEN = "User-agent: *\nDisallow: /secret\n"


@pytest.mark.parametrize(
    "rules",
    [
        FORBIDDEN.encode(),
        FORBIDDEN.encode("utf-8-sig"),
        FORBIDDEN.encode("utf-16"),
        FORBIDDEN.replace("\n", "\r").encode(),
        FORBIDDEN.replace("\n", "\r\n").encode(),
        FORBIDDEN.replace("\n", " # x\n\n").encode(),
        FORBIDDEN.replace(": ", " : ").upper().replace("/SECRET", "/secret").encode(),
        FORBIDDEN.replace("\n", "\n# \xe9\xff\n").encode("latin-1"),
        b"Sitemap: http://xn--ls8h.la/\nuseragent:*\nDisallow:/secret",
        b"\xef\xbb\xbf\n\n" + FORBIDDEN.encode(),
        b"User-agent: x\nSitemap: y\nUser-agent: *\nDisallow: /secret",
        b"User-agent: x\nDisallow: /a\n\nUser-agent: FIRMLIGHT/1.0 (x)\nDisallow: /secret",
        b"User-agent: Firmlight\nUser-agent: Firmlight\nDisallow: /secret",
        b"User-agent: x\nUser-agent: firmlight*\nDisallow: /*/x$",
        b"User-agent: *\nDisallow: /%73ecret",
        b"User-agent: *\n" + b"Disallow: /" + b"y" * 100_000 + b"\nDisallow: /secret",
        FORBIDDEN.encode() + b"#" * 600_000,
    ],
)
def test_what_it_forbids_is_forbidden_however_it_is_written(rules):
    assert not allows(rules)
    assert allows(rules, "/open")


@pytest.mark.parametrize(
    "rules",
    [
        b"", b"\x00\xff", b"Disallow: /secret", b"User-agent: other\nDisallow: /",
        b"User-agent: firmlightx\nDisallow: /",
        FORBIDDEN.encode() + b"\nUser-agent: firmlight\nDisallow: /y", FORBIDDEN.encode() + b"Allow: /secret/x",
        b"<html><body>User-agent: *<br>Disallow: /</body></html>", b"User-agent: *\nDisallow:\n",
    ],
)  # fmt: skip
def test_what_it_does_not_forbid_is_allowed(rules):
    assert allows(rules)


def test_a_line_that_the_size_limit_cut_is_no_rule(monkeypatch):
    rules = b"User-agent: *\nDisallow: /\r"
    assert not allows(rules)
    monkeypatch.setattr(_robots, "ROBOTS_BYTES_MAX", len(rules) - 1)
    assert allows(rules[:-1])


def test_rules_are_kept_once_however_many_agents_they_are_for():
    """Each rule for each of the agents: 500 KiB came to hundreds of millions of rules."""
    agents = b"".join(b"User-agent: a%d\n" % i for i in range(5000))
    rules = _robots._parsed(agents + b"User-agent: *\n" + b"Disallow: /secret\n" * 5000)
    kept = [len(each._rules) for each in rules.parser._user_agents.values()]
    assert sum(kept) == 5000


@pytest.mark.parametrize(
    "line",
    [
        "Disallow: /" + "*a" * 2000,
        "Disallow: /*a",
        "User-agent: *",
        "User-agent:",
        "Allow: $*",
        "x",
        "\r",
    ],
)
def test_no_robots_txt_takes_long(line):
    rules = f"User-agent: *\n{line}\n".encode() * (_robots.ROBOTS_BYTES_MAX // (len(line) + 15))
    start = time.process_time()
    allows(rules[: _robots.ROBOTS_BYTES_MAX], "/" + "a" * 900)
    assert time.process_time() - start < 5  # tenths


@steady
@given(
    st.lists(
        st.binary(max_size=12)
        | st.sampled_from(
            [
                b"\nUser-agent: *",
                b"\nDisallow: ",
                b"\nAllow:/",
                b"\nCrawl-delay: ",
                b"\nSitemap: http://xn--ls8h.la/",
            ]
        )
        | st.sampled_from(
            [
                b"*",
                b"$",
                b"%",
                b"%zz",
                b"[",
                b"//",
                b"://",
                b"#",
                b"\r",
                b"\xef\xbb\xbf",
                b"9" * 400,
            ]
        )
    ).map(b"".join)
)
def test_no_bytes_raise(rules):
    allows(rules)
    assert 0 <= _robots._parsed(rules).delay <= _robots.DELAY_SECONDS_MAX
