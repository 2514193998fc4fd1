"""What an attacker tries against the service, a row each; attacks on its files are in test_serve_files.py."""

from __future__ import annotations

import json
import socket
import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.delivery import forgetting, people
from pipeline.delivery.tokens import Tokens
from pipeline.errors import OutsideError
from pipeline.web.office import PER_ADDRESS
from pipeline.web.service import FORM, Limits, Secrets
from tests.publications import BODY, front_matter, write
from tests.readers import (
    HOST,
    NOW,
    PLENTY,
    URL,
    Letter,
    built,
    command,
    html_of,
    link,
    links,
    serving,
    text_of,
)

ADA = "ada@example.org"


@pytest.fixture
def letter(tmp_path: Path) -> Iterator[Letter]:
    with serving(built(tmp_path)) as found:
        yield found


def confirmed(letter: Letter, address: str = ADA) -> int:
    """Somebody on the list; their number."""
    letter.subscribe(address)
    there = link(letter.mails(address)[-1], "confirm")
    letter.post(there)
    return letter.desk.tokens.read(
        "confirm", there.rpartition("/")[2], letter.time["now"]
    ).subscriber


# --- what is typed into the form -------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\r\nBcc: eve@evil.example",
        "ada@example.org\nBcc: eve@evil.example",
        "ada@example.org\rBcc: eve@evil.example",
        "ada@example.org%0d%0aBcc: eve@evil.example",
        "ada@example.org, eve@evil.example",
        "ada@example.org;eve@evil.example",
        "<ada@example.org> eve@evil.example",
        "eve@evil.example\0@example.org",
        '"\r\nBcc: eve"@evil.example',
    ],
)
def test_an_address_injects_no_header_and_reaches_nobody_else(letter: Letter, address: str) -> None:
    answer = letter.post("/subscribe", {"email": address})
    assert answer.status == 400
    letter.subscribe(ADA)  # done after it, had it been taken
    assert [one["To"] for one in letter.mails()] == [ADA]


@pytest.mark.parametrize(
    "name",
    [
        "Ada\r\nBcc: eve@evil.example\r\n\r\nBuy now",
        "Ada\nSubject: Buy now",
        "<a href='https://evil.example'>You won</a>",
        "https://evil.example",
        "A" * 10_000,
    ],
)
def test_a_name_injects_nothing_and_stands_in_no_mail_to_a_stranger(
    letter: Letter, name: str
) -> None:
    letter.subscribe(ADA, name=name)
    (message,) = letter.mails()
    assert message.get_all("Bcc") is None
    for words in ("evil.example", "Buy now", "AAAA"):
        assert words not in message.as_string()
    (known,) = people.known(letter.book, ADA)
    assert not {"\r", "\n"} & set(known.name)
    assert len(known.name) <= 100


def test_half_a_letter_is_refused_and_stops_nobody_behind_it(letter: Letter) -> None:
    for field in (
        '{"email": "ada@example.org", "name": "\\ud800"}',
        '{"email": "\\udfff@example.org"}',
    ):
        answer = letter.served.ask(
            "/subscribe", "POST", field, Host=HOST, Content_Type="application/json"
        )
        assert answer.status == 400
    assert letter.subscribe("bob@example.org").status == 202
    assert [one["To"] for one in letter.mails()] == ["bob@example.org"]


