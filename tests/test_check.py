"""Promises of check: each fault is found, at its line, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from pipeline import markdown
from pipeline.check import Built, Finding, findings
from pipeline.check.memory import Memory
from pipeline.identity import Identities
from pipeline.inlines import Links, html
from pipeline.model import (
    Email,
    Episode,
    Feeds,
    Listing,
    MailingList,
    Person,
    Podcast,
    Publication,
    Series,
    Service,
)
from pipeline.stage import Made
from tests.publications import png

PUBLICATION = Publication(
    title="Ground Truth",
    url="https://ground.example/news/",
    description="News",
    people=(Person("neal", "Neal"),),
    series=Series("Ground Truth"),
    podcast=Podcast("Neal", "neal@ground.example", "artwork/cover.png"),
)
LISTING = Listing(
    number=6,
    title="Six",
    published=datetime(2026, 6, 6, 8, tzinfo=UTC),
    summary="What happened",
    slug="06-six",
    guid="guid-6",
)
FIRST = 8
"""The line of episode.md where the body begins."""


def episode(body: str, listing: Listing = LISTING) -> Episode:
    where = f"content/{listing.slug}/episode.md"
    found = markdown.document(body, where, FIRST)
    return Episode(listing, where, found.blocks, found.footnotes)


def found(root: Path, *episodes: Episode, publication: Publication = PUBLICATION) -> list[Finding]:
    """What check finds in these episodes, and in the files that lie below build/."""
    files = {}
    for file in sorted((root / "build").rglob("*.*")):
        path, data = file.relative_to(root / "build").as_posix(), file.read_bytes()
        files[path] = Made(path, sha256(data).hexdigest(), len(data), str(file))
    given = {one.slug: one for one in episodes}
    for one in episodes:
        if not (root / one.source).is_file():
            write(root / one.source, "---\n---\n")
    built = Built(
        root,
        publication,
        [one.listing for one in episodes],
        files,
        {slug: sha256(repr(one).encode()).hexdigest() for slug, one in given.items()},
        given.__getitem__,
        Identities(),
        datetime(2027, 1, 1, tzinfo=UTC),
        whole="site/index.html" in files,
    )
    with Memory(root / ".simulcast/check.db") as memory:
        return findings(built, memory)


def seen(root: Path, *episodes: Episode) -> list[tuple[str, int]]:
    """The code and line of each finding."""
    return [(one.code, one.line) for one in found(root, *episodes)]


def write(file: Path, text: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A publication whose one episode has a picture and a table of data beside it."""
    front = "---\ntitle: Six\nnumber: 6\npublished: 2026-06-06T08:00:00Z\nsummary: What happened\n"
    write(tmp_path / "content/06-six/episode.md", f"{front}image: map.png\n---\n")
    write(tmp_path / "content/06-six/map.png", png(8, 8))
    write(tmp_path / "content/06-six/data.csv", "a,b\n")
    return tmp_path


def page(root: Path, path: str, body: str) -> None:
    head = '<!doctype html>\n<html lang="en"><head><title>A page</title></head><body>\n'
    write(root / "build/site" / path, f"{head}{body}\n</body></html>")


# --- the source -----------------------------------------------------------------------------------


def test_a_good_episode_has_nothing_to_mend(root: Path) -> None:
    body = (
        "## A heading\n\nWords, and [a heading](#a-heading), [data](data.csv) and a note.[^1]\n\n"
        "![A map of it](map.png)\n\n[Out](https://example.org/) [Mail](mailto:a@example.org)\n\n"
        "[^1]: The note.\n"
    )
    assert found(root, episode(body)) == []


def test_a_picture_without_words_is_found_in_a_figure_and_in_a_line(root: Path) -> None:
    body = "![](map.png)\n\nWords\nand ![](map.png) more.\n"
    assert seen(root, episode(body)) == [("E102", FIRST), ("E102", FIRST + 3)]


def test_the_episodes_image_needs_words_too(root: Path) -> None:
    listing = replace(LISTING, image="map.png")
    assert seen(root, episode("Words.", listing)) == [("E102", 6)]
    assert found(root, episode("Words.", replace(listing, image_alt="A map"))) == []


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("It cost TK dollars.", 0),
        ("It cost TKTK dollars.", 0),
        ("Words\nand more\nuntil TK.", 2),
        ("**TK.** Words", 0),
        ("- one\n- two *TK*\n", 1),
        ('::: {.callout title="TK"}\nWords.\n:::\n', 0),
        ("Words.[^1]\n\n[^1]: Source TK\n", 2),
        ("| a | b |\n|---|---|\n| c | TK |\n", 2),
        ("![TK](map.png)\n", 0),
    ],
)
def test_a_placeholder_is_found_where_it_stands(root: Path, body: str, line: int) -> None:
    assert seen(root, episode(body)) == [("E103", FIRST + line)]


