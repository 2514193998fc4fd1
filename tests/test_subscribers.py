"""Promises to subscribers: nobody is on a list who did not ask, and nobody who left comes back unasked."""

from __future__ import annotations

import io
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.delivery import forgetting, people, subscriptions
from pipeline.delivery.addresses import AddressError
from pipeline.delivery.asking import may_be_asked
from pipeline.delivery.database import Database
from pipeline.delivery.ledger import claims, returned
from pipeline.delivery.ledger.sums import sums_of
from pipeline.delivery.people import Added, Consent, Entry
from pipeline.delivery.subscribers import Imported, export_csv, import_csv
from pipeline.delivery.subscriptions import Preferences
from pipeline.delivery.tables import asked, metadata
from pipeline.delivery.tokens import TokenError, Tokens
from pipeline.delivery.transport import Outcome
from pipeline.errors import SimulcastError
from tests.editions import NOW, frozen, plan, planned, readers, subscribed

ADA = "ada@example.org"
FORM = Consent(NOW, "the form at /subscribe", "Send me each episode.")
DAY = timedelta(days=1)


def imported(book: Database, text: str, **more: object) -> Imported:
    return import_csv(book, "readers", io.StringIO(text), NOW, **more)  # type: ignore[arg-type]


def exported(book: Database) -> str:
    out = io.StringIO()
    export_csv(people.each(book), people.attribute_names(book), out)
    return out.getvalue()


def states(book: Database, name: str = "readers") -> dict[str, str]:
    return {one.address: one.state for one in people.each(book, name)}


# --- lists ------------------------------------------------------------------------------------------


def test_an_address_in_another_case_is_the_same_subscriber(ledger: Database) -> None:
    assert subscribed(ledger, ["Ada@example.org", "ada@EXAMPLE.org"]) == Added(added=1)
    assert subscribed(ledger, ["ADA@example.org"]) == Added(already=1)
    assert list(states(ledger)) == ["ada@example.org"]


def test_who_left_stays_away_from_an_import_and_comes_back_when_asked(ledger: Database) -> None:
    subscribed(ledger, [ADA])
    assert people.remove(ledger, "readers", "ADA@example.org", NOW)
    assert not people.remove(ledger, "readers", ADA, NOW)
    assert imported(ledger, f"{ADA}\n").subscribers == Added(left=1)
    assert people.count(ledger, "readers") == 0
    assert people.add(ledger, "readers", [Entry(ADA)], NOW, again=True) == Added(added=1)
    assert people.count(ledger, "readers") == 1


def test_one_bad_address_adds_none(ledger: Database) -> None:
    with pytest.raises(AddressError):
        subscribed(ledger, [ADA, "nobody"])
    assert states(ledger) == {}


def test_a_subscription_says_when_how_and_to_what_its_owner_consented(ledger: Database) -> None:
    people.add(ledger, "readers", [Entry(ADA, "Ada", {"city": "Oslo"}, FORM)], NOW + DAY)
    (one,) = people.known(ledger, "ADA@example.org")
    assert (one.name, one.attributes, one.state) == ("Ada", {"city": "Oslo"}, "confirmed")
    assert (one.consented, one.source, one.text) == (NOW.isoformat(), FORM.source, FORM.text)
    assert one.since == (NOW + DAY).isoformat()


def test_what_is_learnt_later_is_added_to_what_was_known(ledger: Database) -> None:
    people.add(ledger, "readers", [Entry(ADA, "Ada", {"city": "Oslo"})], NOW)
    people.add(ledger, "press", [Entry(ADA, attributes={"paper": "Post"})], NOW)
    (one, other) = people.known(ledger, ADA)
    assert one.attributes == other.attributes == {"city": "Oslo", "paper": "Post"}
    assert one.name == "Ada"


# --- suppression --------------------------------------------------------------------------------------


