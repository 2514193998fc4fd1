"""Whoever reads aloud: a second voice for quotations, other packages' voices, any program, after any cut."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from array import array
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.cli.terminal import Terminal
from pipeline.errors import NarrationError, OutsideError, StageError
from pipeline.runner import Desk, Report, Silent, build
from pipeline.sound import narrators
from pipeline.sound.narrators import GROUP, PCM, Hands, Reading, installed, kind, narrator
from pipeline.sound.narrators import kokoro as kokoros
from pipeline.sound.narrators import piper as pipers
from pipeline.sound.narrators.nanotts import Nanotts
from pipeline.stages.narration import narration
from pipeline.stages.script import script
from tests.peers import absent, peer
from tests.publications import SETTINGS, front_matter, small, write

NOW = datetime(2026, 6, 1, tzinfo=UTC)
STAGES = {one.name: one for one in (script, narration)}
SLUG = "01-first"

BODY = """\
The author speaks first. And once more.

> Somebody else is quoted.
>
> — Somebody Else

The author has the last word.
"""

PROGRAM = """\
#!{python}
import os, signal, struct, sys, wave
text = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read()
with open({log!r}, "a+") as log:
    log.seek(0)
    if len(log.readlines()) == {dies_at}:
        os.kill(os.getppid(), signal.SIGKILL)
        sys.exit()
    log.write(text + "\\n")
with wave.open(sys.stdout.buffer, "wb") as out:
    out.setparams((1, 2, 8000, 0, "NONE", ""))
    out.writeframesraw(struct.pack("<h", 9000) * (200 * len(text)))
