"""A programme becomes the file that is published: brought to its loudness, encoded, and measured as decoded.

It is encoded in chunks, several at once, which are spliced on frames; the file is then decoded and measured as a whole,
and what is too loud in it is encoded again, until it is right. How many work at once changes no byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from threading import Lock
from typing import TypeVar

from pipeline.errors import MediaError
from pipeline.sound import mp3
from pipeline.sound.ffmpeg import RATE, WIDTH, Watch, run, samples, stretch
from pipeline.sound.joining import Programme
from pipeline.sound.meter import (
    HOP,
    PEAKS,
    PRINTED,
    WINDOW,
    Heard,
    Measured,
    integrated,
    measured,
    peak,
)

_T = TypeVar("_T")
_R = TypeVar("_R")

LAME_LOSS = 0.445
"""dB by which LAME attenuates at 160 kbit/s and less."""

CLOSE, ROUNDS = 0.15, 10
"""LU by which a master may miss its loudness, and how often it is made at most."""

HEADROOM = 0.3
"""dB by which the limiter is at first set below the peak that is allowed: the codec overshoots."""

STEP = 245
"""Frames that are a whole number of the meter's steps, as every chunk is."""

LEAST, CHUNK = 3 * STEP, 10 * STEP
"""Frames of a chunk: 19 to 64 seconds."""

AROUND = 48
"""Frames that a chunk is encoded beyond either end, so that neighbours agree where they meet."""

LIMITER = "alimiter=limit={limit:.2f}dB:attack=5:release=60:level=false:latency=true"


@dataclass(frozen=True, slots=True)
class Target:
    """loudness: integrated, LUFS. peak: the highest true peak allowed, dBTP. bitrate: kbit/s."""

    loudness: float
    peak: float
    bitrate: int


@dataclass(frozen=True, slots=True)
class Master:
    """What a master is when decoded; `gain` and `limit` in dB are what brought it there."""

    measured: Measured
    gain: float
    limit: float


