"""Feeds: one more episode in archives of growing size, and a whole archive rebuilt, against lxml's xmlfile."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from lxml import etree

from pipeline.feeds import documents  # noqa: F401  (here, as lxml is for the rival: no import is timed)
from pipeline.feeds.xml import NAMESPACES
from pipeline.model import Listing, Narration, Publication
from pipeline.runner import Desk, build
from pipeline.source import pages
from pipeline.stage import Artifact, Artifacts, Made, Stage, in_order, installed, stage
from pipeline.stages.archive import archive
from pipeline.stages.feed import feed
from pipeline.stages.fragment import fragment
from pipeline.stages.podcast import podcast
from tests import desks
from tests.bench.rows import Row
from tests.publications import SETTINGS, small, write

MADE_HERE = ("fragment", "archive", "feed", "podcast")
PARAGRAPH = (
    "<p>Words & more words, as a letter of some length has them, line after line.</p>\n".replace(
        "&", "&amp;"
    )
)
LETTER = SETTINGS.replace("[podcast]\n", "[podcast]\nlimit = 100\n")
"""Newest documents of the same size in every archive, so that it is the archive's size that is compared."""
TIMES = 5
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A folder in memory: what a disk takes for a new file would drown what is compared."""
BITE = {"title": "Worth sharing", "start": 1.5, "duration": 30.0}
NOTICE = "Read by a synthetic voice."
CHAPTERS = "application/json+chapters"
TRANSCRIPTS = {
    "vtt": {"type": "text/vtt", "language": "en", "rel": "captions"},
    "srt": {"type": "application/x-subrip", "language": "en", "rel": "captions"},
    "json": {"type": "application/json", "language": "en"},
    "html": {"type": "text/html", "language": "en"},
}
CARD = {"aspect-ratio": "40/21", "width": "1200", "height": "630", "purpose": "social"}
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def rows(full: bool) -> Iterator[Row]:
    sizes = (100, 1_000, 10_000) if full else (100, 1_000)
    base = _child("one_more", sizes[0])
    for size in sizes[1:]:
        found = _child("one_more", size)
        yield Row(
            f"feeds of one more episode, archive of {size:,} against {sizes[0]}",
            f"{found['ms']:.1f} ms",
            f"{base['ms']:.1f} ms",
            found["ms"] / base["ms"],
            "≤ 1.5",
            f"{found['peak']:.0f} MB",
        )
    yield from _rebuilt(sizes[-1])


def _rebuilt(count: int) -> Iterator[Row]:
    """The best of three, in turn: what else the machine does only adds to them."""
    same()
    found: dict[str, list[dict[str, float]]] = {"joined": [], "ours": [], "theirs": []}
    for _ in range(3):
        for what, times in found.items():
            times.append(_child(what, count))
    best = {what: min(one["ms"] for one in times) for what, times in found.items()}
    peak = {what: max(one["peak"] for one in times) for what, times in found.items()}
    for what, how in (
        ("joined", "documents joined of fragments, in pages"),
        ("ours", "fragments made and kept one by one, documents joined"),
    ):
        yield Row(
            f"{count:,} × 10 KB: {how}; lxml's xmlfile streaming the same entries of the same files",
            f"{best[what]:,.0f} ms CPU",
            f"{best['theirs']:,.0f} ms CPU, {peak['theirs']:.0f} MB",
            best[what] / best["theirs"],
            "≤ 2",
            f"{peak[what]:.0f} MB",
        )
    yield Row("its memory", f"{peak['ours']:.0f} MB", "60 MB", peak["ours"] / 60, "≤ 1")


def _child(what: str, *words: object) -> dict[str, float]:
    """A measurement in a process of its own, so that its memory is its own."""
    command = [sys.executable, "-m", "tests.bench.feeds", what, *map(str, words)]
    ran = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2]
    )
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def _measured(what: str, *words: str) -> tuple[float, float]:
    if what == "one_more":
        return one_more(int(words[0]))
    taken = (
        next_(*words)
        if what == "next"
        else {"ours": ours, "joined": joined, "theirs": theirs}[what](int(words[0]))
    )
    return taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- one more ---------------------------------------------------------------------------------------


@stage(per="episode", version="1")
def entry(listing: Any) -> Iterator[Artifact]:
    """An episode's text, 10 KB."""
    yield Artifact(f"entry/{listing.slug}.html", f"<p>{listing.slug}</p>\n" + PARAGRAPH * 120)


