"""Emails: what mail programs clip, take out, or do not know, and what makes mail unwelcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pipeline.check import clients, contrast
from pipeline.check.finding import Finding, finding
from pipeline.model import Listing, Publication
from pipeline.templates import SLOT

CLIPPED = 102_400
"""Bytes of HTML above which Gmail shows the beginning of an email only."""

NEARLY_CLIPPED = 90_000
STYLES = 16_384
"""Bytes of a style sheet above which Gmail ignores it."""

SUBJECT, SUBJECT_SHOWN = 150, 78
"""Characters of a subject that mail programs keep, and that an inbox shows at most."""

PREHEADER = 15
LONGEST = 998
"""Octets of a line of a message (RFC 5322 §2.1.1)."""

MOST, SOME = 3, 2
"""Of the five families of mail programs: how many not knowing a thing make an error, and a warning."""

TAKEN_OUT = (
    "applet",
    "base",
    "button",
    "embed",
    "form",
    "frame",
    "iframe",
    "input",
    "script",
    "select",
    "textarea",
)


@dataclass(frozen=True, slots=True)
class Mail:
    """An episode's email as it was built. html, text: as frozen, slots open; shown: with example values."""

    path: str
    listing: Listing
    keys: dict[str, int]
    source: str
    html: str
    text: str
    shown: str
    message: bytes


def of_email(mail: Mail, publication: Publication) -> Iterator[Finding]:
    """All that is wrong with an episode's email."""
    from lxml import etree  # type: ignore[import-untyped]

    found = partial(_found, mail)
    yield from _of_size(mail, found)
    yield from _of_subject(mail)
    tree = etree.fromstring(mail.shown, etree.HTMLParser(huge_tree=True))
    if tree is None:
        return
    yield from _of_elements(tree, found)
    yield from _of_styles(tree, found)
    yield from _of_words(mail, tree, found)
    yield from _of_leaving(mail, found)
    yield from _of_message(mail, publication, found)


def _found(mail: Mail, code: str, line: int, message: str, mend: str) -> Finding:
    return finding(code, mail.path, line, message, mend, mail.listing.slug)


def _of_size(mail: Mail, found: Any) -> Iterator[Finding]:
    size = len(mail.shown.encode())
    if size > NEARLY_CLIPPED:
        yield found(
            "E301" if size > CLIPPED else "E302",
            0,
            f"the email has {size:,} bytes; Gmail clips it above {CLIPPED:,}",
            'shorten the episode, or put a part of it in ::: {.except for="email"}',
        )


def _of_subject(mail: Mail) -> Iterator[Finding]:
    length = len(mail.listing.title)
    if length > SUBJECT_SHOWN:
        yield finding(
            "E308" if length > SUBJECT else "E309",
            mail.source,
            mail.keys.get("title", 1),
            f"the title, which is the email's subject, has {length} characters; inboxes show {SUBJECT_SHOWN}",
            "shorten it; what it leaves out may stand in subtitle",
            mail.listing.slug,
        )


def _of_elements(tree: Any, found: Any) -> Iterator[Finding]:
    if (tree.get("lang") or "und").strip() in ("", "und"):
        yield found(
            "E321", tree.sourceline, "the email does not say its language", "give <mjml> its lang"
        )
    for element in tree.iter(*TAKEN_OUT):
        message = f"<{element.tag}> is taken out by every mail program"
        yield found("E318", element.sourceline, message, "take it out, and link to the page")
    seen = set()
    for element in tree.iter():
        feature = clients.of_element(element.tag) if isinstance(element.tag, str) else ""
        lacking = clients.without(feature)
        if len(lacking) >= MOST and feature not in seen:
            seen.add(feature)
            message = f"<{element.tag}> is unknown to {', '.join(lacking)}"
            yield found(
                "E304", element.sourceline, message, "show a picture that links to the page"
            )
    for image in tree.iter("img"):
        yield from _of_picture(image, found)
    ids = set(tree.xpath("//@id | //a/@name"))
    for link in tree.iter("a"):
        href = (link.get("href") or "").strip()
        if link.get("href") is None or (href[1:] in ids and href.startswith("#")):
            continue
        if not urlsplit(href).scheme:
            yield found(
                "E317",
                link.sourceline,
                f'the link to "{href}" has no full address',
                "write it in full",
            )
    for table in tree.iter("table"):
        if (
            table.get("role") is None
            and table.find(".//table") is not None
            and table.find(".//th") is None
        ):
            message = "a table for layout is read out as data"
            yield found("E322", table.sourceline, message, 'give it role="presentation"')


