"""The audio stage: narration or recording, with intro and outro, mastered and tagged."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import AuthorError, OutsideError
from pipeline.stage import Artifact, Artifacts, Files, Progress, Shelf, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.model import Listing, Publication, Recording, Sound
    from pipeline.sound.chaptering import Begun
    from pipeline.sound.joining import Plan, Programme
    from pipeline.sound.mastering import Target
    from pipeline.sound.tags import Chapter, Tags
    from pipeline.sound.timing import Time

LIBRARIES = ("imageio-ffmpeg", "pydub")
PLANNED = ("bed_level", "crossfade", "highpass", "trim", "channels")
WAY = "3"
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
    marks: Artifacts,
    narration: Artifacts,
    alignment: Artifacts,
    recording: Recording | None,
    sound: Sound,
    files: Files,
    kept: Shelf,
    scratch: Path,
    jobs: int,
    progress: Progress,
) -> Iterator[Artifact]:
    """The episode to listen to: an MP3 at −16 LUFS with cover and chapters, and the measures it has."""
    from pipeline.sound.timing import times_of

    source = source_of(recording, narration)
    if source is None:
        refuse_chapters(listing)
        return
    master = Mastery(source, sound, files, kept, scratch, jobs, progress).master()
    measures = master.measures
    refuse_much_shorter(source, measures.speech, script, listing)
    times = times_of(narration, alignment)
    chapters = tuple(chapters_of(listing, script, marks, times, measures))
    pictures = {name: chapter_image(name, listing, files) for name in {c.image for c in chapters}}
    tags = tags_of(listing, publication, source, files, measures.seconds)
    tags = replace(tags, chapters=tagged_chapters(chapters, pictures))
    told = {
        "duration": round(measures.seconds, 3),
        "type": "audio/mpeg",
        "lufs": measures.loudness,
        "peak": measures.peak,
        "offset": round(measures.offset, 4),
        "source": "narration" if source.synthetic else "recording",
        "voice": source.voice,
        "timed": "synthesis" if source.synthetic else "alignment" if times else "",
        "clipped": measures.clipped,
        "chapters": [facts_of(one, listing) for one in chapters],
    }
    made = Artifact(
        f"site/audio/{listing.slug}.mp3", tagged_copy(master.file, "mp3", tags, scratch)
    )
    others = [
        (
            one,
            Artifact(
                f"site/audio/{listing.slug}.{ENDINGS[one.kind]}",
                tagged_copy(one.file, one.kind, tags, scratch),
            ),
        )
        for one in master.alternates
    ]
    told["size"] = size_of(made)
    told["alternates"] = [
        {
            "path": artifact.path.removeprefix("site/"),
            "type": one.type,
            "size": size_of(artifact),
            "bitrate": one.bitrate,
            "duration": round(measures.seconds, 3),
        }
        for one, artifact in others
    ]
    yield made
    yield Artifact(
        f"audio/{listing.slug}.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    )
    momentary = "".join(f"{one:.1f}\n" for one in measures.momentary)
    yield Artifact(f"audio/{listing.slug}.loudness.txt", momentary)
    yield from (artifact for _, artifact in others)


ENDINGS = {"mp3": "mp3", "opus": "opus", "aac": "m4a"}


def size_of(made: Artifact) -> int:
    return Path(str(made.content)).stat().st_size


def tagged_copy(file: Path, kind: str, tags: Tags, scratch: Path) -> Path:
    """A copy of a master that says what it is."""
    from pipeline.sound.tags import described, tagged

    copy = scratch / f"tagged.{ENDINGS[kind]}"
    try:
        if kind == "mp3":
            shutil.copyfile(file, copy)
            tagged(copy, tags)
        else:
            described(file, kind, tags, copy)
    except OSError as error:
        raise OutsideError(f"{copy.name}: it cannot be written: {error.strerror}") from error
    return copy


def refuse_chapters(listing: Listing) -> None:
    """Raises AuthorError where there are chapters by hand and nothing that they could be chapters of."""
    if listing.chapters:
        raise AuthorError(
            f"content/{listing.slug}/episode.md",
            None,
            f"chapters: are times in a recording, and there is none; put it at audio/{listing.slug}.wav",
        )


LETTERS = 15
"""Letters that a voice says in a second, about; four times as many nobody can."""


def refuse_much_shorter(
    source: Source, seconds: float, script: Artifacts, listing: Listing
) -> None:
    """Raises AuthorError where a recording cannot hold what its episode says."""
    sentences = json.loads(script[".json"].text())["sentences"]
    letters = sum(len(one["spoken"]) for one in sentences if not one["around"])
    if source.synthetic or listing.abridged or letters / LETTERS <= 4 * seconds:
        return
    raise AuthorError(
        source.name,
        None,
        f"lasts {clock(seconds)}, but to read content/{listing.slug}/episode.md aloud takes about "
        f'{clock(letters / LETTERS)}; record all of it, or write "abridged: true" in the front matter',
    )


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


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


def chapters_of(
    listing: Listing,
    script: Artifacts,
    marks: Artifacts,
    times: Sequence[Time],
    measures: Measures,
) -> Iterator[Begun]:
    """The chapters by hand, or else by the headings; each with what its sections show."""
    from pipeline.sound.chaptering import by_hand, by_headings, with_sections

    told = json.loads(script[".json"].text())["chapters"]
    if listing.chapters:
        found = named(by_hand(listing, measures.offset, measures.seconds), told)
    else:
        found = by_headings(told, times, measures.offset) if times else ()
    return with_sections(found, json.loads(marks[".json"].text())["sections"])


def named(begun: Sequence[Begun], told: Sequence[Mapping[str, str]]) -> tuple[Begun, ...]:
    """Chapters by hand, each with the id of the heading that it is titled like."""
    ids = {one["title"]: one["id"] for one in told}
    return tuple(replace(one, id=ids.get(one.title, one.id or "none")) for one in begun)


RASTER = (".png", ".jpg", ".jpeg", ".gif", ".webp")
"""Pictures that a player can show."""


def chapter_image(name: str, listing: Listing, files: Files) -> bytes:
    """A chapter's picture as its file has it; none for a drawing."""
    from pipeline.sound.tags import chapter_picture

    if not name.lower().endswith(RASTER):
        return b""
    path = f"content/{listing.slug}/{name}"
    return chapter_picture(files(path), path)


def tagged_chapters(
    chapters: Sequence[Begun], pictures: Mapping[str, bytes]
) -> tuple[Chapter, ...]:
    from pipeline.sound.tags import Chapter

    return tuple(Chapter(one.start, one.title, one.url, pictures[one.image]) for one in chapters)


def facts_of(one: Begun, listing: Listing) -> dict[str, Any]:
    """A chapter as other stages are told of it; its picture by its path below build/site."""
    shown = one.image.lower().endswith(RASTER)
    return {**asdict(one), "image": f"{listing.slug}/{one.image}" if shown else ""}


def tags_of(
    listing: Listing, publication: Publication, source: Source, files: Files, seconds: float
) -> Tags:
    """What the file says about itself; that its voice is synthetic is among it."""
    from pipeline.sound.tags import Tags, cover

    notice = publication.narration.notice if source.synthetic else ""
    artwork = publication.podcast.artwork
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
        subtitle=listing.subtitle,
        series=publication.series.name,
        season=listing.season,
        summary=listing.summary,
        feed=publication.link("podcast.xml"),
        guid=listing.podcast_guid,
        keywords=listing.keywords,
        cover=cover(files(artwork), artwork) if artwork else b"",
        seconds=seconds,
    )
