"""Clips cut from a master: a sound of its own, and a square video in which its waveform fills."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.sound.ffmpeg import RATE, can_encode, run

BEFORE, AFTER = 0.08, 0.25
"""Seconds that a clip begins before and ends after what is said, as far as its neighbours allow."""

FADE_IN, FADE_OUT = 0.03, 0.2

FRAMES = 25
"""Frames of video a second."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a sound, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def clipped(master: Path, span: Span, bitrate: int, peak: float, name: str, to: Path) -> None:
    """Write a stretch of a master as an MP3 of its own, that begins and ends softly and peaks no higher."""
    faded = (
        f"atrim={span.start:.4f}:{span.end:.4f},asetpts=PTS-STARTPTS,afade=t=in:d={FADE_IN},"
        f"afade=t=out:st={span.seconds - FADE_OUT:.4f}:d={FADE_OUT},"
        f"volume=0.445dB,alimiter=limit={peak - 0.8:.2f}dB:attack=5:release=60:level=false:latency=true"
    )
    form = f"-c:a libmp3lame -b:a {bitrate}k -map_metadata -1 -id3v2_version 0 -write_id3v1 0"
    exact = "-fflags +bitexact -flags:a +bitexact -f mp3"
    source = ["-i", f"file:{master}", "-map", "0:a:0", "-af", faded]
    run([*source, *form.split(), *exact.split(), f"file:{to}"], name)


def levels(clip: Path, count: int, name: str, scratch: Path) -> list[float]:
    """How loud a clip is in that many equal parts, from 0 to 1."""
    import numpy

    raw = scratch / "levels.raw"
    mono = ["-map", "0:a:0", "-ac", "1", "-ar", str(RATE // 4), "-f", "f32le", f"file:{raw}"]
    run(["-i", f"file:{clip}", *mono], name)
    samples = numpy.fromfile(raw, "<f4").astype(float)
    parts = [numpy.sqrt(numpy.mean(part**2)) for part in numpy.array_split(samples, count)]
    loudest = max(*parts, 1e-9)
    return [round(float(part / loudest), 3) for part in parts]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a video shows: a card, and on it a strip of holes behind which a colour advances.

    box: the strip's left and top edge, width and height. unheard, heard: colours as #rrggbb.
    """

    card: Path
    strip: Path
    box: tuple[int, int, int, int]
    unheard: str
    heard: str


def can_film() -> bool:
    """Whether this build of ffmpeg can make a video that phones play."""
    return can_encode("libx264") and can_encode("aac")


def filmed(clip: Path, seconds: float, scene: Scene, name: str, to: Path) -> None:
    """Write a clip as a square video."""
    left, top, width, height = scene.box
    size = f"s={width}x{height}:r={FRAMES}:d={seconds:.3f}"
    graph = (
        f"color=c={_color(scene.unheard)}:{size}[unheard];color=c={_color(scene.heard)}:{size}[heard];"
        f"[unheard][heard]overlay=x='-w+w*t/{seconds:.3f}':y=0:format=rgb[colour];"
        f"[colour][1:v]overlay=format=rgb[bars];"
        f"[0:v][bars]overlay=x={left}:y={top}:format=rgb:shortest=1,"
        "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p[out]"
    )
    # As many threads on every machine: how many there are changes the bytes.
    video = f"-c:v libx264 -preset veryfast -crf 20 -tune stillimage -threads 2 -r {FRAMES}"
    color = "-colorspace bt709 -color_primaries bt709 -color_trc bt709"
    sound = "-c:a aac -b:a 128k -ac 2"
    exact = "-map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact"
    form = f"{video} {color} {sound} {exact} -movflags +faststart -f mp4"
    still = ["-loop", "1", "-framerate", str(FRAMES), "-i"]
    run(
        [
            *(*still, f"file:{scene.card}", *still, f"file:{scene.strip}", "-i", f"file:{clip}"),
            *("-filter_complex", graph, "-map", "[out]", "-map", "2:a"),
            *("-t", f"{seconds:.3f}", *form.split(), f"file:{to}"),
        ],
        name,
    )


def _color(hexadecimal: str) -> str:
    return "0x" + hexadecimal.removeprefix("#")
