"""What must not go out is found before it does: in sources, links, emails and feeds."""

from __future__ import annotations

import difflib
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urljoin

from pipeline.delivery.edition import addressed, fault, seeds
from pipeline.errors import AuthorError, MediaError, suggestion
from pipeline.media import VECTOR, picture_size
from pipeline.model import Block, Episode, Inline, Publication

SETTINGS = "content/publication.toml"

CLIPPED = 102_400
"""Bytes of HTML above which Gmail shows the beginning of an email only."""

NEARLY_CLIPPED = 90_000

DOUBLES = frozenset(
    (
        "bye",
        "das",
        "der",
        "die",
        "ha",
        "had",
        "is",
        "no",
        "nous",
        "sie",
        "so",
        "that",
        "very",
        "vous",
    )
)
"""Words that may well stand twice in a row."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault: where it is, what was found, and how it is mended.

    code: E1xx the source, E2xx links, E3xx emails, E4xx feeds. where: a path below the root.
    """

    where: str
    line: int
    code: str
    severity: Literal["error", "warning"]
    message: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{place}: {self.code} {self.message}; {self.mend}"


def findings(
    publication: Publication, episodes: Iterable[Episode], build: Path, root: Path
) -> list[Finding]:
    """All that is wrong with these episodes and with what was built, in order of file and line.

    An episode is published if its page is built; before the first build, if it is given.
    """
    given = tuple(episodes)
    built = _Site(build / "site", build.parent, publication)
    sources = chain.from_iterable(_of_source(episode, given, built, root) for episode in given)
    emails = chain.from_iterable(_of_email(episode, build) for episode in given)
    settings = _of_settings(publication, root)
    found = {*settings, *sources, *emails, *_of_pages(built), *_of_feeds(built)}
    return sorted(found)


# --- E1xx: the source -----------------------------------------------------------------------------


def _of_settings(publication: Publication, root: Path) -> Iterator[Finding]:
    yield from _of_mail(publication, root)

    def refused(table: str, key: str, message: str, mend: str, index: int = 0) -> Finding:
        line = _key_line(root, table, key, index)
        return Finding(SETTINGS, line, "E107", "error", message, mend)

    ids = [person.id for person in publication.people]
    for index, name in enumerate(ids):
        if name in ids[:index]:
            message = f'two people have the id "{name}"'
            yield refused("people", "id", message, "give each an id of their own", index)
    feeds, podcast = publication.feeds, publication.podcast
    if feeds.limit < 1:
        yield refused("feeds", "limit", f"feeds.limit: {feeds.limit} is below 1", "write 50")
    if feeds.hub and not re.match(r"https?://[^\s/]", feeds.hub):
        message = f'feeds.hub: "{feeds.hub}" is not a web address'
        yield refused("feeds", "hub", message, 'begin it with "https://"')
    if wrong := fault(podcast.owner_email):
        message = f"podcast.owner_email: {wrong}"
        yield refused("podcast", "owner_email", message, "write post@example.org")
    for amiss in _of_artwork(root / podcast.artwork):
        message = f'podcast.artwork: "{podcast.artwork}" {amiss}'
        mend = "podcast directories take a square PNG or JPEG, RGB, of 1400 to 3000 pixels a side"
        yield refused("podcast", "artwork", message, mend)


def _of_artwork(file: Path) -> Iterator[str]:
    """What directories would refuse of a show's artwork; a missing file is the build's to name."""
    from PIL import Image

    if not file.is_file():
        return
    try:
        with Image.open(file) as picture:
            (width, height), kind, mode = picture.size, picture.format, picture.mode
    except (OSError, ValueError, SyntaxError):
        yield "is not a picture"
        return
    if kind not in ("PNG", "JPEG"):
        yield f"is {kind}"
    if mode != "RGB":
        yield f"has the colours {mode}, not RGB"
    if width != height or not 1400 <= width <= 3000:
        yield f"has {width} × {height} pixels"


def _of_mail(publication: Publication, root: Path) -> Iterator[Finding]:
    """What would make mailing fail, when the site is deployed already."""
    if publication.email is None and not publication.lists:
        return
    try:
        addressed(publication)
    except AuthorError as error:
        at = _key_line(root, "email", error.message.partition(":")[0].removeprefix("email."))
        yield _refused(error, at)
    for name in sorted(publication.lists):
        try:
            seeds(publication, name)
        except AuthorError as error:
            yield _refused(error, _key_line(root, f"lists.{name}", "seeds"))


