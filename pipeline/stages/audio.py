"""The audio stage: narration or recording, with intro and outro, mastered and tagged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.model import Listing, Publication, Recording, Sound
from pipeline.stage import Artifact, Artifacts, Files, Progress, Shelf, stage

if TYPE_CHECKING:
    from pipeline.sound.ffmpeg import Measured
    from pipeline.sound.mastering import Programme, Target
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
class Mastered:
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
    tags = tags_of(listing, publication, source, chapters, master.seconds)
    mp3 = scratch / f"{listing.slug}.mp3"
    shutil.copyfile(master.file, mp3)
    tagged(mp3, tags, cover(files(artwork), artwork) if artwork else b"")
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
) -> Mastered:
    """The master of a source, kept by what is heard in it: other words about it do not encode it again."""
    from pipeline.sound.mastering import Target

    music = {place: files(path) for place, path in music_of(sound).items()}
    target = Target(sound.loudness, sound.peak, sound.bitrate)
    heard = [WAY, ffmpeg_version(), source.sha256, repr(target)]
    heard += [f"{place} {sha256(file.read_bytes()).hexdigest()}" for place, file in music.items()]
    key = "master-" + sha256("\n".join(heard).encode()).hexdigest()
    measures: dict[str, float] = {}

    def make(to: Path) -> None:
        measures.update(mastering(source, sound, files, target, scratch, progress, to))

    file = kept(f"{key}.mp3", make)
    told = kept(f"{key}.json", lambda to: to.write_text(json.dumps(measures)))
    return Mastered(file, **json.loads(told.read_text()))
