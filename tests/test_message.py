"""Promises of a message: what mail programs ask for, byte for byte the same, and signed so that judges agree."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.delivery.dkim import KEY, signers
from pipeline.delivery.edition import Edition, edition, one_line
from pipeline.delivery.message import Letters, Message, Recipient, example
from pipeline.delivery.tags import Tag, read, tag
from pipeline.errors import AuthorError, SimulcastError, TemplateError
from pipeline.model import Email
from tests.editions import HTML, TEXT, frozen, listing, publication
from tests.keys import ED25519, RSA, dns

SECRET = b"the ledger's"
ADA = Recipient(4821, "ada@example.org", "Ada Lovelace")


def made_of(one: Edition, to: Recipient = ADA, **how: object) -> Message:
    return Letters(one, 6, SECRET, **how).message(to)  # type: ignore[arg-type]


def parsed(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


# --- the message ----------------------------------------------------------------------------------


def test_a_message_says_all_that_mail_programs_ask() -> None:
    made = parsed(made_of(frozen(reply_to="neal@ground.example")).content)
    assert made["From"] == "Ground Truth <post@ground.example>"
    assert made["To"] == "Ada Lovelace <ada@example.org>"
    assert made["Reply-To"] == "neal@ground.example"
    assert made["Subject"] == "Episode 6"
    assert made["Date"].datetime == listing(6).published
    assert made["Message-ID"] == made_of(frozen()).id
    assert made["List-Id"] == "<readers.ground.example>"
    assert made["Feedback-ID"].startswith("06-episode:readers:edition:")
    assert made["Precedence"] == "bulk"
    assert made["Auto-Submitted"] is None
    assert [part.get_content_type() for part in made.iter_parts()] == ["text/plain", "text/html"]
    assert not made.defects


def test_slots_are_filled_in_both_parts_and_escaped_in_html() -> None:
    text, html = (part.get_content() for part in parsed(example(frozen())).iter_parts())
    url = parsed(example(frozen()))["List-Unsubscribe"].strip("<>")
    assert url.startswith("mailto:post@ground.example?subject=unsubscribe%20")
    assert f"Leave Readers & friends: {url}" in text
    assert f'<a href="{url}">' in html and "Readers &amp; friends" in html
    assert "slot.invalid" not in text + html


def test_a_message_is_the_same_bytes_every_time() -> None:
    assert made_of(frozen()) == made_of(frozen())
    assert made_of(frozen(), signers=(RSA, ED25519)) == made_of(frozen(), signers=(RSA, ED25519))


def test_a_message_id_is_of_edition_and_subscriber_and_of_our_secret() -> None:
    ids = {
        Letters(frozen(), number, secret).message(Recipient(subscriber, "ada@example.org")).id
        for number in (6, 7)
        for subscriber in (1, 2)
        for secret in (b"ours", b"theirs")
    }
    assert len(ids) == 8
    (moved,) = {made_of(frozen()).id, made_of(frozen(subject="Corrected"), ADA).id}
    assert read(SECRET, "delivery", moved) == Tag(6, 4821)


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


def test_a_long_list_name_stays_whole() -> None:
    name = "-".join(["readers"] * 12)
    assert f"List-Id: <{name}.ground.example>\r\n".encode() in example(frozen(mailing_list=name))


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


# --- signatures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written", [("<p>Hi</p>", "Hi"), (HTML, TEXT), ("  a\t b  \n\n\n", " .\n..\n" * 9)]
)
def test_dkimpy_believes_the_signature(written: tuple[str, str]) -> None:
    import dkim

    html, text = written
    for name in ("", "Ada  Lovelace", "Ådä " * 40, '"Ada", Countess <of> Lovelace'):
        to = Recipient(7, "ada@example.org", name)
        content = made_of(frozen(html=html, text=text), to, signers=(RSA,)).content
        assert dkim.DKIM(content).verify(dnsfunc=dns)
        assert not dkim.DKIM(content.replace(b"Subject: ", b"Subject: Re: ")).verify(dnsfunc=dns)


def test_what_a_receiver_asks_for_is_signed_and_cannot_be_added_a_second_time() -> None:
    links = ("https://l.example/unsubscribe/x", "https://l.example/preferences/x")
    made = parsed(made_of(frozen(), signers=(RSA,), links=lambda _: links).content)
    signed = made["DKIM-Signature"].replace(" ", "").partition("h=")[2].partition(";")[0].split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post", "message-id", "list-id"} <= set(signed)
    assert all(signed.count(name) == 2 for name in ("from", "to", "subject", "date"))
    assert made["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert made["List-Unsubscribe"].startswith(f"<{links[0]}>, <mailto:post@ground.example?")


def test_both_keys_sign_and_dkimpy_believes_each_signature_by_itself() -> None:
    import dkim

    content = made_of(frozen(), signers=(RSA, ED25519)).content
    kinds = [one.partition("a=")[2][:7] for one in parsed(content).get_all("DKIM-Signature")]
    assert kinds == ["rsa-sha", "ed25519"]
    for place in range(2):
        assert dkim.DKIM(content).verify(place, dnsfunc=dns)
        changed = content.replace(b"Subject: ", b"Subject: Re: ")
        assert not dkim.DKIM(changed).verify(place, dnsfunc=dns)


def pem(key: object) -> str:
    from cryptography.hazmat.primitives import serialization as how

    return key.private_bytes(  # type: ignore[attr-defined,no-any-return]
        how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption()
    ).decode()


def test_keys_come_from_the_environment_or_from_the_file_it_names(tmp_path: Path) -> None:
    both, selectors = pem(ED25519.key) + pem(RSA.key), {"rsa": "r1", "ed25519": "e1"}
    (tmp_path / "keys.pem").write_text(both)
    for written in (both, both.replace("\n", "\\n"), str(tmp_path / "keys.pem")):
        found = signers({KEY: written}, "ground.example", selectors)  # type: ignore[arg-type]
        assert [(one.kind, one.selector) for one in found] == [("rsa", "r1"), ("ed25519", "e1")]
        assert [one.record() for one in found] == [RSA.record(), ED25519.record()]
    assert signers({}, "ground.example", {}) == ()


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("/nowhere/secret-key.pem", "holds no private key"),
        ("secret", "holds no private key"),
        ("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----", "cannot be read"),
    ],
)
def test_a_wrong_key_is_named_by_its_variable_never_by_its_value(written: str, why: str) -> None:
    with pytest.raises(SimulcastError, match=f"SIMULCAST_DKIM_KEY.*{why}") as refused:
        signers({KEY: written}, "ground.example", {"rsa": "r1"})
    assert "secret" not in str(refused.value)


def test_a_key_without_a_selector_says_where_to_write_one() -> None:
    with pytest.raises(SimulcastError, match=r"\[email.dkim\] rsa ="):
        signers({KEY: pem(RSA.key)}, "ground.example", {})


# --- what varies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Ada\r\nBcc: eve@example.org", "Ada\x00\x1b[31m", "<script>", "=?utf-8?q?x?="]
)
def test_a_name_cannot_add_a_header_nor_a_tag(name: str) -> None:
    body = "Dear https://slot.invalid/name/reader/,\nyou"
    made = parsed(
        made_of(frozen(html=body, text=body), Recipient(1, "ada@example.org", name)).content
    )
    assert made["Bcc"] is None and not made.defects
    (to,) = made["To"].addresses
    assert (to.addr_spec, to.display_name) == ("ada@example.org", one_line(name))
    text, html = (part.get_content() for part in made.iter_parts())
    assert text.startswith(f"Dear {one_line(name)},\r\nyou") and "<script>" not in html


def test_who_has_no_value_gets_what_the_slot_falls_back_on() -> None:
    body = "Dear https://slot.invalid/name/d%C3%A9ar%20reader/ of https://slot.invalid/city/here/."
    text, _ = parsed(
        made_of(frozen(html="", text=body), Recipient(1, "a@example.org")).content
    ).iter_parts()
    assert text.get_content().strip() == "Dear déar reader of here."
    known = Recipient(1, "a@example.org", "Ada", {"city": "London"})
    text, _ = parsed(made_of(frozen(html="", text=body), known).content).iter_parts()
    assert text.get_content().strip() == "Dear Ada of London."


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\r\nRCPT TO:<eve@example.org>",
        "ada @example.org",
        "ada\x00@example.org",
        "<ada@example.org>",
        "ада@example.org",
        "",
    ],
)
def test_an_address_that_could_say_more_to_a_server_is_refused(address: str) -> None:
    letters = Letters(frozen(), 6, SECRET)
    assert "none that mail can be sent to" in letters.fault(Recipient(1, address))


@pytest.mark.parametrize("slot", ["unsubscribe", "city", "preferences_url"])
def test_a_slot_for_which_a_reader_has_no_value_is_refused_by_name(slot: str) -> None:
    with pytest.raises(TemplateError, match=f'"{slot}"'):
        example(frozen(text=f"https://slot.invalid/{slot}"))
    assert f'"{slot}"' in Letters(frozen(text=f"https://slot.invalid/{slot}"), 6, SECRET).fault(ADA)


def test_what_comes_back_comes_to_a_mailbox_of_that_message_alone() -> None:
    made = made_of(frozen(), bounces="bounces@ground.example")
    local, _, domain = made.return_path.partition("@")
    assert local.startswith("bounces+") and len(local) <= 64 and domain == "ground.example"
    assert read(SECRET, "delivery", local.upper()) == Tag(6, 4821)
    assert made_of(frozen()).return_path == "post@ground.example"


def test_a_tag_that_we_did_not_write_for_that_purpose_names_nobody() -> None:
    ours = tag(SECRET, "delivery", 6, 4821)
    assert read(SECRET, "leave", ours) is None and read(b"other", "delivery", ours) is None
    assert read(SECRET, "delivery", ours.replace("4821", "4822")) is None