@stage(per="episode", version="1")
def audio(listing: Any) -> Iterator[Artifact]:
    """Something that begins as an MP3 does."""
    sound = b"ID3" + listing.slug.encode() + bytes(500)
    told = {"duration": 60, "size": len(sound), "source": "recording"}
    yield Artifact(f"site/audio/{listing.slug}.mp3", sound)
    yield Artifact(f"audio/{listing.slug}.json", json.dumps(told))


def silent(name: str) -> Stage:
    def function(listing: Any) -> Iterator[Artifact]:
        yield from ()

    function.__name__ = name
    return stage(per="episode", version="1")(function)


def stages() -> dict[str, Stage]:
    """The stages of feeds, after others that cost nothing."""
    ours = {name: installed()[name] for name in MADE_HERE}
    found = {one.name: one for one in (entry, audio)} | ours
    for name in ours["fragment"].after:
        found.setdefault(name, silent(name))
    return in_order(found)


def one_more(size: int) -> tuple[float, float]:
    """Milliseconds of CPU that one more episode costs the feeds, and the peak in MB, in processes of their own."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        root = Path(folder)
        small(root, LETTER, **{"e00001_x": _text(1)})
        for number in range(2, size + 1):
            _add(root, number)
        _build(root)
        found = [_child("next", folder, size + 1 + time_) for time_ in range(TIMES)]
    return statistics.median(one["ms"] for one in found), max(one["peak"] for one in found)


def next_(folder: str, number: str) -> float:
    """One more episode in a folder: its fragments, the check of all pages, the newest documents, their libraries."""
    root = Path(folder)
    _add(root, int(number))
    desk = Desk(root, NOW, stages=stages())
    before = [one for one in desk.stages.values() if one.name not in MADE_HERE]
    build(desk, before)
    slug = desk.listings[-1].slug
    began = time.process_time()
    desk.call(desk.stages["fragment"], slug)
    taken = time.process_time() - began
    build(
        desk, [*before, desk.stages["fragment"]]
    )  # the pass over all episodes, which every stage has
    began = time.process_time()
    report = build(desk, [desk.stages[name] for name in MADE_HERE[1:]])
    taken += time.process_time() - began
    desk.close()
    assert not report.errors, report.errors
    touched = [path for path in report.changed if "feeds/" not in path]
    assert len(touched) == 4, report.changed
    return taken * 1000


def _build(root: Path) -> None:
    desk = Desk(root, NOW, stages=stages())
    report = build(desk)
    desk.close()
    assert not report.errors, report.errors


def _add(root: Path, number: int) -> None:
    write(root, f"content/{number:05}-x/episode.md", _text(number))


def _text(number: int) -> str:
    day = datetime(2010, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    return (
        f'---\nnumber: {number}\ntitle: "Letter {number}"\npublished: {day.isoformat()}\n'
        'summary: "What it says, in a line."\n---\n\nWords.\n'
    )


# --- everything -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Season:
    """A publication, its episodes, and what is made of each before the feeds: 10 KB of text, audio, chapters …"""

    of: Publication
    listings: tuple[Listing, ...]
    files: tuple[tuple[Made, ...], ...]
    desk: desks.Desk

    def beside(self, listing: Listing) -> tuple[Artifacts, ...]:
        """What was made of an episode: files of the same bytes for all of them, under its own paths."""
        return tuple(
            Artifacts(
                Made(made.path.replace("SLUG", listing.slug), made.sha256, made.size, made.file)
                for made in each
            )
            for each in self.files
        )


@contextmanager
def season(size: int) -> Iterator[Season]:
    """A season in a folder in memory, that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        desk, any_ = desks.Desk(Path(folder)), desks.listing(1, slug="SLUG")
        files = (
            desk.entry(any_, PARAGRAPH * 120),
            desk.audio(any_),
            desk.chapters(any_, (0, "One"), (61, "Two & more"), (90, "Three")),
            desk.transcript(any_),
            Artifacts([desk.made("site/SLUG/card.png", b"png")]),
            Artifacts([desk.made("soundbites/SLUG.json", json.dumps([BITE]))]),
        )
        of = desks.publication(narration=Narration(notice=NOTICE))
        listings = tuple(desks.listing(n, slug=f"{n:05}-moss") for n in range(1, size + 1))
        yield Season(of, listings, files, desk)


