"""Parts of an edition are for some of its readers: those of a list, or of whom something is known."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from urllib.parse import unquote

from pipeline.delivery.edition import Edition
from pipeline.errors import AuthorError, TemplateError, suggestion
from pipeline.templates import SLOT

LIST = "list"
"""The name by which a condition means the list; any other means an attribute of the subscriber."""

_MARK = re.compile(rf"(?:<!--)?{re.escape(SLOT)}(?:(only|except)/([^\s<>]*?)|(end))/(?:-->)?")


def conditions(edition: Edition) -> frozenset[str]:
    """What an edition's parts ask of a reader, as `name=value`."""
    marks = _MARK.finditer(edition.html + edition.text)
    return frozenset(one for mark in marks if mark[1] for one in unquote(mark[2]).split())


def checked(edition: Edition, lists: Collection[str]) -> Edition:
    """The edition, if every list that its parts are for is there; else raises AuthorError."""
    for one in sorted(conditions(edition)):
        name, _, value = one.partition("=")
        if name == LIST and not any(_same(value) == _same(known) for known in lists):
            raise AuthorError(
                f"content/{edition.slug}/episode.md",
                None,
                f'for="{one}": there is no list "{value}"' + suggestion(value, lists),
            )
    return edition


def holds(condition: str, mailing_list: str, attributes: Mapping[str, str]) -> bool:
    """Whether a reader is one whom a condition means; case does not matter, and "_" stands for a blank."""
    name, _, value = condition.partition("=")
    found = mailing_list if name == LIST else attributes.get(name.casefold(), "")
    return _same(found) == _same(value)


def for_nobody_known(edition: Edition) -> Edition:
    """An edition as a reader of its list gets it of whom nothing is known."""
    name = edition.mailing_list
    return resolved(edition, [one for one in conditions(edition) if holds(one, name, {})])


def _same(text: str) -> str:
    return "_".join(text.casefold().split())


def resolved(edition: Edition, held: Collection[str]) -> Edition:
    """An edition as those readers get it for whom these of its conditions hold, and no others."""
    text = _resolved(edition.text, held)
    if text != edition.text:  # what was left out leaves empty lines behind
        text = re.sub(r"\n{3,}", "\n\n", text)
    return replace(edition, html=_resolved(edition.html, held), text=text)


def _resolved(part: str, held: Collection[str]) -> str:
    out, at = [], 0
    shown = [True]
    for mark in _MARK.finditer(part):
        if shown[-1]:
            out.append(part[at : mark.start()])
        at = mark.end()
        if mark[3]:
            if len(shown) == 1:
                raise TemplateError(
                    "the email templates end a part for some readers that never began"
                )
            shown.pop()
        else:
            meant = any(one in held for one in unquote(mark[2]).split())
            shown.append(shown[-1] and meant == (mark[1] == "only"))
    if len(shown) > 1:
        raise TemplateError("the email templates begin a part for some readers that never ends")
    return "".join([*out, part[at:]])
