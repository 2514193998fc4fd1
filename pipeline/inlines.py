"""The words inside a block, as each medium writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from html import escape
from posixpath import normpath
from urllib.parse import quote

from pipeline.model import Inline, words


def way(at: str, path: str) -> str:
    """The way from a page to a file, both by their paths below one folder.

    It is what posixpath.relpath says, without asking the system where we are: a page has hundreds of links.
    """
    here, there = at.split("/")[:-1], normpath(path).split("/")
    if there == ["."]:
        there = []
    shared = 0
    for one, other in zip(here, there, strict=False):
        if one != other:
            break
        shared += 1
    return "/".join([*[".."] * (len(here) - shared), *there[shared:]]) or "."


@dataclass(frozen=True, slots=True)
class Links:
    """Where links lead from one rendered text.

    base: the publication's address, ending in "/". at: the path below build/site of the page being made, or None
    where links must be absolute (email, feed, plain text). slug: the episode whose words these are.
    """

    base: str
    at: str | None = None
    slug: str = ""

    def to(self, path: str, fragment: str = "") -> str:
        """The link to a path below build/site, relative for a page so that the site opens from disk."""
        tail = "#" + quote(fragment) if fragment else ""
        if self.at is None:
            return self.base + quote(path.removesuffix("index.html")) + tail
        return quote(way(self.at, path)) + tail

    def of(self, attributes: Mapping[str, str]) -> str:
        """The address of a link as the author wrote it."""
        if "href" in attributes:
            return attributes["href"]
        if "episode" in attributes:
            return self.to(f"{attributes['episode']}/index.html", attributes["fragment"])
        if "file" in attributes:
            return self.to(f"{self.slug}/{attributes['file']}")
        anchor = "#" + quote(attributes["anchor"])
        return anchor if self.at is not None else self.to(f"{self.slug}/index.html") + anchor


_TAGS = {"emphasis": "em", "strong": "strong", "strike": "s"}

_NAME = re.compile(r"(?<![\w-])(?=[\w.-]{1,24}(?![\w-]))\w[\w.]*-(?:\w[\w.]*-)*\d\w*(?:[.-]\w+)*")
"""A name with a number after a hyphen, such as GPT-5.5; a longer one must be broken on a telephone."""


def unbroken(text: str) -> str:
    """Text as HTML that breaks no line between a name and its number."""
    return _NAME.sub(r'<span class="unbroken">\g<0></span>', escape(text))


def html(inlines: Iterable[Inline], links: Links, written: Callable[[str], str] = escape) -> str:
    """Words as HTML, for a page (`links.at` set) or for places where ids and fragments do not work.

    written: how text becomes HTML.
    """
    return "".join(_html(inline, links, written) for inline in inlines)


def _html(inline: Inline, links: Links, written: Callable[[str], str]) -> str:
    kind, attributes = inline.kind, inline.attributes
    if kind == "text":
        return written(inline.text)
    inner = html(inline.children, links, written)
    if kind in _TAGS:
        return f"<{_TAGS[kind]}>{inner}</{_TAGS[kind]}>"
    if kind == "link":
        title = f' title="{escape(attributes["title"])}"' if attributes.get("title") else ""
        return f'<a href="{escape(links.of(attributes))}"{title}>{inner}</a>'
    if kind == "span":
        return inner
    if kind == "code":
        return f"<code>{escape(inline.text)}</code>"
    if kind == "space":
        return "\n"
    if kind == "break":
        return "<br/>\n"
    if kind == "image":
        source = links.to(f"{links.slug}/{attributes['src']}")
        return f'<img src="{escape(source)}" alt="{escape(attributes["alt"])}"/>'
    if kind == "note":
        number, name, back = attributes["number"], attributes["id"], attributes["from"]
        if links.at is None:
            return f"<sup>{number}</sup>"
        return (
            f'<sup class="note"><a href="#{name}" id="{back}" role="doc-noteref">{number}</a></sup>'
        )
    raise ValueError(f"no HTML for inline {kind}")


def text(inlines: Iterable[Inline], links: Links) -> str:
    """Words as plain text: _emphasis_, *strong*, links with their address behind them."""
    return "".join(_text(inline, links) for inline in inlines)


def _text(inline: Inline, links: Links) -> str:
    kind, attributes = inline.kind, inline.attributes
    inner = text(inline.children, links)
    if kind == "text" or kind == "code":
        return inline.text
    if kind == "emphasis":
        return f"_{inner}_"
    if kind == "strong":
        return f"*{inner}*"
    if kind == "link":
        address = links.of(attributes).removeprefix("mailto:")
        return inner if "anchor" in attributes or address == inner else f"{inner} <{address}>"
    if kind == "image":
        return f"[{attributes['alt']}]"
    if kind == "note":
        return f"[{attributes['number']}]"
    return {"space": " ", "break": "\n", "strike": f"~{inner}~"}.get(kind, inner)


def speech(inlines: Iterable[Inline], links: Links) -> str:
    """Words as SSML: `<sub alias>` where the author gave `say`; notes and struck words are not spoken."""
    return "".join(_speech(inline, links) for inline in inlines)


def _speech(inline: Inline, links: Links) -> str:
    kind, say = inline.kind, inline.attributes.get("say")
    if say is not None:
        return f'<sub alias="{escape(say)}">{escape(words(inline.children))}</sub>'
    if kind in ("note", "strike"):
        return ""
    if kind in ("space", "break"):
        return " "
    if kind == "image":
        return escape(inline.attributes["alt"])
    return speech(inline.children, links) if inline.children else escape(inline.text)


RENDERERS: Mapping[str, Callable[[Iterable[Inline], Links], str]] = {
    "web": partial(html, written=unbroken),
    "email": partial(html, written=unbroken),
    "feed": html,
    "text": text,
    "speech": speech,
}
