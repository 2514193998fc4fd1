"""A build makes what is stale, reuses the rest, and one failure stops only what waits for it."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import AuthorError, OutsideError, StageError
from pipeline.runner import Desk, Report, build
from pipeline.stage import Artifact, Stage, stage
from pipeline.store import Store
from pipeline.why import why
from tests.publications import BODY, front_matter, small, write

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@stage(per="episode")
def body(episode: Any) -> Iterator[Artifact]:
    """How many blocks an episode has."""
    if any(block.kind == "code" for block in episode.blocks):
        raise AuthorError(
            episode.source, episode.blocks[0].line, "holds code, which this stage refuses"
        )
    yield Artifact(f"body/{episode.slug}.txt", str(len(episode.blocks)))


@stage(per="episode")
def titled(listing: Any, templates: Any, publication: Any) -> Iterator[Artifact]:
    """The title, through a template."""
    words = templates.render("web/title.html", publication=publication, listing=listing)
    yield Artifact(f"titled/{listing.slug}.html", words)


@stage(per="episode")
def after(body: Any, listing: Any) -> Iterator[Artifact]:
    """What comes of the body alone."""
    yield Artifact(f"after/{listing.slug}.txt", body[".txt"].text() * 2)


@stage(per="publication")
def index(episodes: Any, body: Any) -> Iterator[Artifact]:
    """All bodies."""
    yield Artifact("site/index.txt", "".join(body[one.slug][".txt"].text() for one in episodes))


@stage(per="publication")
def sounds(files: Any) -> Iterator[Artifact]:
    """A file of the publication."""
    yield Artifact("site/sound.txt", files("audio/intro.txt").read_bytes())


STAGES = {one.name: one for one in (body, titled, after, index)}
TEMPLATE = "templates/plain/web/title.html"


def letter(root: Path, **episodes: str) -> Path:
    texts = {
        "e01_first": front_matter() + BODY,
        "e02_second": front_matter(2, "Second") + BODY,
        **episodes,
    }
    small(root, **texts)
    settings = root / "content/publication.toml"
    settings.write_text('theme = "plain"\n' + settings.read_text())
    write(root, "templates/plain/theme.toml", "")
    write(root, TEMPLATE, "<h1>{{ listing.title }}</h1>")
    return root


def built(
    root: Path, stages: dict[str, Stage] | None = None, *, jobs: int = 1, only: str | None = None
) -> Report:
    desk = Desk(root, NOW, jobs=jobs, stages=stages or STAGES)
    try:
        return build(desk, only=only)
    finally:
        desk.close()


def made(report: Report) -> dict[str, list[str]]:
    return {name: outcome.made for name, outcome in report.outcomes.items() if outcome.made}


def tree(root: Path) -> dict[str, bytes]:
    return {
        f.relative_to(root).as_posix(): f.read_bytes()
        for f in sorted(root.rglob("*"))
        if f.is_file()
    }


def test_a_build_lays_what_the_stages_made(tmp_path: Path) -> None:
    report = built(letter(tmp_path))
    assert report.errors == []
    assert (tmp_path / "build/titled/01-first.html").read_text() == "<h1>First</h1>"
    assert (tmp_path / "build/site/index.txt").read_text() == "33"


def test_a_second_build_makes_nothing(tmp_path: Path) -> None:
    built(letter(tmp_path))
    report = built(tmp_path)
    assert (report.made, report.changed, report.removed) == (0, (), ())
    assert report.reused == 7


def test_one_edit_makes_only_what_it_must(tmp_path: Path) -> None:
    built(letter(tmp_path))
    write(tmp_path, "content/02-second/episode.md", front_matter(2, "Second") + BODY + "\nMore.\n")
    assert made(built(tmp_path)) == {"body": ["02-second"], "after": ["02-second"], "index": [""]}


def test_an_unchanged_result_stops_the_work_behind_it(tmp_path: Path) -> None:
    built(letter(tmp_path))
    write(
        tmp_path,
        "content/02-second/episode.md",
        front_matter(2, "Second") + BODY.replace("plenty", "enough"),
    )
    assert made(built(tmp_path)) == {"body": ["02-second"]}


def test_going_back_to_an_earlier_text_is_free(tmp_path: Path) -> None:
    built(letter(tmp_path))
    before = tree(tmp_path / "build")
    write(tmp_path, "content/02-second/episode.md", front_matter(2, "Changed") + BODY + "\nMore.\n")
    built(tmp_path)
    write(tmp_path, "content/02-second/episode.md", front_matter(2, "Second") + BODY)
    assert built(tmp_path).made == 0
    assert tree(tmp_path / "build") == before


def test_a_template_edit_makes_only_what_used_it(tmp_path: Path) -> None:
    built(letter(tmp_path))
    write(tmp_path, TEMPLATE, "<h2>{{ listing.title }}</h2>")
    assert made(built(tmp_path)) == {"titled": ["01-first", "02-second"]}


def test_a_template_that_was_not_there_is_a_dependency_too(tmp_path: Path) -> None:
    built(letter(tmp_path))
    write(tmp_path, "content/templates/web/title.html", "mine: {{ listing.title }}")
    assert made(built(tmp_path)) == {"titled": ["01-first", "02-second"]}
    assert (tmp_path / "build/titled/01-first.html").read_text() == "mine: First"


def test_a_missing_template_is_named_with_the_folders_searched(tmp_path: Path) -> None:
    letter(tmp_path)
    (tmp_path / TEMPLATE).unlink()
    (error,) = built(tmp_path).errors
    assert (
        str(error)
        == 'template "web/title.html" is missing; looked in content/templates, templates/plain'
    )


def test_a_template_that_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    write(letter(tmp_path), TEMPLATE, "\n{{ listing.titel }}")
    (error,) = built(tmp_path).errors
    assert str(error).startswith(f"{TEMPLATE}:2: ")


def test_one_broken_episode_does_not_stop_the_others(tmp_path: Path) -> None:
    report = built(letter(tmp_path, e02_second=front_matter(2, "Second") + "```\ncode\n```\n"))
    assert [str(error) for error in report.errors] == [
        "content/02-second/episode.md:8: holds code, which this stage refuses"
    ]
    assert report.outcomes["after"].made == ["01-first"]
    assert report.outcomes["after"].skipped == {"02-second": "body failed"}
    assert report.outcomes["index"].skipped == {"": "waits for 02-second"}
    assert not (tmp_path / "build/site/index.txt").exists()


def test_an_episode_that_cannot_be_read_keeps_the_publication_from_being_made(
    tmp_path: Path,
) -> None:
    report = built(letter(tmp_path, e02_second="nothing"))
    assert report.outcomes["body"].made == ["01-first"]
    assert report.outcomes["index"].skipped == {"": "waits for 02-second"}
    assert len(report.errors) == 1


def test_an_unexpected_failure_is_told_with_its_place(tmp_path: Path) -> None:
    @stage(per="episode")
    def clumsy(listing: Any) -> Iterator[Artifact]:
        yield Artifact("x", str(1 // 0))

    (first, _) = built(letter(tmp_path), {"clumsy": clumsy}).errors
    assert isinstance(first, StageError)
    assert 'stage "clumsy" of 01-first failed: ZeroDivisionError' in str(first)
    assert "test_runner.py:" in str(first)


def test_two_stages_may_not_make_the_same_file(tmp_path: Path) -> None:
    @stage(per="publication")
    def twin(publication: Any) -> Iterator[Artifact]:
        yield Artifact("site/index.txt", "mine")

    with pytest.raises(StageError, match=r"both make build/site/index\.txt"):
        built(letter(tmp_path), {**STAGES, "twin": twin})


def test_what_is_made_no_more_is_removed(tmp_path: Path) -> None:
    built(letter(tmp_path))
    (tmp_path / "content/02-second/episode.md").unlink()
    (tmp_path / "content/02-second").rmdir()
    report = built(tmp_path)
    assert report.removed == ("after/02-second.txt", "body/02-second.txt", "titled/02-second.html")
    assert not (tmp_path / "build/body/02-second.txt").exists()


def test_a_file_of_build_that_someone_changed_is_put_right(tmp_path: Path) -> None:
    built(letter(tmp_path))
    write(tmp_path, "build/site/index.txt", "tampered")
    assert built(tmp_path).changed == ("site/index.txt",)
    assert (tmp_path / "build/site/index.txt").read_text() == "33"


def test_a_lost_build_is_laid_again_without_making_anything(tmp_path: Path) -> None:
    import shutil

    built(letter(tmp_path))
    before = tree(tmp_path / "build")
    shutil.rmtree(tmp_path / "build")
    assert built(tmp_path).made == 0
    assert tree(tmp_path / "build") == before


def test_a_lost_store_is_made_again_to_the_same_bytes(tmp_path: Path) -> None:
    import shutil

    built(letter(tmp_path))
    before = tree(tmp_path / "build")
    shutil.rmtree(tmp_path / ".simulcast")
    assert built(tmp_path).made == 7
    assert tree(tmp_path / "build") == before


def test_many_processes_make_the_same_as_one(tmp_path: Path) -> None:
    episodes = {
        f"e{n:02}_number": front_matter(n, f"Number {n}") + BODY + "\nMore.\n" * n
        for n in range(1, 21)
    }
    one, many = tmp_path / "one", tmp_path / "many"
    for root, jobs in ((one, 1), (many, 3)):
        small(root, **episodes)
        settings = root / "content/publication.toml"
        settings.write_text('theme = "plain"\n' + settings.read_text())
        write(root, "templates/plain/theme.toml", "")
        write(root, TEMPLATE, "{{ listing.title }}")
        assert built(root, jobs=jobs).errors == []
    assert tree(one / "build") == tree(many / "build")
    assert built(many, jobs=3).made == 0


def test_one_failure_among_many_processes_is_told_once(tmp_path: Path) -> None:
    episodes = {f"e{n:02}_number": front_matter(n) + BODY for n in range(1, 13)}
    letter(tmp_path, **episodes, e13_code=front_matter(13) + "```\nx\n```\n")
    for slug in ("01-first", "02-second"):
        (tmp_path / f"content/{slug}/episode.md").unlink()
        (tmp_path / f"content/{slug}").rmdir()
    report = built(tmp_path, jobs=2)
    assert len(report.errors) == 1
    assert len(report.outcomes["body"].made) == 12


def test_one_episode_is_built_alone(tmp_path: Path) -> None:
    report = built(letter(tmp_path), only="01-first")
    assert made(report) == {"body": ["01-first"], "titled": ["01-first"], "after": ["01-first"]}
    assert "index" not in report.outcomes
    assert not (tmp_path / "build/body/02-second.txt").exists()


def test_a_file_asked_for_is_an_input(tmp_path: Path) -> None:
    letter(tmp_path)
    (error,) = built(tmp_path, {"sounds": sounds}).errors
    assert str(error) == 'audio/intro.txt: is missing; stage "sounds" needs it'
    write(tmp_path, "audio/intro.txt", "one")
    assert built(tmp_path, {"sounds": sounds}).made == 1
    assert built(tmp_path, {"sounds": sounds}).made == 0
    write(tmp_path, "audio/intro.txt", "another")
    assert built(tmp_path, {"sounds": sounds}).made == 1
    assert (tmp_path / "build/site/sound.txt").read_text() == "another"


def reasons(root: Path, slug: str) -> dict[str, list[str]]:
    desk = Desk(root, NOW, stages=STAGES)
    try:
        stages = [one for one in desk.stages.values() if one.per == "episode"]
        return {name: found for name, found in why(desk, stages, slug) if found}
    finally:
        desk.close()


def test_why_names_what_changed(tmp_path: Path) -> None:
    letter(tmp_path)
    assert reasons(tmp_path, "01-first")["body"] == ["it was never made"]
    built(tmp_path)
    assert reasons(tmp_path, "01-first") == {}
    write(tmp_path, "content/01-first/episode.md", front_matter(title="New") + BODY)
    assert reasons(tmp_path, "01-first") == {
        "body": ["content/01-first/episode.md changed"],
        "titled": ["content/01-first/episode.md: title changed"],
        "after": ["body is made anew"],
    }
    built(tmp_path)
    write(tmp_path, TEMPLATE, "other")
    assert reasons(tmp_path, "01-first") == {"titled": ["template web/title.html changed"]}
    settings = tmp_path / "content/publication.toml"
    write(tmp_path, TEMPLATE, "<h1>{{ listing.title }}</h1>")
    settings.write_text(settings.read_text().replace('title = "Small', 'title = "Smaller', 1))
    assert reasons(tmp_path, "01-first") == {"titled": ["publication.toml: title changed"]}


def test_the_store_gives_a_kept_piece_once_made(tmp_path: Path) -> None:
    store = Store(tmp_path)
    calls: list[str] = []

    def make(file: Path) -> None:
        calls.append("made")
        file.write_text("dear")

    assert store.find("key") is None
    assert store("key", make).read_text() == store("key", make).read_text() == "dear"
    assert calls == ["made"]
    assert store.find("key") is not None
    store.close()


def test_a_piece_cut_off_while_made_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def make(file: Path) -> None:
        file.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store("key", make)
    assert store.find("key") is None
    assert list((store.home / "scratch").iterdir()) == []
    store.close()


def test_workers_end_with_the_process_that_began_them(tmp_path: Path) -> None:
    """A worker holds the write end of a pipe: the read end sees its end only once every worker is gone."""
    code = (
        "import signal\n"
        "from pipeline.processes import pool\n"
        "workers = pool(2, 'fork')\n"
        "waiting = [workers.submit(signal.pause) for _ in range(2)]\n"
        "print('begun', flush=True)\n"
        "waiting[0].result()\n"
    )
    begun = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert begun.stdout is not None
    with begun.stdout as out:
        assert out.readline() == "begun\n"
        begun.kill()
        begun.wait()
        assert out.read() == ""


def test_one_stage_may_not_make_a_file_twice(tmp_path: Path) -> None:
    @stage(per="publication")
    def twice(publication: Any) -> Iterator[Artifact]:
        yield Artifact("site/x.txt", "a")
        yield Artifact("site/x.txt", "b")

    with pytest.raises(StageError, match=r'"twice" makes build/site/x\.txt twice'):
        built(letter(tmp_path), {"twice": twice})


def test_a_stage_that_ends_the_program_is_told_like_any_failure(tmp_path: Path) -> None:
    @stage(per="publication")
    def leaving(publication: Any) -> Iterator[Artifact]:
        sys.exit(7)
        yield Artifact("x", "never")

    (error,) = built(letter(tmp_path), {"leaving": leaving}).errors
    assert 'stage "leaving" failed: SystemExit: 7' in str(error)


def test_a_full_disk_is_the_worlds_failure(tmp_path: Path) -> None:
    @stage(per="publication")
    def filling(publication: Any) -> Iterator[Artifact]:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield Artifact("x", "never")

    (error,) = built(letter(tmp_path), {"filling": filling}).errors
    assert isinstance(error, OutsideError)
    assert str(error) == 'stage "filling": No space left on device'


def test_a_store_whose_files_were_emptied_heals(tmp_path: Path) -> None:
    built(letter(tmp_path))
    before = tree(tmp_path / "build")
    for file in (tmp_path / ".simulcast/store").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    (tmp_path / "build/site/index.txt").unlink()
    assert built(tmp_path).errors == []
    assert tree(tmp_path / "build") == before


def test_a_damaged_database_gives_way_to_a_new_one(tmp_path: Path) -> None:
    built(letter(tmp_path))
    (tmp_path / ".simulcast/store/records.db").write_bytes(b"no database at all, but text" * 99)
    assert built(tmp_path).made == 7
    assert built(tmp_path).made == 0


@stage(per="page")
def bound(full_page: Any, body: Any) -> Iterator[Artifact]:
    """A full page of the archive."""
    assert list(body) == [one.slug for one in full_page.listings]
    yield Artifact(f"site/bound/{full_page.number}.txt", " ".join(body))


@stage(per="publication")
def volumes(bound: Any) -> Iterator[Artifact]:
    """How many full pages there are."""
    yield Artifact("site/volumes.txt", " ".join(map(str, bound)))


PAGED = {one.name: one for one in (body, bound, volumes)}


def paged(root: Path, count: int) -> Report:
    episodes = {
        f"e{number:02}_letter": front_matter(number, f"Letter {number}") + BODY
        for number in range(1, count + 1)
    }
    small(root, **episodes)
    settings = root / "content/publication.toml"
    settings.write_text(settings.read_text() + "\n[feeds]\nlimit = 2\n")
    return built(root, PAGED)


def test_pages_are_full_and_counted_from_the_oldest(tmp_path: Path) -> None:
    assert paged(tmp_path, 5).errors == []
    assert (tmp_path / "build/site/bound/1.txt").read_text() == "01-letter 02-letter"
    assert (tmp_path / "build/site/bound/2.txt").read_text() == "03-letter 04-letter"
    assert not (tmp_path / "build/site/bound/3.txt").exists()
    assert (tmp_path / "build/site/volumes.txt").read_text() == "1 2"


def test_a_full_page_is_not_made_again_when_more_episodes_are_out(tmp_path: Path) -> None:
    paged(tmp_path, 4)
    report = paged(tmp_path, 5)
    assert made(report) == {"body": ["05-letter"]}
    assert made(paged(tmp_path, 6)) == {"body": ["06-letter"], "bound": ["page 3"], "volumes": [""]}


def test_no_page_is_made_while_an_episode_is_broken(tmp_path: Path) -> None:
    paged(tmp_path, 2)
    write(tmp_path, "content/01-letter/episode.md", front_matter(1) + "```\ncode\n```\n")
    report = built(tmp_path, PAGED)
    assert report.outcomes["bound"].skipped == {"page 1": "waits for 01-letter"}
    assert (tmp_path / "build/site/bound/1.txt").exists()
