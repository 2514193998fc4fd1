"""Promises of the ledger: everyone once, nobody forgotten, and what is uncertain is said to be."""

from __future__ import annotations

import mailbox
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.delivery import people
from pipeline.delivery.database import Database
from pipeline.delivery.edition import Edition
from pipeline.delivery.ledger import audience, claims, editions, workers
from pipeline.delivery.ledger.claims import AGAIN, LEASE
from pipeline.delivery.ledger.sums import all_sums, by_domain, by_minute, reasons, sums_of
from pipeline.delivery.maildir import Maildir
from pipeline.delivery.message import Message
from pipeline.delivery.people import Entry
from pipeline.delivery.sender import begin, fill, mail, send, waiting
from pipeline.delivery.transport import Outcome
from pipeline.errors import AuthorError, OutsideError, TemplateError
from pipeline.model import MailingList, Publication
from tests.editions import (
    NOW,
    Answering,
    Time,
    dispatch,
    frozen,
    listing,
    parts,
    plan,
    planned,
    publication,
    readers,
    subscribed,
)

NEVER = KeyboardInterrupt()


@pytest.fixture
def outbox(tmp_path: Path) -> Maildir:
    return Maildir(tmp_path / "outbox")


def received(folder: Path) -> Counter[str]:
    """Who got how many messages, as a mail program reads the Maildir."""
    box = mailbox.Maildir(folder, create=False)
    return Counter(str(one["To"]) for one in box)


def mailed(book: Database, transport: object, ours: Publication | None = None) -> list[int]:
    """Mail what is due; how many each edition was accepted for."""
    wanted = waiting(ours or publication(), [listing(6)], book)
    done = mail(ours or publication(), wanted, parts, book, dispatch(transport, book))
    return [one.accepted for one in done]


# --- editions ---------------------------------------------------------------------------------------


def test_everyone_gets_the_edition_once_and_a_second_time_nobody(
    ledger: Database, outbox: Maildir
) -> None:
    subscribed(ledger, readers(120))
    assert mailed(ledger, outbox) == [120]
    (sums,) = all_sums(ledger)
    assert (sums.audience, sums.open, sums.hold, sums.state) == (120, 0, True, "finished")
    assert received(outbox.folder) == Counter(readers(120))
    assert mailed(ledger, outbox) == []
    assert received(outbox.folder) == Counter(readers(120))


def test_seeds_get_the_edition_like_subscribers_and_are_none(
    ledger: Database, outbox: Maildir
) -> None:
    subscribed(ledger, ["ada@example.org"])
    ours = publication(seeds=("Me@ground.example", "ADA@example.org"))
    assert people.count(ledger, "readers", ours.lists["readers"].seeds) == 2
    assert mailed(ledger, outbox, ours) == [2]
    assert received(outbox.folder) == Counter(["ada@example.org", "Me@ground.example"])
    assert [one.address for one in people.each(ledger)] == ["ada@example.org"]


def test_a_bad_seed_is_named_by_its_place_only(ledger: Database) -> None:
    ours = publication(seeds=("me@ground.example", "nobody"))
    with pytest.raises(AuthorError, match=r"lists\.readers\.seeds, number 2") as refused:
        mailed(ledger, Answering(), ours)
    assert "nobody" not in str(refused.value)


def test_an_edition_for_nobody_is_not_made(ledger: Database) -> None:
    assert mailed(ledger, Answering()) == []
    assert waiting(publication(), [listing(6)], ledger) == [("readers", listing(6))]


def test_an_edition_is_frozen_with_its_audience(ledger: Database, outbox: Maildir) -> None:
    number = planned(ledger, 2)
    subscribed(ledger, ["late@example.org"])
    assert plan(ledger, frozen(html="another", subject="another"), (), NOW) == number
    assert editions.thawed(ledger, number) == frozen()
    sums = send(ledger, number, dispatch(outbox, ledger))
    assert sums is not None and sums.accepted == 2
    assert received(outbox.folder) == Counter(readers(2))


