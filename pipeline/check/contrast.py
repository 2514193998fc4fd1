"""Contrast: which words of an email cannot be read, in the light and in the dark."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

ENOUGH, ENOUGH_LARGE = 4.5, 3.0
"""WCAG 2.2, 1.4.3 (AA): contrast of words with what is behind them; large words need less."""

LARGE, LARGE_BOLD = 24.0, 18.66
"""Pixels of letters that count as large."""

_HIDDEN = ({"display": "none"}, {"visibility": "hidden"}, {"opacity": "0"})
LEAST = 2.0
"""Pixels of letters that nobody is meant to read."""


@dataclass(frozen=True, slots=True)
class Look:
    """How words look at one place of a document; colours are red, green, blue from 0 to 1."""

    ink: tuple[float, float, float] = (0.0, 0.0, 0.0)
    paper: tuple[float, float, float] = (1.0, 1.0, 1.0)
    size: float = 16.0
    bold: bool = False

    @property
    def contrast(self) -> float:
        lighter, darker = sorted((_luminance(self.ink), _luminance(self.paper)), reverse=True)
        return (lighter + 0.05) / (darker + 0.05)

    @property
    def enough(self) -> float:
        large = self.size >= LARGE or (self.bold and self.size >= LARGE_BOLD)
        return ENOUGH_LARGE if large else ENOUGH


def _luminance(colour: tuple[float, float, float]) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def faint(root: Any) -> Iterator[tuple[Any, Look]]:
    """The elements whose own words have too little contrast, with how they look; styles are inline."""
    body = root.find("body")
    if body is not None:
        yield from _faint(body, Look())


def _faint(element: Any, above: Look) -> Iterator[tuple[Any, Look]]:
    if not isinstance(element.tag, str) or element.tag in ("style", "script", "title"):
        return
    declared = declarations(element.get("style", ""))
    if any(hidden.items() <= declared.items() for hidden in _HIDDEN):
        return
    look = _look(element, declared, above)
    if look.size > LEAST and _own_words(element) and look.contrast < look.enough - 0.005:
        yield element, look
    for child in element:
        yield from _faint(child, look)


def _own_words(element: Any) -> bool:
    own = [element.text or "", *(child.tail or "" for child in element)]
    return any(text.strip("\u00a0\u200b\u034f\u2007 \n\t") for text in own)


@lru_cache(maxsize=4096)
def declarations(style: str) -> Mapping[str, str]:
    """What a style attribute declares, the important winning over the rest; a theme has few, on very many elements."""
    import tinycss2  # type: ignore[import-untyped]

    found: dict[str, tuple[bool, str]] = {}
    for one in tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True):
        if one.type == "declaration" and (
            one.important or not found.get(one.lower_name, (False,))[0]
        ):
            found[one.lower_name] = (one.important, tinycss2.serialize(one.value).strip().lower())
    return {name: value for name, (_, value) in found.items()}


def _look(element: Any, declared: Mapping[str, str], above: Look) -> Look:
    ink = _colour(declared.get("color", ""))
    paper = _colour(declared.get("background-color", "")) or _colour(declared.get("background", ""))
    paper = paper or _colour(element.get("bgcolor", ""))
    weight = declared.get("font-weight", "")
    bold = weight in ("bold", "bolder", "600", "700", "800", "900") or (
        not weight and (above.bold or element.tag in ("b", "strong", "th", "h1", "h2", "h3", "h4"))
    )
    size = declared.get("font-size", "")
    pixels = float(size[:-2]) if size.endswith("px") and _number(size[:-2]) else above.size
    return replace(above, ink=ink or above.ink, paper=paper or above.paper, size=pixels, bold=bold)


def _number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


@lru_cache(maxsize=1024)
def _colour(text: str) -> tuple[float, float, float] | None:
    """An opaque colour, wherever in a value it stands; None where there is none."""
    from tinycss2.color3 import parse_color  # type: ignore[import-untyped]

    for part in [text, *text.split()]:
        found = parse_color(part) if part else None
        if found is not None and found != "currentColor" and found.alpha == 1:
            return (found.red, found.green, found.blue)
    return None


def written(colour: tuple[float, float, float]) -> str:
    """A colour as style sheets write it."""
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


def dark(html: str) -> str:
    """The HTML as a reader in the dark gets it: what is said for them, written into every element; "" if nothing is."""
    from css_inline import CSSInliner

    rules = _dark_rules(html)
    if not rules.strip():
        return ""
    return str(
        CSSInliner(
            extra_css=rules,
            inline_style_tags=False,
            keep_style_tags=True,
            load_remote_stylesheets=False,
        ).inline(html)
    )


def _dark_rules(html: str) -> str:
    styles = re.findall(r"(?s)<style[^>]*>(.*?)</style>", html)
    return "\n".join(filter(None, map(_in_the_dark, styles)))


@lru_cache(maxsize=64)
def _in_the_dark(style: str) -> str:
    """What a style sheet says for readers in the dark alone."""
    import tinycss2

    found = []
    for rule in tinycss2.parse_stylesheet(style, skip_comments=True, skip_whitespace=True):
        if rule.type == "at-rule" and rule.lower_at_keyword == "media" and rule.content:
            asked = tinycss2.serialize(rule.prelude).replace(" ", "")
            if "prefers-color-scheme:dark" in asked:
                found.append(tinycss2.serialize(rule.content))
    return "\n".join(found)
