"""The site over HTTP, from a real server: what its readers rely on, and what an attacker tries."""

from __future__ import annotations

import gzip
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.web import serving
from pipeline.web.app import Alone, site
from pipeline.web.files import SMALL, coding, span
from tests.served import Running, running

FEED = "<rss>" + "<item>words</item>" * 400 + "</rss>"
SOUND = bytes(range(256)) * 8192
"""Two megabytes: more than is kept in memory, and every byte tells where it stands."""


def written(folder: Path) -> Path:
    for path, content in {
        "index.html": b"<h1>Home</h1>" * 40,
        "404.html": b"<h1>Nothing at this address</h1>",
        "06-letter/index.html": b"<h1>Letter</h1>",
        "rss.xml": FEED.encode(),
        "feed.json": b"{}",
        "audio/06.mp3": SOUND,
        "audio/empty.mp3": b"",
        "static/style.css": b"p { margin: 0 }" * 50,
        ".hidden/key": b"secret",
    }.items():
        file = folder / "site" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (folder / "secret.txt").write_text("secret")
    (folder / "site" / "link.txt").symlink_to(folder / "secret.txt")
    (folder / "site" / "up").symlink_to(folder)
    return folder / "site"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Running]:
    with running(Alone(site(folder))) as found:
        yield found


def test_a_page_is_at_its_folder_with_its_type_and_a_validator(served: Running) -> None:
    answer = served.ask("/06-letter/")
    assert (answer.status, answer.body) == (200, b"<h1>Letter</h1>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["last-modified"].endswith(" GMT")
    assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("path", "kind", "lasting"),
    [
        ("/rss.xml", "application/xml; charset=utf-8", "public, max-age=300"),
        ("/feed.json", "application/json", "public, max-age=300"),
        ("/audio/06.mp3", "audio/mpeg", "public, max-age=3600"),
        ("/static/style.css", "text/css; charset=utf-8", "public, max-age=3600"),
    ],
)
def test_each_file_says_its_type_and_how_long_it_keeps(
    served: Running, path: str, kind: str, lasting: str
) -> None:
    headers = served.ask(path).headers
    assert (headers["content-type"], headers["cache-control"]) == (kind, lasting)


def test_head_says_what_get_would_and_sends_nothing(served: Running) -> None:
    for path in ("/rss.xml", "/audio/06.mp3", "/nothing"):
        got, head = served.ask(path), served.ask(path, "HEAD")
        assert head.body == b""
        assert head.status == got.status
        assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


