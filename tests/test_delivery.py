"""Promises of delivery: everyone once, nobody forgotten, and no address where it does not belong."""

from __future__ import annotations

import mailbox
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.delivery.addresses import AddressError, key, normalised
from pipeline.delivery.edition import Edition, Mailed, due, edition, one_line
from pipeline.delivery.ledger import Added, Ledger
from pipeline.delivery.maildir import Maildir
from pipeline.delivery.message import Message, example, message, message_id
from pipeline.delivery.sender import mail, send, waiting
from pipeline.delivery.subscribers import export_csv, import_csv
from pipeline.delivery.transport import Outcome
from pipeline.errors import AuthorError, OutsideError, SimulcastError, TemplateError
from pipeline.model import Email, Listing, MailingList, Person, Podcast, Publication, Series

NOW = datetime(2026, 6, 3, 9, tzinfo=UTC)
HTML = (
    '<p>Grüße 🚀</p><p><a href="https://slot.invalid/unsubscribe_url">Leave</a> '
    "https://slot.invalid/list_title</p>"
)
TEXT = "Grüße 🚀\nFrom here on.\n.\nLeave https://slot.invalid/list_title: https://slot.invalid/unsubscribe_url"


def listing(number: int, **changes: object) -> Listing:
    values: dict[str, object] = {
        "number": number,
        "title": f"Episode {number}",
        "published": datetime(2026, 6, number, 8, tzinfo=UTC),
        "summary": "What happened",
        "slug": f"{number:02}-episode",
        "guid": f"guid-{number}",
    }
    return Listing(**(values | changes))  # type: ignore[arg-type]


def publication(seeds: tuple[str, ...] = (), **changes: object) -> Publication:
    values: dict[str, object] = {
        "title": "Ground Truth",
        "url": "https://ground.example/",
        "description": "News",
        "people": (Person("neal", "Neal"),),
        "series": Series("Ground Truth"),
        "podcast": Podcast("Neal", "neal@ground.example", "artwork/cover.png"),
        "email": Email("Ground Truth <post@ground.example>"),
        "lists": {"readers": MailingList("Readers & friends", seeds=seeds)},
    }
    return Publication(**(values | changes))  # type: ignore[arg-type]


def frozen(**changes: str) -> Edition:
    return replace(edition(publication(), "readers", listing(6), HTML, TEXT), **changes)  # type: ignore[arg-type]


def parts(_: Listing) -> tuple[str, str]:
    return HTML, TEXT


def parsed(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / ".simulcast" / "ledger.db") as found:
        yield found


@pytest.fixture
def outbox(tmp_path: Path) -> Maildir:
    return Maildir(tmp_path / "outbox")


def received(folder: Path) -> Counter[str]:
    """Who got how many messages, as a mail program reads the Maildir."""
    box = mailbox.Maildir(folder, create=False)
    return Counter(str(one["To"]) for one in box)


def there(folder: Path) -> int:
    """How many messages the Maildir holds that no mail program has seen."""
    new = folder / "new"
    return sum(1 for _ in new.iterdir()) if new.is_dir() else 0


def people(count: int) -> list[str]:
    return [f"reader{n:04}@example.org" for n in range(count)]


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "stands"),
    [
        ("  Ada@Example.ORG ", "Ada@example.org"),
        ("ada+list@example.org", "ada+list@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_written_one_way(written: str, stands: str) -> None:
    assert normalised(written) == stands


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada",
        "ada@",
        "ada@nowhere",
        "ada@exa mple.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada\x00@example.org",
        '"ada"evil@example.org',
        "адa@example.org",
        "ada@☃☃-.example",
        "a" * 65 + "@example.org",
        "ada@" + "x" * 250 + ".org",
    ],
)
def test_a_bad_address_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(AddressError) as refused:
        normalised(written)
    for part in filter(lambda part: len(part) > 2, written.replace("@", " ").split()):
        assert part not in str(refused.value)


# --- subscribers ----------------------------------------------------------------------------------


def test_an_address_in_another_case_is_the_same_subscriber(ledger: Ledger) -> None:
    assert ledger.add("readers", ["Ada@example.org", "ada@EXAMPLE.org"], NOW) == Added(added=1)
    assert ledger.add("readers", ["ADA@example.org"], NOW) == Added(already=1)
    assert [one.address for one in ledger.subscribers()] == ["ada@example.org"]


