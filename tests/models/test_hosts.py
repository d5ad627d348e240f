"""Hosts as people write them: which are this machine, and how each stands in a URL."""

import pytest

from models.hosts import bare_host, is_everywhere, is_loopback, reached_at, with_port


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("[::1]", True),
        ("0:0:0:0:0:0:0:1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("128.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("127.1", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, is_ours: bool) -> None:
    assert is_loopback(host) is is_ours


@pytest.mark.parametrize(
    ("host", "written", "reached"),
    [
        ("127.0.0.1", "127.0.0.1:80", "127.0.0.1"),
        ("::1", "[::1]:80", "::1"),
        ("chat.example", "chat.example:80", "chat.example"),
        ("0.0.0.0", "0.0.0.0:80", "127.0.0.1"),
        ("::", "[::]:80", "::1"),
        ("0:0:0:0:0:0:0:0", "[0:0:0:0:0:0:0:0]:80", "::1"),
        ("", ":80", "127.0.0.1"),
    ],
)
def test_a_host_stands_in_brackets_where_it_must_and_is_reached_where_it_listens(
    host: str, written: str, reached: str
) -> None:
    assert with_port(host, 80) == written
    assert reached_at(host) == reached
    assert is_everywhere(host) is (reached != host)


def test_brackets_are_no_part_of_a_host() -> None:
    assert [bare_host(host) for host in ("[::1]", " ::1 ", "a.example", "[::1")] == [
        "::1",
        "::1",
        "a.example",
        "[::1",
    ]
