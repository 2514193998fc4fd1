"""What each audience will see changed: web readers, email subscribers, feed readers, listeners."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import HtmlDiff, unified_diff
from html import escape
from typing import Any
from urllib.parse import unquote

from pipeline.templates import SLOT

AUDIENCES = ("web reader", "email subscriber", "feed reader", "listener")

FEEDS = ("site/rss.xml", "site/atom.xml", "site/podcast.xml")
_BLOCKS = frozenset(
    {
        "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figcaption", "figure", "footer", "h1", "h2",
        "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td",
        "th", "tr", "ul",
    }
)  # fmt: skip
_SLOT = re.compile(rf"{re.escape(SLOT)}(\w+)(?:/([^/\s]*)/)?")


@dataclass(frozen=True, slots=True)
class Side:
    """One of two states of a publication: what each file hashes to, by path below build/, and how to read one.

    read: None where the bytes of a hash are kept no more.
    """

    files: Mapping[str, str]
    read: Callable[[str], bytes | None]

    def content(self, path: str) -> bytes | None:
        digest = self.files.get(path)
        return self.read(digest) if digest else None


@dataclass(frozen=True, slots=True)
class Change:
    """What one audience sees changed of one episode, or of a feed. facts: in a line each; old, new: words by line."""

    audience: str
    subject: str
    facts: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The words that differ, as a unified diff."""
        found = unified_diff(self.old, self.new, "published", "now", lineterm="", n=1)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class NewGuid:
    """An entry that feed readers would take for another: refused."""

    feed: str
    url: str
    old: str
    new: str

    def __str__(self) -> str:
        return (
            f'{self.feed}: the GUID of {self.url} was "{self.old}" and would become "{self.new}"; every reader would '
            "show the entry again; put it back"
        )


def changes(old: Side, new: Side, slugs: Iterable[str]) -> Iterator[Change]:
    """What differs, by episode and audience; feeds last."""
    if old.files == new.files:
        return
    for slug in slugs:
        for make in (_web, _email, _feed, _sound):
            change = make(old, new, slug)
            if change.facts or change.old != change.new:
                yield change
    yield from _of_feeds(old, new)


def _differs(old: Side, new: Side, path: str) -> bool:
    return old.files.get(path) != new.files.get(path)


def _web(old: Side, new: Side, slug: str) -> Change:
    path = f"site/{slug}/index.html"
    return _words(old, new, AUDIENCES[0], slug, path, words)


def _email(old: Side, new: Side, slug: str) -> Change:
    path, shown = f"edition/{slug}.txt", f"email/{slug}.html"
    change = _words(old, new, AUDIENCES[1], slug, path, _lines)
    if not _differs(old, new, shown):
        return change
    before, after = (len(side.content(shown) or b"") for side in (old, new))
    facts = (f"email: {after - before:+,} bytes, {after:,} now",)
    return Change(change.audience, slug, facts, change.old, change.new)


def _feed(old: Side, new: Side, slug: str) -> Change:
    return _words(old, new, AUDIENCES[2], slug, f"entry/{slug}.html", words)


def _sound(old: Side, new: Side, slug: str) -> Change:
    change = _words(old, new, AUDIENCES[3], slug, f"script/{slug}.json", _sentences)
    before, after = (_seconds(side, f"audio/{slug}.json") for side in (old, new))
    facts = (f"audio: {after - before:+.1f} seconds, {after:.1f} now",) if before != after else ()
    return Change(change.audience, slug, facts, change.old, change.new)


def _seconds(side: Side, path: str) -> float:
    content = side.content(path)
    return float(json.loads(content)["duration"]) if content else 0.0


def _words(
    old: Side, new: Side, audience: str, slug: str, path: str, read: Callable[[bytes], list[str]]
) -> Change:
    if not _differs(old, new, path):
        return Change(audience, slug)
    before, after = old.content(path), new.content(path)
    if before is None and path in old.files:
        return Change(audience, slug, ("changed; what was published is kept no more",))
    facts = ("new",) if before is None else ("gone",) if after is None else ()
    lines = [tuple(read(content)) if content else () for content in (before, after)]
    return Change(audience, slug, facts, *lines)


def _lines(content: bytes) -> list[str]:
    return _SLOT.sub(_named, content.decode("utf-8", "replace")).splitlines()


def _named(slot: re.Match[str]) -> str:
    """A slot by its name, and by what stands there for who has no value or whom the part is for."""
    words = slot[1].replace("_", " ")
    return f"[{words}: {unquote(slot[2])}]" if slot[2] else f"[{words}]"


def _sentences(content: bytes) -> list[str]:
    return [str(one["text"]) for one in json.loads(content)["sentences"]]


