"""Who asks to be forgotten is gone from every file, while the service runs and after."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publications import BODY, front_matter, write
from tests.readers import NOW, Letter, built, command, link, serving

RITA = "zenobia.quux@readers.example"
NAME = "Zenobia Quux"


@pytest.fixture
def letter(tmp_path: Path) -> Iterator[Letter]:
    with serving(built(tmp_path)) as found:
        yield found


def simulcast(root: Path, *words: str) -> str:
    """What the program says, run as its own process beside the service; an error of it is the test's."""
    call = [Path(sys.executable).with_name("simulcast"), "subscribers", *words, "--root", str(root)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(NOW.timestamp()) + 60)}
    ran = subprocess.run(call, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def traces(root: Path) -> list[str]:
    """The files below a folder that hold the address or the name, in any case.

    Another process reads them: one that opens and closes SQLite's file loses its locks on it.
    """
    words = [part for word in (RITA, NAME, "zenobia") for part in ("-e", word)]
    ran = subprocess.run(["grep", "-rliF", *words, "."], cwd=root, capture_output=True, text=True)
    assert ran.returncode < 2, ran.stderr
    return [line.removeprefix("./") for line in ran.stdout.splitlines()]


def test_a_reader_sees_all_that_is_kept_and_leaves_no_trace(letter: Letter) -> None:
    letter.subscribe(RITA, name=NAME)
    [asked] = letter.mails(RITA)
    letter.post(link(asked, "confirm"))
    write(letter.root, "content/02-second/episode.md", front_matter(2, "Second") + BODY)
    command(letter.root, "publish", now=letter.time["now"])
    feeds = simulcast(letter.root, "feed", RITA)
    private = "/private/" + feeds.partition("/private/")[2].split()[0]
    assert letter.get(private).status == 200

    known = json.loads(simulcast(letter.root, "known", RITA))
    assert (known["address"], known["name"]) == (RITA, NAME)
    [subscription] = known["subscriptions"]
    assert subscription["state"] == "confirmed" and subscription["source"]
    assert "02-second" in {one["episode"] for one in known["deliveries"]}
    assert len(known["private_feeds"]) == 1
    assert any(path.startswith("build/outbox") for path in traces(letter.root))
    assert any(path.startswith(".simulcast") for path in traces(letter.root))

    [mailed] = [
        one for one in letter.mails() if RITA in str(one["To"]) and one["Subject"] == "Second"
    ]
    preferences = link(mailed, "preferences")
    assert simulcast(letter.root, "forget", RITA.upper()).startswith("Forgotten")
    assert traces(letter.root) == []
    assert letter.get(private).status == 404
    assert letter.get(preferences).status == 403
    assert json.loads(simulcast(letter.root, "known", RITA)) == {}
    assert RITA not in simulcast(letter.root, "export")
    assert not [event for event in logged(letter) if "zenobia" in str(event).lower()]


def logged(letter: Letter) -> Iterator[object]:
    while True:
        try:
            yield letter.served.events.get_nowait()
        except queue.Empty:
            return


def test_a_hash_alone_keeps_who_was_forgotten_from_coming_back(tmp_path: Path) -> None:
    root = built(tmp_path / "letter")
    rows = write(tmp_path, "in.csv", f"email,name\n{RITA},{NAME}\nbob@readers.example,Bob\n")
    simulcast(root, "import", str(rows))
    simulcast(root, "forget", RITA)
    told = simulcast(root, "import", str(rows))
    assert "1 asked to be forgotten and stay off" in told
    assert "stay off" in simulcast(root, "add", RITA)
    assert traces(root) == []
    assert simulcast(root, "list").split()[0] == "bob@readers.example"


def test_who_was_never_known_is_kept_away_too_and_leaves_no_trace(tmp_path: Path) -> None:
    root = built(tmp_path / "letter")
    assert json.loads(simulcast(root, "known", RITA)) == {}
    assert "no import" in simulcast(root, "forget", RITA)
    rows = write(tmp_path, "in.csv", f"{RITA}\n")
    assert "1 asked to be forgotten" in simulcast(root, "import", str(rows))
    assert traces(root) == []
