"""Real clients read our feeds from a real server: every entry, once, and nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import feedparser
import pytest

from pipeline.model import Listing
from pipeline.web.app import Alone, site
from tests.desks import MP3, SEASON, Desk, publication
from tests.peers import node_module, peer
from tests.served import Running, running

TITLES = {"Moss 2", "Moss 1", "What this is"}


@dataclass(frozen=True)
class Served:
    server: Running
    folder: Path

    def url(self, name: str) -> str:
        return f"{self.server.address}/{name}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A small site that names itself by the address it is really at."""
    folder = tmp_path_factory.mktemp("site")
    desk = Desk(tmp_path_factory.mktemp("desk"))
    with running(Alone(site(folder))) as server:
        of = publication(url=f"{server.address}/")
        season = [replace(one, atom_guid=f"{one.guid}#atom") for one in SEASON]
        for path, text in desk.feeds(of, season).items():
            _put(folder / path, text)
        for one in SEASON:
            _put(folder / "audio" / f"{one.slug}.mp3", MP3)
        yield Served(server, folder)


def _put(file: Path, text: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)


def ran(command: list[str | Path], home: Path, **more: str) -> str:
    """What a program says, in a home of its own."""
    environment = os.environ | {"HOME": str(home), "XDG_DATA_HOME": str(home)} | more
    found = subprocess.run(
        [str(word) for word in command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "podcast.xml"])
def test_feedparser_polls_a_second_time_for_nothing(served: Served, name: str) -> None:
    first = feedparser.parse(served.url(name))
    assert {one.title for one in first.entries} == TITLES
    again = feedparser.parse(served.url(name), etag=first.etag, modified=first.modified)
    assert again.status == 304
    assert again.entries == []


def test_a_download_that_broke_off_goes_on_where_it_was(served: Served) -> None:
    feed = feedparser.parse(served.url("podcast.xml"))
    (enclosure,) = feed.entries[0].enclosures
    path = enclosure.href.removeprefix(served.server.address)
    whole = served.server.ask(path)
    rest = served.server.ask(path, Range="bytes=1000-", If_Range=whole.headers["etag"])
    assert (whole.status, rest.status) == (200, 206)
    assert len(whole.body) == int(enclosure.length)
    assert whole.headers["content-type"] == enclosure.type
    assert whole.body[:1000] + rest.body == whole.body == MP3
    assert served.server.ask(path, If_None_Match=whole.headers["etag"]).status == 304


def test_newsboat_has_all_entries_of_all_feeds_at_once(served: Served, tmp_path: Path) -> None:
    (newsboat,) = peer("newsboat", "newsboat")
    urls, cache = tmp_path / "urls", tmp_path / "cache.db"
    names = ("rss.xml", "atom.xml", "podcast.xml")
    urls.write_text("".join(f"{served.url(name)}\n" for name in names))
    (tmp_path / "config").write_text("")
    files = ["-u", urls, "-c", cache, "-C", tmp_path / "config"]
    ran([newsboat, *files, "-x", "reload"], tmp_path)
    # An entry that two feeds have under one id would count once.
    unread = ran([newsboat, *files, "-x", "print-unread"], tmp_path)
    assert unread.split()[0] == str(len(names) * len(SEASON))
    ran([newsboat, *files, "-x", "reload"], tmp_path)
    assert ran([newsboat, *files, "-x", "print-unread"], tmp_path) == unread


def test_gpodder_lists_every_episode_and_finds_none_new_on_the_second_poll(
    served: Served, tmp_path: Path
) -> None:
    (gpo,) = peer("gPodder", "gpo")
    home = {"GPODDER_HOME": str(tmp_path / "gPodder")}
    ran([gpo, "subscribe", served.url("podcast.xml")], tmp_path, **home)
    told = ran([gpo, "episodes", served.url("podcast.xml")], tmp_path, **home)
    assert all(title in told for title in TITLES)
    again = ran([gpo, "update"], tmp_path, **home)
    assert not [title for title in TITLES if title in again]


PARTYTIME = """
const { parseFeed } = require("podcast-partytime");
const found = parseFeed(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify({
  titles: found.items.map((one) => one.title), guid: found.guid, locked: found.locked,
  phases: Object.keys(found.pc20support ?? {}),
  transcripts: found.items[0].podcastTranscripts?.length,
  chapters: found.items[0].podcastChapters?.url,
  size: found.items[0].enclosure.length,
}));
"""
RSS_PARSER = """
const Parser = require("rss-parser");
new Parser().parseString(require("fs").readFileSync(0, "utf8")).then((found) => console.log(
  JSON.stringify({ titles: found.items.map((one) => one.title), size: Number(found.items[0].enclosure?.length) })));
"""
FEEDSMITH = """
import("feedsmith").then(({ parseFeed }) => {
  const { feed } = parseFeed(require("fs").readFileSync(0, "utf8"));
  const items = feed.items ?? feed.entries;
  console.log(JSON.stringify({ titles: items.map((one) => one.title.value ?? one.title) }));
});
"""


def told(script: str, module: str, file: Path) -> dict[str, object]:
    (node,) = peer("Node", "node")
    beside = node_module(module).parent
    found = subprocess.run(
        [str(node), "-e", script],
        input=file.read_text(),
        env=os.environ | {"NODE_PATH": str(beside)},
        cwd=beside,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    answer: dict[str, object] = json.loads(found.stdout)
    return answer


def test_podcast_partytime_reads_the_podcast(served: Served) -> None:
    found = told(PARTYTIME, "podcast-partytime", served.folder / "podcast.xml")
    assert found["titles"] == _titles()
    assert found["transcripts"] == 4
    assert str(found["chapters"]).endswith("/02-moss/chapters.json")
    assert found["size"] == len(MP3)


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "podcast.xml"])
def test_rss_parser_reads_every_xml_feed(served: Served, name: str) -> None:
    assert told(RSS_PARSER, "rss-parser", served.folder / name)["titles"] == _titles()


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "podcast.xml", "feed.json"])
def test_feedsmith_reads_every_feed(served: Served, name: str) -> None:
    assert told(FEEDSMITH, "feedsmith", served.folder / name)["titles"] == _titles()


def _titles() -> list[str]:
    newest: tuple[Listing, ...] = SEASON[::-1]
    return [one.title for one in newest]
