"""Mail leaves by commands, as a person types them."""

from __future__ import annotations

import json
import mailbox
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.publications import BODY, SETTINGS, front_matter, small, write
from tests.servers import Behaviour, awkward

NOW = "2026-06-01T00:00:00Z"
TWO = {"e01_first": front_matter() + BODY, "e02_second": front_matter(2, "Second") + BODY}
QUIET = SETTINGS.replace('narrator = "nanotts"', 'narrator = "none"')


def simulcast(root: Path, *words: str, now: str = NOW, typed: str = "") -> Result:
    return CliRunner().invoke(
        main, [*words, "--root", str(root), "--now", now], catch_exceptions=False, input=typed
    )


def subjects(root: Path) -> list[str]:
    if not (root / "build/outbox/new").is_dir():
        return []
    return sorted(str(one["Subject"]) for one in mailbox.Maildir(root / "build/outbox"))


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    small(tmp_path, QUIET, **TWO)
    simulcast(tmp_path, "subscribers", "add", "ada@example.org", "--called", "Ada")
    return tmp_path


def test_an_episode_is_sent_once(letter: Path) -> None:
    result = simulcast(letter, "send", "01")
    assert result.stdout == "01-first to readers: 2 messages accepted.\n"
    simulcast(letter, "subscribers", "add", "eve@example.org")
    again = simulcast(letter, "send", "01").stdout
    assert "Nothing to send" in again and "Who subscribed after" in again
    assert "Who subscribed after" in simulcast(letter, "send", "01", "--dry-run").stdout
    assert subjects(letter) == ["First", "First"]


