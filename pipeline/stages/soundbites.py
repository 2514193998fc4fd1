"""The soundbites stage: the passages that an author marked, each as a clip."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.errors import AuthorError
from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.model import Listing, Publication
    from pipeline.sound.cards import Wording
    from pipeline.sound.clips import Span
    from pipeline.sound.timing import Time
    from pipeline.templates import Templates


@stage(per="episode", libraries=("imageio-ffmpeg", "mutagen", "pillow"))
def soundbites(
    listing: Listing,
    publication: Publication,
    templates: Templates,
    script: Artifacts,
    marks: Artifacts,
    narration: Artifacts,
    alignment: Artifacts,
    audio: Artifacts,
    scratch: Path,
) -> Iterator[Artifact]:
    """Each marked passage as an MP3 and a square video with its words; nothing where none is marked or heard."""
    from pipeline.sound.timing import times_of

    marked = json.loads(marks[".json"].text())["soundbites"]
    facts = audio.ending(".json")
    if not marked or facts is None:
        return
    times = times_of(narration, alignment)
    if not times:
        return
    told = json.loads(facts.text())
    sentences = [one["text"] for one in json.loads(script[".json"].text())["sentences"]]
    found = list[dict[str, Any]]()
    for number, one in enumerate(marked, 1):
        span = span_of(one, sentences, times, told, listing)
        bite = {
            "title": one["title"] or listing.title,
            "words": one["words"],
            "start": round(span.start, 3),
            "duration": round(span.seconds, 3),
        }
        made = list(
            clips(
                f"{listing.slug}/soundbite-{number}",
                bite,
                span,
                audio,
                listing,
                publication,
                templates,
                scratch,
            )
        )
        paths = {artifact.path.rpartition(".")[2]: artifact.path for artifact in made}
        bite |= {form: paths.get(form, "").removeprefix("site/") for form in ("mp3", "mp4", "jpg")}
        found.append(bite)
        yield from made
    yield Artifact(
        f"soundbites/{listing.slug}.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    )


def span_of(
    marked: Mapping[str, Any],
    sentences: Sequence[str],
    times: Sequence[Time],
    told: Mapping[str, Any],
    listing: Listing,
) -> Span:
    """When a marked passage is heard: the whole sentences that it stands in, with a breath on either side.

    Raises AuthorError where it is not read aloud.
    """
    from pipeline.sound.clips import AFTER, BEFORE, Span
    from pipeline.sound.passages import passage

    where = passage(marked["words"], sentences)
    said = [time for time in times[where[0] : where[1] + 1] if time] if where else []
    if where is None or not said:
        raise AuthorError(
            f"content/{listing.slug}/episode.md",
            marked["line"],
            f'the soundbite "{marked["words"][:60]}" is not heard in this episode',
        )
    before = next((time["end"] for time in reversed(times[: where[0]]) if time), 0.0)
    after = next((time["start"] for time in times[where[1] + 1 :] if time), told["duration"])
    start = max(said[0]["start"] - BEFORE, before)
    end = min(said[-1]["end"] + AFTER, max(after, said[-1]["end"]))
    offset = told["offset"]
    return Span(max(0.0, offset + start), min(told["duration"], offset + end))


def clips(
    name: str,
    bite: Mapping[str, Any],
    span: Span,
    audio: Artifacts,
    listing: Listing,
    publication: Publication,
    templates: Templates,
    scratch: Path,
) -> Iterator[Artifact]:
    """A passage as an MP3, a card, and a video where this ffmpeg can make one."""
    from pathlib import Path

    from pipeline.sound import cards
    from pipeline.sound.clips import can_film, clipped, filmed, levels

    sound = publication.audio
    mp3 = scratch / f"{name.rpartition('/')[2]}.mp3"
    clipped(Path(audio[".mp3"].file), span, sound.bitrate, sound.peak, name, mp3)
    heights = levels(mp3, cards.BARS, name, scratch)
    tag(mp3, bite, listing, publication)
    yield Artifact(f"site/{name}.mp3", mp3)
    image = drawn(wording(bite, listing, publication), heights, templates)
    yield Artifact(f"site/{name}.jpg", cards.jpeg(image))
    if can_film():
        mp4 = mp3.with_suffix(".mp4")
        filmed(mp3, span.seconds, scene(image, heights, templates, scratch), name, mp4)
        yield Artifact(f"site/{name}.mp4", mp4)


def tag(mp3: Path, bite: Mapping[str, Any], listing: Listing, publication: Publication) -> None:
    from pipeline.sound.tags import Tags, tagged

    names = ", ".join(person.name for person in publication.authors(listing))
    link = publication.link(f"{listing.slug}/")
    tagged(
        mp3,
        Tags(
            title=str(bite["title"]),
            artist=names,
            album=publication.title,
            track=listing.number,
            published=listing.published,
            language=publication.language,
            link=link,
            copyright=publication.copyright,
            comment=str(bite["words"]),
        ),
    )


def wording(bite: Mapping[str, Any], listing: Listing, publication: Publication) -> Wording:
    from pipeline.sound.cards import Wording

    full = listing.type == "full"
    unit = f"{publication.series.unit} {listing.number:02d}" if full else listing.type.capitalize()
    by = ", ".join(person.name for person in publication.authors(listing))
    link = publication.url.partition("://")[2].rstrip("/")
    return Wording(publication.series.name, unit, str(bite["words"]), by, link)


def drawn(words: Wording, heights: Sequence[float], templates: Templates) -> Any:
    from pipeline.lettering import Face
    from pipeline.sound.cards import card

    theme = templates.theme
    title, label = (
        Face(templates.asset(theme["card"][part]), theme["card"][part])
        for part in ("title", "label")
    )
    return card(theme["colors"], title, label, words, heights)


def scene(image: Any, heights: Sequence[float], templates: Templates, scratch: Path) -> Any:
    from pipeline.sound.cards import BOX, strip
    from pipeline.sound.clips import Scene

    colors = templates.theme["colors"]
    card, bars = scratch / "card.png", scratch / "strip.png"
    image.save(card)
    strip(colors, heights).save(bars)
    return Scene(card, bars, BOX, colors["rule"], colors["signal"])