def test_a_wish_that_nobody_can_grant_stops_nobody_behind_it(
    letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = letter.desk.grant

    def stumbles(wish: Any) -> str:
        if wish.name == "Eve":
            raise ZeroDivisionError(wish.address)
        return grant(wish)

    monkeypatch.setattr(letter.desk, "grant", stumbles)
    letter.post("/subscribe", {"email": ADA, "name": "Eve"})
    assert "ada@" not in str(letter.served.told("ZeroDivisionError"))
    letter.subscribe("bob@example.org")
    assert [one["To"] for one in letter.mails()] == ["bob@example.org"]


# --- tokens ----------------------------------------------------------------------------------------


def test_a_forged_token_opens_nothing(letter: Letter) -> None:
    confirmed(letter)
    confirmed(letter, "bob@example.org")
    good = letter.desk.tokens.token("unsubscribe", 1, "readers")
    number, name, until, mark = good.split(".")
    stranger = Tokens(b"another secret", URL)
    forged = [
        ".".join(("2", name, until, mark)),
        ".".join((number, "extras", until, mark)),
        ".".join((number, name, "99999999999", mark)),
        ".".join((number, name, until)),
        good[:-1],
        ".".join((number, name, until, ("A" if mark[0] != "A" else "B") + mark[1:])),
        good.upper(),
        good + ".",
        "." * 50,
        "%00",
        "a" * 4000,
        stranger.token("unsubscribe", 1, "readers"),
        letter.desk.tokens.token("confirm", 1, "readers"),
        letter.desk.tokens.token("preferences", 1, "readers"),
    ]
    for one in forged:
        for answer in (letter.post(f"/unsubscribe/{one}"), letter.get(f"/unsubscribe/{one}")):
            assert answer.status == 403, one
    assert letter.state(ADA) == letter.state("bob@example.org") == "confirmed"


def test_a_link_that_was_used_brings_nobody_back_who_left(letter: Letter) -> None:
    letter.subscribe(ADA)
    there = link(letter.mails()[0], "confirm")
    assert letter.post(there).status == 200
    assert letter.post(there).status == 200
    leave = f"/unsubscribe/{letter.desk.tokens.token('unsubscribe', 1, 'readers')}"
    assert letter.post(leave).status == 200
    assert letter.post(there).status == 403
    assert letter.state(ADA) == "unsubscribed"
    assert letter.post(leave).status == 200


def test_a_link_expires(letter: Letter) -> None:
    letter.subscribe(ADA)
    there = link(letter.mails()[0], "confirm")
    letter.later(days=8)
    for answer in (letter.get(there), letter.post(there)):
        assert answer.status == 403
        assert b"expired" in answer.body
    assert letter.state(ADA) == "unconfirmed"


def test_a_link_to_all_that_is_known_expires_and_one_to_leave_does_not(letter: Letter) -> None:
    confirmed(letter)
    letter.subscribe(ADA)
    chosen = link(letter.mails(ADA)[-1], "preferences")
    links_of = letter.desk.tokens.links("readers", letter.time["now"])
    assert links_of is not None
    mailed = [address.removeprefix(URL.rstrip("/")) for address in links_of(1)]
    assert mailed[1] == chosen
    letter.later(days=365)
    assert letter.get(chosen).status == 200
    letter.later(days=365)
    for answer in (letter.get(chosen), letter.post(chosen, {"do": "export"})):
        assert answer.status == 403
        assert ADA.encode() not in answer.body
    assert letter.post(mailed[0]).status == 200
    assert letter.state(ADA) == "unsubscribed"


def test_guesses_run_out(tmp_path: Path) -> None:
    limits = Limits(PLENTY, PLENTY, guesses=(5, 10))
    with serving(built(tmp_path), limits) as letter:
        found = [letter.post(f"/unsubscribe/1.readers.0.{n}").status for n in range(8)]
        assert found == [403] * 5 + [429] * 3
        good = letter.desk.tokens.token("unsubscribe", 1, "readers")
        assert letter.post(f"/unsubscribe/{good}").status == 200


# --- who is subscribed -----------------------------------------------------------------------------


def known_in_every_way(letter: Letter) -> dict[str, str]:
    """An address for each thing that the ledger can know of one."""
    for name in ("confirmed", "unsubscribed", "suppressed", "forgotten"):
        confirmed(letter, f"{name}@example.org")
    letter.subscribe("unconfirmed@example.org")
    people.remove(letter.book, "readers", "unsubscribed@example.org", NOW)
    forgetting.forget(letter.book, "forgotten@example.org", NOW)
    with letter.book.transaction() as connection:
        (number,) = people.ids_of(connection, ["suppressed@example.org"])
        people.suppress(connection, number, "bounced", "550", NOW)
    names = ("confirmed", "unsubscribed", "suppressed", "forgotten", "unconfirmed", "unknown")
    return {name: f"{name}@example.org" for name in names}


def test_the_words_of_an_answer_tell_nobody_who_is_subscribed(letter: Letter) -> None:
    answers = {}
    for name, address in known_in_every_way(letter).items():
        page = letter.subscribe(address)
        body = json.dumps({"email": address})
        told = letter.served.ask(
            "/subscribe", "POST", body, Host=HOST, Content_Type="application/json"
        )
        letter.served.told("'mail'")
        headers = {key: value for key, value in page.headers.items() if key != "date"}
        answers[name] = (page.status, headers, page.body, told.status, told.body)
    assert all(one == answers["unknown"] for one in answers.values())


def test_the_time_of_an_answer_tells_nobody_who_is_subscribed(
    letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is written before anybody looks: it comes even while nobody can."""
    go_on = threading.Event()
    grant = letter.desk.grant

    def held(wish: Any) -> str:
        assert go_on.wait(20)
        return grant(wish)

    confirmed(letter)
    monkeypatch.setattr(letter.desk, "grant", held)
    spent: dict[str, list[float]] = {ADA: [], "nobody@example.org": []}
    for _ in range(40):
        for address, found in spent.items():
            began = time.perf_counter()
            assert letter.post("/subscribe", {"email": address}).status == 202
            found.append(time.perf_counter() - began)
    known, unknown = (statistics.median(one) for one in spent.values())
    assert 1 / 3 < known / unknown < 3
    go_on.set()


def test_figures_are_for_nobody_where_no_secret_is_named(
    letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They tell what became of a sign-up, and a proxy asks from this very machine."""
    monkeypatch.setattr(letter.service, "_secrets", Secrets())
    for headers in ({}, {"Authorization": "Bearer "}, {"Host": "127.0.0.1"}):
        assert letter.get("/metrics", **headers).status == 404


# --- too much --------------------------------------------------------------------------------------


def statuses(port: int, requests: int, request: bytes) -> list[int]:
    """The statuses of many requests on one connection, a hundred on their way at a time."""
    found: list[int] = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        for _ in range(requests // 100):
            line.sendall(request * 100)
            back = b""
            while back.count(b"HTTP/1.1 ") < 100 or not back.endswith(b"}"):
                more = line.recv(1 << 16)
                assert more, "the connection was closed"
                back += more
            found += [int(one[:3]) for one in back.split(b"HTTP/1.1 ")[1:]]
    return found


def test_ten_thousand_sign_ups_from_one_client_are_ten(tmp_path: Path) -> None:
    with serving(built(tmp_path), Limits(anything=PLENTY), per_address=PER_ADDRESS) as letter:
        body = b"email=victim@example.org"
        request = (
            f"POST /subscribe HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: 203.0.113.9\r\n"
            "Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        found = statuses(letter.served.port, 10_000, request)
        assert found == [202] * 10 + [429] * 9_990
        assert int(letter.post("/subscribe", {"email": ADA}).headers["retry-after"]) > 0
        for _ in range(10):
            letter.served.told("'mail'")
        assert 1 <= len(letter.mails("victim@example.org")) <= 3


def test_nobody_is_mailed_again_and_again_however_many_ask(tmp_path: Path) -> None:
    with serving(built(tmp_path), per_address=PER_ADDRESS, behind_proxy=True) as letter:
        for number in range(9):
            letter.later(seconds=1)
            letter.post("/subscribe", {"email": ADA}, X_Forwarded_For=f"198.51.100.{number}")
            letter.served.told("'mail'")
        assert len(letter.mails(ADA)) == 3
        letter.later(days=2)
        letter.subscribe(ADA)
        assert len(letter.mails(ADA)) == 4


def test_a_body_that_is_too_large_is_refused_before_it_is_read(letter: Letter) -> None:
    large = "email=" + "a" * FORM
    assert letter.served.ask("/subscribe", "POST", large, Host=HOST).status == 413
    with socket.create_connection(("127.0.0.1", letter.served.port), timeout=10) as line:
        head = f"POST /subscribe HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 99999999999\r\n\r\n"
        line.sendall(head.encode())
        assert line.recv(64).startswith(b"HTTP/1.1 413")
    with socket.create_connection(("127.0.0.1", letter.served.port), timeout=10) as line:
        head = f"POST /subscribe HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
        line.sendall(head.encode() + b"8000\r\n" + b"a" * 0x8000 + b"\r\n")
        assert line.recv(64).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", "[" * 8000, 400),
        ("application/json", "[]", 400),
        ("application/json", '{"email": {"a": 1}}', 400),
        ("application/json", "{", 400),
        ("application/x-www-form-urlencoded", "a=b&" * 2000, 400),
        ("application/x-www-form-urlencoded", b"email=\xff\xfe", 400),
        ("text/xml", "<email>ada@example.org</email>", 415),
        ("multipart/form-data; boundary=x", "--x--", 415),
    ],
)
def test_a_form_that_is_none_is_refused(
    letter: Letter, kind: str, body: str | bytes, status: int
) -> None:
    answer = letter.served.ask("/subscribe", "POST", body, Host=HOST, Content_Type=kind)
    assert answer.status == status


# --- where it comes from ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", f"{HOST}.evil.example", "@evil"]
)
def test_a_poisoned_host_is_refused_and_stands_in_no_mail(letter: Letter, host: str) -> None:
    for headers in ({"Host": host}, {"Host": f"{HOST}, {host}"}):
        answer = letter.post("/subscribe", {"email": ADA}, **headers)
        assert answer.status == 421
    letter.post("/subscribe", {"email": ADA}, X_Forwarded_Host=host, Forwarded=f"host={host}")
    letter.served.told("'mail'")
    (message,) = letter.mails()
    assert "evil" not in message.as_string()
    assert links(message)


def test_two_hosts_are_none(letter: Letter) -> None:
    for second in (HOST, "evil.example"):
        head = f"GET /subscribe HTTP/1.1\r\nHost: {HOST}\r\nHost: {second}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", letter.served.port), timeout=10) as line:
            line.sendall(head.encode())
            assert line.recv(64).startswith(b"HTTP/1.1 400")


