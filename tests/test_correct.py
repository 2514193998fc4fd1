"""Promises of diff, correct and verify: what changed is seen, travels to whom it concerns, and can be proved."""

from __future__ import annotations

import json
import mailbox
import subprocess
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.source import corrected
from tests.publications import SETTINGS, front_matter, small, write

BODY = "One sentence is enough. Two are plenty.\n\n## A heading\n\nAnd a last word.\n"
SILENT = SETTINGS.replace('"nanotts"', '"none"') + '\n[deploy]\nto = "deployed"\n'
EPISODE = "content/01-first/episode.md"


def simulcast(root: Path, *words: str, code: int = 0, now: str = "2026-06-01T00:00:00Z") -> str:
    ran = CliRunner().invoke(
        main, [*words, "--root", str(root), "--now", now], catch_exceptions=False
    )
    assert ran.exit_code == code, ran.output
    return ran.output


def told(root: Path, *words: str, code: int = 0) -> dict[str, Any]:
    ran = CliRunner().invoke(
        main,
        [*words, "--root", str(root), "--now", "2026-06-01T00:00:00Z", "--json"],
        catch_exceptions=False,
    )
    assert ran.exit_code == code, ran.output
    found = json.loads(ran.stdout)
    assert isinstance(found, dict)
    return found


def git(root: Path, *words: str) -> None:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@small.example"]
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


def committed(root: Path) -> None:
    git(root, "add", "-A", "content")
    git(root, "commit", "-m", "An edit")


