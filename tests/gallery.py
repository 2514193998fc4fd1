"""A gallery of broken publications: a clean one, and for each picture the one thing that is wrong in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.stage import Artifact, Stage
from tests.publications import png, write
from tests.sounds import ffmpeg, speech_like

SETTINGS = """\
title = "Harbour Letter"
url = "https://harbour.example/"
description = "What comes into the harbour, and what goes out."
language = "en"

[series]
name = "Harbour Letter"

[[people]]
id = "ada"
name = "Ada Example"

[email]
sender = "Harbour Letter <post@harbour.example>"

[lists.readers]
title = "Harbour Letter by email"
seeds = ["reader@harbour.example"]

[feeds]
limit = 50

[podcast]
owner = "Ada Example"
owner_email = "ada@harbour.example"
artwork = "content/artwork/cover.png"
categories = ["News"]

[audio]
loudness = -16

[narration]
narrator = "none"

[deploy]
to = "deployed"
"""

FIRST = """\
---
number: 1
title: The First Letter
published: 2026-01-05T08:00:00Z
updated: 2026-01-07T08:00:00Z
summary: What the first letter says, in one line.
image: map.png
image_alt: A map of the harbour
---

The harbour took [2.4 million]{say="two point four million"} tonnes in 2025, the
[port authority](https://port.example/) said on Monday, 5 January 2026.[^1]

![A crane above the quay](crane.png "The crane")

## What came in

::: key-figures
- **45%** of the goods came by rail
- **11,000** people work in the harbour
:::

Some [more of it](#what-came-in), and [the next day](../02-second/episode.md#the-next-day).
Write to [the port](mailto:post@port.example), or read [its figures](figures.csv).

### By ship

::: {.timeline title="How it came about"}
- **2019** It began
- **2021** It went on
:::

| Year | Ships |
|------|------:|
| 2025 | 11 |

::: {.correction date="2026-01-07"}
An earlier version named another port.
:::

[^1]: The figures are the port's own.
"""

SECOND = """\
---
number: 2
title: The Second Letter
published: 2026-01-12T08:00:00Z
summary: What the second letter says, in one line.
---

It rained all morning, and nothing came in before noon.

## The next day

It did not rain.
"""

ONE, TWO = "content/01-first/episode.md", "content/02-second/episode.md"
PUBLICATION = "content/publication.toml"
RECORDING = "audio/02-second.wav"


def clean(root: Path) -> Path:
    """A publication with nothing to mend: two episodes, one of them recorded."""
    write(root, PUBLICATION, SETTINGS)
    write(root, ONE, FIRST)
    write(root, TWO, SECOND)
    write(root, "content/01-first/figures.csv", "year,ships\n2025,11\n")
    for name in ("map", "crane"):
        (root / f"content/01-first/{name}.png").write_bytes(png(40, 20))
    (root / "content/artwork").mkdir()
    (root / "content/artwork/cover.png").write_bytes(png())
    speech_like(root / RECORDING, 6)
    return root


Edit = Callable[[Path], None]
Patch = Callable[[Path, bytes], bytes]


@dataclass(frozen=True)
class Broken:
    """One broken publication: what is refused in it, by which code, at which line of which file.

    line: or the words of the line, of a file that is built, and which of the lines that hold them. edits: to the
    sources. stages: what a faulty stage does to the artifacts it makes, by its name.
    """

    code: str
    name: str
    where: str
    line: int | str | tuple[str, int]
    edits: tuple[Edit, ...] = ()
    stages: Mapping[str, Patch] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.code} {self.name}"


def change(path: str, old: str, new: str) -> Edit:
    """Other words in a file."""

    def edit(root: Path) -> None:
        text = (root / path).read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        (root / path).write_text(text.replace(old, new), "utf-8")

    return edit


def put(path: str, content: str | bytes) -> Edit:
    """Another file."""

    def edit(root: Path) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


def remove(path: str) -> Edit:
    return lambda root: (root / path).unlink()


def rename(path: str, to: str) -> Edit:
    return lambda root: (root / path).rename(root / to) and None


def template(path: str, old: str, new: str) -> Edit:
    """The publication's own copy of a theme's template, with other words."""

    def edit(root: Path) -> None:
        theme = Path(__file__).parent.parent / "templates/ledger" / path
        text = theme.read_text("utf-8")
        assert old in text, f"{old!r} is not in {path}"
        write(root, f"content/templates/{path}", text.replace(old, new, 1))

    return edit


def source(code: str, name: str, line: int, old: str, new: str, path: str = ONE) -> Broken:
    """An author's mistake in an episode."""
    return Broken(code, name, path, line, (change(path, old, new),))


def setting(code: str, name: str, line: int, old: str, new: str) -> Broken:
    """An author's mistake in publication.toml."""
    return Broken(code, name, PUBLICATION, line, (change(PUBLICATION, old, new),))


def faulty(
    code: str,
    name: str,
    where: str,
    line: int | str | tuple[str, int],
    stage: str,
    old: str,
    new: str,
) -> Broken:
    """A stage that makes something wrong: `old`, a pattern, becomes `new` in the file `where` that it makes."""

    def patch(path: Path, data: bytes) -> bytes:
        if f"build/{path}" != where:
            return data
        made, count = re.subn(old.encode(), new.encode(), data, count=1, flags=re.DOTALL)
        assert count, f"{old!r} is not in {where}: {data[:4000]!r}"
        return made

    return Broken(code, name, where, line, (), {stage: patch})


def installed(broken: Broken, stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """The stages, those that are faulty in their places."""
    return {
        name: _faulty(stage, broken.stages[name]) if name in broken.stages else stage
        for name, stage in stages.items()
    }


def _faulty(stage: Stage, patch: Patch) -> Stage:
    def function(**values: Any) -> Iterator[Artifact]:
        for made in stage.function(**values):
            content = made.content
            data = content.encode() if isinstance(content, str) else content
            data = data.read_bytes() if isinstance(data, Path) else data
            yield Artifact(made.path, patch(Path(made.path), data))

    return replace(stage, function=function, version="faulty")


EMAIL = "build/email/01-first.html"
PAGE = "build/site/01-first/index.html"
RSS, ATOM, JSON, SHOW = (
    f"build/site/{name}" for name in ("rss.xml", "atom.xml", "feed.json", "podcast.xml")
)
MP3 = "build/site/audio/02-second.mp3"


def _email(code: str, name: str, line: int | str, old: str, new: str) -> Broken:
    """A fault that a publication's own template brings into its email."""
    return Broken(code, name, EMAIL, line, (template("email/episode.mjml", old, new),))


def _sound(code: str, name: str, make: Edit, where: str = MP3, line: int | str = 0) -> Broken:
    return Broken(code, name, where, line, (make,))


def _silent(file: Path) -> None:
    """A sound with four seconds of nothing in its middle."""
    speech_like(file.with_name("part.wav"), 3)
    graph = "[0:a]asplit=2[a][b];aevalsrc=0:d=4:s=44100[c];[a][c][b]concat=n=3:v=0:a=1"
    ffmpeg("-i", file.with_name("part.wav"), "-filter_complex", graph, file)
    file.with_name("part.wav").unlink()


def _without_text(path: Path, data: bytes) -> bytes:
    return b"\n" if path == Path("edition/01-first.txt") else data


HEAD = "<h1>{{ listing.title }}</h1>"
WEB_HEAD = "<article"

GALLERY: tuple[Broken, ...] = (
    # the source: words
    source("E102", "a picture without alt text", 14, "![A crane above the quay]", "![]"),
    source(
        "E102", "the episode's image without alt text", 7, "image_alt: A map of the harbour\n", ""
    ),
    source("E103", "a placeholder", 11, "took [2.4", "took TK, or [2.4"),
    source("E103", "a placeholder in the summary", 6, "in one line", "in TK lines"),
    source("E110", "a heading that skips a level", 26, "### By ship", "#### By ship"),
    source(
        "E113", "a correction that feeds do not tell of", 36, "updated: 2026-01-07T08:00:00Z\n", ""
    ),
    source("E114", "a correction before the mistake", 37, 'date="2026-01-07"', 'date="2026-01-02"'),
    source("E115", "a weekday that is another's", 12, "Monday, 5", "Tuesday, 5"),
    source("E116", "a day that no month has", 12, "Monday, 5 January", "31 June"),
    source("E117", "a waiver without a reason", 3, "title: The", 'waive: {E105: ""}\ntitle: The'),
    source(
        "E117",
        "a waiver of what breaks things",
        3,
        "title: The",
        "waive: {E203: no matter}\ntitle: The",
    ),
    source("E603", "a link that says only here", 23, "[more of it]", "[here]"),
    source("E604", "a link without words", 24, "[the port]", "[]"),
    source("E611", "a file's name as alt text", 14, "A crane above the quay", "IMG_2041.png"),
    source(
        "E702",
        "a figure said as another",
        11,
        '"two point four million"',
        '"two point five million"',
    ),
    # the source: what cannot be read
    source("E101", "no summary", 1, "summary: What the first letter says, in one line.\n", ""),
    source("E104", "an empty title", 3, "title: The First Letter", 'title: ""'),
    source("E108", "an author nobody knows", 3, "title: The", "by: [bob]\ntitle: The"),
    source("E120", "no front matter", 1, "---\nnumber: 1", "number: 1"),
    Broken("E121", "front matter without end", ONE, 1, (put(ONE, "---\nnumber: 1\n\nWords.\n"),)),
    source("E122", "front matter that is not YAML", 3, "title: The First", "title: The: First"),
    source("E123", "an unknown key", 6, "summary: What", "sumary: x\nsummary: What"),
    source("E124", "a key twice", 4, "title: The First Letter", "title: The First\ntitle: Letter"),
    source(
        "E125", "a date that is none", 4, "published: 2026-01-05T08:00:00Z", "published: tomorrow"
    ),
    source("E126", "a number that is none", 2, "number: 1", "number: one"),
    source("E127", "a number that the folder contradicts", 2, "number: 1", "number: 7"),
    Broken(
        "E128",
        "a number that is taken",
        "content/another/episode.md",
        2,
        (put("content/another/episode.md", SECOND.replace("01-12", "01-14")),),
    ),
    source("E129", "updated before published", 5, "updated: 2026-01-07", "updated: 2026-01-01"),
    Broken(
        "E130",
        "a file that is not UTF-8",
        TWO,
        8,
        (put(TWO, SECOND.replace("rained", "ra\udcffined").encode("utf-8", "surrogateescape")),),
    ),
    source("E131", "a control character", 8, "It rained", "It\x07 rained", TWO),
    source("E132", "an episode without text", 7, SECOND.partition("---\n\n")[2], "", TWO),
    Broken(
        "E133",
        "a folder that is no address",
        "content/02-Second Letter/episode.md",
        1,
        (rename("content/02-second", "content/02-Second Letter"),),
    ),
    source("E136", "a picture in another folder", 14, "(crane.png", "(../02-second/crane.png"),
    source(
        "E140",
        "a block that is never closed",
        18,
        "11,000** people work in the harbour\n:::\n",
        "11,000** people work in the harbour\n",
    ),
    source("E141", "the end of no block", 9, "before noon.\n", "before noon.\n:::\n", TWO),
    source(
        "E142",
        "a block whose first line cannot be read",
        28,
        '{.timeline title="How it came about"}',
        '{.timeline title="How}',
    ),
    source("E143", "an unknown block", 18, "::: key-figures", "::: keyfigures"),
    source("E144", "an unknown attribute", 28, "title=", "titel="),
    source("E145", "a missing attribute", 37, '{.correction date="2026-01-07"}', "correction"),
    source("E146", "an attribute that is no date", 37, 'date="2026-01-07"', 'date="yesterday"'),
    source("E147", "an empty block", 37, "An earlier version named another port.\n", ""),
    source("E148", "a key figure without its figure", 19, "- **45%** of", "- 45% of"),
    source("E149", "a second title", 16, "## What came in", "# What came in"),
    source("E150", "a heading without words", 26, "### By ship", "###"),
    source("E151", "an id twice", 26, "### By ship", "### By ship {#what-came-in}"),
    source("E152", "a footnote that is not there", 12, "2026.[^1]", "2026.[^2]"),
    source(
        "E153", "a picture on another server", 14, "(crane.png", "(https://port.example/crane.png"
    ),
    source("E154", "a link to nothing", 24, "(mailto:post@port.example)", "()"),
    # what was published once
    Broken(
        "E160",
        "published.json that is none",
        "content/published.json",
        1,
        (put("content/published.json", "{]"),),
    ),
    source("E161", "a GUID that changed", 3, "title: The", "guid: another\ntitle: The"),
    Broken(
        "E162",
        "a published episode that is gone",
        TWO,
        1,
        (lambda root: _delete(root / "content/02-second"),),
    ),
    source(
        "E163",
        "a published date that changed",
        1,
        "published: 2026-01-12",
        "published: 2026-01-13",
        TWO,
    ),
    Broken("E164", "two recordings of one episode", TWO, 1, (put("audio/02-second.mp3", b"ID3"),)),
    source(
        "E165",
        "a recording that is missing",
        1,
        "number: 2",
        "recording: audio/gone.wav\nnumber: 2",
        TWO,
    ),
    # the settings
    setting("E106", "a sender nobody can reach", 14, "post@harbour.example", "nobody"),
    setting(
        "E107",
        "artwork that is too small",
        26,
        "content/artwork/cover.png",
        "content/01-first/map.png",
    ),
    setting("E107", "a hub that is none", 22, "limit = 50", 'limit = 50\nhub = "ftp://hub"'),
    setting(
        "E170",
        "settings that are not TOML",
        1,
        'title = "Harbour Letter"\n',
        'title = "Harbour Letter\n',
    ),
    setting("E123", "a setting nobody knows", 21, "limit = 50", "limits = 50"),
    setting("E172", "a loudness no player has", 30, "loudness = -16", "loudness = 3"),
    # links
    source(
        "E201",
        "a link to an episode that is not there",
        23,
        "../02-second/episode.md",
        "../02-secnd/episode.md",
    ),
    source("E202", "a link to a heading that is not there", 23, "#the-next-day", "#the-nxt-day"),
    source(
        "E202",
        "a link to a heading of its own that is not there",
        23,
        "(#what-came-in)",
        "(#what-came)",
    ),
    source("E203", "a file that is missing", 24, "(figures.csv)", "(figure.csv)"),
    Broken(
        "E204",
        "a template's link to nothing",
        PAGE,
        "gone/index.html",
        (
            template(
                "web/episode.html", WEB_HEAD, '<a href="../gone/index.html">Gone</a>\n' + WEB_HEAD
            ),
        ),
    ),
    Broken(
        "E205",
        "a template's link to no place",
        PAGE,
        "#nowhere",
        (template("web/episode.html", WEB_HEAD, '<a href="#nowhere">Gone</a>\n' + WEB_HEAD),),
    ),
    source("E207", "a misspelt address", 12, "https://port", "htps://port"),
    source(
        "E208",
        "a link to the author's own machine",
        12,
        "https://port.example/",
        "http://localhost:8000/",
    ),
    source("E209", "a mail link to no address", 24, "mailto:post@port.example", "mailto:post@"),
    source("E217", "a password in a link", 12, "https://port", "https://me:secret@port"),
    # emails
    Broken(
        "E301",
        "an email that Gmail clips",
        EMAIL,
        0,
        (change(ONE, "## What came in", "It goes on. " * 9000 + "\n\n## What came in"),),
    ),
    Broken(
        "E303",
        "a style sheet that Gmail ignores",
        EMAIL,
        "<style>.a0",
        (
            template(
                "email/dark.css",
                ":root",
                "".join(f".a{n} {{ color: red; }}\n" for n in range(900)) + ":root",
            ),
        ),
    ),
    _email(
        "E304",
        "a film in the email",
        "<video",
        HEAD,
        HEAD + '\n<p><video src="https://harbour.example/audio/02-second.mp3">A film</video></p>',
    ),
    _email(
        "E305",
        "a style few mail programs know",
        "transform",
        HEAD,
        HEAD + '\n<p style="transform: rotate(3deg)">Askew</p>',
    ),
    _email(
        "E307",
        "no preheader",
        0,
        '<mj-preview>{{ listing.summary }}{{ "&#8199;&#847;&#8203;" | safe * 40 }}</mj-preview>',
        "",
    ),
    source(
        "E308",
        "a subject longer than mail programs keep",
        3,
        "The First Letter",
        "The First Letter " * 10,
    ),
    _email(
        "E310",
        "a picture without alt",
        '<img src="https://harbour.example/01-first/map.png"',
        HEAD,
        HEAD + '\n<p><img src="https://harbour.example/01-first/map.png"/></p>',
    ),
    Broken(
        "E311",
        "words lost in the dark",
        EMAIL,
        "The harbour took",
        (template("email/dark.css", "{{ scope }} .paper p,", "{{ scope }} .paper .some p,"),),
    ),
    Broken(
        "E312",
        "words lost in the light",
        EMAIL,
        "Faint",
        (template("email/episode.mjml", HEAD, HEAD + '\n<div style="color: #dddddd">Faint</div>'),),
    ),
    _email(
        "E316",
        "a picture from nowhere",
        "dot.png",
        HEAD,
        HEAD + '\n<p><img src="dot.png" alt="A dot"/></p>',
    ),
    _email(
        "E317",
        "a link to nowhere",
        "more.html",
        HEAD,
        HEAD + '\n<p><a href="more.html">More</a></p>',
    ),
    _email(
        "E318",
        "a form in the email",
        "<form",
        HEAD,
        HEAD + '\n<form action="https://harbour.example/"><p>Vote</p></form>',
    ),
    _email(
        "E320",
        "an email nobody can leave",
        0,
        '<a href="{{ slot("unsubscribe_url") }}">{{ theme.words.unsubscribe }}</a> &#160;·&#160; ',
        "",
    ),
    _email(
        "E321",
        "an email without its language",
        1,
        '<mjml lang="{{ publication.language }}"',
        "<mjml",
    ),
    _email(
        "E322",
        "a layout that is read as data",
        "Words in a table",
        HEAD,
        HEAD
        + '\n<table><tr><td><table role="presentation"><tr><td>Words in a table</td></tr></table></td></tr></table>',
    ),
    Broken("E315", "an email without plain text", EMAIL, 0, (), {"email": _without_text}),
    # feeds
    faulty(
        "E401",
        "RSS that is no XML",
        RSS,
        "Tom & Jerry",
        "feed",
        "<channel>",
        "<channel>\n<!-- x -->Tom & Jerry",
    ),
    faulty("E402", "a JSON feed that is no JSON", JSON, 2, "feed", '"version"', "'version'"),
    faulty(
        "E403",
        "a channel without description",
        RSS,
        "<channel>",
        "feed",
        "<description>What comes into the harbour, and what goes out.</description>",
        "",
    ),
    faulty("E404", "an entry without GUID", RSS, "<item>", "feed", "<guid.*?</guid>", ""),
    faulty(
        "E407",
        "a date nobody can read",
        RSS,
        "<item>",
        "feed",
        "(<item>.*?<pubDate>)[^<]*",
        r"\1yesterday",
    ),
    faulty(
        "E408", "an enclosure without its length", SHOW, "<item>", "podcast", ' length="', ' size="'
    ),
    faulty(
        "E409",
        "an enclosure of another length",
        SHOW,
        "<item>",
        "podcast",
        ' length="',
        ' length="1',
    ),
    faulty(
        "E410",
        "an address that is not full",
        RSS,
        ("<item>", 2),
        "feed",
        "https://harbour.example/01-first/crane.png",
        "/01-first/crane.png",
    ),
    faulty("E411", "an Atom feed without its id", ATOM, "<feed", "feed", "<id>.*?</id>", ""),
    faulty(
        "E412",
        "a feed that names another as itself",
        RSS,
        "<channel>",
        "feed",
        'href="https://harbour.example/rss.xml"',
        'href="https://harbour.example/old.xml"',
    ),
    faulty(
        "E413",
        "a JSON feed without version",
        JSON,
        1,
        "feed",
        "https://jsonfeed.org/version/1.1",
        "1.1",
    ),
    faulty(
        "E414", "a show without category", SHOW, "<channel>", "podcast", 'text="News"', 'text=""'
    ),
    faulty(
        "E415",
        "an entry from the future",
        RSS,
        "<item>",
        "feed",
        "(<item>.*?<pubDate>)[^<]*",
        r"\1Tue, 12 Jan 2027 08:00:00 +0000",
    ),
    faulty(
        "E416",
        "a script in a feed",
        RSS,
        "<item>",
        "feed",
        "(It did not rain)",
        r"&lt;script&gt;alert(1)&lt;/script&gt;\1",
    ),
    faulty(
        "E418",
        "entries out of order",
        RSS,
        ("<item>", 2),
        "feed",
        "(<item>.*?<pubDate>)[^<]*",
        r"\1Thu, 01 Jan 2026 08:00:00 +0000",
    ),
    faulty(
        "E419",
        "a language that is none",
        RSS,
        "<language>",
        "feed",
        "<language>en</language>",
        "<language>English, mostly</language>",
    ),
    faulty(
        "E421",
        "a length that is not the sound's",
        SHOW,
        "<item>",
        "podcast",
        "<itunes:duration>6<",
        "<itunes:duration>60<",
    ),
    faulty(
        "E422",
        "a transcript that is not there",
        SHOW,
        "<item>",
        "podcast",
        "transcript.html",
        "transcript.htm",
    ),
    faulty(
        "E423",
        "an entry without title",
        RSS,
        "<item>",
        "feed",
        "<title>The Second Letter</title>",
        "<title></title>",
    ),
    # audio
    Broken("E503", "a silence in a recording", MP3, 0, (lambda root: _silent(root / RECORDING),)),
    faulty(
        "E509",
        "a transcript that leaves out most",
        "build/site/02-second/transcript.html",
        0,
        "transcript",
        "<p>.*</p>",
        "<p>It rained.</p>",
    ),
    Broken(
        "E515", "a recording that is none", RECORDING, 0, (put(RECORDING, b"RIFF and no sound"),)
    ),
    # pages
    faulty(
        "E602", "a heading without words", PAGE, "<h2></h2>", "page", "</main>", "<h2></h2></main>"
    ),
    faulty(
        "E605", "a page without its language", PAGE, "<html", "page", '<html lang="en"', "<html"
    ),
    faulty(
        "E606",
        "a page without a title",
        PAGE,
        "<title></title>",
        "page",
        "<title>.*?</title>",
        "<title></title>",
    ),
    faulty(
        "E607",
        "an image without alt",
        PAGE,
        "dot.png",
        "page",
        "</main>",
        '<img src="../artwork/icon.png#dot.png"></main>',
    ),
    faulty(
        "E608",
        "an id twice",
        PAGE,
        'id="what-came-in"></i>',
        "page",
        "</main>",
        '<i id="what-came-in"></i></main>',
    ),
    faulty(
        "E613",
        "headings that skip a level",
        PAGE,
        "<h5>",
        "page",
        "</main>",
        "<h2>Two</h2>\n<h5>Five</h5></main>",
    ),
    faulty(
        "E614",
        "a frame without a title",
        PAGE,
        "<iframe",
        "page",
        "</main>",
        "<iframe></iframe></main>",
    ),
)


def _delete(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