def test_who_left_stays_away_from_an_import_and_comes_back_when_asked(ledger: Ledger) -> None:
    ledger.add("readers", ["ada@example.org"], NOW)
    assert ledger.remove("readers", "ADA@example.org", NOW)
    assert not ledger.remove("readers", "ada@example.org", NOW)
    assert import_csv(ledger, "readers", "ada@example.org\n", NOW).subscribers == Added(left=1)
    assert ledger.audience("readers") == 0
    assert ledger.add("readers", ["ada@example.org"], NOW, again=True) == Added(added=1)
    assert ledger.audience("readers") == 1


def test_one_bad_address_adds_none(ledger: Ledger) -> None:
    with pytest.raises(AddressError):
        ledger.add("readers", ["ada@example.org", "nobody"], NOW)
    assert ledger.subscribers() == []


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org\nbob@example.org\n",
        "\ufeffName,E-Mail,Since\r\nAda,ada@example.org,2020\r\nBob,bob@example.org,2021\r\n",
        "email address;name\nada@example.org;Ada\n\nbob@example.org;Bob\n",
        'name\tEmail\n"Ada\nKing"\tada@example.org\nBob\tbob@example.org\n',
    ],
)
def test_a_csv_of_another_system_is_imported(ledger: Ledger, text: str) -> None:
    assert import_csv(ledger, "readers", text, NOW).subscribers == Added(added=2)
    assert [one.address for one in ledger.subscribers("readers")] == [
        "ada@example.org",
        "bob@example.org",
    ]


def test_refused_rows_are_reported_by_line_and_keep_no_other_out(ledger: Ledger) -> None:
    done = import_csv(ledger, "readers", "email,name\nada@example.org,A\nbob,B\n,C\nd\n", NOW)
    assert done.subscribers == Added(added=1)
    assert [line for line, _ in done.refused] == [3, 4, 5]
    assert all("bob" not in reason for _, reason in done.refused)


def test_a_csv_without_a_column_of_addresses_is_refused(ledger: Ledger) -> None:
    with pytest.raises(SimulcastError, match="2 columns and none is headed"):
        import_csv(ledger, "readers", "a,b\n1,2\n", NOW)


def test_an_export_can_be_imported(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add("readers", people(1_000), NOW)
    text = export_csv(ledger.subscribers())
    with Ledger.open(tmp_path / "other.db") as other:
        assert import_csv(other, "readers", text, NOW).subscribers == Added(added=1_000)
        assert export_csv(other.subscribers()) == text


def test_who_left_stays_off_through_an_export_and_an_import(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add("readers", people(3), NOW)
    ledger.remove("readers", people(3)[1], NOW)
    text = export_csv(ledger.subscribers())
    with Ledger.open(tmp_path / "other.db") as other:
        other.add("readers", people(2), NOW)
        assert import_csv(other, "readers", text, NOW).subscribers == Added(1, 1, 1)
        assert export_csv(other.subscribers()) == text
        assert import_csv(other, "readers", text, NOW).subscribers == Added(0, 2, 1)


def test_an_imported_state_is_kept_and_an_unknown_one_refused_by_line(ledger: Ledger) -> None:
    text = (
        "email,state\na@example.org,confirmed\nb@example.org,maybe\nc@example.org,\n"
        "d@example.org,unconfirmed\nd@example.org,Unsubscribed\ne@example.org,unconfirmed\n"
    )
    done = import_csv(ledger, "readers", text, NOW)
    assert [line for line, _ in done.refused] == [3]
    assert done.subscribers == Added(added=3, left=1)
    states = {one.address[0]: one.state for one in ledger.subscribers()}
    assert states == {
        "a": "confirmed",
        "c": "confirmed",
        "d": "unsubscribed",
        "e": "unconfirmed",
    }


def test_who_left_one_list_has_not_left_another(ledger: Ledger) -> None:
    ledger.add("readers", people(1), NOW)
    ledger.add("friends", people(1), NOW)
    ledger.remove("friends", people(1)[0], NOW)
    done = import_csv(ledger, "readers", export_csv(ledger.subscribers()), NOW)
    assert [line for line, _ in done.refused] == [2] and ledger.audience("readers") == 1


def test_an_import_takes_who_left_out_of_what_is_still_going_out(ledger: Ledger) -> None:
    ledger.add("readers", people(2), NOW)
    number = ledger.plan(frozen(), (), NOW)
    assert number
    import_csv(ledger, "readers", f"email,state\n{people(2)[0]},unsubscribed\n", NOW)
    assert (ledger.sums(number).skipped, ledger.sums(number).planned) == (1, 1)


def test_the_ledger_is_readable_by_its_owner_alone(ledger: Ledger, tmp_path: Path) -> None:
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / ".simulcast").iterdir()}
    assert modes == {0}


