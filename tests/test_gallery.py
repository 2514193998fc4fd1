"""A gallery of broken publications: every one is refused, by its own code and at the right line; nothing goes out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline import stage
from pipeline.check.rules import RULES
from pipeline.cli import main
from tests.gallery import GALLERY, Broken, clean, installed

NOW = "2026-06-01T00:00:00Z"
STAGES = stage.installed()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clean publication, published once; build and store come along with each copy."""
    root = clean(tmp_path_factory.mktemp("clean"))
    said = publish(root)
    assert said["published"] and said["findings"] == [], said
    shutil.rmtree(root / "build/outbox")
    return root


def publish(root: Path) -> dict[str, Any]:
    result = CliRunner().invoke(
        main, ["publish", "--root", str(root), "--now", NOW, "--json"], catch_exceptions=False
    )
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return {**found, "exit": result.exit_code}


@pytest.mark.parametrize("broken", GALLERY, ids=[one.title for one in GALLERY])
def test_it_is_refused_by_its_own_code_and_at_the_right_line(
    broken: Broken, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "broken"
    shutil.copytree(published, root)
    for edit in broken.edits:
        edit(root)
    deployed = {f: f.read_bytes() for f in (root / "deployed").rglob("*") if f.is_file()}
    monkeypatch.setattr("pipeline.runner.installed", lambda: installed(broken, STAGES))
    said = publish(root)
    assert said["exit"] == 1, said
    found = [one for one in said["findings"] if one["severity"] == "error"]  # type: ignore[union-attr]
    line = (
        broken.line if isinstance(broken.line, int) else line_of(broken.line, root / broken.where)
    )
    assert [(one["code"], one["where"], one["line"]) for one in found] == [
        (broken.code, broken.where, line)
    ]
    assert found[0]["message"] and found[0]["mend"]
    assert not (root / "build/outbox").exists()
    assert {f: f.read_bytes() for f in (root / "deployed").rglob("*") if f.is_file()} == deployed


def line_of(words: str | tuple[str, int], file: Path) -> int:
    """The line of a built file that holds these words, the first if not told which."""
    text, which = words if isinstance(words, tuple) else (words, 1)
    lines = file.read_text("utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if text in line][which - 1]


def test_the_gallery_is_large_and_no_picture_hangs_twice() -> None:
    assert len(GALLERY) >= 60
    assert len({one.title for one in GALLERY}) == len(GALLERY)
    assert len({one.code for one in GALLERY}) >= 60
    assert {RULES[one.code].severity for one in GALLERY} == {"error"}
