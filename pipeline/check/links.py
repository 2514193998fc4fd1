"""Links: where each leads, in sources, pages and emails; the pages that changed are read, no others."""

from __future__ import annotations

import difflib
import ipaddress
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from pipeline.check.finding import Finding, finding
from pipeline.check.words import blocks, inlines
from pipeline.delivery.edition import fault
from pipeline.model import Episode, Publication

SCHEMES = frozenset(
    {"geo", "http", "https", "irc", "mailto", "matrix", "sip", "sms", "tel", "xmpp"}
)
TRACKING = re.compile(r"(?i)^(utm_\w+|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|mkt_tok|_hsenc)$")
SOURCE = "content/"


@dataclass(frozen=True, slots=True)
class Link:
    """One link: the line it stands on, what is written, and the file and place of the site it leads to.

    target: a path below build/, "" where it leads out of the site.
    """

    line: int
    href: str
    target: str = ""
    fragment: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page offers to links, and the links it has."""

    ids: frozenset[str]
    links: tuple[Link, ...]


# --- as they are written ---------------------------------------------------------------------------


def of_source(episode: Episode, root: Path) -> Iterator[Finding]:
    """Links whose address alone tells that they are wrong, and files that are missing."""
    for href, line in _written(episode):
        yield from _of_address(episode, href, line)
    folder = (root / episode.source).parent
    for name, line in _files(episode):
        if name and not (folder / name).is_file():
            message, mend = (
                f'the file "{name}" is missing',
                "put it beside episode.md, or correct the name",
            )
            yield finding("E203", episode.source, line, message, mend, episode.slug)


def _written(episode: Episode) -> Iterator[tuple[str, int]]:
    for inline, line in inlines(episode):
        if inline.kind == "link" and "href" in inline.attributes:
            yield inline.attributes["href"], line
    for block in blocks(episode):
        if block.kind == "embed":
            yield block.attributes["url"], block.line


def _files(episode: Episode) -> Iterator[tuple[str, int]]:
    for inline, line in inlines(episode):
        if inline.kind == "link" and "file" in inline.attributes:
            yield inline.attributes["file"], line
    for block in blocks(episode):
        if block.kind in ("figure", "audio"):
            source = block.attributes.get("src", "")
            yield "" if "://" in source else source, block.line


def _of_address(episode: Episode, href: str, line: int) -> Iterator[Finding]:
    def found(code: str, message: str, mend: str) -> Finding:
        return finding(code, episode.source, line, message, mend, episode.slug)

    parts = _split(href)
    if parts is None or parts.scheme.lower() not in {*SCHEMES, "", "file"}:
        close = difflib.get_close_matches(href.partition(":")[0].lower(), SCHEMES, n=1)
        meant = f'; did you mean "{close[0]}:"?' if close else ""
        yield found("E207", f'"{href}" is no address that can be followed', f"correct it{meant}")
    elif parts.scheme.lower() == "mailto":
        for address in filter(None, unquote(parts.path).split(",")):
            if wrong := fault(address.strip()):
                yield found("E209", f"the mail link to {address}: {wrong}", "correct the address")
    elif parts.scheme.lower() in ("http", "https", "file", ""):
        yield from _of_web(parts, href, found)


def _of_web(parts: Any, href: str, found: Callable[[str, str, str], Finding]) -> Iterator[Finding]:
    host = parts.hostname or ""
    if parts.scheme == "file" or _private(host):
        yield found(
            "E208", f'"{href}" leads to this machine or its network', "link to what readers reach"
        )
    elif not host or "." not in host or re.search(r"\s", href):
        yield found("E207", f'"{href}" is no address that can be followed', "correct it")
    if parts.password:
        shown = href.replace(f"{parts.username}:{parts.password}@", "…@")
        yield found(
            "E217", f'"{shown}" holds a password', "take it out, and change it: it is in git"
        )
    if tracks := [name for name, _ in parse_qsl(parts.query) if TRACKING.match(name)]:
        yield found(
            "E215", f'"{href}" tells who sent the reader: {", ".join(tracks)}', "cut that part off"
        )


def _split(href: str) -> Any:
    try:
        parts = urlsplit(href)
        parts.port  # noqa: B018  # raises where it is no number
        return parts
    except ValueError:
        return None


def _private(host: str) -> bool:
    if host == "localhost" or host.endswith((".local", ".localhost", ".internal", ".lan")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


# --- where they lead -------------------------------------------------------------------------------


def source_page(episode: Episode) -> Page:
    """The links of an episode's source, to other episodes and to its own headings."""
    found = []
    for inline, line in inlines(episode):
        attributes = inline.attributes
        if inline.kind != "link":
            continue
        if "episode" in attributes:
            path = f"site/{attributes['episode']}/index.html"
            fragment = attributes.get("fragment", "")
            found.append(Link(line, f"../{attributes['episode']}/episode.md", path, fragment))
        elif "anchor" in attributes:
            anchor = attributes["anchor"]
            found.append(Link(line, f"#{anchor}", f"site/{episode.slug}/index.html", anchor))
        elif "href" in attributes:
            found.append(Link(line, attributes["href"]))
    found += [
        Link(block.line, block.attributes["url"])
        for block in blocks(episode)
        if block.kind == "embed"
    ]
    return Page(frozenset(), tuple(found))