@pytest.mark.parametrize(
    "body",
    ["The `TK` mark.", "```\nTK\n```\n", "TKO, ATK and tk.", "A [site](https://example.tk/TK)."],
)
def test_what_only_looks_like_a_placeholder_is_not_one(root: Path, body: str) -> None:
    assert found(root, episode(body)) == []


def test_front_matter_is_read_for_placeholders_too(root: Path) -> None:
    assert seen(root, episode("Words.", replace(LISTING, summary="What TK"))) == [("E103", 5)]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("It was the the end.", 0),
        ("The the end.", 0),
        ("It was the\nthe end.", 1),
        ("At the end *end*.", 0),
        ("Cela va va.", 0),
        ("Это это слово.", 0),
        ("यह किताब किताब है।", 0),
    ],
)
def test_a_doubled_word_is_a_warning(root: Path, body: str, line: int) -> None:
    (one,) = found(root, episode(body))
    assert (one.code, one.severity, one.line) == ("E105", "warning", FIRST + line)


@pytest.mark.parametrize(
    "body",
    [
        "He said that that had had its day.",
        "Duran Duran played.",
        "So 100 100 more.",
        "What it was, was clear.",
        "The end.\n\nEnd of it.",
        "Run `make make` now.",
        "A — — dash.",
    ],
)
def test_words_that_may_stand_twice_are_left_alone(root: Path, body: str) -> None:
    assert found(root, episode(body)) == []


# --- the settings ---------------------------------------------------------------------------------

SENDER = Email("News <post@ground.example>")


@pytest.mark.parametrize(
    ("email", "seed", "line", "said"),
    [
        (None, "a@ground.example", 0, "there is no [email] table; add one with sender ="),
        (Email("nobody"), "a@ground.example", 2, "email.sender: "),
        (Email(SENDER.sender, "nobody"), "a@ground.example", 3, "email.reply_to: "),
        (SENDER, "nobody", 6, "lists.readers.seeds, number 1: "),
    ],
)
def test_what_would_make_mailing_fail_is_found_before_anything_is_deployed(
    root: Path, email: Email | None, seed: str, line: int, said: str
) -> None:
    if email:
        text = "[email]\nsender = ''\nreply_to = ''\n\n[lists.readers]\nseeds = []\n"
        write(root / "content/publication.toml", text)
    lists = {"readers": MailingList("Readers", seeds=(seed,))}
    publication = replace(PUBLICATION, email=email, lists=lists)
    (one,) = found(root, publication=publication)
    assert (one.code, one.severity, one.line) == ("E106", "error", line)
    assert one.where == "content/publication.toml" and said in str(one)


def test_good_addresses_are_no_finding(root: Path) -> None:
    lists = {"readers": MailingList("Readers", seeds=("a@ground.example",))}
    publication = replace(PUBLICATION, email=SENDER, lists=lists)
    assert found(root, publication=publication) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"people": (Person("a", "A"), Person("a", "B"))}, 'two people have the id "a"'),
        ({"feeds": Feeds(limit=0)}, "feeds.limit: 0 is below 1"),
        ({"feeds": Feeds(hub="ftp://hub")}, 'feeds.hub: "ftp://hub" is not a web address'),
        ({"podcast": Podcast("Neal", "nobody", "x.png")}, "podcast.owner_email: "),
    ],
)
def test_a_wrong_setting_is_found(root: Path, changes: dict[str, object], said: str) -> None:
    publication = replace(PUBLICATION, **changes)  # type: ignore[arg-type]
    (one,) = found(root, publication=publication)
    assert (one.where, one.code, one.severity) == ("content/publication.toml", "E107", "error")
    assert said in one.message