def test_a_scheduled_edition_has_its_bytes_now_and_its_audience_when_its_time_comes(
    ledger: Database,
) -> None:
    subscribed(ledger, readers(2))
    number = editions.freeze(ledger, frozen(), (), NOW, starts=NOW + timedelta(hours=3))
    people.remove(ledger, "readers", readers(2)[0], NOW)
    subscribed(ledger, ["late@example.org"])
    assert editions.to_send(ledger, NOW) == []
    assert editions.to_send(ledger, NOW + timedelta(hours=3)) == [number]
    given = Answering()
    send(ledger, number, dispatch(given, ledger))
    assert [one.recipient for one in given.given] == ["reader0001@example.org", "late@example.org"]


def test_each_list_gets_its_own_edition(ledger: Database, outbox: Maildir) -> None:
    two = publication(lists={"readers": MailingList("Readers"), "press": MailingList("Press")})
    for name in two.lists:
        subscribed(ledger, ["ada@example.org"], name)
    assert mailed(ledger, outbox, two) == [1, 1]
    assert received(outbox.folder) == Counter({"ada@example.org": 2})


def test_a_correction_goes_to_those_who_got_the_wrong_text_and_still_want_the_list(
    ledger: Database,
) -> None:
    number = planned(ledger, 4)
    transport = Answering(Outcome("refused", "550"))
    send(ledger, number, dispatch(transport, ledger))
    people.remove(ledger, "readers", readers(4)[1], NOW)
    subscribed(ledger, ["late@example.org"])
    again = editions.freeze(ledger, frozen(revision=1), (), NOW, received=[number])
    assert again != number and audience.received(ledger, "readers", [number]) == 2
    given = Answering()
    send(ledger, again, dispatch(given, ledger))
    assert [one.recipient for one in given.given] == readers(4)[2:]
    assert {one.id for one in given.given}.isdisjoint(one.id for one in transport.given)


def test_a_message_that_cannot_be_made_for_one_recipient_is_sent_to_nobody(
    ledger: Database,
) -> None:
    known = [Entry(one, attributes={"city": "Oslo"}) for one in readers(5)]
    people.add(ledger, "readers", known, NOW)
    subscribed(ledger, ["late@example.org"])
    number = editions.freeze(ledger, frozen(text="From https://slot.invalid/city"), (), NOW)
    transport = Answering()
    with pytest.raises(TemplateError, match="nobody was mailed"):
        send(ledger, number, dispatch(transport, ledger))
    assert transport.given == [] and all_sums(ledger) == []
    people.add(ledger, "readers", [Entry("late@example.org", attributes={"city": "Rome"})], NOW)
    number = editions.freeze(ledger, frozen(text="From https://slot.invalid/city"), (), NOW)
    send(ledger, number, dispatch(transport, ledger))
    assert len(transport.given) == 6


def test_only_one_of_each_kind_of_recipient_is_tried_beforehand(ledger: Database) -> None:
    known = [Entry(one, attributes={"city": "Oslo"}) for one in readers(50)]
    people.add(ledger, "readers", known, NOW)
    subscribed(ledger, ["a@example.org", "b@example.org"])
    number = plan(ledger, frozen(), (), NOW)
    assert number is not None
    assert [one.attributes for one in audience.distinct(ledger, number)] == [{"city": "Oslo"}, {}]


# --- each row to its end ------------------------------------------------------------------------------


def test_who_leaves_before_the_message_goes_out_is_skipped(
    ledger: Database, outbox: Maildir
) -> None:
    number = planned(ledger, 2)
    people.remove(ledger, "readers", readers(2)[0], NOW)
    sums = send(ledger, number, dispatch(outbox, ledger))
    assert sums and (sums.skipped, sums.accepted, sums.hold) == (1, 1, True)
    assert received(outbox.folder) == Counter(readers(2)[1:])


def test_each_answer_is_kept_and_only_what_is_open_is_tried_again(ledger: Database) -> None:
    number, time = planned(ledger, 5), Time()
    answers = [Outcome("refused", "5.1.1"), Outcome("deferred", "4.2.2"), Outcome("unknown")]
    sums = send(ledger, number, dispatch(Answering(*answers), ledger, time))
    assert sums and (sums.accepted, sums.refused, sums.deferred, sums.unknown) == (2, 1, 1, 1)
    assert sums.hold and sums.state == "running"
    again = Answering()
    assert send(ledger, number, dispatch(again, ledger, time)) == sums  # it is too early
    time.wait(AGAIN[0])
    sums = send(ledger, number, dispatch(again, ledger, time))
    assert [one.recipient for one in again.given] == readers(3)[1:]
    assert sums and (sums.accepted, sums.refused, sums.open, sums.uncertain) == (4, 1, 0, 1)
    assert sums.state == "finished"
    assert reasons(ledger, number) == {"5.1.1": 1}