def test_a_hard_bounce_and_a_complaint_end_all_mail_to_an_address(ledger: Database) -> None:
    number = planned(ledger, 3)
    subscribed(ledger, readers(3), "friends")
    returned.bounced(ledger, number, 1, "hard", "550 5.1.1 no such user", NOW)
    returned.bounced(ledger, number, 2, "complaint", "abuse", NOW)
    assert people.count(ledger, "readers") == people.count(ledger, "friends") == 1
    told = {one.address: one.suppressed for one in people.each(ledger, "readers")}
    assert list(told.values()) == ["bounced", "complained", ""]
    assert subscribed(ledger, readers(2), "third") == Added(added=2, suppressed=2)
    assert plan(ledger, frozen(mailing_list="third"), (), NOW) is None


def test_a_soft_bounce_suppresses_only_when_five_editions_in_a_row_came_back(
    ledger: Database,
) -> None:
    subscribed(ledger, readers(1))
    for episode in range(7):
        number = plan(ledger, frozen(episode=f"guid-{episode}"), (), NOW)
        assert number is not None
        slot = claims.enter(ledger, number, "here", NOW.timestamp())
        (claim,) = claims.advance(ledger, slot, (), NOW.timestamp(), batch=1).claims
        claims.advance(ledger, slot, [(claim, Outcome("accepted"))], NOW.timestamp(), batch=1)
        if episode != 1:  # the second one arrived
            returned.bounced(ledger, number, 1, "soft", "452 4.2.2 mailbox full", NOW)
        assert people.count(ledger, "readers") == (0 if episode == 6 else 1)


def test_what_bounced_is_skipped_in_editions_under_way(ledger: Database) -> None:
    first = planned(ledger, 1)
    second = plan(ledger, frozen(episode="guid-7"), (), NOW)
    assert second
    returned.bounced(ledger, first, 1, "hard", "550", NOW)
    assert sums_of(ledger, second).skipped == 1


# --- forgetting ---------------------------------------------------------------------------------------


def test_who_is_forgotten_is_nowhere_in_the_database(ledger: Database) -> None:
    number = planned(ledger, 2)
    one = readers(2)[0]
    people.add(ledger, "readers", [Entry(one, "Rita Reader", {"city": "Oslo"})], NOW)
    assert forgetting.forget(ledger, one.upper(), NOW)
    assert not forgetting.forget(ledger, one, NOW)
    with ledger.transaction() as connection:
        held = "".join(
            repr(row)
            for table in metadata.sorted_tables
            for row in connection.execute(table.select())
        )
    assert "reader0000" not in held and "Rita" not in held and "Oslo" not in held
    assert "reader0001" in held
    sums = sums_of(ledger, number)
    assert (sums.skipped, sums.planned, sums.hold) == (1, 1, True)


def test_no_import_brings_back_who_is_forgotten_but_their_own_wish_does(ledger: Database) -> None:
    subscribed(ledger, [ADA])
    forgetting.forget(ledger, ADA, NOW)
    assert imported(ledger, "ADA@example.org\nbob@example.org\n").subscribers == Added(
        1, forgotten=1
    )
    assert imported(ledger, f"email,state\n{ADA},unsubscribed\n").subscribers == Added(left=1)
    assert list(states(ledger)) == ["bob@example.org"]
    asked = subscriptions.subscribe(ledger, Tokens(ledger.secret), "readers", ADA, FORM)
    assert asked.mail == "confirm" and ADA in states(ledger)


# --- CSV ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org\nbob@example.org\n",
        "\ufeffName,E-Mail,Since\r\nAda,ada@example.org,2020\r\nBob,bob@example.org,2021\r\n",
        "email address;name\nada@example.org;Ada\n\nbob@example.org;Bob\n",
        'name\tEmail\n"Ada\nKing"\tada@example.org\nBob\tbob@example.org\n',
    ],
)
def test_a_csv_of_another_system_is_imported(ledger: Database, text: str) -> None:
    assert imported(ledger, text).subscribers == Added(added=2)
    assert list(states(ledger)) == ["ada@example.org", "bob@example.org"]