def words(content: bytes) -> list[str]:
    """What a page says, a line for each block; of a whole page, its main part."""
    from lxml import html  # type: ignore[import-untyped]

    if not content.strip():
        return []
    tree = html.document_fromstring(content.decode("utf-8", "replace"))
    main = tree.find(".//main")
    pieces: list[str] = []
    _tell(tree if main is None else main, pieces)
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\0"))
    return [line for line in lines if line]


def _tell(element: Any, pieces: list[str]) -> None:
    if not isinstance(element.tag, str) or element.tag in ("script", "style", "head", "template"):
        pieces.append(element.tail or "")
        return
    apart = "\0" if element.tag in _BLOCKS or element.tag == "br" else ""
    alt = f"[{element.get('alt')}]" if element.tag == "img" and element.get("alt") else ""
    pieces.append(apart + (element.text or "") + alt)
    for child in element:
        _tell(child, pieces)
    pieces.append(apart + (element.tail or ""))


# --- feeds -----------------------------------------------------------------------------------------


def _of_feeds(old: Side, new: Side) -> Iterator[Change]:
    for path in FEEDS:
        if path in old.files and _differs(old, new, path):
            before, after = _entries(old.content(path)), _entries(new.content(path))
            facts = [
                f"new entry: {title}" for url, (_, title) in after.items() if url not in before
            ]
            facts += [
                f"entry gone: {title}" for url, (_, title) in before.items() if url not in after
            ]
            if facts:
                yield Change(AUDIENCES[2], path.removeprefix("site/"), tuple(facts))


def new_guids(old: Side, new: Side) -> list[NewGuid]:
    """The entries whose GUIDs would change."""
    found = []
    for path in FEEDS:
        if _differs(old, new, path):
            before, after = _entries(old.content(path)), _entries(new.content(path))
            found += [
                NewGuid(path.removeprefix("site/"), url, before[url][0], guid)
                for url, (guid, _) in after.items()
                if url in before and before[url][0] != guid
            ]
    return found


def _entries(content: bytes | None) -> dict[str, tuple[str, str]]:
    """The GUID and title of each entry of a feed, by the address it leads to."""
    from lxml import etree

    if content is None:
        return {}
    root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, huge_tree=True))
    atom = "{http://www.w3.org/2005/Atom}"
    found = {}
    for item in root.iter("item"):
        found[item.findtext("link") or ""] = (
            item.findtext("guid") or "",
            item.findtext("title") or "",
        )
    for entry in root.iter(f"{atom}entry"):
        link = next(iter(entry.iterfind(f"{atom}link")), None)
        url = link.get("href", "") if link is not None else ""
        found[url] = (entry.findtext(f"{atom}id") or "", entry.findtext(f"{atom}title") or "")
    return found


# --- side by side ----------------------------------------------------------------------------------

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.25rem; }
.facts { margin: 0 0 .75rem; }
.sides { overflow-x: auto; }
table.diff { border-collapse: collapse; font: 14px/1.5 ui-monospace, Menlo, Consolas, monospace; width: 100%; }
table.diff td { padding: .1rem .5rem; vertical-align: top; white-space: pre-wrap; overflow-wrap: anywhere; width: 47%; }
table.diff th { text-align: left; padding: .1rem .5rem; }
table.diff td.diff_header { width: 3%; text-align: right; color: GrayText; white-space: nowrap; overflow-wrap: normal; }
table.diff td.diff_next { display: none; }
.diff_add { background: #d8f0d8; color: #10381a; } .diff_sub { background: #f8d8d4; color: #5c1410; }
.diff_chg { background: #fbeec2; color: #4a3800; }
@media (prefers-color-scheme: dark) {
.diff_add { background: #12391c; color: #d6f2dc; } .diff_sub { background: #4a1713; color: #fbdcd8; }
.diff_chg { background: #463a0c; color: #fdf2cc; }
}
"""


def side_by_side(title: str, found: Iterable[Change]) -> str:
    """A page that shows what was published beside what would be."""
    sections = "\n".join(map(_section, found)) or "<p>Nothing changed.</p>"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n{sections}\n</main>\n"
        "</body>\n</html>\n"
    )


def _section(change: Change) -> str:
    head = f"<h2>{escape(change.subject)}: what the {escape(change.audience)} sees</h2>"
    facts = "".join(f'<p class="facts">{escape(fact)}</p>' for fact in change.facts)
    if change.old == change.new:
        return f"<section>\n{head}\n{facts}\n</section>"
    table = HtmlDiff().make_table(
        change.old, change.new, "published", "now", context=True, numlines=1
    )
    table = re.sub(r' (?:id|nowrap|cellspacing|cellpadding|rules|summary)="[^"]*"', "", table)
    table = re.sub(r"<a href=[^>]*>[^<]*</a>|<colgroup></colgroup>", "", table).replace(
        "&nbsp;", " "
    )
    return f'<section>\n{head}\n{facts}\n<div class="sides">{table}</div>\n</section>'
