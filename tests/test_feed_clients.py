"""Real clients read what `simulcast serve` gives of a real build: every entry, once, and nothing twice."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree

from pipeline.feeds.xml import NAMESPACES
from tests import podcasting2
from tests.peers import node_module, peer
from tests.publications import BODY, SETTINGS, front_matter, small
from tests.served import Events, Running

SIMULCAST = [sys.executable, "-c", "from pipeline.cli import main; main()"]
TITLES = ["Second", "First", "What this is"]
BITE = '[This is worth sharing, and long enough to be heard as well.]{.soundbite title="Worth sharing"}'
FULL = SETTINGS.replace(
    "[narration]", '[audio]\nalternates = ["opus", "aac"]\n\n[narration]'
).replace('url = "https://small.example/"', 'url = "{url}"')
ADA = "ada@example.org"
FUTURE = "Zukunftsmusik"
"""An episode whose time comes after all others were built."""


@dataclass(frozen=True)
class Served:
    """A publication, and where the command serves it; `log` is what it says on standard error."""

    root: Path
    server: Running
    log: Path

    @property
    def site(self) -> Path:
        return self.root / "build" / "site"

    def url(self, name: str) -> str:
        return f"{self.server.address}/{name}"


def simulcast(root: Path, *words: str, now: str = "2026-06-01T00:00:00Z") -> str:
    command = [*SIMULCAST, *words, "--root", str(root), "--now", now]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Three episodes, read aloud and in three codecs, at the address that their feeds say."""
    root = tmp_path_factory.mktemp("publication")
    small(root, FULL.format(url="http://127.0.0.1/"))
    (root / "build" / "site").mkdir(parents=True)
    with serving(root) as (port, log):
        server = Running(port, Events())
        address = f"{server.address}/"
        small(
            root,
            FULL.format(url=address) + f'\n[service]\nurl = "{address}"\n',
            e00_trailer=front_matter(
                0, "What this is", published="2026-01-01T08:00:00Z", type="trailer"
            )
            + BODY,
            e01_first=front_matter(1, "First", published="2026-01-02T08:00:00Z") + BITE + BODY,
            e02_second=front_matter(2, "Second", published="2026-01-03T08:00:00Z") + BODY,
            e03_zukunftsmusik=front_matter(3, FUTURE, published="2026-07-01T08:00:00Z") + BODY,
        )
        simulcast(root, "build")
        yield Served(root, server, log)


