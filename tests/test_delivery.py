"""Promises of delivery: everyone once, nobody forgotten, and no address where it does not belong."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from pipeline.delivery.addresses import AddressError, normalised
from pipeline.delivery.edition import Mailed, due
from pipeline.model import Listing
from tests.editions import NOW, listing

# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "stands"),
    [
        ("  Ada@Example.ORG ", "Ada@example.org"),
        ("ada+list@example.org", "ada+list@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_written_one_way(written: str, stands: str) -> None:
    assert normalised(written) == stands


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada",
        "ada@",
        "ada@nowhere",
        "ada@exa mple.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada\x00@example.org",
        '"ada"evil@example.org',
        "адa@example.org",
        "ada@☃☃-.example",
        "a" * 65 + "@example.org",
        "ada@" + "x" * 250 + ".org",
    ],
)
def test_a_bad_address_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(AddressError) as refused:
        normalised(written)
    for part in filter(lambda part: len(part) > 2, written.replace("@", " ").split()):
        assert part not in str(refused.value)


# --- what is due ----------------------------------------------------------------------------------


def mailed(*listings: Listing) -> list[Mailed]:
    return [Mailed(one.guid, one.published, one.number) for one in listings]


def test_a_new_list_gets_the_newest_episode_only() -> None:
    assert due([listing(2), listing(3), listing(1)], []) == [listing(3)]


def test_an_episode_that_is_not_to_be_mailed_is_not() -> None:
    silent = listing(3, mail=False)
    assert due([listing(1), listing(2), silent], []) == [listing(2)]
    assert due([listing(2), silent], mailed(listing(2))) == []


def test_all_that_came_after_the_last_one_mailed_are_due_oldest_first() -> None:
    episodes = [listing(n) for n in (5, 4, 3, 2, 1)]
    assert due(episodes, mailed(listing(3))) == [listing(4), listing(5)]


def test_an_older_episode_is_never_mailed_unasked() -> None:
    assert due([listing(1), listing(2), listing(3)], mailed(listing(3))) == []
    assert due([listing(1)], mailed(listing(3))) == []  # the one mailed was deleted since


def test_an_episode_with_a_new_date_or_slug_is_not_mailed_again() -> None:
    moved = listing(3, published=NOW + timedelta(days=9), slug="03-other")
    assert due([moved], mailed(listing(3))) == []


def test_two_episodes_of_one_moment_go_by_number() -> None:
    first, second = listing(3), listing(4, published=listing(3).published)
    assert due([second, first], mailed(first)) == [second]
    assert due([second, first], mailed(second)) == []


def test_asking_for_an_example_does_not_load_the_database() -> None:
    heavy = {"sqlalchemy", "fsspec", "lxml", "email_validator"}
    modules = "delivery.edition, pipeline.delivery.message, pipeline.deploy, pipeline.check"
    program = f"import pipeline.{modules}, sys; print(*{heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == []
