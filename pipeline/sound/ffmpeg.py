"""The one ffmpeg that is installed with us: it decodes, measures and encodes in a stream, whatever the length."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from pipeline.errors import MediaError, OutsideError

RATE = 44_100
"""Samples a second of all that is mastered."""

Watch = Callable[[float], None]
"""Told how many seconds of sound are done."""


@dataclass(frozen=True, slots=True)
class Measured:
    """loudness: integrated, LUFS, one channel counted as two. peak: true peak, dBTP. seconds: decoded length."""

    loudness: float
    peak: float
    seconds: float


def run(arguments: Sequence[str], name: str, watch: Watch | None = None) -> str:
    """What ffmpeg reports of its work. Raises MediaError, with `name` of the sound at fault and ffmpeg's reason."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats", "-y"]
    # The report goes to a file without a name, since a pipe that nobody empties would stop ffmpeg.
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as report:
        with subprocess.Popen(
            [*command, "-progress", "pipe:1", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=report,
            encoding="utf-8",
        ) as process:
            try:
                for line in process.stdout or ():
                    if watch and (time := re.match(r"out_time_us=(\d+)", line)):
                        watch(int(time[1]) / 1_000_000)
            except BaseException:
                process.kill()
                raise
        report.seek(0)
        said = report.read()
    if process.returncode and "No space left on device" in said:
        raise OutsideError(f"{name}: no space is left on the disk for what is made of it")
    if process.returncode:
        raise MediaError(f"{name}: ffmpeg cannot use it: {_reason(said)}")
    return said


def _reason(report: str) -> str:
    """The line of a report that says most about what went wrong."""
    lines = [
        re.sub(r"^\[.*?\] |^Error (?:opening|while) .*?: ", "", x) for x in report.splitlines()
    ]
    telling = [
        line for line in lines if re.search("invalid|error|no space|not found|fail", line, re.I)
    ]
    return next(iter(telling), "it cannot be read as sound").strip().rstrip(".")


def measured(file: Path, name: str, watch: Watch | None = None) -> Measured:
    """Loudness and true peak of the decoded sound (EBU R 128), one channel counted as the two it is played on."""
    meter = "ebur128=peak=true:dualmono=true:framelog=quiet"
    last = [0.0]

    def note(seconds: float) -> None:
        last[0] = seconds
        if watch:
            watch(seconds)

    graph = f"[0:a:0]aformat=channel_layouts=mono,{meter}[out]"
    said = run(
        ["-i", f"file:{file}", "-filter_complex", graph, "-map", "[out]", "-f", "null", "-"],
        name,
        note,
    )
    return Measured(_figure(said, "I"), _figure(said, "Peak"), last[0])


def _figure(report: str, label: str) -> float:
    found = re.findall(rf"^\s+{label}:\s+(\S+) (?:LUFS|dBFS)", report, re.M)
    return float(found[-1]) if found else float("-inf")


# What ffmpeg calls the content of a file with each ending.
_CONTENTS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".m4a": "mov"}


def checked(file: Path, name: str, watch: Watch | None = None) -> Measured:
    """The measures of a sound that somebody handed in.

    Raises MediaError, naming it: it is empty, silent, cut short, no sound, or not what its ending says.
    """
    if not file.stat().st_size:
        raise MediaError(f"{name}: the file is empty")
    header = _header(file, name)
    content = re.search(r"Input #0, (\S+?)[, ]", header)
    expected = _CONTENTS.get(Path(name).suffix.lower())
    if content and expected and content[1] != expected:
        raise MediaError(
            f"{name}: its content is {content[1]}, not {expected}; give it the ending of its content"
        )
    if "Audio:" not in header:
        raise MediaError(f"{name}: there is no sound in it")
    found = measured(file, name, watch)
    if not found.seconds:
        raise MediaError(f"{name}: there is no sound in it")
    if found.loudness <= -70:
        raise MediaError(f"{name}: it is silent from beginning to end")
    if (missing := _missing_bytes(file)) > 1:
        raise MediaError(f"{name}: it is cut short; {missing:,} bytes are missing at its end")
    promised = _promised(header)
    if found.seconds < promised - max(0.5, promised / 50):
        raise MediaError(
            f"{name}: it is cut short; its header promises {promised:.1f} seconds, {found.seconds:.1f} are there"
        )
    return found


def _header(file: Path, name: str) -> str:
    """How ffmpeg describes a file; it calls the lack of an output an error, so none is asked for in earnest."""
    return run(["-i", f"file:{file}", "-map", "0:a:0?", "-t", "0", "-f", "null", "-"], name)


def _promised(header: str) -> float:
    found = re.search(r"Duration: (\d+):(\d+):(\d+\.\d+)", header)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else 0.0


def _missing_bytes(file: Path) -> int:
    """How much shorter a WAV file is than it says: ffmpeg silently believes the shorter of the two."""
    with file.open("rb") as opened:
        magic, size = opened.read(4), int.from_bytes(opened.read(4), "little")
    unknown = magic != b"RIFF" or size in (0, 0xFFFFFFFF)  # written while streaming
    return 0 if unknown else size + 8 - file.stat().st_size


def decoded(file: Path, name: str) -> bytes:
    """A short sound as one channel of 16-bit samples at 44.1 kHz."""
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        form = ["-map", "0:a:0", "-ac", "1", "-ar", str(RATE), "-f", "s16le", f"file:{raw}"]
        run(["-i", f"file:{file}", *form], name)
        return raw.read_bytes()