def ours(size: int, joins: bool = False) -> float:
    """All fragments, kept on disk, and all documents made of them, by the stages' own functions.

    joins: only the documents are timed; the fragments were there.
    """
    with season(size) as one:
        began = time.process_time()
        made = _fragments(one)
        began = time.process_time() if joins else began
        for document in _documents(one, made):
            _kept(one.desk.folder, document)
        return (time.process_time() - began) * 1000


def joined(size: int) -> float:
    """All documents, made of fragments that are kept."""
    return ours(size, joins=True)


def _fragments(one: Season) -> dict[str, Artifacts]:
    return {
        listing.slug: Artifacts(
            _kept(one.desk.folder, each)
            for each in fragment.function(one.of, listing, *one.beside(listing))
        )
        for listing in one.listings
    }


def _documents(one: Season, made: Mapping[str, Artifacts]) -> Iterator[Artifact]:
    for page in pages(one.listings, one.of.feeds.page):
        own = {listing.slug: made[listing.slug] for listing in page.listings}
        yield from archive.function(one.of, page, own, one.desk.files)
    yield from feed.function(one.of, one.listings, made, desks.TEMPLATES)
    yield from podcast.function(one.of, one.listings, made, one.desk.files, desks.TEMPLATES)


def _kept(folder: Path, one: Artifact) -> Made:
    """Written as the rival writes: without what the store does for every stage, of whatever it makes."""
    data = one.content.encode() if isinstance(one.content, str) else one.content
    assert isinstance(data, bytes)
    file = f"{folder}/{one.path.replace('/', '-')}"
    with open(file, "wb", buffering=0) as out:  # noqa: PTH123  (a Path costs as much as the writing)
        out.write(data)
    return Made(one.path, "", len(data), file)


def theirs(size: int) -> float:
    """The same entries of the same feeds from the same files, streamed into four files by lxml's xmlfile and json."""
    with season(size) as one:
        began = time.process_time()
        _streamed(one)
        return (time.process_time() - began) * 1000


def _streamed(one: Season) -> None:
    with ExitStack() as opened:
        folder = one.desk.folder
        rss = _stream(opened, folder / "rss.xml", "rss", "channel")
        podcast_ = _stream(opened, folder / "podcast.xml", "rss", "channel")
        atom = _stream(opened, folder / "atom.xml", "feed")
        json_feed = opened.enter_context((folder / "feed.json").open("w"))
        json_feed.write('{"items": [')
        for listing in one.listings:
            told = Told.of(listing, one.beside(listing))
            _write(rss, "item", _article(told))
            _write(podcast_, "item", _episode(told))
            _write(atom, "entry", _entry(told))
            json_feed.write(json.dumps(_item(told), ensure_ascii=False) + ",\n")
        json_feed.write("{}]}")


def _stream(opened: ExitStack, file: Path, *roots: str) -> Any:
    stream = opened.enter_context(etree.xmlfile(str(file), encoding="utf-8"))
    opened.enter_context(stream.element(roots[0], nsmap=NAMESPACES))
    for name in roots[1:]:
        opened.enter_context(stream.element(name))
    return stream


Elements = Iterable[tuple[str, "str | Elements", Mapping[str, str]]]


def _write(stream: Any, name: str, elements: Elements) -> None:
    with stream.element(_qualified(name)):
        for tag, held, attributes in elements:
            if isinstance(held, str):
                with stream.element(_qualified(tag), attributes):
                    if held:
                        stream.write(held)
            else:
                _write(stream, tag, held)


@cache
def _qualified(tag: str) -> str:
    prefix, _, local = tag.rpartition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}" if prefix else local


@dataclass(frozen=True)
class Told:
    """An episode as a writer has it in hand."""

    listing: Listing
    content: str
    size: str
    duration: str
    below: str

    @classmethod
    def of(cls, listing: Listing, beside: Sequence[Artifacts]) -> Told:
        facts = json.loads(beside[1][".json"].text())
        listed = json.loads(beside[2][".json"].text())["chapters"]
        lines = [f"{timedelta(seconds=one['startTime'])!s:0>8} {one['title']}" for one in listed]
        below = f"<p>{'<br>'.join(map(escape, lines))}</p><p>{NOTICE}</p>"
        duration = str(round(facts["duration"]))
        return cls(listing, beside[0][".html"].text(), str(facts["size"]), duration, below)

    @property
    def url(self) -> str:
        return f"https://notes.example/{self.listing.slug}/"

    @property
    def sound(self) -> str:
        return f"https://notes.example/audio/{self.listing.slug}.mp3"


