"""The commands for subscribers, as a person types them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.subscribing import LEDGER
from pipeline.delivery import people
from pipeline.delivery.database import Database
from pipeline.delivery.ledger import claims
from pipeline.delivery.people import Entry
from tests.editions import frozen, plan
from tests.publications import small, write

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def simulcast(root: Path, *words: str) -> Result:
    return CliRunner().invoke(
        main, [*words, "--root", str(root), "--now", NOW.isoformat()], catch_exceptions=False
    )


def subscribers(root: Path, *words: str) -> Result:
    return simulcast(root, "subscribers", *words)


def test_a_wrong_address_is_shown_and_nobody_is_added(tmp_path: Path) -> None:
    small(tmp_path)
    result = subscribers(tmp_path, "add", "x@example.org", "bad", "ok@example.org")
    assert result.exit_code == 1
    assert '"bad": ' in result.stderr and "Nobody was added" in result.stderr
    assert "x@example.org" not in result.stderr
    assert len(subscribers(tmp_path, "export").stdout.splitlines()) == 1


def test_a_name_is_kept_as_one_line_that_a_terminal_can_show(tmp_path: Path) -> None:
    small(tmp_path)
    for code in ("[2J", "[31m"):  # of a new reader, and of one who is known
        name = f"\x1b{code}red\nAda"
        assert subscribers(tmp_path, "add", "ada@example.org", "--called", name).exit_code == 0
        export = subscribers(tmp_path, "export").stdout
        assert f"{code}red Ada" in export and "\x1b" not in export


def test_an_import_says_how_many_were_added_and_which_refused(tmp_path: Path) -> None:
    small(tmp_path)
    rows = "email\na@example.org\nb@example.org\nbad\nc@example.org\n"
    result = subscribers(tmp_path, "import", str(write(tmp_path, "in.csv", rows)))
    assert result.exit_code == 1
    assert result.stdout == "readers: 3 added, 1 refused: line 4.\n"
    assert "in.csv:4: " in result.stderr and "bad" not in result.stderr


@pytest.mark.parametrize(
    "rows", ["", "email\n", "name,email\n", "\n \n\n", "email\n\n,,\n"], ids=repr
)
def test_an_import_of_nobody_is_told_and_changes_nothing(tmp_path: Path, rows: str) -> None:
    small(tmp_path)
    subscribers(tmp_path, "add", "a@example.org")
    before = subscribers(tmp_path, "export").stdout
    file, report = write(tmp_path, "in.csv", rows), tmp_path / "refused.csv"
    for more in ([], ["--json"], ["--report", str(report)]):
        result = subscribers(tmp_path, "import", str(file), *more)
        assert result.exit_code == 1
        assert f"{file}: holds nobody; write an address a line" in result.output
        assert "added" not in result.output
    assert subscribers(tmp_path, "export").stdout == before and not report.exists()


def test_an_import_writes_every_refused_row_into_a_report(tmp_path: Path) -> None:
    small(tmp_path)
    rows = "email\n" + "bad\n" * 300
    report = tmp_path / "refused.csv"
    file = str(write(tmp_path, "in.csv", rows))
    result = subscribers(tmp_path, "import", file, "--report", str(report))
    assert len(result.stderr.splitlines()) == 101 and "200 more" in result.stderr
    assert len(report.read_text().splitlines()) == 301
    assert report.read_text().startswith("line,reason\n2,")


def test_who_is_forgotten_is_gone_and_stays_so(tmp_path: Path) -> None:
    small(tmp_path)
    subscribers(tmp_path, "add", "a@example.org", "--called", "Ada", "--attribute", "city=Oslo")
    assert "Ada" in subscribers(tmp_path, "export").stdout
    assert "Forgotten" in subscribers(tmp_path, "forget", "A@example.org").stdout
    assert "Ada" not in subscribers(tmp_path, "export").stdout
    again = subscribers(tmp_path, "import", str(write(tmp_path, "in.csv", "a@example.org\n")))
    assert again.stdout == "readers: 0 added, 1 asked to be forgotten and stay off.\n"


def test_an_attribute_without_a_value_is_told(tmp_path: Path) -> None:
    result = subscribers(small(tmp_path), "add", "a@example.org", "--attribute", "city")
    assert result.exit_code == 2 and "NAME=VALUE" in result.stderr


def test_the_columns_of_status_add_up_after_a_kill(tmp_path: Path) -> None:
    with Database.open(small(tmp_path) / LEDGER) as book:
        people.add(book, "readers", [Entry(f"{one}@example.org") for one in "abcde"], NOW)
        number = plan(book, frozen(), (), NOW)
        assert number
        claims.advance(
            book, claims.enter(book, number, "one", NOW.timestamp()), (), NOW.timestamp(), batch=2
        )
    result = simulcast(tmp_path, "status")
    headings, row, *_ = (line.split() for line in result.stdout.splitlines())
    counts = dict(zip(headings[2:], map(int, row[2 : len(headings)]), strict=True))
    assert counts["sending"] == 2 and counts.pop("audience") == 5 == sum(counts.values())


def test_an_export_can_be_imported_without_subscribing_who_left(tmp_path: Path) -> None:
    small(tmp_path)
    subscribers(tmp_path, "add", "a@example.org", "b@example.org")
    subscribers(tmp_path, "remove", "b@example.org")
    text = subscribers(tmp_path, "export").stdout
    (tmp_path / ".simulcast" / "ledger.db").rename(tmp_path / "old.db")
    result = subscribers(tmp_path, "import", str(write(tmp_path, "in.csv", text)))
    assert result.stdout == "readers: 1 added, 1 left it and stay off.\n"
    assert subscribers(tmp_path, "export").stdout == text