def test_a_ledger_of_a_later_version_is_refused(tmp_path: Path) -> None:
    Ledger.open(tmp_path / "ledger.db").close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("INSERT INTO versions VALUES (99)")
    connection.commit()
    connection.close()
    with pytest.raises(SimulcastError, match="version 99"):
        Ledger.open(tmp_path / "ledger.db")


def test_a_file_that_is_no_ledger_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"hello " * 500)
    with pytest.raises(SimulcastError, match=r"ledger\.db is broken"):
        Ledger.open(tmp_path / "ledger.db")


def test_a_ledger_survives_the_machine(ledger: Ledger) -> None:
    with ledger._transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


# --- what is due ----------------------------------------------------------------------------------


def mailed(*listings: Listing) -> list[Mailed]:
    return [Mailed(one.guid, one.published, one.number) for one in listings]


def test_a_new_list_gets_the_newest_episode_only() -> None:
    assert due([listing(2), listing(3), listing(1)], []) == [listing(3)]


def test_an_episode_that_is_not_to_be_mailed_is_not() -> None:
    silent = listing(3, mail=False)
    assert due([listing(1), listing(2), silent], []) == [listing(2)]
    assert due([listing(2), silent], mailed(listing(2))) == []


def test_all_that_came_after_the_last_one_mailed_are_due_oldest_first() -> None:
    episodes = [listing(n) for n in (5, 4, 3, 2, 1)]
    assert due(episodes, mailed(listing(3))) == [listing(4), listing(5)]


def test_an_older_episode_is_never_mailed_unasked() -> None:
    assert due([listing(1), listing(2), listing(3)], mailed(listing(3))) == []
    assert due([listing(1)], mailed(listing(3))) == []  # the one mailed was deleted since


def test_an_episode_with_a_new_date_or_slug_is_not_mailed_again() -> None:
    moved = listing(3, published=NOW + timedelta(days=9), slug="03-other")
    assert due([moved], mailed(listing(3))) == []


def test_two_episodes_of_one_moment_go_by_number() -> None:
    first, second = listing(3), listing(4, published=listing(3).published)
    assert due([second, first], mailed(first)) == [second]
    assert due([second, first], mailed(second)) == []


# --- the message ----------------------------------------------------------------------------------


def test_a_message_says_all_that_mail_programs_ask() -> None:
    made = parsed(message(frozen(reply_to="neal@ground.example"), "ada@example.org").content)
    assert made["From"] == "Ground Truth <post@ground.example>"
    assert made["To"] == "ada@example.org"
    assert made["Reply-To"] == "neal@ground.example"
    assert made["Subject"] == "Episode 6"
    assert made["Date"].datetime == listing(6).published
    assert made["Message-ID"] == message_id(frozen(), "ada@example.org")
    assert made["List-Id"] == "<readers.ground.example>"
    assert made["List-Unsubscribe"] == "<mailto:neal@ground.example?subject=unsubscribe%20readers>"
    assert made["Auto-Submitted"] is None
    assert [part.get_content_type() for part in made.iter_parts()] == ["text/plain", "text/html"]
    assert not made.defects


def test_slots_are_filled_in_both_parts_and_escaped_in_html() -> None:
    text, html = (part.get_content() for part in parsed(example(frozen())).iter_parts())
    url = "mailto:post@ground.example?subject=unsubscribe%20readers"
    assert f"Leave Readers & friends: {url}" in text
    assert f'<a href="{url}">' in html and "Readers &amp; friends" in html
    assert "slot.invalid" not in text + html


def test_an_unknown_slot_is_refused_before_anyone_is_planned(ledger: Ledger) -> None:
    ledger.add("readers", people(1), NOW)
    broken = ("<p>https://slot.invalid/unsubscribe</p>", "")
    with pytest.raises(TemplateError, match='"unsubscribe_url"'):
        mail(
            publication(),
            waiting(publication(), [listing(1)], ledger),
            lambda _: broken,
            ledger,
            Refusing(),
            NOW,
        )
    assert ledger.editions() == []