def test_what_is_deferred_for_ever_is_refused_in_the_end(ledger: Database) -> None:
    number, time = planned(ledger, 1), Time()
    tries = Answering(*[Outcome("deferred", "451 later")] * 99)
    while editions.to_send(ledger, time.moment):
        send(ledger, number, dispatch(tries, ledger, time))
        time.wait(max(AGAIN))
    assert len(tries.given) == len(AGAIN) + 1
    assert reasons(ledger, number) == {f"given up after {len(AGAIN) + 1} attempts: 451 later": 1}


def test_somebody_who_asks_need_not_wait(ledger: Database) -> None:
    number, time = planned(ledger, 1), Time()
    send(ledger, number, dispatch(Answering(Outcome("deferred")), ledger, time))
    claims.retry(ledger, number, time.now())
    sums = send(ledger, number, dispatch(Answering(), ledger, time))
    assert sums and sums.accepted == 1


def test_hold_never_repeats_an_uncertain_message_and_waits_for_a_person(ledger: Database) -> None:
    number = planned(ledger, 4)
    time = Time()
    first = Answering(Outcome("unknown"), Outcome("unknown"))
    sums = send(ledger, number, dispatch(first, ledger, time, hold=True))
    assert sums and (sums.unknown, sums.accepted, sums.state) == (2, 2, "finished")
    time.wait(10 * max(AGAIN))
    claims.retry(ledger, number, time.now())
    assert editions.to_send(ledger, time.moment) == []
    assert claims.decide(ledger, number, resend=True) == 2
    again = Answering()
    sums = send(ledger, number, dispatch(again, ledger, time, hold=True))
    assert sums and (sums.unknown, sums.accepted, sums.uncertain) == (0, 4, 2)
    assert [one.id for one in again.given] == [one.id for one in first.given][:2]


def test_what_is_held_can_be_taken_as_accepted(ledger: Database) -> None:
    number = planned(ledger, 1)
    send(ledger, number, dispatch(Answering(Outcome("unknown")), ledger, hold=True))
    assert claims.decide(ledger, number, resend=False) == 1
    assert sums_of(ledger, number).accepted == 1


def test_a_transport_that_fails_loses_nobody_and_repeats_nobody(ledger: Database) -> None:
    number = planned(ledger, 8)
    failing = Answering(*[Outcome("accepted")] * 4, OutsideError("the disk is full"))
    with pytest.raises(OutsideError, match="disk is full"):
        send(ledger, number, dispatch(failing, ledger))
    broken = sums_of(ledger, number)
    assert (broken.accepted, broken.sending, broken.planned, broken.hold) == (4, 0, 4, True)
    rest = Answering()
    sums = send(ledger, number, dispatch(rest, ledger))
    assert sums and (sums.accepted, sums.uncertain) == (8, 0)
    assert [one.recipient for one in rest.given] == readers(8)[4:]


def test_a_sender_that_breaks_off_leaves_unknown_what_it_may_have_handed_over(
    ledger: Database,
) -> None:
    number = planned(ledger, 5)
    with pytest.raises(KeyboardInterrupt):
        fill(ledger, number, dispatch(Answering(Outcome("accepted"), NEVER), ledger))
    sums = sums_of(ledger, number)
    assert (sums.accepted, sums.unknown, sums.planned, sums.uncertain) == (1, 2, 2, 2)


def test_a_row_is_sending_on_the_disk_before_its_message_is_handed_over(ledger: Database) -> None:
    class Watching(Answering):
        def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
            for message in messages:
                states.append((sums_of(ledger, number).sending, sums_of(ledger, number).planned))
                yield from super().deliver([message])

    states: list[tuple[int, int]] = []
    number = planned(ledger, 7)
    send(ledger, number, dispatch(Watching(), ledger))
    assert states == [(3, 4)] * 3 + [(3, 1)] * 3 + [(1, 0)]


# --- slots: leases and fences -------------------------------------------------------------------------


