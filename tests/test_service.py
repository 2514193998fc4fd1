"""The service for readers, from a real server: subscribe, confirm, choose, leave, and have feeds of one's own."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from pipeline.delivery import private
from pipeline.delivery.dkim import Signer
from pipeline.delivery.notices import signed
from tests.readers import (
    HOST,
    NOW,
    SILENT,
    URL,
    Letter,
    as_json,
    built,
    link,
    links,
    serving,
    text_of,
)

TWO = SILENT + '\n[lists.extras]\ntitle = "Extras"\nopt_in = "single"\n'


@pytest.fixture
def letter(tmp_path: Path) -> Iterator[Letter]:
    with serving(built(tmp_path, TWO)) as found:
        yield found


def confirmed(letter: Letter, address: str) -> None:
    letter.subscribe(address)
    letter.post(link(letter.mails(address)[-1], "confirm"))
    assert letter.state(address) == "confirmed"


def test_who_subscribes_is_asked_by_mail_whether_they_meant_it(letter: Letter) -> None:
    answer = letter.subscribe("ada@example.org", name="Ada")
    assert answer.status == 202
    assert b"Look into your mailbox" in answer.body
    assert letter.state("ada@example.org") == "unconfirmed"
    (message,) = letter.mails()
    assert (message["To"], message["Auto-Submitted"]) == ("ada@example.org", "auto-generated")
    assert message["Subject"] == "Please confirm: Small Letter by email"
    assert text_of(message).count(URL) == 1
    assert "slot.invalid" not in message.as_string()


def test_a_press_on_the_page_of_the_link_confirms(letter: Letter) -> None:
    letter.subscribe("ada@example.org")
    there = link(letter.mails()[0], "confirm")
    assert b"<button" in letter.get(there).body
    assert letter.state("ada@example.org") == "unconfirmed"
    assert b"You are on the list" in letter.post(there).body
    assert letter.state("ada@example.org") == "confirmed"


def test_what_was_consented_to_is_remembered(letter: Letter) -> None:
    letter.subscribe("ada@example.org")
    (one,) = as_json_known(letter, "ada@example.org")["subscriptions"]
    assert one["source"] == f"the form at {URL}subscribe"
    assert one["text"] == "Send me Small Letter by email"
    assert one["consented"] == letter.time["now"].isoformat()


def as_json_known(letter: Letter, address: str) -> dict[str, list[dict[str, str]]]:
    from pipeline.delivery.person import about

    return about(letter.book, address)


def test_a_program_subscribes_with_json(letter: Letter) -> None:
    body = json.dumps({"email": "ada@example.org"})
    answer = letter.served.ask(
        "/subscribe", "POST", body, Host=HOST, Content_Type="application/json"
    )
    assert (answer.status, as_json(answer)) == (202, {"status": "asked"})
    letter.served.told("'mail'")
    assert letter.state("ada@example.org") == "unconfirmed"
    wrong = letter.served.ask(
        "/subscribe", "POST", "{}", Host=HOST, Content_Type="application/json"
    )
    assert wrong.status == 400
    assert as_json(wrong)["error"] == "no_address"


def test_who_is_on_the_list_is_told_so_by_mail_alone(letter: Letter) -> None:
    confirmed(letter, "ada@example.org")
    letter.subscribe("ada@example.org")
    again = letter.mails()[-1]
    assert again["Subject"] == "You are on the list already: Small Letter by email"
    assert letter.get(link(again, "preferences")).status == 200


def test_a_list_with_single_opt_in_welcomes(letter: Letter) -> None:
    letter.subscribe("ada@example.org", list="extras")
    assert letter.state("ada@example.org", "extras") == "confirmed"
    assert letter.mails()[0]["Subject"] == "You are on the list: Extras"


def test_an_address_that_is_none_is_told_so_on_the_form(letter: Letter) -> None:
    for wrong in (
        "",
        "ada",
        "ada@",
        "ada@example..org",
        "@example.org",
        "a" * 300 + "@example.org",
    ):
        answer = letter.post("/subscribe", {"email": wrong})
        assert answer.status == 400
        assert b'role="alert"' in answer.body
    assert letter.post("/subscribe", {"email": "a@b.example", "list": "nobody"}).status == 400


def test_what_fills_in_a_field_that_nobody_sees_is_thanked_and_forgotten(letter: Letter) -> None:
    answer = letter.post(
        "/subscribe", {"email": "bot@example.org", "website": "https://spam.example"}
    )
    assert answer.status == 202
    letter.subscribe("ada@example.org")  # granted after it, had it been taken
    assert [one["To"] for one in letter.mails()] == ["ada@example.org"]


def test_one_click_leaves_the_list_without_a_page(letter: Letter) -> None:
    confirmed(letter, "ada@example.org")
    there = f"/unsubscribe/{letter.desk.tokens.token('unsubscribe', 1, 'readers')}"
    answer = letter.post(there, {"List-Unsubscribe": "One-Click"})
    assert answer.status == 200
    assert letter.state("ada@example.org") == "unsubscribed"
    many = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    again = letter.served.ask(
        there, "POST", many, Host=HOST, Content_Type="multipart/form-data; boundary=x"
    )
    assert again.status == 200


def test_preferences_are_seen_and_changed(letter: Letter) -> None:
    confirmed(letter, "ada@example.org")
    there = f"/preferences/{letter.desk.tokens.token('preferences', 1, 'readers')}"
    page = letter.get(there).body.decode()
    assert 'value="readers" checked=""' in page
    assert 'value="extras" checked' not in page
    saved = letter.post(there, {"do": "save", "list": ["extras"], "name": "Countess Ada"})
    assert 'value="extras" checked=""' in saved.body.decode()
    assert 'value="Countess Ada"' in saved.body.decode()
    assert letter.state("ada@example.org") == "unsubscribed"
    assert letter.state("ada@example.org", "extras") == "confirmed"


def test_a_reader_takes_with_them_all_that_is_known(letter: Letter) -> None:
    confirmed(letter, "ada@example.org")
    there = f"/preferences/{letter.desk.tokens.token('preferences', 1, 'readers')}"
    answer = letter.post(there, {"do": "export"})
    assert answer.headers["content-disposition"].startswith("attachment")
    known = as_json(answer)
    assert known["address"] == "ada@example.org"
    assert known["subscriptions"][0]["state"] == "confirmed"
    assert known.keys() >= {"name", "attributes", "deliveries", "private_feeds", "suppressed"}


def test_private_feeds_open_to_their_token_alone(letter: Letter) -> None:
    confirmed(letter, "ada@example.org")
    token = private.token(letter.book, "ada@example.org", NOW)
    for name in ("rss.xml", "podcast.xml", "atom.xml", "feed.json"):
        answer = letter.get(f"/private/{token}/{name}")
        assert answer.status == 200
        assert f"{URL}private/{token}/{name}".encode() in answer.body
        assert answer.headers["cache-control"].startswith("private")
        tag = answer.headers["etag"]
        assert letter.get(f"/private/{token}/{name}", If_None_Match=tag).status == 304
    private.revoke(letter.book, "ada@example.org", NOW)
    gone, made_up = letter.get(f"/private/{token}/rss.xml"), letter.get("/private/made-up/rss.xml")
    assert (gone.status, gone.body) == (made_up.status, made_up.body) == (404, made_up.body)
    assert letter.get(f"/private/{token}/index.html").status == 404


def test_the_site_lies_beside_it(letter: Letter) -> None:
    assert letter.get("/").status == 200
    assert letter.get("/subscribe/").status == 200
    assert URL in letter.get("/").headers["content-security-policy"]


def test_whether_all_is_well(letter: Letter) -> None:
    assert as_json(letter.get("/healthz")) == {"status": "ok"}
    letter.later(seconds=2)
    letter.book.engine.dispose()
    (letter.root / ".simulcast/ledger.db").write_bytes(b"no database at all" * 100)
    assert letter.get("/healthz").status == 503


def test_figures_are_for_who_names_the_secret(letter: Letter) -> None:
    letter.subscribe("ada@example.org")
    assert letter.get("/metrics").status == 404
    told = letter.get("/metrics", Authorization="Bearer a-metrics-secret").body.decode()
    assert 'simulcast_events_total{what="mail",how="confirm"} 1' in told
    assert 'simulcast_events_total{what="/subscribe",how="202"} 1' in told


def test_a_notice_is_signed_as_an_edition_is() -> None:
    key = rsa.generate_private_key(65537, 2048)
    signer = Signer("small.example", "s1", "rsa", key)
    head = b"From: post@small.example\r\nTo: ada@example.org\r\nSubject: a\r\n b\r\n\r\n"
    content = head + b"Words \t and  more\r\n\r\n\r\n"

    def record(name: bytes, **_: object) -> bytes:
        assert name == b"s1._domainkey.small.example."
        return signer.record().encode()

    whole = signed(content, [signer])
    assert whole.endswith(content)
    assert dkim.verify(whole, dnsfunc=record)
    assert not dkim.verify(whole.replace(b"Words", b"Other"), dnsfunc=record)


def test_every_link_of_a_notice_leads_somewhere(letter: Letter) -> None:
    letter.subscribe("ada@example.org")
    letter.subscribe("bob@example.org", list="extras")
    for message in letter.mails():
        assert links(message)
        assert {letter.get(one).status for one in links(message)} == {200}


def test_every_link_of_the_site_is_answered_by_the_service_too(letter: Letter) -> None:
    seen, ahead = set[str](), ["/"]
    while ahead:
        path = ahead.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = letter.get(path)
        assert answer.status == 200, path
        if answer.headers["content-type"].startswith("text/html"):
            found = re.findall(rb'(?:href|src)="([^"#]+)', answer.body)
            around = [urljoin(path, html.unescape(one.decode())) for one in found]
            ahead += [one for one in around if one.startswith("/") and not one.startswith("//")]
    assert {"/subscribe/index.html", "/subscribe/qr.svg", "/01-first/index.html"} <= seen