def test_a_message_is_the_same_bytes_every_time_and_its_own_for_each_reader() -> None:
    first, again = message(frozen(), "ada@example.org"), message(frozen(), "ada@example.org")
    assert first == again
    assert message_id(frozen(), "ADA@example.org") == first.id
    ids = {
        message_id(one, to)
        for one in (frozen(), frozen(episode="guid-7"), frozen(mailing_list="friends"))
        for to in people(3)
    }
    assert len(ids) == 9


def test_the_hour_of_the_author_is_kept() -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    one = edition(
        publication(),
        "readers",
        listing(6, published=datetime(2026, 6, 6, 8, tzinfo=there)),
        HTML,
        TEXT,
    )
    assert b"Date: Sat, 06 Jun 2026 08:00:00 +0530\r\n" in example(one)


@pytest.mark.parametrize(
    "title",
    [
        "Hello\r\nBcc: eve@example.org",
        "Hello\nBcc: eve@example.org",
        "Hello\u2028Bcc: eve@example.org",
        "Hello\x00\x1bBcc: eve@example.org",
    ],
)
def test_a_title_cannot_add_a_header(title: str) -> None:
    made = parsed(example(edition(publication(), "readers", listing(6, title=title), "", "")))
    assert made["Subject"] == "Hello Bcc: eve@example.org"
    assert made["Bcc"] is None


@pytest.mark.parametrize(
    "title",
    [
        "الحقيقة على الأرض: ما وراء عناوين الذكاء الاصطناعي اليوم وغدا",
        "🚀" * 80,
        "Plain " * 300 + "end",
        "=?utf-8?q?literally?= this",
        "a  b".replace("  ", " ü ") * 40,
    ],
)
def test_a_subject_in_any_script_and_of_any_length_arrives(title: str) -> None:
    made = example(edition(publication(), "readers", listing(6, title=title), "", ""))
    assert made.isascii() and max(map(len, made.split(b"\r\n"))) <= 998
    assert parsed(made)["Subject"] == title
    older = message_from_bytes(made, policy=policy.compat32)["Subject"]
    assert str(make_header(decode_header(older))) == title


def test_a_long_list_name_stays_a_link_that_programs_can_read() -> None:
    name = "-".join(["readers"] * 12)
    made = example(frozen(mailing_list=name))
    assert f"subject=unsubscribe%20{name}>\r\n".encode() in made
    assert f"List-Id: <{name}.ground.example>\r\n".encode() in made


def test_a_comma_in_the_senders_name_needs_no_quotes() -> None:
    made = parsed(example(frozen(sender="Truth, Ground & Söhne <post@ground.example>")))
    (one,) = made["From"].addresses
    assert (one.display_name, one.addr_spec) == (
        "Truth, Ground & Söhne",
        "post@ground.example",
    )


def test_a_bare_sender_is_named_after_the_list() -> None:
    made = parsed(example(frozen(sender="post@ground.example")))
    assert made["From"].addresses[0].display_name == "Readers & friends"


@pytest.mark.parametrize(
    ("email", "found"),
    [
        (None, r"no \[email\] table"),
        (Email("Ground Truth"), r"email\.sender"),
        (Email("post@ground.example", reply_to="nobody"), r"email\.reply_to"),
    ],
)
def test_a_publication_that_cannot_send_says_what_is_missing(
    email: Email | None, found: str
) -> None:
    with pytest.raises(AuthorError, match=rf"content/publication\.toml: .*{found}"):
        edition(publication(email=email), "readers", listing(6), HTML, TEXT)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@settings(max_examples=60, deadline=None)
@given(subject=WORDS, name=WORDS, body=WORDS)
def test_any_writing_arrives_as_it_was_written(subject: str, name: str, body: str) -> None:
    subject, name = one_line(subject), one_line(name.translate(str.maketrans("", "", '"\\<>')))
    made = example(
        frozen(subject=subject, sender=f"{name} <post@ground.example>", html=body, text=body)
    )
    assert made.isascii()
    assert max(map(len, made.split(b"\r\n"))) <= 998
    assert b"\n" not in made.replace(b"\r\n", b"")
    got = parsed(made)
    assert got["Subject"] == subject
    # An older parser, because the newer one puts a blank between the encoded words of a name.
    written = message_from_bytes(made, policy=policy.compat32)["From"]
    shown = str(make_header(decode_header(written))).rpartition("<")[0].strip(' "')
    assert shown == (name or "Readers & friends")
    for part in got.iter_parts():
        lines = body.replace("\r\n", "\n").replace("\r", "\n")
        assert part.get_content().replace("\r\n", "\n").rstrip("\n") == lines.rstrip("\n")


