"""The elements that Apple and Podcasting 2.0 add to a feed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from math import gcd
from typing import Any

from pipeline.errors import MediaError
from pipeline.feeds.apple import category
from pipeline.feeds.entries import Entry, address, guid
from pipeline.feeds.notes import DESCRIPTION, shortened
from pipeline.feeds.xml import Element, element
from pipeline.media import Enclosure
from pipeline.model import (
    Chat,
    Funding,
    Guest,
    Location,
    Person,
    Publication,
    RemoteItem,
    SocialInteract,
    Txt,
    Value,
)
from pipeline.stage import Artifacts, Made

ITUNES_NAME = 255
"""The bytes of an author, an owner or a subtitle that directories take."""

NAME = 128
"""The characters that Podcasting 2.0 takes in a name or a title."""

TITLE = 32
"""The characters that it takes in the title of an alternate enclosure, and in the display of an episode."""

TXT = 4000

NOTHING = Artifacts()

TRANSCRIPTS = {
    ".vtt": ("text/vtt", "captions"),
    ".srt": ("application/x-subrip", "captions"),
    ".json": ("application/json", ""),
    ".html": ("text/html", ""),
}
"""The media type of each form of transcript, and whether it is timed as captions are."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of the show: its address, its pixels, what it is for and what it shows."""

    url: str
    width: int
    height: int
    purpose: str
    alt: str = ""


def of_show(publication: Publication, images: Iterable[Image]) -> Iterator[Element]:
    """The elements of the channel; the first of the images is the artwork."""
    asked = publication.podcast
    artwork, *more = images
    yield element("itunes:author", _names(publication, publication.people))
    owner = (
        element("itunes:name", shortened(asked.owner, ITUNES_NAME)),
        element("itunes:email", asked.owner_email),
    )
    yield element("itunes:owner", holds=owner)
    yield element("itunes:image", href=artwork.url)
    yield from map(category, asked.categories)
    yield element("itunes:explicit", _truth(asked.explicit))
    yield element("itunes:type", asked.type)
    if publication.moved_from:
        yield element("itunes:new-feed-url", address(publication.link("podcast.xml")))
    yield element("podcast:guid", guid(publication))
    yield element("podcast:locked", "yes" if asked.locked else "no", owner=asked.owner_email)
    yield element("podcast:medium", asked.medium)
    yield from map(_image, (artwork, *more))
    yield from _persons(publication, publication.people)
    yield from _licensed(asked.license)
    yield from _funded(publication, asked.funding)
    yield from _located(asked.location)
    yield from _valued(asked.value)
    yield from _discussed(asked.chat, asked.txt, asked.social_interact)
    yield from _told_to_apps(publication)
    yield from _related(publication)


def _told_to_apps(publication: Publication) -> Iterator[Element]:
    """How often it comes, how its changes are told, and who may show it."""
    asked = publication.podcast
    if often := asked.update_frequency:
        yield element(
            "podcast:updateFrequency",
            often.text[:NAME],
            complete="true" if often.complete else "",
            dtstart=often.dtstart,
            rrule=often.rrule,
        )
    if asked.podping:
        yield element("podcast:podping", usesPodping="true")
    if asked.block is True:
        yield element("itunes:block", "Yes")
        yield element("podcast:block", "yes")
    for one in asked.block if isinstance(asked.block, tuple) else ():
        if one.yes and not one.id:
            yield element("itunes:block", "Yes")
        yield element("podcast:block", "yes" if one.yes else "no", id=one.id)


def _related(publication: Publication) -> Iterator[Element]:
    """Other shows: those it recommends, those it consists of, and who publishes it."""
    asked = publication.podcast
    if asked.podroll:
        yield element("podcast:podroll", holds=map(_remote, asked.podroll))
    if asked.publisher:
        yield element("podcast:publisher", holds=[_remote(asked.publisher, medium="publisher")])
    yield from map(_remote, asked.remote_item)


def of_trailer(entry: Entry, sound: Enclosure) -> Element:
    """The channel's pointer to an episode that is the show's trailer."""
    listing = entry.listing
    return element(
        "podcast:trailer",
        listing.title[:NAME],
        pubdate=format_datetime(listing.published),
        url=entry.sound_url,
        length=sound.size,
        type=sound.type,
        season=listing.season,
    )