"""


class Noted(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def letter(root: Path, settings: str = "", body: str = BODY) -> Path:
    """A publication whose narration has these settings."""
    text = SETTINGS.replace('narrator = "nanotts"\n', settings or 'narrator = "nanotts"\n')
    return small(root, text, e01_first=front_matter(1, "First") + body)


def made(root: Path, noted: Noted | None = None) -> Report:
    desk = Desk(root, NOW, jobs=2, reporter=noted or Silent(), stages=STAGES)
    try:
        return build(desk)
    finally:
        desk.close()


def read(root: Path, path: str) -> Any:
    return json.loads((root / "build" / path).read_text("utf-8"))


def program(root: Path, dies_at: int = -1) -> Path:
    """A program that speaks in a tone, and notes in a file what it was told to say."""
    source = PROGRAM.format(python=sys.executable, log=str(root / "said"), dies_at=dies_at)
    file = write(root, "tools/tone", source)
    file.chmod(0o755)
    return file


def said(root: Path) -> list[str]:
    return (root / "said").read_text("utf-8").splitlines()


def spoken(root: Path) -> list[str]:
    return [sentence["spoken"] for sentence in read(root, f"script/{SLUG}.json")["sentences"]]


# --- voices


def test_what_others_said_is_read_in_another_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by: dict[str, str] = {}
    plain = Nanotts.say

    def noted(self: Nanotts, text: str) -> PCM:
        by[text] = self.voice
        return plain(self, text)

    monkeypatch.setattr(Nanotts, "say", noted)
    assert not made(letter(tmp_path)).errors
    assert by["Somebody else is quoted."] == "en-GB"
    assert by["The author speaks first."] == by["So said Somebody Else."] == "en-US"


def test_a_voice_of_your_choice_reads_what_others_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voices: set[str] = set()
    plain = Nanotts.say
    monkeypatch.setattr(
        Nanotts, "say", lambda self, text: voices.add(self.voice) or plain(self, text)
    )
    made(letter(tmp_path, 'narrator = "nanotts"\nvoice = "en-US"\nquote_voice = "en-US"\n'))
    assert voices == {"en-US"}


def test_the_same_words_in_two_voices_are_two_sounds(tmp_path: Path) -> None:
    body = "The same words.\n\n> The same words.\n>\n> — Somebody Else\n"
    made(letter(tmp_path, body=body))
    times = read(tmp_path, f"narration/{SLUG}.json")["sentences"]
    script_of = read(tmp_path, f"script/{SLUG}.json")["sentences"]
    lengths = [
        round(time["end"] - time["start"], 4)
        for time, sentence in zip(times, script_of, strict=True)
        if sentence["text"] == "The same words."
    ]
    assert len(set(lengths)) == 2


def test_a_fallback_keeps_two_voices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kokoros, "distribution", lambda name: "absent")
    settings = 'narrator = "kokoro"\nvoice = "af_heart"\nquote_voice = "am_michael"\n'
    noted = Noted()
    assert not made(letter(tmp_path, settings), noted).errors
    assert noted.notes == ["onnxruntime is not installed (make voice): nanotts en-US reads instead"]


# --- other packages' narrators


class Beeps:
    """A narrator of another package: a tone as long as the words."""

    hands: ClassVar[Hands] = "none"
    rate: ClassVar[int] = 8000

    def __init__(self, reading: Reading) -> None:
        self.title = f"beeps {reading.voice}"
        self.identity = self.title

    @staticmethod
    def voices(language: str) -> tuple[str, ...]:
        return ("high", "low")

    def ready(self) -> None:
        """It always is."""

    def say(self, text: str) -> PCM:
        return array("h", [9000] * (100 * len(text))).tobytes()


class Ended(Beeps):
    """A narrator whose hands are ended from outside."""

    hands: ClassVar[Hands] = "threads"

    def say(self, text: str) -> PCM:
        raise BrokenProcessPool


ENDED = "tests.test_narration:Ended"


def beeps(name: str, value: str = "tests.test_narration:Beeps") -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_another_packages_narrator_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrators, "entry_points", lambda group: (beeps("beeps"),))
    assert not made(letter(tmp_path, 'narrator = "beeps"\nvoice = "low"\n')).errors
    told = read(tmp_path, f"narration/{SLUG}.json")
    assert (told["rate"], told["voice"]) == (8000, "beeps low")
    first = told["sentences"][0]
    assert first["end"] - first["start"] == pytest.approx(len(spoken(tmp_path)[0]) / 80)


def test_two_narrators_of_one_name_are_refused() -> None:
    with pytest.raises(StageError, match='two narrators are named "beeps"'):
        installed([beeps("beeps"), beeps("beeps", "elsewhere:Beeps")])


@pytest.mark.parametrize(
    ("value", "told"),
    [("tests.test_narration:NOW", "is not one"), ("tests.nowhere:X", "does not load")],
)
def test_what_is_no_narrator_is_told(
    value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrators, "entry_points", lambda group: (beeps("odd", value),))
    with pytest.raises(NarrationError, match=told):
        kind("odd")


def test_our_own_stand_in_the_same_list() -> None:
    assert {"kokoro", "nanotts", "piper", "command"} <= set(installed())


# --- any program


@pytest.mark.parametrize("words", ["", " {text}"])
def test_any_program_reads_without_a_shell(words: str, tmp_path: Path) -> None:
    program(tmp_path)
    body = "It says $(touch nowhere) && {out}; `so` it is.\n\nAnd more.\n"
    settings = f'narrator = "command"\ncommand = "tools/tone{words}"\n'
    assert not made(letter(tmp_path, settings, body)).errors
    assert sorted(said(tmp_path)) == sorted(spoken(tmp_path))
    told = read(tmp_path, f"narration/{SLUG}.json")
    assert (told["rate"], told["voice"]) == (24_000, "tone")
    first = told["sentences"][0]
    assert first["end"] - first["start"] == pytest.approx(len(spoken(tmp_path)[0]) / 40, abs=0.01)


def test_a_program_writes_its_sound_where_it_is_told(tmp_path: Path) -> None:
    copy = write(tmp_path, "copy.py", "import sys, shutil; shutil.copy(sys.argv[1], sys.argv[2])")
    sound = tmp_path / "sound.wav"
    heard = subprocess.run([program(tmp_path), "a word"], stdout=subprocess.PIPE, check=True).stdout
    sound.write_bytes(heard)  # 1200 samples at 8 kHz
    command = f"{sys.executable} {copy} {sound} {{out}}"
    assert len(narrator(Reading("command", command=command)).say("words")) == 7200


def test_a_program_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    wrong = f"{sys.executable} -c 'import sys; sys.exit(\"no such tongue\")'"
    with pytest.raises(NarrationError, match='did not speak "words": no such tongue'):
        narrator(Reading("command", command=wrong)).say("words")
    silly = f"{sys.executable} -c 'print(42)'"
    with pytest.raises(NarrationError, match="ffmpeg cannot use it"):
        narrator(Reading("command", command=silly)).say("words")


def test_a_program_that_is_not_here_is_an_error_until_it_is(tmp_path: Path) -> None:
    root = letter(tmp_path, 'narrator = "command"\ncommand = "nobody-speaks -v x"\n')
    told = str(made(root).errors[0])
    assert told.startswith("there is no program nobody-speaks; to publish without a voice, write")
    assert str(made(root).errors[0]) == told


def test_a_voice_that_was_ended_is_the_world_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrators, "entry_points", lambda group: (beeps("ended", ENDED),))
    (told,) = made(letter(tmp_path, 'narrator = "ended"\n')).errors
    assert isinstance(told, OutsideError)
    assert "ended was ended while it spoke" in str(told)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ('narrator = "command"\n', "narration.command: is empty: write the program that speaks"),
        ('command = "say"\n', 'narration.command: is run by narrator = "command", not by "kokoro"'),
        ('narrator = "command"\ncommand = "tools/absent"\n', "tools/absent: is missing"),
    ],
)
def test_a_command_that_cannot_be_followed_is_refused(
    settings: str, told: str, tmp_path: Path
) -> None:
    assert told in str(made(letter(tmp_path, settings)).errors[0])


def test_another_program_says_it_anew(tmp_path: Path) -> None:
    settings = 'narrator = "command"\ncommand = "tools/tone"\n'
    tone = program(tmp_path)
    made(letter(tmp_path, settings))
    before = len(said(tmp_path))
    tone.write_text(tone.read_text("utf-8") + "# another\n", "utf-8")
    # A running program keeps what its file hashed to: another run is another process.
    simulcast = Path(sys.executable).with_name("simulcast")
    command = [simulcast, "narration", "01", "--root", tmp_path, "--now", NOW.isoformat()]
    subprocess.run(command, check=True, capture_output=True)
    assert len(said(tmp_path)) == 2 * before


# --- runs that were cut off


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    root = letter(tmp_path, 'narrator = "command"\ncommand = "tools/tone"\n')
    program(root, dies_at=2)
    simulcast = Path(sys.executable).with_name("simulcast")
    command = [simulcast, "narration", "01", "--root", root, "--jobs", "1"]
    command += ["--now", NOW.isoformat()]
    killed = subprocess.run(command, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert len(said(root)) == 2
    assert not (root / f"build/narration/{SLUG}.wav").exists()
    with (root / "said").open("a") as log:  # so that it lives from here on
        log.write("killed\n")
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    words = [line for line in said(root) if line != "killed"]
    assert sorted(words) == sorted(spoken(root))


# --- Piper


def test_piper_says_a_thing_twice_alike() -> None:
    if find_spec("piper") is None:
        absent("Piper", "the extra piper is not installed")
    voice = narrator(Reading("piper"))
    voice.ready()
    words = "The same words, twice."
    once = voice.say(words)
    assert 1 < len(once) / 2 / voice.rate < 3
    assert voice.say(words) == once
    fast = narrator(Reading("piper", speed=1.5))
    assert len(fast.say(words)) < 0.8 * len(once)


def test_a_piper_that_is_not_here_or_not_the_checked_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipers, "distribution", lambda name: "1")
    monkeypatch.setattr(pipers.Piper, "_model", lambda self: tmp_path / "joe.onnx")
    with pytest.raises(NarrationError, match=r"joe\.onnx is missing"):
        narrator(Reading("piper")).ready()
    write(tmp_path, "joe.onnx", "not the model")
    write(tmp_path, "joe.onnx.json", "{}")
    with pytest.raises(NarrationError, match="not the one that was checked"):
        narrator(Reading("piper")).ready()
    monkeypatch.setattr(pipers, "distribution", lambda name: "absent")
    with pytest.raises(NarrationError, match="piper-tts is not installed \\(make piper"):
        narrator(Reading("piper")).ready()


# --- the script, to be read before it is heard


def test_earlier_titles_are_sentences_whatever_they_end_in(tmp_path: Path) -> None:
    root = letter(tmp_path)
    write(root, f"content/{SLUG}/episode.md", front_matter(1, "Is It?") + BODY)
    write(root, "content/02-second/episode.md", front_matter(2, "It Is") + BODY)
    write(root, "content/03-third/episode.md", front_matter(3, "Third") + BODY)
    words = ["script", "3", "--root", str(root), "--now", NOW.isoformat()]
    assert "\nEarlier: Is It?\nIt Is.\n" in CliRunner().invoke(main, words).stdout


def test_the_script_is_shown_with_what_is_said_otherwise(tmp_path: Path) -> None:
    body = (
        'It cost [$13 billion]{say="a lot"} in 2026.\n\n## On\n\nAnd on.\n\n> Quoted.\n>\n> — Ada\n'
    )
    shown = CliRunner().invoke(
        main, ["script", "1", "--root", str(letter(tmp_path, body=body)), "--now", NOW.isoformat()]
    )
    assert shown.exit_code == 0
    assert (
        "\nIt cost $13 billion in 2026.\n"
        "      $13 billion → a lot  (say)\n"
        "      2026 → twenty twenty-six\n"
        "\n═══ On\n\nOn.\n"
    ) in shown.stdout
    assert "[quote] Quoted.\n\nSo said Ada.\n" in shown.stdout
    again = CliRunner().invoke(
        main, ["script", "1", "--root", str(tmp_path), "--now", NOW.isoformat(), "--json"]
    )
    assert json.loads(again.stdout)["reused"] == 1


def test_progress_tells_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 0.0, 30.0])
    monkeypatch.setattr("pipeline.cli.terminal.time.monotonic", lambda: next(clock))
    terminal = Terminal(quiet=False)
    terminal.begin("narration", 1)
    terminal.progress("narration", SLUG, 40, 140, "sentences")  # those that were kept
    terminal.progress("narration", SLUG, 60, 140, "sentences")
    told = capsys.readouterr().err
    assert "60 of 140 sentences, about 2 min 0 s left" in told


@pytest.mark.parametrize("words", ["--stdout -s 150", "-w {out} {text}"])
def test_espeak_reads_as_the_readme_says(words: str) -> None:
    peer("eSpeak NG", "espeak-ng")
    voice = narrator(Reading("command", command=f"espeak-ng {words}"))
    voice.ready()
    assert 0.5 < len(voice.say("A few words.")) / 2 / voice.rate < 3