def test_a_proxy_that_is_not_believed_is_told_of_once(letter: Letter) -> None:
    for _ in range(2):
        letter.get("/subscribe", X_Forwarded_For="203.0.113.9")
    letter.get("/unsubscribe/x")
    events = [letter.served.events.get(timeout=20) for _ in range(4)]
    assert ["--behind-proxy" in str(one) for one in events].count(True) == 1


def test_a_page_elsewhere_submits_nothing(letter: Letter) -> None:
    fields = {"email": ADA}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://{HOST}.evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
    ):
        assert letter.post("/subscribe", fields, **headers).status == 403, headers
    for headers in (
        {"Origin": "https://letters.small.example", "Sec_Fetch_Site": "same-origin"},
        {"Origin": "https://small.example", "Sec_Fetch_Site": "cross-site"},
        {},
    ):
        assert letter.post("/subscribe", fields, **headers).status == 202, headers


def test_no_answer_leads_to_another_site(letter: Letter) -> None:
    for path in ("/subscribe", "/confirm/x", "/unsubscribe/x", "/preferences/x"):
        for more in ("?next=https://evil.example", "?url=//evil.example", "//evil.example"):
            for answer in (letter.get(path + more), letter.post(path + more, {"email": ADA})):
                assert "location" not in answer.headers
                assert b"evil.example" not in answer.body


