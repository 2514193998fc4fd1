"""What is heard besides the speech: intro and outro, cut, levelled and faded with pydub, and a bed below it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.sound.ffmpeg import RATE, WIDTH, layout, run, samples, stretch
from pipeline.sound.meter import HOP, METER, PRINTED, Heard, integrated
from pipeline.sound.recording import Form, Taken, lively, taken

if TYPE_CHECKING:
    from pydub import AudioSegment

GAP, FADE_IN, FADE_OUT = 500, 10, 800
"""Milliseconds: of silence between music and speech where they do not cross, and of the fades of the music."""

UNDER_SPEECH = 3.0
"""How much quieter than the speech intro and outro are, in LU."""

BED_FADE = 2.0
"""Seconds in which a bed comes and goes."""

WORKING = -20.0
"""LUFS that speech has while a bed is laid below it: what ducks the bed goes by levels."""


@dataclass(frozen=True, slots=True)
class Music:
    """A piece of music as it was handed in, and its name for messages."""

    file: Path
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is joined, and how.

    crossfade: seconds that music and speech overlap; 0 leaves a gap. bed_level: of the bed against the speech while
    nobody speaks, in LU. highpass: Hz below which the speech is cut; 0 for none. trim: without its dead ends.
    """

    intro: Music | None = None
    outro: Music | None = None
    bed: Music | None = None
    bed_level: float = -14.0
    crossfade: float = 0.0
    highpass: int = 0
    trim: bool = False
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Programme:
    """All that is heard, as the samples from `first` to `last` of a raw file.

    loudness: as it is expected, LUFS. offset: where the speech's own first sample lies in it, in seconds (below 0
    where its beginning was cut). clipped: samples of the speech at full scale, if it is clipped.
    """

    raw: Path
    name: str
    channels: int
    first: int
    last: int
    loudness: float
    offset: float
    speech: float
    clipped: int = 0

    @property
    def count(self) -> int:
        return self.last - self.first

    @property
    def seconds(self) -> float:
        return self.count / RATE


@dataclass(frozen=True, slots=True)
class Piece:
    """Music, cut and faded, and how loud it is."""

    segment: AudioSegment
    loudness: float

    @property
    def count(self) -> int:
        return int(self.segment.frame_count())