def _of_picture(image: Any, found: Any) -> Iterator[Finding]:
    source, line = (image.get("src") or "").strip(), image.sourceline
    if image.get("alt") is None:
        yield found(
            "E310",
            line,
            f'the picture "{source}" has no alt',
            'write alt="…", or alt="" for an ornament',
        )
    if not source.startswith(("https://", "http://", "cid:", "data:")):
        yield found(
            "E316",
            line,
            f'the picture "{source}" has no full address',
            "write it in full, with https://",
        )
    lacking = clients.without(clients.of_picture(source))
    if lacking:
        shown = source[:60]
        message = f'the picture "{shown}" is not shown by {", ".join(lacking)}'
        yield found("E306", line, message, "use a PNG or JPEG")


def _of_styles(tree: Any, found: Any) -> Iterator[Finding]:
    for style in tree.iter("style"):
        size = len((style.text or "").encode())
        if size > STYLES:
            message = f"a style sheet of {size:,} bytes; Gmail ignores one above {STYLES:,}"
            yield found("E303", style.sourceline, message, "shorten it, or divide it")
    seen = set()
    for element in tree.iter():
        if not isinstance(element.tag, str) or not element.get("style"):
            continue
        for name, value in contrast.declarations(element.get("style")).items():
            for feature in clients.of_declaration(name, value):
                lacking = clients.without(feature)
                if len(lacking) >= SOME and feature not in seen:
                    seen.add(feature)
                    code = "E305" if len(lacking) >= MOST else "E306"
                    message = f'"{name}: {value}" is unknown to {", ".join(lacking)}'
                    yield found(
                        code, element.sourceline, message, "see caniemail.com for another way"
                    )


def _of_words(mail: Mail, tree: Any, found: Any) -> Iterator[Finding]:
    """Preheader, and contrast in the light and in the dark."""
    from lxml import etree

    preheader = _preheader(tree)
    if not preheader:
        yield found(
            "E307",
            0,
            "the email has no preheader",
            "write a summary; templates put it in mj-preview",
        )
    elif len(preheader) < PREHEADER:
        yield finding(
            "E324",
            mail.source,
            mail.keys.get("summary", 1),
            f'the preheader, "{preheader}", says too little: inboxes show it behind the subject',
            "write a summary of a sentence",
            mail.listing.slug,
        )
    yield from _of_contrast("E312", "", tree, found)
    dark = contrast.dark(mail.shown)
    if dark:
        in_the_dark = etree.fromstring(dark, etree.HTMLParser(huge_tree=True))
        yield from _of_contrast("E311", " in dark mode", in_the_dark, found)


def _of_contrast(code: str, when: str, tree: Any, found: Any) -> Iterator[Finding]:
    seen = set()
    for element, look in contrast.faint(tree):
        if (look.ink, look.paper) not in seen:
            seen.add((look.ink, look.paper))
            ink, paper = contrast.written(look.ink), contrast.written(look.paper)
            message = (
                f"words in {ink} on {paper}{when}: a contrast of {look.contrast:.1f}; "
                f"{look.enough:g} can be read"
            )
            yield found(code, element.sourceline, message, "change a colour in theme.toml")


def _preheader(tree: Any) -> str:
    """The words of the first hidden element: inboxes show them behind the subject."""
    body = tree.find("body")
    for element in body.iter() if body is not None else ():
        style = (
            contrast.declarations(element.get("style", "")) if isinstance(element.tag, str) else {}
        )
        if style.get("display") == "none":
            return "".join(element.itertext()).strip("\u00a0\u200b\u034f\u2007\ufeff \n\t")
        if isinstance(element.tag, str) and (element.text or "").strip():
            return ""
    return ""


def _of_leaving(mail: Mail, found: Any) -> Iterator[Finding]:
    for part, name in ((mail.html, "the HTML"), (mail.text, "the plain text")):
        if part.strip() and f"{SLOT}unsubscribe_url" not in part:
            message = f'{name} of the email has no link to unsubscribe: no slot "unsubscribe_url"'
            yield found("E320", 0, message, 'write {{ slot("unsubscribe_url") }} in the template')


def _of_message(mail: Mail, publication: Publication, found: Any) -> Iterator[Finding]:
    if not mail.text.strip():
        yield found("E315", 0, "the email has no plain text", "see email/episode.txt")
    if not mail.message:
        return
    message = message_from_bytes(mail.message, policy=policy.default)
    leave = str(message["List-Unsubscribe"] or "")
    if not leave:
        yield found(
            "E313", 0, "the email has no header List-Unsubscribe", "inboxes show it as a button"
        )
    if publication.service.url and (
        "<https://" not in leave or "one-click" not in str(message["List-Unsubscribe-Post"]).lower()
    ):
        message_ = "the email cannot be left with one click, as big receivers ask (RFC 8058)"
        yield found("E314", 0, message_, "let List-Unsubscribe name the service")
    for number, line in enumerate(mail.message.split(b"\r\n"), 1):
        if len(line) > LONGEST:
            message_ = f"line {number} of the message has {len(line):,} octets (allowed: {LONGEST})"
            yield found("E323", 0, message_, "encode it as quoted-printable")