def of_episode(publication: Publication, entry: Entry, sound: Enclosure) -> Iterator[Element]:
    """The elements of an item that its listing and its audio give."""
    listing, told = entry.listing, entry.listing.podcast
    season = publication.podcast.season(listing.season)
    yield element("itunes:title", listing.title)
    yield element("itunes:author", _names(publication, entry.authors))
    if listing.subtitle:
        yield element("itunes:subtitle", shortened(listing.subtitle, ITUNES_NAME))
    yield element("itunes:summary", shortened(listing.summary, DESCRIPTION))
    yield element("itunes:duration", str(round(sound.duration)))
    said = (listing.explicit, season.explicit, publication.podcast.explicit)
    yield element("itunes:explicit", _truth(next(one for one in said if one is not None)))
    yield element("itunes:episodeType", listing.type)
    if season.number > 0:
        yield element("itunes:season", str(season.number))
        yield element("podcast:season", str(season.number), name=season.name[:NAME])
    if listing.number > 0:  # directories refuse an episode 0
        yield element("itunes:episode", str(listing.number))
        yield element("podcast:episode", str(listing.number), display=told.display[:TITLE])
    yield from _persons(publication, entry.authors)
    yield from map(_guest, listing.visitors)
    if sound.synthetic:
        yield element("podcast:txt", "true", purpose="ai-content")
    yield from _licensed(told.license or season.license)
    yield from _funded(publication, told.funding or season.funding)
    yield from _located(told.location or season.location)
    yield from _valued(told.value or season.value)
    yield from _discussed(told.chat, told.txt, told.social_interact)
    for link in told.content_link:
        yield element("podcast:contentLink", link.text, href=address(link.href))


@dataclass(frozen=True, slots=True)
class Beside:
    """What was made of an episode beside its words: all that an item points to."""

    audio: Artifacts = NOTHING
    chapters: Artifacts = NOTHING
    transcript: Artifacts = NOTHING
    art: Artifacts = NOTHING
    soundbites: Artifacts = NOTHING


def of_artifacts(publication: Publication, sound: Enclosure, beside: Beside) -> Iterator[Element]:
    """The elements of an item that point to its chapters, transcripts, card, soundbites and other audio files."""

    def public(made: Made) -> str:
        return address(publication.link(made.path.removeprefix("site/")))

    if made := beside.chapters.ending("chapters.json"):
        yield element("podcast:chapters", url=public(made), type="application/json+chapters")
    for suffix, (type, rel) in TRANSCRIPTS.items():
        if made := beside.transcript.ending(suffix):
            yield element(
                "podcast:transcript",
                url=public(made),
                type=type,
                language=publication.language,
                rel=rel,
            )
    if made := beside.art.ending("card.png"):
        yield _image(Image(public(made), 1200, 630, "social"))
    if made := beside.soundbites.ending(".json"):
        for one in json.loads(made.text()):
            yield element(
                "podcast:soundbite",
                one["title"][:NAME],
                startTime=f"{one['start']:.3f}",
                duration=f"{one['duration']:.3f}",
            )
    yield from _alternates(publication, sound, beside.audio)


def _alternates(publication: Publication, sound: Enclosure, audio: Artifacts) -> Iterator[Element]:
    """The same audio in other codecs, each with the hash that proves a download whole (W3C SRI)."""
    if not sound.alternates:
        return
    mp3 = {
        "path": sound.path,
        "size": sound.size,
        "type": sound.type,
        "duration": sound.duration,
        "default": True,
    }
    for one in (mp3, *sound.alternates):
        file = next((made for made in audio if made.path == f"site/{one['path']}"), None)
        if file is None or file.size != one["size"] or not file.size:
            raise MediaError(
                f"{one['path']} is not the file of {one['size']} bytes that its facts say"
            )
        yield _alternate(publication, one, file)