# --- scanners --------------------------------------------------------------------------------------


def test_a_scanner_that_fetches_every_link_changes_nothing(tmp_path: Path) -> None:
    root = built(tmp_path)
    with serving(root) as letter:
        confirmed(letter)
        letter.subscribe("bob@example.org")
        command(root, "publish", now=letter.time["now"])
        every = {one for message in letter.mails() for one in links(message)}
        purposes = {one.split("/")[1] for one in every}
        assert purposes >= {"confirm", "unsubscribe"}, purposes
        for path in every:
            for method in ("GET", "HEAD", "OPTIONS", "PROPFIND"):
                assert letter.get(path, method).status in (200, 405)
        assert (letter.state(ADA), letter.state("bob@example.org")) == ("confirmed", "unconfirmed")


# --- what is told ----------------------------------------------------------------------------------


def test_no_log_names_an_address_a_client_or_a_token(letter: Letter) -> None:
    confirmed(letter)
    letter.post("/subscribe", {"email": "not an address ada@"})
    letter.get("/confirm/a-forged-token")
    letter.get(f"/subscribe?email={ADA}")
    events = []
    while not letter.served.events.empty():
        events.append(letter.served.events.get_nowait())
    assert {one.get("route") for one in events} >= {"/confirm/{token}", "/subscribe"}
    told = json.dumps(events)
    for secret in ("ada", "127.0.0.1", "a-forged-token", "readers."):
        assert secret not in told