def joined(speech: Path, name: str, plan: Plan, scratch: Path) -> Programme:
    """The programme of a speech, its samples in the folder `scratch`.

    Raises MediaError, with the name of the sound that cannot be used.
    """
    intro = _piece(plan.intro, plan, scratch, "before")
    outro = _piece(plan.outro, plan, scratch, "after")
    gap = GAP * RATE // 1000
    lead, tail = (piece.count + gap if piece else 0 for piece in (intro, outro))
    form = Form(plan.channels, plan.highpass, lead, tail)
    found = taken(speech, name, scratch / "programme.raw", form)
    begin, end = lively(found) if plan.trim else (lead, lead + found.count)
    overlap = min(round(plan.crossfade * RATE), (end - begin) // 2)
    first, last = begin, end
    heard = list(found.momentary[(begin - lead) // HOP : (end - lead) // HOP + 1])
    if intro:
        overlapping = min(overlap, intro.count)
        first = begin + overlapping - intro.count - (0 if overlap else gap)
        heard = _mixed(found, intro, first) * (intro.count // HOP) + heard
    if outro:
        start = end - min(overlap, outro.count) + (0 if overlap else gap)
        last = start + outro.count
        heard += _mixed(found, outro, start) * (outro.count // HOP)
    programme = Programme(
        found.raw, name, plan.channels, first, last,
        integrated(heard), (lead - first) / RATE, (end - begin) / RATE, found.clipped,
    )  # fmt: skip
    if plan.bed:
        return _on_bed(programme, found, plan.bed, plan.bed_level, begin, end, scratch)
    return programme


def _piece(music: Music | None, plan: Plan, scratch: Path, place: str) -> Piece | None:
    """Music as it is heard before or after the speech, as loud as it was handed in."""
    if music is None:
        return None
    segment, loudness = _opened(music, plan.channels, scratch)
    crossing = min(max(FADE_OUT, round(plan.crossfade * 1000)), len(segment))
    if place == "before":
        faded = segment.fade_in(FADE_IN).fade_out(crossing)
    else:
        faded = segment.fade_in(crossing if plan.crossfade else FADE_OUT // 4).fade_out(FADE_OUT)
    return Piece(faded, loudness)


def _opened(music: Music, channels: int, scratch: Path) -> tuple[AudioSegment, float]:
    import numpy

    found = taken(music.file, music.name, scratch / "music.raw", Form(channels))
    floats = numpy.fromfile(found.raw, "<f4")
    loudest = float(numpy.abs(floats).max())
    scale = 32_767 / max(loudest, 1.0)
    pcm = (floats * scale).round().astype("<i2").tobytes()
    segment = _pydub()(pcm, sample_width=2, frame_rate=RATE, channels=channels)
    return segment, found.loudness - 20 * numpy.log10(max(loudest, 1.0))


def _mixed(found: Taken, piece: Piece, start: int) -> list[float]:
    """Add a piece to the samples from `start` on, quieter than the speech; its loudness there."""
    import numpy

    wanted = found.loudness - UNDER_SPEECH - piece.loudness
    width = WIDTH * found.form.channels
    gain = 10 ** (wanted / 20) / 32_768
    music = numpy.frombuffer(piece.segment.raw_data, "<i2").astype("<f4") * numpy.float32(gain)
    with found.raw.open("r+b") as raw:
        raw.seek(start * width)
        there = numpy.frombuffer(raw.read(piece.count * width), "<f4")
        raw.seek(start * width)
        raw.write((there + music).astype("<f4").tobytes())
    return [found.loudness - UNDER_SPEECH]


def _on_bed(
    programme: Programme,
    speech: Taken,
    bed: Music,
    level: float,
    begin: int,
    end: int,
    scratch: Path,
) -> Programme:
    """The programme with music below the speech, which gives way while somebody speaks."""
    channels, width = programme.channels, WIDTH * programme.channels
    loop, loudness = _loop(bed, channels, scratch)
    start, count = begin - programme.first, end - begin
    fade = min(BED_FADE, count / RATE / 4)
    shape = f"sample_fmts=flt:channel_layouts={layout(channels)}"
    graph = (
        f"[0:a]volume={WORKING - speech.loudness:.2f}dB,aformat={shape},asplit[voice][key];"
        f"[1:a]volume={WORKING + level - loudness:.2f}dB,atrim=end_sample={count},"
        f"afade=t=in:d={fade:.3f},afade=t=out:st={count / RATE - fade:.3f}:d={fade:.3f},"
        f"adelay=delays={start}S:all=1,apad,aformat={shape}[music];"
        "[music][key]sidechaincompress=threshold=0.02:ratio=4:attack=30:release=700[low];"
        f"[voice][low]amix=inputs=2:duration=first:normalize=0,asplit[m][out];"
        f"[m]{METER},{PRINTED}[heard]"
    )
    raw, heard = scratch / "with-bed.raw", Heard()
    source = stretch(programme.raw, programme.first * width, programme.last * width)
    run(
        [
            *(*samples(channels), "-i", source),
            *("-stream_loop", "-1", *samples(channels), "-i", f"file:{loop}"),
            *("-filter_complex", graph, "-map", "[heard]", "-f", "null", "-"),
            *("-map", "[out]", *samples(channels), f"file:{raw}"),
        ],
        programme.name,
        heard,
    )
    programme.raw.unlink()
    loudness = integrated(heard.momentary)
    return replace(programme, raw=raw, first=0, last=programme.count, loudness=loudness)


LOOP_CROSSES = 1_500
"""Milliseconds in which the end of a bed goes over into its beginning."""


def _loop(bed: Music, channels: int, scratch: Path) -> tuple[Path, float]:
    """A bed as samples that may follow themselves without a seam, and its loudness."""
    import numpy

    segment, loudness = _opened(bed, channels, scratch)
    cross = min(LOOP_CROSSES, len(segment) // 3)
    seamless = segment[cross:].append(segment[:cross], crossfade=cross)
    file = scratch / "bed.raw"
    floats = numpy.frombuffer(seamless.raw_data, "<i2").astype("<f4") / numpy.float32(32_768)
    file.write_bytes(floats.astype("<f4").tobytes())
    return file, loudness


def _pydub() -> type[AudioSegment]:
    with warnings.catch_warnings():
        # It warns of a missing ffmpeg in PATH, which we never let it call, and of its own syntax.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment as Segment

    return cast("type[AudioSegment]", Segment)