def _common(told: Told, description: str, content: str, guid: str) -> Elements:
    listing = told.listing
    yield "title", listing.title, {}
    yield "link", told.url, {}
    yield "description", description, {}
    yield "content:encoded", content, {}
    yield "guid", guid, {"isPermaLink": "false"}
    yield from (("category", tag, {}) for tag in listing.keywords)
    yield "enclosure", "", {"url": told.sound, "length": told.size, "type": "audio/mpeg"}
    yield "pubDate", format_datetime(listing.published), {}


def _article(told: Told) -> Elements:
    listing = told.listing
    yield from _common(told, escape(listing.summary), told.content, listing.guid)
    yield "dc:creator", "Ada Moss", {}


def _episode(told: Told) -> Elements:
    listing = told.listing
    description = f"<p>{escape(listing.summary)}</p>{told.below}"
    yield from _common(told, description, told.content + told.below, listing.podcast_guid)
    yield "itunes:title", listing.title, {}
    yield "itunes:author", "Ada Moss", {}
    yield "itunes:subtitle", listing.subtitle, {}
    yield "itunes:summary", listing.summary, {}
    yield "itunes:duration", told.duration, {}
    yield "itunes:explicit", "false", {}
    yield "itunes:episodeType", listing.type, {}
    yield "itunes:episode", str(listing.number), {}
    yield "podcast:episode", str(listing.number), {}
    yield "podcast:person", "Ada Moss", {"role": "host", "href": "https://ada.example/"}
    yield "podcast:txt", "true", {"purpose": "ai-content"}
    yield "podcast:chapters", "", {"url": f"{told.url}chapters.json", "type": CHAPTERS}
    for kind, attributes in TRANSCRIPTS.items():
        yield "podcast:transcript", "", {"url": f"{told.url}transcript.{kind}", **attributes}
    yield "podcast:image", "", {"href": f"{told.url}card.png", **CARD}
    yield "podcast:soundbite", "Worth sharing", {"startTime": "1.500", "duration": "30.000"}
    yield "dc:creator", "Ada Moss", {}


def _entry(told: Told) -> Elements:
    listing, date = told.listing, told.listing.published.isoformat()
    yield "id", listing.guid, {}
    yield "title", listing.title, {}
    yield "updated", date, {}
    yield "author", [("name", "Ada Moss", {}), ("uri", "https://ada.example/", {})], {}
    yield "content", told.content, {"type": "html"}
    yield "link", "", {"href": told.url, "rel": "alternate", "type": "text/html"}
    sound = {"href": told.sound, "rel": "enclosure", "type": "audio/mpeg", "length": told.size}
    yield "link", "", sound
    yield "summary", listing.summary, {}
    yield from (("category", "", {"term": tag}) for tag in listing.keywords)
    yield "published", date, {}


def _item(told: Told) -> dict[str, Any]:
    listing, date = told.listing, told.listing.published.isoformat()
    sound = {
        "url": told.sound,
        "mime_type": "audio/mpeg",
        "size_in_bytes": int(told.size),
        "duration_in_seconds": int(told.duration),
    }
    return {
        "id": listing.guid,
        "url": told.url,
        "title": listing.title,
        "content_html": told.content,
        "summary": listing.summary,
        "date_published": date,
        "date_modified": date,
        "authors": [{"name": "Ada Moss", "url": "https://ada.example/"}],
        "tags": list(listing.keywords),
        "attachments": [sound],
    }


def same() -> None:
    """That both write the same entries, element by element, or the comparison would be none."""
    with season(3) as one:
        made = _documents(one, _fragments(one))
        mine = {each.path.removeprefix("site/"): each.content for each in made}
        _streamed(one)
        for name in ("rss.xml", "podcast.xml", "atom.xml"):
            (xml, other) = mine[name], (one.desk.folder / name).read_bytes()
            assert isinstance(xml, bytes)
            assert sorted(_said(xml)) == sorted(_said(other)), name
        written = json.loads((one.desk.folder / "feed.json").read_text())["items"][:-1]
        assert json.loads(mine["feed.json"])["items"][::-1] == written


def _said(xml: bytes) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    for entry in etree.fromstring(xml).iter("item", "{*}entry"):
        for one in entry.iterdescendants():
            tag = etree.QName(one).localname
            yield tag, (one.text or "").strip(), tuple(sorted(one.attrib.items()))


if __name__ == "__main__":
    found = _measured(*sys.argv[1:])
    print(json.dumps(dict(zip(("ms", "peak"), found, strict=True))))
