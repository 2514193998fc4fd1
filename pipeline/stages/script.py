"""The script stage: what is read aloud, sentence by sentence."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline.errors import AuthorError, TemplateError, suggestion
from pipeline.stage import Artifact, stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.model import Episode, Listing, Place, Publication, Recording
    from pipeline.sound.speech import Speech
    from pipeline.templates import Templates


@stage(per="episode", libraries=("sentencex", "num2words2"), shown=".txt")
def script(
    listing: Listing,
    episode: Episode,
    place: Place,
    recording: Recording | None,
    publication: Publication,
    templates: Templates,
) -> Iterator[Artifact]:
    """What a voice reads: sentences with their written and spoken words, and where chapters begin."""
    from pipeline.sound.speech import speech

    filled_in(publication.narration.opening)
    ssml = templates.render(
        "speech/episode.ssml",
        publication=publication,
        listing=listing,
        episode=episode,
        place=place,
        narrated=recording is None,
    )
    read = speech(ssml, publication.narration.lexicon, publication.language)
    chapters = chapters_of(read, episode)
    made = {
        "language": publication.language,
        "chapters": chapters,
        "sentences": [asdict(sentence) for sentence in read.sentences],
    }
    yield Artifact(
        f"script/{listing.slug}.json", json.dumps(made, ensure_ascii=False, indent=1) + "\n"
    )
    yield Artifact(f"script/{listing.slug}.txt", "\n".join(lines(read, chapters)) + "\n")


BY = {"say": "  (say)", "lexicon": "  (lexicon)", "rules": ""}
"""What stands behind a change that somebody asked for."""


def lines(read: Speech, chapters: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """The script for people: a sentence a line, and under it what is said otherwise than it is written."""
    begun = {chapter["sentence"]: chapter["title"] for chapter in chapters}
    changed = sum(bool(sentence.changes) for sentence in read.sentences)
    yield f"{len(read.sentences)} sentences; in {changed} of them words are said otherwise than they are written."
    paragraph = -1
    for number, sentence in enumerate(read.sentences):
        if number in begun:
            yield f"\n═══ {begun[number]}"
        if sentence.paragraph != paragraph:
            yield ""
        paragraph = sentence.paragraph
        voice = "" if sentence.voice == "default" else f"[{sentence.voice}] "
        yield f"{voice}{sentence.text}"
        for change in sentence.changes:
            yield f"      {change.written} → {change.spoken or '(nothing)'}{BY[change.by]}"


PLACES = ("{series}", "{unit}", "{number}", "{title}")
"""What stands for something in an opening line."""


def filled_in(opening: str) -> None:
    """Raises AuthorError where an opening line has braces that nothing fills."""
    for place in re.findall(r"\{[^{}]*\}|[{}]", opening):
        if place not in PLACES:
            raise AuthorError(
                "content/publication.toml",
                None,
                f'narration.opening: "{place}" stands for nothing' + suggestion(place, PLACES),
            )


def chapters_of(read: Speech, episode: Episode) -> list[dict[str, object]]:
    """The chapters by their headings; the words before the first are a chapter named like the episode."""
    from pipeline.model import words

    titles = {
        block.attributes["id"]: words(block.inlines)
        for top in episode.blocks
        for block in top.walk()
        if block.kind == "heading"
    }
    begun = {0: (episode.listing.title or "Introduction", "")}
    for name, sentence in read.marks:
        if name not in titles:
            raise TemplateError(
                f'the speech templates mark "{name}", which is no heading of {episode.source}'
                + suggestion(name, titles)
            )
        if sentence < len(read.sentences):
            begun[sentence] = (titles[name], name)
    if not read.sentences:
        return []
    return [
        {"title": title, "id": name, "sentence": sentence}
        for sentence, (title, name) in sorted(begun.items())
    ]