def test_who_has_it_already_is_sent_nothing(served: Running) -> None:
    first = served.ask("/rss.xml").headers
    for headers in (
        {"If_None_Match": first["etag"]},
        {"If_None_Match": f'"other", W/{first["etag"]}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": first["last-modified"]},
        {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ):
        answer = served.ask("/rss.xml", **headers)
        assert (answer.status, answer.body) == (304, b""), headers
        assert answer.headers["etag"] == first["etag"]
        assert "content-length" not in answer.headers
    for headers in (
        {"If_None_Match": '"other"', "If_Modified_Since": first["last-modified"]},
        {"If_Modified_Since": "Thu, 01 Jan 1998 00:00:00 GMT"},
        {"If_Modified_Since": "not a date"},
    ):
        assert served.ask("/rss.xml", **headers).status == 200, headers


def test_what_can_be_compressed_is_once_and_has_a_validator_of_its_own(served: Running) -> None:
    plain = served.ask("/rss.xml")
    for accepted, name, undone in (
        ("gzip, deflate, br", "br", brotli.decompress),
        ("gzip;q=1.0, br;q=0", "gzip", gzip.decompress),
    ):
        answer = served.ask("/rss.xml", Accept_Encoding=accepted)
        assert answer.headers["content-encoding"] == name
        assert undone(answer.body) == plain.body
        assert len(answer.body) < len(plain.body) / 10
        assert answer.headers["etag"] != plain.headers["etag"]
        again = served.ask(
            "/rss.xml", Accept_Encoding=accepted, If_None_Match=answer.headers["etag"]
        )
        assert again.status == 304
    assert "content-encoding" not in served.ask("/audio/06.mp3", Accept_Encoding="br").headers
    assert "content-encoding" not in served.ask("/feed.json", Accept_Encoding="br").headers


def test_a_file_compressed_beforehand_is_sent_as_it_lies(folder: Path, served: Running) -> None:
    page = folder / "ready.html"
    page.write_bytes(b"<p>ready</p>" * 100)
    made = gzip.compress(b"<p>beforehand</p>")
    page.with_name("ready.html.gz").write_bytes(made)
    os.utime(page, (1_700_000_000, 1_700_000_000))
    assert served.ask("/ready.html", Accept_Encoding="gzip").body == made


def test_a_file_that_changes_is_seen_with_the_next_request(folder: Path, served: Running) -> None:
    file = folder / "changing.xml"
    file.write_text("<a/>")
    before = served.ask("/changing.xml")
    file.with_name("new").write_text("<longer/>")
    file.with_name("new").replace(file)
    after = served.ask("/changing.xml", If_None_Match=before.headers["etag"])
    assert (after.status, after.body) == (200, b"<longer/>")
    file.unlink()
    assert served.ask("/changing.xml").status == 404


@pytest.mark.parametrize(
    ("asked", "status", "first", "end"),
    [
        ("bytes=0-99", 206, 0, 100),
        ("bytes=1000000-1000000", 206, 1_000_000, 1_000_001),
        ("bytes=2000000-", 206, 2_000_000, len(SOUND)),
        ("bytes=-5", 206, len(SOUND) - 5, len(SOUND)),
        ("bytes=0-99999999999", 206, 0, len(SOUND)),
        ("bytes=-99999999999", 206, 0, len(SOUND)),
        (f"bytes={len(SOUND)}-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=5-1", 200, 0, len(SOUND)),
        ("bytes=a-b", 200, 0, len(SOUND)),
        ("bytes=-", 200, 0, len(SOUND)),
        ("seconds=1-2", 200, 0, len(SOUND)),
        ("bytes=0-1,4-5", 200, 0, len(SOUND)),
    ],
)
def test_a_range_of_the_audio(
    served: Running, asked: str, status: int, first: int, end: int
) -> None:
    answer = served.ask("/audio/06.mp3", Range=asked)
    assert answer.status == status
    assert answer.body == SOUND[first:end]
    assert answer.headers["content-length"] == str(end - first)
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{len(SOUND)}"
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(SOUND)}"


def test_a_range_of_a_small_file_and_of_an_empty_one(served: Running) -> None:
    assert served.ask("/rss.xml", Range="bytes=1-3", Accept_Encoding="br").body == b"rss"
    assert served.ask("/audio/empty.mp3", Range="bytes=0-").status == 416
    assert served.ask("/audio/empty.mp3").status == 200


def test_a_part_is_resumed_only_of_the_file_it_is_a_part_of(served: Running) -> None:
    headers = served.ask("/audio/06.mp3", "HEAD").headers
    for same in (headers["etag"], headers["last-modified"]):
        assert served.ask("/audio/06.mp3", Range="bytes=9-", If_Range=same).status == 206
    assert served.ask("/audio/06.mp3", Range="bytes=9-", If_Range='"other"').status == 200


@given(st.integers(0, 10**6), st.integers(0, 10**19), st.integers(0, 10**19))
def test_no_range_reaches_outside_its_file(size: int, first: int, last: int) -> None:
    for asked in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        wanted = span(asked, size)
        assert wanted is None or 0 <= wanted[0] <= wanted[1] <= size


@given(st.text(max_size=300))
def test_any_accept_encoding_is_understood_or_ignored(accepted: str) -> None:
    assert coding(accepted) in ("", "br", "gzip")


def test_a_folder_without_its_stroke_leads_to_the_folder(served: Running) -> None:
    answer = served.ask("/06-letter")
    assert (answer.status, answer.headers["location"]) == (308, "./06-letter/")


def test_there_is_a_page_for_what_is_not_there(served: Running) -> None:
    answer = served.ask("/nothing/here")
    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")
    assert b"Nothing at this address" in answer.body
    assert served.ask("/rss.xml", "POST", "x").status == 405
    assert served.ask("/rss.xml", "DELETE").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/rss.xml", "/nothing", "/06-letter"])
def test_every_page_says_what_a_browser_may_do_with_it(served: Running, path: str) -> None:
    headers = served.ask(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert "server" not in headers


def test_what_runs_nothing_says_only_of_which_type_it_is(served: Running) -> None:
    headers = served.ask("/audio/06.mp3").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["access-control-allow-origin"] == "*"
    assert not {"content-security-policy", "permissions-policy", "server"} & set(headers)


# --- what an attacker tries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/06-letter/../../secret.txt",
        "/06-letter/%2e%2e/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "/\\..\\secret.txt",
        "//secret.txt",
        "/./../secret.txt",
        "/secret.txt%00.html",
        "/%00",
        "/.hidden/key",
        "/%2ehidden/key",
        "/link.txt",
        "/up/secret.txt",
        "/up/site/rss.xml",
        "/%c0%ae%c0%ae/secret.txt",
        "/" + "a" * 5000,
        "/" + "a/" * 600,
        "/rss.xml/",
        "/audio",
    ],
)
def test_no_path_leads_out_of_the_site(served: Running, path: str) -> None:
    answer = served.ask(path)
    assert answer.status in (400, 404)
    assert b"secret" not in answer.body


