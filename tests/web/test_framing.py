"""Where a request ends: a table of heads, and bodies that come in any pieces."""

from __future__ import annotations

import pytest

from app.web.framing import Body, Chunked, Counted, NotHttp, body_of, checked, head_length

HEAD = b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"
HOST = (b"host", b"localhost")
ENOUGH = 16 * 1024


def test_a_head_ends_with_its_empty_line() -> None:
    assert head_length(HEAD) == head_length(HEAD + HEAD) == len(HEAD)
    assert [head_length(HEAD[:some]) for some in range(len(HEAD))] == [0] * len(HEAD)


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(b"GET /echo HTTP/1.1\nHost: localhost\n\n", id="lines that end by LF"),
        pytest.param(b"GET /echo HTTP/1.1\r\nA: b\r\n c", id="a header over two lines"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01", id="TLS"),
        pytest.param(b"\r\nGET", id="an empty line before it"),
        pytest.param(b"GET /" + b"a" * ENOUGH, id="no end"),
    ],
)
def test_what_will_be_no_head_is_not_waited_for(received: bytes) -> None:
    with pytest.raises(NotHttp):
        head_length(received)


@pytest.mark.parametrize(
    "line",
    [
        *(b"GET /echo", b"GET  /echo HTTP/1.1", b"GET /echo HTTP/1.1 ", b"", b"\r\nGET /echo HTTP/1.1"),
        *(b"GET /echo HTTP/0.9", b"GET /echo HTTP/2.0", b"GET /echo http/1.1"),
        *(b"DESCRIBE /echo RTSP/1.0", b"SOURCE /echo ICE/1.0"),
    ],
)
def test_a_first_line_is_of_http_as_everybody_knows_it(line: bytes) -> None:
    with pytest.raises(NotHttp):
        checked(line + b"\r\nHost: localhost\r\n\r\n")


def test_an_offer_to_speak_otherwise_is_left_out() -> None:
    offered = HEAD[:-2] + b"Connection: Upgrade\r\nUPGRADE: h2c\r\nA: upgrade: b\r\n\r\n"

    assert checked(HEAD) == HEAD
    assert checked(offered) == HEAD[:-2] + b"Connection: Upgrade\r\nA: upgrade: b\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "version", "body"),
    [
        ([HOST], "1.1", None),
        ([], "1.0", None),
        ([HOST, (b"content-length", b"5 ")], "1.1", Counted),
        ([HOST, (b"transfer-encoding", b"Chunked")], "1.1", Chunked),
    ],
)
def test_a_head_says_what_is_behind_it(
    headers: list[tuple[bytes, bytes]], version: str, body: type[Body] | None
) -> None:
    said = body_of(headers, version)

    assert said is None if body is None else isinstance(said, body)


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ([], "1.1"),
        ([HOST, HOST], "1.1"),
        ([HOST, HOST], "1.0"),
        ([HOST, (b"content-length", b"5"), (b"content-length", b"5")], "1.1"),
        ([HOST, (b"content-length", b"5"), (b"transfer-encoding", b"chunked")], "1.1"),
        ([HOST, (b"transfer-encoding", b"gzip, chunked")], "1.1"),
        ([HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], "1.1"),
        ([HOST, (b"transfer-encoding", b"chunked")], "1.0"),
    ],
)
def test_a_head_that_says_two_things_is_refused(headers: list[tuple[bytes, bytes]], version: str) -> None:
    with pytest.raises(NotHttp):
        body_of(headers, version)


def test_a_counted_body_ends_where_it_was_said() -> None:
    body = Counted(5)

    assert [body.cut(b"abc"), body.cut(b"defgh"), body.cut(b"gh")] == [3, 2, 0]


@pytest.mark.parametrize("size", range(1, 12))
def test_a_body_in_chunks_is_never_cut_behind_its_end(size: int) -> None:
    chunks, body = b"8\r\nab\r\n\r\ncd\r\n0\r\nA: b\r\n\r\n", Chunked()
    sent, cuts, at = chunks + HEAD, [], 0
    while at < len(chunks):
        cuts.append(body.cut(sent[at : at + size]))
        at += cuts[-1]

    assert at == len(chunks)
    assert all(cuts)


def test_lines_of_a_body_in_chunks_end_some_time() -> None:
    body = Chunked()
    for _ in range(2):
        body.cut(b"a" * ENOUGH)
        body.note_content()
    body.cut(b"1;" + b"a" * ENOUGH)

    with pytest.raises(NotHttp):
        body.cut(b"a")