@pytest.mark.parametrize(
    ("changes", "line", "said"),
    [
        ({"url": "http://g.example/"}, 1, 'url: "http://g.example/" is without https'),
        ({"service": Service(url="http://s.example/")}, 3, "service.url: "),
        ({"feeds": Feeds(hub="http://hub.example/")}, 5, "feeds.hub: "),
    ],
)
def test_an_address_without_https_is_a_warning(
    root: Path, changes: dict[str, object], line: int, said: str
) -> None:
    text = 'url = ""\n[service]\nurl = ""\n[feeds]\nhub = ""\n'
    write(root / "content/publication.toml", text)
    (one,) = found(root, publication=replace(PUBLICATION, **changes))  # type: ignore[arg-type]
    assert (one.where, one.line) == ("content/publication.toml", line)
    assert (one.code, one.severity) == ("E426", "warning")
    assert said in one.message and one.mend.startswith('write "https://')


def dated(root: Path, number: int, day: int, **changes: object) -> Episode:
    """An episode of a day in June, written down with its date on line 4."""
    published = datetime(2026, 6, day, 8, tzinfo=UTC)
    slug = f"{number:02}-x" if not changes else f"{number:02}-y"
    listing = replace(LISTING, number=number, published=published, slug=slug, guid=slug, **changes)  # type: ignore[arg-type]
    front = f"---\ntitle: Six\nnumber: {number}\npublished: {published.isoformat()}\n---\n"
    write(root / f"content/{slug}/episode.md", front)
    return episode("Words.", listing)


def test_a_date_that_goes_backwards_is_a_warning_at_its_line(root: Path) -> None:
    (one,) = found(root, *(dated(root, number, day) for number, day in ((1, 1), (3, 2), (2, 9))))
    assert (one.where, one.line, one.episode) == ("content/03-x/episode.md", 4, "03-x")
    assert (one.code, one.severity) == ("E425", "warning")
    assert "2026-06-02 08:00 is before episode 2, 2026-06-09 08:00" in one.message
    assert "content/02-x/episode.md" in one.mend


def test_only_full_episodes_of_one_season_go_in_the_order_of_their_numbers(root: Path) -> None:
    trailer = dated(root, 5, 1, type="trailer")
    season = dated(root, 1, 20, season=1)
    assert found(root, dated(root, 2, 5), dated(root, 3, 5), trailer, season) == []


def test_the_line_of_a_setting_is_told(root: Path) -> None:
    people = '[[people]]\nid = "a"\n\n[[people]]\nname = "B"\nid = "a"\n'
    write(root / "content/publication.toml", people)
    publication = replace(PUBLICATION, people=(Person("a", "A"), Person("a", "B")))
    assert [one.line for one in found(root, publication=publication)] == [6]


@pytest.mark.parametrize(
    ("mode", "size", "kind", "faults"),
    [
        ("RGB", (1400, 1400), "PNG", 0),
        ("RGB", (1400, 1400), "JPEG", 0),
        ("RGB", (1399, 1399), "PNG", 1),
        ("RGB", (3001, 3001), "PNG", 1),
        ("RGB", (1400, 1500), "PNG", 1),
        ("RGBA", (1400, 1400), "PNG", 1),
        ("RGB", (1400, 1400), "GIF", 2),
    ],
)
def test_artwork_that_directories_refuse_is_found(
    root: Path, mode: str, size: tuple[int, int], kind: str, faults: int
) -> None:
    (root / "artwork").mkdir()
    Image.new(mode, size).save(root / "artwork/cover.png", kind)
    assert [one.code for one in found(root)] == ["E107"] * faults


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"by": ("neil",)}, 'did you mean "neal"?'), ({"season": 0}, "season: 0 is below 1")],
)
def test_wrong_front_matter_is_found(root: Path, changes: dict[str, object], said: str) -> None:
    (one,) = found(root, episode("Words.", replace(LISTING, **changes)))  # type: ignore[arg-type]
    assert one.code == "E108" and said in str(one)


SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("a.png", "no picture", True),
        ("notes.md", "Words.\n", True),
        ("a.svg", SVG.format("<path/>"), False),
        ("a.svg", SVG.format("<script/>"), True),
        ("a.svg", SVG.format('<path onclick="x"/>'), True),
        ("a.svg", SVG.format('<a xlink:href="javascript:x"/>'), True),
        ("a.svg", SVG.format("<g><foreignObject/></g>"), True),
        ("a.svg", "<html/>", True),
    ],
)
def test_a_picture_must_be_a_picture(root: Path, name: str, content: str, wrong: bool) -> None:
    write(root / "content/06-six" / name, content)
    given = episode(f"![What]({name})\n\nAnd ![what]({name}) here.\n")
    expected = [("E109", FIRST), ("E109", FIRST + 2)] if wrong else []
    assert seen(root, given) == expected


