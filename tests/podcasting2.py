"""Podcasting 2.0 as specified: each tag's parents, how often it may stand there, and what it must say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from lxml import etree

NAMESPACE = "https://podcastindex.org/namespace/1.0"

URL = r"https?://[!-~]+"
WHOLE = r"\d+"
SECONDS = r"\d+(\.\d+)?"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TYPE = r"[a-z]+/[A-Za-z0-9.+-]+"
TRUTH = "true|false"
LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"
ANY = r"(?s).+"
MEDIUM = "podcast|music|video|film|audiobook|newsletter|blog|publisher|course|mixed"


def up_to(characters: int) -> str:
    return rf"(?s).{{1,{characters}}}"


CHANNEL, ITEM = "channel", "item"
SHOW_OR_EPISODE = (CHANNEL, ITEM)


@dataclass(frozen=True)
class Tag:
    """parents: where it may stand. once: only one of it there. text: what it must hold; "" nothing.

    required, optional: each attribute, and what it must match. children: the tags that it must hold, one of each kind.
    """

    parents: tuple[str, ...]
    once: bool = False
    text: str = ""
    required: dict[str, str] = field(default_factory=dict)
    optional: dict[str, str] = field(default_factory=dict)
    children: tuple[str, ...] = ()


TAGS = {
    "transcript": Tag(
        (ITEM,), required={"url": URL, "type": TYPE},
        optional={"language": LANGUAGE, "rel": "captions"},
    ),
    "locked": Tag((CHANNEL,), True, "yes|no", optional={"owner": r"\S+@\S+"}),
    "funding": Tag(SHOW_OR_EPISODE, text=up_to(128), required={"url": URL}),
    "chapters": Tag((ITEM,), True, required={"url": URL, "type": r"application/json\+chapters"}),
    "soundbite": Tag(
        (ITEM,), text=r"(?s).{0,128}", required={"startTime": SECONDS, "duration": SECONDS}
    ),
    "person": Tag(
        SHOW_OR_EPISODE, text=up_to(128),
        optional={"role": ANY, "group": ANY, "img": URL, "href": URL},
    ),
    "location": Tag(
        SHOW_OR_EPISODE, text=up_to(128),
        optional={
            "rel": "subject|creator", "geo": r"geo:-?[\d.]+,-?[\d.]+.*", "osm": r"[NWR]\d+(#\d+)?",
            "country": "[A-Z]{2}",
        },
    ),
    "season": Tag((ITEM,), True, WHOLE, optional={"name": up_to(128)}),
    "episode": Tag((ITEM,), True, SECONDS, optional={"display": up_to(32)}),
    "trailer": Tag(
        (CHANNEL,), text=up_to(128), required={"url": URL, "pubdate": ANY},
        optional={"length": WHOLE, "type": TYPE, "season": WHOLE},
    ),
    "license": Tag(SHOW_OR_EPISODE, True, up_to(128), optional={"url": URL}),
    "alternateEnclosure": Tag(
        (ITEM,), required={"type": TYPE},
        optional={
            "length": WHOLE, "bitrate": SECONDS, "height": WHOLE, "lang": LANGUAGE,
            "title": up_to(32), "rel": up_to(32), "codecs": ANY, "default": TRUTH,
        },
        children=("source",),
    ),
    "source": Tag(("alternateEnclosure",), required={"uri": r"\S+"}, optional={"contentType": TYPE}),
    "integrity": Tag(
        ("alternateEnclosure",), True,
        required={"type": "sri|pgp-signature", "value": r"sha(256|384|512)-[A-Za-z0-9+/]+=*"},
    ),
    "guid": Tag((CHANNEL,), True, UUID),
    "value": Tag(
        SHOW_OR_EPISODE, required={"type": r"\w+", "method": r"\w+"},
        optional={"suggested": SECONDS}, children=("valueRecipient",),
    ),
    "valueRecipient": Tag(
        ("value",), required={"type": "node|lnaddress", "address": r"\S+", "split": WHOLE},
        optional={"name": ANY, "customKey": ANY, "customValue": ANY, "fee": TRUTH},
    ),
    "medium": Tag((CHANNEL,), True, f"(?:{MEDIUM})L?"),
    "image": Tag(
        SHOW_OR_EPISODE, required={"href": URL},
        optional={
            "alt": ANY, "aspect-ratio": r"\d+/\d+", "width": WHOLE, "height": WHOLE,
            "type": TYPE, "purpose": up_to(128),
        },
    ),
    "txt": Tag(SHOW_OR_EPISODE, text=up_to(4000), optional={"purpose": up_to(128)}),
    "block": Tag((CHANNEL,), text="yes|no", optional={"id": "[a-z0-9]+"}),
    "remoteItem": Tag(
        (CHANNEL, "podroll", "publisher"), required={"feedGuid": UUID},
        optional={"feedUrl": URL, "itemGuid": ANY, "medium": f"(?:{MEDIUM})L?", "title": ANY},
    ),
    "podroll": Tag((CHANNEL,), True, children=("remoteItem",)),
    "publisher": Tag((CHANNEL,), True, children=("remoteItem",)),
    "updateFrequency": Tag(
        (CHANNEL,), True, up_to(128),
        optional={"complete": TRUTH, "dtstart": r"\d{4}-\d\d-\d\d.*", "rrule": r"[A-Z]+=.+"},
    ),
    "podping": Tag((CHANNEL,), True, required={"usesPodping": TRUTH}),
    "socialInteract": Tag(
        SHOW_OR_EPISODE, required={"protocol": r"[a-z]+"},
        optional={"uri": ANY, "accountId": ANY, "accountUrl": URL, "priority": WHOLE},
    ),
    "chat": Tag(
        SHOW_OR_EPISODE, True, required={"server": r"[\w.-]+", "protocol": "irc|xmpp|nostr|matrix"},
        optional={"accountId": ANY, "space": ANY},
    ),
    "contentLink": Tag((ITEM,), text=ANY, required={"href": URL}),
}  # fmt: skip


def used(xml: bytes) -> set[str]:
    """The tags of Podcasting 2.0 that a feed uses."""
    return {name for one in etree.fromstring(xml).iter(etree.Element) if (name := _ours(one))}


def faults(xml: bytes) -> list[str]:
    """Every departure of a feed from the specification."""
    return list(_of(etree.fromstring(xml)))


def _of(root: Any) -> Iterator[str]:
    for parent in root.iter(etree.Element):
        counted = Counter(filter(None, map(_ours, parent.iterchildren(etree.Element))))
        for name, count in counted.items():
            if count > 1 and name in TAGS and TAGS[name].once:
                yield f"{name} stands {count} times in {_name(parent)}"
        if _ours(parent):
            yield from _of_tag(parent, _ours(parent))
        if _name(parent) == CHANNEL and not counted["guid"]:
            yield "channel has no guid"


def _of_tag(one: Any, name: str) -> Iterator[str]:
    if name not in TAGS:
        yield f"{name} is no tag"
        return
    tag = TAGS[name]
    if _name(one.getparent()) not in tag.parents:
        yield f"{name} stands in {_name(one.getparent())}"
    text = "".join(one.itertext()).strip() if not len(one) or tag.text else ""
    if not re.fullmatch(tag.text, text):
        yield f'{name} says "{text[:99]}"'
    for key in tag.required:
        if key not in one.attrib:
            yield f"{name} lacks {key}"
    for key, value in one.attrib.items():
        expected = (tag.required | tag.optional).get(key)
        if expected is None:
            yield f"{name} has an attribute {key}"
        elif not re.fullmatch(expected, value):
            yield f'{name} has {key}="{value[:99]}"'
    held = {_ours(child) for child in one.iterchildren(etree.Element)}
    yield from (f"{name} holds no {child}" for child in tag.children if child not in held)
    yield from _beyond_patterns(one, name)


def _beyond_patterns(one: Any, name: str) -> Iterator[str]:
    """What one tag's attributes mean to each other."""
    if name == "trailer":
        parsedate_to_datetime(one.get("pubdate"))
    if name == "publisher" and [child.get("medium") for child in one] != ["publisher"]:
        yield "publisher holds other than one publisher"
    if name == "socialInteract" and (one.get("protocol") == "disabled") == ("uri" in one.attrib):
        yield "socialInteract has a uri where it is disabled, or none where it is not"
    if name == "license" and "url" not in one.attrib and one.text != one.text.lower():
        yield "license is a known one, and not in small letters"


def _ours(element: Any) -> str:
    found = etree.QName(element)
    return found.localname if found.namespace == NAMESPACE else ""


def _name(element: Any) -> str:
    return etree.QName(element).localname
