"""Feeds: what validators and directories ask of RSS, Atom, JSON Feed and podcasts."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from itertools import pairwise
from typing import Any
from urllib.parse import unquote, urlsplit

from pipeline.check.finding import Finding, finding
from pipeline.feeds.entries import atom_id
from pipeline.identity import Identities, Identity
from pipeline.model import Publication
from pipeline.stage import Made

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"

LARGE = 4_000_000
"""Bytes of a feed that some readers and directories stop at."""

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
TAKEN_OUT = (
    "applet",
    "base",
    "embed",
    "form",
    "frame",
    "input",
    "link",
    "meta",
    "object",
    "script",
    "style",
)
_MEND = "see the stage that makes it"


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as any feed gives it; line: where it begins."""

    line: int
    guid: str
    url: str
    title: str
    content: str
    date: str
    sound: str = ""
    length: str = ""
    type: str = ""
    seconds: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Site:
    """What a feed is compared with: the files of the site by path, what was published, and the time."""

    publication: Publication
    files: Mapping[str, Made]
    published: Identities
    now: datetime
    durations: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def identities(self) -> Mapping[str, Identity]:
        """What each episode was published as, by the address of its page."""
        return {one.url: one for one in self.published.episodes.values()}


def is_feed(path: str) -> bool:
    """Whether a path below build/site may hold a feed, or another document that feed readers open."""
    name = path.rpartition("/")[2]
    return path.endswith((".xml", ".opml", ".xsl")) or (
        name.endswith(".json") and (name.startswith("feed") or "/feed" in path)
    )


def of_feed(made: Made, site: Site) -> tuple[list[Finding], list[str] | None]:
    """What is wrong with one feed, and where its entries lead; None where it is no feed that can be read."""
    say = partial(_say, f"build/{made.path}")
    found: list[Finding] = []
    read = _json if made.path.endswith(".json") else _xml
    items = read(made, site, say, found)
    if items is None:
        return found, None
    if made.size > LARGE:
        message = f"{made.size:,} bytes; some readers stop at {LARGE:,}"
        found.append(say("E420", 0, message, "lower feeds.limit"))
    found += _of_items(items, site, say)
    return found, [item.url if item.guid else "" for item in items]


def _say(where: str, code: str, line: int, message: str, mend: str = _MEND) -> Finding:
    return finding(code, where, line, message, mend)


# --- XML -------------------------------------------------------------------------------------------


def _xml(made: Made, site: Site, say: Any, found: list[Finding]) -> list[Item] | None:
    from lxml import etree  # type: ignore[import-untyped]

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        root = etree.parse(os.fsencode(made.file), parser).getroot()
    except etree.XMLSyntaxError as error:
        message = f"is not well-formed: {error.msg}"
        found.append(
            say("E401", error.lineno or 0, message, "mend what makes it; no reader can open it")
        )
        return None
    if root.tag == "rss":
        channel = root.find("channel")
        if channel is None:
            found.append(say("E403", root.sourceline, "there is no channel"))
            return None
        found += _of_channel(channel, made.path, site, say)
        return [_rss_item(item) for item in channel.iterfind("item")]
    if root.tag == f"{ATOM}feed":
        found += _of_atom(root, made.path, site, say)
        return [_atom_item(entry) for entry in root.iterfind(f"{ATOM}entry")]
    return None


def _text(parent: Any, name: str) -> str:
    child = parent.find(name)
    return "" if child is None else "".join(child.itertext()).strip()