def test_a_footnote_that_nothing_refers_to_is_a_warning(root: Path) -> None:
    text = "Words.[^a]\n\n[^a]: Seen.\n[^b]: Unseen.\n\n```\n[^c]: code\n```\n"
    write(root / "content/06-six/episode.md", text)
    (one,) = found(root, episode(text))
    assert (one.code, one.severity, one.line) == ("E111", "warning", 4) and '"b"' in one.message


def test_an_episode_that_shows_nothing_on_the_web_is_a_warning(root: Path) -> None:
    hidden = '::: {.only for="email"}\nWords.\n:::\n\n::: {.except for="web"}\nMore.\n:::\n'
    (one,) = found(root, episode(hidden))
    assert (one.code, one.severity, one.line) == ("E112", "warning", FIRST)
    assert found(root, episode(hidden + "\nEverywhere.\n")) == []


# --- links in the source --------------------------------------------------------------------------


def test_a_link_to_an_episode_that_is_not_published_is_found(root: Path) -> None:
    five = episode("Words.", replace(LISTING, slug="05-five", number=5))
    for path in ("index.html", "06-six/index.html", "05-five/index.html"):
        page(root, path, "")
    link = "Words [there](../05-five/episode.md).\n\n[gone away](../05-fife/episode.md)"
    (one,) = found(root, episode(link), five)
    assert (one.code, one.line) == ("E201", FIRST + 2)
    assert 'did you mean "05-five"?' in str(one)
    (root / "build/site/05-five/index.html").unlink()
    assert seen(root, episode(link), five) == [("E201", FIRST), ("E201", FIRST + 2)]


def test_a_link_to_a_heading_that_is_not_there_is_found(root: Path) -> None:
    five = episode("## Money\n", replace(LISTING, slug="05-five", number=5))
    page(root, "index.html", "")
    page(root, "05-five/index.html", '<h2 id="money">Money</h2>')
    page(root, "06-six/index.html", '<h2 id="power">Power</h2><div id="player"></div>')
    body = (
        "## Power\n\n[a word](#power) [b word](#powr)\n[c word](../05-five/episode.md#money)\n"
        "[d word](../05-five/episode.md#mony) [listen to it](#player)\n"
    )
    first, second = found(root, episode(body), five)
    assert (first.code, first.line) == ("E202", FIRST + 2) and '"power"' in first.mend
    assert (second.code, second.line) == ("E202", FIRST + 4) and '"money"' in second.mend


def test_a_missing_file_is_found(root: Path) -> None:
    (root / "content/06-six/data.csv").unlink()
    (root / "content/06-six/map.png").unlink()
    body = "Words\n[data](data.csv).\n\n![A map](map.png)\n"
    assert seen(root, episode(body)) == [("E203", FIRST + 1), ("E203", FIRST + 3)]


# --- links in the built site ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "href",
    [
        "../05-five/index.html",
        "../05-five/",
        "/news/05-five/",
        "https://ground.example/news/",
        "https://ground.example/elsewhere/",
        "https://example.org/nowhere",
        "//example.org/nowhere",
        "mailto:a@example.org",
        "data:image/png;base64,AAAA",
        "#here",
        "#top",
        "#",
        "",
        "?q=1",
        "../05-five/index.html#money",
        "../05-five/index.html?x=1#money",
        "../audio/06%20six.mp3#t=12",
        "sound%C3%A9.png",
    ],
)
def test_a_built_link_that_leads_somewhere_is_no_finding(root: Path, href: str) -> None:
    page(root, "index.html", "")
    page(root, "05-five/index.html", '<h2 id="money">Money</h2>')
    write(root / "build/site/audio/06 six.mp3", b"")
    write(root / "build/site/06-six/soundé.png", b"")
    page(root, "06-six/index.html", f'<p id="here"><a href="{href}">x</a></p>')
    assert found(root) == []


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ('<a href="../07-seven/">x</a>', "E204"),
        ('<a href="../07-seven/index.html#x">x</a>', "E204"),
        ('<img src="map.png" alt="x">', "E204"),
        ('<link rel="stylesheet" href="/news/static/style.css">', "E204"),
        ('<audio><source src="../audio/06.mp3"></audio>', "E204"),
        ('<meta property="og:image" content="https://ground.example/news/card.png">', "E204"),
        ('<a href="https://ground.example/news/gone">x</a>', "E204"),
        ('<a href="#nowhere">x</a>', "E205"),
        ('<a href="../index.html#nowhere">x</a>', "E205"),
    ],
)
def test_a_built_link_that_leads_nowhere_is_found(root: Path, element: str, code: str) -> None:
    page(root, "index.html", "")
    page(root, "06-six/index.html", element)
    (one,) = found(root)
    assert (one.code, one.where, one.line) == (code, "build/site/06-six/index.html", 3)


