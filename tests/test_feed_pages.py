"""The archive of every feed: whole, without change once full, and as cheap at ten thousand as at a hundred."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from pipeline.feeds.xml import NAMESPACES
from pipeline.model import Feeds
from tests.desks import Desk, listing, publication

URL = "https://notes.example/"
OF = publication(feeds=Feeds(limit=3, hub="https://hub.example/"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def made(desk: Desk, count: int, **more: Any) -> dict[str, bytes]:
    of = replace(OF, podcast=replace(OF.podcast, limit=1))
    return desk.feeds(of, [listing(number) for number in range(1, count + 1)], **more)


def links(document: bytes) -> dict[str, str]:
    root = etree.fromstring(document)
    parent = root if root.tag.endswith("feed") else root[0]
    found = parent.iterfind("atom:link", NAMESPACES)
    return {one.get("rel"): one.get("href").removeprefix(URL) for one in found}


def followed(feeds: dict[str, bytes], name: str, rel: str) -> Iterator[str]:
    """The documents of a feed from the newest to the oldest, by their links."""
    path = name
    while path:
        yield path
        if name.endswith(".json"):
            path = json.loads(feeds[path]).get("next_url", "").removeprefix(URL)
        else:
            path = links(feeds[path]).get(rel, "")


def titles(feeds: dict[str, bytes], path: str) -> list[str]:
    if path.endswith(".json"):
        return [item["title"] for item in json.loads(feeds[path])["items"]]
    root = etree.fromstring(feeds[path])
    entries = root.iterfind("atom:entry/atom:title", NAMESPACES)
    return [one.text for one in (*root.iterfind("channel/item/title"), *entries)]


@pytest.mark.parametrize("rel", ["prev-archive", "next"])
@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "feed.json", "podcast.xml"])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 7, 11])
def test_who_follows_the_links_finds_every_episode(
    desk: Desk, name: str, rel: str, count: int
) -> None:
    feeds = made(desk, count)
    found = [title for path in followed(feeds, name, rel) for title in titles(feeds, path)]
    assert list(dict.fromkeys(found)) == [f"Moss {number}" for number in range(count, 0, -1)]


def test_a_page_is_full_and_says_where_the_newest_document_is(desk: Desk) -> None:
    feeds = made(desk, 8)
    assert titles(feeds, "feeds/2/rss.xml") == ["Moss 6", "Moss 5", "Moss 4"]
    assert links(feeds["feeds/2/rss.xml"]) == {
        "self": "feeds/2/rss.xml",
        "current": "rss.xml",
        "prev-archive": "feeds/1/rss.xml",
        "next": "feeds/1/rss.xml",
    }
    assert b'href="../../feed.css"' in feeds["feeds/2/atom.xml"]
    for name in ("rss.xml", "atom.xml"):
        assert b"<fh:archive/>" in feeds[f"feeds/2/{name}"]
        assert b"fh:archive" not in feeds[name]
    assert not [path for path in feeds if path.startswith("feeds/3/")]


def test_one_more_episode_touches_of_each_feed_its_newest_document_and_a_page_that_it_fills(
    desk: Desk,
) -> None:
    before = made(desk, 5)
    for count in range(6, 13):
        after = made(desk, count)
        touched = {path for path in after if after[path] != before.get(path)}
        page = {path for path in touched if path.startswith("feeds/")}
        assert touched - page == {"rss.xml", "atom.xml", "feed.json", "podcast.xml"}
        assert page == (
            {p for p in after if p.startswith(f"feeds/{count // 3}/")} if count % 3 == 0 else set()
        )
        of_one_feed = Counter(path.rpartition("/")[2] for path in touched)
        assert max(of_one_feed.values()) <= 2
        before = after


def test_an_old_episode_that_is_corrected_touches_its_own_page(desk: Desk) -> None:
    before = made(desk, 11)
    after = made(
        desk,
        11,
        html=lambda one: "<p>Corrected.</p>" if one.number == 2 else f"<p>All of {one.number}.</p>",
    )
    touched = {path for path in after if after[path] != before[path]}
    assert touched == {path for path in after if path.startswith("feeds/1/")}


def test_episodes_that_are_only_read_leave_the_podcast_whole(desk: Desk) -> None:
    silent = [f"{number:02}-moss" for number in (2, 3, 4, 5, 6, 9)]
    feeds = made(desk, 11, silent=silent)
    found = [t for path in followed(feeds, "podcast.xml", "next") for t in titles(feeds, path)]
    assert list(dict.fromkeys(found)) == [f"Moss {number}" for number in (11, 10, 8, 7, 1)]