def _of_channel(channel: Any, path: str, site: Site, say: Any) -> Iterator[Finding]:
    for name in ("title", "link", "description"):
        if not _text(channel, name):
            yield say("E403", channel.sourceline, f"the channel has no <{name}>")
    language = channel.find("language")
    if language is not None and not LANGUAGE.fullmatch((language.text or "").strip()):
        message = f'"{language.text}" is no language'
        yield say("E419", language.sourceline, message, 'write "en" or "en-GB" in publication.toml')
    links = {link.get("rel"): link.get("href", "") for link in channel.iterfind(f"{ATOM}link")}
    yield from _of_self(links.get("self", ""), path, site, channel.sourceline, say)
    if channel.find(f"{ITUNES}image") is not None or channel.find(f"{ITUNES}category") is not None:
        yield from _of_show(channel, say)


def _of_show(channel: Any, say: Any) -> Iterator[Finding]:
    line = channel.sourceline
    for name in ("author", "explicit"):
        if not _text(channel, f"{ITUNES}{name}"):
            yield say("E414", line, f"the show has no itunes:{name}")
    for name, attribute in (("image", "href"), ("category", "text")):
        child = channel.find(f"{ITUNES}{name}")
        if child is None or not (child.get(attribute) or "").strip():
            mend = "name podcast.categories" if name == "category" else _MEND
            yield say("E414", line, f"the show has no itunes:{name}", mend)
    explicit = channel.find(f"{ITUNES}explicit")
    if explicit is not None and (explicit.text or "").strip() not in ("true", "false"):
        yield say(
            "E414", explicit.sourceline, f'itunes:explicit is "{explicit.text}", not true or false'
        )


def _of_self(href: str, path: str, site: Site, line: int, say: Any) -> Iterator[Finding]:
    own = site.publication.url + path.removeprefix("site/")
    if href != own:
        message = (
            f'its own address is said to be "{href}", and is {own}'
            if href
            else "it does not name its own address"
        )
        yield say("E412", line, message, 'write <atom:link rel="self">')


def _of_atom(root: Any, path: str, site: Site, say: Any) -> Iterator[Finding]:
    for name in ("id", "title", "updated"):
        if not _text(root, f"{ATOM}{name}"):
            yield say("E411", root.sourceline, f"the feed has no <{name}>")
    by_feed = root.find(f"{ATOM}author/{ATOM}name") is not None
    for entry in root.iterfind(f"{ATOM}entry"):
        for name in ("updated",):
            if not _text(entry, f"{ATOM}{name}"):
                yield say("E411", entry.sourceline, f"an entry has no <{name}>")
        if not by_feed and entry.find(f"{ATOM}author/{ATOM}name") is None:
            yield say("E411", entry.sourceline, "an entry has no author")
    links = {link.get("rel"): link.get("href", "") for link in root.iterfind(f"{ATOM}link")}
    yield from _of_self(links.get("self", ""), path, site, root.sourceline, say)


def _rss_item(item: Any) -> Item:
    enclosure = item.find("enclosure")
    told = enclosure.attrib if enclosure is not None else {}
    others = [
        x.get("url", "")
        for name in ("transcript", "chapters")
        for x in item.iterfind(f"{PODCAST}{name}")
    ]
    return Item(
        line=item.sourceline,
        guid=_text(item, "guid"),
        url=_text(item, "link"),
        title=_text(item, "title"),
        content=_text(item, CONTENT) or _text(item, "description"),
        date=_text(item, "pubDate"),
        sound=told.get("url", "") if enclosure is not None else "",
        length=told.get("length", "") if enclosure is not None else "",
        type=told.get("type", "") if enclosure is not None else "",
        seconds=_text(item, f"{ITUNES}duration"),
        others=tuple(others) if enclosure is not None else (),
    )


def _atom_item(entry: Any) -> Item:
    links: dict[str, Any] = {}
    for link in entry.iterfind(f"{ATOM}link"):
        links.setdefault(link.get("rel", "alternate"), link)
    enclosure = links.get("enclosure")
    return Item(
        line=entry.sourceline,
        guid=_text(entry, f"{ATOM}id"),
        url=links["alternate"].get("href", "") if "alternate" in links else "",
        title=_text(entry, f"{ATOM}title"),
        content=_text(entry, f"{ATOM}content") or _text(entry, f"{ATOM}summary"),
        date=_text(entry, f"{ATOM}published") or _text(entry, f"{ATOM}updated"),
        sound=enclosure.get("href", "") if enclosure is not None else "",
        length=enclosure.get("length", "") if enclosure is not None else "",
        type=enclosure.get("type", "") if enclosure is not None else "",
    )


