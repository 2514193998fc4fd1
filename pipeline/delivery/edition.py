"""An edition is one episode as it is mailed to one list, frozen before the first message."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from pipeline.delivery.addresses import AddressError, mailbox, normalised
from pipeline.errors import AuthorError, suggestion
from pipeline.model import Email, Listing, Publication

SETTINGS = "content/publication.toml"
LONGEST_BOUNCES = 24
"""Characters before the @ of the mailbox for bounces; with a tag behind them there may be 64 (RFC 5321 §4.5.3.1)."""


@dataclass(frozen=True, slots=True)
class Edition:
    """Everything of a mailed episode that is the same for all who get it.

    episode: its GUID, which stays when its title or slug changes. revision: 0, or the how-manieth correction it is.
    html, text: with their slots still open.
    """

    mailing_list: str
    list_title: str
    episode: str
    slug: str
    number: int
    published: datetime
    subject: str
    sender: str
    reply_to: str
    html: str
    text: str
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Mailed:
    """An episode of which an edition exists on a list, with the date and number it had then."""

    episode: str
    published: datetime
    number: int


def edition(publication: Publication, name: str, listing: Listing, html: str, text: str) -> Edition:
    """An episode for the list of that name; raises AuthorError where it cannot be addressed."""
    email = addressed(publication)
    if name not in publication.lists:
        raise AuthorError(
            SETTINGS, None, f'there is no list "{name}"' + suggestion(name, publication.lists)
        )
    return Edition(
        mailing_list=name,
        list_title=publication.lists[name].title,
        episode=known_by(listing),
        slug=listing.slug,
        number=listing.number,
        published=listing.published,
        subject=one_line(listing.title),
        sender=email.sender,
        reply_to=email.reply_to,
        html=html,
        text=text,
    )


def known_by(listing: Listing) -> str:
    """The GUID of an episode that no republishing changes: who has had it is not mailed it again."""
    return listing.first_guid or listing.guid


def addressed(publication: Publication) -> Email:
    """The [email] table, once its addresses are known to be good; raises AuthorError."""
    email = publication.email
    if email is None:
        raise AuthorError(SETTINGS, None, 'there is no [email] table; add one with sender = "…"')
    if email.bounces:
        _check_bounces(email.bounces)
    for setting, written in (("sender", email.sender), ("reply_to", email.reply_to)):
        try:
            if written or setting == "sender":
                mailbox(written)
        except AddressError as error:
            raise AuthorError(
                SETTINGS, None, f"email.{setting}: {error}; write Name <post@example.org>"
            ) from error
    return email


def _check_bounces(written: str) -> None:
    """That a tag still fits into the address; raises AuthorError."""
    try:
        local = normalised(written).partition("@")[0]
    except AddressError as error:
        raise AuthorError(
            SETTINGS, None, f"email.bounces: {error}; write bounces@example.org"
        ) from error
    if len(local) > LONGEST_BOUNCES:
        raise AuthorError(
            SETTINGS,
            None,
            f'email.bounces: "{local}" has {len(local)} characters (allowed: {LONGEST_BOUNCES}), '
            "because which message came back is written behind it",
        )


def seeds(publication: Publication, name: str) -> tuple[str, ...]:
    """The author's own addresses that get every edition of a list; raises AuthorError."""
    found = []
    for place, seed in enumerate(publication.lists[name].seeds, 1):
        try:
            found.append(normalised(seed))
        except AddressError as error:
            raise AuthorError(
                SETTINGS, None, f"lists.{name}.seeds, number {place}: {error}"
            ) from error
    return tuple(found)


def fault(address: str) -> str:
    """Why no mail can reach an address of the author's own; "" if it can."""
    try:
        normalised(address)
    except AddressError as error:
        return str(error)
    return ""


def one_line(words: str) -> str:
    """Words as a header holds them: one line, no control characters."""
    printed = (" " if unicodedata.category(c) == "Cc" else c for c in words)
    return " ".join("".join(printed).split())


def due(episodes: Iterable[Listing], mailed: Collection[Mailed]) -> list[Listing]:
    """The published episodes a list has yet to be sent, oldest first.

    A list that was never mailed gets the newest only; later, all that were published after the
    last one mailed. An older episode is never mailed unasked, nor one that says `mail: false`.
    """
    had = {one.episode for one in mailed}
    waiting = sorted(
        (one for one in episodes if one.mail and known_by(one) not in had),
        key=lambda one: (one.published, one.number),
    )
    if not mailed:
        return waiting[-1:]
    last = max((one.published, one.number) for one in mailed)
    return [one for one in waiting if (one.published, one.number) > last]
