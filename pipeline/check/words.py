"""The author's words as check reads them: with the line each stands on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.model import Block, Episode, Inline


def blocks(episode: Episode) -> Iterator[Block]:
    """Every block, in reading order, footnotes last."""
    for block in (*episode.blocks, *episode.footnotes):
        yield from block.walk()


def prose(inlines: Iterable[Inline]) -> str:
    """Words with the line breaks of the file; code and pictures leave a mark."""
    out = []
    for inline in inlines:
        if inline.kind in ("space", "break"):
            out.append("\n")
        elif inline.kind in ("code", "image"):
            out.append("\ufffc")
        elif inline.kind != "note":
            out.append(prose(inline.children) if inline.children else inline.text)
    return "".join(out)


def walk(inlines: Iterable[Inline], line: int) -> Iterator[tuple[Inline, int]]:
    """Every inline with its line."""
    for inline in inlines:
        yield inline, line
        yield from walk(inline.children, line)
        line += 1 if inline.kind in ("space", "break") else prose(inline.children).count("\n")


def inlines(episode: Episode) -> Iterator[tuple[Inline, int]]:
    """Every inline of an episode with its line."""
    for block in blocks(episode):
        for part in (block.head, block.inlines):
            yield from walk(part, block.line)


def passages(episode: Episode) -> Iterator[tuple[str, int]]:
    """Every run of words with the line it begins on: of blocks and of what their attributes say."""
    for block in blocks(episode):
        for name in ("title", "by", "role", "alt"):
            yield block.attributes.get(name, ""), block.line
        for part in (block.head, block.inlines):
            yield prose(part), block.line
            for inline, line in walk(part, block.line):
                if inline.kind == "image":
                    yield inline.attributes.get("alt", ""), line


def key_lines(text: str) -> dict[str, int]:
    """The line of each key of an episode's front matter."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines()[1:], 2):
        if line.rstrip() in ("---", "..."):
            break
        key, colon, _ = line.partition(":")
        if colon and key.strip() == key:
            lines.setdefault(key, number)
    return lines