def _refused(error: AuthorError, line: int) -> Finding:
    message, _, mend = error.message.partition("; ")
    return Finding(SETTINGS, line, "E106", "error", message, mend or "correct it")


def _key_line(root: Path, table: str, key: str, index: int = 0) -> int:
    """The line of a key in a table of publication.toml, else of its table, else 0.

    index: of the table, where it is one of an array.
    """
    try:
        lines = (root / SETTINGS).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0
    inside, begins, seen = not table, 0, -1
    for number, line in enumerate(lines, 1):
        if found := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
            seen += found[1] == table
            inside = found[1] == table and seen == index
            begins = number if inside else begins
        elif inside and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return number
    return begins


def _of_source(
    episode: Episode, given: Sequence[Episode], site: _Site, root: Path
) -> Iterator[Finding]:
    yield from _of_front_matter(episode, root)
    yield from _of_people(episode, site.people, root)
    yield from _of_notes(episode, root)
    if episode.blocks and not any(map(_on_the_web, episode.blocks)):
        yield Finding(
            episode.source,
            episode.blocks[0].line,
            "E112",
            "warning",
            "the episode shows nothing on the web: all of it is for other media",
            "take a part of it out of its ::: block",
        )
    links = _Links(episode, given, site, root)
    for block in _blocks(episode):
        if block.kind == "figure" and not block.attributes.get("alt", "").strip():
            yield _no_alt(episode, block.line, block.attributes.get("src", ""))
        for name in ("title", "by", "role", "alt"):
            yield from _of_words(episode, block.line, block.attributes.get(name, ""))
        for inlines in (block.head, block.inlines):
            yield from _of_words(episode, block.line, _prose(inlines))
            for inline, line in _walk(inlines, block.line):
                if inline.kind == "image":
                    alt = inline.attributes.get("alt", "")
                    yield from _of_words(episode, line, alt)
                    if not alt.strip():
                        yield _no_alt(episode, line, inline.attributes.get("src", ""))
                    yield from links.of_picture(inline.attributes.get("src", ""), line)
                elif inline.kind == "link":
                    yield from links.of(inline, line)
        if block.kind == "figure":
            yield from links.of_picture(block.attributes.get("src", ""), block.line)
        if block.kind in ("figure", "audio"):
            yield from links.of_file(block.attributes.get("src", ""), block.line)


def _blocks(episode: Episode) -> Iterator[Block]:
    for block in (*episode.blocks, *episode.footnotes):
        yield from block.walk()


def _of_people(episode: Episode, people: Sequence[str], root: Path) -> Iterator[Finding]:
    for name in episode.listing.by:
        if name not in people:
            yield Finding(
                episode.source,
                _line_of("by", episode, root),
                "E108",
                "error",
                f'by: there is no person "{name}"',
                "name one of [[people]] in publication.toml" + suggestion(name, people),
            )
    season = episode.listing.season
    if season is not None and season < 1:
        line = _line_of("season", episode, root)
        message = f"season: {season} is below 1"
        yield Finding(episode.source, line, "E108", "error", message, "the first season is 1")


def _on_the_web(block: Block) -> bool:
    if block.kind in ("only", "except"):
        named = "web" in block.attributes.get("for", "").split()
        return named == (block.kind == "only") and any(map(_on_the_web, block.children))
    return True


_NOTE = re.compile(r"^ {0,3}\[\^([^\]\s]+)\]:", re.MULTILINE)
_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)


def _of_notes(episode: Episode, root: Path) -> Iterator[Finding]:
    """Footnotes that nothing refers to: they are shown nowhere."""
    try:
        text = (root / episode.source).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return
    text = _FENCED.sub(lambda code: "\n" * code[0].count("\n"), text)
    used = _NOTE.sub("", text)
    for note in _NOTE.finditer(text):
        if f"[^{note[1]}]" not in used:
            yield Finding(
                episode.source,
                text.count("\n", 0, note.start()) + 1,
                "E111",
                "warning",
                f'nothing refers to the footnote "{note[1]}", so nobody sees it',
                f"write [^{note[1]}] where it belongs, or delete it",
            )