def edit(root: Path, old: str, new: str) -> None:
    text = (root / EPISODE).read_text("utf-8")
    assert old in text
    (root / EPISODE).write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A publication in git, published once, to two readers."""
    small(tmp_path, SILENT, e01_first=front_matter() + BODY)
    write(tmp_path, ".gitignore", "build/\n.simulcast/\ndeployed/\n")
    git(tmp_path, "init")
    committed(tmp_path)
    simulcast(tmp_path, "subscribers", "add", "eve@small.example")
    simulcast(tmp_path, "publish")
    return tmp_path


def mails(root: Path) -> list[tuple[str, str]]:
    """To whom, and under what subject, in order."""
    box = mailbox.Maildir(str(root / "build/outbox"))
    return sorted(
        (str(one["To"]), str(make_header(decode_header(str(one["Subject"]))))) for one in box
    )


# --- diff -----------------------------------------------------------------------------------------


def test_each_audience_sees_what_changed(root: Path) -> None:
    edit(root, "Two are plenty.", "Three are plenty.")
    found = told(root, "diff")
    by_audience = {one["audience"]: one for one in found["changes"]}
    assert set(by_audience) == {"web reader", "email subscriber", "feed reader", "listener"}
    for audience, one in by_audience.items():
        assert any(line.startswith("-") and "Two" in line for line in one["diff"]), audience
        assert any(line.startswith("+") and "Three" in line for line in one["diff"]), audience
    assert by_audience["email subscriber"]["facts"][0].startswith("email: +")


def test_nothing_changed_is_said(root: Path) -> None:
    assert "Nothing changed for anybody." in simulcast(root, "diff")
    assert told(root, "diff")["changes"] == []


def test_before_the_first_publishing_there_is_nothing_to_compare(tmp_path: Path) -> None:
    small(tmp_path, SILENT, e01_first=front_matter() + BODY)
    assert "Nothing was published from here yet." in simulcast(tmp_path, "diff")


def test_a_new_episode_is_a_new_entry(root: Path) -> None:
    write(root, "content/02-second/episode.md", front_matter(2, "Second") + BODY)
    facts = [fact for one in told(root, "diff")["changes"] for fact in one["facts"]]
    assert "new entry: Second" in facts


def test_what_each_reader_gets_is_shown_by_name(root: Path) -> None:
    write(root, "content/02-second/episode.md", front_matter(2, "Second") + BODY)
    said = simulcast(root, "diff", "02")
    assert "+Unsubscribe: [unsubscribe url]" in said and "slot.invalid" not in said


def test_the_page_shows_both_sides(root: Path) -> None:
    edit(root, "Two are plenty.", "Three are <plenty>.")
    page = root / "diff.html"
    simulcast(root, "diff", "--html", str(page))
    text = page.read_text("utf-8")
    assert 'class="diff_add"' in text or 'class="diff_chg"' in text
    assert "<plenty>" not in text and "&lt;" in text


def test_a_guid_that_would_change_is_refused(root: Path) -> None:
    known = root / "content/published.json"
    known.write_text(known.read_text("utf-8").replace("urn:uuid:", "urn:uuid:1"), "utf-8")
    found = told(root, "publish", code=1)
    assert found["published"] is False and len(found["guids"]) == 2
    assert "every reader would show the entry again" in simulcast(root, "diff", code=1)


def test_publish_says_what_changes(root: Path) -> None:
    edit(root, "Two are plenty.", "Three are plenty.")
    assert "Since it was published last:\n  01-first:" in simulcast(root, "publish")


# --- correct --------------------------------------------------------------------------------------


def test_a_correction_goes_once_to_those_who_got_the_wrong_text(root: Path) -> None:
    before = mails(root)
    assert len(before) == 2
    simulcast(root, "subscribers", "add", "late@small.example")
    edit(root, "Two are plenty.", "Three are plenty.")
    said = simulcast(root, "correct", "01", "--note", "An earlier version said two.")
    assert "01-first to readers, correction 1: 2 messages accepted." in said
    assert sorted(set(mails(root)) - set(before)) == [
        ("eve@small.example", "Correction: First"),
        ("reader@small.example", "Correction: First"),
    ]
    text = (root / EPISODE).read_text("utf-8")
    assert text.endswith('::: {.correction date="2026-06-01"}\nAn earlier version said two.\n:::\n')
    assert "\nupdated: 2026-06-01T00:00:00Z\n" in text
    page = (root / "deployed/01-first/index.html").read_text("utf-8")
    assert "An earlier version said two." in page and "Three are plenty." in page
    again = simulcast(root, "correct", "01")
    assert "nobody was mailed another text than it has now" in again
    assert len(mails(root)) == 4
    assert all(one["hold"] for one in told(root, "status")["editions"])


def test_a_correction_keeps_guids_and_tells_feeds(root: Path) -> None:
    def guids() -> list[str]:
        return [
            line.strip()
            for line in (root / "deployed/rss.xml").read_text().split("\n")
            if "<guid" in line
        ]

    before = guids()
    edit(root, "Two are plenty.", "Three are plenty.")
    simulcast(root, "correct", "01", "--note", "An earlier version said two.")
    assert guids() == before and before
    assert "2026-06-01T00:00:00" in (root / "deployed/atom.xml").read_text("utf-8")


def test_who_left_gets_no_correction(root: Path) -> None:
    simulcast(root, "subscribers", "remove", "eve@small.example")
    edit(root, "Two are plenty.", "Three are plenty.")
    simulcast(root, "correct", "01", "--note", "An earlier version said two.")
    assert ("eve@small.example", "Correction: First") not in mails(root)


def test_a_correction_that_does_not_say_what_was_wrong_is_refused(root: Path) -> None:
    edit(root, "Two are plenty.", "Three are plenty.")
    assert "does not say what was wrong" in simulcast(root, "correct", "01", code=1)
    assert len(mails(root)) == 2


def test_a_dry_run_tells_how_many(root: Path) -> None:
    edit(root, "Two are plenty.", "Three.\n\n::: {.correction date=2026-05-01}\nIt said two.\n:::")
    edit(root, "summary:", "updated: 2026-05-01T08:00:00Z\nsummary:")
    said = simulcast(root, "correct", "01", "--dry-run")
    assert "a correction goes to 2 readers of readers" in said and len(mails(root)) == 2


def test_a_correction_brings_out_no_other_episode(root: Path) -> None:
    page = root / "deployed/02-second/index.html"
    second = "content/02-second/episode.md"
    write(root, second, front_matter(2, "Second", published="2026-05-01T08:00:00Z") + BODY)
    said = simulcast(root, "correct", "01", "--note", "It said two.", code=1)
    assert f"{second} was never published" in said and "publish it first" in said
    assert "It said two." not in (root / EPISODE).read_text("utf-8") and not page.exists()
    write(root, second, front_matter(2, "Second", published="2026-06-02T08:00:00Z") + BODY)
    simulcast(root, "correct", "01", "--note", "It said two.")
    assert not page.exists() and len(mails(root)) == 4


def test_a_correction_tells_its_own_changes_and_names_what_goes_out_with_it(root: Path) -> None:
    second = "content/02-second/episode.md"
    write(root, second, front_matter(2, "Second") + BODY)
    simulcast(root, "publish")
    write(root, second, front_matter(2, "Second") + BODY + "More.\n")
    said = simulcast(root, "correct", "01", "--note", "It said two.", "--dry-run")
    assert "Since it was published last:\n  01-first:" in said
    assert "unmailed: 02-second\n" in said and "  02-second" not in said


def test_the_note_replaces_an_older_date() -> None:
    from datetime import UTC, datetime

    text = "---\nnumber: 1\npublished: 2026-01-01T08:00:00Z\nupdated: 2026-01-02T08:00:00Z\n---\n\nWords.\n"
    made = corrected(text, "It was wrong.", datetime(2026, 1, 3, 9, tzinfo=UTC))
    assert made.count("updated:") == 1 and "updated: 2026-01-03T09:00:00Z" in made


# --- verify ---------------------------------------------------------------------------------------


def test_what_went_out_is_made_again_byte_for_byte(root: Path) -> None:
    said = simulcast(root, "verify", "01")
    assert "each the same byte for byte" in said
    assert any("edition 1 to readers" in name for name in told(root, "verify", "01")["same"])


def test_an_edit_since_does_not_disturb_the_proof(root: Path) -> None:
    edit(root, "Two are plenty.", "Three are plenty.")
    committed(root)
    assert "each the same byte for byte" in simulcast(root, "verify", "01")
    differ = told(root, "verify", "01", "--at", "HEAD", code=1)["differ"]
    assert any("Three are plenty" in how for how in differ.values())


def test_a_tag_of_its_name_is_what_it_is_made_from(root: Path) -> None:
    git(root, "tag", "01-first")
    edit(root, "Two are plenty.", "Three are plenty.")
    committed(root)
    assert "each the same byte for byte" in simulcast(root, "verify", "01")


def test_a_deployed_file_that_somebody_changed_is_named_with_its_line(root: Path) -> None:
    page = root / "deployed/01-first/index.html"
    page.write_text(page.read_text("utf-8").replace("Two are plenty", "Two are plenti"), "utf-8")
    said = simulcast(root, "verify", "01", code=1)
    assert "deployed/01-first/index.html: differs from line" in said and "Two are plenti" in said


def test_without_a_commit_there_is_no_proof(tmp_path: Path) -> None:
    small(tmp_path, SILENT, e01_first=front_matter() + BODY)
    simulcast(tmp_path, "publish")
    assert "was not published from a commit" in simulcast(tmp_path, "verify", "01", code=1)
