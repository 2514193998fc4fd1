"""Accessibility: what those who listen to a page, or go by its headings and links, would miss."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pipeline.check.finding import Finding, finding
from pipeline.check.words import blocks, inlines, prose
from pipeline.model import Block, Episode, words

if TYPE_CHECKING:
    from collections.abc import Mapping

VAGUE = frozenset(
    {
        "click", "click here", "continue", "details", "here", "info", "learn more", "link", "more",
        "more here", "read more", "read this", "see here", "this", "this article", "this link",
        "this page", "this post",
    }
)  # fmt: skip
"""Words that say nothing of where a link leads, to somebody who hears a page's links alone."""

_FILE = re.compile(
    r"(?i)^(?:(?:img|dsc|dscn|image|photo|screenshot|screen shot)[\s_-]*[\d _.-]+"
    r"|[\w-]+\.(?:png|jpe?g|gif|webp|avif|svg))$"
)
_SAYS_SO = re.compile(
    r"(?i)^(?:an? |the )?(?:image|picture|photo|photograph|graphic) (?:of|shows)\b"
)


def of_words(episode: Episode, keys: Mapping[str, int]) -> Iterator[Finding]:
    """Pictures, links and tables of an episode's text."""
    listing = episode.listing
    if listing.image:
        yield from _of_alt(
            episode,
            listing.image,
            listing.image_alt,
            keys.get("image_alt", keys.get("image", 1)),
            "image_alt:",
        )
    for block in blocks(episode):
        if block.kind == "figure":
            yield from _of_alt(
                episode, block.attributes["src"], block.attributes.get("alt", ""), block.line
            )
        if block.kind == "table":
            yield from _of_table(episode, block)
    for inline, line in inlines(episode):
        if inline.kind == "image":
            yield from _of_alt(
                episode, inline.attributes["src"], inline.attributes.get("alt", ""), line
            )
        elif inline.kind == "link":
            yield from _of_link(episode, words((inline,)), prose(inline.children), line)


def _of_alt(
    episode: Episode, source: str, alt: str, line: int, where: str = "![…]"
) -> Iterator[Finding]:
    def found(code: str, message: str, mend: str) -> Finding:
        return finding(code, episode.source, line, message, mend, episode.slug)

    text = alt.strip()
    if not text:
        mend = (
            'add image_alt: "what it shows"'
            if where == "image_alt:"
            else "write ![what it shows](file)"
        )
        yield found("E102", f'the image "{source}" has no text for those who cannot see it', mend)
    elif _FILE.match(text) or text == PurePosixPath(source).stem:
        yield found("E611", f'"{text}" is a file\'s name, not what it shows', "say what it shows")
    elif says := _SAYS_SO.match(text):
        yield found(
            "E612", f'"{says[0]} …": that it is an image is said anyway', "begin with what it shows"
        )


def _of_link(episode: Episode, text: str, written: str, line: int) -> Iterator[Finding]:
    bare = re.sub(r"[^\w\s]", "", text.casefold()).strip()
    if not text.strip() and "\ufffc" not in written:
        message, mend, code = "a link without words", "write [where it leads](address)", "E604"
    elif bare in VAGUE:
        message = f'the link "{text.strip()}" does not say where it leads'
        mend, code = "put the link on the words that name it", "E603"
    else:
        return
    yield finding(code, episode.source, line, message, mend, episode.slug)


def _of_table(episode: Episode, table: Block) -> Iterator[Finding]:
    heads = [
        cell for row in table.children if row.attributes.get("header") for cell in row.children
    ]
    if heads and not any(words(cell.inlines).strip() for cell in heads):
        yield finding(
            "E610",
            episode.source,
            table.line,
            "the table's columns have no headings",
            "name them in its first row",
            episode.slug,
        )


# --- pages ----------------------------------------------------------------------------------------


def of_page(tree: Any, where: str) -> Iterator[Finding]:
    """What a built page lacks; `tree` is its lxml tree."""

    def found(code: str, element: Any, message: str) -> Finding:
        line = (element.sourceline or 0) if element is not None else 1
        return finding(code, where, line, message, "mend the template that makes it")

    root = tree.getroot()
    if not (root.get("lang") or "").strip():
        yield found("E605", root, "the page does not say its language: <html> has no lang")
    title = root.find(".//head/title")
    if title is None or not (title.text or "").strip():
        yield found("E606", title, "the page has no title")
    for image in root.iter("img"):
        if image.get("alt") is None:
            yield found("E607", image, f'the image "{image.get("src", "")}" has no alt')
    for frame in root.iter("iframe"):
        if not (frame.get("title") or "").strip():
            yield found("E614", frame, "the frame has no title")
    ids = Counter(element.get("id") for element in root.iterfind(".//*[@id]"))
    for name, count in ids.items():
        if count > 1:
            yield found("E608", _last(root, name), f'the id "{name}" is used {count} times')
    for link in root.iter("a"):
        if link.get("href") is None or link.get("aria-hidden") == "true":
            continue
        if not _named(link):
            yield found("E604", link, f'the link to "{link.get("href")}" has no words')
    yield from _of_page_headings(root, found)


def _of_page_headings(root: Any, found: Any) -> Iterator[Finding]:
    above = 0
    for heading in root.iter("h1", "h2", "h3", "h4", "h5", "h6"):
        level = int(heading.tag[1])
        if not _named(heading):
            yield found("E602", heading, f"a heading <{heading.tag}> without words")
        if above and level > above + 1:
            text = " ".join(" ".join(heading.itertext()).split())
            yield found(
                "E613", heading, f'the heading "{text[:60]}" goes from h{above} to h{level}'
            )
        above = level


def _named(element: Any) -> bool:
    """Whether an element has words: its own, a label's, or a picture's."""
    if "".join(element.itertext()).strip() or (element.get("aria-label") or "").strip():
        return True
    if element.get("aria-labelledby") or (element.get("title") or "").strip():
        return True
    return any((image.get("alt") or "").strip() for image in element.iter("img")) or any(
        True for _ in element.iter("{*}title")
    )


def _last(root: Any, name: str) -> Any:
    return [element for element in root.iterfind(".//*[@id]") if element.get("id") == name][-1]
