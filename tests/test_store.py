"""Artifacts are kept by content, and nobody else's file is ever taken."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import OutsideError
from pipeline.stage import Artifact
from pipeline.store import Store


def test_a_file_of_the_authors_stays_where_it_is(tmp_path: Path) -> None:
    picture = tmp_path / "content" / "picture.png"
    picture.parent.mkdir()
    picture.write_bytes(b"drawn by hand")
    store = Store(tmp_path)
    made = store.keep(Artifact("site/picture.png", picture))
    store.close()
    assert picture.read_bytes() == made.read() == b"drawn by hand"


def test_a_file_made_in_the_scratch_folder_is_not_copied(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.scratch() as scratch:
        (scratch / "long.wav").write_bytes(b"an hour of sound")
        made = store.keep(Artifact("narration/long.wav", scratch / "long.wav"))
        assert not (scratch / "long.wav").exists()
    store.close()
    assert made.read() == b"an hour of sound"


HOLDER = """
import sys
from pathlib import Path
from pipeline.store import Store
with Store(Path(sys.argv[1])).scratch() as scratch:
    (scratch / "an-hour.raw").write_bytes(b"in the making")
    print(scratch, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_what_a_killed_run_had_under_way_is_swept_and_a_living_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    def hold() -> tuple[subprocess.Popen[str], Path]:
        run = subprocess.Popen(
            [sys.executable, "-c", HOLDER, tmp_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert run.stdout
        return run, Path(run.stdout.readline().strip())

    (killed, left), (living, used) = hold(), hold()
    killed.kill()
    killed.communicate()
    Store(tmp_path).close()
    assert not left.exists()
    assert (used / "an-hour.raw").read_bytes() == b"in the making"
    living.communicate()
    assert not used.exists()


DIES_WRITING = """
import os, signal, sys
from pathlib import Path
from pipeline.stage import Artifact
from pipeline.store import Store

def die(event, _):
    if event == "os.rename":  # the bytes are written, and not in their place
        os.kill(os.getpid(), signal.SIGKILL)

store, page = Store(Path(sys.argv[1])), Artifact("site/page.html", "<p>")
mine = Artifact("site/picture.png", Path(sys.argv[1]) / "picture.png")
how = {
    "bytes": lambda: store.keep(page),
    "the author's file": lambda: store.keep(mine),
    "several": lambda: store.artifacts("key", lambda: [page, mine]),
    "a file for a key": lambda: store("key", lambda to: to.write_bytes(b"sound")),
}
sys.addaudithook(die)
how[sys.argv[2]]()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
@pytest.mark.parametrize("how", ["bytes", "the author's file", "several", "a file for a key"])
def test_what_a_killed_run_had_half_written_is_swept(tmp_path: Path, how: str) -> None:
    def left() -> list[Path]:
        found = (tmp_path / ".simulcast").rglob("*")
        return [file for file in found if file.is_file() and "records.db" not in file.name]

    (tmp_path / "picture.png").write_bytes(b"drawn by hand")
    run = subprocess.run([sys.executable, "-c", DIES_WRITING, tmp_path, how], check=False)
    assert run.returncode == -signal.SIGKILL and len(left()) == 1
    Store(tmp_path).close()
    assert left() == []


def test_a_file_that_cannot_be_put_in_its_place_leaves_nothing_half_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.keep(Artifact("site/page.html", "<p>"))
    (tmp_path / "build/site/page.html").mkdir(parents=True)  # somebody's folder is in the way
    with pytest.raises(OutsideError, match=r"page\.html cannot be written"):
        store.lay([made])
    store.close()
    assert [file.name for file in (tmp_path / "build").rglob("*")] == ["site", "page.html"]
    assert not list((tmp_path / ".simulcast/store/scratch").iterdir())