def _of_front_matter(episode: Episode, root: Path) -> Iterator[Finding]:
    listing = episode.listing
    for key in ("title", "summary"):
        if not str(getattr(listing, key)).strip():
            yield Finding(
                episode.source,
                _line_of(key, episode, root),
                "E104",
                "error",
                f"{key} is empty",
                "the email's subject and every feed reader show it: write one",
            )
    if listing.image and ((root / episode.source).parent / listing.image).is_file():
        fault = _fault_of_picture((root / episode.source).parent / listing.image)
        if fault:
            yield Finding(
                episode.source,
                _line_of("image", episode, root),
                "E109",
                "error",
                f'"{listing.image}" {fault}',
                "export it anew as PNG, JPEG or plain SVG",
            )
    if listing.image and not listing.image_alt.strip():
        yield Finding(
            episode.source,
            _line_of("image", episode, root),
            "E102",
            "error",
            f'the image "{listing.image}" has no text for those who cannot see it',
            'add image_alt: "what it shows"',
        )
    for key in ("title", "subtitle", "summary", "image_alt"):
        for found in _of_words(episode, 0, str(getattr(listing, key))):
            yield Finding(
                found.where,
                _line_of(key, episode, root),
                found.code,
                found.severity,
                found.message,
                found.mend,
            )


def _line_of(key: str, episode: Episode, root: Path) -> int:
    """The line of a key of the front matter; 1 where it is not there."""
    try:
        with (root / episode.source).open(encoding="utf-8-sig") as lines:
            return next((n for n, line in enumerate(lines, 1) if line.startswith(f"{key}:")), 1)
    except OSError:
        return 1


def _no_alt(episode: Episode, line: int, source: str) -> Finding:
    return Finding(
        episode.source,
        line,
        "E101",
        "error",
        f'the image "{source}" has no text for those who cannot see it',
        "write ![what it shows](file)",
    )


_PLACEHOLDER = re.compile(r"(?<!\w)(?:TK)+(?!\w)")


def _of_words(episode: Episode, line: int, prose: str) -> Iterator[Finding]:
    """Placeholders and doubled words; a line break in the prose is one in the file."""
    for found in _PLACEHOLDER.finditer(prose):
        yield Finding(
            episode.source,
            line + prose.count("\n", 0, found.start()),
            "E103",
            "error",
            f'"{found[0]}" marks something still to come',
            "write it, or put it in `backticks` if it is meant so",
        )
    for first, second in pairwise(re.finditer(r"\S+", prose)):
        if _doubled(first[0], second[0]):
            yield Finding(
                episode.source,
                line + prose.count("\n", 0, second.start()),
                "E105",
                "warning",
                f'"{first[0]} {_bare(second[0])}" stands twice',
                "delete one",
            )


def _doubled(first: str, second: str) -> bool:
    """Whether a word stands twice; names (Duran Duran) and numbers may."""
    word = _bare(second).casefold()
    if first.casefold() != word or word in DOUBLES or not any(map(str.isalpha, word)):
        return False
    names = first[0].isupper() and second[0].isupper()
    return not names and all(unicodedata.category(c)[0] in "LM" or c in "'’-" for c in word)


def _bare(word: str) -> str:
    return word.rstrip(".,;:!?…)]}»”’\"'")


def _prose(inlines: Iterable[Inline]) -> str:
    """The author's words with the line breaks of the file; code and pictures leave a mark."""
    out = []
    for inline in inlines:
        if inline.kind in ("space", "break"):
            out.append("\n")
        elif inline.kind in ("code", "image"):
            out.append("\ufffc")
        elif inline.kind != "note":
            out.append(_prose(inline.children) if inline.children else inline.text)
    return "".join(out)


def _walk(inlines: Iterable[Inline], line: int) -> Iterator[tuple[Inline, int]]:
    """Every inline with its line."""
    for inline in inlines:
        yield inline, line
        yield from _walk(inline.children, line)
        line += 1 if inline.kind in ("space", "break") else _prose(inline.children).count("\n")


# --- E2xx: links ----------------------------------------------------------------------------------


