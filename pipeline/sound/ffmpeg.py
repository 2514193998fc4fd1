"""The one ffmpeg that is installed with us: it decodes, measures and encodes in a stream, whatever the length."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from pipeline.errors import MediaError, OutsideError

RATE = 44_100
"""Samples a second of all that is mastered."""

WIDTH = 4
"""Bytes of a sample while we work: 32-bit floats, which neither clip nor add noise."""

Watch = Callable[[float], None]
"""Told how many seconds of sound are done."""


def run(arguments: Sequence[str], name: str, line: Callable[[str], None] | None = None) -> str:
    """What ffmpeg reports of its work; each line it prints goes to `line`.

    Raises MediaError, with `name` of the sound at fault and ffmpeg's reason; OutsideError where the disk is full.
    """
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats", "-y"]
    # The report goes to a file without a name, since a pipe that nobody empties would stop ffmpeg.
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as report:
        with subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if line else subprocess.DEVNULL,
            stderr=report,
            encoding="utf-8",
            errors="replace",
        ) as process:
            try:
                for printed in process.stdout or ():
                    if line:
                        line(printed)
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


def stretch(file: Path, start: int, end: int) -> str:
    """What ffmpeg is given to read these bytes of a file alone."""
    return f"subfile,,start,{start},end,{end},,:{file}"


def samples(channels: int) -> list[str]:
    """The form of samples while we work on them, for ffmpeg's inputs and outputs."""
    return ["-f", "f32le", "-ar", str(RATE), "-ac", str(channels)]


def layout(channels: int) -> str:
    """What ffmpeg calls that many channels."""
    return "mono" if channels == 1 else "stereo"


def can_encode(encoder: str) -> bool:
    """Whether this build of ffmpeg has that encoder."""
    listed: list[str] = []
    run(["-encoders"], "ffmpeg", listed.append)
    return any(line.split()[1:2] == [encoder] for line in listed)