def test_two_slots_never_have_the_same_row(ledger: Database) -> None:
    number, now = planned(ledger, 10), NOW.timestamp()
    one, two = claims.enter(ledger, number, "one", now), claims.enter(ledger, number, "two", now)
    claimed = [
        claim.recipient.subscriber
        for slot in (one, two, one, two)
        for claim in claims.advance(ledger, slot, (), now, batch=2).claims
    ]
    assert sorted(claimed) == list(range(1, 9))


def test_a_dead_worker_s_rows_are_unknown_once_its_lease_ran_out(ledger: Database) -> None:
    number, now = planned(ledger, 4), NOW.timestamp()
    slot = claims.enter(ledger, number, "one", now)
    claims.advance(ledger, slot, (), now, batch=3)
    assert claims.reap(ledger, now + LEASE) == 0
    assert claims.reap(ledger, now + LEASE + 1) == 1
    sums = sums_of(ledger, number)
    assert (sums.unknown, sums.planned, sums.uncertain) == (3, 1, 3)


def test_a_worker_that_begins_anew_need_not_wait_for_its_own_lease(ledger: Database) -> None:
    number, now = planned(ledger, 4), NOW.timestamp()
    for worker in ("one", "two"):
        claims.advance(ledger, claims.enter(ledger, number, worker, now), (), now, batch=1)
    assert claims.reap(ledger, now, worker="one") == 1
    assert (sums_of(ledger, number).unknown, sums_of(ledger, number).sending) == (1, 1)


def test_a_slot_that_stalled_gets_no_more_but_may_say_what_it_knows(ledger: Database) -> None:
    number, now = planned(ledger, 4), NOW.timestamp()
    slot = claims.enter(ledger, number, "one", now)
    claimed = claims.advance(ledger, slot, (), now, batch=2).claims
    claims.reap(ledger, now + LEASE + 1)
    late = [(claim, Outcome("accepted")) for claim in claimed]
    assert claims.advance(ledger, slot, late, now + LEASE + 2, batch=2).claims == ()
    sums = sums_of(ledger, number)
    assert (sums.accepted, sums.unknown, sums.planned) == (2, 0, 2)


def test_only_the_latest_claim_settles_a_row(ledger: Database) -> None:
    number, now = planned(ledger, 1), NOW.timestamp()
    slow = claims.enter(ledger, number, "slow", now)
    (stale,) = claims.advance(ledger, slow, (), now, batch=9).claims
    claims.reap(ledger, now + LEASE + 1)
    fast = claims.enter(ledger, number, "fast", now + LEASE)
    (claim,) = claims.advance(ledger, fast, (), now + LEASE, batch=9).claims
    assert (stale.attempt, claim.attempt) == (1, 2)
    claims.leave(ledger, slow, [(stale, Outcome("refused"))], (), now + LEASE)
    claims.leave(ledger, fast, [(claim, Outcome("accepted"))], (), now + LEASE)
    assert sums_of(ledger, number).accepted == 1


def test_a_lease_is_renewed_while_a_server_is_slow(ledger: Database) -> None:
    class Slow(Answering):
        def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
            for outcome in super().deliver(messages):
                time.wait(LEASE / 2)
                assert claims.reap(ledger, time.now()) == 0
                yield outcome

    number, time = planned(ledger, 9), Time()
    sums = send(ledger, number, dispatch(Slow(window=9), ledger, time))
    assert sums and (sums.accepted, sums.uncertain) == (9, 0)


def test_a_chore_has_one_holder_at_a_time(ledger: Database) -> None:
    now = NOW.timestamp()
    assert workers.lease(ledger, "adoption", "one", now, 30)
    assert not workers.lease(ledger, "adoption", "two", now + 30, 30)
    assert workers.lease(ledger, "adoption", "one", now + 30, 30)
    assert workers.lease(ledger, "adoption", "two", now + 61, 30)


# --- pause, resume, cancel ------------------------------------------------------------------------------


def test_a_paused_edition_stops_after_what_is_under_way_and_goes_on_when_resumed(
    ledger: Database,
) -> None:
    class Pausing(Answering):
        def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
            yield from super().deliver(messages)
            editions.pause(ledger, number)

    number = planned(ledger, 8)
    send(ledger, number, dispatch(Pausing(), ledger))
    sums = sums_of(ledger, number)
    assert (sums.accepted, sums.planned, sums.state) == (3, 5, "paused")
    assert editions.to_send(ledger, NOW + timedelta(days=9)) == []
    assert editions.resume(ledger, number) and not editions.resume(ledger, number)
    sums = send(ledger, number, dispatch(Answering(), ledger)) or sums
    assert (sums.accepted, sums.state) == (8, "finished")