def mastered(
    programme: Programme,
    target: Target,
    to: Path,
    scratch: Path,
    jobs: int = 1,
    watch: Watch | None = None,
) -> Master:
    """Write the programme as an MP3 that meets the target when decoded; what it then is.

    Raises MediaError: it cannot be both that loud and within its peak.
    """
    if target.bitrate not in mp3.BITRATES:
        raise MediaError(
            f"bitrate: {target.bitrate} is none that an MP3 has; use one of {mp3.BITRATES}"
        )
    gain = target.loudness - programme.loudness + (LAME_LOSS if target.bitrate <= 160 else 0)
    count = mp3.count_for(programme.count)
    frames = _frames_of_a_chunk(count)
    chunks = [
        _Chunk(number, frames, target.peak - HEADROOM, scratch / f"chunk-{number}.mp3")
        for number in range(-(-count // frames))
    ]
    encoding = _Encoding(programme, target.bitrate, watch)
    stale: Sequence[_Chunk] = chunks
    for _ in range(ROUNDS):
        _each(jobs, partial(encoding.encode, gain=gain), stale)
        parts = _each(jobs, partial(_part, _spliced(chunks, programme, to), programme), chunks)
        found = _together(parts)
        missing = target.loudness - found.loudness
        over = [part.peak - target.peak for part in parts]
        if abs(missing) <= CLOSE and max(over) <= 0:
            return Master(found, gain, min(chunk.limit for chunk in chunks))
        stale = _lowered(chunks, over)
        if abs(missing) > CLOSE:
            gain, stale = gain + missing, chunks
    raise MediaError(
        f"{programme.name}: it cannot be brought to {target.loudness} LUFS within {target.peak} dBTP; "
        f"it stays at {found.loudness} LUFS and {found.peak} dBTP"
    )


def _frames_of_a_chunk(count: int) -> int:
    """So many that two or four who work at once end together: chunks alike, and about a multiple of four of them."""
    several = -(-count // CHUNK // 4) * 4
    return max(min(LEAST, CHUNK), -(-count // several // STEP) * STEP)


def _lowered(chunks: Sequence[_Chunk], over: Sequence[float]) -> list[_Chunk]:
    """The chunks that peak too high, each with its limiter lowered by as much, and a little."""
    high = [(chunk, by) for chunk, by in zip(chunks, over, strict=True) if by > 0]
    for chunk, by in high:
        chunk.limit = max(chunk.limit - by - 0.1, -24.0)
    return [chunk for chunk, _ in high]


def _together(parts: Sequence[Measured]) -> Measured:
    """The measures of the whole by those of its parts."""
    momentary = tuple(one for part in parts for one in part.momentary)
    return Measured(integrated(momentary), max(part.peak for part in parts), momentary)


def _each(jobs: int, work: Callable[[_T], _R], on: Iterable[_T]) -> list[_R]:
    """What comes of each, several at once; after the first failure no more are begun."""
    with ThreadPoolExecutor(jobs) as pool:
        try:
            return list(pool.map(work, on))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@dataclass(slots=True)
class _Chunk:
    """A stretch of the programme, the limit it is held to, and its frames on disk once it is encoded."""

    number: int
    frames: int
    limit: float
    file: Path

    @property
    def first(self) -> int:
        return self.number * self.frames

    @property
    def begun(self) -> int:
        """The frame that its file begins with."""
        return max(0, self.first - AROUND)


@dataclass(slots=True)
class _Encoding:
    """The work of encoding; tells how many seconds are done, whoever did them."""

    programme: Programme
    bitrate: int
    watch: Watch | None
    _done: int = 0
    _lock: Lock = field(default_factory=Lock)

    def encode(self, chunk: _Chunk, gain: float) -> None:
        programme, width = self.programme, WIDTH * self.programme.channels
        start = programme.first + chunk.begun * mp3.FRAME
        end = min(
            programme.last, programme.first + (chunk.first + chunk.frames + AROUND) * mp3.FRAME
        )
        level = f"volume={gain:.2f}dB,{LIMITER.format(limit=chunk.limit)}"
        # No tags, no version strings, no reservoir: the same sound gives the same bytes, and frames can be spliced.
        form = f"-c:a libmp3lame -b:a {self.bitrate}k -reservoir 0 -map_metadata -1 -id3v2_version 0 -write_id3v1 0"
        exact = "-write_xing 0 -fflags +bitexact -flags:a +bitexact -f mp3"
        source = stretch(programme.raw, start * width, end * width)
        run(
            [
                *(*samples(programme.channels), "-i", source, "-af", level),
                *(*form.split(), *exact.split(), f"file:{chunk.file}"),
            ],
            programme.name,
        )
        with self._lock:
            self._done += end - start
            if self.watch:
                self.watch(min(self._done, programme.count) / RATE)


@dataclass(frozen=True, slots=True)
class _File:
    """A spliced file, and where in it each frame with sound begins; the last entry is its end."""

    path: Path
    starts: Sequence[int]


def _spliced(chunks: Sequence[_Chunk], programme: Programme, to: Path) -> _File:
    """The frames of all chunks as one file that knows its length to the sample."""
    count = mp3.count_for(programme.count)
    sizes = list[int]()
    with to.open("wb") as out:
        for frame in _frames(chunks, count):
            if not sizes:
                head = len(mp3.info(frame, count, 0, programme.count))
                out.write(bytes(head))
                first = frame
            sizes.append(len(frame))
            out.write(frame)
        out.seek(0)
        out.write(mp3.info(first, len(sizes), sum(sizes), programme.count))
    return _File(to, tuple(accumulate(sizes, initial=head)))


def _frames(chunks: Sequence[_Chunk], count: int) -> Iterator[bytes]:
    """Every frame of the programme once, going from chunk to chunk where both agree."""
    current, at = mp3.frames(chunks[0].file.read_bytes()), 0
    for before, after in pairwise(chunks):
        following = mp3.frames(after.file.read_bytes())
        begin = (
            after.begun - before.begun
        )  # of what both have, without the ends where one of them is unsettled
        shared = current[begin : begin + 2 * AROUND]
        margin = AROUND // 4
        over = margin + mp3.seam(shared[margin:-margin], following[margin : 2 * AROUND - margin])
        yield from current[at : begin + over]
        current, at = following, over
    last = chunks[-1]
    yield from current[at : count - last.begun]


def _part(file: _File, programme: Programme, chunk: _Chunk) -> Measured:
    """The measures of one chunk of the finished file, decoded; put together, they are those of the whole."""
    start = chunk.first * mp3.FRAME
    end = min(start + chunk.frames * mp3.FRAME, programme.count)
    heard_from = max(0, start - WINDOW + HOP)  # each momentary loudness needs what it is taken over
    first = max(0, (heard_from + mp3.DELAY) // mp3.FRAME - 2)  # and a decoder a frame to begin with
    last = min(-(-(end + mp3.DELAY) // mp3.FRAME) + 1, len(file.starts) - 1)
    cut = heard_from + mp3.DELAY - first * mp3.FRAME
    heard = Heard()
    trimmed = f"atrim=start_sample={cut}:end_sample={cut + end - heard_from},asetpts=N"
    said = run(
        [
            *("-f", "mp3", "-i", stretch(file.path, file.starts[first], file.starts[last])),
            *("-filter_complex", f"[0:a:0]{trimmed},{PEAKS},{PRINTED}[out]"),
            *("-map", "[out]", "-f", "null", "-"),
        ],
        programme.name,
        heard,
    )
    return Measured(0.0, peak(said), tuple(heard.momentary[(start - heard_from) // HOP :]))


ALTERNATES = {
    "opus": ("audio/ogg; codecs=opus", "libopus", 32, "-application audio -f ogg"),
    "aac": ("audio/mp4", "aac", 64, "-movflags +faststart -f mp4"),
}
"""Of each other form: what it is called, its encoder, kbit/s a channel, and how it is written."""


def alternate(programme: Programme, kind: str, target: Target, gain: float, to: Path) -> Measured:
    """Write the programme in another form that meets the same target when decoded; the measures it then has."""
    _, encoder, kilobits, form = ALTERNATES[kind]
    width, limit = WIDTH * programme.channels, target.peak - HEADROOM
    source = stretch(programme.raw, programme.first * width, programme.last * width)
    for _ in range(ROUNDS):
        level = f"volume={gain:.2f}dB,{LIMITER.format(limit=limit)}"
        exact = "-map_metadata -1 -fflags +bitexact -flags:a +bitexact"
        rate = f"-c:a {encoder} -b:a {kilobits * programme.channels}k"
        run(
            [
                *(*samples(programme.channels), "-i", source, "-af", level),
                *(*rate.split(), *exact.split(), *form.split(), f"file:{to}"),
            ],
            programme.name,
        )
        found = measured(to, programme.name)
        missing, over = target.loudness - found.loudness, found.peak - target.peak
        if abs(missing) <= CLOSE and over <= 0:
            return found
        gain += missing if abs(missing) > CLOSE else 0
        limit -= over + 0.1 if over > 0 else 0
    raise MediaError(
        f"{programme.name}: as {kind} it cannot be brought to {target.loudness} LUFS within {target.peak} dBTP"
    )
