"""A speech becomes the file that is published: joined, brought to its loudness, encoded, and measured as decoded.

Loudness counts one channel as the two it is played on (`dualmono`): −16 LUFS here is what a stereo
episode of −16 LUFS sounds like, and reads −19 on a meter that takes one channel for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import MediaError
from pipeline.sound.ffmpeg import RATE, Measured, Watch, measured, run

BITRATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""kbit/s that an MP3 of 44.1 kHz can have."""

LAME_LOSS = 0.445
"""dB by which LAME attenuates at 160 kbit/s and less."""

CLOSE, ROUNDS = 0.15, 8

_RAW = ("-f", "s16le", "-ar", str(RATE), "-ac", "1")


@dataclass(frozen=True, slots=True)
class Target:
    """loudness: integrated, LUFS. peak: the highest true peak allowed, dBTP. bitrate: kbit/s."""

    loudness: float
    peak: float
    bitrate: int


@dataclass(frozen=True, slots=True)
class Programme:
    """All that is heard, in order; `name` is for messages.

    speech: any sound file. before, after: raw samples, one channel, 16 bits, 44.1 kHz, or empty.
    """

    speech: Path
    name: str
    before: Path
    after: Path


def mastered(
    programme: Programme, speech: Measured, target: Target, to: Path, watch: Watch | None = None
) -> Measured:
    """Write the programme as an MP3 that meets the target when decoded; the measures it then has.

    The codec moves loudness and peaks, so the file is measured, and made again until it is right.
    Raises MediaError: it cannot be both that loud and within its peak.
    """
    if target.bitrate not in BITRATES:
        raise MediaError(
            f"bitrate: {target.bitrate} is none that an MP3 has; use one of {BITRATES}"
        )
    gain = target.loudness - speech.loudness + (LAME_LOSS if target.bitrate <= 160 else 0)
    limit = target.peak - 0.5
    for _ in range(ROUNDS):
        _encode(programme, gain, limit, target.bitrate, to, watch)
        found = measured(to, programme.name)
        if abs(found.loudness - target.loudness) <= CLOSE and found.peak <= target.peak:
            return found
        gain += target.loudness - found.loudness
        limit = max(limit - max(0.0, found.peak - target.peak + 0.1), -24.0)
    raise MediaError(
        f"{programme.name}: it cannot be brought to {target.loudness} LUFS within {target.peak} dBTP; "
        f"it stays at {found.loudness} LUFS and {found.peak} dBTP"
    )


def _encode(
    programme: Programme, gain: float, limit: float, bitrate: int, to: Path, watch: Watch | None
) -> None:
    inputs, graph = _joined(programme)
    level = f"volume={gain:.2f}dB,alimiter=limit={limit:.2f}dB:attack=5:release=60:level=false:latency=true"
    # No tags and no version strings: the same sound gives the same bytes.
    encoder = f"-c:a libmp3lame -b:a {bitrate}k -ac 1 -ar {RATE} -map_metadata -1 -id3v2_version 0"
    exact = "-write_id3v1 0 -fflags +bitexact -flags:a +bitexact -f mp3"
    run(
        [
            *inputs,
            "-filter_complex",
            f"{graph}{level}[out]",
            "-map",
            "[out]",
            *encoder.split(),
            *exact.split(),
            f"file:{to}",
        ],
        programme.name,
        watch,
    )


def _joined(programme: Programme) -> tuple[list[str], str]:
    """ffmpeg's inputs, and the beginning of its graph: all parts behind one another as one channel."""
    inputs, parts = list[str](), list[str]()
    for file in (programme.before, programme.speech, programme.after):
        if file.stat().st_size:
            parts.append(f"[{len(parts)}:a:0]")
            inputs += [*([] if file is programme.speech else _RAW), "-i", f"file:{file}"]
    same = f"aresample={RATE},aformat=sample_fmts=flt:channel_layouts=mono"
    alike = "".join(f"{part}{same}[p{n}];" for n, part in enumerate(parts))
    labels = "".join(f"[p{n}]" for n in range(len(parts)))
    return inputs, f"{alike}{labels}concat=n={len(parts)}:v=0:a=1,"