@pytest.mark.parametrize("left", [True, False])
def test_publish_points_to_the_outbox_only_when_mail_lies_there(
    letter: Path, monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    with awkward(Behaviour()) as where:
        if left:
            monkeypatch.setenv("SIMULCAST_SMTP_URL", f"smtp://{where}?tls=none")
        said = simulcast(letter, "publish", "--yes").stdout
    assert ("build/outbox/" in said) is not left and "2 messages accepted" in said


def test_ctrl_c_settles_what_is_in_hand_and_mails_nobody_else(
    letter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = "email\n" + "".join(f"reader{number}@example.org\n" for number in range(300))
    simulcast(letter, "subscribers", "import", str(write(letter, "in.csv", readers)))
    behaviour = Behaviour()
    with awkward(behaviour) as where:
        monkeypatch.setenv("SIMULCAST_SMTP_URL", f"smtp://{where}?tls=none")
        words = ["publish", "--yes", "--root", str(letter), "--now", NOW]
        command = [sys.executable, "-c", "from pipeline.cli import main; main()", *words]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
            behaviour.data = interrupting(running, at=40)
            assert running.wait(300) == 1  # the disk may be slow to say that it has written
            assert running.stderr is not None and "stopped: what was" in running.stderr.read()
        first = len(behaviour.kept)
        assert 40 < first < 302
        (one,) = json.loads(simulcast(letter, "status", "--json").stdout)["editions"]
        assert (one["accepted"], one["sending"], one["unknown"]) == (first, 0, 0)
        assert simulcast(letter, "publish", "--yes").exit_code == 0
    assert Counter(to for _, to, _ in behaviour.kept).most_common(1)[0][1] == 1
    (one,) = json.loads(simulcast(letter, "status", "--json").stdout)["editions"]
    assert one["hold"] and one["accepted"] == len(behaviour.kept) == 302


def interrupting(process: subprocess.Popen[str], at: int) -> Callable[[int], str]:
    """Answers of a server that presses Ctrl-C when it has so many messages, and waits until that was heard."""

    def data(place: int) -> str:
        if place == at:
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            while "Stopping" not in process.stderr.readline():
                pass
        return "250 2.0.0 OK"

    return data


def test_a_test_goes_to_one_address_and_into_no_ledger(letter: Path) -> None:
    result = simulcast(letter, "send", "01", "--test", "me@small.example")
    assert result.stdout == "One message, accepted. Nobody else was mailed.\n"
    (one,) = mailbox.Maildir(letter / "build/outbox")
    assert (one["To"], one["Subject"]) == ("me@small.example", "[Test] First")
    assert simulcast(letter, "status").stdout == "Nothing was mailed yet.\n"


def test_a_dry_run_shows_messages_and_their_number_and_sends_none(letter: Path) -> None:
    result = simulcast(letter, "send", "01", "--dry-run")
    assert (
        "To: Ada <ada@example.org>" in result.stdout and "To: reader@small.example" in result.stdout
    )
    assert result.stdout.endswith("Would mail First to readers: 2 messages.\n")
    assert subjects(letter) == []
    assert simulcast(letter, "status").stdout == "Nothing was mailed yet.\n"


def test_an_episode_can_be_sent_later(letter: Path) -> None:
    later = simulcast(letter, "send", "01", "--at", "2026-06-02T08:00")
    assert "goes to readers at 2026-06-02 08:00 UTC" in later.stdout
    assert simulcast(letter, "worker", "--once").exit_code == 0
    assert subjects(letter) == []
    assert (
        "scheduled"
        in json.loads(simulcast(letter, "status", "--json").stdout)["editions"][0]["state"]
    )
    simulcast(letter, "subscribers", "add", "late@example.org")
    result = simulcast(letter, "worker", "--once", now="2026-06-02T08:00:00Z")
    assert (result.exit_code, result.stderr) == (0, "edition-1-0: done\n")
    assert subjects(letter) == ["First"] * 3


def test_what_is_paused_waits_and_what_is_cancelled_never_goes(letter: Path) -> None:
    simulcast(letter, "send", "01", "--at", "2026-06-02T08:00")
    simulcast(letter, "send", "02", "--at", "2026-06-02T08:00")
    assert "paused" in simulcast(letter, "pause", "01").stdout
    assert "cancelled" in simulcast(letter, "cancel", "02").stdout
    day = "2026-06-03T08:00:00Z"
    simulcast(letter, "worker", "--once", now=day)
    assert subjects(letter) == []
    assert "goes on" in simulcast(letter, "resume", "01").stdout
    assert "Nothing of it was paused" in simulcast(letter, "resume", "01").stdout
    simulcast(letter, "worker", "--once", now=day)
    assert subjects(letter) == ["First"] * 2
    assert "no edition" in simulcast(letter, "pause", "9").stderr


def test_an_episode_is_published_at_a_time_and_not_before(letter: Path) -> None:
    third = letter / "content/03-third/episode.md"
    third.parent.mkdir()
    third.write_text(front_matter(3, "Third", published="2026-06-02T08:00:00Z") + BODY)
    refused = simulcast(letter, "publish", "--at", "2026-06-02T08:00")
    assert refused.exit_code == 2 and "name the EPISODE" in refused.stderr
    told = simulcast(letter, "publish", "03", "--at", "2026-06-02T08:00")
    assert told.exit_code == 0 and "03-third is published at 2026-06-02 08:00 UTC" in told.stdout
    waits = simulcast(letter, "status").stdout
    assert waits == "03-third is to be published at 2026-06-02 08:00 UTC.\n"
    simulcast(letter, "worker", "--once")
    assert subjects(letter) == []
    done = simulcast(letter, "worker", "--once", now="2026-06-02T08:00:01Z")
    assert done.exit_code == 0 and "publish-1: done" in done.stderr
    assert subjects(letter) == ["Third"] * 2
    assert "03-third" in (letter / "content/published.json").read_text()
    simulcast(letter, "publish", "02", "--at", "2026-06-04T08:00")
    (wish,) = json.loads(simulcast(letter, "status", "02", "--json").stdout)["to_publish"]
    assert wish == {"episode": "02-second", "at": "2026-06-04T08:00:00+00:00"}
    assert "is not published" in simulcast(letter, "cancel", "02").stdout
    assert "to be published" not in simulcast(letter, "status").stdout
    simulcast(letter, "worker", "--once", now="2026-06-05T08:00:00Z")
    assert subjects(letter) == ["Third"] * 2


def test_a_number_must_be_typed_before_mail_leaves_this_machine(
    letter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.delivery.maildir.Maildir.leaves", True)
    for typed in ("", "3\n", "yes\n"):
        refused = simulcast(letter, "send", "01", typed=typed)
        assert refused.exit_code == 1 and "type the number of messages, 2" in refused.stderr
        assert "Nothing was mailed" in refused.stderr
    assert subjects(letter) == [] and "Nothing was mailed yet" in simulcast(letter, "status").stdout
    assert simulcast(letter, "send", "01", typed="2\n").exit_code == 0
    assert simulcast(letter, "send", "02", "--yes").exit_code == 0
    assert subjects(letter) == ["First"] * 2 + ["Second"] * 2


def test_publish_asks_before_anything_is_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.delivery.maildir.Maildir.leaves", True)
    root = small(tmp_path / "letter", QUIET + '\n[deploy]\nto = "../www"\n')
    assert simulcast(root, "publish").exit_code == 1
    assert not (tmp_path / "www").exists()
    settings = root / "content/publication.toml"
    settings.write_text("confirm = false\n" + settings.read_text())
    assert simulcast(root, "publish").exit_code == 0
    assert (tmp_path / "www").exists() and subjects(root) == ["First"]


def test_a_second_process_leaves_the_work_to_the_first(letter: Path) -> None:
    from pipeline.cli.mailing import alone

    with alone(letter) as mine:
        assert mine
        result = simulcast(letter, "worker", "--once")
        assert result.exit_code == 1 and "at work here already" in result.stderr
