"""Full pages of the archive are looked at as wholes, and yet whatever changes in one of them is noticed."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import source
from pipeline.check import links
from pipeline.cli.building import findings
from pipeline.errors import OutsideError
from pipeline.runner import Desk, Report, build
from pipeline.stage import Artifact, Stage, in_order, installed, stage
from pipeline.stages.fragment import fragment
from pipeline.store import SettledPage, Store
from tests.publications import BODY, SETTINGS, front_matter, png, small, write

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LETTER = SETTINGS.replace('"nanotts"', '"none"') + "\n[feeds]\nlimit = 2\n"
"""Pages of two: five episodes fill two of them, and the fifth is on none."""
PAGES = ("page 1", "page 2")
OLD = "content/02-two/episode.md"
LEFT_OUT = ("search",)
"""Takes long, and asks for nothing that the others do not."""


def text(number: int, words: str = "", **more: str) -> str:
    return front_matter(number, f"Letter {number}", **more) + BODY + words


def letter(root: Path) -> Path:
    names = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
    small(root, LETTER, **{f"e{n:02}_{name}": text(n) for n, name in names.items()})
    write(root, OLD, text(2, "\n![A grey square](grey.png)\n"))
    (root / "content/02-two/grey.png").write_bytes(png(20, 20))
    return root


def stages(**more: Stage) -> dict[str, Stage]:
    ours = {name: one for name, one in installed().items() if name not in LEFT_OUT}
    return in_order(ours | more)


def built(root: Path, wanted: dict[str, Stage] | None = None) -> tuple[Report, list[str]]:
    """What a build did, and which pages were settled before it."""
    desk = Desk(root, NOW, stages=wanted or stages())
    try:
        report = build(desk)
        return report, [name for name in desk.pages if desk.made.settled(name)]
    finally:
        desk.close()


def laid(root: Path) -> dict[str, bytes]:
    build = root / "build"
    return {
        one.relative_to(build).as_posix(): one.read_bytes()
        for one in sorted(build.rglob("*"))
        if one.is_file()
    }


def anew(root: Path, elsewhere: Path) -> dict[str, bytes]:
    """What a build from nothing makes of the same sources."""
    skip = shutil.ignore_patterns("build", ".simulcast")
    shutil.copytree(root, elsewhere, ignore=skip)
    report, settled = built(elsewhere)
    assert (report.errors, settled) == ([], [])
    return laid(elsewhere)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = letter(tmp_path_factory.mktemp("finished") / "letter")
    report, settled = built(root)
    assert (report.errors, settled) == ([], [])
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    """A publication that was built once: a copy, times of files included, under the same name as far as it is known."""
    there = tmp_path / "letter"
    shutil.copytree(finished, there)  # copies keep the times by which build/ is known
    return there


def test_what_was_built_is_settled(root: Path) -> None:
    before = laid(root)
    report, settled = built(root)
    assert settled == list(PAGES)
    assert (report.made, report.changed, report.removed, report.errors) == (0, (), (), [])
    slugs = [one.slug for one in report.listings]
    assert sorted(report.outcomes["page"].reused) == sorted(slugs)
    assert laid(root) == before


def test_one_more_episode_leaves_all_but_its_neighbour_settled(root: Path, tmp_path: Path) -> None:
    write(root, "content/06-six/episode.md", text(6))
    report, settled = built(root)
    assert settled == list(PAGES)
    assert set(report.outcomes["email"].made) == {"05-five", "06-six"}
    assert laid(root) == anew(root, tmp_path / "anew")
    write(root, "content/07-seven/episode.md", text(7))
    _, settled = built(root)
    assert settled == list(PAGES), "the page of 05 and 06 has a neighbour now"
    assert built(root)[1] == [*PAGES, "page 3"]


def edited(root: Path) -> None:
    write(root, OLD, text(2, "\nOne more sentence.\n\n![A grey square](grey.png)\n"))


def retitled(root: Path) -> None:
    write(root, OLD, (root / OLD).read_text().replace("Letter 2", "Letter two"))


def of_the_same_length(root: Path) -> None:
    write(root, OLD, (root / OLD).read_text().replace("plenty", "enough"))


def repainted(root: Path) -> None:
    (root / "content/02-two/grey.png").write_bytes(png(30, 30))


def renamed(root: Path) -> None:
    settings = root / "content/publication.toml"
    settings.write_text(settings.read_text().replace("Small Letter", "Large Letter"))


def rearranged(root: Path) -> None:
    """A template of one's own, where the theme's was used before."""
    write(root, "templates/ledger/web/footer.html", "<footer>Mine</footer>")


def earlier(root: Path) -> None:
    """An episode from before all others moves each of them."""
    write(root, "content/00-zero/episode.md", text(0, published="2025-12-01T08:00:00Z"))


def thinned(root: Path) -> None:
    shutil.rmtree(root / "content/03-three")


CHANGES = (edited, retitled, of_the_same_length, repainted, renamed, rearranged, earlier, thinned)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_changes_on_a_settled_page_is_made_as_from_nothing(
    change: Callable[[Path], None], root: Path, tmp_path: Path
) -> None:
    change(root)
    report, settled = built(root)
    assert report.errors == []
    assert "page 1" not in settled or change is thinned
    assert laid(root) == anew(root, tmp_path / "anew")
    again, _ = built(root)
    assert (again.made, again.changed) == (0, ())


def test_a_neighbour_on_another_page_is_part_of_a_page(root: Path, tmp_path: Path) -> None:
    """02 names 03 as the next one: its page is not what it was once 03 is called otherwise."""
    path = root / "content/03-three/episode.md"
    path.write_text(path.read_text().replace("Letter 3", "Letter three"))
    _, settled = built(root)
    assert settled == []
    assert b"Letter three" in laid(root)["site/02-two/index.html"]
    assert laid(root) == anew(root, tmp_path / "anew")


def spoilt(file: Path) -> None:
    file.write_text("not what was made")


def removed(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("harm", [spoilt, removed], ids=lambda harm: harm.__name__)
def test_what_is_harmed_in_build_is_laid_again(harm: Callable[[Path], None], root: Path) -> None:
    before = laid(root)
    harm(root / "build/site/01-one/index.html")
    report, settled = built(root)
    assert settled == ["page 2"]
    assert report.changed == ("site/01-one/index.html",)
    assert laid(root) == before


def test_what_the_store_lost_is_not_missed_while_it_lies_in_build(
    root: Path, tmp_path: Path
) -> None:
    shutil.rmtree(root / ".simulcast/store/objects")
    write(root, "content/06-six/episode.md", text(6))
    report, settled = built(root)
    assert (report.errors, settled) == ([], list(PAGES))
    assert laid(root) == anew(root, tmp_path / "anew")


def test_a_stage_that_is_new_speaks_of_settled_pages_too(root: Path) -> None:
    @stage(per="episode")
    def extra(listing: object) -> Iterator[Artifact]:
        """A word on each episode."""
        yield Artifact(f"extra/{listing.slug}.txt", "new")  # type: ignore[attr-defined]

    report, settled = built(root, stages(extra=extra))
    assert (report.errors, settled) == ([], [])
    assert len(report.outcomes["extra"].made) == 5
    assert report.outcomes["page"].made == []
    report, settled = built(root)
    assert (report.made, settled, len(report.removed)) == (0, [], 5)
    assert built(root)[1] == list(PAGES)


def test_another_version_of_a_stage_is_made_anew(root: Path) -> None:
    other = stage(per="episode", version="another")(fragment.function)
    report, settled = built(root, stages(fragment=other))
    assert (report.errors, settled) == ([], [])
    assert len(report.outcomes["fragment"].made) == 5


def test_a_path_that_a_settled_page_has_is_refused_to_others(root: Path) -> None:
    @stage(per="publication", version="1")
    def thief(listing: None = None) -> Iterator[Artifact]:
        """Takes a place that is taken."""
        yield Artifact("site/01-one/index.html", "mine")

    thief = Stage("thief", "publication", thief.function, ())
    desk = Desk(root, NOW, stages=stages(thief=thief))
    try:
        with pytest.raises(
            Exception, match='stages "page" and "thief" both make build/site/01-one'
        ):
            build(desk)
    finally:
        desk.close()


def test_a_broken_episode_leaves_the_others_settled(root: Path) -> None:
    before = laid(root)
    write(root, "content/05-five/episode.md", "no front matter\n")
    report, settled = built(root)
    assert settled == ["page 1"], "04 has no neighbour now"
    assert set(report.broken) == {"05-five"}
    assert report.outcomes["archive"].skipped.keys() == {*PAGES}
    changed = [path for path, found in laid(root).items() if before[path] != found]
    assert all("04-four" in path for path in changed), "no feed without the episode is published"


def test_a_page_on_which_a_stage_fails_is_never_settled(root: Path) -> None:
    write(root, OLD, text(2, "\n![Gone](gone.png)\n"))
    for _ in range(2):
        report, settled = built(root)
        assert [str(error) for error in report.errors]
        assert settled == ["page 2"]
    edited(root)
    assert built(root)[0].errors == []


def test_the_preview_and_the_build_settle_apart(root: Path) -> None:
    desk = Desk(root, NOW, stages=stages(), build=".simulcast/preview")
    report = build(desk)
    assert not desk.made.settled("page 1")
    desk.close()
    assert (report.made, len(report.changed)) == (0, len(laid(root)))
    assert built(root)[1] == list(PAGES)


def test_settled_results_are_told_like_any_others(root: Path) -> None:
    """What preview, diff and deploy ask for is the same whether a page was settled or not."""
    first, second = (Desk(root, NOW, stages=stages()) for _ in range(2))
    for desk in (first, second):
        report = build(desk) if desk is second else None
    known = {key: tuple(made) for key, made in second.made.items()}
    assert len(known) == len(second.made) == report.reused if report else False
    assert all(one.read() for made in known.values() for one in made if one.size)
    assert ("page", "01-one") in second.made
    assert ("page", "99-none") not in second.made
    first.close()
    second.close()


# --- files that are not read again ------------------------------------------------------------------


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    real = source._bytes

    def counted(file: Path, where: str) -> bytes:
        seen.append(where)
        return real(file, where)

    monkeypatch.setattr(source, "_bytes", counted)
    return seen


def test_only_files_that_changed_are_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built(root)  # a copy has times of its own
    seen = reads(monkeypatch)
    built(root)
    assert seen == []
    retitled(root)
    Desk(root, NOW, stages=stages()).close()
    assert seen == [OLD]


def test_a_file_of_the_same_size_and_time_with_other_bytes_is_read(root: Path) -> None:
    """Its change time tells, which no program can set back."""
    file = root / OLD
    built(root)
    stat = file.stat()
    of_the_same_length(root)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.stat().st_size == stat.st_size
    report, _ = built(root)
    assert "02-two" in report.outcomes["page"].made


def test_what_was_read_before_is_what_would_be_read(tmp_path: Path) -> None:
    """Everything that front matter can say comes back from memory as it went in."""
    rich = text(
        1,
        subtitle='"Ünter ‮titles"',
        updated="2026-01-02T08:00:00+05:30",
        keywords="[one, two]",
        by='[ada, "Someone Else"]',
        season="3",
        explicit="true",
        type="bonus",
        mail="false",
        chapters='["0:00 Beginning", "12:30 The money"]',
        translations="{de: https://example.org/de/}",
        guests='[Eve, {name: Bob, role: guest, href: "https://bob.example/"}]',
        guid='"https://old.example/?p=1"',
        podcast='{location: [{name: "Paris", geo: "geo:48.85,2.35"}]}',
        waive='{E301: "it is so"}',
    )
    root = small(tmp_path, LETTER, e01_one=rich, e02_two=text(2))
    first = Desk(root, NOW, stages=stages())
    second = Desk(root, NOW, stages=stages())
    third = source.contents(root, first.publication, first.remembered)
    assert not first.contents.errors
    assert first.contents == second.contents == third
    assert repr(first.contents) == repr(second.contents) == repr(third)
    first.close()
    second.close()


def test_what_was_read_by_other_code_is_read_again(root: Path) -> None:
    store = Store(root)
    known = store.readings("another version")
    assert known.told(OLD, "1 2 3") == ""
    store.close()
    with sqlite3.connect(root / ".simulcast/store/records.db") as database:
        rows = database.execute("SELECT count(*) FROM readings").fetchone()
    assert rows == (5,)


def test_a_folder_that_is_gone_is_forgotten(root: Path) -> None:
    thinned(root)
    built(root)
    with sqlite3.connect(root / ".simulcast/store/records.db") as database:
        paths = {path for (path,) in database.execute("SELECT path FROM readings")}
    assert paths == {
        f"content/{slug}/episode.md" for slug in ("01-one", "02-two", "04-four", "05-five")
    }


def test_a_file_saved_while_it_is_built_is_told(root: Path) -> None:
    desk = Desk(root, NOW, stages=stages())
    edited(root)
    with pytest.raises(OutsideError, match=rf"{OLD} was saved while it was being read"):
        desk.episode("02-two")
    desk.close()


# --- what check finds on settled pages --------------------------------------------------------------


def checked(root: Path, only: str | None = None) -> list[str]:
    """What check tells, after a build."""
    desk = Desk(root, NOW, stages=stages())
    try:
        report = build(desk)
        return [str(one) for one in findings(desk, report, only)]
    finally:
        desk.close()


def unlinked(root: Path) -> None:
    """A link on a settled page to an episode that is not there."""
    write(root, OLD, text(2, "\nAs [before](../99-never/episode.md) it was.\n"))


def led_nowhere(root: Path) -> None:
    """What a settled page links to changes on another: its heading is gone."""
    path = root / "content/05-five/episode.md"
    path.write_text(path.read_text().replace("## A heading", "## Another heading"))


def silent(root: Path) -> None:
    write(root, OLD, text(2, "\n![](grey.png)\n"))


def tampered(root: Path) -> None:
    """A template makes every page of the site worse."""
    theme = Path(__file__).parent.parent / "templates/ledger/web/footer.html"
    words = theme.read_text("utf-8") + '<img src="nowhere.png">\n'
    write(root, "templates/ledger/web/footer.html", words)


@pytest.mark.parametrize(
    "change",
    [*CHANGES, unlinked, led_nowhere, silent, tampered],
    ids=lambda change: change.__name__,
)
def test_check_finds_on_settled_pages_what_it_finds_the_first_time(
    change: Callable[[Path], None], root: Path, tmp_path: Path
) -> None:
    write(
        root,
        "content/01-one/episode.md",
        text(1, "\nSee [there](../05-five/episode.md#a-heading).\n"),
    )
    before = checked(root)
    assert checked(root) == before
    change(root)
    found = checked(root)
    assert checked(root) == found, "nothing changed, and everything is settled"
    elsewhere = tmp_path / "anew"
    shutil.copytree(root, elsewhere, ignore=shutil.ignore_patterns("build", ".simulcast"))
    assert checked(elsewhere) == found
    if change in (unlinked, led_nowhere, silent, tampered):
        assert found != before


def test_one_episode_of_a_settled_page_is_asked_about(root: Path) -> None:
    silent(root)
    everything = checked(root)
    of_it = [one for one in everything if "content/02-two/" in one or one.startswith("build/")]
    assert checked(root, "02-two") == of_it
    assert checked(root) == everything


def test_nothing_of_a_settled_page_is_read_to_be_checked_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(root)
    checked(root)  # now that its pages are settled
    looked: list[str] = []
    monkeypatch.setattr(SettledPage, "hashes", property(lambda page: looked.append(page.name)))
    checked(root)
    assert looked == []


@pytest.mark.parametrize("page", [0, 3, 9])
def test_a_check_that_is_interrupted_hides_nothing_from_the_next(
    root: Path, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    unlinked(root)
    seen: list[str] = []
    real = links.built_page

    def interrupted(tree: object, path: str, *more: object) -> links.Page:
        seen.append(path)
        if len(seen) > page:
            raise KeyboardInterrupt
        return real(tree, path, *more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(links, "built_page", interrupted)
        with pytest.raises(KeyboardInterrupt):
            checked(root)
    found = checked(root)
    assert any("99-never" in one for one in found)
    shutil.rmtree(root / ".simulcast/store")
    assert checked(root) == found