class _Links:
    """The links of one episode's source."""

    def __init__(self, episode: Episode, given: Sequence[Episode], site: _Site, root: Path) -> None:
        self._episode, self._site = episode, site
        self._given = {one.slug: one for one in given}
        self._folder = (root / episode.source).parent

    def of(self, link: Inline, line: int) -> Iterator[Finding]:
        attributes = link.attributes
        if "episode" in attributes:
            yield from self._of_episode(attributes["episode"], attributes.get("fragment", ""), line)
        elif "anchor" in attributes:
            yield from self._of_fragment(self._episode.slug, attributes["anchor"], line)
        elif "file" in attributes:
            yield from self.of_file(attributes["file"], line)

    def of_file(self, name: str, line: int) -> Iterator[Finding]:
        if name and "://" not in name and not (self._folder / name).is_file():
            yield self._finding(
                line,
                "E203",
                f'the file "{name}" is missing',
                "put it beside episode.md, or correct the name",
            )

    def of_picture(self, name: str, line: int) -> Iterator[Finding]:
        file = self._folder / name
        if name and file.is_file():
            fault = _fault_of_picture(file)
            if fault:
                message, mend = f'"{name}" {fault}', "export it anew as PNG, JPEG or plain SVG"
                yield self._finding(line, "E109", message, mend)

    def _of_episode(self, slug: str, fragment: str, line: int) -> Iterator[Finding]:
        if not self._published(slug):
            others = [one for one in self._given if self._published(one)]
            yield self._finding(
                line,
                "E201",
                f'links to episode "{slug}", which is not published',
                "correct the name, or take the link out" + _likely(slug, others),
            )
        elif fragment:
            yield from self._of_fragment(slug, fragment, line)

    def _of_fragment(self, slug: str, fragment: str, line: int) -> Iterator[Finding]:
        ids = self._ids(slug)
        if fragment not in ids:
            there = "here" if slug == self._episode.slug else f'in episode "{slug}"'
            yield self._finding(
                line,
                "E202",
                f'links to "#{fragment}", which is nowhere {there}',
                "correct it" + _likely(fragment, ids),
            )

    def _published(self, slug: str) -> bool:
        if not self._site.built:
            return slug in self._given
        return self._site.has(f"{slug}/index.html")

    def _ids(self, slug: str) -> set[str]:
        """The names a link can lead to: of headings and blocks, and all of the built page."""
        ids = set(self._site.ids(f"{slug}/index.html"))
        if slug in self._given:
            found = (block.attributes.get("id", "") for block in _blocks(self._given[slug]))
            ids.update(filter(None, found))
        return ids

    def _finding(self, line: int, code: str, message: str, mend: str) -> Finding:
        return Finding(self._episode.source, line, code, "error", message, mend)


def _fault_of_picture(file: Path) -> str:
    """Why a file cannot be shown as a picture; "" if it can."""
    if file.suffix.lower() not in VECTOR:
        try:
            picture_size(file)
        except MediaError:
            return "is not a picture"
        return ""
    from lxml import etree  # type: ignore[import-untyped]

    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        drawing = etree.parse(file, parser).getroot()
    except (etree.XMLSyntaxError, OSError):
        return "is not a picture"
    if etree.QName(drawing).localname != "svg":
        return "is not a picture"
    for element in drawing.iter(etree.Element):
        name = etree.QName(element).localname
        if name in ("script", "foreignObject"):
            return f"holds <{name}>, which a picture may not"
        for key, value in element.attrib.items():
            attribute = etree.QName(key).localname
            scripted = attribute == "href" and value.strip().lower().startswith("javascript:")
            if attribute.lower().startswith("on") or scripted:
                return f"holds the script {attribute}, which a picture may not"
    return ""


