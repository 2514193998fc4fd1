"""A stage is a function whose parameters are its inputs; what is installed is checked."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from pipeline.errors import StageError
from pipeline.stage import Artifact, Artifacts, Made, Stage, chosen, in_order, installed, stage


@stage(per="episode")
def first(episode) -> Iterator[Artifact]:  # type: ignore[no-untyped-def]
    """The first thing.

    And more of it.
    """
    yield Artifact("first.txt", "1")


@stage(per="publication", version="3", libraries=("click",))
def last(first, publication, kept) -> Iterator[Artifact]:  # type: ignore[no-untyped-def]
    """The last thing."""
    yield Artifact("last.txt", "2")


@stage(per="episode")
def left(right) -> Iterator[Artifact]:  # type: ignore[no-untyped-def]
    yield from ()


@stage(per="episode")
def right(left) -> Iterator[Artifact]:  # type: ignore[no-untyped-def]
    yield from ()


@stage(per="episode")
def lost(episodde) -> Iterator[Artifact]:  # type: ignore[no-untyped-def]
    yield from ()


@stage(per="publication")
def greedy(episode) -> Iterator[Artifact]:  # type: ignore[no-untyped-def]
    yield from ()


@stage(per="episode")
def early(last) -> Iterator[Artifact]:  # type: ignore[no-untyped-def]
    yield from ()


def named(*found: Stage) -> dict[str, Stage]:
    return {one.name: one for one in found}


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "simulcast.stages")


@stage(per="page")
def torn(full_page, listing) -> Iterator[Artifact]:  # type: ignore[no-untyped-def]
    """What a page cannot have."""
    yield Artifact("torn.txt", "")


@stage(per="page")
def leaf(last) -> Iterator[Artifact]:  # type: ignore[no-untyped-def]
    """A page of what is made later."""
    yield Artifact("leaf.txt", "")


def test_a_stage_says_what_it_makes_and_what_it_comes_after() -> None:
    assert (first.name, first.per, first.help.splitlines()[0]) == (
        "first",
        "episode",
        "The first thing.",
    )
    assert last.after == ("first",)
    assert (last.version, last.libraries) == ("3", ("click",))


def test_stages_run_after_what_they_receive() -> None:
    assert list(in_order(named(last, first))) == ["first", "last"]


def test_only_what_a_stage_needs_is_chosen() -> None:
    stages = in_order(named(last, first))
    assert [one.name for one in chosen(stages, "first")] == ["first"]
    assert [one.name for one in chosen(stages, "last")] == ["first", "last"]


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        (
            (lost,),
            'stage "lost" asks for "episodde", which is neither a given nor a stage; did you mean "episode"?',
        ),
        (
            (left, right),
            "wait for each other in a circle: left → right → left|circle: right → left → right",
        ),
        ((greedy,), 'stage "greedy" is made once for the publication and cannot ask for "episode"'),
        ((first, last, early), 'cannot ask for "last"'),
        ((torn,), 'stage "torn" is made per page and cannot ask for "listing"'),
        ((last, first, leaf), 'stage "leaf" is made per page and cannot ask for "last"'),
    ],
)
def test_stages_that_cannot_run_are_refused_in_words(stages: tuple[Stage, ...], said: str) -> None:
    with pytest.raises(StageError, match=said.replace("?", r"\?")):
        in_order(named(*stages))


def test_two_stages_of_one_name_are_refused() -> None:
    points = [point("first", "tests.test_stage:first"), point("first", "tests.test_stage:first ")]
    with pytest.raises(StageError, match='two stages are named "first"'):
        installed(points)


def test_a_stage_that_does_not_load_is_named() -> None:
    with pytest.raises(StageError, match=r"stage gone \(nowhere:gone\) does not load"):
        installed([point("gone", "nowhere:gone")])


def test_something_that_is_no_stage_is_refused() -> None:
    with pytest.raises(StageError, match="is a function; decorate"):
        installed([point("named", "tests.test_stage:named")])


def test_a_stage_is_registered_under_its_own_name() -> None:
    with pytest.raises(StageError, match='stage "first" is registered as "other"'):
        installed([point("other", "tests.test_stage:first")])


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", ""])
def test_an_artifact_stays_below_build(path: str) -> None:
    with pytest.raises(StageError):
        Artifact(path, "x")


def test_artifacts_are_found_by_how_their_path_ends() -> None:
    made = Artifacts([Made("a/x.html", "1", 1, "f"), Made("a/x.txt", "2", 1, "g")])
    assert made[".txt"].sha256 == "2"
    assert made.ending(".mp3") is None
    with pytest.raises(StageError, match=r'no artifact ends in ".mp3"; there is a/x.html, a/x.txt'):
        made[".mp3"]


@pytest.mark.parametrize("path", ["outbox/new/x", "site/a\0b", "site/" + "x" * 300])
def test_an_artifact_has_a_name_that_can_be(path: str) -> None:
    with pytest.raises(StageError):
        Artifact(path, "x")


def test_a_stage_is_made_per_episode_or_per_publication() -> None:
    with pytest.raises(StageError, match='not per "nope"'):
        stage(per="nope")  # type: ignore[arg-type]
