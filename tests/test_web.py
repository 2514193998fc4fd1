"""Pages, lists and pictures on the web: well made, complete, and asking nothing of anybody."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import hypothesis
import pytest
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from pipeline import config, identity, media, source
from pipeline.errors import MediaError, OutsideError, TemplateError
from pipeline.inlines import way
from pipeline.model import Episode, Feeds, Listing, Place, Publication, Series, SeriesEntry
from pipeline.runner import Desk, Report, build
from pipeline.stage import Artifact, Artifacts, Made, Stage
from pipeline.stages.art import art
from pipeline.stages.backlist import backlist
from pipeline.stages.page import page
from pipeline.stages.pictures import pictures
from pipeline.stages.search import search
from pipeline.stages.site import _artwork, site
from pipeline.store import Store
from pipeline.templates import Templates, search_path
from tests.publications import SETTINGS, front_matter, small

HERE = Path(__file__).resolve().parent.parent
THEMES = ("ledger", "nocturne")
FEEDS = {"rss.xml", "atom.xml", "feed.json", "podcast.xml"}
ADDRESSES = {"href", "src", "data"}
EVERYTHING = """\
::: {.lede by="Ada" role="Engineer"}
Begin with someone's words.
:::

A paragraph with *emphasis*, `code`, a [link](https://example.org/?a=1&b=2) and a note.[^one]

## A heading & more

**A head.** Its words.

1. one
2. **Two.** And more
    - deeper

3. three

> Quoted.
>
> — Someone, somewhere

::: {.pull by="Ada"}
Pulled.
:::

::: {.key-figures title="In figures"}
- **45%** of everything
- **2** of a kind
:::

::: timeline
- **2019** It began
- **2026** It went on
:::

::: round-up
- **A name**, with a comma
- **Another** without
:::

| Left | Right |
|:--|--:|
| a | 1 |

![What the drawing shows](drawing.png "A caption")

```python
if a < b: print("{{ braces }} {% too %}")
```

::: {.callout title="Aside"}
Words & signs.
:::

::: {.embed url="https://example.org/film" title="A film"}
What it shows.
:::

::: {.audio src="interview.mp3" title="An interview"}
:::

---

::: {.correction date="2026-01-02"}
It was otherwise.
:::

[^one]: The note.
"""


@dataclass(frozen=True)
class World:
    """A publication read from disk, and what its stages are given."""

    root: Path
    publication: Publication
    sources: source.Contents
    templates: Templates

    @property
    def listings(self) -> tuple[Listing, ...]:
        return self.sources.listings

    def episode(self, slug: str) -> Episode:
        return source.episode(self.sources.sources[slug], self.root)

    def place(self, slug: str) -> Place:
        return source.places(self.listings, source.index(self.publication))[slug]

    def files(self, path: str) -> Path:
        return self.root / path


def world(root: Path, theme: str = "ledger") -> World:
    publication = replace(config.publication(root), theme=theme)
    contents = source.contents(root, publication, identity.recorded(root))
    assert not contents.errors
    return World(root, publication, contents, Templates(search_path(root, theme)))


def made(folder: Path, path: str, content: str) -> Made:
    file = folder / path.replace("/", "_")
    file.write_text(content, "utf-8")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Made(path, digest, file.stat().st_size, str(file))


WAVE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 160"><path d="M0 80h1200"/></svg>'
SPOKEN = (
    ("Narrator", 4.0, 6.0, "First."),
    ("Quotation", 6.3, 8.0, "“Quoted & said.”"),
    ("Narrator", 9.0, 11.0, "A heading & more."),
    ("Narrator", 11.3, 14.0, "Its words."),
)


CHAPTERS = ((0.0, "First"), (9.0, "A heading & more"))


def heard(
    folder: Path,
    slug: str,
    spoken: Iterable[tuple[str, float, float, str]] = SPOKEN,
    chapters: Iterable[tuple[float, str]] = CHAPTERS,
    wave: str = WAVE,
) -> dict[str, Artifacts]:
    """What the stages of sound would have made of an episode."""
    told = {"duration": 20.5, "size": 4, "type": "audio/mpeg", "source": "narration"}
    marked = [{"startTime": start, "title": title} for start, title in chapters]
    segments = [
        {"speaker": who, "startTime": start, "endTime": end, "body": words}
        for who, start, end, words in spoken
    ]
    return {
        "audio": Artifacts(
            [
                made(folder, f"site/audio/{slug}.mp3", "mp3"),
                made(folder, f"audio/{slug}.json", json.dumps(told)),
            ]
        ),
        "chapters": Artifacts(
            [made(folder, f"site/{slug}/chapters.json", json.dumps({"chapters": marked}))]
        ),
        "transcript": Artifacts(
            [
                made(folder, f"site/{slug}/transcript.vtt", "WEBVTT\n"),
                made(folder, f"site/{slug}/transcript.json", json.dumps({"segments": segments})),
            ]
        ),
        "waveform": Artifacts([made(folder, f"site/{slug}/waveform.svg", wave)]),
    }


MADE = ("audio", "chapters", "transcript", "waveform", "pictures")
SILENT = dict.fromkeys(MADE, Artifacts())


def run(stage: Stage, **values: Any) -> Iterable[Artifact]:
    return stage.function(**{name: values[name] for name in stage.parameters})


def given(of: World, slug: str) -> dict[str, Any]:
    """What a stage that is made per episode receives."""
    episode = of.episode(slug)
    return {
        "publication": of.publication,
        "listing": episode.listing,
        "episode": episode,
        "place": of.place(slug),
        "templates": of.templates,
        "files": of.files,
    }


def around(
    of: World,
    audio: Mapping[str, Artifacts],
    waveform: Mapping[str, Artifacts] | None = None,
    pictures: Mapping[str, Artifacts] | None = None,
    episodes: tuple[Listing, ...] | None = None,
) -> Iterable[Artifact]:
    """What stands around the episodes: full pages of lists, and all else."""
    listings = of.listings if episodes is None else episodes
    values = {
        "publication": of.publication,
        "templates": of.templates,
        "files": of.files,
        "audio": audio,
        "waveform": waveform or {},
        "pictures": pictures or {},
    }
    for full_page in source.pages(listings, of.publication.feeds.page):
        yield from run(backlist, full_page=full_page, **values)
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        try:
            for one in run(site, episodes=listings, kept=store, **values):
                yield Artifact(one.path, content(one))
        finally:
            store.close()


def content(artifact: Artifact | Made) -> bytes:
    if isinstance(artifact, Made):
        return artifact.read()
    found = artifact.content
    if isinstance(found, Path):
        return found.read_bytes()
    return found.encode() if isinstance(found, str) else found


def found_by(of: World, pages: Mapping[str, Artifacts], folder: Path) -> list[Artifact | Made]:
    """What the search stage makes of episodes' pages."""
    store = Store(folder)
    try:
        return list(
            run(
                search,
                publication=of.publication,
                episodes=of.listings,
                templates=of.templates,
                page=pages,
                kept=store,
                progress=lambda *_: None,
            )
        )
    finally:
        store.close()


def lightened(of: World, folder: Path) -> dict[str, Artifacts]:
    """What the stage of pictures makes of each episode."""
    store = Store(folder)
    try:
        return {
            one.slug: Artifacts(
                store.keep(found) for found in run(pictures, **given(of, one.slug), kept=store)
            )
            for one in of.listings
        }
    finally:
        store.close()


def whole(
    of: World, folder: Path, hearing: Callable[[Path, str], dict[str, Artifacts]] = heard
) -> dict[str, bytes]:
    """All that the stages of the web make of a publication, by path below build/site."""
    folder.mkdir(exist_ok=True)
    sounds = {one.slug: hearing(folder, one.slug) for one in of.listings}
    light = lightened(of, folder)
    heard_of, drawn = (
        {slug: parts[name] for slug, parts in sounds.items()} for name in ("audio", "waveform")
    )
    artifacts = list(around(of, heard_of, drawn, light))
    read = dict[str, Artifacts]()
    for one in of.listings:
        values = {**given(of, one.slug), **sounds[one.slug], "pictures": light[one.slug]}
        shown = list(run(page, **values))
        artifacts += shown
        artifacts += run(art, **given(of, one.slug))
        text = content(shown[0]).decode()
        read[one.slug] = Artifacts([made(folder, shown[0].path, text)])
    artifacts += found_by(of, read, folder)
    found = {one.path.removeprefix("site/"): content(one) for one in artifacts}
    assert len(found) == len(artifacts), "two stages make the same file"
    others = {
        part.path.removeprefix("site/"): b"" if part.path.endswith(".mp3") else part.read()
        for parts in (*sounds.values(), light)
        for each in parts.values()
        for part in each
    }
    return {**dict.fromkeys(FEEDS, b""), **others, **found}


@pytest.fixture(scope="module", params=THEMES)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The publication of this repository on the web, in each theme."""
    return whole(world(HERE, request.param), tmp_path_factory.mktemp("sounds"))


@pytest.fixture
def full(tmp_path: Path) -> World:
    """A publication whose one episode uses every kind of block."""
    text = front_matter(title="All <of> & them 🤖", subtitle='"It\'s all here"') + EVERYTHING
    root = small(
        tmp_path / "full", e01_everything=text, e02_next=front_matter(2, "Next") + "Words.\n"
    )
    folder = root / "content" / "01-everything"
    Image.new("RGB", (640, 360)).save(folder / "drawing.png")
    (folder / "interview.mp3").write_bytes(b"mp3")
    return world(root)


def parsed(text: bytes) -> etree._Element:
    """A page read strictly: one tag that is not closed, or closed too early, is an error."""
    return etree.fromstring(text.replace(b"<!DOCTYPE html>\n", b"", 1))


def pages(of: Mapping[str, bytes]) -> Iterator[tuple[str, etree._Element]]:
    for path, text in of.items():
        if path.endswith("index.html") or path == "404.html":
            yield path, parsed(text)


def addresses(tree: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    for element in tree.iter(etree.Element):
        for name in ADDRESSES & set(element.attrib):
            yield element, element.attrib[name]


def text_of(element: etree._Element | None) -> str:
    assert element is not None
    return " ".join("".join(element.itertext()).split())


# --- well made --------------------------------------------------------------------------------------


def check_outline(path: str, tree: etree._Element) -> None:
    ids = [element.attrib["id"] for element in tree.iter(etree.Element) if "id" in element.attrib]
    assert len(ids) == len(set(ids)), f"{path}: an id stands twice"
    levels = [int(one.tag[1]) for one in tree.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1, f"{path} has {levels.count(1)} titles"
    assert all(b - a <= 1 for a, b in pairwise(levels)), f"{path}: {levels}"
    for landmark in ("header", "nav", "main", "footer"):
        assert tree.find(f".//{landmark}") is not None, f"{path} has no {landmark}"
    for image in tree.iter("img"):
        assert {"alt", "width", "height"} <= set(image.attrib), f"{path}: {image.attrib}"


def test_every_page_is_well_formed_and_outlined(built: dict[str, bytes]) -> None:
    for path, tree in pages(built):
        check_outline(path, tree)
        assert tree.attrib["lang"] == "en"
        assert tree.attrib["dir"] == "ltr"


def test_a_browser_reads_the_same_tree_as_a_strict_reader(built: dict[str, bytes]) -> None:
    """Where the two differ, a block stands inside a paragraph, and a browser would close it early."""
    from lxml import html

    for path, tree in pages(built):
        lenient = html.document_fromstring(built[path].decode())
        assert [one.tag for one in lenient.iter(etree.Element)] == [
            one.tag for one in tree.iter(etree.Element)
        ], path


def test_every_block_fits_into_a_well_formed_page(full: World, tmp_path: Path) -> None:
    found = whole(full, tmp_path / "sounds")
    tree = parsed(found["01-everything/index.html"])
    check_outline("01-everything/index.html", tree)
    assert text_of(tree.find(".//h1")) == "All <of> & them 🤖"
    assert 'if a < b: print("{{ braces }} {% too %}")' in text_of(tree.find(".//pre"))
    picture = tree.find(".//figure[@class='picture']//img")
    assert picture is not None
    assert (picture.attrib["width"], picture.attrib["height"]) == ("640", "360")
    assert picture.attrib["loading"] == "lazy"
    assert found["01-everything/drawing.png"].startswith(b"\x89PNG")
    assert found["01-everything/interview.mp3"] == b"mp3"


# --- links ------------------------------------------------------------------------------------------


def target(path: str, address: str) -> str:
    """The path below build/site that a relative address on a page leads to."""
    parts: list[str] = []
    for part in [*PurePosixPath(path).parent.parts, *PurePosixPath(unquote(address)).parts]:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def check_links(found: Mapping[str, bytes]) -> None:
    trees = dict(pages(found))
    for path, tree in trees.items():
        for element, address in addresses(tree):
            if urlsplit(address).scheme or element.tag == "base":
                continue
            plain, fragment = urldefrag(address)
            there = target(path, plain) if plain else path
            assert there in found, f"{path}: {address} leads nowhere"
            moment = fragment.startswith("t=")
            if fragment and not moment and there in trees:
                assert trees[there].xpath("//*[@id=$id]", id=unquote(fragment)), (
                    f"{path}: {address}"
                )


def test_every_internal_link_leads_somewhere(built: dict[str, bytes]) -> None:
    check_links(built)


def test_every_link_of_every_block_leads_somewhere(full: World, tmp_path: Path) -> None:
    check_links(whole(full, tmp_path / "sounds"))


FOLDERS = st.lists(st.sampled_from(["a", "b", "archive", "06-six", "é"]), max_size=4)
STEPS = st.lists(st.sampled_from(["a", "b", "archive", "06-six", "é", ".", "..", ""]), max_size=6)


@hypothesis.given(FOLDERS, STEPS)
def test_the_way_from_a_page_to_a_file_is_what_the_library_says(
    folders: list[str], steps: list[str]
) -> None:
    at, path = "/".join([*folders, "index.html"]), "/".join([*steps, "name"]).lstrip("/")
    deep = "/".join(["", *"stuvwxyz"])  # so deep that no step leads out of it
    assert way(at, path) == posixpath.relpath(f"{deep}/{path}", posixpath.dirname(f"{deep}/{at}"))
    assert way(at, "/".join(folders) or ".") == "."


def test_pages_open_from_disk_because_their_links_are_relative(built: dict[str, bytes]) -> None:
    for path, tree in pages(built):
        for element, address in addresses(tree):
            own = address.startswith("https://groundtruth.example/")
            assert not own or element.attrib.get("rel") == "canonical", f"{path}: {address}"
            assert not address.startswith("/") or element.tag == "base", f"{path}: {address}"


def test_a_page_loads_nothing_from_another_host(built: dict[str, bytes]) -> None:
    for path, tree in pages(built):
        for element, address in addresses(tree):
            loaded = element.tag != "a" and element.attrib.get("rel") not in (
                "canonical",
                "alternate",
            )
            assert not (loaded and urlsplit(address).netloc), f"{path} loads {address}"
    for path, style in built.items():
        if path.endswith(".css"):
            for address in re.findall(r"url\(\"?([^)\"]+)", style.decode()):
                assert target(path, address) in built, f"{path}: {address}"


def test_a_strict_content_security_policy_would_hold(built: dict[str, bytes]) -> None:
    for path, tree in pages(built):
        for element in tree.iter(etree.Element):
            assert element.tag != "style", path
            assert "style" not in element.attrib, path
            assert not [name for name in element.attrib if name.startswith("on")], path
            if element.tag == "script" and "src" not in element.attrib:
                assert element.attrib["type"] == "application/ld+json", path


def test_every_page_offers_all_four_feeds(built: dict[str, bytes]) -> None:
    for path, tree in pages(built):
        offered = {
            target(path, link.attrib["href"]) for link in tree.xpath("//link[@rel='alternate']")
        }
        assert offered == FEEDS, path


def test_a_page_not_found_finds_its_style_at_any_depth(tmp_path: Path) -> None:
    root = small(
        tmp_path, SETTINGS.replace("https://small.example/", "https://small.example/letter/")
    )
    found = {one.path: one for one in around(world(root), {})}
    tree = parsed(content(found["site/404.html"]))
    assert tree.xpath("string(//base/@href)") == "/letter/"
    assert "static/style.css" in tree.xpath("//link[@rel='stylesheet']/@href")


# --- an episode's page ------------------------------------------------------------------------------


def test_an_episode_says_where_it_belongs_and_where_you_are(built: dict[str, bytes]) -> None:
    tree = parsed(built["06-microsoft-vs-everyone/index.html"])
    kicker = [text_of(part) for part in tree.xpath("//p[@class='kicker']/span")]
    assert kicker == ["Ground Truth", "Episode 06", "June 2026"]
    here = tree.xpath("//section[@class='series']//li[@aria-current='page']")
    assert [text_of(one) for one in here] == ["06 Microsoft vs Everyone You are here"]
    earlier = tree.xpath("//section[@class='series']//li[not(@aria-current)]")
    assert len(earlier) == 5
    assert not any(one.findall(".//a") for one in earlier), "they have no page here"
    assert tree.xpath("//nav[@class='turn']/a/@href") == ["../00-trailer/index.html"]


def test_a_correction_is_announced_above_the_text(full: World, tmp_path: Path) -> None:
    tree = parsed(whole(full, tmp_path / "sounds")["01-everything/index.html"])
    [notice] = tree.xpath("//p[@class='byline']/a")
    assert text_of(notice).startswith("Corrected ")
    [note] = tree.xpath("//*[@id=$id]", id=notice.attrib["href"].removeprefix("#"))
    assert text_of(note) == "Correction 2 January 2026 It was otherwise."


def test_the_transcript_can_be_followed_and_has_the_chapters_as_headings(
    full: World, tmp_path: Path
) -> None:
    tree = parsed(whole(full, tmp_path / "sounds")["01-everything/index.html"])
    [lines] = tree.xpath("//div[@class='lines']")
    assert [float(at) for at in lines.xpath(".//a/@data-start")] == [4, 6.3, 9, 11.3]
    assert [text_of(one) for one in lines] == [
        "First",
        "“Quoted & said.”",
        "A heading & more",
        "Its words.",
    ]
    assert [text_of(one) for one in lines.xpath(".//a[@class='quoted']")] == ["“Quoted & said.”"]
    assert lines.xpath("string(.//a/@href)") == "../audio/01-everything.mp3#t=4"
    [marked] = tree.xpath("//h2/a[@class='hear']/@data-start")
    assert float(marked) == 9


def test_the_player_works_without_scripts(built: dict[str, bytes]) -> None:
    tree = parsed(built["06-microsoft-vs-everyone/index.html"])
    [player] = tree.xpath("//section[@class='player']")
    [native] = player.findall("audio")
    assert "controls" in native.attrib
    assert "hidden" in player.xpath("div[@class='controls']")[0].attrib
    [track] = native.findall("track")
    assert track.attrib["src"] == "transcript.vtt"


def test_an_episode_without_sound_has_no_player(full: World) -> None:
    artifacts = {one.path: one for one in run(page, **given(full, "01-everything"), **SILENT)}
    tree = parsed(content(artifacts["site/01-everything/index.html"]))
    assert not tree.xpath("//*[@data-player or @data-start]")
    kinds = {one["@type"] for one in data_of(tree)["@graph"]}
    assert kinds == {"Article"}


def test_the_picture_of_an_episode_leads_unless_the_text_shows_it(tmp_path: Path) -> None:
    shown = "![Words](drawing.png)\n"
    pictured = {"image": "drawing.png", "image_alt": '"In words"'}
    root = small(
        tmp_path,
        e01_leads=front_matter(1, "One", **pictured) + "Words.\n",
        e02_shows=front_matter(2, "Two", **pictured) + shown,
    )
    for slug in ("01-leads", "02-shows"):
        Image.new("RGB", (64, 32)).save(root / "content" / slug / "drawing.png")
    for slug, alt in (("01-leads", "In words"), ("02-shows", "Words")):
        first, *_ = run(page, **given(world(root), slug), **SILENT)
        assert parsed(content(first)).xpath("//article//img/@alt") == [alt]


def data_of(tree: etree._Element) -> Any:
    return json.loads(tree.xpath("string(//script[@type='application/ld+json'])"))


def test_machines_read_who_wrote_what_when_and_where_it_is_heard(
    full: World, tmp_path: Path
) -> None:
    found = whole(full, tmp_path / "sounds")
    article, episode = data_of(parsed(found["01-everything/index.html"]))["@graph"]
    assert article["@type"] == "Article"
    assert article["headline"] == "All <of> & them 🤖"
    assert article["datePublished"] == "2026-01-01T08:00:00+00:00"
    assert episode["timeRequired"] == "PT20S"
    address = "https://small.example/audio/01-everything.mp3"
    assert episode["associatedMedia"]["contentUrl"] == address
    home = data_of(parsed(found["index.html"]))
    assert home["@type"] == "PodcastSeries"
    assert episode["partOfSeries"]["@id"] == home["@id"]


def test_a_shared_link_shows_the_card(built: dict[str, bytes]) -> None:
    tree = parsed(built["06-microsoft-vs-everyone/index.html"])
    shown = tree.xpath("string(//meta[@property='og:image']/@content)")
    assert built[shown.removeprefix("https://groundtruth.example/")].startswith(b"\x89PNG")
    assert tree.xpath("string(//meta[@name='twitter:card']/@content)") == "summary_large_image"
    assert tree.xpath("string(//meta[@name='twitter:image']/@content)") == shown


def test_every_page_says_what_it_is_to_search_engines_and_where_it_is_shared(
    built: dict[str, bytes],
) -> None:
    base = "https://groundtruth.example/"
    for path, tree in pages(built):
        told = {
            one.get("property") or one.get("name"): one.attrib["content"]
            for one in tree.xpath("//meta[@content]")
        }
        assert told["description"], path
        if path == "404.html":
            assert told["robots"] == "noindex"
            continue
        address = base + path.removesuffix("index.html")
        assert tree.xpath("//link[@rel='canonical']/@href") == [address]
        assert told["og:url"] == address
        assert told["og:title"] and told["og:description"], path
        assert told["og:image"].removeprefix(base) in built, path


def test_the_artwork_is_drawn_smaller_once(full: World, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    cover = full.root / "content/artwork/cover.png"

    def drawn() -> dict[str, bytes]:
        made = _artwork(full.publication, cover, store)
        return {one.path: content(one) for one in made}

    try:
        first = drawn()
        shelf = {file: file.stat() for file in tmp_path.rglob("shelf/*/*")}
        assert drawn() == first
        assert {file: file.stat() for file in tmp_path.rglob("shelf/*/*")} == shelf
        Image.new("RGB", (1400, 1400), "red").save(cover)
        after = drawn()
        assert all(after[path] != first[path] for path in first)
    finally:
        store.close()
    sizes = {Image.open(io.BytesIO(data)).size for data in after.values()}
    assert sizes == {(side, side) for side in (1400, 640, 192, 144, 32)}


def test_a_picture_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "drawing.png").write_bytes(b"not a picture")
    with pytest.raises(MediaError, match=r"drawing\.png is not a picture"):
        media.picture_size(tmp_path / "drawing.png")


def test_a_photograph_taken_sideways_has_the_size_that_is_seen(tmp_path: Path) -> None:
    photograph = Image.new("RGB", (40, 20))
    turned = Image.Exif()
    turned[0x0112] = 6
    photograph.save(tmp_path / "photograph.jpg", exif=turned)
    assert media.picture_size(tmp_path / "photograph.jpg") == (20, 40)


@pytest.mark.parametrize("theme", THEMES)
def test_text_that_runs_from_right_to_left_does_so(tmp_path: Path, theme: str) -> None:
    settings = SETTINGS.replace('language = "en"', 'language = "ar"')
    text = front_matter(title="الذكاء الاصطناعي") + "## عنوان\n\nكلمات **مهمة** 🤖.\n"
    found = whole(
        world(small(tmp_path / "ar", settings, e01_first=text), theme), tmp_path / "sounds"
    )
    for _, tree in pages(found):
        assert (tree.attrib["lang"], tree.attrib["dir"]) == ("ar", "rtl")
    assert "الذكاء الاصطناعي" in text_of(parsed(found["01-first/index.html"]).find(".//h1"))
    check_links(found)


@pytest.mark.parametrize(
    "written", ["de: ftp://x.example/", "deutsch sprache: https://x.example/", "de: 7"]
)
def test_a_translation_is_a_language_and_an_address(tmp_path: Path, written: str) -> None:
    text = front_matter(translations="{" + written + "}") + "Words.\n"
    root = small(tmp_path, e01_first=text)
    [error] = source.contents(
        root, config.publication(root), identity.recorded(root)
    ).errors.values()
    assert "content/01-first/episode.md:6: translations: " in str(error)


def test_readers_and_machines_find_an_episode_in_their_language(tmp_path: Path) -> None:
    text = front_matter(translations='{de: "https://x.example/6/", pt-BR: "https://y.example/"}')
    of = world(small(tmp_path / "it", e01_first=text + "Words.\n"))
    first, *_ = run(page, **given(of, "01-first"), **SILENT)
    tree = parsed(content(first))
    alternates = tree.xpath("//link[@hreflang]")
    assert {one.attrib["hreflang"]: one.attrib["href"] for one in alternates} == {
        "en": "https://small.example/01-first/",
        "de": "https://x.example/6/",
        "pt-BR": "https://y.example/",
    }
    named = {text_of(one): one.attrib["lang"] for one in tree.xpath("//p[@class='byline']/a")}
    assert named == {"Deutsch": "de", "Português": "pt-BR"}


def test_a_search_engine_finds_every_language_in_the_sitemap(tmp_path: Path) -> None:
    text = front_matter(translations='{de: "https://x.example/6/?a=1&b=2"}') + "Words.\n"
    of = world(small(tmp_path / "it", e01_first=text, e02_next=front_matter(2, "Next") + "More.\n"))
    found = {one.path: content(one) for one in around(of, {})}
    tree = etree.fromstring(found["site/sitemap.xml"])
    spaces = {
        "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
        "x": "http://www.w3.org/1999/xhtml",
    }
    told = {
        url.findtext("s:loc", namespaces=spaces): {
            link.attrib["hreflang"]: link.attrib["href"] for link in url.findall("x:link", spaces)
        }
        for url in tree
    }
    assert told["https://small.example/01-first/"] == {
        "en": "https://small.example/01-first/",
        "de": "https://x.example/6/?a=1&b=2",
    }
    assert told["https://small.example/02-next/"] == {}


def test_guests_are_named_to_readers_and_to_machines(tmp_path: Path) -> None:
    guests = '["Bo Guest", {name: Cy Guest, href: "https://cy.example/"}]'
    of = world(small(tmp_path / "it", e01_first=front_matter(guests=guests) + "Words.\n"))
    sounds = heard(tmp_path, "01-first")
    first, *_ = run(page, **given(of, "01-first"), **{**SILENT, **sounds})
    tree = parsed(content(first))
    assert "With Bo Guest and Cy Guest" in text_of(tree.find(".//p[@class='byline']"))
    _, episode = data_of(tree)["@graph"]
    assert episode["contributor"] == [
        {"@type": "Person", "name": "Bo Guest"},
        {"@type": "Person", "name": "Cy Guest", "url": "https://cy.example/"},
    ]


# --- search -----------------------------------------------------------------------------------------


def told(folder: Path, words: Mapping[str, str]) -> dict[str, Artifacts]:
    text = '<!DOCTYPE html>\n<html lang="en"><title>T</title><article data-pagefind-body="">'
    return {
        slug: Artifacts([made(folder, f"site/{slug}/index.html", f"{text}<h1>{slug}</h1>{said}")])
        for slug, said in words.items()
    }


def searched(of: World, folder: Path, words: Mapping[str, str]) -> dict[str, bytes]:
    folder.mkdir()
    return {one.path: content(one) for one in found_by(of, told(folder, words), folder)}


def test_the_same_pages_give_the_same_index(full: World, tmp_path: Path) -> None:
    words = {"01-everything": "money and power", "02-next": "power and money, again"}
    first = searched(full, tmp_path / "one", words)
    again = searched(full, tmp_path / "two", dict(reversed(words.items())))
    assert first == again
    assert any(path.endswith(".pf_index") for path in first)


def test_one_more_episode_leaves_full_indexes_alone(
    full: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.stages import search as stage

    monkeypatch.setattr(stage, "VOLUMES", (4, 2))
    assert list(stage._volumes(0)) == []
    assert list(stage._volumes(7)) == [(0, 4), (4, 6), (6, 7)]
    assert list(stage._volumes(8)) == [(0, 4), (4, 8)]
    words = {one.slug: f"word{one.number}" for one in many(7)}
    tmp_path.joinpath("store").mkdir()
    asked: list[int] = []
    monkeypatch.setattr(stage, "_index", counted(stage._index, asked))
    for count in (6, 7):
        listings = many(count)
        of = replace(full, sources=replace(full.sources, sources=dict.fromkeys(words)))
        monkeypatch.setattr(World, "listings", property(lambda _, found=listings: found))
        found_by(of, told(tmp_path, words), tmp_path / "store")
    assert asked == [4, 2, 1]


def counted(index: Any, asked: list[int]) -> Any:
    def count(texts: Mapping[str, Any], folder: str) -> Iterator[Artifact]:
        asked.append(len(texts))
        yield from index(texts, folder)

    return count


def test_pagefind_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import pagefind_bin

    from pipeline.stages.search import _index

    monkeypatch.setattr(pagefind_bin, "get_executable", lambda: Path("/usr/bin/false"))
    with pytest.raises(OutsideError, match="Pagefind ended before"):
        list(_index({"01": lambda: "<p>x"}, "site/search/0"))


# --- lists ------------------------------------------------------------------------------------------


def many(count: int) -> tuple[Listing, ...]:
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    return tuple(
        Listing(
            number, f"Title {number}", begin + timedelta(days=number), "Words.", slug=f"e{number}"
        )
        for number in range(1, count + 1)
    )


def listed(of: World, count: int) -> dict[str, bytes]:
    """What stands around so many episodes."""
    artifacts = list(around(of, {}, episodes=many(count)))
    found = {one.path: content(one) for one in artifacts}
    assert len(found) == len(artifacts), "two stages make the same file"
    return found


def paged(of: World, size: int = 2, **changed: Any) -> World:
    """The same world with so many episodes on a page."""
    return replace(of, publication=replace(of.publication, feeds=Feeds(limit=size), **changed))


def names(tree: etree._Element) -> list[str]:
    return [text_of(one) for one in tree.xpath("//li//span[@class='name']")]


def turned(found: Mapping[str, bytes], path: str, rel: str) -> Iterator[tuple[str, etree._Element]]:
    """The pages from one on, by the links that turn them."""
    while path:
        tree = parsed(found[f"site/{path}"])
        yield path, tree
        links = tree.xpath("//nav[@class='turn']/a[@rel=$rel]/@href", rel=rel)
        path = target(path, links[0]) if links else ""


def titles(numbers: Iterable[int]) -> list[str]:
    return [f"Title {number}" for number in numbers]


SIZES = [
    *((2, count) for count in range(8)),
    *((50, count) for count in (0, 1, 49, 50, 51, 99, 100, 101)),
]
"""Episodes on a page, and episodes."""


@pytest.mark.parametrize(("size", "count"), SIZES)
def test_every_turn_leads_to_a_page_and_the_lists_are_whole(
    full: World, size: int, count: int
) -> None:
    found = listed(paged(full, size), count)
    for path, tree in pages({path.removeprefix("site/"): text for path, text in found.items()}):
        for link in tree.xpath("//nav[@class='turn']/a/@href"):
            assert f"site/{target(path, link)}" in found, f"{path}: {link}"
    back = [one for _, tree in turned(found, "archive/index.html", "prev") for one in names(tree)]
    assert back == titles(range(count, 0, -1))
    series = [tree for _, tree in turned(found, "series/index.html", "next")]
    assert [one for tree in series for one in names(tree)] == titles(range(1, count + 1))
    assert len(series) == count // size + 1


@pytest.mark.parametrize(("size", "count"), SIZES)
def test_the_newest_page_of_the_archive_is_never_all_but_empty(
    full: World, size: int, count: int
) -> None:
    found = listed(paged(full, size), count)
    assert len(names(parsed(found["site/archive/index.html"]))) >= min(count, size)


@pytest.mark.parametrize("count", range(2, 8))
def test_who_turns_to_newer_pages_comes_to_the_newest(full: World, count: int) -> None:
    found = listed(paged(full), count)
    *before, (path, newest) = turned(found, "archive/1/index.html", "next")
    assert [path for path, _ in before] == [
        f"archive/{number}/index.html" for number in range(1, count // 2 + 1)
    ]
    assert path == f"archive/{count // 2 + 1}/index.html"
    assert names(newest) == names(parsed(found["site/archive/index.html"]))
    [address] = newest.xpath("//link[@rel='canonical']/@href")
    assert address == "https://small.example/archive/"
    back = [tree for _, tree in turned(found, path, "prev")]
    assert [one for tree in back for one in names(tree)] == titles(range(count, 0, -1))


def test_a_year_is_one_section_whatever_the_time_zones_around_new_year(full: World) -> None:
    written = (
        "2025-12-31T20:00:00+00:00",
        "2026-01-01T00:30:00+03:00",  # 21:30 in Greenwich
        "2025-12-31T22:00:00+00:00",
        "2026-01-01T00:45:00+02:00",  # 22:45 in Greenwich
        "2025-12-31T23:00:00+00:00",
        "2026-01-01T08:00:00+00:00",
    )
    dated = tuple(
        replace(one, published=datetime.fromisoformat(when))
        for one, when in zip(many(len(written)), written, strict=True)
    )
    made = {one.path: content(one) for one in around(full, {}, episodes=dated)}
    tree = parsed(made["site/archive/index.html"])
    assert tree.xpath("//section[@class='year']/h2/@id") == ["y2026", "y2025"]
    assert names(tree) == titles((6, 4, 2, 5, 3, 1))


def test_one_more_episode_leaves_everything_that_is_full_as_it_was(full: World) -> None:
    before = listed(paged(full), 2)
    for count in range(3, 9):
        after = listed(paged(full), count)
        for number in range(1, (count - 1) // 2 + 1):
            part = "series" if number == 1 else f"series/{number}"
            for path in (f"archive/{number}/index", f"{part}/index"):
                assert after[f"site/{path}.html"] == before[f"site/{path}.html"]
            path = f"site/sitemap-{number}.xml"
            assert after[path] == before[path]
        for path in ("archive/index.html", "index.html", "sitemap-newest.xml"):
            assert after[f"site/{path}"] != before[f"site/{path}"]
        before = after


@pytest.mark.parametrize("theme", THEMES)
def test_every_page_of_a_list_says_which_it_is(tmp_path: Path, theme: str) -> None:
    found = listed(paged(world(small(tmp_path), theme)), 5)
    told = {
        "archive/index.html": ("Archive", ""),
        "archive/2/index.html": ("Archive", "Page 2"),
        "archive/3/index.html": ("Archive", ""),
        "series/index.html": ("Series", ""),
        "series/2/index.html": ("Series", "Part 2"),
    }
    for path, (list_of, numbered) in told.items():
        tree = parsed(found[f"site/{path}"])
        _, *more = tree.xpath("//p[@class='kicker']/span")
        assert [text_of(one) for one in more] == ([numbered] if numbered else [])
        title = " · ".join(filter(None, (list_of, numbered, "Small Letter")))
        assert text_of(tree.find(".//title")) == title
        [here] = tree.xpath("//header[@class='masthead']//*[@aria-current]")
        assert text_of(here) == list_of
    turns = parsed(found["site/archive/2/index.html"]).xpath("//nav[@class='turn']/a")
    assert [text_of(one) for one in turns] == ["Older Page 1", "Newer Page 3"]


def test_without_a_full_page_there_is_one_of_each_list(full: World) -> None:
    found = listed(paged(full, 3), 2)
    assert [path for path in found if path.startswith(("site/archive", "site/series"))] == [
        "site/archive/index.html",
        "site/series/index.html",
    ]
    assert [path for path in found if path.startswith("site/sitemap")] == ["site/sitemap.xml"]


def test_the_part_that_is_open_says_what_will_stand_there(full: World) -> None:
    words = full.templates.theme["words"]
    for count, path in ((0, "series/index.html"), (4, "series/3/index.html")):
        tree = parsed(listed(paged(full), count)[f"site/{path}"])
        assert text_of(tree.find(".//p[@class='empty']")) == words["next_here"]
    assert (
        parsed(listed(paged(full), 5)["site/series/3/index.html"]).find(".//p[@class='empty']")
        is None
    )
    archive = parsed(listed(full, 0)["site/archive/index.html"])
    assert text_of(archive.find(".//p[@class='empty']")) == words["next_here"]


def test_a_full_part_without_a_numbered_episode_says_so(full: World) -> None:
    of = paged(full)
    one, two, *rest = many(3)
    extras = (replace(one, type="trailer", number=0), replace(two, type="bonus"), *rest)
    found = {one.path: content(one) for one in around(of, {}, episodes=extras)}
    tree = parsed(found["site/series/index.html"])
    assert text_of(tree.find(".//p[@class='empty']")) == of.templates.theme["words"]["none_here"]
    assert names(parsed(found["site/series/2/index.html"])) == ["Title 3"]
    assert b"small.example/series/<" not in found["site/sitemap-1.xml"]
    assert b"small.example/e1/<" in found["site/sitemap-1.xml"]


def test_a_part_is_in_the_order_of_seasons_and_numbers(full: World) -> None:
    one, two, three, four, *rest = many(6)
    seasons = (
        replace(one, season=2, number=1),
        replace(two, season=1, number=2),
        replace(three, season=1, number=1),
        replace(four, type="bonus"),
        *(replace(each, season=1, number=each.number) for each in rest),
    )
    found = {one.path: content(one) for one in around(paged(full, 4), {}, episodes=seasons)}
    parts = [names(tree) for _, tree in turned(found, "series/index.html", "next")]
    assert parts == [["Title 3", "Title 2", "Title 1"], ["Title 5", "Title 6"]]


@pytest.mark.parametrize("count", range(7))
def test_what_came_before_this_archive_stands_at_its_beginning_alone(
    full: World, count: int
) -> None:
    before = (SeriesEntry(-1, "Second"), SeriesEntry(-2, "First"))
    of = paged(full, series=Series("Small Letter", entries=before))
    found = listed(of, count)
    oldest = "archive/1/index.html" if count >= 2 else "archive/index.html"
    assert names(parsed(found[f"site/{oldest}"]))[-2:] == ["Second", "First"]
    assert names(parsed(found["site/series/index.html"]))[:2] == ["First", "Second"]
    back = [one for _, tree in turned(found, "archive/index.html", "prev") for one in names(tree)]
    assert back == [*titles(range(count, 0, -1)), "Second", "First"]
    parts = [one for _, tree in turned(found, "series/index.html", "next") for one in names(tree)]
    assert parts == ["First", "Second", *titles(range(1, count + 1))]


def test_the_home_page_does_not_grow_with_the_archive(full: World) -> None:
    sizes = {
        len(parsed(listed(full, count)["site/index.html"]).xpath("//li")) for count in (20, 300)
    }
    assert len(sizes) == 1


def test_someone_new_hears_an_episode_before_the_trailer(built: dict[str, bytes]) -> None:
    tree = parsed(built["index.html"])
    assert text_of(tree.find(".//h2[@id='latest']")) == "Microsoft vs Everyone"
    assert len(tree.xpath("//article//audio")) == 1


def test_a_publication_without_episodes_has_pages_all_the_same(full: World) -> None:
    found = listed(full, 0)
    for _, tree in pages({path.removeprefix("site/"): text for path, text in found.items()}):
        assert tree.find(".//h1") is not None


def test_the_sitemap_and_the_list_of_feeds_are_what_machines_expect(
    built: dict[str, bytes],
) -> None:
    places = etree.fromstring(built["sitemap.xml"]).xpath("//*[local-name()='loc']/text()")
    assert "https://groundtruth.example/" in places
    assert "https://groundtruth.example/06-microsoft-vs-everyone/" in places
    base = "https://groundtruth.example/"
    outlines = etree.fromstring(built["feeds.opml"]).xpath("//outline/@xmlUrl")
    assert {one.removeprefix(base) for one in outlines} == FEEDS
    assert f"Sitemap: {base}sitemap.xml" in built["robots.txt"].decode()


SITEMAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
W3C_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?")


def places(text: bytes, kind: str, one: str) -> dict[str, str]:
    """What a sitemap names, each with when it changed, "" where it does not say; read as sitemaps.org has it."""
    root = etree.fromstring(text)
    assert text.startswith(b'<?xml version="1.0" encoding="utf-8"?>')
    assert root.tag == f"{SITEMAPS}{kind}"
    assert 0 < len(root) <= 50_000 and len(text) <= 50 * 1024 * 1024
    found = {}
    for child in root:
        assert child.tag == f"{SITEMAPS}{one}"
        location, *more = child
        assert location.tag == f"{SITEMAPS}loc"
        told = [part for part in more if part.tag.startswith(SITEMAPS)]
        assert [part.tag for part in told] in ([], [f"{SITEMAPS}lastmod"])
        assert all(W3C_TIME.fullmatch(part.text or "") for part in told)
        assert location.text and len(location.text) < 2048
        assert location.text not in found, "it is named twice"
        found[location.text] = (told[0].text or "") if told else ""
    return found


def mapped(found: Mapping[str, bytes], base: str) -> dict[str, dict[str, str]]:
    """What each part of the sitemap names, by its path."""
    if b"<sitemapindex" not in found["site/sitemap.xml"]:
        return {"sitemap.xml": places(found["site/sitemap.xml"], "urlset", "url")}
    parts = {}
    for address, changed in places(found["site/sitemap.xml"], "sitemapindex", "sitemap").items():
        path = address.removeprefix(base)
        parts[path] = places(found[f"site/{path}"], "urlset", "url")
        # A part may name only what lies below its own folder, so they all lie at the root.
        assert "/" not in path
        assert changed >= max(parts[path].values())
    return parts


@pytest.mark.parametrize(("size", "count"), SIZES)
def test_the_sitemap_names_every_page_once_by_the_address_it_gives_itself(
    full: World, size: int, count: int
) -> None:
    base = "https://small.example/"
    found = listed(paged(full, size), count)
    parts = mapped(found, base)
    assert len(parts) == (count // size + 1 if count >= size else 1)
    assert {f"site/{path}" for path in parts} | {"site/sitemap.xml"} == {
        path for path in found if path.startswith("site/sitemap")
    }
    named = [address for part in parts.values() for address in part]
    assert len(named) == len(set(named))
    episodes = {f"{base}e{number}/" for number in range(1, count + 1)}
    assert episodes <= set(named)
    shown = {
        tree.xpath("string(//link[@rel='canonical']/@href)")
        for path, tree in pages({path.removeprefix("site/"): text for path, text in found.items()})
        if path != "404.html" and (tree.find(".//p[@class='empty']") is None or count == 0)
    }
    assert set(named) - episodes == shown | {f"{base}search/"}


def test_an_episode_that_changed_has_its_part_of_the_sitemap_read_again(full: World) -> None:
    listings = many(5)
    later = datetime(2026, 5, 5, tzinfo=UTC)
    for corrected, part in ((0, "1"), (3, "2"), (4, "newest")):
        episodes = list(listings)
        episodes[corrected] = replace(episodes[corrected], updated=later)
        made = around(paged(full), {}, episodes=tuple(episodes))
        found = {one.path: content(one) for one in made}
        index = places(found["site/sitemap.xml"], "sitemapindex", "sitemap")
        changed = [path for path, when in index.items() if when == "2026-05-05T00:00:00Z"]
        assert changed == [f"https://small.example/sitemap-{part}.xml"]


def numbered(root: Path, count: int) -> Report:
    """A letter of so many episodes, three on a page, built as it is deployed."""
    settings = SETTINGS.replace('narrator = "nanotts"', 'narrator = "none"')
    episodes = {
        f"e{number:02}_letter": front_matter(number, f"Letter {number}") + "Words.\n"
        for number in range(1, count + 1)
    }
    small(root, settings + "\n[feeds]\nlimit = 3\n", **episodes)
    desk = Desk(root, datetime(2026, 7, 1, tzinfo=UTC))
    try:
        report = build(desk)
    finally:
        desk.close()
    assert report.errors == []
    return report


def test_one_more_episode_has_no_full_page_made_again_or_changed(tmp_path: Path) -> None:
    assert numbered(tmp_path, 6).outcomes["backlist"].made == ["page 1", "page 2"]
    site = tmp_path / "build/site"
    paths = ("archive/{}/index.html", "feeds/{}/rss.xml", "sitemap-{}.xml")
    full = [path.format(number) for number in (1, 2) for path in paths]
    full += ["series/index.html", "series/2/index.html"]
    before = {path: (site / path).read_bytes() for path in full}
    report = numbered(tmp_path, 7)
    assert report.outcomes["backlist"].made == []
    assert report.outcomes["backlist"].reused == ["page 1", "page 2"]
    assert {path: (site / path).read_bytes() for path in full} == before
    assert not set(report.changed) & {f"site/{path}" for path in full}
    assert numbered(tmp_path, 9).outcomes["backlist"].made == ["page 3"]


RSS = """<rss version="2.0"><channel><title>Small &amp; good</title>
<item><title>One</title><link>https://small.example/1/</link></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Small &amp; good</title><entry><title>One</title>
<link rel="enclosure" href="https://small.example/1.mp3"/>
<link rel="alternate" href="https://small.example/1/"/></entry></feed>"""


@pytest.mark.parametrize("feed", [RSS, ATOM], ids=["rss", "atom"])
def test_someone_who_clicks_a_feed_sees_a_page(built: dict[str, bytes], feed: str) -> None:
    shown = etree.XSLT(etree.fromstring(built["feed.xsl"]))(etree.fromstring(feed))
    assert shown.xpath("string(//h1)") == "Small & good"
    assert shown.xpath("//li/a/@href") == ["https://small.example/1/"]
    assert shown.xpath("string(//li//span[@class='name'])") == "One"


PODCAST = """<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"
xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>Small</title><itunes:explicit>false</itunes:explicit>
<atom:link rel="self" href="{}"/><atom:link rel="alternate" href="https://small.example/"/></channel></rss>"""


def seen(found: dict[str, bytes], feed: bytes | str) -> etree._XSLTResultTree:
    """A feed as a browser shows it."""
    return etree.XSLT(etree.fromstring(found["site/feed.xsl"]))(etree.fromstring(feed))


def test_a_podcasts_page_has_a_button_for_every_app_that_the_subscribe_page_has(
    full: World,
) -> None:
    found = listed(full, 1)
    shown = seen(found, PODCAST.format("https://small.example/podcast.xml"))
    buttons = shown.xpath("//ul[@class='links']//a/@href")
    asked = parsed(found["site/subscribe/index.html"])
    assert buttons == asked.xpath("//section[@aria-labelledby='by-app']//ul//a/@href") != []
    assert shown.xpath("string(//code)") == "https://small.example/podcast.xml"


def test_a_private_podcasts_page_gives_its_own_address_and_no_button_for_the_public_one(
    full: World,
) -> None:
    shown = seen(listed(full, 1), PODCAST.format("https://small.example/private/t0ken/podcast.xml"))
    assert shown.xpath("//ul[@class='links']") == []
    assert shown.xpath("string(//code)") == "https://small.example/private/t0ken/podcast.xml"


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml"])
def test_an_article_feeds_page_says_what_it_is_and_gives_its_address(
    full: World, name: str
) -> None:
    link = f'rel="self" href="https://small.example/{name}"'
    atom = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Small</title><link {link}/></feed>'
    rss = PODCAST.replace("<itunes:explicit>false</itunes:explicit>", "")
    feed = atom if name == "atom.xml" else rss.format(f"https://small.example/{name}")
    shown = seen(listed(full, 1), feed)
    assert "This is a feed" in shown.xpath("string(//header/p[@class='subtitle'])")
    assert shown.xpath("string(//code)") == f"https://small.example/{name}"
    assert shown.xpath("//ul[@class='links']") == []


def test_an_old_page_of_a_feed_gives_the_address_to_subscribe_to(full: World) -> None:
    feed = PODCAST.format("https://small.example/podcast/1.xml").replace(
        "</channel>",
        '<atom:link rel="current" href="https://small.example/podcast.xml"/></channel>',
    )
    shown = seen(listed(full, 1), feed)
    assert shown.xpath("string(//code)") == "https://small.example/podcast.xml"


def test_the_subscribe_page_shows_a_code_that_a_phone_scans(full: World) -> None:
    import segno

    found = listed(full, 1)
    (picture,) = parsed(found["site/subscribe/index.html"]).xpath("//figure[@class='code']/img")
    assert picture.get("src") == "qr.svg"
    assert picture.get("alt") == "QR code that leads to https://small.example/subscribe/"
    drawn = found["site/subscribe/qr.svg"]
    assert drawn == listed(full, 2)["site/subscribe/qr.svg"]
    assert b"style" not in drawn
    wanted = segno.make("https://small.example/subscribe/", error="m", micro=False)
    side = wanted.symbol_size(border=4)[0]
    assert etree.fromstring(drawn).get("viewBox") == f"0 0 {side} {side}"


def test_every_app_gets_the_address_of_the_podcast(full: World) -> None:
    tree = parsed(listed(full, 1)["site/subscribe/index.html"])
    links = tree.xpath("//section[@aria-labelledby='by-app']//a/@href")
    assert len(links) == 4
    assert all("small.example" in link and "podcast.xml" in link for link in links)


def test_readers_are_told_plainly_where_nothing_is_mailed(tmp_path: Path) -> None:
    settings = re.sub(r"\[email\]\n.*\n|\[lists.readers\]\n.*\n.*\n", "", SETTINGS)
    found = listed(world(small(tmp_path, settings)), 1)
    assert b"mailto:" not in found["site/subscribe/index.html"]
    assert b"no email edition" in found["site/subscribe/index.html"]


def test_where_the_service_answers_an_address_is_left_on_the_page(tmp_path: Path) -> None:
    service = '\n[service]\nurl = "https://letters.example/"\n'
    tree = parsed(
        listed(world(small(tmp_path, SETTINGS + service)), 1)["site/subscribe/index.html"]
    )
    (form,) = tree.xpath("//section[@aria-labelledby='by-email']//form")
    assert (form.get("method"), form.get("action")) == ("post", "https://letters.example/subscribe")
    assert form.xpath(".//input/@name") == ["email", "website"]
    assert tree.xpath("//section[@aria-labelledby='by-email']//a/@href") == []


# --- looks ------------------------------------------------------------------------------------------


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["colors", "dark"])
@pytest.mark.parametrize("theme", THEMES)
def test_words_stand_out_from_what_is_behind_them(tmp_path: Path, theme: str, scheme: str) -> None:
    colors = Templates(search_path(tmp_path, theme)).theme[scheme]
    for words in ("ink", "muted", "accent"):
        for behind in ("paper", "panel"):
            assert contrast(colors[words], colors[behind]) >= 4.5, f"{words} on {behind}"
    for behind in ("paper", "panel", "on_signal"):
        assert contrast(colors["signal"], colors[behind]) >= 3, f"signal and {behind}"


def test_both_themes_give_a_colour_for_light_and_dark_alike(tmp_path: Path) -> None:
    themes = [Templates(search_path(tmp_path, theme)).theme for theme in THEMES]
    assert len({tuple(theme[scheme]) for theme in themes for scheme in ("colors", "dark")}) == 1


def test_the_second_theme_is_another_by_a_few_files(tmp_path: Path) -> None:
    folders = search_path(tmp_path, "nocturne")
    own = [file.name for file in folders[1].rglob("*") if file.suffix in (".html", ".css", ".toml")]
    assert sorted(own) == ["masthead.html", "nocturne.css", "theme.toml"]
    ledger, nocturne = (Templates(search_path(tmp_path, theme)).theme for theme in THEMES)
    assert ledger["colors"] != nocturne["colors"]


def test_a_page_in_english_loads_little(built: dict[str, bytes]) -> None:
    """All but pictures; what a browser fetches of the sample, pictures too, is weighed in test_browser.py."""
    words = ("static/style.css", "static/theme.css", "static/player.js")
    page = built["06-microsoft-vs-everyone/index.html"]
    assert (
        sum(len(gzip.compress(text)) for text in (page, *map(built.__getitem__, words))) <= 32_000
    )
    first = [len(data) for path, data in built.items() if path.endswith("-core.woff2")]
    assert sum(first) <= 85_000


def test_fonts_travel_with_their_licences(built: dict[str, bytes]) -> None:
    licences = [path for path in built if path.startswith("static/fonts/OFL-")]
    families = {
        re.split(r"-(latin|display)", PurePosixPath(p).name)[0]
        for p in built
        if p.endswith(".woff2")
    }
    assert {PurePosixPath(path).stem.removeprefix("OFL-").lower() for path in licences} == families


# --- the card ---------------------------------------------------------------------------------------

AWKWARD = {
    "one word": "AI",
    "emoji alone": "🤖",
    "emoji": "Robots 🤖 at the gate 🚪",
    "right to left": "الذكاء الاصطناعي والسلطة",
    "no spaces": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "very long": "Why nobody noticed until it was far too late " * 20,
    "one endless word": "x" * 3000,
    "invisible signs": "a\u202eb\u200d\u0301c",
    "beyond Latin-1": "Čapek, Łódź & Erdoğan’s robots",
    "Japanese": "人工知能",
    "braces": "{{ title }} <b>",
}


def card(of: World, **changed: Any) -> bytes:
    values = given(of, "01-everything")
    [made] = run(art, **{**values, "listing": replace(values["listing"], **changed)})
    return content(made)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("title", AWKWARD.values(), ids=AWKWARD)
def test_any_title_makes_a_card_the_same_one_each_time(full: World, theme: str, title: str) -> None:
    of = world(full.root, theme)
    drawn = card(of, title=title)
    with Image.open(io.BytesIO(drawn)) as picture:
        assert picture.size == (1200, 630)
        assert len(picture.convert("RGB").getcolors(1_000_000) or ()) > 10
    assert len(drawn) <= 120_000
    assert drawn == card(of, title=title)


def test_titles_that_the_font_can_write_differ_and_others_show_the_cover(full: World) -> None:
    assert card(full, title="One") != card(full, title="Two")
    assert card(full, title="人工知能") == card(full, title="機械")


def test_letters_are_never_dropped_from_a_title(full: World) -> None:
    assert card(full, title="Two 人") == card(full, title="人工知能")
    assert card(full, title="Two 🤖") == card(full, title="Two")


def test_the_number_is_counted_in_strokes(full: World) -> None:
    """Episodes of the same digits in the kicker differ in strokes; a trailer has none."""
    assert card(full, number=4) != card(full, number=5)
    assert card(full, number=0, type="trailer") == card(full, number=1, type="trailer")


def test_the_card_wears_the_colours_of_the_theme(full: World) -> None:
    for theme in THEMES:
        of = world(full.root, theme)
        with Image.open(io.BytesIO(card(of))) as picture:
            found = "#{:02x}{:02x}{:02x}".format(*picture.convert("RGB").getpixel((3, 3)))
        assert found == of.templates.theme["colors"]["paper"]


def test_a_font_that_is_none_is_named(full: World) -> None:
    broken = full.root / "templates" / "mine"
    broken.mkdir(parents=True)
    (broken / "theme.toml").write_text('extends = "ledger"\n[card]\ntitle = "words.txt"\n')
    (broken / "words.txt").write_text("no font")
    with pytest.raises(TemplateError, match=r"words\.txt is not a font"):
        card(world(full.root, "mine"))