def _alternate(publication: Publication, told: Mapping[str, Any], file: Made) -> Element:
    type, _, codecs = str(told["type"]).partition("; codecs=")
    name = told["path"].rpartition(".")[2].upper()
    bitrate = round(file.size * 8 / told["duration"]) if told["duration"] else 0
    digest = b64encode(bytes.fromhex(file.sha256)).decode("ascii")
    return element(
        "podcast:alternateEnclosure",
        holds=[
            element("podcast:source", uri=address(publication.link(told["path"]))),
            element("podcast:integrity", type="sri", value=f"sha256-{digest}"),
        ],
        type=type,
        length=file.size,
        bitrate=bitrate or None,
        codecs=codecs.strip('"'),
        lang=publication.language,
        title=f"{name}, {round(bitrate / 1000)} kbit/s"[:TITLE],
        default="true" if told.get("default") else "",
    )


# --- one tag each -----------------------------------------------------------------------------------


def _image(image: Image) -> Element:
    common = gcd(image.width, image.height)
    return element(
        "podcast:image",
        href=image.url,
        alt=image.alt,
        aspect_ratio=f"{image.width // common}/{image.height // common}",
        width=image.width,
        height=image.height,
        purpose=image.purpose,
    )


def _persons(publication: Publication, people: Iterable[Person]) -> Iterator[Element]:
    for one in people:
        yield element(
            "podcast:person",
            one.name[:NAME],
            role=one.role.lower(),
            href=address(one.url),
            img=address(publication.link(one.portrait)) if one.portrait else "",
        )


def _guest(one: Guest) -> Element:
    return element(
        "podcast:person",
        one.name[:NAME],
        role=one.role.lower(),
        group=one.group.lower(),
        href=address(one.href),
        img=address(one.img),
    )


def _licensed(words: str) -> Iterator[Element]:
    if "://" in words:
        name = words.rstrip("/").rpartition("/")[-1]
        yield element("podcast:license", name, url=address(words))
    elif words:
        yield element("podcast:license", words.lower())


def _funded(publication: Publication, asked: str | Iterable[Funding]) -> Iterator[Element]:
    ways = ([Funding(asked)] if asked else []) if isinstance(asked, str) else asked
    for one in ways:
        words = one.text or f"Support {publication.title}"
        yield element("podcast:funding", words[:NAME], url=address(one.url))


def _located(places: Iterable[Location]) -> Iterator[Element]:
    for one in places:
        yield element(
            "podcast:location",
            one.name[:NAME],
            rel=one.rel,
            geo=one.geo,
            osm=one.osm,
            country=one.country.upper(),
        )


def _valued(values: Iterable[Value]) -> Iterator[Element]:
    for one in values:
        recipients = [
            element(
                "podcast:valueRecipient",
                name=paid.name,
                type=paid.type,
                address=paid.address,
                split=paid.split,
                customKey=paid.custom_key,
                customValue=paid.custom_value,
                fee="true" if paid.fee else "",
            )
            for paid in one.recipients
        ]
        yield element(
            "podcast:value",
            holds=recipients,
            type=one.type,
            method=one.method,
            suggested=one.suggested,
        )


def _discussed(
    chat: Chat | None, txt: Iterable[Txt], social: Iterable[SocialInteract]
) -> Iterator[Element]:
    if chat:
        yield element(
            "podcast:chat",
            server=chat.server,
            protocol=chat.protocol,
            accountId=chat.account_id,
            space=chat.space,
        )
    for note in txt:
        yield element("podcast:txt", note.text[:TXT], purpose=note.purpose)
    for post in social:
        yield element(
            "podcast:socialInteract",
            protocol=post.protocol,
            uri=post.uri,
            accountId=post.account_id,
            accountUrl=post.account_url,
            priority=post.priority,
        )


def _remote(one: RemoteItem, medium: str = "") -> Element:
    return element(
        "podcast:remoteItem",
        feedGuid=one.feed_guid.lower(),
        feedUrl=address(one.feed_url),
        itemGuid=one.item_guid,
        medium=medium or one.medium,
        title=one.title,
    )


def _names(publication: Publication, people: Iterable[Person]) -> str:
    names = ", ".join(one.name for one in people)
    return shortened(names or publication.title, ITUNES_NAME)


def _truth(value: bool) -> str:
    return "true" if value else "false"
