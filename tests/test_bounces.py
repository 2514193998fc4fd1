"""Promises about mail that comes back: who is gone is left alone, who is not stays, and the row says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import people
from pipeline.delivery.bounces import Understood, take_in, understood
from pipeline.delivery.database import Database
from pipeline.delivery.ledger import audience
from pipeline.delivery.ledger.sums import reasons, sums_of
from pipeline.delivery.message import Letters, Message, Recipient
from pipeline.delivery.sender import send
from pipeline.delivery.severity import severity
from pipeline.delivery.tags import Tag, tag
from pipeline.delivery.transport import Outcome
from tests.editions import NOW, Answering, dispatch, frozen, plan, planned, subscribed

REPORT = """\
From: MAILER-DAEMON@mx.example.org
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system. <ada@example.org>: no.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; ada@example.org
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}

--b
Content-Type: {returned}

{headers}

--b--
"""

COMPLAINT = """\
From: <abuse@provider.example>
To: {to}
Subject: FW: An episode
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <redacted>
Arrival-Date: Wed, 3 Jun 2026 08:00:00 GMT

--b
Content-Type: message/rfc822

{headers}

Hello

--b--
"""

OLD = """\
From: MAILER-DAEMON@old.example
To: {to}
Subject: failure notice

Hi. This is the qmail-send program at old.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.org>:
Sorry, no mailbox here by that name. (#{status})

--- Below this line is a copy of the message.

Return-Path: <{to}>
"""


def letter(book: Database, number: int, subscriber: int) -> Message:
    letters = Letters(frozen(), number, book.secret, bounces="bounces@ground.example")
    return letters.message(Recipient(subscriber, "ada@example.org"))


def report(
    to: str,
    status: str = "5.1.1",
    diagnostic: str = "",
    action: str = "failed",
    returned: str = "message/rfc822",
    headers: str = "Subject: An episode",
) -> bytes:
    values = {"to": to, "status": status, "diagnostic": diagnostic, "action": action}
    return REPORT.format(**values, returned=returned, headers=headers).encode()


@pytest.fixture
def sent(ledger: Database) -> tuple[Database, int, int]:
    """A ledger in which an edition was accepted for one subscriber: their numbers."""
    number = planned(ledger, 1)
    transport = Answering()
    send(ledger, number, dispatch(transport, ledger))
    name = transport.given[0].id.strip("<").split("-")
    return ledger, number, int(name[1])


Sent = tuple[Database, int, int]


def suppressed(book: Database) -> bool:
    return people.count(book, "readers") == 0


def test_nobody_there_is_hard_and_ends_all_mail_to_the_address(sent: Sent) -> None:
    book, number, subscriber = sent
    said = "smtp; 550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown"
    found = take_in(
        book, report(letter(book, number, subscriber).return_path, diagnostic=said), NOW
    )
    assert found.kind == "hard" and found.tag == Tag(number, subscriber)
    assert "User unknown" in found.reason and "@" not in found.reason
    assert suppressed(book)
    assert sums_of(book, number).refused == 1
    assert any("User unknown" in reason for reason in reasons(book, number))


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind"),
    [
        ("5.7.1", "smtp; 550 5.7.1 message looks like spam", "policy"),
        ("5.0.0", "smtp; 554 5.7.606 Access denied, banned sending IP", "policy"),
        ("5.1.1", "smtp; 550 5.7.26 This mail has been blocked: not authenticated", "policy"),
        ("5.2.2", "smtp; 552 5.2.2 mailbox is full", "soft"),
        ("4.4.7", "smtp; 451 4.4.7 delivery time expired", "soft"),
        ("5.0.0", "smtp; 550 no", "soft"),
        ("", "", "soft"),
    ],
)
def test_what_says_nothing_of_the_address_suppresses_nobody(
    sent: Sent, status: str, diagnostic: str, kind: str
) -> None:
    book, number, subscriber = sent
    back = report(letter(book, number, subscriber).return_path, status, diagnostic)
    for _ in range(9):
        assert take_in(book, back, NOW).kind == kind
    assert not suppressed(book)
    assert sums_of(book, number).refused == 1


def test_five_editions_in_a_row_that_came_back_softly_suppress_and_policy_is_not_counted(
    ledger: Database,
) -> None:
    subscribed(ledger, ["ada@example.org"])
    numbers = []
    for place in range(10):
        number = plan(ledger, frozen(episode=f"guid-{place}"), (), NOW)
        assert number is not None
        send(ledger, number, dispatch(Answering(), ledger))
        numbers.append(number)
    subscriber = audience.one(ledger, "ada@example.org")
    assert subscriber is not None
    for place, number in enumerate(numbers):
        status = "5.7.1" if place < 5 else "5.2.2"
        assert not suppressed(ledger), place
        back = letter(ledger, number, subscriber.subscriber).return_path
        take_in(ledger, report(back, status), NOW)
    assert suppressed(ledger)


@pytest.mark.parametrize(
    ("said", "mailed"),
    [
        ("550 5.1.1 …: no such user", False),
        ("550 5.7.1 listed", True),
        ("554 5.3.4 too large", True),
        ("550 no", True),
    ],
)
def test_who_is_not_there_in_the_session_is_mailed_no_more_and_who_is_turned_away_is(
    ledger: Database, said: str, mailed: bool
) -> None:
    number = planned(ledger, 1)
    send(ledger, number, dispatch(Answering(Outcome("refused", said)), ledger))
    assert reasons(ledger, number) == {said: 1}
    assert people.count(ledger, "readers") == mailed


def test_an_address_that_five_editions_in_a_row_refused_in_the_session_is_taken_for_dead(
    ledger: Database,
) -> None:
    subscribed(ledger, ["ada@example.org"])
    for which in range(5):
        assert people.count(ledger, "readers") == 1
        number = plan(ledger, frozen(episode=f"guid-{which}"), (), NOW)
        assert number is not None
        no = Outcome("refused", "552 5.2.2 full")
        send(ledger, number, dispatch(Answering(no), ledger))
    assert people.count(ledger, "readers") == 0


@pytest.mark.parametrize("action", ["delayed", "relayed", "delivered", "expanded"])
def test_a_message_that_is_on_its_way_has_not_come_back(sent: Sent, action: str) -> None:
    book, number, subscriber = sent
    back = report(letter(book, number, subscriber).return_path, "4.4.1", action=action)
    assert take_in(book, back, NOW).kind in ("delayed", "nothing")
    assert sums_of(book, number).accepted == 1 and not suppressed(book)


def test_without_a_mailbox_for_bounces_the_returned_message_says_which_it_was(sent: Sent) -> None:
    book, number, subscriber = sent
    headers = f"Message-ID: {letter(book, number, subscriber).id}"
    for returned in ("message/rfc822", "text/rfc822-headers"):
        back = report("post@ground.example", returned=returned, headers=headers)
        assert understood(book.secret, back).tag == Tag(number, subscriber)


def test_a_complaint_ends_all_mail_and_the_row_says_so(sent: Sent) -> None:
    book, number, subscriber = sent
    headers = f"Message-ID: {letter(book, number, subscriber).id}"
    for kind, meant in (("not-spam", "nothing"), ("abuse", "complaint")):
        assert not suppressed(book)
        one = COMPLAINT.format(to="fbl@ground.example", kind=kind, headers=headers).encode()
        assert take_in(book, one, NOW).kind == meant
    assert suppressed(book)
    assert sums_of(book, number).accepted == 1  # it did arrive


def test_the_bounces_of_older_servers_are_understood(sent: Sent) -> None:
    book, number, subscriber = sent
    to = letter(book, number, subscriber).return_path
    for status, kind in (("5.1.1", "hard"), ("5.7.1", "policy"), ("5.2.2", "soft")):
        found = understood(book.secret, OLD.format(to=to, status=status).encode())
        assert (found.kind, found.tag) == (kind, Tag(number, subscriber))


def test_the_mail_of_the_unsubscribe_link_takes_its_reader_off(sent: Sent) -> None:
    book, number, subscriber = sent
    link = letter(book, number, subscriber).content.partition(b"List-Unsubscribe: <")[2]
    subject = link.partition(b"?subject=")[2].partition(b">")[0].replace(b"%20", b" ")
    mail = b"From: someone@else.example\r\nTo: post@ground.example\r\nSubject: " + subject
    assert take_in(book, mail + b"\r\n\r\n", NOW).kind == "unsubscribe"
    assert people.count(book, "readers") == 0


def test_an_answer_that_quotes_the_message_takes_nobody_off(sent: Sent) -> None:
    book, number, subscriber = sent
    one = letter(book, number, subscriber)
    reply = "From: ada@example.org\r\nTo: post@ground.example\r\nSubject: Re: Episode 6\r\n"
    reply += f"In-Reply-To: {one.id}\r\n\r\n"
    assert take_in(book, reply.encode() + one.content, NOW) == Understood("nothing")
    away = f"To: {one.return_path}\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nAway."
    assert take_in(book, away.encode(), NOW) == Understood("nothing")
    assert not suppressed(book)


def test_a_forged_bounce_is_not_understood(sent: Sent) -> None:
    book, number, subscriber = sent
    forged = tag(b"not the secret", "delivery", number, subscriber)
    assert take_in(book, report(f"bounces+{forged}@ground.example"), NOW) == Understood("nothing")
    assert not suppressed(book)


@given(st.binary(max_size=600), st.sampled_from([REPORT, COMPLAINT, OLD]))
def test_nothing_that_arrives_breaks_the_intake(noise: bytes, shape: str) -> None:
    assert understood(b"secret", noise).tag is None
    half = shape.encode()[: len(noise) * 3]
    assert understood(b"secret", half + noise).tag is None


@pytest.mark.parametrize(
    ("status", "is_"),
    [
        ("550 5.1.1 x", "hard"),
        ("5.1.8", "soft"),
        ("550 5.7.1", "policy"),
        ("4.1.1", "soft"),
        ("127.5.1.1", "soft"),
    ],
)
def test_how_severe_a_status_is(status: str, is_: str) -> None:
    assert severity(status) == is_


def test_bounces_come_by_pipe_as_a_file_and_from_a_maildir_that_is_read_once(
    tmp_path: Path,
) -> None:
    from click.testing import CliRunner

    from pipeline.cli import main
    from tests.publications import small

    small(tmp_path)
    with Database.open(tmp_path / ".simulcast/ledger.db") as book:
        number = planned(book, 4)
        send(book, number, dispatch(Answering(), book))
        back = [letter(book, number, one).return_path for one in range(1, 5)]

    def bounces(*words: str, piped: bytes = b"") -> str:
        ran = CliRunner().invoke(main, ["bounces", "--root", str(tmp_path), *words], input=piped)
        assert ran.exit_code == 0
        return ran.output

    hard = "1 message read: 1 came back: nobody is there.\n"
    assert bounces("-", piped=report(back[0])) == hard
    (tmp_path / "one.eml").write_bytes(report(back[1]))
    assert bounces(str(tmp_path / "one.eml")) == hard
    (tmp_path / "back/new").mkdir(parents=True)
    (tmp_path / "back/new/1").write_bytes(report(back[2]))
    (tmp_path / "back/new/2").write_bytes(b"Subject: Win now\n\n")
    maildir = ("--maildir", str(tmp_path / "back"))
    two = "2 messages read: 1 came back: nobody is there, 1 not understood.\n"
    assert bounces(*maildir) == two
    assert sorted(one.name for one in (tmp_path / "back/cur").iterdir()) == ["1:2,S", "2:2,S"]
    assert bounces(*maildir) == "0 messages read.\n"
    with Database.open(tmp_path / ".simulcast/ledger.db") as book:
        assert people.count(book, "readers") == 1