def test_no_path_redirects_to_another_host(served: Running) -> None:
    for path in (
        "//evil.example/06-letter",
        "/%2f%2fevil.example",
        "/\\evil.example",
        "/06-letter",
    ):
        assert "evil" not in served.ask(path).headers.get("location", "")


def test_thousands_of_ranges_cost_no_more_than_the_file(served: Running) -> None:
    many = "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(1500))
    answer = served.ask("/audio/06.mp3", Range=many)
    assert (answer.status, len(answer.body)) == (200, len(SOUND))
    assert served.ask("/audio/06.mp3", Range="bytes=" + "0-," * 1500).status == 200
    huge = served.ask("/audio/06.mp3", Range="bytes=" + "9" * 5000 + "-")
    assert huge.status == 200


def said(served: Running, *pieces: bytes, until: float = 5.0) -> bytes:
    """What comes back on a bare connection on which these pieces are written."""
    back = b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=until) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
            while more := line.recv(65536):
                back += more
        except (ConnectionResetError, BrokenPipeError):
            pass
        return back


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines as short as a test."""
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(serving, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(serving, "STALL_SECONDS", 0.2)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1",
    ],
)
def test_who_never_finishes_a_request_is_let_go(served: Running, begun: bytes) -> None:
    back = said(served, begun) if begun else said(served)
    assert back.startswith((b"HTTP/1.1 408", b"HTTP/1.1 405"))


@pytest.mark.usefixtures("hurried")
def test_who_never_takes_the_answer_is_let_go(served: Running) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(b"GET /audio/06.mp3 HTTP/1.1\r\nhost: x\r\n\r\n" * 20)
        assert served.told("took no more of its answer")


def test_headers_without_end_are_refused(served: Running) -> None:
    endless = [b"GET / HTTP/1.1\r\nhost: x\r\n", *[b"x-a: " + b"b" * 1000 + b"\r\n"] * 400]
    assert said(served, *endless)[:12] in (b"HTTP/1.1 431", b"")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
        *(
            b"POST / HTTP/1.1\r\nhost: x\r\n" + field + b"\r\n\r\nhello"
            for field in (
                b"content-length: abc",
                b"content-length: -5",
                b"content-length: +5",
                b"content-length: 1_0",
                b"content-length: 99999999999999999999999999",
                b"content-length: 5\r\ncontent-length: 6",
                b"transfer-encoding: xchunked",
                b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff",
                b"x : a",
                b"x: a\r\n b",
            )
        ),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: a\rb\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_closed(served: Running, sent: bytes) -> None:
    assert said(served, sent)[:12] in (b"HTTP/1.1 400", b"")


def test_a_large_file_is_not_kept_in_memory_and_a_small_one_is() -> None:
    assert len(SOUND) > SMALL > len(FEED)
