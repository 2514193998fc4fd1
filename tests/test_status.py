"""Promises of status: everyone in the audience is accounted for, by edition, list and domain."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.cli.report import step_of
from pipeline.cli.reporting import spark
from pipeline.cli.sums import DOMAINS, STATES
from tests.publications import SETTINGS, front_matter, small

NOW = "2026-06-01T00:00:00Z"
BODY = "One sentence is enough. Two are plenty.\n"
SILENT = SETTINGS.replace('"nanotts"', '"none"')


def simulcast(root: Path, *words: str) -> str:
    ran = CliRunner().invoke(
        main, [*words, "--root", str(root), "--now", NOW], catch_exceptions=False
    )
    assert ran.exit_code == 0, ran.output
    return ran.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edition that was mailed to readers of many domains, of whom one left."""
    root = small(tmp_path_factory.mktemp("letter"), SILENT, e01_first=front_matter() + BODY)
    simulcast(
        root, "subscribers", "add", *(f"a@d{number}.example" for number in range(DOMAINS + 3))
    )
    simulcast(root, "subscribers", "add", *(f"r{number}@large.example" for number in range(5)))
    simulcast(root, "publish")
    return root


def test_the_sums_of_the_domains_are_those_of_the_edition(root: Path) -> None:
    (edition,) = json.loads(simulcast(root, "status", "--json"))["editions"]
    domains = edition["domains"]
    assert edition["hold"] and edition["audience"] == DOMAINS + 3 + 5 + 1
    for state in STATES:
        assert sum(counts[state] for counts in domains.values()) == edition[state]
    assert domains["large.example"]["accepted"] == 5
    assert sum(counts["accepted"] for counts in edition["minutes"].values()) == edition["accepted"]


def test_an_episode_is_shown_closer_with_its_largest_domains_first(root: Path) -> None:
    said = simulcast(root, "status", "01")
    lines = said.splitlines()
    assert "adds up" in said
    first = next(number for number, line in enumerate(lines) if "large.example" in line)
    assert "█" * 40 in lines[first] and "5" in lines[first]
    assert any("5 others" in line for line in lines) and "by minute" in said


def test_the_report_is_a_page_that_needs_nothing_else(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    simulcast(root, "status", "--html", str(page))
    text = page.read_text("utf-8")
    assert "21 = 21 accepted: adds up." in text and "large.example" in text and "<svg" in text
    assert "@" not in text.replace("@media", "") and "http" not in text


def test_a_plot_is_as_high_as_its_numbers() -> None:
    assert spark([0, 1, 7]) == "▁▂█"
    assert spark([]) == ""


def test_a_long_time_is_shown_in_bars_of_several_minutes() -> None:
    first = datetime(2026, 6, 1, tzinfo=UTC)
    for hours, minutes in ((0, 1), (1, 1), (3, 5), (9, 5), (20, 15), (60, 60), (9_000, 1_440)):
        assert step_of(first, first + timedelta(hours=hours)) == minutes
