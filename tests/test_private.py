"""Promises of private feeds: one token a subscriber, which nobody guesses, and which ends when it is revoked."""

from __future__ import annotations

import json
from pathlib import Path

import feedparser
import pytest
from click.testing import CliRunner
from lxml import etree
from sqlalchemy import select

from pipeline.cli import main
from pipeline.delivery import forgetting, private
from pipeline.delivery.database import Database
from pipeline.delivery.tables import private_feeds
from pipeline.feeds.about import XHTML
from pipeline.feeds.private import NAMES
from pipeline.feeds.private import private as privately
from pipeline.feeds.xml import NAMESPACES
from tests.desks import SEASON, Desk, publication, texts
from tests.editions import NOW, subscribed
from tests.publications import SETTINGS, small

ADA, BOB = "ada@example.org", "bob@example.com"
ADDRESS = "https://letters.example/private/0123/podcast.xml"


def test_a_subscriber_s_token_is_theirs_alone_and_stays_the_same(ledger: Database) -> None:
    subscribed(ledger, [ADA, BOB])
    token = private.token(ledger, ADA, NOW)
    assert len(token) == 32
    assert private.token(ledger, ADA.upper(), NOW) == token
    assert private.token(ledger, BOB, NOW) != token
    ada, bob = (
        private.holder(ledger, token),
        private.holder(ledger, private.token(ledger, BOB, NOW)),
    )
    assert ada is not None and bob is not None and ada != bob


def test_nobody_else_has_a_token(ledger: Database) -> None:
    subscribed(ledger, [ADA])
    token = private.token(ledger, ADA, NOW)
    assert private.token(ledger, "eve@example.org", NOW) == ""
    for guess in ("", "0" * 32, token[:-1], token + "0", token.upper(), "é"):
        assert private.holder(ledger, guess) is None or guess == token


def test_a_token_is_revoked_and_the_next_one_is_another(ledger: Database) -> None:
    subscribed(ledger, [ADA])
    token = private.token(ledger, ADA, NOW)
    assert private.revoke(ledger, ADA, NOW)
    assert not private.revoke(ledger, ADA, NOW)
    assert private.holder(ledger, token) is None
    again = private.token(ledger, ADA, NOW)
    assert again != token
    assert private.holder(ledger, again) is not None
    assert private.count(ledger) == 1


def test_who_is_forgotten_has_no_private_feed(ledger: Database) -> None:
    subscribed(ledger, [ADA])
    token = private.token(ledger, ADA, NOW)
    forgetting.forget(ledger, ADA, NOW)
    assert private.holder(ledger, token) is None


def test_the_database_does_not_hold_the_token(ledger: Database) -> None:
    subscribed(ledger, [ADA])
    token = private.token(ledger, ADA, NOW)
    with ledger.transaction() as connection:
        rows = connection.execute(select(private_feeds)).all()
    assert rows
    assert token not in repr(rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_private_feed_names_itself_and_asks_not_to_be_listed(name: str, tmp_path: Path) -> None:
    made = Desk(tmp_path).feeds(publication(), SEASON)[name]
    found = privately(made, name, ADDRESS + "?a&b")
    assert b"hub.example" in made
    assert b"hub.example" not in found
    if name.endswith(".json"):
        assert json.loads(found)["feed_url"] == ADDRESS + "?a&b"
        assert json.loads(found)["items"] == json.loads(made)["items"]
        return
    root = etree.fromstring(found)
    (shown,) = root.iterfind(f".//{{{XHTML}}}code")
    assert shown.text == ADDRESS + "?a&b"
    assert root.find(f".//{{{XHTML}}}a") is None  # no button may subscribe them to the public feed
    (own,) = root.iterfind(".//atom:link[@rel='self']", NAMESPACES)
    assert own.get("href") == ADDRESS + "?a&b"
    looks = etree.XPath("preceding-sibling::processing-instruction()")(root)
    assert [one.get("href") for one in looks] == ["../../feed.css"]  # /private/TOKEN/ has none
    assert texts(root, ".//itunes:block") == ["Yes"]
    assert texts(root, ".//podcast:block") == ["yes"]
    ours, theirs = feedparser.parse(made), feedparser.parse(found)
    assert [one.id for one in theirs.entries] == [one.id for one in ours.entries]


def test_a_feed_without_entries_is_private_too(tmp_path: Path) -> None:
    for name in ("podcast.xml", "atom.xml"):
        found = privately(Desk(tmp_path).feeds(publication(), ())[name], name, ADDRESS)
        assert texts(etree.fromstring(found), ".//itunes:block") == ["Yes"]


def test_the_command_gives_the_addresses_and_takes_them_back(tmp_path: Path) -> None:
    def said(*words: str) -> tuple[int, str]:
        ran = CliRunner().invoke(main, ["subscribers", *words, "--root", str(tmp_path)])
        return ran.exit_code, ran.output

    small(tmp_path, SETTINGS + '\n[service]\nurl = "https://letters.example/"\n')
    said("add", ADA)
    code, told = said("feed", ADA)
    assert (code, told.count("https://letters.example/private/")) == (0, 4)
    assert said("feed", "eve@example.org")[0] == 1
    assert said("feed", ADA, "--revoke")[0] == 0
    assert said("feed", ADA)[1] != told


def test_without_a_service_there_is_no_private_feed(tmp_path: Path) -> None:
    small(tmp_path)
    ran = CliRunner().invoke(main, ["subscribers", "feed", ADA, "--root", str(tmp_path)])
    assert ran.exit_code == 1
    assert "[service] url" in ran.output