# --- JSON ------------------------------------------------------------------------------------------


def _json(made: Made, site: Site, say: Any, found: list[Finding]) -> list[Item] | None:
    mend = "mend what makes it; no reader can open it"
    data = made.read()
    try:
        told = json.loads(data)
    except json.JSONDecodeError as error:
        found.append(say("E402", error.lineno, f"is not JSON: {error.msg}", mend))
        return None
    except UnicodeDecodeError:
        found.append(say("E402", 0, "is not UTF-8", mend))
        return None
    if not isinstance(told, dict):
        found.append(say("E402", 1, "is not a JSON object", mend))
        return None
    if not str(told.get("version", "")).startswith("https://jsonfeed.org/version/"):
        found.append(say("E413", 1, 'the feed has no "version" of JSON Feed'))
    for name, kind in (("title", str), ("items", list)):
        if not isinstance(told.get(name), kind):
            found.append(say("E413", 1, f'the feed has no "{name}"'))
    found += _of_self(str(told.get("feed_url", "")), made.path, site, 1, say)
    listed = told.get("items")
    text = data.decode("utf-8", "replace")
    return (
        [_json_item(one, text) for one in listed if isinstance(one, dict)]
        if isinstance(listed, list)
        else []
    )


def _json_item(one: Mapping[str, Any], text: str) -> Item:
    enclosure: Mapping[str, Any] = next(iter(one.get("attachments") or ()), {})
    guid = str(one.get("id", ""))
    at = text.find(json.dumps(guid, ensure_ascii=False)) if guid else -1
    return Item(
        line=text.count("\n", 0, at) + 1 if at >= 0 else 1,
        guid=guid,
        url=str(one.get("url", "")),
        title=str(one.get("title", "")),
        content=str(one.get("content_html", "") or one.get("content_text", "")),
        date=str(one.get("date_published", "")),
        sound=str(enclosure.get("url", "")),
        length=str(enclosure.get("size_in_bytes", "")),
        type=str(enclosure.get("mime_type", "")),
        seconds=str(enclosure.get("duration_in_seconds", "")),
    )


# --- entries ---------------------------------------------------------------------------------------


def _of_items(items: list[Item], site: Site, say: Any) -> Iterator[Finding]:
    for guid, count in Counter(item.guid for item in items).items():
        if guid and count > 1:
            line = [item.line for item in items if item.guid == guid][1]
            yield say("E405", line, f'the GUID "{guid}" is used {count} times')
    dates = []
    for item in items:
        yield from _of_item(item, site, say)
        when = _when(item.date)
        if when is None:
            message = f'the date "{item.date}" is none that feed readers read'
            yield say("E407", item.line, message)
        elif when > site.now:
            yield say(
                "E415", item.line, f'"{item.title}" is dated {item.date}, which is still to come'
            )
        dates.append(when)
    known = [when for when in dates if when]
    if len(known) == len(dates) and known != sorted(known, reverse=True):
        line = next(items[i + 1].line for i, (a, b) in enumerate(pairwise(known)) if b > a)
        yield say("E418", line, "its entries are not newest first")


def _of_item(item: Item, site: Site, say: Any) -> Iterator[Finding]:
    if not item.guid:
        yield say("E404", item.line, f'"{item.title}" has no GUID')
    elif (known := _known(item.url, site)) and item.guid not in known:
        yield say(
            "E406",
            item.line,
            f'the GUID of "{item.title}" is "{item.guid}", and was published as "{known[0]}"',
        )
    if not item.title or not item.content:
        yield say("E423", item.line, f"an entry has no {'content' if item.title else 'title'}")
    yield from _of_content(item, say)
    yield from _of_enclosure(item, site, say)
    for address in (item.url, *item.others):
        if address and _gone(address, site):
            yield say("E422", item.line, f'"{address}" leads to no file of the site')


