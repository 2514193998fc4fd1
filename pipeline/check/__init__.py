"""What must not go out is found before it does: in sources, links, emails, feeds, audio, pages and numbers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from pipeline import identity
from pipeline.check import (
    accessibility,
    audio,
    dates,
    email,
    feeds,
    links,
    numbers,
    pictures,
    settings,
    source,
)
from pipeline.check.finding import SETTINGS, Finding, finding, of_error, waived
from pipeline.check.memory import Memory
from pipeline.check.rules import RULES
from pipeline.check.words import key_lines
from pipeline.errors import AuthorError, MediaError, SimulcastError
from pipeline.identity import Identities
from pipeline.model import Episode, Listing, Publication
from pipeline.stage import Made

__all__ = ["Built", "Finding", "Settled", "findings", "refused"]


@dataclass(frozen=True, slots=True)
class Built:
    """A publication as it was built: what check looks at.

    files: what was made, by path below build/. sources: what each episode's file hashes to. episode: its body, read
    when it is asked for. whole: all of it was made, so that links can be followed. settled: full pages of the archive
    that are as they were, of which no file is looked at one by one. loose: the files that are on none of them.
    """

    root: Path
    publication: Publication
    listings: Sequence[Listing]
    files: Mapping[str, Made]
    sources: Mapping[str, str]
    episode: Callable[[str], Episode]
    published: Identities
    now: datetime
    whole: bool = True
    settled: Sequence[Settled] = ()
    loose: Mapping[str, Made] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    """A full page of the archive as it was before: what it hashes to, its episodes, its files as they hash, by path."""

    name: str
    key: str
    listings: Sequence[Listing]
    hashes: Callable[[], Mapping[str, str]]


def findings(built: Built, memory: Memory, only: str | None = None) -> list[Finding]:
    """All that is wrong, in order of file and line; what did not change since the last time is not read again.

    only: the slug of the one episode asked about; what concerns the publication is told anyway.
    """
    if not built.settled:
        built = replace(built, loose=built.files)
    found = [*settings.of_settings(built.publication, built.root)]
    found += dates.backwards(built.listings, built.root)
    sound = built.publication.audio
    named = {one.recording for one in built.listings} | {sound.intro, sound.outro, sound.bed}
    found += audio.of_folder(built.root, named)
    asked = [one for one in built.listings if only in (None, one.slug)]
    look = _Look(built, memory, _digest(repr(built.publication), _code()))
    on_pages = {one.slug: page for page in built.settled for one in page.listings}
    if only in on_pages:
        found += look.at_episodes(asked, on_pages[only].hashes())
    else:
        found += look.at_episodes((one for one in asked if one.slug not in on_pages), built.loose)
    if built.whole:
        found += look.at_links()
        found += look.at_pages(built.loose)
        found += look.at_feeds()
    if only is None:
        for page in built.settled:
            found += look.at_settled(page)
        memory.forget_the_rest()
    else:
        found = [one for one in found if one.episode in ("", only)]
    told = sorted({*_with_waivers(_without_echoes(found), built.listings, asked)})
    return list(_each_once(told))


_ECHOES = {"E613": "E110", "E604": "E604"}
"""What a page lacks because its source does, by the code it has there: it is told of the source."""


def _without_echoes(found: Sequence[Finding]) -> Iterator[Finding]:
    written = {(one.code, one.episode) for one in found if one.where.startswith("content/")}
    for one in found:
        slug = one.where.removeprefix("build/site/").partition("/")[0]
        if not one.where.startswith("build/") or (_ECHOES.get(one.code), slug) not in written:
            yield one


def _each_once(found: Iterable[Finding]) -> Iterator[Finding]:
    """What a template or a stage does wrong in every file it makes is one fault, told of the first."""
    told: dict[tuple[str, str, str], list[Finding]] = {}
    for one in found:
        built = one.where.startswith("build/")
        told.setdefault((one.code, one.message, one.waived if built else str(one)), []).append(one)
    for same in told.values():
        others = len({one.where for one in same}) - 1
        also = f" (and in {others} other file{'s' if others > 1 else ''})" if others else ""
        yield replace(same[0], message=same[0].message + also)


def refused(errors: Iterable[tuple[str, SimulcastError]]) -> list[Finding]:
    """What the build refused, each with its slug, as findings; failures of the world and of stages are none."""
    found: list[Finding] = []
    for slug, error in errors:
        if isinstance(error, AuthorError):
            found += of_error(error, slug)
        elif isinstance(error, MediaError):
            found.append(_unusable(error, slug))
    return sorted(set(found))


def _unusable(error: MediaError, slug: str) -> Finding:
    name, _, why = str(error).partition(": ")
    message, _, mend = why.partition("; ")
    own = f"content/{slug}/episode.md" if slug else SETTINGS
    where = name if "/" in name else own
    return finding("E515", where, 0, message, mend or "record or export it anew", slug)


def _with_waivers(
    found: Iterable[Finding], listings: Iterable[Listing], asked: Iterable[Listing]
) -> Iterator[Finding]:
    waivers = {one.slug: one.waive for one in listings if one.waive}
    met = set()
    for one in found:
        met.add((one.episode, one.code))
        yield waived(one, waivers)
    for listing in asked:
        for code, reason in listing.waive.items():
            if (
                reason.strip()
                and code in RULES
                and RULES[code].waivable
                and (listing.slug, code) not in met
            ):
                message = f"waive: {code} is let pass, but is not found"
                where = f"content/{listing.slug}/episode.md"
                yield finding("E118", where, 1, message, "delete it", listing.slug)


# --- looking ---------------------------------------------------------------------------------------


class _Look:
    """A look at what was built, which leaves out what was looked at before.

    common: what everything found depends on, besides what it is found in.
    """

    def __init__(self, built: Built, memory: Memory, common: str) -> None:
        self._built, self._memory, self._common = built, memory, common
        self._trees: dict[str, Any] = {}

    def at_settled(self, page: Settled) -> list[Finding]:
        """What is wrong on a full page of the archive."""
        built = self._built
        sources = (built.sources[one.slug] for one in page.listings)
        key = _digest("page", page.name, page.key, self._common, str(built.whole), *sources)
        return self._memory.gathered(key, lambda: self._in_settled(page))

    def _in_settled(self, page: Settled) -> Iterator[Finding]:
        files = page.hashes()
        yield from self.at_episodes(page.listings, files)
        if self._built.whole:
            yield from self.at_pages(files)
            for path in filter(_may_be_feed, files):
                found, _ = self._feed(path, self._common)
                yield from found

    # --- episodes

    def at_episodes(self, listings: Iterable[Listing], paths: Iterable[str]) -> Iterator[Finding]:
        """What is wrong with episodes themselves; `paths` are of their files, and of others."""
        wanted = {one.slug: one for one in listings}
        beside = _by_episode(paths, wanted)
        for slug, listing in wanted.items():
            files = self._built.files
            made = {path: files[path] for path in sorted(beside.get(slug, ()))}
            yield from self._at_episode(listing, made)

    def _at_episode(self, listing: Listing, made: Mapping[str, Made]) -> list[Finding]:
        """What is wrong with an episode itself: its text, its pictures, its email, its sound."""
        built = self._built
        stands = [f"{path} {one.sha256}" for path, one in made.items()]
        source_ = built.sources[listing.slug]
        key = _digest("episode", listing.slug, source_, self._common, str(built.whole), *stands)
        return self._memory.recalled(key, lambda: _in_episode(built, self._memory, listing, made))

    # --- pages

    def at_links(self) -> Iterator[Finding]:
        """Links that lead nowhere."""
        built, database = self._built, self._memory.database
        service = built.publication.service.url
        settled = {page.name: _digest(page.key, self._common) for page in built.settled}
        same = links.same(database, settled)
        loose = {path: one.sha256 for path, one in built.loose.items()}
        files = self._linked("", loose, built.sources.keys() - _slugs(built.settled))
        for page in built.settled:
            if page.name not in same:
                files |= self._linked(page.name, page.hashes(), _slugs([page]))

        def page_of(path: str) -> links.Page:
            if path.startswith(links.SOURCE):
                try:
                    return links.source_page(built.episode(path.split("/")[1]))
                except AuthorError:
                    return links.Page(frozenset(), ())
            found = self._tree(path)
            if found.getroot() is None:
                return links.Page(frozenset(), ())
            return links.built_page(found, path, built.publication, service)

        pages = [path for path in files if path.startswith(links.SOURCE) or _is_page(path)]
        with self._memory.whole():
            links.read(database, files, settled, pages, page_of)
        yield from links.broken(database, [one.slug for one in built.listings])

    def _linked(
        self, name: str, hashes: Mapping[str, str], slugs: Iterable[str]
    ) -> dict[str, tuple[str, str]]:
        """Files that links lead to or stand in, each with what it hashes to, and with the page of the archive."""
        found = {path: sha256 for path, sha256 in hashes.items() if _is_linked(path)}
        found |= {f"{links.SOURCE}{slug}/episode.md": self._built.sources[slug] for slug in slugs}
        return {
            path: (_digest(sha256, self._common), name)
            if path.endswith((".html", ".md"))
            else (sha256, name)
            for path, sha256 in found.items()
        }

    def at_pages(self, paths: Iterable[str]) -> Iterator[Finding]:
        """What pages of the site lack for those who listen to them."""
        for path in paths:
            if path.startswith("site/") and _is_page(path):
                key = _digest("page", path, _digest(self._built.files[path].sha256, self._common))
                yield from self._memory.recalled(key, partial(self._at_page, path))

    def _at_page(self, path: str) -> Iterator[Finding]:
        tree = self._tree(path)
        if tree.getroot() is not None:
            yield from accessibility.of_page(tree, f"build/{path}")

    def _tree(self, path: str) -> Any:
        from lxml import etree  # type: ignore[import-untyped]

        if path not in self._trees:
            self._trees.clear()
            parser = etree.HTMLParser(encoding="utf-8", huge_tree=True)
            file = os.fsencode(self._built.files[path].file)
            self._trees[path] = etree.parse(file, parser)
        return self._trees[path]

    # --- feeds

    def at_feeds(self) -> Iterator[Finding]:
        """The newest feeds, each read where it or a file it could speak of changed."""
        built = self._built
        there = built.root / identity.NAME
        published = hashlib.sha256(there.read_bytes() if there.is_file() else b"").hexdigest()
        sizes = (f"{path} {one.size}" for path, one in sorted(built.loose.items()))
        pages = (f"{page.name} {page.key}" for page in built.settled)
        rest = _digest(self._common, published, *pages, *sizes)
        entries: dict[str, list[str] | None] = {}
        for path in filter(_may_be_feed, sorted(built.loose)):
            # Pages of the archive never change, nor does what they speak of.
            found, entries[path] = self._feed(path, rest if path.count("/") == 1 else self._common)
            yield from found
        yield from feeds.of_all(entries)

    def _feed(self, path: str, rest: str) -> tuple[Iterator[Finding], list[str] | None]:
        made = self._built.files[path]
        key = _digest("feed", path, made.sha256, rest)
        found, entries = self._memory.told(key, lambda: _told(made, self._site))
        return (Finding(**one) for one in found), entries

    @cached_property
    def _site(self) -> feeds.Site:
        built = self._built
        return feeds.Site(
            built.publication, built.files, built.published, built.now, _durations(built)
        )


def _slugs(pages: Iterable[Settled]) -> set[str]:
    return {one.slug for page in pages for one in page.listings}


def _by_episode(paths: Iterable[str], slugs: Container[str]) -> dict[str, list[str]]:
    """What was made of each episode: whatever has its slug for a folder or a name."""
    found: dict[str, list[str]] = {}
    for path in paths:
        for part in path.split("/")[1:]:
            slug = part if part in slugs else part.partition(".")[0]
            if slug in slugs:
                found.setdefault(slug, []).append(path)
                break
    return found


def _is_page(path: str) -> bool:
    return path.endswith(".html") and path.startswith(("site/", "email/"))


def _is_linked(path: str) -> bool:
    return path.startswith("site/") or _is_page(path)


def _may_be_feed(path: str) -> bool:
    return path.startswith("site/") and feeds.is_feed(path)


# --- episodes --------------------------------------------------------------------------------------


def _in_episode(
    built: Built, memory: Memory, listing: Listing, made: Mapping[str, Made]
) -> Iterator[Finding]:
    try:
        episode = built.episode(listing.slug)
    except AuthorError:  # the build has said it
        return
    text = (built.root / episode.source).read_text("utf-8-sig")
    keys = key_lines(text)
    english = built.publication.language.partition("-")[0].lower() == "en"
    yield from source.of_source(episode, text, keys, built.publication)
    yield from accessibility.of_words(episode, keys)
    yield from pictures.of_pictures(episode, keys, built.root)
    yield from links.of_source(episode, built.root)
    yield from numbers.of_numbers(episode, english)
    mail = _mail(listing, keys, episode.source, made)
    if mail is not None and built.whole:
        yield from email.of_email(mail, built.publication)
    if f"site/audio/{listing.slug}.mp3" in made and built.whole:
        yield from _of_audio(built, memory, listing.slug, made)
        yield from audio.of_voice(made, listing.slug, built.publication.narration)


def _mail(
    listing: Listing, keys: dict[str, int], where: str, made: Mapping[str, Made]
) -> email.Mail | None:
    slug = listing.slug
    shown = made.get(f"email/{slug}.html")
    if shown is None:
        return None
    html, text = (made.get(f"edition/{slug}.{ending}") for ending in ("html", "txt"))
    message = made.get(f"email/{slug}.eml")
    return email.Mail(
        f"build/{shown.path}",
        listing,
        keys,
        where,
        html.text() if html else shown.text(),
        text.text() if text else "",
        shown.text(),
        message.read() if message else b"",
    )


def _of_audio(
    built: Built, memory: Memory, slug: str, made: Mapping[str, Made]
) -> Iterator[Finding]:
    mp3 = made[f"site/audio/{slug}.mp3"]
    where = f"build/{mp3.path}"
    sound = hashlib.sha256(audio.content(Path(mp3.file))).hexdigest()
    try:
        heard = memory.told(
            _digest("sound", sound, _code()), lambda: asdict(audio.heard(Path(mp3.file), where))
        )
    except MediaError as error:
        yield audio.unplayable(error, where, slug)
        return
    measures = audio.read(heard)
    yield from audio.of_sound(measures, built.publication.audio, where, slug)
    yield from audio.of_facts(made, slug, measures.seconds)


# --- feeds -----------------------------------------------------------------------------------------


def _told(made: Made, site: feeds.Site) -> tuple[list[dict[str, object]], list[str] | None]:
    found, entries = feeds.of_feed(made, site)
    return [asdict(one) for one in found], entries


def _durations(built: Built) -> dict[str, float]:
    """How long the newest episodes last, by the path of their sound."""
    found = {}
    for listing in built.listings[-built.publication.feeds.limit :]:
        facts = built.files.get(f"audio/{listing.slug}.json")
        if facts:
            found[f"site/audio/{listing.slug}.mp3"] = float(json.loads(facts.text())["duration"])
    return found


# --- what findings depend on -----------------------------------------------------------------------


@cache
def _code() -> str:
    """What the rules themselves hash to: new rules look at everything anew."""
    here = Path(__file__).parent
    files = sorted([*here.glob("*.py"), *here.glob("*.json")])
    return _digest(*(file.read_text("utf-8") for file in files))


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()