_LINKS = (
    "//@href | //@src | //@poster"
    " | //meta[@property='og:image' or @name='twitter:image' or @property='og:audio']/@content"
)


def built_page(tree: Any, path: str, publication: Publication, elsewhere: str = "") -> Page:
    """The ids and links of a built page or email; `elsewhere` begins addresses that another service answers."""
    ids = frozenset(map(str, tree.xpath("//@id | //a/@name")))
    links: dict[str, Link] = {}
    for found in tree.xpath(_LINKS):
        href = found.strip()
        if href not in links and not (elsewhere and href.startswith(elsewhere)):
            target, fragment = "", ""
            if path.startswith("site/") or href.startswith(
                publication.url
            ):  # else it is email's to name
                target, fragment = _target(path, href, publication.url)
            links[href] = Link(found.getparent().sourceline or 0, href, target, fragment)
    return Page(ids, tuple(links.values()))


def _target(page: str, href: str, base: str) -> tuple[str, str]:
    """The path below build/ and the fragment a link leads to; "" where it leads out of the site."""
    at = base + page.removeprefix("site/") if page.startswith("site/") else base
    try:
        address, _, fragment = urljoin(at, href).partition("#")
    except ValueError:
        return "", ""
    if not address.startswith(base):
        return "", ""
    path = unquote(address.removeprefix(base).partition("?")[0])
    if path == "" or path.endswith("/"):
        path += "index.html"
    placed = path.endswith(".html") and fragment != "top" and not fragment.startswith("t=")
    return f"site/{path}", unquote(fragment) if placed else ""


def same(database: sqlite3.Connection, settled: Mapping[str, str]) -> frozenset[str]:
    """The pages of the archive that hash to what they did when they were taken in; `settled` by name."""
    rows = database.execute("SELECT name, key FROM pages")
    return frozenset(name for name, key in rows if settled.get(name) == key)


def read(
    database: sqlite3.Connection,
    files: Mapping[str, tuple[str, str]],
    settled: Mapping[str, str],
    pages: Iterable[str],
    page: Callable[[str], Page],
) -> None:
    """Take in what the build is now: `page` reads one of `pages`.

    Pages that did not change are not read; links that lead to what changed are followed again.

    files: the hash of each, and the page of the archive it belongs to, "" for none; those of pages that are the
    `same` are left out. settled: what each page of the archive hashes to, by name.
    """
    known = dict(_known(database, same(database, settled)))
    database.execute("DELETE FROM pages")
    database.executemany("INSERT INTO pages VALUES (?, ?)", settled.items())
    nothing = ("", "")
    touched = {
        path
        for path in {*known, *files}
        if known.get(path, nothing)[0] != files.get(path, nothing)[0]
    }
    moved = (
        (one[1], path) for path, one in files.items() if path not in touched and known[path] != one
    )
    database.executemany("UPDATE files SET page = ? WHERE path = ?", moved)
    if not touched:
        return
    _fill(database, "touched", touched)
    places: dict[str, set[str]] = {}
    query = "SELECT path, id FROM ids WHERE path IN (SELECT path FROM touched)"
    for path, name in database.execute(query):
        places.setdefault(path, set()).add(name)
    for table in ("files", "ids", "links"):
        database.execute(f"DELETE FROM {table} WHERE path IN (SELECT path FROM touched)")
    there = [(path, *files[path]) for path in sorted(touched) if path in files]
    database.executemany("INSERT INTO files VALUES (?, ?, ?)", there)
    shifted = {path for path in touched if (path in known) != (path in files)}
    for path in pages:
        if path in touched:
            found = page(path)
            if places.pop(path, set()) != found.ids:
                shifted.add(path)
            ids = ((path, name) for name in sorted(found.ids))
            database.executemany("INSERT INTO ids VALUES (?, ?)", ids)
            rows = ((path, one.line, one.href, one.target, one.fragment) for one in found.links)
            database.executemany("INSERT INTO links VALUES (?, ?, ?, ?, ?)", rows)
    # A page that all others link to changes with each episode, and what they link to in it does not.
    _fill(database, "shifted", shifted | places.keys())
    of_those = "(path IN (SELECT path FROM touched) OR target IN (SELECT path FROM shifted))"
    database.execute(f"DELETE FROM broken WHERE {of_those}")
    database.execute(
        "INSERT INTO broken SELECT path, line, href, target, fragment FROM links"
        f" WHERE {of_those} AND target <> ''"
        " AND (target NOT IN (SELECT path FROM files)"
        "   OR (fragment <> '' AND NOT EXISTS"
        "     (SELECT 1 FROM ids WHERE ids.path = links.target AND ids.id = links.fragment)))"
    )


