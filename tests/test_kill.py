"""Publishing that is killed at any moment leaves the old site or the new, and is finished by running it again."""

from __future__ import annotations

import json
import mailbox
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.deploy import MANIFEST, exchangeable
from tests.killed import NOW
from tests.publications import SETTINGS, front_matter, small, write

MOMENTS = 50 if os.environ.get("SIMULCAST_CI") else 6
BODY = "One sentence is enough. Two are plenty.\n\n## A heading\n\nAnd a last word.\n"
SILENT = SETTINGS.replace('"nanotts"', '"none"') + '\n[deploy]\nto = "deployed"\n'
READERS = {f"reader{number}@small.example" for number in range(4)} | {"reader@small.example"}


class Publisher:
    """A process that runs publish, and kills it in time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.killed"],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def publish(self, root: Path, seconds: float = 0) -> str:
        """How long it took and its exit code, or "killed"; killed after `seconds`, if they are not 0."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{root}\t{seconds}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def publisher() -> Iterator[Publisher]:
    found = Publisher()
    yield found
    found.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, publisher: Publisher) -> Path:
    """A publication that was published once, and has an edit and a second episode waiting."""
    root = small(tmp_path_factory.mktemp("base"), SILENT, e01_first=front_matter() + BODY)
    words = ["subscribers", "add", *sorted(READERS - {"reader@small.example"})]
    ran = CliRunner().invoke(main, [*words, "--root", str(root), "--now", NOW])
    assert ran.exit_code == 0, ran.output
    assert publisher.publish(root).endswith(" 0"), (root / "publish.log").read_text()
    write(root, "content/01-first/episode.md", front_matter() + BODY.replace("Two", "Three"))
    write(root, "content/02-second/episode.md", front_matter(2, "Second") + BODY)
    return root


def site(root: Path) -> dict[str, bytes]:
    """What readers find."""
    folder = root / "deployed"
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }


def mailed(root: Path) -> Counter[tuple[str, str]]:
    """How often each reader has each message."""
    box = mailbox.Maildir(str(root / "build/outbox"))
    return Counter((str(one["To"]), str(one["Subject"])) for one in box)


def copied(base: Path, to: Path) -> Path:
    shutil.copytree(base, to, symlinks=True)
    return to


DIES_HANDING_OVER = """
import os, signal, sys
from pipeline.delivery.maildir import Shelf
Shelf.deliver = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from pipeline.cli import main
main(["publish", "--root", sys.argv[1], "--now", sys.argv[2]])
"""


def test_killed_with_every_message_in_hand_the_next_publish_delivers_them(
    base: Path, tmp_path: Path, publisher: Publisher
) -> None:
    root = copied(base, tmp_path / "claimed")
    died = subprocess.run(
        [sys.executable, "-c", DIES_HANDING_OVER, root, NOW], capture_output=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert {what for _, what in mailed(root)} == {"First"}
    assert publisher.publish(root).endswith(" 0"), (root / "publish.log").read_text()
    assert mailed(root) == Counter(
        {(who, what): 1 for who in READERS for what in ("First", "Second")}
    )


def test_killed_at_any_moment_it_is_finished_by_running_it_again(
    base: Path, tmp_path: Path, publisher: Publisher
) -> None:
    if not exchangeable(base / "deployed"):
        pytest.skip("the disk of this machine cannot let two folders change places")
    old = site(base)
    whole = copied(base, tmp_path / "whole")
    how = publisher.publish(whole)
    assert how.endswith(" 0"), (whole / "publish.log").read_text()
    new = site(whole)
    assert new != old
    random.seed(5)
    killed, seen = 0, set()
    for number in range(MOMENTS):
        root = copied(base, tmp_path / f"moment{number}")
        if how != "killed":  # a machine under less load is done sooner
            took = float(how.split()[0])
        how = publisher.publish(root, random.uniform(0.01, took))
        killed += how == "killed"
        found = site(root)
        assert found in (old, new), "the site is half old, half new"
        seen.add(found == new)
        again = publisher.publish(root)
        assert again.endswith(" 0"), (root / "publish.log").read_text()
        assert site(root) == new
        assert mailed(root) == Counter(
            {(who, what): 1 for who in READERS for what in ("First", "Second")}
        )
        sums = CliRunner().invoke(main, ["status", "--root", str(root), "--json"])
        editions = json.loads(sums.stdout)["editions"]
        assert sums.exit_code == 0 and len(editions) == 2
        assert all(one["hold"] and one["accepted"] == len(READERS) for one in editions)
        shutil.rmtree(root)
    assert killed > MOMENTS / 2
    assert MOMENTS < 50 or seen == {True, False}
