"""Every kind of block in every medium, against golden files that a person has read.

After a change that is meant: GOLDEN=write pytest tests/test_blocks.py, then read `git diff tests/golden`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import markdown
from pipeline.model import (
    MEDIA,
    Block,
    Episode,
    Listing,
    Person,
    Place,
    Podcast,
    Publication,
    Series,
)
from pipeline.stages.email import wrapped
from pipeline.templates import EXTENSIONS, Templates, search_path, themes_folder

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = sorted(file.stem for file in (GOLDEN / "samples").glob("*.md"))
GIVE_WAY = {"only", "except", "soundbite"}
"""Blocks without a template: what they hold stands in their place, or nothing does."""

PUBLICATION = Publication(
    title="Small Letter",
    url="https://small.example/",
    description="A letter as small as can be.",
    people=(Person("ada", "Ada Example"),),
    series=Series("Small Letter"),
    podcast=Podcast("Ada Example", "ada@small.example", "content/artwork/cover.png"),
)
LISTING = Listing(
    6, "Sample", datetime(2026, 6, 3, 8, tzinfo=UTC), "One of each.", slug="06-sample"
)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The theme's templates, and in every medium one that writes nothing but the blocks."""
    bare = tmp_path_factory.mktemp("bare")
    for medium in MEDIA:
        file = bare / medium / f"alone{EXTENSIONS[medium]}"
        file.parent.mkdir()
        file.write_text("{{ episode.blocks | blocks }}", "utf-8")
    return Templates((bare, *search_path(bare, "ledger")))


def sample(kind: str) -> Block:
    read = markdown.document((GOLDEN / "samples" / f"{kind}.md").read_text("utf-8"))
    return read.footnotes[0] if kind == "footnote" else read.blocks[0]


def rendered(templates: Templates, medium: str, block: Block) -> str:
    values = {
        "publication": PUBLICATION,
        "listing": LISTING,
        "episode": Episode(LISTING, "content/06-sample/episode.md", (block,)),
        "place": Place(None, None, ()),
    }
    if medium == "web":
        page = {
            "corrections": [block],
            "date": datetime.fromisoformat,
            "sizes": {"drawing.png": (800, 450)},
            "lighter": {},
            "chapters": [],
            "audio": None,
        }
        return templates.render("web/alone.html", at="06-sample/index.html", **values, **page)
    written = templates.render(f"{medium}/alone{EXTENSIONS[medium]}", **values)
    return wrapped(written) if medium == "text" else written


def test_every_kind_of_block_has_a_sample() -> None:
    kinds = {sample(kind).kind for kind in SAMPLES}
    assert kinds == {*SAMPLES}
    assert kinds > {*markdown.FENCES}


@pytest.mark.parametrize("medium", ["email", "feed", "text", "speech"])
def test_every_block_template_is_a_block_that_has_a_sample(medium: str) -> None:
    folder = themes_folder() / "ledger" / medium / "blocks"
    assert {file.stem for file in folder.iterdir()} == {*SAMPLES} - GIVE_WAY


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("medium", MEDIA)
def test_a_block_is_written_as_its_golden_file_says(
    templates: Templates, medium: str, kind: str
) -> None:
    golden = GOLDEN / medium / f"{kind}{EXTENSIONS[medium]}"
    found = rendered(templates, medium, sample(kind)).strip("\n")
    found = found + "\n" if found else ""
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(found, "utf-8", newline="")
    assert found == golden.read_text("utf-8")


def test_no_golden_file_is_left_over() -> None:
    wanted = {
        GOLDEN / medium / f"{kind}{EXTENSIONS[medium]}" for medium in MEDIA for kind in SAMPLES
    }
    assert {file for medium in MEDIA for file in (GOLDEN / medium).iterdir()} == wanted