def test_names_and_chosen_columns_are_imported_and_others_are_not(ledger: Database) -> None:
    text = "Email,First Name,Last Name,City,Rating\nada@example.org,Ada,King,Oslo,5\n"
    imported(ledger, text, attributes=["CITY"], consent=FORM)
    (one,) = people.each(ledger)
    assert (one.name, one.attributes, one.source) == ("Ada King", {"city": "Oslo"}, FORM.source)


def test_refused_rows_are_reported_by_line_and_keep_no_other_out(ledger: Database) -> None:
    done = imported(ledger, "email,name\nada@example.org,A\nbob,B\n,C\nd\n")
    assert done.subscribers == Added(added=1)
    assert [line for line, _ in done.refused] == [3, 4, 5]
    assert all("bob" not in reason for _, reason in done.refused)


def test_a_csv_without_a_column_of_addresses_is_refused(ledger: Database) -> None:
    with pytest.raises(SimulcastError, match="2 columns and none is headed"):
        imported(ledger, "a,b\n1,2\n")


def test_a_list_longer_than_a_portion_comes_in_once_whatever_its_case(ledger: Database) -> None:
    text = "\n".join([*readers(6_000), *(one.upper() for one in readers(6_000))])
    assert imported(ledger, text).subscribers == Added(added=6_000, already=6_000)


def test_an_export_can_be_imported(ledger: Database, tmp_path: Path) -> None:
    known = [Entry(one, f"Näme {n}", {"no": str(n)}, FORM) for n, one in enumerate(readers(1_000))]
    people.add(ledger, "readers", known, NOW)
    text = exported(ledger)
    with Database.open(tmp_path / "other.db") as other:
        assert imported(other, text).subscribers == Added(added=1_000)
        assert exported(other) == text


def test_who_left_stays_off_through_an_export_and_an_import(
    ledger: Database, tmp_path: Path
) -> None:
    subscribed(ledger, readers(3))
    people.remove(ledger, "readers", readers(3)[1], NOW)
    text = exported(ledger)
    with Database.open(tmp_path / "other.db") as other:
        subscribed(other, readers(2))
        assert imported(other, text).subscribers == Added(1, 1, 1)
        assert exported(other) == text
        assert imported(other, text).subscribers == Added(0, 2, 1)


def test_an_imported_state_is_kept_and_an_unknown_one_refused_by_line(ledger: Database) -> None:
    text = (
        "email,state\na@example.org,confirmed\nb@example.org,maybe\nc@example.org,\n"
        "d@example.org,unconfirmed\nd@example.org,Unsubscribed\ne@example.org,unconfirmed\n"
    )
    done = imported(ledger, text)
    assert [line for line, _ in done.refused] == [3]
    assert done.subscribers == Added(added=3, left=1)
    assert {address[0]: state for address, state in states(ledger).items()} == {
        "a": "confirmed",
        "c": "confirmed",
        "d": "unsubscribed",
        "e": "unconfirmed",
    }


def test_who_left_one_list_has_not_left_another(ledger: Database) -> None:
    subscribed(ledger, readers(1))
    subscribed(ledger, readers(1), "friends")
    people.remove(ledger, "friends", readers(1)[0], NOW)
    done = imported(ledger, exported(ledger))
    assert [line for line, _ in done.refused] == [2] and people.count(ledger, "readers") == 1


def test_an_import_takes_who_left_out_of_what_is_still_going_out(ledger: Database) -> None:
    number = planned(ledger, 2)
    imported(ledger, f"email,state\n{readers(2)[0]},unsubscribed\n")
    assert (sums_of(ledger, number).skipped, sums_of(ledger, number).planned) == (1, 1)


# --- what readers do themselves -------------------------------------------------------------------------


def test_double_opt_in_mails_nobody_who_did_not_confirm(ledger: Database) -> None:
    tokens = Tokens(ledger.secret)
    asked = subscriptions.subscribe(ledger, tokens, "readers", "Ada@Example.org", FORM)
    assert (asked.mail, asked.address) == ("confirm", "Ada@example.org")
    assert people.count(ledger, "readers") == 0
    assert subscriptions.confirm(ledger, tokens, asked.token, NOW + DAY) == "readers"
    assert subscriptions.confirm(ledger, tokens, asked.token, NOW + DAY) == "readers"
    (one,) = people.each(ledger)
    assert (one.state, one.consented, one.text) == ("confirmed", NOW.isoformat(), FORM.text)
    again = subscriptions.subscribe(ledger, tokens, "readers", ADA, FORM)
    assert again.mail == "already"


def test_single_opt_in_subscribes_at_once_unless_mail_came_back_from_there(
    ledger: Database,
) -> None:
    tokens = Tokens(ledger.secret)
    number = planned(ledger, 1)
    returned.bounced(ledger, number, 1, "hard", "550", NOW)
    bad = readers(1)[0]
    asked = subscriptions.subscribe(ledger, tokens, "readers", ADA, FORM, opt_in="single")
    assert asked.mail == "welcome" and states(ledger)[ADA] == "confirmed"
    asked = subscriptions.subscribe(ledger, tokens, "readers", bad, FORM, opt_in="single")
    assert asked.mail == "confirm" and people.count(ledger, "readers") == 1
    subscriptions.confirm(ledger, tokens, asked.token, NOW)
    assert people.count(ledger, "readers") == 2  # the mail with the link reached them


def test_a_link_is_good_for_its_purpose_and_its_time_only(ledger: Database) -> None:
    tokens = Tokens(ledger.secret, "https://letters.example/")
    asked = subscriptions.subscribe(ledger, tokens, "readers", ADA, FORM)
    with pytest.raises(TokenError, match="forged"):
        subscriptions.unsubscribe(ledger, tokens, asked.token, NOW)
    with pytest.raises(TokenError, match="expired"):
        subscriptions.confirm(ledger, tokens, asked.token, NOW + 8 * DAY)
    for forged in ("", "x", f"2{asked.token[1:]}", asked.token[:-1]):
        with pytest.raises(TokenError):
            subscriptions.confirm(ledger, tokens, forged, NOW)
    with pytest.raises(TokenError):
        subscriptions.confirm(ledger, Tokens(b"another secret"), asked.token, NOW)
    assert "ada" not in tokens.url("unsubscribe", asked.subscriber, "readers").replace(
        "readers", ""
    )


def test_a_link_names_any_list(ledger: Database) -> None:
    tokens = Tokens(ledger.secret)
    for name in ("readers", "ground.truth", ".", "1.2.3", ""):
        found = tokens.read("unsubscribe", tokens.token("unsubscribe", 7, name), NOW)
        assert (found.subscriber, found.mailing_list) == (7, name)


def test_a_confirmation_does_not_bring_back_who_left_since(ledger: Database) -> None:
    tokens = Tokens(ledger.secret)
    asked = subscriptions.subscribe(ledger, tokens, "readers", ADA, FORM)
    subscriptions.confirm(ledger, tokens, asked.token, NOW)
    leave = tokens.token("unsubscribe", asked.subscriber, "readers")
    for _ in range(2):
        assert subscriptions.unsubscribe(ledger, tokens, leave, NOW) == "readers"
    assert states(ledger) == {ADA: "unsubscribed"}
    with pytest.raises(TokenError, match="spent"):
        subscriptions.confirm(ledger, tokens, asked.token, NOW)


