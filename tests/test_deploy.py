"""Promises of deploy: the target holds the site, whole, and nothing of another's is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]
import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from pipeline import deploy as room
from pipeline.deploy import MANIFEST, Deployed, deploy
from pipeline.errors import AuthorError, OutsideError, SimulcastError
from pipeline.model import Deploy

SITE = {
    "index.html": "home",
    "rss.xml": "<rss/>",
    "podcast.xml": "<rss/>",
    "archive/index.html": "archive",
    "audio/06-x.mp3": "sound",
    "06-x/index.html": "page",
    "06-x/card.png": "picture",
    "static/style.css": "style",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write(tmp_path / "build" / "site", SITE)
    return tmp_path / "build" / "site"


@pytest.fixture(params=["public", "memory"])
def to(request: pytest.FixtureRequest) -> Iterator[str]:
    """A folder below the root, and a place that only fsspec knows."""
    if request.param == "public":
        yield "public"
        return
    bucket = f"memory://bucket-{uuid4().hex}/news"
    yield bucket
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def held(to: str, tmp_path: Path) -> Callable[[], dict[str, str]]:
    """What lies at the target now."""

    def look() -> dict[str, str]:
        if "://" not in to:
            base = tmp_path / to
            files = [path for path in base.rglob("*") if path.is_file()]
            return {path.relative_to(base).as_posix(): path.read_text() for path in files}
        files, base = fsspec.core.url_to_fs(to)
        return {
            path.removeprefix(f"{base}/"): files.cat_file(path).decode()
            for path in files.find(base)
        }

    return look


Held = Callable[[], dict[str, str]]


def test_without_a_target_nothing_is_done(site: Path, tmp_path: Path) -> None:
    assert deploy(site, Deploy(), tmp_path) == Deployed()


def test_the_target_holds_the_site(site: Path, tmp_path: Path, to: str, held: Held) -> None:
    done = deploy(site, Deploy(to), tmp_path)
    assert sorted(done.uploaded) == sorted(SITE) and done.target == to
    found = held()
    assert set(json.loads(found.pop(MANIFEST))["files"]) == set(SITE)
    assert found == SITE


def test_a_second_deployment_writes_nothing(site: Path, tmp_path: Path, to: str) -> None:
    deploy(site, Deploy(to), tmp_path)
    assert deploy(site, Deploy(to), tmp_path) == Deployed(to, (), len(SITE), ())


def test_only_what_changed_is_uploaded_and_what_is_gone_is_removed(
    site: Path, tmp_path: Path, to: str, held: Held
) -> None:
    deploy(site, Deploy(to), tmp_path)
    write(site, {"06-x/index.html": "mended", "07-y/index.html": "new"})
    (site / "audio" / "06-x.mp3").unlink()
    done = deploy(site, Deploy(to), tmp_path)
    assert done.uploaded == ("06-x/index.html", "07-y/index.html")
    assert (done.unchanged, done.removed) == (len(SITE) - 2, ("audio/06-x.mp3",))
    found = held()
    assert found["06-x/index.html"] == "mended" and "audio/06-x.mp3" not in found


def test_lists_of_pages_follow_the_pages_whatever_their_names(site: Path, tmp_path: Path) -> None:
    deploy(site, Deploy("public"), tmp_path)
    write(
        site,
        {
            **{
                f"{name}/index.html": "new" for name in ("zebra", "series", "series/2", "archive/2")
            },
            **{f"sitemap{part}.xml": "new" for part in ("", "-1", "-newest")},
        },
    )
    assert deploy(site, Deploy("public"), tmp_path).uploaded == (
        "zebra/index.html",
        "archive/2/index.html",
        "series/2/index.html",
        "series/index.html",
        "sitemap-1.xml",
        "sitemap-newest.xml",
        "sitemap.xml",
    )


def test_a_file_that_is_not_ours_is_left_alone(site: Path, tmp_path: Path) -> None:
    deploy(site, Deploy("public"), tmp_path)
    write(tmp_path / "public", {"robots.txt": "theirs", "audio/old.mp3": "theirs"})
    (site / "audio" / "06-x.mp3").unlink()
    deploy(site, Deploy("public"), tmp_path)
    assert (tmp_path / "public" / "robots.txt").read_text() == "theirs"
    assert [p.name for p in (tmp_path / "public" / "audio").iterdir()] == ["old.mp3"]


def test_an_emptied_folder_is_removed(site: Path, tmp_path: Path) -> None:
    deploy(site, Deploy("public"), tmp_path)
    (site / "audio" / "06-x.mp3").unlink()
    deploy(site, Deploy("public"), tmp_path)
    assert not (tmp_path / "public" / "audio").exists()


def test_a_file_deleted_at_a_folder_is_put_back(site: Path, tmp_path: Path) -> None:
    deploy(site, Deploy("public"), tmp_path)
    (tmp_path / "public" / "index.html").unlink()
    assert deploy(site, Deploy("public"), tmp_path).uploaded == ("index.html",)


def test_pages_follow_what_they_show_and_feeds_come_last(site: Path, tmp_path: Path) -> None:
    assert deploy(site, Deploy("public"), tmp_path).uploaded == (
        "06-x/card.png",
        "audio/06-x.mp3",
        "static/style.css",
        "06-x/index.html",
        "archive/index.html",
        "index.html",
        "podcast.xml",
        "rss.xml",
    )


def test_pages_of_github_get_their_marks(site: Path, tmp_path: Path, to: str, held: Held) -> None:
    deploy(site, Deploy(to, pages=True, domain="news.example"), tmp_path)
    assert (held()[".nojekyll"], held()["CNAME"]) == ("", "news.example\n")
    deploy(site, Deploy(to, pages=True), tmp_path)
    assert "CNAME" not in held()


class Breaking:
    """A target that fails at its n-th writing."""

    def __init__(self, real: room.Target, writings: int) -> None:
        self.real, self.left = real, writings

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    def write(self, name: str, content: Path | bytes) -> None:
        if not self.left:
            raise ConnectionResetError("the line went dead")
        self.left -= 1
        self.real.write(name, content)


@pytest.mark.parametrize("writings", range(8))
def test_broken_off_anywhere_the_next_deployment_completes_it(
    site: Path,
    tmp_path: Path,
    to: str,
    held: Held,
    writings: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy(site, Deploy(to), tmp_path)
    real = room._target
    write(site, {"06-x/index.html": "wrong", "index.html": "wrong", "07-y/index.html": "new"})
    with monkeypatch.context() as patch:
        patch.setattr(room, "_target", lambda *args: Breaking(real(*args), writings))
        if writings < 5:  # two of the manifest, three of pages
            with pytest.raises(OutsideError, match="the line went dead; run it again"):
                deploy(site, Deploy(to), tmp_path)
    write(site, SITE)  # the author goes back to the text that the old manifest knew
    (site / "07-y" / "index.html").unlink()
    deploy(site, Deploy(to), tmp_path)
    found = held()
    found.pop(MANIFEST)
    assert found == SITE
    assert deploy(site, Deploy(to), tmp_path).uploaded == ()


@pytest.mark.parametrize("manifest", ["", "no json", "[]", '{"files": [1]}', '{"files": {"a": 1}}'])
def test_a_manifest_that_cannot_be_read_means_all_is_uploaded(
    site: Path, tmp_path: Path, manifest: str
) -> None:
    write(tmp_path / "public", {MANIFEST: manifest})
    assert len(deploy(site, Deploy("public"), tmp_path).uploaded) == len(SITE)


@pytest.mark.parametrize("name", ["../precious", "/precious", "a/../../precious"])
def test_a_manifest_cannot_have_files_elsewhere_removed(
    site: Path, tmp_path: Path, name: str
) -> None:
    write(tmp_path, {"precious": "mine", f"public/{MANIFEST}": json.dumps({"files": {name: ""}})})
    assert deploy(site, Deploy("public"), tmp_path).removed == ()
    assert (tmp_path / "precious").read_text() == "mine"


def test_an_empty_site_does_not_empty_the_target(site: Path, tmp_path: Path) -> None:
    settings = Deploy("public", pages=True, domain="news.example")
    deploy(site, settings, tmp_path)
    with pytest.raises(SimulcastError, match="nothing to deploy"):
        deploy(tmp_path / "nowhere", settings, tmp_path)
    assert (tmp_path / "public" / "index.html").exists()


@pytest.mark.parametrize("to", ["build/site", "build", ".", "build/site/public"])
def test_a_target_that_overlaps_the_site_is_refused(site: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(AuthorError, match=r"deploy\.to"):
        deploy(site, Deploy(to), tmp_path)


AUTHORS = ("content", "audio", "templates", ".simulcast", ".git")


@pytest.mark.parametrize("to", [*AUTHORS, *(f"{one}/x" for one in AUTHORS), "build/www", "x/../.."])
def test_a_target_among_the_authors_files_is_refused(site: Path, tmp_path: Path, to: str) -> None:
    write(tmp_path, {f"{one}/x/mine.png": "mine" for one in AUTHORS})
    for one in (to, f"file://{tmp_path / to}"):
        with pytest.raises(AuthorError, match=r"deploy\.to: .* lie in each other") as refused:
            deploy(site, Deploy(one, pages=True), tmp_path)
        assert refused.value.where == "content/publication.toml"


def test_a_home_folder_is_written_in_full(site: Path, tmp_path: Path) -> None:
    with pytest.raises(AuthorError, match="write the folder in full"):
        deploy(site, Deploy("~/site"), tmp_path)
    assert not (tmp_path / "~").exists()


def test_a_folder_that_holds_somebodys_files_is_refused(site: Path, tmp_path: Path) -> None:
    write(tmp_path / "public", {"README.md": "a checkout", "index.html": "theirs"})
    with pytest.raises(AuthorError, match=r'holds "index\.html", which we did not put there'):
        deploy(site, Deploy("public"), tmp_path)
    assert (tmp_path / "public" / "index.html").read_text() == "theirs"


@pytest.mark.parametrize(
    ("theirs", "pages"), [("README.md", False), (".git/HEAD", False), ("old.html", True)]
)
def test_a_checkout_to_publish_from_is_a_target(
    site: Path, tmp_path: Path, theirs: str, pages: bool
) -> None:
    write(tmp_path / "public", {theirs: "a checkout"})
    assert len(deploy(site, Deploy("public", pages=pages), tmp_path).uploaded) >= len(SITE)
    assert (tmp_path / "public" / theirs).read_text() == "a checkout"


@pytest.mark.parametrize("to", ["nosuch://bucket/x", "s3x://bucket"])
def test_an_unknown_kind_of_target_is_refused(site: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(AuthorError, match=r"content/publication\.toml: deploy\.to"):
        deploy(site, Deploy(to), tmp_path)


def test_a_target_that_does_not_answer_is_an_outside_failure_without_its_password(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(*_: object, **__: object) -> bytes:
        raise RuntimeError("no route to host")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", dead)
    with pytest.raises(OutsideError, match="no route to host") as failed:
        deploy(site, Deploy("memory://neal:secret@host/news"), tmp_path)
    assert "memory://host/news" in str(failed.value) and "secret" not in str(failed.value)


def test_a_folder_that_cannot_be_written_is_an_outside_failure(site: Path, tmp_path: Path) -> None:
    (tmp_path / "public").write_text("a file, not a folder")
    with pytest.raises(OutsideError, match="deploying to public broke off"):
        deploy(site, Deploy("public"), tmp_path)


def test_known_hashes_spare_reading_the_files(site: Path, tmp_path: Path) -> None:
    settings = replace(Deploy("public"))
    deploy(site, settings, tmp_path, hashes=dict.fromkeys(SITE, "known"))
    write(site, {"index.html": "changed, and not told"})
    done = deploy(site, settings, tmp_path, hashes=dict.fromkeys(SITE, "known"))
    assert done.uploaded == ()


def test_progress_counts_the_files(site: Path, tmp_path: Path) -> None:
    told: list[tuple[float, float, str]] = []
    deploy(site, Deploy("public"), tmp_path, progress=lambda *now: told.append(now))
    assert told[-1] == (len(SITE), len(SITE), "files") and len(told) == len(SITE)


# --- in one moment --------------------------------------------------------------------------------


def looked_at(folder: Path) -> dict[str, str]:
    """What a reader finds, the manifest aside."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def exchanged(tmp_path: Path) -> None:
    if not room.exchangeable(tmp_path / "public"):
        pytest.skip("the disk of this machine cannot let two folders change places")


