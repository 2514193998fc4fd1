"""Small real sounds, for tests: noise shaped like speech, made and read back by ffmpeg."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy

SPEECH = "anoisesrc=d={seconds}:a=0.5:c=pink:seed=7:r=44100,highpass=f=120,tremolo=f=4:d=0.9,volume={gain}dB"
"""Pink noise that swells and fades four times a second, as syllables do."""


def ffmpeg(*arguments: str | Path) -> str:
    """What ffmpeg reports."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-y",
        *map(str, arguments),
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def speech_like(file: Path, seconds: float = 4, gain: float = -12, *form: str) -> Path:
    """A sound with the dynamics of speech, in the form that the ending and `form` ask for."""
    file.parent.mkdir(parents=True, exist_ok=True)
    source = SPEECH.format(seconds=seconds, gain=gain)
    ffmpeg("-f", "lavfi", "-i", source, "-fflags", "+bitexact", *form, file)
    return file


def loudness(file: Path) -> tuple[float, float]:
    """Integrated loudness and true peak of a decoded file, by ffmpeg's meter; one channel counted as two."""
    said = ffmpeg(
        "-i",
        file,
        "-filter_complex",
        "[0:a:0]ebur128=peak=true:dualmono=true:framelog=quiet",
        "-f",
        "null",
        "-",
    )
    integrated = re.findall(r"I:\s+(\S+) LUFS", said)[-1]
    peak = re.findall(r"Peak:\s+(\S+) dBFS", said)[-1]
    return float(integrated), float(peak)


def samples(file: Path, rate: int = 44_100) -> int:
    """How many samples a file has when decoded to one channel at that rate."""
    return len(pcm(file, rate))


def pcm(file: Path, rate: int = 44_100) -> numpy.ndarray:
    """A file decoded to one channel of 16 bits at that rate."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(file)]
    form = ["-map", "0:a:0", "-ac", "1", "-ar", str(rate), "-f", "s16le", "pipe:1"]
    ran = subprocess.run([*command, *form], check=True, capture_output=True)
    return numpy.frombuffer(ran.stdout, "<i2").astype(int)