def _fill(database: sqlite3.Connection, table: str, paths: Iterable[str]) -> None:
    database.execute(f"DELETE FROM {table}")
    database.executemany(f"INSERT INTO {table} VALUES (?)", ((path,) for path in paths))


def _known(
    database: sqlite3.Connection, but: Collection[str]
) -> Iterator[tuple[str, tuple[str, str]]]:
    """The files taken in before, but those of some pages of the archive."""
    names = [name for (name,) in database.execute("SELECT name FROM pages")]
    for name in ("", *names):
        if name not in but:
            rows = database.execute("SELECT path, sha256 FROM files WHERE page = ?", (name,))
            yield from ((path, (sha256, name)) for path, sha256 in rows.fetchall())


def broken(database: sqlite3.Connection, slugs: Iterable[str]) -> Iterator[Finding]:
    """Every link that leads nowhere: at the line of the source where it stands, else at the first page that has it."""
    rows = database.execute(
        "SELECT path, line, href, target, fragment FROM broken ORDER BY path, line"
    ).fetchall()
    there = {
        target
        for (target,) in database.execute(
            "SELECT path FROM files WHERE path IN (SELECT target FROM broken)"
        )
    }
    written = {
        (target, fragment) for path, _, _, target, fragment in rows if path.startswith(SOURCE)
    }
    pages: dict[tuple[str, str], list[tuple[str, int, str]]] = {}
    for path, line, href, target, fragment in rows:
        if path.startswith(SOURCE):
            yield _of_written(database, path, line, target, fragment, target in there, slugs)
        elif (target, fragment) not in written:
            own = (
                "" if target == path else target
            )  # what a template leads to on every page is one fault
            pages.setdefault((own, fragment), []).append((path, line, href))
    for (target, fragment), found in pages.items():
        target = target or found[0][0]
        yield _of_built(found, target, fragment, target in there)


def _of_written(
    database: sqlite3.Connection,
    path: str,
    line: int,
    target: str,
    fragment: str,
    there: bool,
    slugs: Iterable[str],
) -> Finding:
    slug, own = target.split("/")[1], path.split("/")[1]
    if not there:
        message = f'links to episode "{slug}", which is not published'
        mend = "correct the name, or take the link out" + _likely(slug, slugs)
        return finding("E201", path, line, message, mend, own)
    ids = (name for (name,) in database.execute("SELECT id FROM ids WHERE path = ?", (target,)))
    where = "here" if slug == own else f'in episode "{slug}"'
    message = f'links to "#{fragment}", which is nowhere {where}'
    return finding("E202", path, line, message, "correct it" + _likely(fragment, ids), own)


def _of_built(
    found: list[tuple[str, int, str]], target: str, fragment: str, there: bool
) -> Finding:
    path, line, href = found[0]
    others = len({page for page, _, _ in found}) - 1
    also = f" (as {others} other page{'s do' if others > 1 else ' does'})" if others else ""
    shown = target.removeprefix("site/")
    missing = f"#{fragment} in {shown}" if there else shown
    return finding(
        "E205" if there else "E204",
        f"build/{path}",
        line,
        f'links to "{href}"{also}, but there is no {missing}',
        "correct the link in the episode or in the template",
    )


def _likely(found: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(found, sorted(names), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def leading_out(database: sqlite3.Connection) -> list[tuple[str, int, str]]:
    """Every link of a source that leads out of the site: its file, its line, its address."""
    return list(
        database.execute(
            "SELECT path, line, href FROM links WHERE path LIKE 'content/%' AND target = ''"
            " AND (href LIKE 'http://%' OR href LIKE 'https://%') ORDER BY path, line"
        )
    )