@contextmanager
def serving(root: Path) -> Iterator[tuple[int, Path]]:
    """`simulcast serve` in a process of its own: its port, and its log."""
    log = root / "serve.log"
    command = [*SIMULCAST, "serve", "--port", "0", "--root", str(root)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout
        try:
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
            assert found, log.read_text()
            yield int(found[1]), log
        finally:
            process.terminate()
            process.wait(20)


def ran(command: list[str | Path], home: Path, **more: str) -> str:
    """What a program says, in a home of its own."""
    found = run(command, home, **more)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def run(command: list[str | Path], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HOME": str(home), "XDG_DATA_HOME": str(home)} | more
    return subprocess.run(
        [str(word) for word in command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "podcast.xml"])
def test_feedparser_polls_a_second_time_for_nothing(served: Served, name: str) -> None:
    first = feedparser.parse(served.url(name))
    assert [one.title for one in first.entries] == TITLES
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
    assert whole.body[:1000] + rest.body == whole.body
    assert whole.body == (served.site / path.removeprefix("/")).read_bytes()
    assert served.server.ask(path, If_None_Match=whole.headers["etag"]).status == 304


def test_the_podcast_of_a_real_build_keeps_the_specification(served: Served) -> None:
    xml = (served.site / "podcast.xml").read_bytes()
    assert podcasting2.faults(xml) == []
    item = etree.fromstring(xml).xpath("channel/item[title = 'First']")[0]
    (bite,) = item.findall("podcast:soundbite", NAMESPACES)
    assert bite.text == "Worth sharing"
    assert float(bite.get("startTime")) > 0
    assert 2 < float(bite.get("duration")) < 20


def test_each_other_form_of_the_audio_is_whole_and_what_it_says(served: Served) -> None:
    xml = (served.site / "podcast.xml").read_bytes()
    found = etree.fromstring(xml).findall(".//podcast:alternateEnclosure", NAMESPACES)
    begins = {"audio/mpeg": (b"ID3", 0), "audio/ogg": (b"OggS", 0), "audio/mp4": (b"ftyp", 4)}
    assert [one.get("type") for one in found] == list(begins) * 3
    for one in found:
        source, integrity = one
        file = served.server.ask(source.get("uri").removeprefix(served.server.address))
        magic, at = begins[one.get("type")]
        assert file.body[at : at + 4].startswith(magic)
        assert file.headers["content-type"] == one.get("type")
        assert len(file.body) == int(one.get("length"))
        digest = b64encode(sha256(file.body).digest()).decode()
        assert integrity.get("value") == f"sha256-{digest}"


def naming(build: Path, word: str) -> set[str]:
    """The files below build/ that hold a word, in any letters, or have it in their path."""
    found = set[str]()
    for file in filter(Path.is_file, build.rglob("*")):
        path, content = file.relative_to(build).as_posix(), file.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        if word.lower().encode() in content.lower() or word.lower() in path:
            found.add(path)
    return found


def test_an_episode_of_the_future_is_nowhere_before_its_time_and_everywhere_at_it(
    served: Served, tmp_path: Path
) -> None:
    assert naming(served.root / "build", FUTURE) == set()
    later = tmp_path / "later"
    shutil.copytree(served.root, later, ignore=shutil.ignore_patterns("*.log"))
    simulcast(later, "build", now="2026-07-01T07:59:59Z")
    assert naming(later / "build", FUTURE) == set()
    simulcast(later, "build", now="2026-07-01T08:00:00Z")
    found = naming(later / "build", FUTURE)
    for name in ("rss.xml", "atom.xml", "feed.json", "podcast.xml", "sitemap.xml", "index.html"):
        assert f"site/{name}" in found
    for name in ("archive/index.html", "series/index.html", "03-zukunftsmusik/index.html"):
        assert f"site/{name}" in found
    assert "site/audio/03-zukunftsmusik.mp3" in found
    assert [path for path in found if path.endswith(".pf_fragment")]
    opml = [(one / "build/site/feeds.opml").read_bytes() for one in (served.root, later)]
    assert opml[0] == opml[1]  # it lists feeds, whatever is in them


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
    assert unread.split()[0] == str(len(names) * len(TITLES))
    ran([newsboat, *files, "-x", "reload"], tmp_path)  # newsboat keeps the ETag of this one
    log = tmp_path / "log"
    ran([newsboat, *files, "-d", log, "-l", "6", "-x", "reload"], tmp_path)
    assert ran([newsboat, *files, "-x", "print-unread"], tmp_path) == unread
    assert all(f"retrieved data for {served.url(name)}: \n" in log.read_text() for name in names)


class Gpodder:
    """gPodder's command, in a home of its own."""

    def __init__(self, home: Path) -> None:
        (self._program,) = peer("gPodder", "gpo")
        self._home = home

    def __call__(self, *words: str) -> str:
        here = {"GPODDER_HOME": str(self._home)}
        found = run([self._program, *words], self._home, **here)
        return found.stdout + found.stderr

    def downloaded(self) -> dict[str, Path]:
        return {file.name: file for file in self._home.rglob("*.mp3")}

    def break_off(self, name: str, size: int) -> None:
        """As if so many bytes of a download had come when the line broke."""
        file = self.downloaded()[name]
        file.with_name(f"{name}.partial").write_bytes(file.read_bytes()[:size])
        file.unlink()
        with closing(sqlite3.connect(self._home / "Database")) as database, database:
            undone = "UPDATE episode SET state = 0, is_new = 1 WHERE download_filename = ?"
            database.execute(undone, (name,))


def test_gpodder_downloads_every_episode_and_finds_none_new_on_the_second_poll(
    served: Served, tmp_path: Path
) -> None:
    gpodder = Gpodder(tmp_path)
    gpodder("subscribe", served.url("podcast.xml"))
    told = gpodder("episodes", served.url("podcast.xml"))
    assert all(title in told for title in TITLES)
    gpodder("download")
    mine = {file.name: file.read_bytes() for file in (served.site / "audio").glob("*.mp3")}
    assert {name: file.read_bytes() for name, file in gpodder.downloaded().items()} == mine
    again = gpodder("--verbose", "update")
    assert "0 new episodes" in again
    assert '"GET /podcast.xml HTTP/1.1" 304' in again


def test_gpodder_goes_on_where_a_download_broke_off(served: Served, tmp_path: Path) -> None:
    gpodder = Gpodder(tmp_path)
    gpodder("subscribe", served.url("podcast.xml"))
    gpodder("download")
    whole = gpodder.downloaded()["02-second.mp3"].read_bytes()
    gpodder.break_off("02-second.mp3", 5000)
    assert '"GET /audio/02-second.mp3 HTTP/1.1" 206' in gpodder("--verbose", "resume")
    assert gpodder.downloaded()["02-second.mp3"].read_bytes() == whole


def test_gpodder_has_a_private_feed_until_it_is_revoked(served: Served, tmp_path: Path) -> None:
    simulcast(served.root, "subscribers", "add", ADA)
    found = simulcast(served.root, "subscribers", "feed", ADA, "--json")
    feed = json.loads(found)["feeds"]["podcast.xml"]
    token = feed.split("/")[-2]
    gpodder = Gpodder(tmp_path)
    gpodder("subscribe", feed)
    told = gpodder("episodes", feed)
    assert all(title in told for title in TITLES)
    again = feedparser.parse(feed)
    assert feedparser.parse(feed, etag=again.etag).status == 304

    simulcast(served.root, "subscribers", "feed", ADA, "--revoke")
    refused = gpodder("--verbose", "update")
    assert f'"GET /private/{token}/podcast.xml HTTP/1.1" 404' in refused
    assert "[FAIL]" in refused
    log = served.log.read_text()
    assert "/private/" in log
    assert token not in log
    for public in ("podcast.xml", "feeds.opml", "sitemap.xml", "index.html"):
        assert "private/" not in (served.site / public).read_text()


FETCHED = "fetch(process.argv[1]).then((answer) => answer.text())"
PARTYTIME = f"""
const {{ parseFeed }} = require("podcast-partytime");
{FETCHED}.then((text) => {{
  const found = parseFeed(text);
  console.log(JSON.stringify({{
    titles: found.items.map((one) => one.title), guid: found.guid,
    transcripts: found.items[0].podcastTranscripts?.length,
    chapters: found.items[0].podcastChapters?.url,
    alternates: found.items[0].alternativeEnclosures?.map((one) => one.type),
    bites: found.items[1].podcastSoundbites?.map((one) => one.title),
    size: found.items[0].enclosure.length,
  }}));
}});
"""
RSS_PARSER = """
const Parser = require("rss-parser");
new Parser().parseURL(process.argv[1]).then((found) => console.log(
  JSON.stringify({ titles: found.items.map((one) => one.title), size: Number(found.items[0].enclosure?.length) })));
"""
FEEDSMITH = f"""
import("feedsmith").then(({{ parseFeed }}) => {FETCHED}.then((text) => {{
  const {{ feed }} = parseFeed(text);
  const items = feed.items ?? feed.entries;
  console.log(JSON.stringify({{ titles: items.map((one) => one.title.value ?? one.title) }}));
}}));
"""


def told(script: str, module: str, url: str) -> dict[str, Any]:
    """What a parser of Node's says of the feed at an address."""
    (node,) = peer("Node", "node")
    beside = node_module(module).parent
    found = subprocess.run(
        [str(node), "-e", script, url],
        env=os.environ | {"NODE_PATH": str(beside)},
        cwd=beside,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


def test_podcast_partytime_reads_the_podcast(served: Served) -> None:
    found = told(PARTYTIME, "podcast-partytime", served.url("podcast.xml"))
    assert found["titles"] == TITLES
    assert found["transcripts"] == 4
    assert found["chapters"] == served.url("02-second/chapters.json")
    assert found["alternates"] == ["audio/mpeg", "audio/ogg", "audio/mp4"]
    assert found["bites"] == ["Worth sharing"]
    assert found["size"] == (served.site / "audio" / "02-second.mp3").stat().st_size


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "podcast.xml"])
def test_rss_parser_reads_every_xml_feed(served: Served, name: str) -> None:
    assert told(RSS_PARSER, "rss-parser", served.url(name))["titles"] == TITLES


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "podcast.xml", "feed.json"])
def test_feedsmith_reads_every_feed(served: Served, name: str) -> None:
    assert told(FEEDSMITH, "feedsmith", served.url(name))["titles"] == TITLES
