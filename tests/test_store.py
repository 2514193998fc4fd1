"""Artifacts are kept by content, and nobody else's file is ever taken."""

from pathlib import Path

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