def _known(url: str, site: Site) -> tuple[str, ...]:
    """The GUIDs under which the page at an address was published."""
    one = site.identities.get(url)
    if one is None:
        return ()
    guids = (one.guid, one.podcast_guid)
    return (*guids, one.atom_guid, *map(atom_id, guids))


def _when(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if "T" in text[8:12] else parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else None


def _of_content(item: Item, say: Any) -> Iterator[Finding]:
    from lxml import html

    if "<" not in item.content:
        return
    tree = html.fragment_fromstring(item.content, create_parent=True)
    for element in tree.iter(*TAKEN_OUT):
        yield say(
            "E416", item.line, f'<{element.tag}> in "{item.title}" is taken out by feed readers'
        )
    for element in tree.iter():
        if any(name.startswith("on") for name in element.attrib):
            yield say("E416", item.line, f'a script in <{element.tag}> of "{item.title}"')
        for name in ("href", "src"):
            address = element.get(name)
            if address is not None and not urlsplit(address.strip()).scheme:
                message = f'"{address}" in "{item.title}" is no full address'
                yield say("E410", item.line, message, "write it in full")


def _of_enclosure(item: Item, site: Site, say: Any) -> Iterator[Finding]:
    if not (item.sound or item.length or item.type):
        return
    lacking = [
        name
        for name, value in (("url", item.sound), ("length", item.length), ("type", item.type))
        if not value
    ]
    if lacking:
        yield say(
            "E408", item.line, f'the enclosure of "{item.title}" has no {" and no ".join(lacking)}'
        )
        return
    path = _path(item.sound, site)
    made = site.files.get(path)
    if path and made is None:
        yield say("E422", item.line, f'"{item.sound}" leads to no file of the site')
    elif made is not None and item.length != str(made.size):
        message = f'the enclosure of "{item.title}" has length {item.length}, its file {made.size}'
        yield say("E409", item.line, message)
    seconds = site.durations.get(path)
    if seconds and item.seconds and abs(_seconds(item.seconds) - seconds) > 1:
        message = (
            f'"{item.title}" is said to last {item.seconds}, its sound lasts {seconds:.0f} seconds'
        )
        yield say("E421", item.line, message)


def _seconds(text: str) -> float:
    """3600, 60:00 or 1:00:00."""
    try:
        total = 0.0
        for part in text.split(":"):
            total = total * 60 + float(part)
        return total
    except ValueError:
        return -1.0


def _path(address: str, site: Site) -> str:
    """The path below build/ that an address of the site stands for; "" where it leads elsewhere."""
    base = site.publication.url
    if not address.startswith(base):
        return ""
    path = unquote(address.removeprefix(base).partition("#")[0].partition("?")[0])
    return f"site/{path}index.html" if not path or path.endswith("/") else f"site/{path}"


def _gone(address: str, site: Site) -> bool:
    path = _path(address, site)
    return bool(path) and path not in site.files


# --- feeds against each other ----------------------------------------------------------------------


def of_all(entries: Mapping[str, list[str] | None]) -> Iterator[Finding]:
    """The article feeds against each other: who reads one sees what who reads another sees."""
    articles = {path: urls for path in _ARTICLES if (urls := entries.get(path)) and all(urls)}
    first = next(iter(articles), "")
    for path, found in articles.items():
        if found != articles[first]:
            message = f"its entries are not those of {first.removeprefix('site/')}"
            yield finding("E424", f"build/{path}", 0, message, _MEND)


_ARTICLES = ("site/rss.xml", "site/atom.xml", "site/feed.json")
