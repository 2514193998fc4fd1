"""Composes the opening and closing music of the sample podcast: `python audio/compose.py`.

The music is under CC BY 4.0 (../content/LICENSE). Needs NumPy and imageio-ffmpeg.
"""

import subprocess
from pathlib import Path
from typing import NamedTuple

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]

HERE = Path(__file__).parent
RATE = 44_100
BEAT = 60 / 104  # seconds

# Semitones above the C of the same octave.
STEPS = {"C": 0, "C#": 1, "D": 2, "E": 4, "F#": 6, "G": 7, "A": 9, "B": 11}


class Note(NamedTuple):
    """A pitch, when it begins and how long it is held (in beats), and how loud it is."""

    name: str
    start: float
    length: float
    force: float = 1.0


def chord(names: str, start: float, length: float, force: float) -> list[Note]:
    """Several pitches struck together."""
    return [Note(name, start, length, force) for name in names.split()]


def pitch(name: str) -> float:
    """The frequency of a note in hertz: equal temperament, with A4 at 440."""
    step, octave = STEPS[name[:-1]], int(name[-1])
    return float(440 * 2 ** ((step - STEPS["A"]) / 12 + octave - 4))


def seconds(length: float) -> Sound:
    """The moments of a stretch of time, one for every sample."""
    return np.arange(int(length * RATE)) / RATE


def released(t: Sound) -> Sound:
    """A fade over the last tenth of a second, so that no note ends in a click."""
    return np.asarray(np.minimum(1, (t[-1] - t) / 0.1))


def mallet(note: Note) -> Sound:
    """A marimba bar: a warm fundamental that rings on, under a knock that does not."""
    t, f = seconds(2.4), pitch(note.name)
    tone = np.sin(2 * np.pi * f * t) * np.exp(-3.2 * t)
    tone += 0.34 * np.sin(2 * np.pi * 3.93 * f * t) * np.exp(-16 * t)
    tone += 0.10 * np.sin(2 * np.pi * 9.2 * f * t) * np.exp(-44 * t)
    return note.force * tone * np.minimum(1, t / 0.002) * released(t)


def strings(note: Note) -> Sound:
    """A small section of bowed strings: five players, never quite in tune, swelling and fading."""
    held, f = note.length * BEAT, pitch(note.name)
    t = seconds(held + 1.8)
    tone: Sound = np.zeros_like(t)
    for player in range(5):
        mistuned = f * (1 + 0.0028 * np.sin(2.4 * player + f))
        vibrato = 0.004 * np.sin(2 * np.pi * (4.7 + 0.23 * player) * t + 1.3 * player)
        phase = 2 * np.pi * mistuned * t + vibrato * f / 5 + 1.9 * player
        for overtone in range(1, 11):
            tone += np.exp(-0.0005 * f * overtone) * np.sin(overtone * phase) / overtone
    bow = np.minimum(1, t / 0.18) * np.where(t < held, 1, np.exp(-3.0 * (t - held)))
    return np.asarray(note.force * 0.27 * tone * bow * released(t))


def bass(note: Note) -> Sound:
    """A plucked double bass, felt as much as heard."""
    t, f = seconds(note.length * BEAT + 0.5), pitch(note.name)
    tone = np.zeros_like(t)
    for overtone in range(1, 8):
        decay = np.exp(-(1.2 + 0.8 * overtone) * t)
        tone += decay * np.sin(2 * np.pi * f * overtone * t) / overtone
    return note.force * 0.42 * tone * np.minimum(1, t / 0.006) * released(t)


def tick(note: Note) -> Sound:
    """A brush on a snare drum, from noise that is the same every time."""
    t = seconds(0.16)
    noise = np.diff(np.random.default_rng(6).standard_normal(t.size + 1))
    return note.force * 0.5 * noise * np.exp(-46 * t) * np.minimum(1, t / 0.003)


# How each is played, and where it sits: 0 is the left loudspeaker, 1 the right.
BAND = {
    "mallet": (mallet, 0.6),
    "strings": (strings, 0.42),
    "bass": (bass, 0.5),
    "tick": (tick, 0.66),
}

Score = dict[str, list[Note]]


def pattern(names: str, start: float, force: float) -> list[Note]:
    """A run of quavers, the first of each pair a little stronger than the second."""
    return [
        Note(name, start + place / 2, 0.5, force * (0.8 if place % 2 else 1.0))
        for place, name in enumerate(names.split())
    ]