def test_a_reader_chooses_their_lists_and_is_forgotten_by_the_link_in_their_mail(
    ledger: Database,
) -> None:
    tokens = Tokens(ledger.secret)
    subscribed(ledger, [ADA])
    token = tokens.token("preferences", 1, "readers")
    subscriptions.prefer(
        ledger, tokens, token, {"readers": False, "press": True}, FORM, called="Ada"
    )
    assert subscriptions.preferences(ledger, tokens, token, NOW) == Preferences(
        1, "Ada", {"press": "confirmed", "readers": "unsubscribed"}
    )
    subscriptions.forget(ledger, tokens, token, NOW)
    assert subscriptions.known(ledger, ADA) == []
    with pytest.raises(TokenError, match="erased"):
        subscriptions.preferences(ledger, tokens, token, NOW)


def test_a_stranger_cannot_rename_a_subscriber(ledger: Database) -> None:
    tokens = Tokens(ledger.secret)
    people.add(ledger, "readers", [Entry(ADA, "Ada")], NOW)
    subscriptions.subscribe(ledger, tokens, "press", ADA, FORM, called="Rude Word")
    assert {one.name for one in people.known(ledger, ADA)} == {"Ada"}


# --- the database -------------------------------------------------------------------------------------


def test_the_secret_is_made_once_and_kept_unless_one_is_given(database: Path | str) -> None:
    with Database.open(database) as first, Database.open(database) as second:
        assert first.secret == second.secret and len(first.secret) > 40
    with Database.open(database, "given") as third:
        assert third.secret == b"given"


def test_the_ledger_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with Database.open(tmp_path / "here" / "ledger.db") as book:
        subscribed(book, readers(1))
        modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "here").iterdir()}
    assert modes == {0}


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    Database.open(tmp_path / "ledger.db").close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("INSERT INTO versions VALUES (99)")
    connection.commit()
    connection.close()
    with pytest.raises(SimulcastError, match="version 99"):
        Database.open(tmp_path / "ledger.db")


def test_a_file_that_is_no_ledger_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"hello " * 500)
    with pytest.raises(SimulcastError, match=r"ledger\.db is broken"):
        Database.open(tmp_path / "ledger.db")


def test_an_address_of_a_database_that_will_not_do_is_refused_without_its_password() -> None:
    for address in ("mysql://ada:hunter2@host/x", "postgresql://ada:hunter2@host:port/x"):
        with pytest.raises(SimulcastError) as refused:
            Database.open(address)
        assert "hunter2" not in str(refused.value)


def test_a_ledger_survives_the_machine(ledger: Database) -> None:
    with ledger.transaction() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_no_failure_of_the_ledger_shows_an_address(ledger: Database) -> None:
    subscribed(ledger, readers(1))
    with ledger.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE subscriptions RENAME TO elsewhere")
    with pytest.raises(SimulcastError) as failed:
        people.remove(ledger, "readers", readers(1)[0], NOW)
    assert readers(1)[0] not in str(failed.value) + repr(failed.value.__cause__)


def test_strangers_have_an_address_written_to_so_often_by_all_processes_together(
    database: Path | str,
) -> None:
    at, three_a_day = NOW, (3, 3 / 24)
    address = "ada@example.org"
    found = []
    for hour in (0, 0, 1, 1, 7, 8, 8):  # each time by a process that has just begun
        with Database.open(database) as book:
            moment = at + timedelta(hours=hour)
            found.append(may_be_asked(book, address, moment, *three_a_day))
    assert found == [True, True, True, False, False, True, False]
    with Database.open(database) as book:
        assert not may_be_asked(book, "ADA@example.org", at + timedelta(hours=8), *three_a_day)
        assert may_be_asked(book, "bob@example.org", at + timedelta(hours=8), *three_a_day)
        assert may_be_asked(book, "bob@example.org", at + timedelta(days=9), *three_a_day)
        with book.transaction() as connection:
            assert connection.execute(select(asked.c.digest)).scalars().all() == [
                book.digest("asked", "bob@example.org")
            ]
