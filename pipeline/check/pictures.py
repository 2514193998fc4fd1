"""Pictures: whether a file is one, and holds nothing that a picture may not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.check.finding import Finding, finding
from pipeline.check.words import blocks, inlines
from pipeline.errors import MediaError
from pipeline.media import VECTOR, picture_size
from pipeline.model import Episode


def of_pictures(episode: Episode, keys: Mapping[str, int], root: Path) -> Iterator[Finding]:
    """The pictures of an episode that are none; its own image is among them."""
    folder = (root / episode.source).parent
    used = [(episode.listing.image, keys.get("image", 1))] if episode.listing.image else []
    used += [(b.attributes["src"], b.line) for b in blocks(episode) if b.kind == "figure"]
    used += [(one.attributes["src"], line) for one, line in inlines(episode) if one.kind == "image"]
    for name, line in used:
        if (folder / name).is_file() and (amiss := fault(folder / name)):
            yield finding(
                "E109",
                episode.source,
                line,
                f'"{name}" {amiss}',
                "export it anew as PNG, JPEG or plain SVG",
                episode.slug,
            )


def fault(file: Path) -> str:
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
        drawing = etree.parse(os.fsencode(file), parser).getroot()
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
