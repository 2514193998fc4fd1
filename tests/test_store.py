"""Artifacts are kept by content, and nobody else's file is ever taken."""

import os
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


def laid(root: Path, build: str = "build") -> tuple[Store, Path]:
    """A store with one artifact that was laid, and its file below build/."""
    store = Store(root, build=build)
    store.lay([store.keep(Artifact("site/index.html", "as it was made"))])
    return store, root / build / "site/index.html"


def test_what_the_store_kept_and_was_damaged_is_never_laid(tmp_path: Path) -> None:
    store, file = laid(tmp_path)
    made = store.keep(Artifact("site/index.html", "as it was made"))
    Path(made.file).write_text("as it was MADE")
    file.unlink()
    with pytest.raises(OutsideError, match="was damaged, and is thrown away; run it again"):
        store.lay([made])
    assert not file.exists()
    store.lay([store.keep(Artifact("site/index.html", "as it was made"))])
    assert file.read_text() == "as it was made"
    store.close()


@pytest.mark.parametrize("build", ["build", "out"])
def test_an_edit_of_what_was_laid_does_not_reach_the_store(tmp_path: Path, build: str) -> None:
    store, file = laid(tmp_path, build)
    with file.open("r+") as written:
        written.write("AS")
    made = store.keep(Artifact("site/index.html", "as it was made"))
    assert made.read() == b"as it was made"
    store.close()


@pytest.mark.parametrize("full", [True, False])
def test_a_folder_in_the_place_of_a_file_is_named_with_what_to_do(
    tmp_path: Path, full: bool
) -> None:
    store, file = laid(tmp_path)
    file.unlink()
    (file / "inside" if full else file).mkdir(parents=True)
    with pytest.raises(OutsideError, match=r"index\.html cannot be written: .*; delete what is"):
        store.lay([store.keep(Artifact("site/index.html", "as it was made"))])
    store.close()


@pytest.mark.parametrize("lost", [True, False])
def test_what_a_lost_database_knew_of_is_swept_by_the_next(tmp_path: Path, lost: bool) -> None:
    """A withdrawn episode must not stay on the web because the store was deleted in between."""
    first, file = laid(tmp_path)
    first.sweep({"site/index.html"})
    first.close()
    (tmp_path / "build/outbox").mkdir()
    (tmp_path / "build/outbox/letter.eml").write_text("delivered")
    stray = file.with_name("stray.html")
    stray.write_text("of somebody's own")
    if lost:
        (tmp_path / ".simulcast/store/records.db").write_bytes(b"garbage" * 1000)
    store = Store(tmp_path)
    other = [store.keep(Artifact("site/other.html", "made now"))]
    store.lay(other)
    gone = store.sweep({"site/other.html"})
    assert "site/index.html" in gone
    assert not file.exists()
    assert stray.exists() is not lost, "what a database never laid it does not know"
    assert (tmp_path / "build/outbox/letter.eml").exists()
    assert store.sweep({"site/other.html"}) == []
    store.close()


def test_a_folder_of_ones_own_is_swept_of_nothing_but_what_was_laid_there(tmp_path: Path) -> None:
    own = tmp_path / "public/site/mine.html"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    store, _ = laid(tmp_path, "public")
    assert store.sweep({"site/index.html"}) == []
    assert own.exists()
    store.close()


def test_a_file_with_other_bytes_and_the_same_size_and_time_is_hashed_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"one")
    before, times = store.hashed(picture), picture.stat()
    picture.write_bytes(b"two")
    os.utime(picture, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert store.hashed(picture) != before
    store.close()
