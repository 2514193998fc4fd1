"""A sound that somebody hands in becomes samples to work on, or is refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import MediaError
from pipeline.sound.ffmpeg import RATE, WIDTH, Watch, layout, run, samples
from pipeline.sound.meter import METER, PRINTED, SILENT, WINDOW, Heard, integrated

CONTENTS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".m4a": "mov"}
"""What ffmpeg calls the content of a file with each ending."""

FLAT = 6.0
"""The flatness of its loudest samples (see astats) from which a sound is clipped."""


@dataclass(frozen=True, slots=True)
class Form:
    """How samples are laid down: in how many channels, without what is below `highpass` Hz (0: with all), and with
    how many empty samples before and behind them."""

    channels: int = 1
    highpass: int = 0
    lead: int = 0
    tail: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """Samples on disk, `count` of them behind `form.lead` empty ones.

    loudness: integrated, LUFS. momentary: each 100 ms. clipped: how many samples stand at full scale, if it is clipped.
    """

    raw: Path
    name: str
    form: Form
    count: int
    loudness: float
    momentary: tuple[float, ...]
    clipped: int = 0

    @property
    def seconds(self) -> float:
        return self.count / RATE


def taken(
    file: Path, name: str, raw: Path, form: Form | None = None, watch: Watch | None = None
) -> Taken:
    """A sound as samples in the file `raw`, in one pass and whatever its length.

    Raises MediaError, naming it: it is empty, silent, cut short, no sound, or not what its ending says.
    """
    form = form or Form()
    header = checked(file, name)
    heard = Heard(watch)
    said = run(_taking(file, raw, form), name, heard)
    count = raw.stat().st_size // (WIDTH * form.channels) - form.lead - form.tail
    found = Taken(raw, name, form, count, integrated(heard.momentary), tuple(heard.momentary))
    _refuse(found, file, header, _figure(said, "Peak level dB"))
    flat = _figure(said, "Flat factor") >= FLAT
    clipped = round(_figure(said, "Peak count")) if flat else 0
    return Taken(raw, name, form, count, found.loudness, found.momentary, clipped)


def _taking(file: Path, raw: Path, form: Form) -> list[str]:
    """One pass: a file is judged as it is, brought into the form, measured, and laid down."""
    judged = "astats=measure_perchannel=none:measure_overall=Peak_level+Peak_count+Flat_factor"
    shaped = f"aresample={RATE},aformat=sample_fmts=flt:channel_layouts={layout(form.channels)}"
    steps = [shaped]
    if form.highpass:
        steps.append(f"highpass=f={form.highpass}")
    around = (
        f"adelay=delays={form.lead}S:all=1,apad=pad_len={form.tail}"
        if form.lead or form.tail
        else "anull"
    )
    graph = f"[0:a:0]{','.join(steps)},asplit[m][s];[m]{METER},{PRINTED}[heard];[s]{around}[out]"
    return [
        *("-i", f"file:{file}", "-filter_complex", graph),
        *("-map", "0:a:0", "-af", judged, "-f", "null", "-"),
        *("-map", "[heard]", "-f", "null", "-"),
        *("-map", "[out]", *samples(form.channels), f"file:{raw}"),
    ]


def checked(file: Path, name: str) -> str:
    """How ffmpeg describes a sound. Raises MediaError: it is empty, none, cut short, or not what its ending says."""
    if not file.stat().st_size:
        raise MediaError(f"{name}: the file is empty")
    # ffmpeg calls the lack of an output an error, so none is asked for in earnest.
    header = run(["-i", f"file:{file}", "-map", "0:a:0?", "-t", "0", "-f", "null", "-"], name)
    content = re.search(r"Input #0, (\S+?)[, ]", header)
    expected = CONTENTS.get(Path(name).suffix.lower())
    if content and expected and content[1] != expected:
        raise MediaError(
            f"{name}: its content is {content[1]}, not {expected}; give it the ending of its content"
        )
    if "Audio:" not in header:
        raise MediaError(f"{name}: there is no sound in it")
    if (missing := _missing_bytes(file)) > 1:
        raise MediaError(f"{name}: it is cut short; {missing:,} bytes are missing at its end")
    return header


def _refuse(found: Taken, file: Path, header: str, peak: float) -> None:
    name, seconds = found.name, found.seconds
    if not found.count:
        raise MediaError(f"{name}: there is no sound in it")
    if found.count < WINDOW:
        raise MediaError(f"{name}: it lasts {seconds:.2f} seconds; at least 0.4 can be mastered")
    if found.loudness <= SILENT and peak > SILENT and found.form.channels == 1:
        raise MediaError(
            f"{name}: its channels cancel each other out when they are mixed to one; turn one of them over, "
            "or write channels = 2 below [audio] in content/publication.toml"
        )
    if found.loudness <= SILENT:
        raise MediaError(f"{name}: it is silent from beginning to end")
    promised = _promised(header)
    if seconds < promised - max(0.5, promised / 50):
        raise MediaError(
            f"{name}: it is cut short; its header promises {promised:.1f} seconds, {seconds:.1f} are there"
        )


def _figure(report: str, label: str) -> float:
    found = re.findall(rf"{label}: (\S+)", report)
    return float(found[-1]) if found else 0.0


def _promised(header: str) -> float:
    found = re.search(r"Duration: (\d+):(\d+):(\d+\.\d+)", header)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else 0.0


def _missing_bytes(file: Path) -> int:
    """How much shorter a WAV file is than it says: ffmpeg silently believes the shorter of the two."""
    with file.open("rb") as opened:
        magic, size = opened.read(4), int.from_bytes(opened.read(4), "little")
    unknown = magic != b"RIFF" or size in (0, 0xFFFFFFFF)  # written while streaming
    return 0 if unknown else size + 8 - file.stat().st_size


DEAD, DEAD_SECONDS, KEPT = 45.0, 0.8, 0.3
"""What is so many LU below the rest for so long, at either end, is dead: all but so many seconds of it is cut."""


def lively(found: Taken) -> tuple[int, int]:
    """Where the sound begins and ends in its raw file, in samples, without dead ends."""
    first, last = found.form.lead, found.form.lead + found.count
    quiet = 10 ** ((found.loudness - DEAD) / 20)
    before = _dead(_blocks(found, range(first, last, BLOCK)), quiet)
    after = _dead(_blocks(found, range(last - BLOCK, first, -BLOCK)), quiet)
    kept = round(KEPT * RATE)
    if before > DEAD_SECONDS * RATE:
        first += before - kept
    if after > DEAD_SECONDS * RATE:
        last -= after - kept
    return first, last


BLOCK = RATE // 100


def _dead(levels: Iterator[float], quiet: float) -> int:
    count = 0
    for level in levels:
        if level > quiet:
            break
        count += BLOCK
    return count


def _blocks(found: Taken, starts: range) -> Iterator[float]:
    """The level of each 10 ms that begins at one of these samples, read as far as is asked for."""
    import numpy

    frame = WIDTH * found.form.channels
    with found.raw.open("rb") as raw:
        for start in starts:
            raw.seek(start * frame)
            block = numpy.frombuffer(raw.read(BLOCK * frame), "<f4")
            yield float(numpy.sqrt(numpy.mean(block.astype(float) ** 2))) if block.size else 0.0