def test_a_folder_changes_in_one_moment(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(site, Deploy("public"), tmp_path)
    exchanged(tmp_path)
    write(tmp_path / "public", {"theirs/note.txt": "theirs"})
    before = looked_at(tmp_path / "public")
    write(site, {name: text + " anew" for name, text in SITE.items()})
    moments = []

    def watched(one: Path, other: Path) -> None:
        if other.name == "public":
            moments.append((looked_at(other), looked_at(one)))
        exchange(one, other)

    exchange = room.exchange
    monkeypatch.setattr(room, "exchange", watched)
    deploy(site, Deploy("public"), tmp_path)
    ((old, new),) = moments
    assert old == before
    assert new == {name: text + " anew" for name, text in SITE.items()} | {
        "theirs/note.txt": "theirs"
    }
    assert looked_at(tmp_path / "public") == new
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", "public"]


def test_a_folder_that_a_broken_off_deployment_prepared_is_as_it_was(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(site, Deploy("public"), tmp_path)
    exchanged(tmp_path)
    before = looked_at(tmp_path / "public")
    write(site, {name: text + " anew" for name, text in SITE.items()})
    written = []

    def breaks(folder: room.Folder, name: str, content: Path | bytes) -> None:
        written.append(name)
        if len(written) == 4:
            raise KeyboardInterrupt
        plain(folder, name, content)

    plain = room.Folder.write
    monkeypatch.setattr(room.Folder, "write", breaks)
    with pytest.raises(KeyboardInterrupt):
        deploy(site, Deploy("public"), tmp_path)
    assert looked_at(tmp_path / "public") == before


def test_where_folders_cannot_change_places_files_are_put_one_by_one(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(one: Path, other: Path) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(room, "exchange", refuses)
    deploy(site, Deploy("public"), tmp_path)
    write(site, {"index.html": "anew"})
    assert deploy(site, Deploy("public"), tmp_path).uploaded == ("index.html",)
    assert looked_at(tmp_path / "public") == SITE | {"index.html": "anew"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", "public"]
