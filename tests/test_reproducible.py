"""The same content gives the same bytes, wherever, whenever and by however many processes it is built."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publications import BODY, SETTINGS, front_matter, small
from tests.test_cli import tree

SIMULCAST = [sys.executable, "-c", "from pipeline.cli import main; main()"]
HERE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "1"}
THERE = {
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "tr_TR.UTF-8",
    "TZ": "Pacific/Auckland",
    "PYTHONHASHSEED": "2",
}
RICH = """
::: {.lede by="Ann Lee"}
Said “so”.
:::

**It began.** With 12% of $3 billion[^1].

::: key-figures
- **12%** of it
:::

> Words
> — Ann Lee

[^1]: A note.
"""


def built(root: Path, environment: dict[str, str], jobs: int, now: str) -> dict[str, bytes]:
    words = ["build", "--root", str(root), "--jobs", str(jobs), "--now", now]
    done = subprocess.run(
        [*SIMULCAST, *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tree(root / "build")


def two_builds(
    tmp_path: Path, settings: str, text: str
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    episodes = {
        "e01_first": front_matter() + text,
        "e02_second": front_matter(2, "Zweite Größe 😀") + text,
    }
    here = small(tmp_path / "here", settings, **episodes)
    there = small(tmp_path / "over there" / "ünd", settings, **episodes)
    return built(here, HERE, 1, "2026-02-01T00:00:00Z"), built(
        there, THERE, 2, "2030-01-01T00:00:00Z"
    )


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def test_two_builds_are_byte_identical(tmp_path: Path) -> None:
    one, other = two_builds(tmp_path, SETTINGS, BODY + RICH)
    assert "site/audio/01-first.mp3" in one
    assert differing(one, other) == []


@pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="the voice extra is not installed"
)
def test_two_builds_with_the_best_voice_are_byte_identical(tmp_path: Path) -> None:
    one, other = two_builds(
        tmp_path,
        SETTINGS.replace('"nanotts"', '"kokoro"'),
        "Seven words are quite enough to say.\n",
    )
    assert "site/audio/01-first.mp3" in one
    assert differing(one, other) == []
