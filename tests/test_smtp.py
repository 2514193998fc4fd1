"""Promises of the SMTP transport: each message is handed over once, and whatever the server does is told as it was."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from pipeline.delivery.database import Database
from pipeline.delivery.ledger.sums import sums_of
from pipeline.delivery.message import Letters, Message, Recipient
from pipeline.delivery.sender import send
from pipeline.delivery.smtp import Smtp, smtp
from pipeline.delivery.transport import Outcome, Place
from pipeline.errors import OutsideError, SimulcastError
from tests.editions import dispatch, frozen, planned, readers
from tests.servers import Behaviour, Chunking, awkward, certificate, scripted


def server(where: str, options: str = "", scheme: str = "smtp", user: str = "") -> Smtp:
    url = f"{scheme}://{user}{where}?timeout=20&{options}"
    return smtp(Place(Path("outbox"), {"SIMULCAST_SMTP_URL": url}))


def letters(count: int) -> list[Message]:
    made = Letters(frozen(), 6, b"the ledger's", bounces="bounces@ground.example")
    return [made.message(Recipient(n, address)) for n, address in enumerate(readers(count), 1)]


def delivered(transport: Smtp, messages: list[Message]) -> list[Outcome]:
    connection = transport.connect()
    try:
        return list(connection.deliver(messages))
    finally:
        connection.close()


def states(outcomes: list[Outcome]) -> list[str]:
    return [one.state for one in outcomes]


def test_a_server_that_knows_nothing_but_smtp_gets_every_message_on_one_connection() -> None:
    known = Behaviour()
    with awkward(known) as where:
        found = delivered(server(where), letters(20))
    assert found == [Outcome("accepted", "250 2.0.0 OK")] * 20
    assert known.connections == 1
    assert [to for _, to, _ in known.kept] == readers(20)
    assert {back.partition("+")[0] for back, _, _ in known.kept} == {"bounces"}
    assert [content for _, _, content in known.kept] == [one.content for one in letters(20)]


def test_each_refusal_is_told_and_names_no_address_and_the_rest_goes_on() -> None:
    def rcpt(address: str) -> str:
        return {
            "reader0001@example.org": f"550 5.1.1 <{address}>: no such user",
            "reader0002@example.org": "452 4.2.2 full",
        }.get(address, "250 OK")

    known = Behaviour(rcpt=rcpt, data=lambda n: "250 OK" if n else "554 5.7.1 spam")
    with awkward(known) as where:
        found = delivered(server(where), letters(5))
    assert states(found) == ["refused", "refused", "deferred", "accepted", "accepted"]
    assert [one.reason for one in found[:3]] == [
        "554 5.7.1 spam",
        "550 5.1.1 …: no such user",
        "452 4.2.2 full",
    ]


@pytest.mark.parametrize(
    "answer", ["550 5.7.1 sender rejected", "451 4.3.0 later", "530 5.7.0 log in"]
)
def test_a_sender_that_is_not_taken_stops_all_and_refuses_nobody(answer: str) -> None:
    known = Behaviour(mail=answer)
    with awkward(known) as where, pytest.raises(OutsideError, match="does not take mail from this"):
        found = []
        for outcome in server(where).connect().deliver(letters(50)):
            found.append(outcome)
    assert set(states(found)) == {"deferred"} and len(found) == 3
    assert known.kept == []


def test_a_server_that_drops_after_the_message_leaves_it_unknown_and_the_rest_is_sent() -> None:
    known = Behaviour(drops=lambda n: n in (2, 5))
    with awkward(known) as where:
        found = delivered(server(where), letters(8))
    assert Counter(states(found)) == Counter(accepted=6, unknown=2)
    assert states(found)[2] == "unknown" and known.connections == 3
    assert Counter(to for _, to, _ in known.kept) == Counter(readers(8))


def test_a_server_that_never_answers_a_message_is_left_after_three(ledger: Database) -> None:
    number = planned(ledger, 30)
    known = Behaviour(drops=lambda _: True)
    with awkward(known) as where, pytest.raises(OutsideError, match="breaks off"):
        send(ledger, number, dispatch(server(where, "window=1"), ledger, hold=True))
    sums = sums_of(ledger, number)
    assert sums.unknown <= 3 and sums.hold and sums.planned >= 27


def test_no_server_is_an_outside_failure_and_everyone_is_still_to_be_mailed(
    ledger: Database,
) -> None:
    number = planned(ledger, 3)
    with pytest.raises(OutsideError, match="SIMULCAST_SMTP_URL cannot be reached"):
        send(ledger, number, dispatch(server("127.0.0.1:1"), ledger))
    assert sums_of(ledger, number).planned == 3


# --- what a server says that is not so --------------------------------------------------------------


def replies(*script: bytes) -> Callable[[Any, Any], None]:
    """A server that says these, each after a line, whatever the line was, and closes."""

    def play(lines: Any, out: Any) -> None:
        out.write(b"220 here\r\n")
        for said in script:
            if not lines.readline():
                return
            out.write(said)

    return play


@pytest.mark.parametrize(
    "script",
    [
        [b"250 here\r\n", b"250 OK\r\n", b"250 OK\r\n", b"250 message taken\r\n"],
        [b"250 here\r\n", b"<html>\r\n"],
        [b"250 here\r\n", b"2" * 20_000],
        [b"250 here\r\n", b"250-and never\r\n250-an end"],
        [b"250-here\r\n250 PIPELINING\r\n", b"250 OK\r\n"],
        [b"250 here\r\n", b"421 4.3.2 closing\r\n"],
    ],
)
def test_a_server_that_makes_no_sense_is_handed_nothing(script: list[bytes]) -> None:
    with scripted(replies(*script)) as where, pytest.raises(OutsideError, match="breaks off"):
        delivered(server(where), letters(3))


def test_a_server_that_turns_everyone_away_is_an_outside_failure() -> None:
    def full(_: Any, out: Any) -> None:
        out.write(b"554 5.3.2 not today, reader@example.org\r\n")

    with scripted(full) as where, pytest.raises(OutsideError, match="turns us away: 554") as failed:
        delivered(server(where), letters(1))
    assert "@" not in str(failed.value)


def test_a_server_that_offers_pipelining_and_cannot_is_spoken_to_step_by_step() -> None:
    taken: list[bytes] = []

    def forgetful(lines: Any, out: Any) -> None:
        """Forgets whatever came along with a command."""
        out.write(b"220 here\r\n")
        while line := lines.read1(1 << 16):
            verb = line[:4].upper()
            if verb == b"MAIL" and line.count(b"\r\n") > 1:
                return
            if verb == b"EHLO":
                out.write(b"250-here\r\n250 PIPELINING\r\n")
            elif verb == b"DATA":
                out.write(b"354 go\r\n")
                content = b""
                while not content.endswith(b"\r\n.\r\n"):
                    content += lines.read1(1 << 16)
                taken.append(content)
                out.write(b"250 OK\r\n")
            else:
                out.write(b"250 OK\r\n")

    with scripted(forgetful) as where:
        found = delivered(server(where), letters(4))
    assert states(found) == ["accepted"] * 4 and len(taken) == 4


# --- in chunks --------------------------------------------------------------------------------------


def test_a_window_of_messages_goes_before_the_first_answer_and_arrives_byte_for_byte() -> None:
    known = Chunking()
    with scripted(known) as where:
        found = delivered(server(where, "chunking=yes&window=8"), letters(20))
    assert states(found) == ["accepted"] * 20
    assert known.kept == [one.content for one in letters(20)]
    assert known.connections == 1 and "DATA" not in known.verbs


def test_over_loopback_chunks_are_not_used_by_themselves() -> None:
    assert server("127.0.0.1:25").chunking == "auto"


def test_in_chunks_too_each_answer_belongs_to_its_message() -> None:
    known = Chunking(
        answer=lambda n: "552 5.2.2 full" if n == 1 else "250 OK",
        rcpt=lambda line: "550 5.1.1 gone" if "reader0003" in line else "250 OK",
    )
    with scripted(known) as where:
        found = delivered(server(where, "chunking=yes&window=4"), letters(8))
    assert states(found) == ["accepted", "refused", "accepted", "refused", *["accepted"] * 4]
    assert found[3].reason == "550 5.1.1 gone"


def test_a_drop_in_a_window_leaves_at_most_the_window_unknown_and_repeats_none() -> None:
    known = Chunking(answer=lambda n: None if n == 5 else "250 OK")
    with scripted(known) as where:
        found = delivered(server(where, "chunking=yes&window=4"), letters(20))
    assert 1 <= states(found).count("unknown") <= 4
    assert states(found).count("accepted") + states(found).count("unknown") == 20
    ids = Counter(
        content.partition(b"Message-ID: ")[2].partition(b"\r\n")[0] for content in known.kept
    )
    assert max(ids.values()) == 1


def test_who_is_told_to_come_back_later_comes_back_and_nothing_is_unknown() -> None:
    known = Chunking(
        answer=lambda n: "421 4.7.0 too many on one connection" if n % 6 == 5 else "250 OK"
    )
    known.answer = _once_a_connection(known)
    with scripted(known) as where:
        found = delivered(server(where, "chunking=yes&window=3"), letters(12))
    assert states(found) == ["accepted"] * 12
    assert known.connections > 1


def _once_a_connection(known: Chunking) -> Callable[[int], str]:
    counts: Counter[int] = Counter()

    def answer(_: int) -> str:
        counts[known.connections] += 1
        return "421 4.7.0 too many" if counts[known.connections] > 5 else "250 OK"

    return answer


# --- TLS and login ----------------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that we are told to trust."""
    made, key = certificate()
    (tmp_path / "cert.pem").write_bytes(made)
    (tmp_path / "key.pem").write_bytes(key)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


