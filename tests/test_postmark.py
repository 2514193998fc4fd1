"""Promises of the transport to Postmark's API, kept towards a fake of it: no message is doubled, none is lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.delivery import people
from pipeline.delivery.database import Database
from pipeline.delivery.ledger.sums import sums_of
from pipeline.delivery.message import Letters, Message, Recipient
from pipeline.delivery.postmark import Postmark
from pipeline.delivery.postmark import postmark as made
from pipeline.delivery.sender import send
from pipeline.delivery.transport import Outcome, Place, chosen
from pipeline.errors import OutsideError, SimulcastError
from tests.editions import dispatch, frozen, planned, readers
from tests.keys import RSA
from tests.postmark import TOKEN, Fake, postmark

LINKS = ("https://l.example/unsubscribe/x", "https://l.example/preferences/x")


def letters(count: int) -> list[Message]:
    one = Letters(frozen(), 6, b"secret", links=lambda _: LINKS, signers=(RSA,))
    return [
        one.message(Recipient(n, to, "Lovelace, Åda")) for n, to in enumerate(readers(count), 1)
    ]


def transport(environment: dict[str, str], options: str = "") -> Postmark:
    where = environment["SIMULCAST_POSTMARK_URL"] + options
    return made(Place(Path("outbox"), {**environment, "SIMULCAST_POSTMARK_URL": where}))


def delivered(fake: Fake, messages: list[Message], options: str = "") -> list[Outcome]:
    with postmark(fake) as environment:
        connection = transport(environment, options).connect()
        try:
            return list(connection.deliver(messages))
        finally:
            connection.close()


def states(found: list[Outcome]) -> dict[str, int]:
    return dict(Counter(one.state for one in found))


def test_a_message_arrives_with_its_headers_its_parts_and_its_message_id() -> None:
    fake, (one,) = Fake(), letters(1)
    assert delivered(fake, [one]) == [Outcome("accepted", "OK")]
    (told,) = fake.kept
    headers = {header["Name"]: header["Value"] for header in told["Headers"]}
    assert headers["Message-ID"] == one.id and headers["X-PM-KeepID"] == "true"
    assert headers["List-Unsubscribe"].startswith(f"<{LINKS[0]}>, <mailto:")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Id"] == "<readers.ground.example>" and headers["Precedence"] == "bulk"
    assert "DKIM-Signature" not in headers and "Content-Type" not in headers
    assert told["To"] == '"Lovelace, Åda" <reader0000@example.org>'
    assert told["Subject"] == "Episode 6" and "Grüße 🚀" in told["HtmlBody"]
    assert "Grüße 🚀" in told["TextBody"] and told["MessageStream"] == "broadcast"
    assert (told["TrackOpens"], told["TrackLinks"]) == (False, "None")


def test_one_call_takes_a_window_of_messages_and_calls_share_a_connection() -> None:
    fake = Fake()
    assert states(delivered(fake, letters(7), "&window=3")) == {"accepted": 7}
    assert fake.calls == [3, 3, 1] and fake.connections == 1


def test_a_connection_that_was_closed_while_it_was_idle_is_not_used() -> None:
    fake = Fake(closes=True)
    with postmark(fake) as environment:
        connection = transport(environment).connect()
        for one in letters(3):
            assert list(connection.deliver([one])) == [Outcome("accepted", "OK")]
        connection.close()
    assert fake.connections == 3


def test_each_message_of_a_call_has_its_own_answer_and_none_names_an_address() -> None:
    said = {
        "reader0001@example.org": (406, "You tried to send to <x@example.org>: inactive"),
        "reader0002@example.org": (300, "Illegal email"),
        "reader0003@example.org": (429, "slower"),
    }

    def each(one: dict[str, Any]) -> dict[str, Any]:
        code, words = next((is_ for to, is_ in said.items() if to in one["To"]), (0, "OK"))
        return {"ErrorCode": code, "Message": words}

    found = delivered(Fake(each=each), letters(5))
    kinds = ["accepted", "refused", "refused", "deferred", "accepted"]
    assert [one.state for one in found] == kinds
    assert not any("@" in one.reason for one in found)


@pytest.mark.parametrize(
    ("status", "state"),
    [(429, "deferred"), (503, "deferred"), (500, "unknown"), (502, "unknown"), (0, "unknown")],
)
def test_what_is_said_of_a_call_is_said_of_each_of_its_messages(status: int, state: str) -> None:
    fake = Fake(status=lambda call: 200 if call else status)
    found = delivered(fake, letters(4), "&window=2")
    assert [one.state for one in found] == [state, state, "accepted", "accepted"]
    assert len(fake.kept) == 2


def test_a_call_that_cannot_be_read_is_made_again_for_each_message_so_that_one_is_refused() -> None:
    def each(one: dict[str, Any]) -> dict[str, Any]:
        return {"ErrorCode": 300 if "reader0001" in one["To"] else 0, "Message": ""}

    fake = Fake(status=lambda call: 200 if call else 422, each=each)
    found = delivered(fake, letters(3))
    assert [one.state for one in found] == ["accepted", "refused", "accepted"]
    assert fake.calls == [3, 1, 1, 1]


@pytest.mark.parametrize("said", [b"", b"<html>", b"{}", b"[]", b'["x", "y"]', b"[1, 2]", b"null"])
def test_an_answer_that_makes_no_sense_leaves_all_unknown(said: bytes) -> None:
    assert states(delivered(Fake(says=said), letters(2))) == {"unknown": 2}


@pytest.mark.parametrize(
    ("fake", "why"),
    [
        (Fake(status=lambda _: 401), "refuses what it is asked: 401 10 no"),
        (Fake(status=lambda _: 404), "refuses what it is asked: 404"),
        (Fake(each=lambda _: {"ErrorCode": 300, "Message": "Invalid From"}), "300"),
    ],
)
def test_what_is_our_fault_refuses_nobody(ledger: Database, fake: Fake, why: str) -> None:
    number = planned(ledger, 5)
    with postmark(fake) as environment, pytest.raises(OutsideError, match=why) as failed:
        send(ledger, number, dispatch(transport(environment), ledger))
    assert sums_of(ledger, number).planned == 5
    assert TOKEN not in str(failed.value) and "@" not in str(failed.value)


def test_a_service_that_takes_nothing_is_left_after_three_calls() -> None:
    fake = Fake(each=lambda _: {"ErrorCode": 405, "Message": "out of credits"})
    with pytest.raises(OutsideError, match="takes no mail: 405 out of credits"):
        delivered(fake, letters(9), "&window=1")
    assert fake.calls == [1, 1, 1]


def test_no_service_is_an_outside_failure_and_everyone_is_still_to_be_mailed(
    ledger: Database,
) -> None:
    number = planned(ledger, 3)
    nowhere = {"SIMULCAST_POSTMARK_TOKEN": "t", "SIMULCAST_POSTMARK_URL": "http://127.0.0.1:1/?"}
    with pytest.raises(OutsideError, match="Postmark cannot be reached"):
        send(ledger, number, dispatch(transport(nowhere), ledger))
    assert sums_of(ledger, number).planned == 3


def test_an_edition_goes_out_by_it_and_who_is_inactive_there_is_mailed_no_more(
    ledger: Database,
) -> None:
    def each(one: dict[str, Any]) -> dict[str, Any]:
        return {"ErrorCode": 406 if "reader0004" in one["To"] else 0, "Message": "inactive"}

    fake, number = Fake(each=each), planned(ledger, 9)
    with postmark(fake) as environment:
        sums = send(ledger, number, dispatch(transport(environment, "&window=4"), ledger))
    assert sums is not None and (sums.accepted, sums.refused) == (8, 1) and sums.hold
    headers = [header for one in fake.kept for header in one["Headers"]]
    assert len({one["Value"] for one in headers if one["Name"] == "Message-ID"}) == 8
    assert people.count(ledger, "readers") == 8


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({}, "TOKEN is not set"),
        ({"SIMULCAST_POSTMARK_TOKEN": "secret\n"}, "TOKEN is wrong"),
        ({"SIMULCAST_POSTMARK_URL": "secret"}, "URL is wrong"),
        ({"SIMULCAST_POSTMARK_URL": "https://x:secret/"}, "URL is not a URL"),
        ({"SIMULCAST_POSTMARK_URL": "http://x.example/"}, "in the clear"),
        ({"SIMULCAST_POSTMARK_URL": "https://x.example/?window=501"}, "at most 500"),
        ({"SIMULCAST_POSTMARK_URL": "https://x.example/?windw=5"}, 'did you mean "window"'),
    ],
)
def test_what_is_wrong_is_named_by_its_variable_and_never_shown(
    environment: dict[str, str], why: str
) -> None:
    given = environment if not environment else {"SIMULCAST_POSTMARK_TOKEN": "t", **environment}
    with pytest.raises(SimulcastError, match=f"SIMULCAST_POSTMARK_.*{why}") as refused:
        chosen("postmark", Place(Path("outbox"), given))
    assert "secret" not in str(refused.value)
