"""Feeds: one more episode in archives of growing size, and a whole archive rebuilt, against lxml's xmlfile."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from lxml import etree

from pipeline.feeds.xml import NAMESPACES
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
    count = sizes[-1]
    theirs = _child("theirs", count)
    for what, how in (
        ("joined", "all documents joined anew"),
        ("ours", "all of it made anew, fragments too"),
    ):
        found = _child(what, count)
        yield Row(
            f"{how}, {count:,} × 10 KB, against lxml's xmlfile",
            f"{found['ms']:,.0f} ms CPU",
            f"{theirs['ms']:,.0f} ms CPU, {theirs['peak']:.0f} MB",
            found["ms"] / theirs["ms"],
            "≤ 2",
            f"{found['peak']:.0f} MB",
        )
    yield Row("its memory", f"{found['peak']:.0f} MB", "60 MB", found["peak"] / 60, "≤ 1")


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


def ours(size: int, joins: bool = False) -> float:
    """All fragments, kept on disk, and all documents made of them, by the stages' own functions.

    joins: only the documents are timed; the fragments were there.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        desk = desks.Desk(Path(folder))
        of = desks.publication()
        listings = [desks.listing(n, slug=f"{n:05}-moss") for n in range(1, size + 1)]
        sound = desk.audio(listings[0])
        beside = (
            Artifacts([desk.made("entry/x.html", PARAGRAPH * 120)]),
            sound,
            desk.chapters(listings[0], (0, "One"), (61, "Two"), (90, "Three")),
            desk.transcript(listings[0]),
            Artifacts([desk.made("site/x/card.png", b"png")]),
        )
        more = [Artifacts()] * (len(fragment.parameters) - 2 - len(beside))
        began = time.process_time()
        made = {
            one.slug: Artifacts(
                _kept(Path(folder), each) for each in fragment.function(of, one, *beside, *more)
            )
            for one in listings
        }
        began = time.process_time() if joins else began
        for document in _documents(of, tuple(listings), made, desk):
            _kept(Path(folder), document)
        return (time.process_time() - began) * 1000


def joined(size: int) -> float:
    """All documents, made of fragments that are kept."""
    return ours(size, joins=True)


def _documents(of: Any, listings: Any, made: Any, desk: desks.Desk) -> Iterator[Artifact]:
    for page in pages(listings, of.feeds.page):
        own = {one.slug: made[one.slug] for one in page.listings}
        yield from archive.function(of, page, own, desk.files)
    yield from feed.function(of, listings, made)
    yield from podcast.function(of, listings, made, desk.files)


def _kept(folder: Path, one: Artifact) -> Made:
    data = one.content.encode() if isinstance(one.content, str) else one.content
    assert isinstance(data, bytes)
    file = folder / "made" / one.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return Made(one.path, "", len(data), str(file))


def theirs(size: int) -> float:
    """The same feeds, each streamed into one file by lxml's xmlfile and json."""
    content = PARAGRAPH * 120
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        began = time.process_time()
        for name in ("rss.xml", "podcast.xml"):
            _stream(
                Path(folder, name),
                "rss",
                size,
                lambda xf, n, name=name: _item(xf, n, content, name),
            )
        _stream(Path(folder, "atom.xml"), "feed", size, lambda xf, n: _entry(xf, n, content))
        with Path(folder, "feed.json").open("w") as out:
            out.write('{"items": [')
            for number in range(size):
                told = {"id": f"urn:{number}", "title": f"Moss {number}", "content_html": content}
                told |= {
                    "url": _url(number),
                    "summary": "On moss.",
                    "date_published": _date(number).isoformat(),
                }
                out.write(json.dumps(told, ensure_ascii=False, indent=1) + ",\n")
            out.write("{}]}")
        return (time.process_time() - began) * 1000


def _stream(file: Path, root: str, size: int, write_one: Callable[[Any, int], None]) -> None:
    with etree.xmlfile(str(file), encoding="utf-8") as xf, xf.element(root, nsmap=NAMESPACES):
        for number in range(size):
            write_one(xf, number)


def _url(number: int) -> str:
    return f"https://notes.example/{number}/"


def _date(number: int) -> datetime:
    return NOW - timedelta(days=number)


def _texts(xf: Any, **texts: str) -> None:
    for name, text in texts.items():
        prefix, _, local = name.rpartition("_")
        with xf.element(f"{{{NAMESPACES[prefix]}}}{local}" if prefix else local):
            xf.write(text)


def _item(xf: Any, number: int, content: str, name: str) -> None:
    podcasting = f"{{{NAMESPACES['podcast']}}}"
    with xf.element("item"):
        _texts(
            xf,
            title=f"Moss {number}",
            link=_url(number),
            description=f"On moss, part {number}.",
            content_encoded=content,
            guid=f"urn:uuid:{number}",
            category="moss",
            pubDate=format_datetime(_date(number)),
            dc_creator="Ada Moss",
        )
        with xf.element("enclosure", url=_url(number) + "a.mp3", length="20010", type="audio/mpeg"):
            pass
        if name == "podcast.xml":
            _texts(
                xf,
                itunes_title=f"Moss {number}",
                itunes_author="Ada Moss",
                itunes_subtitle="Small and green",
                itunes_summary=f"On moss, part {number}.",
                itunes_duration="755",
                itunes_explicit="false",
                itunes_episodeType="full",
                itunes_episode=str(number),
                podcast_episode=str(number),
                podcast_person="Ada Moss",
                podcast_txt="true",
            )
            for kind in ("vtt", "srt", "json", "html"):
                with xf.element(
                    f"{podcasting}transcript", url=_url(number) + kind, type="text/plain"
                ):
                    pass
            with xf.element(f"{podcasting}chapters", url=_url(number), type="application/json"):
                pass
            with xf.element(f"{podcasting}image", href=_url(number), width="1200", height="630"):
                pass


def _entry(xf: Any, number: int, content: str) -> None:
    with xf.element("entry"):
        date = _date(number).isoformat()
        _texts(xf, id=f"urn:uuid:{number}", title=f"Moss {number}", updated=date, published=date)
        with xf.element("author"):
            _texts(xf, name="Ada Moss", uri="https://ada.example/")
        with xf.element("content", type="html"):
            xf.write(content)
        for rel in ("alternate", "enclosure"):
            with xf.element("link", href=_url(number), rel=rel, type="text/html"):
                pass
        _texts(xf, summary=f"On moss, part {number}.")
        with xf.element("category", term="moss"):
            pass


if __name__ == "__main__":
    found = _measured(*sys.argv[1:])
    print(json.dumps(dict(zip(("ms", "peak"), found, strict=True))))
