"""What must not go out is found before it does: in sources, links, emails, feeds, audio, pages and numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

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

__all__ = ["Built", "Finding", "findings", "refused"]


@dataclass(frozen=True, slots=True)
class Built:
    """A publication as it was built: what check looks at.

    files: what was made, by path below build/. sources: what each episode's file hashes to. episode: its body, read
    when it is asked for. whole: all of it was made, so that links can be followed.
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


def findings(built: Built, memory: Memory, only: str | None = None) -> list[Finding]:
    """All that is wrong, in order of file and line; what did not change since the last time is not read again.

    only: the slug of the one episode asked about; what concerns the publication is told anyway.
    """
    found = [*settings.of_settings(built.publication, built.root)]
    found += dates.backwards(built.listings, built.root)
    sound = built.publication.audio
    named = {one.recording for one in built.listings} | {sound.intro, sound.outro, sound.bed}
    found += audio.of_folder(built.root, named)
    asked = [one for one in built.listings if only in (None, one.slug)]
    beside = _by_episode(built)
    settled = _digest(repr(built.publication), _code())
    for listing in asked:
        found += _of_episode(built, memory, listing, beside.get(listing.slug, ()), settled)
    if built.whole:
        found += _of_pages(built, memory, settled)
        found += _of_feeds(built, memory, settled)
    if only is None:
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


# --- episodes --------------------------------------------------------------------------------------


def _by_episode(built: Built) -> dict[str, tuple[Made, ...]]:
    """What was made of each episode: whatever has its slug for a folder or a name."""
    slugs = {listing.slug for listing in built.listings}
    found: dict[str, list[Made]] = {}
    for path, made in built.files.items():
        for part in path.split("/")[1:]:
            slug = part if part in slugs else part.partition(".")[0]
            if slug in slugs:
                found.setdefault(slug, []).append(made)
                break
    return {slug: tuple(made) for slug, made in found.items()}


def _of_episode(
    built: Built, memory: Memory, listing: Listing, beside: Iterable[Made], settled: str
) -> list[Finding]:
    """What is wrong with an episode itself: its text, its pictures, its email, its sound."""
    made = {one.path: one for one in beside}
    stands = [f"{path} {one.sha256}" for path, one in sorted(made.items())]
    key = _digest(
        "episode", listing.slug, built.sources[listing.slug], settled, str(built.whole), *stands
    )

    def find() -> Iterator[Finding]:
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

    return memory.recalled(key, find)


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


# --- pages and feeds -------------------------------------------------------------------------------


def _of_pages(built: Built, memory: Memory, settled: str) -> Iterator[Finding]:
    """Links that lead nowhere, and what a page lacks for those who listen to it."""
    from lxml import etree  # type: ignore[import-untyped]

    service = built.publication.service.url
    files = {path: made.sha256 for path, made in built.files.items() if path.startswith("site/")}
    pages = [
        path
        for path in built.files
        if path.endswith(".html") and path.startswith(("site/", "email/"))
    ]
    files |= {path: built.files[path].sha256 for path in pages}
    sources = {f"content/{slug}/episode.md": slug for slug in built.sources}
    files |= {path: built.sources[slug] for path, slug in sources.items()}
    files = {
        path: _digest(sha256, settled) if path in sources or path.endswith(".html") else sha256
        for path, sha256 in files.items()
    }
    trees: dict[str, Any] = {}

    def tree(path: str) -> Any:
        if path not in trees:
            trees.clear()
            parser = etree.HTMLParser(encoding="utf-8", huge_tree=True)
            trees[path] = etree.parse(built.files[path].file, parser)
        return trees[path]

    def page(path: str) -> links.Page:
        if path in sources:
            try:
                return links.source_page(built.episode(sources[path]))
            except AuthorError:
                return links.Page(frozenset(), ())
        found = tree(path)
        empty = found.getroot() is None
        return (
            links.Page(frozenset(), ())
            if empty
            else links.built_page(found, path, built.publication, service)
        )

    links.read(memory.database, files, [*pages, *sources], page)
    slugs = [listing.slug for listing in built.listings]
    yield from links.broken(memory.database, slugs)
    for path in pages:
        if path.startswith("site/"):
            key = _digest("page", path, files[path])
            yield from memory.recalled(key, lambda path=path: _of_page(tree(path), path))  # type: ignore[misc]


def _of_page(tree: Any, path: str) -> Iterator[Finding]:
    if tree.getroot() is not None:
        yield from accessibility.of_page(tree, f"build/{path}")


def _of_feeds(built: Built, memory: Memory, settled: str) -> Iterator[Finding]:
    """Feeds, each read where it or a file it could speak of changed."""
    site = feeds.Site(built.publication, built.files, built.published, built.now, _durations(built))
    rest = _digest(
        settled, repr(built.published), *(f"{p} {m.size}" for p, m in sorted(built.files.items()))
    )
    entries: dict[str, list[str] | None] = {}
    for path in sorted(built.files):
        if not path.startswith("site/") or not feeds.is_feed(path):
            continue
        made = built.files[path]
        # Pages of the archive never change, nor does what they speak of.
        key = _digest("feed", path, made.sha256, rest if path.count("/") == 1 else settled)
        found, entries[path] = memory.told(key, lambda made=made: _told(made, site))  # type: ignore[misc]
        yield from (Finding(**one) for one in found)
    yield from feeds.of_all(entries)


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