def knows(*_: Any) -> AuthResult:
    data = _[-1]
    good = (data.login, data.password) == (b"neal", b"p@ss word")
    return AuthResult(success=good, handled=False)


def test_starttls_then_login_then_mail(trusted: ssl.SSLContext) -> None:
    known = Behaviour()
    how = {"tls_context": trusted, "authenticator": knows, "auth_required": True}
    with awkward(known, **how) as where:
        host = where.replace("127.0.0.1", "localhost")
        found = delivered(server(host, "tls=starttls", user="neal:p%40ss%20word@"), letters(3))
        assert states(found) == ["accepted"] * 3
        with pytest.raises(OutsideError, match="refuses the user or the password") as refused:
            delivered(server(host, "tls=starttls", user="neal:wrong@"), letters(1))
    assert "wrong" not in str(refused.value) and "neal" not in str(refused.value)


def test_tls_that_is_asked_for_is_insisted_on() -> None:
    with (
        awkward(Behaviour()) as where,
        pytest.raises(OutsideError, match="cannot do what is asked"),
    ):
        delivered(server(where, "tls=starttls"), letters(1))


def test_a_certificate_that_nobody_vouches_for_is_refused(
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    with (
        awkward(Behaviour(), tls_context=trusted) as where,
        pytest.raises(OutsideError, match="not to be trusted"),
    ):
        delivered(server(where, "tls=starttls"), letters(1))


def test_tls_from_the_start(trusted: ssl.SSLContext) -> None:
    known = Behaviour()
    with awkward(known, ssl_context=trusted) as where:
        host = where.replace("127.0.0.1", "localhost")
        assert states(delivered(server(host, scheme="smtps"), letters(3))) == ["accepted"] * 3


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mail.secret.example", "is wrong"),
        ("http://mail.secret.example", "is wrong"),
        ("smtp://u:secret@mail.example?tls=none", "in the clear"),
        ("smtp://u:secret@mail.example?windw=8", 'no option "windw"; did you mean "window"'),
        ("smtp://u:secret@mail.example?window=secret", "window is not a number"),
        ("smtp://u:secret@mail.example?window=0", "above 0"),
        ("smtp://u:secret@mail.example?tls=maybe", "tls is starttls or none"),
        ("smtp://u:secret@mail.example:port", "is not a URL"),
    ],
)
def test_a_wrong_url_is_named_by_its_variable_and_never_shown(url: str, why: str) -> None:
    with pytest.raises(SimulcastError, match=f"SIMULCAST_SMTP_URL.*{why}") as refused:
        smtp(Place(Path("outbox"), {"SIMULCAST_SMTP_URL": url}))
    assert "secret" not in str(refused.value)


def test_away_from_this_machine_a_server_is_spoken_to_under_tls() -> None:
    assert server("mail.example").tls == "starttls" and server("mail.example").port == 587
    assert server("mail.example", scheme="smtps").port == 465
    assert server("127.0.0.1:25").tls == "none"
    assert "word" not in repr(server("mail.example", user="u:pass%20word@"))


def test_a_line_that_begins_with_a_dot_arrives_as_it_was() -> None:
    from dataclasses import replace

    dots = [
        replace(one, undotted=False, content=one.content + b".\r\n..x\r\n.\r\n")
        for one in letters(2)
    ]
    known = Behaviour()
    with awkward(known) as where:
        delivered(server(where), dots)
    assert [content for _, _, content in known.kept] == [one.content for one in dots]
