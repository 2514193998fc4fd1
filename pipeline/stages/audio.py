"""The audio stage: narration or recording, with intro and outro, mastered and tagged."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.stage import Artifact, Artifacts, Files, Progress, Shelf, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.model import Listing, Publication, Recording, Sound
    from pipeline.sound.mastering import Target
    from pipeline.sound.tags import Chapter, Tags

WAY = "1"
"""Changes when the same sounds shall be joined or mastered in another way: kept masters are then made anew."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is heard between intro and outro; `name` is for messages, `sha256` stands for its content."""

    file: Path
    name: str
    sha256: str
    synthetic: bool
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Master:
    """A master and its measures; `offset` is where its speech begins, in seconds."""

    file: Path
    seconds: float
    loudness: float
    peak: float
    offset: float


@stage(per="episode", libraries=("imageio-ffmpeg", "pydub", "mutagen", "pillow"))
def audio(
    listing: Listing,
    publication: Publication,
    script: Artifacts,
    narration: Artifacts,
    recording: Recording | None,
    sound: Sound,
    files: Files,
    kept: Shelf,
    scratch: Path,
    progress: Progress,
) -> Iterator[Artifact]:
    """The episode to listen to: an MP3 at −16 LUFS with cover and chapters, and the measures it has."""
    from pipeline.sound.tags import cover, tagged

    source = source_of(recording, narration)
    if source is None:
        return
    master = master_of(source, sound, files, kept, scratch, progress)
    chapters = chapters_of(script, narration, master.offset) if source.synthetic else ()
    artwork = publication.podcast.artwork
    picture = cover(files(artwork), artwork) if artwork else b""
    tags = tags_of(listing, publication, source, chapters, master.seconds)
    mp3 = scratch / f"{listing.slug}.mp3"
    shutil.copyfile(master.file, mp3)
    tagged(mp3, replace(tags, cover=picture))
    told = {
        "duration": round(master.seconds, 3),
        "size": mp3.stat().st_size,
        "type": "audio/mpeg",
        "lufs": master.loudness,
        "peak": master.peak,
        "offset": round(master.offset, 4),
        "source": "narration" if source.synthetic else "recording",
        "voice": source.voice,
        "chapters": [asdict(chapter) for chapter in chapters],
    }
    yield Artifact(f"site/audio/{listing.slug}.mp3", mp3)
    yield Artifact(
        f"audio/{listing.slug}.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    )


def source_of(recording: Recording | None, narration: Artifacts) -> Source | None:
    """The author's recording, or the narration, or nothing: an episode without words is not heard."""
    if recording is not None:
        return Source(Path(recording.file), recording.path, recording.sha256, synthetic=False)
    wav = narration.ending(".wav")
    if wav is None:
        return None
    voice = json.loads(narration[".json"].text())["voice"]
    return Source(Path(wav.file), wav.path, wav.sha256, synthetic=True, voice=voice)


def master_of(
    source: Source, sound: Sound, files: Files, kept: Shelf, scratch: Path, progress: Progress
) -> Master:
    """The master of a source, kept by what is heard in it: other words about it do not encode it again."""
    from pipeline.sound.mastering import Target

    target = Target(sound.loudness, sound.peak, sound.bitrate)
    places = {"intro": sound.intro, "outro": sound.outro}
    music = {place: (files(path), path) for place, path in places.items() if path}
    heard = [WAY, source.sha256, repr(target), version("imageio-ffmpeg"), version("pydub")]
    heard += [
        f"{place} {sha256(file.read_bytes()).hexdigest()}" for place, (file, _) in music.items()
    ]
    key = "master " + " ".join(heard)
    measures: dict[str, float] = {}

    def make(to: Path) -> None:
        measures.update(mastering(source, music, target, scratch, to, progress))

    def measure(to: Path) -> None:
        if not measures:  # cut off between the two
            make(scratch / "again.mp3")
        to.write_text(json.dumps(measures))

    file = kept(f"{key} mp3", make)
    return Master(file, **json.loads(kept(f"{key} measures", measure).read_text()))


def mastering(
    source: Source,
    music: Mapping[str, tuple[Path, str]],
    target: Target,
    scratch: Path,
    to: Path,
    progress: Progress,
) -> dict[str, float]:
    """Join a source with its music and master both; the measures of what was made."""
    from pipeline.sound.ffmpeg import checked
    from pipeline.sound.joining import closing, opening, seconds
    from pipeline.sound.mastering import Programme, mastered

    speech = checked(source.file, source.name)
    before, after = scratch / "before.raw", scratch / "after.raw"
    before.write_bytes(opening(*music["intro"], speech.loudness) if "intro" in music else b"")
    after.write_bytes(closing(*music["outro"], speech.loudness) if "outro" in music else b"")
    offset, total = seconds(before), seconds(before) + speech.seconds + seconds(after)
    found = mastered(
        Programme(source.file, source.name, before, after),
        speech,
        target,
        to,
        lambda done: progress(min(done, total), total, "seconds"),
    )
    return {
        "seconds": found.seconds,
        "loudness": found.loudness,
        "peak": found.peak,
        "offset": offset,
    }


def chapters_of(script: Artifacts, narration: Artifacts, offset: float) -> tuple[Chapter, ...]:
    """Where the chapters begin in the file; the first begins with the file. One chapter alone is none."""
    from pipeline.sound.tags import Chapter

    begun = json.loads(script[".json"].text())["chapters"]
    times = json.loads(narration[".json"].text())["sentences"]
    if len(begun) < 2:
        return ()
    starts = [0.0, *(round(offset + times[one["sentence"]]["start"], 3) for one in begun[1:])]
    return tuple(Chapter(start, one["title"]) for start, one in zip(starts, begun, strict=True))


def tags_of(
    listing: Listing,
    publication: Publication,
    source: Source,
    chapters: tuple[Chapter, ...],
    seconds: float,
) -> Tags:
    """What the file says about itself; that its voice is synthetic is among it."""
    from pipeline.sound.tags import Tags

    notice = publication.narration.notice if source.synthetic else ""
    return Tags(
        title=listing.title,
        artist=", ".join(person.name for person in publication.authors(listing)),
        album=publication.title,
        track=listing.number,
        published=listing.published,
        language=publication.language,
        link=publication.link(f"{listing.slug}/"),
        copyright=publication.copyright,
        comment="\n\n".join(filter(None, (listing.summary, notice))),
        chapters=chapters,
        seconds=seconds,
    )
