"""Publications whose stages have run, for tests of feeds: by hand, or chosen by a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from random import Random
from typing import Any

from lxml import etree
from PIL import Image

from pipeline.feeds.xml import NAMESPACES
from pipeline.model import (
    Blocked,
    Chat,
    ContentLink,
    EpisodeTags,
    Feeds,
    Funding,
    Guest,
    Listing,
    Location,
    Narration,
    Person,
    Picture,
    Podcast,
    Publication,
    Recipient,
    RemoteItem,
    Season,
    Series,
    SocialInteract,
    Txt,
    UpdateFrequency,
    Value,
)
from pipeline.source import pages
from pipeline.stage import Artifacts, Made
from pipeline.stages.archive import archive
from pipeline.stages.feed import feed
from pipeline.stages.fragment import fragment
from pipeline.stages.podcast import podcast
from pipeline.templates import Templates, search_path

TEMPLATES = Templates(search_path(Path(__file__).parent, "ledger"))
FIRST = datetime(2024, 6, 1, 8, tzinfo=UTC)
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x00" * 5000
HOSTILE = "a ]]> & &amp; &#x3C; <x <b>b <script> \" ' \u202eשלום\u202c 👩‍🚀 {{ x }} {% y %}"


class Desk:
    """Publications whose stages have run: their artifacts lie as files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artwork = folder / "cover.png"
        if not self.artwork.exists():
            Image.new("RGB", (1400, 1400), "navy").save(self.artwork)

    def made(self, path: str, content: str | bytes) -> Made:
        data = content.encode() if isinstance(content, str) else content
        digest = hashlib.sha256(data).hexdigest()
        file = self.folder / digest
        file.write_bytes(data)
        return Made(path, digest, len(data), str(file))

    def files(self, path: str) -> Path:
        assert path == "content/artwork/cover.png"
        return self.artwork

    def entry(self, listing: Listing, html: str) -> Artifacts:
        return Artifacts([self.made(f"entry/{listing.slug}.html", html)])

    def audio(self, listing: Listing, data: bytes = MP3, **facts: Any) -> Artifacts:
        about = {"duration": 754.6, "size": len(data), "source": "narration", "type": "audio/mpeg"}
        about |= facts
        return Artifacts(
            [
                self.made(f"site/audio/{listing.slug}.mp3", data),
                self.made(f"audio/{listing.slug}.json", json.dumps(about)),
            ]
        )

    def chapters(self, listing: Listing, *marks: tuple[float, str]) -> Artifacts:
        listed = [{"startTime": start, "title": title} for start, title in marks]
        text = json.dumps({"version": "1.2.0", "chapters": listed})
        return Artifacts([self.made(f"site/{listing.slug}/chapters.json", text)])

    def soundbites(self, listing: Listing) -> Artifacts:
        found = [{"title": listing.title, "start": 1.5, "duration": 30.0}]
        return Artifacts([self.made(f"soundbites/{listing.slug}.json", json.dumps(found))])

    def transcript(self, listing: Listing) -> Artifacts:
        return Artifacts(
            self.made(f"site/{listing.slug}/transcript.{kind}", kind)
            for kind in ("vtt", "srt", "json", "html")
        )

    def feeds(
        self,
        publication: Publication,
        episodes: Iterable[Listing],
        *,
        html: Callable[[Listing], str] = lambda one: f"<p>All of {one.number}.</p>",
        silent: Iterable[str] = (),
        marks: tuple[tuple[float, str], ...] = ((0, "One"), (61.9, "Two & three"), (3700, "End")),
    ) -> dict[str, bytes]:
        """The feeds by path below build/site, as their stages make them; the `silent` have no audio."""
        episodes = tuple(episodes)
        heard = [one for one in episodes if one.slug not in set(silent)]
        found = {
            one.slug: self.fragment(publication, one, html(one), one in heard, marks)
            for one in episodes
        }
        artifacts = [
            *feed.function(publication, episodes, found, TEMPLATES),
            *podcast.function(publication, episodes, found, self.files, TEMPLATES),
        ]
        for page in pages(episodes, publication.feeds.page):
            own = {one.slug: found[one.slug] for one in page.listings}
            artifacts += archive.function(publication, page, own, self.files)
        return {
            one.path.removeprefix("site/"): one.content
            if isinstance(one.content, bytes)
            else str(one.content).encode()
            for one in artifacts
            if not isinstance(one.content, Path)
        }

    def fragment(
        self,
        publication: Publication,
        one: Listing,
        html: str,
        heard: bool = True,
        marks: tuple[tuple[float, str], ...] = (),
        audio: Artifacts | None = None,
        spoken: bool = True,
    ) -> Artifacts:
        """What the stage `fragment` makes of an episode whose other stages have run."""
        made = fragment.function(
            publication,
            one,
            self.entry(one, html),
            (audio or self.audio(one)) if heard else Artifacts(),
            self.chapters(one, *marks) if heard and spoken else Artifacts(),
            self.transcript(one) if heard and spoken else Artifacts(),
            Artifacts([self.made(f"site/{one.slug}/card.png", b"png")]),
            self.soundbites(one) if heard and spoken else Artifacts(),
        )
        return Artifacts(self.made(each.path, each.content) for each in made)


def publication(**changes: Any) -> Publication:
    return replace(
        Publication(
            title="Field Notes",
            subtitle="From the field",
            url="https://notes.example/",
            description="What grows & what does not.",
            people=(Person("ada", "Ada Moss", url="https://ada.example/"), Person("bo", "Bo Fern")),
            series=Series("Field Notes"),
            podcast=Podcast(
                owner="Ada Moss",
                owner_email="ada@notes.example",
                artwork="content/artwork/cover.png",
                categories=("News > Tech News", "Health & Fitness"),
                license="CC-BY-4.0",
                funding="https://notes.example/give",
            ),
            copyright="© 2026 Ada Moss",
            feeds=Feeds(hub="https://hub.example/"),
            narration=Narration(notice="Read by a synthetic voice."),
        ),
        **changes,
    )


def listing(number: int, **changes: Any) -> Listing:
    slug = changes.pop("slug", f"{number:02}-moss")
    return replace(
        Listing(
            number=number,
            title=f"Moss {number}",
            published=FIRST + timedelta(days=number),
            summary=f"On moss, part {number}.",
            subtitle="Small and green",
            keywords=("moss", "shade & damp"),
            slug=slug,
            guid=f"urn:uuid:00000000-0000-4000-8000-{number:012}",
            podcast_guid=f"urn:uuid:00000000-0000-4000-9000-{number:012}",
        ),
        **changes,
    )


SEASON = (
    listing(0, type="trailer", title="What this is", slug="00-trailer"),
    listing(1, by=("ada", "bo"), season=2, explicit=True),
    listing(2, updated=FIRST + timedelta(days=9), image="moss.png"),
)


def channel(xml: bytes) -> Any:
    return etree.fromstring(xml).find("channel")


def texts(parent: Any, path: str) -> list[str]:
    return ["".join(one.itertext()) for one in parent.findall(path, NAMESPACES)]


def sample(desk: Desk) -> dict[str, bytes]:
    return desk.feeds(publication(), SEASON)


NASTY = (
    *("AT&T", "1 < 2 > 0", "<x", "&lt;b&gt;", "&copy; &amp; &#60;", "]]>", "<![CDATA[x]]>", "<!--"),
    *(
        "שלום, עולם",
        "\u202eabc\u202c",
        "👩‍🚀🏳️‍🌈",
        "日本語の題",
        "e\u0301\u0301",
        "“quoted” ‘so’",
        "{{ x }}",
    ),
    *(
        "https://a.example/?a=1&b=2",
        "a@b.example",
        "x" * 3000,
        "word " * 900,
        "$2.4 × 10⁹",
        "a\u00a0b",
    ),
)
HTML = (
    '<h2>Part</h2><p>Some <em>words</em> &amp; <a href="https://a.example/?a&amp;b">links</a>.</p>',
    "<blockquote>Said</blockquote><ul><li>1</li></ul><pre><code>a &lt; {{ b }}</code></pre>",
    '<figure><img src="https://a.example/a.png" alt="A &lt; B"><figcaption>x</figcaption></figure>',
    "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table><hr>",
)


PLACE = (
    Location("Austin, TX", geo="geo:30.2672,-97.7431", osm="R113314", country="us"),
    Location("here & <there>", "creator"),
)
PAY = (
    Value(
        (
            Recipient("02d5c1bf8b940dc9cadca86d1b0a3c37fbe39cee", 90, name="A & B"),
            Recipient(
                "ada@wallet.example", 10, "lnaddress", fee=True, custom_key="7", custom_value="x"
            ),
        ),
        suggested="0.00000005",
    ),
)
FRIEND = RemoteItem(
    "917393E3-1B1E-5CEF-ACE4-EDAA54E1F810", "https://friend.example/ä.xml", title="<Friend> & co"
)
POSTS = (
    SocialInteract("activitypub", "https://s.example/@a/1", "@a", "https://s.example/@a", 1),
    SocialInteract("disabled"),
)


def asked(chance: Random, words: Callable[..., str]) -> Podcast:
    """A show that says something, or nothing, with each tag."""

    def maybe(value: Any, none: Any = ()) -> Any:
        return value if chance.random() < 0.5 else none

    return Podcast(
        owner=words(),
        owner_email="ada@notes.example",
        artwork="content/artwork/cover.png",
        categories=("News > Tech News", "Health & Fitness"),
        explicit=chance.random() < 0.5,
        type=chance.choice(["episodic", "serial"]),
        limit=chance.choice([1, 300]),
        locked=chance.random() < 0.5,
        medium=chance.choice(["podcast", "newsletter", "course"]),
        license=chance.choice(["", "CC-BY-4.0", "https://l.example/täglich/own"]),
        funding=chance.choice(
            ["", "https://g.example/", (Funding("https://g.example/é", words()),) * 2]
        ),
        location=maybe(PLACE),
        value=maybe(PAY),
        chat=maybe(Chat("irc.example", "irc", "@a", "#all"), None),
        txt=maybe((Txt(words(), "verify"), Txt("S6lpp-7ZCn8"))),
        social_interact=maybe(POSTS),
        update_frequency=maybe(
            UpdateFrequency(words(), "FREQ=WEEKLY;BYDAY=MO", "2026-06-01", True), None
        ),
        podping=chance.random() < 0.5,
        block=chance.choice([(), False, True, (Blocked(), Blocked("apple", yes=False))]),
        podroll=maybe((FRIEND, FRIEND)),
        remote_item=maybe((FRIEND,)),
        publisher=maybe(FRIEND, None),
        images=maybe((Picture("content/artwork/cover.png", "banner", words()),)),
        seasons=maybe(
            (
                Season(
                    1, words(1)[:200], explicit=True, license="cc0-1.0", location=PLACE, value=PAY
                ),
            )
        ),
    )


def tagged(chance: Random, words: Callable[..., str]) -> EpisodeTags:
    """An episode that says something, or nothing, with each tag."""

    def maybe(value: Any, none: Any = ()) -> Any:
        return value if chance.random() < 0.4 else none

    return EpisodeTags(
        display=maybe(words(), ""),
        license=maybe("CC0-1.0", ""),
        location=maybe(PLACE),
        value=maybe(PAY),
        funding=maybe((Funding("https://g.example/"),)),
        chat=maybe(Chat("relay.example", "nostr"), None),
        txt=maybe((Txt(words()),)),
        social_interact=maybe(POSTS),
        content_link=maybe((ContentLink("https://v.example/?a=1&b=ü", words()),)),
    )


def generated(seed: int) -> tuple[Publication, tuple[Listing, ...], dict[str, Any]]:
    """A publication of 0 to 9 episodes whose every field is chosen by the seed."""
    chance = Random(seed)

    def words(limit: int = 3) -> str:
        return " ".join(chance.choices(NASTY, k=chance.randint(1, limit)))

    def html(one: Listing) -> str:
        return "".join(chance.choices(HTML, k=3)) + f"<p>{escape(one.title)}</p>"

    people = tuple(
        Person(str(n), chance.choice(NASTY)[:200], url=chance.choice(["", "https://p.example/é"]))
        for n in range(chance.randint(1, 3))
    )
    of = publication(
        title=words(),
        url=chance.choice(["https://notes.example/", "https://bücher.example/täglich/"]),
        description=words(),
        people=people,
        language=chance.choice(["en", "en-GB", "he", "zh-Hant"]),
        copyright=chance.choice(["", words()]),
        feeds=Feeds(limit=chance.choice([3, 4, 50]), hub=chance.choice(["", "https://h.example/"])),
        narration=Narration(notice=chance.choice(["", words()])),
        podcast=asked(chance, words),
        moved_from=chance.choice([(), ("https://old.example/",)]),
    )
    episodes = tuple(
        listing(
            number,
            type=chance.choice(["full", "trailer", "bonus"]),
            title=words(),
            summary=words(),
            subtitle=chance.choice(["", words()]),
            keywords=tuple(chance.sample(NASTY, k=chance.randint(0, 4))),
            by=tuple(chance.sample([one.id for one in people], k=chance.randint(0, len(people)))),
            season=chance.choice([None, 1, 12]),
            explicit=chance.choice([None, True, False]),
            image=chance.choice(["", "a b.png"]),
            updated=chance.choice([None, FIRST + timedelta(days=number, seconds=number + 1)]),
            guests=chance.choice(
                [(), (words()[:200], Guest("Grace & co", "Guest", href="https://g.example/ü"))]
            ),
            podcast=tagged(chance, words),
        )
        for number in range(chance.randint(0, 9))
    )
    marks = tuple((n * 100.5, words(1)) for n in range(chance.choice([0, 2, 3, 12])))
    silent = [one.slug for one in episodes if chance.random() < 0.3]
    return of, episodes, {"html": html, "silent": silent, "marks": marks}


def extremes() -> dict[str, tuple[Publication, tuple[Listing, ...], dict[str, Any]]]:
    """Publications at the edges: nothing at all, an archive of pages, 100 KB in a title, no audio anywhere."""
    long = "So & so <on> ünd… " * 5000
    many = tuple(listing(number) for number in range(1, 121))
    loud = listing(1, title=long, summary=long, subtitle=long, keywords=(long,))
    none = {"silent": [one.slug for one in SEASON]}
    return {
        "empty": (publication(), (), {}),
        "archive": (publication(podcast=replace(publication().podcast, limit=1)), many, {}),
        "few": (publication(feeds=Feeds(limit=2)), SEASON, {}),
        "long": (publication(title=long[:5000], description=long), (loud,), {}),
        "silent": (publication(), SEASON, none),
    }


def with_alternates(desk: Desk) -> bytes:
    """The podcast item of an episode that has other audio files and soundbites."""
    one = SEASON[1]
    other = b"OggS" + bytes(900)
    told = {"path": f"audio/{one.slug}.opus", "type": "audio/ogg; codecs=opus", "size": len(other)}
    audio = desk.audio(one, alternates=[told | {"bitrate": 24, "duration": 754.6}])
    audio = Artifacts([*audio, desk.made(f"site/audio/{one.slug}.opus", other)])
    made = {one.slug: desk.fragment(publication(), one, "<p>All.</p>", audio=audio)}
    (found,) = podcast.function(publication(), (one,), made, desk.files, TEMPLATES)
    assert isinstance(found.content, bytes)
    return found.content
