"""Promises of delivery: everyone once, nobody forgotten, and no address where it does not belong."""

from __future__ import annotations

import mailbox
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.delivery.addresses import AddressError, normalised
from pipeline.delivery.edition import Mailed, due, edition, one_line
from pipeline.delivery.maildir import Maildir
from pipeline.delivery.message import example, message, message_id
from pipeline.delivery.transport import Outcome
from pipeline.errors import AuthorError, OutsideError
from pipeline.model import Email, Listing
from tests.editions import HTML, NOW, TEXT, frozen, listing, publication, readers


def parsed(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.fixture
def outbox(tmp_path: Path) -> Maildir:
    return Maildir(tmp_path / "outbox")


def received(folder: Path) -> Counter[str]:
    """Who got how many messages, as a mail program reads the Maildir."""
    box = mailbox.Maildir(folder, create=False)
    return Counter(str(one["To"]) for one in box)


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


def test_a_message_is_the_same_bytes_every_time_and_its_own_for_each_reader() -> None:
    first, again = message(frozen(), "ada@example.org"), message(frozen(), "ada@example.org")
    assert first == again
    assert message_id(frozen(), "ADA@example.org") == first.id
    ids = {
        message_id(one, to)
        for one in (frozen(), frozen(episode="guid-7"), frozen(mailing_list="friends"))
        for to in readers(3)
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
    messages = [message(frozen(), to) for to in readers(3)]
    assert list(outbox.deliver(messages)) == [Outcome("accepted")] * 3
    assert received(outbox.folder) == Counter(readers(3))
    assert not list((outbox.folder / "tmp").iterdir())


def test_a_message_delivered_again_is_there_once(outbox: Maildir) -> None:
    one = message(frozen(), "ada@example.org")
    list(outbox.deliver([one, one]))
    assert received(outbox.folder) == Counter(["ada@example.org"])


def test_a_message_that_was_read_is_not_delivered_again(outbox: Maildir) -> None:
    one = message(frozen(), "ada@example.org")
    list(outbox.deliver([one]))
    (file,) = (outbox.folder / "new").iterdir()
    file.rename(outbox.folder / "cur" / f"{file.name}:2,S")
    list(Maildir(outbox.folder).deliver([one]))
    assert received(outbox.folder) == Counter(["ada@example.org"])


def test_an_outbox_that_cannot_be_written_is_an_outside_failure(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file, not a folder")
    with pytest.raises(OutsideError, match="cannot be written"):
        Maildir(tmp_path / "outbox")


def test_asking_for_an_example_does_not_load_the_database() -> None:
    heavy = {"sqlalchemy", "fsspec", "lxml", "email_validator"}
    modules = "delivery.edition, pipeline.delivery.message, pipeline.deploy, pipeline.check"
    program = f"import pipeline.{modules}, sys; print(*{heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == []
