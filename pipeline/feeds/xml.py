"""Elements that feedgen cannot write, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable

NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "fh": "http://purl.org/syndication/history/1.0",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
}


class Element:
    """An element to be written below those that feedgen makes: it holds text, or other elements."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, text: str, attributes: dict[str, str]) -> None:
        self.name, self.text, self.attributes = name, text, attributes
        self.children: list[Element] = []

    def append(self, child: Element) -> None:
        self.children.append(child)

    def extend(self, children: Iterable[Element]) -> None:
        self.children.extend(children)

    def written(self, depth: int) -> str:
        """On lines of its own, so far from the root. Raises ValueError where a text is not fit for XML."""
        indent = "  " * depth
        opened = f"{indent}<{self.name}" + "".join(
            [f' {key}="{_quoted(value)}"' for key, value in self.attributes.items()]
        )
        if self.children:
            held = "".join([one.written(depth + 1) for one in self.children])
            return f"{opened}>\n{held}{indent}</{self.name}>\n"
        if self.text:
            return f"{opened}>{escaped(self.text)}</{self.name}>\n"
        return f"{opened}/>\n"


def element(name: str, text: str = "", /, **attributes: str | int | None) -> Element:
    """An element by its prefixed name, `itunes:author`; attributes that are empty are left out.

    An underscore in an attribute's name is written as a hyphen.
    """
    given = {
        key.replace("_", "-"): str(value)
        for key, value in attributes.items()
        if value not in ("", None)
    }
    return Element(name, text, given)


def written(elements: Iterable[Element], depth: int) -> bytes:
    """Elements one below the other, so far from the root. Raises ValueError where a text is not fit for XML."""
    return plain("".join([one.written(depth) for one in elements]).encode("utf-8"))


_UNFIT = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escaped(text: str) -> str:
    """Text as XML has it, as lxml writes it. Raises ValueError where it has a character that XML cannot have."""
    if not text.isprintable() and (found := _UNFIT.search(text)):
        raise ValueError(f"XML has no U+{ord(found[0]):04X}")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")


def _quoted(text: str) -> str:
    text = escaped(text).replace('"', "&quot;")
    return text.replace("\n", "&#10;").replace("\t", "&#9;")


def plain(xml: bytes) -> bytes:
    """XML whose texts are no HTML, `<` and `&` in hexadecimal, so that no reader takes them for HTML.

    The RSS Profile of the RSS Advisory Board asks for it, and the W3C validator warns without it.
    """
    return xml.replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")