def test_a_cancelled_edition_goes_to_nobody_more_and_its_sums_hold(ledger: Database) -> None:
    number, now = planned(ledger, 8), NOW.timestamp()
    slot = claims.enter(ledger, number, "one", now)
    claimed = claims.advance(ledger, slot, (), now, batch=3).claims
    assert editions.cancel(ledger, number) and not editions.cancel(ledger, number)
    claims.advance(ledger, slot, [(claim, Outcome("accepted")) for claim in claimed], now, batch=3)
    sums = sums_of(ledger, number)
    assert (sums.accepted, sums.skipped, sums.open, sums.hold) == (3, 5, 0, True)
    assert not begin(ledger, number, dispatch(Answering(), ledger)) or not editions.to_send(
        ledger, NOW
    )


def test_a_scheduled_edition_can_be_paused_and_cancelled(ledger: Database) -> None:
    subscribed(ledger, readers(1))
    number = editions.freeze(ledger, frozen(), (), NOW, starts=NOW)
    assert editions.pause(ledger, number) and editions.to_send(ledger, NOW) == []
    assert editions.resume(ledger, number) and editions.to_send(ledger, NOW) == [number]
    assert editions.cancel(ledger, number) and editions.to_send(ledger, NOW) == []


# --- what is told ---------------------------------------------------------------------------------------


def test_sums_are_told_by_domain_and_by_minute(ledger: Database) -> None:
    subscribed(ledger, ["a@one.example", "b@one.example", "c@two.example"])
    number = plan(ledger, frozen(), (), NOW)
    assert number is not None
    time = Time()

    class Slow(Answering):
        def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
            yield from super().deliver(messages)
            time.wait(60)

    send(ledger, number, dispatch(Slow(Outcome("refused"), window=2), ledger, time))
    domains = by_domain(ledger, number)
    assert list(domains) == ["one.example", "two.example"]
    assert (domains["one.example"].accepted, domains["one.example"].refused) == (1, 1)
    minutes = by_minute(ledger, number)
    assert [sum((one.accepted, one.refused)) for one in minutes.values()] == [2, 1]
    assert list(minutes) == [NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)]


def test_progress_counts_to_the_audience(ledger: Database, outbox: Maildir) -> None:
    told: list[tuple[float, float, str]] = []
    number = planned(ledger, 120)
    send(ledger, number, dispatch(outbox, ledger), lambda *now: told.append(now))
    assert told == [(50, 120, "messages"), (100, 120, "messages"), (120, 120, "messages")]


def test_a_connection_is_made_anew_after_so_many_messages(ledger: Database) -> None:
    number = planned(ledger, 20)
    transport = Answering(window=3)
    send(ledger, number, dispatch(transport, ledger, per_connection=7))
    assert len(transport.given) == 20 and transport.opened == 4  # six, six, six, two


def test_many_connections_share_an_edition(ledger: Database) -> None:
    number = planned(ledger, 100)
    transport = Answering(window=3, connections=4)
    sums = send(ledger, number, dispatch(transport, ledger))
    assert sums and sums.accepted == 100
    assert Counter(one.recipient for one in transport.given) == Counter(readers(100))


def test_a_ledger_tells_what_is_in_it_to_a_reader_of_another_process(tmp_path: Path) -> None:
    with Database.open(tmp_path / "ledger.db") as book:
        number = planned(book, 2)
        slot = claims.enter(book, number, "one", NOW.timestamp())
        claims.advance(book, slot, (), NOW.timestamp(), batch=1)
        other = sqlite3.connect(tmp_path / "ledger.db")
        rows = other.execute("SELECT state FROM deliveries ORDER BY subscriber").fetchall()
        other.close()
    assert rows == [("sending",), ("planned",)]


def test_an_edition_keeps_every_byte(ledger: Database) -> None:
    odd: Edition = frozen(html="<p>ü\r\n\t\x00🚀</p>", text="\u2028'\"\\", subject="=?x?=")
    subscribed(ledger, readers(1))
    number = plan(ledger, odd, (), NOW)
    assert number is not None and editions.thawed(ledger, number) == odd