OPENING: Score = {
    "mallet": [
        *pattern("D5 A4 E5 A4 E5 C#5 F#5 E5", 0, 0.5),
        *chord("D5 F#5 A5", 4, 2, 0.52),
        *pattern("D6", 4.5, 0.3),
    ],
    "strings": [
        *chord("G3 B3 D4 A4", 0, 2, 0.15),
        *chord("A3 C#4 E4 A4", 2, 2, 0.19),
        *chord("D3 A3 D4 F#4 A4", 4, 2.2, 0.2),
    ],
    "bass": [
        Note("G2", 0, 2),
        Note("A2", 2, 1.5),
        Note("A2", 3.5, 0.5, 0.7),
        Note("D2", 4, 4, 1.2),
    ],
    "tick": [Note("A4", place / 2, 0.5, 0.32 if place % 2 else 0.18) for place in range(8)],
}

CLOSING: Score = {
    "mallet": [
        *pattern("F#5 E5 D5 A4 E5 D5 B4 G4 C#5 A4 E5 C#5", 0, 0.42),
        *chord("D5 F#5", 6, 2, 0.46),
        *pattern("A5 D6", 7, 0.26),
    ],
    "strings": [
        *chord("B3 D4 F#4", 0, 2, 0.18),
        *chord("G3 B3 D4 A4", 2, 2, 0.18),
        *chord("A3 C#4 E4 A4", 4, 2, 0.18),
        *chord("D3 A3 D4 F#4", 6, 3.6, 0.2),
    ],
    "bass": [Note("B2", 0, 2), Note("G2", 2, 2), Note("A2", 4, 2), Note("D2", 6, 4, 1.1)],
    "tick": [Note("A4", place / 2, 0.5, 0.2 if place % 2 else 0.1) for place in range(12)],
}


def played(score: Score, length: float) -> Sound:
    """The score as two channels of sound, left and right."""
    mix = np.zeros((int(length * RATE), 2))
    for instrument, notes in score.items():
        play, place = BAND[instrument]
        sides = np.sqrt([1 - place, place])
        for note in notes:
            begin = int(note.start * BEAT * RATE)
            sound = play(note)[: len(mix) - begin]
            mix[begin : begin + len(sound)] += sound[:, None] * sides
    return mix


def in_a_room(dry: Sound) -> Sound:
    """The same sound in a small wooden hall, whose two walls answer a little differently."""
    t = seconds(1.4)
    size = 1 << (len(dry) + len(t)).bit_length()
    noise = np.random.default_rng(104).standard_normal((len(t), 2))
    total = np.cumsum(noise, axis=0)
    muffled = (total - np.roll(total, 12, axis=0)) / 12  # no hiss above
    boom = (total - np.roll(total, 300, axis=0)) / 300  # and no rumble below
    echo = (muffled - boom) * np.exp(-4.6 * t)[:, None]
    echo /= np.sqrt(np.sum(echo**2, axis=0))
    wet = np.fft.irfft(np.fft.rfft(dry, size, axis=0) * np.fft.rfft(echo, size, axis=0), axis=0)
    return dry + 0.3 * wet[: len(dry)]


def mastered(mix: Sound, peak: float, fade: float) -> NDArray[np.int16]:
    """Rounded off where it is loudest, faded out over the last seconds, as 16-bit samples."""
    warm = np.tanh(1.2 * mix / np.abs(mix).max())
    left = np.arange(len(mix))[::-1] / RATE
    warm *= np.sin(np.pi / 2 * np.minimum(1, left / fade))[:, None] ** 2
    return np.asarray(np.round(warm / np.abs(warm).max() * peak * 32767), dtype=np.int16)


def write(samples: NDArray[np.int16], path: Path) -> None:
    """One FLAC file, the same bytes whenever the same ffmpeg writes it."""
    source = ["-f", "s16le", "-ar", str(RATE), "-ac", "2", "-i", "-"]
    exact = ["-fflags", "+bitexact", "-flags:a", "bitexact", "-map_metadata", "-1"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *source, *exact, str(path)]
    subprocess.run(command, input=samples.astype("<i2").tobytes(), check=True)


def main() -> None:
    """Writes both pieces beside this script."""
    write(mastered(in_a_room(played(OPENING, 5.2)), 0.53, 1.6), HERE / "intro.flac")
    write(mastered(in_a_room(played(CLOSING, 7.6)), 0.4, 2.4), HERE / "outro.flac")


if __name__ == "__main__":
    main()
