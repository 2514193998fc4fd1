"""Promises of check: an error stops; a warning and a note do not; a waiver with a reason lets pass what is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from pipeline.cli import main
from tests.publications import SETTINGS, front_matter, small

QUIET = SETTINGS.replace('"nanotts"', '"none"')
LONG = (
    "What came into the harbour in the first week of January, and what went out of it again by rail"
)


def told(root: Path, text: str, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of check, and what it finds in a publication of this one episode."""
    small(root, QUIET, e01_first=text)
    words = ["check", "--root", str(root), "--now", "2026-06-01", "--json", *more]
    ran = CliRunner().invoke(main, words)
    return ran.exit_code, json.loads(ran.stdout)["findings"]


def test_a_waiver_with_a_reason_lets_a_finding_pass(tmp_path: Path) -> None:
    body = "It cost TK dollars.\n"
    code, (one,) = told(tmp_path, front_matter() + body)
    assert (code, one["code"], one["waived"]) == (1, "E103", "")
    waive = '{E103: "TK is the name of a ship"}'
    code, (one,) = told(tmp_path, front_matter(waive=waive) + body)
    assert (code, one["code"], one["waived"]) == (0, "E103", "TK is the name of a ship")


def test_a_waiver_of_what_is_not_found_is_a_warning(tmp_path: Path) -> None:
    waive = '{E103: "TK is the name of a ship"}'
    code, (one,) = told(tmp_path, front_matter(waive=waive) + "It cost little.\n")
    assert (code, one["code"], one["severity"]) == (0, "E118", "warning")
    assert one["where"] == "content/01-first/episode.md"


FIGURES = "::: key-figures\n- **45%** of the goods came by rail\n:::\n\n"


def test_a_key_figure_that_the_body_contradicts_is_a_warning(tmp_path: Path) -> None:
    body = FIGURES + "Last year 54% of the goods came by rail.\n"
    code, (one,) = told(tmp_path, front_matter() + body)
    assert (code, one["code"], one["severity"], one["line"]) == (0, "E701", "warning", 9)
    assert "45%" in one["message"] and "54%" in one["message"]


def test_a_key_figure_that_the_body_repeats_is_no_finding(tmp_path: Path) -> None:
    body = FIGURES + "Last year 45% of the goods came by rail, and 54% of the people by bus.\n"
    assert told(tmp_path, front_matter() + body) == (0, [])


def test_a_note_stops_nothing_and_all_three_severities_are_told(tmp_path: Path) -> None:
    code, (one,) = told(tmp_path, front_matter(title=LONG) + "Words.\n", "--strict")
    assert (code, one["code"], one["severity"], one["line"]) == (0, "E309", "note", 3)
    body = "It cost TK dollars to to get there.\n"
    code, found = told(tmp_path, front_matter(title=LONG) + body)
    assert code == 1
    assert {(one["code"], one["severity"]) for one in found} == {
        ("E103", "error"), ("E105", "warning"), ("E309", "note"),
    }  # fmt: skip