# --- the Maildir ----------------------------------------------------------------------------------


def test_a_mail_program_reads_the_outbox(outbox: Maildir) -> None:
    for to in people(3):
        assert outbox.deliver(message(frozen(), to)) == Outcome("accepted")
    assert received(outbox.folder) == Counter(people(3))
    assert not list((outbox.folder / "tmp").iterdir())


def test_a_message_delivered_again_is_there_once(outbox: Maildir) -> None:
    one = message(frozen(), "ada@example.org")
    outbox.deliver(one)
    outbox.deliver(one)
    assert received(outbox.folder) == Counter(["ada@example.org"])


def test_a_message_that_was_read_is_not_delivered_again(outbox: Maildir) -> None:
    one = message(frozen(), "ada@example.org")
    outbox.deliver(one)
    (file,) = (outbox.folder / "new").iterdir()
    file.rename(outbox.folder / "cur" / f"{file.name}:2,S")
    Maildir(outbox.folder).deliver(one)
    assert received(outbox.folder) == Counter(["ada@example.org"])


def test_an_outbox_that_cannot_be_written_is_an_outside_failure(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file, not a folder")
    with pytest.raises(OutsideError, match="cannot be written"):
        Maildir(tmp_path / "outbox")


# --- sending --------------------------------------------------------------------------------------


class Refusing:
    """A transport that answers as it is told to, in turn, and keeps what it was given."""

    batch = 3

    def __init__(self, *answers: Outcome | Exception, repeatable: bool = True) -> None:
        self.answers, self.repeatable = list(answers), repeatable
        self.given: list[Message] = []

    def deliver(self, message: Message) -> Outcome:
        self.given.append(message)
        answer = self.answers.pop(0) if self.answers else Outcome("accepted")
        if isinstance(answer, Exception):
            raise answer
        return answer


def planned(ledger: Ledger, count: int) -> int:
    ledger.add("readers", people(count), NOW)
    number = ledger.plan(frozen(), (), NOW)
    assert number is not None
    return number


def test_everyone_gets_the_edition_once_and_a_second_time_nobody(
    ledger: Ledger, outbox: Maildir
) -> None:
    ledger.add("readers", people(120), NOW)
    (sums,) = mail(
        publication(), waiting(publication(), [listing(6)], ledger), parts, ledger, outbox, NOW
    )
    assert (sums.audience, sums.accepted, sums.open, sums.hold) == (120, 120, 0, True)
    assert received(outbox.folder) == Counter(people(120))
    assert (
        mail(
            publication(), waiting(publication(), [listing(6)], ledger), parts, ledger, outbox, NOW
        )
        == []
    )
    assert received(outbox.folder) == Counter(people(120))


def test_seeds_get_the_edition_like_subscribers_and_are_none(
    ledger: Ledger, outbox: Maildir
) -> None:
    ledger.add("readers", ["ada@example.org"], NOW)
    ours = publication(seeds=("Me@ground.example", "ADA@example.org"))
    assert ledger.audience("readers", ours.lists["readers"].seeds) == 2
    (sums,) = mail(ours, waiting(ours, [listing(6)], ledger), parts, ledger, outbox, NOW)
    assert sums.accepted == 2
    assert received(outbox.folder) == Counter(["ada@example.org", "Me@ground.example"])
    assert [one.address for one in ledger.subscribers()] == ["ada@example.org"]


def test_a_bad_seed_is_named_by_its_place_only(ledger: Ledger) -> None:
    ours = publication(seeds=("me@ground.example", "nobody"))
    with pytest.raises(AuthorError, match=r"lists\.readers\.seeds, number 2") as refused:
        mail(ours, waiting(ours, [listing(6)], ledger), parts, ledger, Refusing(), NOW)
    assert "nobody" not in str(refused.value)


def test_an_edition_for_nobody_is_not_made(ledger: Ledger) -> None:
    assert (
        mail(
            publication(),
            waiting(publication(), [listing(6)], ledger),
            parts,
            ledger,
            Refusing(),
            NOW,
        )
        == []
    )
    assert waiting(publication(), [listing(6)], ledger) == [("readers", listing(6))]


def test_an_edition_is_frozen_with_its_audience(ledger: Ledger, outbox: Maildir) -> None:
    number = planned(ledger, 2)
    ledger.add("readers", ["late@example.org"], NOW)
    assert ledger.plan(frozen(html="another", subject="another"), (), NOW) == number
    assert ledger.edition(number) == frozen()
    assert send(ledger, number, outbox).accepted == 2
    assert received(outbox.folder) == Counter(people(2))


def test_each_list_gets_its_own_edition(ledger: Ledger, outbox: Maildir) -> None:
    two = publication(lists={"readers": MailingList("Readers"), "press": MailingList("Press")})
    ledger.add("readers", ["ada@example.org"], NOW)
    ledger.add("press", ["ada@example.org"], NOW)
    sums = mail(two, waiting(two, [listing(6)], ledger), parts, ledger, outbox, NOW)
    assert {one.mailing_list: one.accepted for one in sums} == {"readers": 1, "press": 1}
    assert received(outbox.folder) == Counter({"ada@example.org": 2})


def test_who_leaves_before_the_message_goes_out_is_skipped(ledger: Ledger, outbox: Maildir) -> None:
    number = planned(ledger, 2)
    ledger.remove("readers", people(2)[0], NOW)
    sums = send(ledger, number, outbox)
    assert (sums.skipped, sums.accepted, sums.hold) == (1, 1, True)
    assert received(outbox.folder) == Counter(people(2)[1:])


def test_each_answer_is_kept_and_only_what_is_open_is_tried_again(ledger: Ledger) -> None:
    number = planned(ledger, 5)
    answers = [Outcome("refused", "5.1.1"), Outcome("deferred", "4.2.2"), Outcome("unknown")]
    sums = send(ledger, number, Refusing(*answers))
    assert (sums.accepted, sums.refused, sums.deferred, sums.unknown) == (2, 1, 1, 1)
    assert sums.hold and ledger.unfinished() == [number]
    again = Refusing()
    sums = send(ledger, number, again)
    assert [one.recipient for one in again.given] == people(3)[1:]
    assert (sums.accepted, sums.refused, sums.open, ledger.unfinished()) == (4, 1, 0, [])


def test_an_unknown_message_waits_where_a_second_copy_is_possible(ledger: Ledger) -> None:
    number = planned(ledger, 3)
    send(ledger, number, Refusing(Outcome("unknown"), repeatable=False))
    held = Refusing(repeatable=False)
    assert send(ledger, number, held).unknown == 1
    assert held.given == []


def test_a_transport_that_fails_loses_nobody_and_repeats_nobody(ledger: Ledger) -> None:
    number = planned(ledger, 8)
    failing = Refusing(*[Outcome("accepted")] * 4, OutsideError("the disk is full"))
    with pytest.raises(OutsideError, match="disk is full"):
        send(ledger, number, failing)
    broken = ledger.sums(number)
    assert (broken.accepted, broken.sending, broken.planned, broken.hold) == (4, 1, 3, True)
    rest = Refusing()
    assert send(ledger, number, rest).accepted == 8
    assert [one.recipient for one in rest.given] == people(8)[4:]
    assert rest.given[0] == failing.given[-1]  # the same bytes, the same Message-ID


def test_a_row_is_sending_on_the_disk_before_its_message_is_handed_over(
    ledger: Ledger, tmp_path: Path
) -> None:
    class Watching(Refusing):
        def deliver(self, message: Message) -> Outcome:
            reader = sqlite3.connect(tmp_path / ".simulcast" / "ledger.db")
            query = "SELECT state FROM deliveries JOIN subscribers ON id = subscriber WHERE key = ?"
            states.append(reader.execute(query, (key(message.recipient),)).fetchone()[0])
            reader.close()
            return super().deliver(message)

    states: list[str] = []
    send(ledger, planned(ledger, 7), Watching())
    assert states == ["sending"] * 7


def test_only_the_latest_claim_settles_a_row(ledger: Ledger) -> None:
    number = planned(ledger, 1)
    how = {"after": 0, "batch": 9, "repeat": True}
    (slow,) = ledger.advance(number, (), **how)  # type: ignore[arg-type]
    ledger.recover(number)
    (fast,) = ledger.advance(number, (), **how)  # type: ignore[arg-type]
    ledger.advance(number, [(slow, Outcome("refused"))], **how)  # type: ignore[arg-type]
    ledger.release(number, [(fast, Outcome("accepted"))], [])
    assert ledger.sums(number).accepted == 1


def test_progress_counts_to_the_audience(ledger: Ledger, outbox: Maildir) -> None:
    told: list[tuple[float, float, str]] = []
    send(ledger, planned(ledger, 120), outbox, lambda *now: told.append(now))
    assert told == [(50, 120, "messages"), (100, 120, "messages"), (120, 120, "messages")]


def test_no_failure_of_the_ledger_shows_an_address(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.add("readers", people(1), NOW)
        with ledger._transaction() as connection:
            connection.exec_driver_sql("ALTER TABLE subscriptions RENAME TO elsewhere")
        with pytest.raises(SimulcastError) as failed:
            ledger.remove("readers", people(1)[0], NOW)
    assert people(1)[0] not in str(failed.value) + repr(failed.value.__cause__)


# --- kill -9 --------------------------------------------------------------------------------------

CHILD = """
import sys
from datetime import datetime
from pathlib import Path
from pipeline.delivery.ledger import Ledger
from pipeline.delivery.maildir import Maildir
from pipeline.delivery.sender import send
with Ledger.open(Path(sys.argv[1])) as ledger:
    for number in ledger.unfinished():
        send(ledger, number, Maildir(Path(sys.argv[2])))
"""


def run_until(count: int, ledger: Path, outbox: Path) -> int:
    """Send in a process of its own, killed once the outbox holds `count` messages; its exit code."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(ledger), str(outbox)])
    while child.poll() is None:
        if there(outbox) >= count:
            child.send_signal(signal.SIGKILL)
            break
    return child.wait()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_killed_at_any_moment_everyone_still_gets_the_edition_once(tmp_path: Path) -> None:
    file, outbox = tmp_path / "ledger.db", tmp_path / "outbox"
    with Ledger.open(file) as ledger:
        ledger.add("readers", people(200), NOW)
        number = ledger.plan(frozen(html=HTML * 50), (), NOW)
        assert number is not None
    for moment in sorted(random.Random(6).sample(range(1, 120), 5)):
        run_until(moment, file, outbox)
        with Ledger.open(file) as ledger:
            sums = ledger.sums(number)
            assert sums.hold
            assert sums.accepted <= there(outbox)
    assert sums.open, "the sender was never killed before it was done"
    assert run_until(1_000, file, outbox) == 0
    with Ledger.open(file) as ledger:
        sums = ledger.sums(number)
    assert (sums.audience, sums.accepted, sums.open) == (200, 200, 0)
    assert received(outbox) == Counter(people(200))


DYING = """
import os, signal, sys
from pathlib import Path
from pipeline.delivery.ledger import Ledger
from pipeline.delivery.maildir import Maildir
from pipeline.delivery.sender import send
class Dying(Maildir):
    def deliver(self, message):
        if sys.argv[3] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        super().deliver(message)
        os.kill(os.getpid(), signal.SIGKILL)
with Ledger.open(Path(sys.argv[1])) as ledger:
    send(ledger, ledger.unfinished()[0], Dying(Path(sys.argv[2])))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_message_caught_in_the_window_is_retried_and_there_once(
    tmp_path: Path, moment: str
) -> None:
    file, outbox = tmp_path / "ledger.db", tmp_path / "outbox"
    with Ledger.open(file) as ledger:
        number = planned(ledger, 2)
    killed = subprocess.run(
        [sys.executable, "-c", DYING, str(file), str(outbox), moment], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    with Ledger.open(file) as ledger:
        assert ledger.sums(number).sending == 2
        ledger.recover(number)
        assert ledger.sums(number).unknown == 2
        assert send(ledger, number, Maildir(outbox)).accepted == 2
    assert received(outbox) == Counter(people(2))


def test_asking_for_an_example_does_not_load_the_database() -> None:
    heavy = {"sqlalchemy", "fsspec", "lxml", "email_validator"}
    modules = "delivery.edition, pipeline.delivery.message, pipeline.deploy, pipeline.check"
    program = f"import pipeline.{modules}, sys; print(*{heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == []
