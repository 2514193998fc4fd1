"""An episode as a web page."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pipeline import media
from pipeline.stage import Artifact, Artifacts, Files, stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.inlines import Links
    from pipeline.model import Block, Episode, Guest, Listing, Person, Place, Publication
    from pipeline.templates import Templates

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif")
PAUSE = 0.6
"""Seconds of silence that begin a new paragraph of the transcript."""


@stage(per="episode", libraries=("jinja2", "pillow", "markdown-it-py"))
def page(
    publication: Publication,
    listing: Listing,
    episode: Episode,
    place: Place,
    templates: Templates,
    files: Files,
    audio: Artifacts,
    chapters: Artifacts,
    transcript: Artifacts,
    waveform: Artifacts,
    pictures: Artifacts,
) -> Iterator[Artifact]:
    """The episode's page, to read and to hear, and the pictures on it."""
    from pipeline.inlines import Links
    from pipeline.templates import shown

    path = f"{listing.slug}/index.html"
    beside = {name: files(f"content/{listing.slug}/{name}") for name in episode.files}
    links = Links(publication.url, path, listing.slug)
    blocks = tuple(shown(episode.blocks, "web"))
    heard = media.enclosure(audio)
    marks = _chapters(chapters) if heard else []
    lines = _lines(transcript) if heard else []
    values = {
        "publication": publication,
        "listing": listing,
        "episode": episode,
        "place": place,
        "path": path,
        "authors": publication.authors(listing),
        "corrections": [block for block in _walk(blocks) if block.kind == "correction"],
        "lead": _lead(listing, blocks),
        "sizes": {
            name: media.picture_size(file)
            for name, file in beside.items()
            if PurePosixPath(name).suffix.lower() in PICTURES
        },
        "audio": _audio(heard, links, publication) if heard else None,
        "chapters": marks,
        "captions": _beside(transcript, ".vtt"),
        "waveform": _beside(waveform, "waveform.svg"),
        "lighter": media.lighter(pictures, links.to),
        "transcript_page": _beside(transcript, ".html"),
        "spoken": list(_spoken(lines, marks)),
        "data": _data(publication, listing, heard),
    }
    yield Artifact(f"site/{path}", templates.render("web/episode.html", at=path, **values))
    for name, file in beside.items():
        yield Artifact(f"site/{listing.slug}/{name}", file)


def _walk(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        yield from block.walk()


def _lead(listing: Listing, blocks: Iterable[Block]) -> tuple[Block, ...]:
    """The episode's picture, at the top, unless the text shows it anyway."""
    from pipeline.model import Block

    placed = {block.attributes["src"] for block in _walk(blocks) if block.kind == "figure"}
    if not listing.image or listing.image in placed:
        return ()
    return (Block("figure", 1, {"src": listing.image, "alt": listing.image_alt}),)


def _audio(heard: media.Enclosure, links: Links, publication: Publication) -> Mapping[str, Any]:
    return {
        "url": links.to(heard.path),
        "address": publication.link(heard.path),
        "duration": heard.duration,
        "size": heard.size,
        "type": heard.type,
        "synthetic": heard.synthetic,
    }


def _chapters(made: Artifacts) -> list[Mapping[str, Any]]:
    found = made.ending("chapters.json")
    told = json.loads(found.text())["chapters"] if found else []
    return [{"start": one["startTime"], "title": one["title"]} for one in told]


def _lines(made: Artifacts) -> list[Mapping[str, Any]]:
    found = made.ending("transcript.json")
    told = json.loads(found.text())["segments"] if found else []
    voices = Counter(one.get("speaker", "") for one in told)
    narrator = voices.most_common(1)[0][0] if voices else ""
    return [
        {
            "start": one["startTime"],
            "end": one["endTime"],
            "text": one["body"],
            "quoted": one.get("speaker", "") != narrator,
        }
        for one in told
    ]


def _beside(made: Artifacts, ending: str) -> str:
    """The link to something that lies in the episode's own folder, "" where it was not made."""
    found = made.ending(ending)
    return PurePosixPath(found.path).name if found else ""


def _spoken(
    lines: Sequence[Mapping[str, Any]], chapters: Sequence[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """The transcript in paragraphs: one begins with each chapter and after each pause."""
    titles = {_first_at(lines, one["start"]): one["title"] for one in chapters}
    breaks = {i + 1 for i, (a, b) in enumerate(pairwise(lines)) if b["start"] - a["end"] >= PAUSE}
    starts = sorted({0, *titles, *breaks} - {len(lines)}) if lines else []
    for start, end in pairwise([*starts, len(lines)]):
        title, head = titles.get(start, ""), None
        if title and _bare(lines[start]["text"]) == _bare(title):
            head, start = lines[start], start + 1  # the voice says the heading: show it once
        yield {"title": title, "head": head, "lines": lines[start:end]}


def _bare(text: str) -> str:
    return text.strip().rstrip(".").casefold()


def _first_at(lines: Sequence[Mapping[str, Any]], moment: float) -> int:
    """The line that a chapter begins with: the first not over when it begins."""
    return next((i for i, line in enumerate(lines) if line["end"] > moment), len(lines))


def _data(
    publication: Publication, listing: Listing, heard: media.Enclosure | None
) -> Mapping[str, Any]:
    """What machines read: schema.org's Article, and its PodcastEpisode where there is audio."""
    address = publication.link(f"{listing.slug}/index.html")
    series = {
        "@type": "PodcastSeries",
        "@id": f"{publication.url}#podcast",
        "name": publication.title,
    }
    article: dict[str, Any] = {
        "@type": "Article",
        "@id": f"{address}#article",
        "headline": listing.title,
        "alternativeHeadline": listing.subtitle,
        "description": listing.summary,
        "inLanguage": publication.language,
        "datePublished": listing.published.isoformat(),
        "dateModified": listing.changed.isoformat(),
        "keywords": list(listing.keywords),
        "mainEntityOfPage": address,
        "image": publication.link(f"{listing.slug}/card.png"),
        "author": [_person(person) for person in publication.authors(listing)],
        "publisher": {"@type": "Organization", "name": publication.title, "url": publication.url},
    }
    graph = [article]
    if heard:
        graph.append(
            {
                "@type": "PodcastEpisode",
                "@id": f"{address}#episode",
                "name": listing.title,
                "episodeNumber": listing.number,
                "description": listing.summary,
                "datePublished": listing.published.isoformat(),
                "url": address,
                "contributor": [_guest(guest) for guest in listing.visitors],
                "timeRequired": f"PT{round(heard.duration)}S",
                "associatedMedia": {
                    "@type": "AudioObject",
                    "contentUrl": publication.link(heard.path),
                    "encodingFormat": heard.type,
                    "contentSize": str(heard.size),
                },
                "partOfSeries": {
                    **series,
                    "url": publication.url,
                    "webFeed": publication.link("podcast.xml"),
                },
            }
        )
    return {"@context": "https://schema.org", "@graph": [_told(one) for one in graph]}


def _person(person: Person) -> Mapping[str, str]:
    return _told({"@type": "Person", "name": person.name, "url": person.url})


def _guest(guest: Guest) -> Mapping[str, str]:
    return _told({"@type": "Person", "name": guest.name, "url": guest.href})


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", [])}
