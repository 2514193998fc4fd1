"""The audio stage: narration or recording, with intro and outro, mastered and tagged."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import OutsideError
from pipeline.stage import Artifact, Artifacts, Files, Progress, Shelf, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Listing, Publication, Recording, Sound
    from pipeline.sound.joining import Plan, Programme
    from pipeline.sound.mastering import Target
    from pipeline.sound.tags import Chapter, Tags

LIBRARIES = ("imageio-ffmpeg", "pydub")
PLANNED = ("bed_level", "crossfade", "highpass", "trim", "channels")
WAY = "2"
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
class Measures:
    """What a master is when decoded.

    offset: where the first moment of its source lies in it, in seconds; below 0 where that was cut off. speech: how
    long the source is heard. gain: what its samples were raised by, dB. clipped: samples of the source at full scale.
    momentary: its loudness each 100 ms, LUFS.
    """

    seconds: float
    loudness: float
    peak: float
    offset: float
    speech: float
    gain: float
    clipped: int
    momentary: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Alternate:
    """The same sound in another form; `type` as HTML has it, `bitrate` in kbit/s."""

    kind: str
    file: Path
    type: str
    bitrate: int


@dataclass(frozen=True, slots=True)
class Master:
    """A master, its measures, and its other forms."""

    file: Path
    measures: Measures
    alternates: tuple[Alternate, ...]


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
    jobs: int,
    progress: Progress,
) -> Iterator[Artifact]:
    """The episode to listen to: an MP3 at −16 LUFS with cover and chapters, and the measures it has."""
    from pipeline.sound.tags import cover, tagged

    source = source_of(recording, narration)
    if source is None:
        return
    master = Mastery(source, sound, files, kept, scratch, jobs, progress).master()
    measures = master.measures
    chapters = chapters_of(script, narration, measures.offset) if source.synthetic else ()
    artwork = publication.podcast.artwork
    picture = cover(files(artwork), artwork) if artwork else b""
    tags = tags_of(listing, publication, source, chapters, measures.seconds)
    mp3 = scratch / f"{listing.slug}.mp3"
    try:
        shutil.copyfile(master.file, mp3)
        tagged(mp3, replace(tags, cover=picture))
    except OSError as error:
        raise OutsideError(f"{mp3.name}: it cannot be written: {error.strerror}") from error
    told = {
        "duration": round(measures.seconds, 3),
        "size": mp3.stat().st_size,
        "type": "audio/mpeg",
        "lufs": measures.loudness,
        "peak": measures.peak,
        "offset": round(measures.offset, 4),
        "source": "narration" if source.synthetic else "recording",
        "voice": source.voice,
        "clipped": measures.clipped,
        "chapters": [asdict(chapter) for chapter in chapters],
    }
    yield Artifact(f"site/audio/{listing.slug}.mp3", mp3)
    yield Artifact(
        f"audio/{listing.slug}.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    )
    momentary = "".join(f"{one:.1f}\n" for one in measures.momentary)
    yield Artifact(f"audio/{listing.slug}.loudness.txt", momentary)


def source_of(recording: Recording | None, narration: Artifacts) -> Source | None:
    """The author's recording, or the narration, or nothing: an episode without words is not heard."""
    if recording is not None:
        return Source(Path(recording.file), recording.path, recording.sha256, synthetic=False)
    wav = narration.ending(".wav")
    if wav is None:
        return None
    voice = json.loads(narration[".json"].text())["voice"]
    return Source(Path(wav.file), wav.path, wav.sha256, synthetic=True, voice=voice)


@dataclass(slots=True)
class Mastery:
    """The making of one master, kept by what is heard in it: other words about it do not encode it again."""

    source: Source
    sound: Sound
    files: Files
    kept: Shelf
    scratch: Path
    jobs: int
    progress: Progress
    _programme: Programme | None = None

    def master(self) -> Master:
        """The master and its other forms; what is kept of them is not made again."""
        key, measures = self._key(), dict[str, Any]()

        def make(to: Path) -> None:
            measures.update(self._mastered(to))

        def measure(to: Path) -> None:
            if not measures:  # cut off between the two
                make(self.scratch / "again.mp3")
            to.write_text(json.dumps(measures))

        file = self.kept(f"{key} mp3", make)
        told = json.loads(self.kept(f"{key} measures", measure).read_text())
        found = Measures(**{**told, "momentary": tuple(told["momentary"])})
        others = tuple(self._alternate(key, kind, found.gain) for kind in self.sound.alternates)
        return Master(file, found, others)

    def _key(self) -> str:
        heard = [WAY, self.source.sha256, repr(self._target()), *map(version, LIBRARIES)]
        for name in ("intro", "outro", "bed"):
            if path := getattr(self.sound, name):
                heard.append(f"{name} {sha256(self.files(path).read_bytes()).hexdigest()}")
        plan = self._plan()
        heard += [f"{name}={getattr(plan, name)}" for name in PLANNED]
        return "master " + " ".join(heard)

    def _target(self) -> Target:
        from pipeline.sound.mastering import Target

        return Target(self.sound.loudness, self.sound.peak, self.sound.bitrate)

    def _plan(self) -> Plan:
        """How it is joined; a narration has no rumble and no dead ends that could be cut."""
        from pipeline.sound.joining import Music, Plan

        sound, recorded = self.sound, not self.source.synthetic
        pieces = {
            name: Music(self.files(path), path)
            for name in ("intro", "outro", "bed")
            if (path := getattr(sound, name))
        }
        return Plan(
            **pieces,
            bed_level=sound.bed_level,
            crossfade=sound.crossfade,
            highpass=sound.highpass if recorded else 0,
            trim=sound.trim and recorded,
            channels=sound.channels,
        )

    def _joined(self) -> Programme:
        from pipeline.sound.joining import joined

        if self._programme is None:
            self._programme = joined(self.source.file, self.source.name, self._plan(), self.scratch)
        return self._programme

    def _mastered(self, to: Path) -> dict[str, Any]:
        from pipeline.sound.mastering import mastered

        programme = self._joined()
        if programme.clipped and not self.source.synthetic:
            self.progress.note(
                f"{self.source.name}: it is clipped ({programme.clipped:,} samples stand at full scale); that is "
                "heard, and no mastering undoes it"
            )
        total = programme.seconds
        found = mastered(
            programme,
            self._target(),
            to,
            self.scratch,
            self.jobs,
            lambda done: self.progress(min(done, total), total, "seconds"),
        )
        measures = Measures(
            seconds=total,
            loudness=found.measured.loudness,
            peak=found.measured.peak,
            offset=programme.offset,
            speech=programme.speech,
            gain=found.gain,
            clipped=programme.clipped,
            momentary=found.measured.momentary,
        )
        return asdict(measures)

    def _alternate(self, key: str, kind: str, gain: float) -> Alternate:
        from pipeline.sound.mastering import ALTERNATES, alternate

        type, _, kilobits, _ = ALTERNATES[kind]

        def make(to: Path) -> None:
            alternate(self._joined(), kind, self._target(), gain, to)

        file = self.kept(f"{key} {kind}", make)
        return Alternate(kind, file, type, kilobits * self.sound.channels)


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