def test_one_broken_link_on_every_page_is_one_finding(root: Path) -> None:
    page(root, "index.html", "")
    for number in range(5):
        page(root, f"{number}/index.html", '<a href="../about/">About</a>')
    (one,) = found(root)
    assert one.where == "build/site/0/index.html" and "4 other pages do" in one.message


@pytest.mark.parametrize("at", ["06-six/index.html", None])
def test_a_file_with_a_hash_in_its_name_is_linked_whole(root: Path, at: str | None) -> None:
    links = Links(PUBLICATION.url, at, "06-six")  # None: as the email and the feeds link
    write(root / "content/06-six/a#b.png", png(8, 8))
    write(root / "build/site/06-six/a#b.png", png(8, 8))
    page(root, "index.html", "")
    given = episode("So ![What](a%23b.png) and [that](a%23b.png).\n")
    words = html(given.blocks[0].inlines, links)
    assert words.count('a%23b.png"') == 2
    page(root, "06-six/index.html", words)
    assert found(root, given) == []
    assert links.to("05-five/index.html", "what is").endswith("#what%20is")


def test_pages_of_a_build_that_failed_are_not_checked(root: Path) -> None:
    page(root, "06-six/index.html", '<a href="../index.html">Home</a>')
    five = episode("Words.", replace(LISTING, slug="05-five", number=5))
    assert found(root, episode("[Five](../05-five/episode.md)"), five) == []


def test_an_empty_page_is_no_crash(root: Path) -> None:
    write(root / "build/site/index.html", b"")
    assert found(root) == []


# --- emails and feeds -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "codes"),
    [
        (90_000, []),
        (90_001, [("E302", "warning")]),
        (102_400, [("E302", "warning")]),
        (102_401, [("E301", "error")]),
    ],
)
def test_an_email_that_gmail_would_clip_is_found(
    root: Path, size: int, codes: list[tuple[str, str]]
) -> None:
    write(root / "build/email/06-six.html", "<p>".ljust(size, "x"))
    page(root, "index.html", "")
    told = [(one.code, one.severity) for one in found(root, episode("Words."))]
    assert [one for one in told if one[0] in ("E301", "E302")] == codes


@pytest.mark.parametrize(
    "name", ["rss.xml", "podcast.xml", "feeds.opml", "feeds/1/rss.xml", "sitemap-1.xml"]
)
def test_a_feed_that_no_reader_can_open_is_found(root: Path, name: str) -> None:
    page(root, "index.html", "")
    write(root / "build/site" / name, "<rss>\n<channel>Tom & Jerry</channel>\n</rss>")
    (one,) = found(root)
    assert (one.code, one.where, one.line) == ("E401", f"build/site/{name}", 2)
    write(root / "build/site" / name, "<opml>\n<body>Tom &amp; Jerry</body>\n</opml>")
    assert found(root) == []


@pytest.mark.parametrize(
    ("content", "line"), [(b'{"a": 1\n"b": 2}', 2), (b"[]", 1), (b'"\xff"', 0), (b"", 1)]
)
def test_a_json_feed_that_is_not_json_is_found(root: Path, content: bytes, line: int) -> None:
    page(root, "index.html", "")
    write(root / "build/site/feed.json", content)
    (one,) = found(root)
    assert (one.code, one.line) == ("E402", line)


def test_findings_come_in_the_order_of_the_file_and_read_as_a_line(root: Path) -> None:
    text = "One TK.\n\nTwo the the.\n\nThree TK.\n"
    first, second, third = found(root, episode(text))
    assert [first.line, second.line, third.line] == [FIRST, FIRST + 2, FIRST + 4]
    assert str(first) == (
        'content/06-six/episode.md:8: E103 "TK" marks something still to come; '
        "write it, or put it in `backticks` if it is meant so"
    )