def _likely(found: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(found, sorted(names), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


@dataclass(frozen=True, slots=True)
class _Page:
    """What a built page offers to links, and where its own lead, each with its first line."""

    ids: frozenset[str]
    links: Mapping[str, int]


class _Site:
    """The built site: which files it has, and what its pages say."""

    def __init__(self, folder: Path, root: Path, publication: Publication) -> None:
        self._folder, self._root, self._publication = folder, root, publication
        self.people = tuple(person.id for person in publication.people)
        self._pages: dict[str, _Page] = {}
        self._has: dict[str, bool] = {}
        # A build that failed has pages that lead to those it did not make: they are not at fault.
        self.built = (folder / "index.html").is_file()

    def has(self, path: str) -> bool:
        if path not in self._has:
            self._has[path] = (self._folder / path).is_file()
        return self._has[path]

    def ids(self, path: str) -> frozenset[str]:
        return self.page(path).ids if self.has(path) else frozenset()

    def page(self, path: str) -> _Page:
        if path not in self._pages:
            self._pages[path] = _page(self._folder / path)
        return self._pages[path]

    def files(self, wanted: Callable[[str], bool]) -> list[str]:
        """The paths of the files that are wanted, in order."""
        found = []
        for folder, _, names in os.walk(self._folder):
            below = os.path.relpath(folder, self._folder).replace(os.sep, "/").removeprefix(".")
            found += [f"{below}/{name}".removeprefix("/") for name in names if wanted(name)]
        return sorted(found)

    def file(self, path: str) -> Path:
        return self._folder / path

    def where(self, path: str) -> str:
        return (self._folder / path).relative_to(self._root).as_posix()

    def target(self, page: str, href: str) -> tuple[str, str] | None:
        """The path and the fragment a link leads to; None where it leads out of the site."""
        base = self._publication.url
        address, _, fragment = urljoin(base + page, href).partition("#")
        if not address.startswith(base):
            return None
        path = unquote(address.removeprefix(base).partition("?")[0])
        return path + "index.html" if path == "" or path.endswith("/") else path, unquote(fragment)


_LINKS = (
    "//@href | //@src | //@poster"
    " | //meta[@property='og:image' or @name='twitter:image' or @property='og:audio']/@content"
)


def _page(file: Path) -> _Page:
    from lxml import etree

    tree = etree.parse(file, etree.HTMLParser(encoding="utf-8", huge_tree=True))
    if tree.getroot() is None:
        return _Page(frozenset(), {})
    ids = frozenset(map(str, tree.xpath("//@id | //a/@name")))
    links: dict[str, int] = {}
    for link in tree.xpath(_LINKS):
        links.setdefault(link.strip(), link.getparent().sourceline or 0)
    return _Page(ids, links)


def _of_pages(site: _Site) -> Iterator[Finding]:
    """Links of built pages that lead to nothing: each target once, with the first such page."""
    if not site.built:
        return
    first: dict[tuple[str, str], tuple[str, int, str]] = {}
    pages: dict[tuple[str, str], set[str]] = {}
    for page in site.files(lambda name: name.endswith(".html")):
        for href, line in site.page(page).links.items():
            target = site.target(page, href)
            if target is not None and not _leads_somewhere(site, *target):
                first.setdefault(target, (page, line, href))
                pages.setdefault(target, set()).add(page)
    for target, (page, line, href) in first.items():
        path, fragment = target
        others = len(pages[target]) - 1
        also = f" (as {others} other page{'s do' if others > 1 else ' does'})" if others else ""
        gone = not site.has(path)
        missing = path if gone else f"#{fragment} in {path}"
        yield Finding(
            site.where(page),
            line,
            "E204" if gone else "E205",
            "error",
            f'links to "{href}"{also}, but there is no {missing}',
            "correct the link in the episode or in the template",
        )


def _leads_somewhere(site: _Site, path: str, fragment: str) -> bool:
    if not site.has(path):
        return False
    in_page = fragment not in ("", "top") and path.endswith(".html")
    return not in_page or fragment.startswith("t=") or fragment in site.ids(path)


# --- E3xx: emails ---------------------------------------------------------------------------------


def _of_email(episode: Episode, build: Path) -> Iterator[Finding]:
    file = build / "email" / f"{episode.slug}.html"
    size = file.stat().st_size if file.is_file() else 0
    if size <= NEARLY_CLIPPED:
        return
    clipped = size > CLIPPED
    yield Finding(
        file.relative_to(build.parent).as_posix(),
        0,
        "E301" if clipped else "E302",
        "error" if clipped else "warning",
        f"the email has {size:,} bytes; Gmail clips it above {CLIPPED:,}",
        'shorten the episode, or put a part of it in ::: {.except for="email"}',
    )


# --- E4xx: feeds ----------------------------------------------------------------------------------


def _of_feeds(site: _Site) -> Iterator[Finding]:
    for path in site.files(lambda name: name.endswith((".xml", ".opml", ".xsl"))):
        yield from _of_xml(site, path)
    for path in site.files(lambda name: name.startswith("feed") and name.endswith(".json")):
        yield from _of_json(site, path)


def _of_xml(site: _Site, path: str) -> Iterator[Finding]:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        etree.parse(site.file(path), parser)
    except etree.XMLSyntaxError as error:
        yield _broken(site, path, error.lineno or 0, "E401", f"is not well-formed: {error.msg}")


def _of_json(site: _Site, path: str) -> Iterator[Finding]:
    try:
        found = json.loads(site.file(path).read_bytes())
    except json.JSONDecodeError as error:
        yield _broken(site, path, error.lineno, "E402", f"is not JSON: {error.msg}")
        return
    except UnicodeDecodeError:
        yield _broken(site, path, 0, "E402", "is not UTF-8")
        return
    if not isinstance(found, dict):
        yield _broken(site, path, 1, "E402", "is not a JSON object")


def _broken(site: _Site, path: str, line: int, code: str, message: str) -> Finding:
    return Finding(
        site.where(path), line, code, "error", message, "mend what makes it; no reader can open it"
    )
