"""What mail programs know of HTML and CSS, from caniemail's data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "caniemail.json"
"""A letter a mail program: y knows it, a in part, n not, u nobody tried. See caniemail.LICENSE."""

_UNITS = ("ch", "rem", "vh", "vw", "vmin", "vmax")
_FUNCTIONS = {
    "calc": "css-unit-calc", "clamp": "css-function-clamp", "conic-gradient": "css-conic-gradient",
    "light-dark": "css-function-light-dark", "linear-gradient": "css-linear-gradient", "max": "css-function-max",
    "min": "css-function-min", "radial-gradient": "css-radial-gradient", "rgba": "css-rgba", "var": "css-variables",
}  # fmt: skip
_ELEMENTS = {
    "audio", "bdi", "dialog", "marquee", "meter", "object", "picture", "progress", "svg", "video",
}  # fmt: skip
_PLACES = {"left", "right", "top", "bottom"}
_DISPLAYS = {"flex", "grid"}


@cache
def _known() -> tuple[tuple[str, ...], dict[str, str]]:
    told = json.loads(FILE.read_text("utf-8"))
    return tuple(told["clients"]), told["features"]


def without(feature: str) -> tuple[str, ...]:
    """The mail programs that do not know a feature; of one that nobody tried, none are named."""
    clients, features = _known()
    letters = features.get(feature, "")
    return tuple(name for name, letter in zip(clients, letters, strict=False) if letter == "n")


def of_declaration(name: str, value: str) -> Iterator[str]:
    """The features that one CSS declaration uses, as caniemail names them."""
    if name.startswith(("-", "mso-")):
        return  # written for one program, which knows it
    _, features = _known()
    if name in _PLACES:
        yield "css-left-right-top-bottom"
    elif name == "display":
        kind = value.split()[0].removeprefix("inline-") if value.split() else ""
        if kind in _DISPLAYS:
            yield f"css-display-{kind}"
    else:
        feature = f"css-{name}"
        while feature not in features and feature.count("-") > 1:
            feature = feature.rpartition("-")[0]
        yield feature
    for function in re.findall(r"([a-z-]+)\(", value):
        if function in _FUNCTIONS:
            yield _FUNCTIONS[function]
    for unit in re.findall(r"\d(ch|rem|vh|vw|vmin|vmax)\b", value):
        if unit in _UNITS:
            yield f"css-unit-{unit}"


def of_element(tag: str) -> str:
    """The feature that an element is; "" for one that every program knows."""
    return f"html-{tag}" if tag in _ELEMENTS else ""


def of_picture(address: str) -> str:
    """The feature that a picture's format is: of a file's ending, or of a picture inside its address."""
    if address.startswith("data:"):
        return "image-base64"
    ending = address.partition("?")[0].rpartition(".")[2].lower()
    return f"image-{ending}" if ending in ("avif", "svg", "webp", "apng", "heif", "tiff") else ""