def test_every_page_keeps_its_token_to_itself(letter: Letter) -> None:
    letter.subscribe(ADA)
    headers = letter.get(link(letter.mails()[0], "confirm")).headers
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-robots-tag"] == "noindex"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "set-cookie" not in headers


def test_bounces_are_taken_from_who_names_the_secret(tmp_path: Path) -> None:
    taken: list[bytes] = []

    def bounced(content: bytes) -> str:
        taken.append(content)
        return "hard"

    with serving(built(tmp_path), bounced=bounced) as letter:
        for headers in ({}, {"Authorization": "Bearer another"}, {"Authorization": "Bearer "}):
            answer = letter.served.ask("/bounces", "POST", b"DSN", Host=HOST, **headers)
            assert answer.status == 404
        right = {"Authorization": "Bearer a-bounce-secret"}
        assert letter.served.ask("/bounces", "POST", b"DSN", Host=HOST, **right).status == 200
        large = {"Content-Length": str(3 << 20)}  # refused before it is sent
        assert letter.served.ask("/bounces", "POST", Host=HOST, **right, **large).status == 413
    assert taken == [b"DSN"]


def test_a_bounce_that_cannot_be_taken_in_now_is_to_be_handed_in_again(tmp_path: Path) -> None:
    def bounced(_: bytes) -> str:
        raise OutsideError("the ledger is locked")

    right = {"Authorization": "Bearer a-bounce-secret"}
    with serving(built(tmp_path), bounced=bounced) as letter:
        assert letter.served.ask("/bounces", "POST", b"DSN", Host=HOST, **right).status == 503


def test_guesses_of_a_secret_run_out(tmp_path: Path) -> None:
    limits = Limits(PLENTY, PLENTY, guesses=(5, 10))
    with serving(built(tmp_path), limits) as letter:
        for path, method in (("/metrics", "GET"), ("/bounces", "POST")):
            wrong = {"Authorization": f"Bearer {path}"}
            found = [letter.served.ask(path, method, **wrong).status for _ in range(4)]
            assert found == ([404] * 4 if method == "GET" else [404, 429, 429, 429])


# --- the ledger is away ----------------------------------------------------------------------------


