"""How fast a recording is mastered, in how much memory, and how near to its target."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import imageio_ffmpeg

from tests.bench.rows import Row, Spent, paired, spent
from tests.sounds import ffmpeg, loudness

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
QUIET = [FFMPEG, "-v", "error", "-nostdin", "-y"]
MP3 = ["-ac", "1", "-ar", "44100", "-b:a", "96k"]

TEXT = """A recording is as long as its author wishes. Some speak for three minutes, and some for an hour and a half.
The one who listens should not have to reach for the volume; that is all there is to mastering, and it is a good deal.
Numbers help: sixteen units below full scale, and no peak within one decibel of it, when the file is decoded again.
Everything else is taste! And what would taste be, without a pause now and then? Here is one. There was one."""

OURS = """
import sys
from pathlib import Path
from pipeline.sound.joining import Plan, joined
from pipeline.sound.mastering import Target, mastered
speech, to, scratch = map(Path, sys.argv[1:4])
programme = joined(speech, speech.name, Plan(highpass=70, trim=True), scratch)
mastered(programme, Target(-16.0, -1.0, 96), to, scratch, int(sys.argv[4]))
"""

PYDUB = """
import sys, warnings
warnings.simplefilter("ignore")
from pydub import AudioSegment
from pydub.effects import normalize
AudioSegment.converter = sys.argv[3]
speech = normalize(AudioSegment.from_wav(sys.argv[1]).set_channels(1), headroom=1.0)
speech.fade_in(10).fade_out(10).export(sys.argv[2], format="mp3", bitrate="96k")
"""


def rows(full: bool) -> Iterator[Row]:
    minutes = 60 if full else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speech, out = recording(folder, minutes), folder / "ours.mp3"
        ours = [sys.executable, "-c", OURS, speech, out, folder, str(os.cpu_count() or 1)]
        yield from against_lame(ours, speech, folder, minutes, 2 if full else 3)
        # What it takes to start counts at five minutes, and is not what the figure is about.
        yield from against_loudnorm(ours, speech, folder, minutes, "≤ 0.25" if full else "≤ 0.33")
        yield from against_pydub(ours, speech, folder, minutes)
        integrated, peak = loudness(out)
        yield Row(
            f"{minutes} minutes: off −16 LUFS (LU)",
            f"{integrated} LUFS",
            "",
            abs(integrated + 16),
            "≤ 0.3",
        )
        yield Row(
            f"{minutes} minutes: true peak above −1 (dB)", f"{peak} dBTP", "", peak + 1, "≤ 0"
        )


def recording(folder: Path, minutes: int) -> Path:
    """A recording of 48 kHz in two channels, read by the light voice over and over."""
    from pipeline.sound.narrators import Reading, narrator

    voice, short, long = narrator(Reading("nanotts")), folder / "short.wav", folder / "speech.wav"
    with wave.open(str(short), "wb") as out:
        out.setparams((1, 2, voice.rate, 0, "NONE", ""))
        for line in TEXT.splitlines():
            out.writeframes(voice.say(line) + bytes(voice.rate))
    form = ["-af", "volume=-9dB", "-ac", "2", "-ar", "48000", "-t", str(minutes * 60)]
    ffmpeg("-stream_loop", "-1", "-i", short, *form, long)
    return long


def against_lame(
    ours: Sequence[str | Path], speech: Path, folder: Path, minutes: int, times: int
) -> Iterator[Row]:
    mine, plain = paired(ours, [*QUIET, "-i", speech, *MP3, folder / "plain.mp3"], times)
    yield row(
        f"{minutes} minutes mastered · encoded by LAME alone (wall)", mine.wall, plain.wall, "≤ 1.5"
    )
    yield row(f"{minutes} minutes mastered · encoded by LAME alone (CPU)", mine.cpu, plain.cpu, "")


def against_loudnorm(
    ours: Sequence[str | Path], speech: Path, folder: Path, minutes: int, bound: str
) -> Iterator[Row]:
    mine, began = spent(ours), time.perf_counter()
    wanted = "loudnorm=I=-16:TP=-1:LRA=11"
    said = ffmpeg("-i", speech, "-af", f"{wanted}:print_format=json", "-f", "null", "-")
    told = json.loads(re.findall(r"\{[^{}]*\}", said)[-1])
    names = {"I": "i", "TP": "tp", "LRA": "lra", "thresh": "thresh"}
    known = ":".join(f"measured_{name}={told[f'input_{key}']}" for name, key in names.items())
    second = f"{wanted}:{known}:offset={told['target_offset']}"
    ffmpeg("-i", speech, "-af", second, *MP3, folder / "loudnorm.mp3")
    took = time.perf_counter() - began
    yield row(f"{minutes} minutes mastered · loudnorm in two passes (wall)", mine.wall, took, bound)


def against_pydub(
    ours: Sequence[str | Path], speech: Path, folder: Path, minutes: int
) -> Iterator[Row]:
    mine = resident(ours)
    theirs = resident([sys.executable, "-c", PYDUB, speech, folder / "pydub.mp3", FFMPEG])
    what = f"{minutes} minutes: memory of all processes · pydub alone"
    yield Row(what, f"{mine:.0f} MB", f"{theirs:.0f} MB", mine / theirs, "≤ 1")
    yield Row(f"{minutes} minutes: memory against 250 MB", f"{mine:.0f} MB", "", mine, "≤ 250")


def row(what: str, ours: float, theirs: float, wanted: str) -> Row:
    return Row(what, f"{ours:.1f} s", f"{theirs:.1f} s", ours / theirs, wanted)


def resident(command: Sequence[str | Path]) -> float:
    """The most that a command and all it starts hold in memory at once, in MB, looked at ten times a second."""
    if not Path("/proc/self/smaps_rollup").exists():
        found: Spent = spent(command)
        return found.peak
    most = 0.0
    with subprocess.Popen([str(word) for word in command]) as process:
        while process.poll() is None:
            most = max(most, sum(map(held, family(process.pid))))
            time.sleep(0.1)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return most / 1024


def family(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
    except FileNotFoundError:  # it has just ended
        return
    for task in tasks:
        for child in read(task).split():
            yield from family(int(child))


def held(pid: int) -> int:
    """What a process holds, in kB; what several share is shared out among them."""
    found = re.search(r"^Pss:\s+(\d+)", read(Path(f"/proc/{pid}/smaps_rollup")), re.M)
    return int(found[1]) if found else 0


def read(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""  # it has just ended
