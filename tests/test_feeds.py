"""The feeds: what a reader, a podcast app and a validator find in them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from html import unescape
from pathlib import Path

import feedparser
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from pipeline.errors import AuthorError, MediaError, StageError
from pipeline.feeds.about import XHTML
from pipeline.feeds.apple import category
from pipeline.feeds.apps import apps
from pipeline.feeds.entries import address, atom_id
from pipeline.feeds.fragments import read
from pipeline.feeds.notes import shortened
from pipeline.feeds.xml import NAMESPACES
from pipeline.model import Feeds, Person, Publication
from pipeline.stages.podcast import podcast
from tests.desks import (
    HOSTILE,
    MP3,
    SEASON,
    TEMPLATES,
    Desk,
    channel,
    listing,
    publication,
    sample,
    texts,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def test_article_feeds_hold_the_newest_entries_in_full_newest_first(desk: Desk) -> None:
    made = desk.feeds(publication(feeds=Feeds(limit=2)), SEASON)
    rss = channel(made["rss.xml"])
    assert texts(rss, "item/title") == ["Moss 2", "Moss 1"]
    assert texts(rss, "item/content:encoded") == ["<p>All of 2.</p>", "<p>All of 1.</p>"]
    atom = etree.fromstring(made["atom.xml"])
    assert texts(atom, "atom:entry/atom:title") == ["Moss 2", "Moss 1"]
    assert texts(atom, "atom:entry/atom:content") == ["<p>All of 2.</p>", "<p>All of 1.</p>"]
    items = json.loads(made["feed.json"])["items"]
    assert [(one["title"], one["content_html"]) for one in items] == [
        ("Moss 2", "<p>All of 2.</p>"),
        ("Moss 1", "<p>All of 1.</p>"),
    ]


def test_every_form_of_a_feed_encloses_the_audio_with_the_bytes_of_the_file(desk: Desk) -> None:
    made = desk.feeds(publication(), SEASON)
    url = "https://notes.example/audio/02-moss.mp3"
    for name in ("rss.xml", "podcast.xml"):
        assert dict(channel(made[name]).find("item/enclosure").attrib) == {
            "url": url,
            "length": str(len(MP3)),
            "type": "audio/mpeg",
        }
    links = etree.fromstring(made["atom.xml"]).find("atom:entry", NAMESPACES)
    assert [dict(one.attrib) for one in links.findall("atom:link", NAMESPACES)] == [
        {"href": "https://notes.example/02-moss/", "rel": "alternate", "type": "text/html"},
        {"href": url, "rel": "enclosure", "type": "audio/mpeg", "length": str(len(MP3))},
    ]
    assert json.loads(made["feed.json"])["items"][0]["attachments"] == [
        {
            "url": url,
            "mime_type": "audio/mpeg",
            "size_in_bytes": len(MP3),
            "duration_in_seconds": 755,
        }
    ]


def test_an_episode_without_audio_is_read_and_not_heard(desk: Desk) -> None:
    made = desk.feeds(publication(), SEASON, silent=["02-moss"])
    rss = channel(made["rss.xml"])
    silent = rss.find("item")
    assert silent.find("title").text == "Moss 2"
    assert silent.find("enclosure") is None
    assert "attachments" not in json.loads(made["feed.json"])["items"][0]
    assert texts(channel(made["podcast.xml"]), "item/title") == ["Moss 1", "What this is"]


def test_a_guid_is_no_address_and_differs_between_articles_and_podcast(desk: Desk) -> None:
    made = desk.feeds(publication(), SEASON)
    for name, guids in (
        ("rss.xml", [one.guid for one in reversed(SEASON)]),
        ("podcast.xml", [one.podcast_guid for one in reversed(SEASON)]),
    ):
        found = channel(made[name]).findall("item/guid")
        assert [one.text for one in found] == guids
        assert {one.get("isPermaLink") for one in found} == {"false"}


def test_a_guid_from_elsewhere_stays_and_atom_gets_an_iri(desk: Desk) -> None:
    imported = (listing(1, guid="Buzz 4711"), listing(2, guid="tag:blogger.com,1999:post-7"))
    made = desk.feeds(publication(), imported)
    assert texts(channel(made["rss.xml"]), "item/guid") == [
        "tag:blogger.com,1999:post-7",
        "Buzz 4711",
    ]
    ids = texts(etree.fromstring(made["atom.xml"]), "atom:entry/atom:id")
    assert ids == ["tag:blogger.com,1999:post-7", atom_id("Buzz 4711")]
    assert ids[1].startswith("urn:uuid:")


def test_a_feed_was_changed_when_its_newest_entry_was(desk: Desk) -> None:
    made = desk.feeds(publication(), SEASON)
    change = SEASON[2].updated
    for name in ("rss.xml", "podcast.xml"):
        built = channel(made[name]).find("lastBuildDate").text
        assert parsedate_to_datetime(built) == change
        published = [parsedate_to_datetime(w) for w in texts(channel(made[name]), "item/pubDate")]
        assert published == [one.published for one in reversed(SEASON)]
    atom = etree.fromstring(made["atom.xml"])
    assert [datetime.fromisoformat(w) for w in texts(atom, "atom:updated")] == [change]
    assert [datetime.fromisoformat(w) for w in texts(atom, "atom:entry/atom:updated")] == [
        one.changed for one in reversed(SEASON)
    ]
    assert texts(channel(made["rss.xml"]), "item/atom:updated") == ["2024-06-10T08:00:00+00:00"]
    newest = json.loads(made["feed.json"])["items"][0]
    assert datetime.fromisoformat(newest["date_modified"]) == change


def test_a_feed_names_itself_its_site_its_hub_and_its_stylesheet(desk: Desk) -> None:
    made = desk.feeds(publication(), SEASON)
    for name in ("rss.xml", "podcast.xml"):
        head = channel(made[name])
        assert head.find("link").text == "https://notes.example/"
        links = {one.get("rel"): one.get("href") for one in head.findall("atom:link", NAMESPACES)}
        assert links == {"self": f"https://notes.example/{name}", "hub": "https://hub.example/"}
    links = {
        one.get("rel"): one.get("href")
        for one in etree.fromstring(made["atom.xml"]).findall("atom:link", NAMESPACES)
    }
    assert links == {
        "self": "https://notes.example/atom.xml",
        "hub": "https://hub.example/",
        "alternate": "https://notes.example/",
    }
    assert json.loads(made["feed.json"])["hubs"] == [
        {"type": "WebSub", "url": "https://hub.example/"}
    ]
    for name in ("rss.xml", "atom.xml", "podcast.xml"):
        assert b'<?xml-stylesheet type="text/css" href="feed.css"?>' in made[name]


def test_who_opens_a_feed_in_a_browser_is_told_what_it_is_and_how_to_subscribe(desk: Desk) -> None:
    made = desk.feeds(publication(feeds=Feeds(limit=1)), SEASON)
    ways = ["https://notes.example/", "https://notes.example/subscribe/"]
    opens = [one.url for one in apps("https://notes.example/podcast.xml")]
    for name, links in (("podcast.xml", [*opens, *ways]), ("rss.xml", ways), ("atom.xml", ways)):
        root = etree.fromstring(made[name])
        (shown,) = root.iterfind(f".//{{{XHTML}}}div")
        assert [one.get("href") for one in shown.iter(f"{{{XHTML}}}a")] == links
        assert [one.text for one in shown.iter(f"{{{XHTML}}}code")] == [
            f"https://notes.example/{name}"
        ]
        assert "".join(shown.itertext()).startswith("This is a feed.")
        assert (
            XHTML.encode() not in made[f"feeds/1/{name}"]
        )  # nobody is led to a page of the archive


def test_every_author_is_named(desk: Desk) -> None:
    made = desk.feeds(publication(), SEASON[1:2])
    both = ["Ada Moss", "Bo Fern"]
    for name in ("rss.xml", "podcast.xml"):
        assert texts(channel(made[name]), "item/dc:creator") == both
    assert texts(etree.fromstring(made["atom.xml"]), "atom:entry/atom:author/atom:name") == both
    assert [one["name"] for one in json.loads(made["feed.json"])["items"][0]["authors"]] == both
    persons = channel(made["podcast.xml"]).findall("item/podcast:person", NAMESPACES)
    assert [(one.text, one.get("role"), one.get("href")) for one in persons] == [
        ("Ada Moss", "host", "https://ada.example/"),
        ("Bo Fern", "host", None),
    ]


def test_the_podcast_has_what_directories_ask_for(desk: Desk) -> None:
    show = channel(desk.feeds(publication(), SEASON)["podcast.xml"])
    assert texts(show, "itunes:author") == ["Ada Moss, Bo Fern"]
    assert texts(show, "itunes:owner/itunes:email") == ["ada@notes.example"]
    assert texts(show, "itunes:explicit") == ["false"]
    assert texts(show, "itunes:type") == ["episodic"]
    image = show.find("itunes:image", NAMESPACES)
    assert image.get("href") == "https://notes.example/artwork/cover.png"
    first, second = show.findall("itunes:category", NAMESPACES)
    assert (first.get("text"), first[0].get("text")) == ("News", "Tech News")
    assert (second.get("text"), len(second)) == ("Health & Fitness", 0)
    assert texts(show, "podcast:license") == ["cc-by-4.0"]
    assert texts(show, "podcast:medium") == ["podcast"]
    locked = show.find("podcast:locked", NAMESPACES)
    assert (locked.text, locked.get("owner")) == ("yes", "ada@notes.example")
    assert show.find("itunes:block", NAMESPACES) is None


def test_a_podcast_episode_says_what_it_is(desk: Desk) -> None:
    second, first, trailer = channel(desk.feeds(publication(), SEASON)["podcast.xml"]).findall(
        "item"
    )
    assert texts(second, "itunes:duration") == ["755"]
    assert texts(second, "itunes:episode") == texts(second, "podcast:episode") == ["2"]
    assert texts(second, "itunes:season") == []
    assert texts(first, "itunes:season") == texts(first, "podcast:season") == ["2"]
    assert [texts(one, "itunes:explicit") for one in (second, first)] == [["false"], ["true"]]
    assert texts(trailer, "itunes:episodeType") == ["trailer"]
    assert texts(trailer, "itunes:episode") == []  # there is no episode 0


def test_the_trailer_is_named_in_the_channel(desk: Desk) -> None:
    show = channel(desk.feeds(publication(), SEASON)["podcast.xml"])
    (trailer,) = show.findall("podcast:trailer", NAMESPACES)
    assert trailer.text == "What this is"
    assert trailer.get("url") == "https://notes.example/audio/00-trailer.mp3"
    assert trailer.get("length") == str(len(MP3))
    assert parsedate_to_datetime(trailer.get("pubdate")) == SEASON[0].published


def test_transcripts_chapters_and_card_are_linked_where_they_exist(desk: Desk) -> None:
    item = channel(desk.feeds(publication(), SEASON)["podcast.xml"]).find("item")
    found = item.findall("podcast:transcript", NAMESPACES)
    assert {one.get("type"): one.get("url").rpartition(".")[2] for one in found} == {
        "text/vtt": "vtt",
        "application/x-subrip": "srt",
        "application/json": "json",
        "text/html": "html",
    }
    chapters = item.find("podcast:chapters", NAMESPACES)
    assert chapters.get("url") == "https://notes.example/02-moss/chapters.json"
    assert item.find("podcast:image", NAMESPACES).get("href").endswith("/02-moss/card.png")

    bare = desk.fragment(publication(), SEASON[2], "<p>All.</p>", spoken=False)
    text = b"".join(read(bare).podcast)
    assert b"podcast:person" in text
    assert b"podcast:transcript" not in text
    assert b"podcast:chapters" not in text


def test_chapters_stand_in_the_description_where_apps_read_them_there(desk: Desk) -> None:
    made = desk.feeds(publication(), SEASON)
    description = channel(made["podcast.xml"]).find("item/description").text
    assert "<p>00:00:00 One<br>00:01:01 Two &amp; three<br>01:01:40 End</p>" in description
    for too_few in (((0, "One"), (9, "Two")), ((5, "Late"), (9, "Two"), (12, "Three"))):
        made = desk.feeds(publication(), SEASON, marks=too_few)
        assert b"00:00:09" not in made["podcast.xml"]


def test_a_synthetic_voice_is_announced_and_an_author_s_own_is_not(desk: Desk) -> None:
    one = SEASON[1]
    for source, told in (("narration", True), ("recording", False)):
        audio = desk.audio(one, source=source)
        made = {one.slug: desk.fragment(publication(), one, "<p>All.</p>", audio=audio)}
        (feed,) = podcast.function(publication(), (one,), made, desk.files, TEMPLATES)
        item = channel(feed.content).find("item")
        for name in ("description", "content:encoded"):
            assert ("Read by a synthetic voice." in texts(item, name)[0]) is told
        assert bool(texts(item, "podcast:txt[@purpose='ai-content']")) is told


def test_long_texts_are_cut_to_what_directories_take(desk: Desk) -> None:
    long = "So & so <on> ünd… " * 6000
    one = listing(1, title=long, summary=long, subtitle=long)
    marks = tuple((n, f"Chapter {n} {'x' * 90}") for n in range(200))
    show = channel(desk.feeds(publication(description=long), [one], marks=marks)["podcast.xml"])
    for path, limit in (
        ("description", 4000),
        ("item/description", 4000),
        ("item/itunes:summary", 4000),
        ("item/itunes:subtitle", 255),
    ):
        (words,) = texts(show, path)
        assert limit * 0.8 < len(words.encode()) <= limit
        assert "…" in words
    assert texts(show, "item/title") == [long]


def test_shortening_keeps_whole_words() -> None:
    assert shortened("one two", 7) == "one two"
    assert shortened("one two three", 11) == "one two…"
    assert shortened("x" * 50, 10) == "x" * 7 + "…"
    assert shortened("x", 0) == "…"


def test_the_show_s_guid_follows_the_specification_until_it_is_published(desk: Desk) -> None:
    def guid(of: Publication) -> list[str]:
        return texts(channel(desk.feeds(of, ())["podcast.xml"]), "podcast:guid")

    assert guid(publication(url="https://mp3s.example/")) == guid(
        publication(url="http://mp3s.example/")
    )
    fixed = "917393e3-1b1e-5cef-ace4-edaa54e1f810"
    assert guid(publication(podcast_guid=fixed)) == [fixed]


def test_addresses_are_ascii() -> None:
    assert address("https://bücher.example/ä b/?q=ü#é") == (
        "https://xn--bcher-kva.example/%C3%A4%20b/?q=%C3%BC#%C3%A9"
    )
    assert address("https://a.example/%C3%A4") == "https://a.example/%C3%A4"


@pytest.mark.parametrize("data", [b"", b"RIFF....WAVE", b"<html>"])
def test_audio_that_is_no_mp3_is_refused_before_a_feed_is_made(desk: Desk, data: bytes) -> None:
    one = SEASON[1]
    with pytest.raises(MediaError, match=r"site/audio/01-moss\.mp3: .* no MP3"):
        desk.fragment(publication(), one, "<p>All.</p>", audio=desk.audio(one, data))


def test_audio_of_another_size_than_its_facts_is_refused(desk: Desk) -> None:
    one = SEASON[1]
    with pytest.raises(MediaError, match=r"20010 bytes, but its facts say 7"):
        desk.fragment(publication(), one, "<p>All.</p>", audio=desk.audio(one, size=7))


def test_artwork_without_pixels_is_refused(desk: Desk) -> None:
    drawn = replace(publication().podcast, artwork="content/artwork/cover.svg")
    with pytest.raises(MediaError, match=r"cover\.svg is a drawing; .* PNG or JPEG"):
        list(podcast.function(publication(podcast=drawn), (), {}, Path, TEMPLATES))


def test_a_person_s_portrait_is_where_the_site_puts_it(desk: Desk) -> None:
    people = (Person("ada", "Ada Moss", image="content/ada.JPG"),)
    show = channel(desk.feeds(publication(people=people), SEASON)["podcast.xml"])
    person = show.find("podcast:person", NAMESPACES)
    assert person.get("img") == "https://notes.example/people/ada.JPG"


def test_a_category_that_apple_does_not_know_is_refused_with_the_likeliest() -> None:
    with pytest.raises(AuthorError, match=r'"Tec News".*did you mean "Tech News"'):
        category("News > Tec News")
    with pytest.raises(AuthorError, match=r"content/publication\.toml.*Technology"):
        category("Tecnology")


def test_a_control_character_makes_no_feed(desk: Desk) -> None:
    with pytest.raises(StageError, match=r"01-moss cannot be written as XML"):
        desk.feeds(publication(), [listing(1, title="a\x0bb")])


def test_hostile_text_arrives_as_it_was_written(desk: Desk) -> None:
    one = listing(1, title=HOSTILE, summary=HOSTILE, subtitle=HOSTILE, keywords=(HOSTILE,))
    made = desk.feeds(
        publication(title=HOSTILE, description=HOSTILE), [one], html=lambda _: HOSTILE
    )
    for name in ("rss.xml", "podcast.xml"):
        head = channel(made[name])
        for path in ("title", "description", "item/title", "item/category"):
            assert texts(head, path) == [HOSTILE]
    rss = channel(made["rss.xml"])
    assert texts(rss, "item/content:encoded") == [HOSTILE]
    assert unescape(texts(rss, "item/description")[0]) == HOSTILE
    entry = etree.fromstring(made["atom.xml"]).find("atom:entry", NAMESPACES)
    assert texts(entry, "atom:title") == texts(entry, "atom:summary") == [HOSTILE]
    assert texts(channel(made["podcast.xml"]), "item/itunes:title") == [HOSTILE]
    assert json.loads(made["feed.json"])["items"][0]["title"] == HOSTILE


WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"),
    min_size=1,
).filter(str.strip)
TEXTS = st.one_of(WORDS, st.sampled_from([HOSTILE, "<x", "&lt;", "]]>", "<![CDATA[", "<!--", "&"]))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(title=TEXTS, words=TEXTS, html=TEXTS, name=TEXTS)
def test_any_text_makes_well_formed_feeds_that_say_it(
    desk: Desk, title: str, words: str, html: str, name: str
) -> None:
    one = listing(1, title=title, summary=words, subtitle=words, keywords=(words,))
    by = (Person("ada", name),)
    made = desk.feeds(publication(people=by), [one], html=lambda _: html, marks=((0, title),) * 3)
    rss, show = channel(made["rss.xml"]), channel(made["podcast.xml"])
    assert texts(rss, "item/title") == texts(show, "item/itunes:title") == [title]
    assert texts(rss, "item/content:encoded") == [html]
    assert texts(rss, "item/dc:creator") == [name]
    assert texts(rss, "item/category") == [words.strip()]
    atom = etree.fromstring(made["atom.xml"])
    assert texts(atom, "atom:entry/atom:content") == [html]
    assert texts(atom, "atom:entry/atom:summary") == [words]
    assert json.loads(made["feed.json"])["items"][0]["summary"] == words


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "podcast.xml"])
def test_feedparser_reads_every_xml_feed(desk: Desk, name: str) -> None:
    made = desk.feeds(publication(), SEASON)
    found = feedparser.parse(io.BytesIO(made[name]))
    assert not found.bozo
    assert found.feed.title == "Field Notes"
    assert [one.title for one in found.entries] == ["Moss 2", "Moss 1", "What this is"]
    newest = found.entries[0]
    assert newest.link == "https://notes.example/02-moss/"
    assert "<p>All of 2.</p>" in newest.content[0].value
    assert int(newest.enclosures[0].length) == len(MP3)


def test_the_same_episodes_make_the_same_bytes_anywhere(desk: Desk, tmp_path: Path) -> None:
    here = {name: hashlib.sha256(data).hexdigest() for name, data in sample(desk).items()}
    code = (
        "import hashlib, json, sys, pathlib, tests.desks as t;"
        "made = t.sample(t.Desk(pathlib.Path(sys.argv[1])));"
        "print(json.dumps({n: hashlib.sha256(d).hexdigest() for n, d in made.items()}))"
    )
    elsewhere = os.environ | {
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "tr_TR.UTF-8",
    }
    there = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=elsewhere,
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(there.stdout) == here