def test_who_asks_while_the_ledger_is_in_use_is_told_to_come_again_and_files_are_served(
    letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = confirmed(letter)
    leave = f"/unsubscribe/{letter.desk.tokens.token('unsubscribe', number, 'readers')}"
    monkeypatch.setattr(letter.book, "_patience", 0.2)
    with (
        letter.book.transaction(),
        ThreadPoolExecutor(30) as many,
    ):  # one writer, as long as it likes
        waiting = [many.submit(letter.post, leave) for _ in range(30)]
        assert letter.get("/atom.xml").status == 200
        assert letter.get("/healthz").status == 503
        answers = [one.result(20) for one in waiting]
    assert {one.status for one in answers} == {503}
    assert answers[0].headers["retry-after"]
    assert b"Not just now" in answers[0].body
    letter.later(seconds=2)
    assert letter.get("/healthz").status == 200
    assert letter.post(leave).status == 200


def test_a_ledger_that_was_taken_away_is_not_begun_anew(letter: Letter) -> None:
    number = confirmed(letter)
    leave = f"/unsubscribe/{letter.desk.tokens.token('unsubscribe', number, 'readers')}"
    file = letter.root / ".simulcast/ledger.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = file.rename(file.with_name("kept.db"))
    assert letter.post(leave).status == 503
    assert letter.get("/private/x/rss.xml").status == 503
    assert letter.get("/healthz").status == 503
    assert not file.exists()
    kept.rename(file)
    letter.later(seconds=2)
    assert letter.get("/healthz").status == 200
    assert letter.post(leave).status == 200
    assert letter.state(ADA) == "unsubscribed"


def test_however_many_want_to_know_whether_all_is_well_the_ledger_is_asked_once_a_second(
    letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(letter.desk, "alive", lambda: asked.append(1))
    assert {letter.get("/healthz").status for _ in range(20)} == {200}
    letter.later(seconds=1)
    letter.get("/healthz")
    assert len(asked) == 2


# --- to be forgotten -------------------------------------------------------------------------------


def test_who_asks_to_be_forgotten_is_gone_everywhere(tmp_path: Path) -> None:
    root = built(tmp_path)
    with serving(root) as letter:
        number = confirmed(letter)
        command(root, "publish", now=letter.time["now"])
        there = f"/preferences/{letter.desk.tokens.token('preferences', number, 'readers')}"
        assert b"forgotten" in letter.post(there, {"do": "forget"}).body
        assert letter.get(there).status == 403
    holding = [
        file.relative_to(root).as_posix()
        for file in root.rglob("*")
        if file.is_file() and b"ada@example" in file.read_bytes()
    ]
    assert holding == []
    imported = write(root, "people.csv", f"email\n{ADA}\n")
    command(root, "subscribers", "import", str(imported))
    assert ADA not in command(root, "subscribers", "list")


# --- all of it -------------------------------------------------------------------------------------


def test_from_the_form_to_the_mailbox_and_out_again(tmp_path: Path) -> None:
    root = built(tmp_path)
    with serving(root) as letter:
        confirmed(letter)
        write(root, "content/02-second/episode.md", front_matter(2, "Second") + BODY)
        command(root, "publish", now=letter.time["now"])
        (received,) = [one for one in letter.mails(ADA) if one["Subject"] == "Second"]
        assert "Two are plenty." in text_of(received)
        assert "Two are plenty." in html_of(received)
        assert received["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        leave = received["List-Unsubscribe"].partition("<" + URL.rstrip("/"))[2].partition(">")[0]
        assert letter.post(leave, {"List-Unsubscribe": "One-Click"}).status == 200
        assert letter.state(ADA) == "unsubscribed"
        write(root, "content/03-third/episode.md", front_matter(3, "Third") + BODY)
        command(root, "publish", now=letter.time["now"] + timedelta(days=1))
        assert "Third" not in [one["Subject"] for one in letter.mails(ADA)]
        assert "Third" in [one["Subject"] for one in letter.mails()]
