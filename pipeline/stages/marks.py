"""The marks stage: what an author marked for the ear, and what a chapter may show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.stage import Artifact, stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.model import Block, Episode, Inline, Listing


@stage(per="episode", libraries=("markdown-it-py",))
def marks(listing: Listing, episode: Episode) -> Iterator[Artifact]:
    """The passages marked as soundbites, and of each section its first picture and its first link."""
    from pipeline.templates import shown

    blocks = tuple(shown(episode.blocks, "web"))
    found = {
        "sections": list(sections(blocks, listing)),
        "soundbites": [
            one for block in episode.blocks for part in block.walk() for one in soundbites_of(part)
        ],
    }
    yield Artifact(
        f"marks/{listing.slug}.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    )


def sections(blocks: Iterable[Block], listing: Listing) -> Iterator[dict[str, str]]:
    """Each section by its heading's id, "" for what stands before the first: its picture and its link."""
    image = {"image": listing.image, "alt": listing.image_alt} if listing.image else {}
    section: dict[str, str] = {"id": "", **image}
    for block in (part for top in blocks for part in top.walk()):
        if block.kind == "heading":
            yield section
            section = {"id": block.attributes["id"]}
        if block.kind == "figure":
            section.setdefault("image", block.attributes["src"])
            section.setdefault("alt", block.attributes["alt"])
        for inline in inlines_of(block):
            if inline.kind == "image":
                section.setdefault("image", inline.attributes["src"])
                section.setdefault("alt", inline.attributes["alt"])
            if inline.kind == "link" and inline.attributes.get("href", "").startswith("http"):
                section.setdefault("url", inline.attributes["href"])
    yield section


def soundbites_of(block: Block) -> Iterator[dict[str, Any]]:
    """The passages that are marked in a block, or that it is."""
    if block.kind == "soundbite":
        said = " ".join(said_in(part) for child in block.children for part in child.walk())
        yield marked(said, block.attributes["title"], block.line)
    for inline in inlines_of(block):
        if inline.attributes.get("class") == "soundbite":
            yield marked(said_of(inline), inline.attributes.get("title", ""), block.line)


def said_in(block: Block) -> str:
    from pipeline.model import words

    return f"{words(block.head)} {words(block.inlines)}"


def said_of(inline: Inline) -> str:
    from pipeline.model import words

    return words((inline,))


def marked(said: str, title: str, line: int) -> dict[str, Any]:
    return {"title": title, "words": " ".join(said.split()), "line": line}


def inlines_of(block: Block) -> Iterator[Inline]:
    """Every inline of a block, at any depth."""
    waiting = [*block.head, *block.inlines]
    while waiting:
        inline = waiting.pop(0)
        yield inline
        waiting[:0] = inline.children
