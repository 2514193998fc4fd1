"""Promises of the pace: no faster than was said, whoever sends, and as fast."""

from __future__ import annotations

import heapq
from collections import Counter
from datetime import UTC, datetime
from threading import Event

import pytest

from pipeline.config import publication as read
from pipeline.delivery.database import Database
from pipeline.delivery.exchanges import Exchanger, asked, dns
from pipeline.delivery.ledger import claims, editions, lanes
from pipeline.delivery.ledger.sums import sums_of
from pipeline.delivery.pace import Pace, Paces, paces
from pipeline.delivery.sender import begin
from pipeline.delivery.transport import Outcome
from pipeline.errors import AuthorError
from pipeline.model import Lane, Limits
from tests.editions import NOW, Answering, dispatch, frozen, plan, readers, subscribed
from tests.names import names
from tests.publications import SETTINGS, small, write

TOOK = Outcome("accepted")


def sent(
    book: Database,
    number: int,
    pace: Paces,
    seconds: float,
    senders: int = 1,
    batch: int = 3,
    slow: float = 0.0007,
) -> list[tuple[float, str]]:
    """When each message left, and to which domain: several senders of one edition, on a clock of their own.

    slow: how long a sender takes for a message, and how late it wakes.
    """
    start = NOW.timestamp()
    waiting = [(start + n * 0.0001, n) for n in range(senders)]
    slots = {n: claims.enter(book, number, f"sender {n}", start) for _, n in waiting}
    done: dict[int, list] = {n: [] for n in slots}  # type: ignore[type-arg]
    left = []
    while waiting:
        now, n = heapq.heappop(waiting)
        if now > start + seconds:
            continue
        turn = claims.advance(book, slots[n], done[n], now, batch=batch, paces=pace)
        done[n] = [(claim, TOOK) for claim in turn.claims]
        left += [(now, claim.recipient.address.rpartition("@")[2]) for claim in turn.claims]
        if turn.claims or turn.wait is not None:
            after = len(turn.claims) * slow if turn.claims else (turn.wait or 0) + slow
            heapq.heappush(waiting, (now + after, n))
    return left


def edition(book: Database, addresses: list[str], pace: Paces) -> int:
    subscribed(book, addresses)
    number = plan(book, frozen(), (), NOW, pace)
    assert number is not None
    return number


def by_second(left: list[tuple[float, str]]) -> list[int]:
    counts = Counter(int(at - NOW.timestamp()) for at, _ in left)
    return [counts[second] for second in range(max(counts) + 1)]


@pytest.mark.parametrize(("senders", "batch"), [(1, 1), (3, 8)])
def test_a_rate_is_kept_to_5_percent_across_senders(
    ledger: Database, senders: int, batch: int
) -> None:
    pace = Paces(Pace(per_second=50), {}, {})
    number = edition(ledger, readers(200), pace)
    counts = by_second(sent(ledger, number, pace, 3, senders, batch))[:3]
    assert sum(counts) == pytest.approx(150, rel=0.05)
    assert (
        max(counts) <= 50 * 1.05 + 1
    )  # the first message of a second may be due at its very start


def test_a_sender_that_was_away_does_not_make_up_for_it(ledger: Database) -> None:
    pace = Pace(per_second=100)
    long_ago, now = 0, 10**12
    most, due = pace.granted(long_ago, now, 1_000)
    assert most <= 6 and due > now


def test_each_provider_has_a_pace_of_its_own_below_that_of_all(ledger: Database) -> None:
    limits = Limits(per_second=40, lanes={"gmail": Lane(per_second=10)})
    pace = paces(limits)
    addresses = [f"r{n}@{'gmail.com' if n % 2 else 'other.example'}" for n in range(200)]
    left = sent(ledger, edition(ledger, addresses, pace), pace, 3, senders=2)
    counts = Counter(domain for _, domain in left)
    assert counts["gmail.com"] == pytest.approx(30, abs=2)
    assert sum(counts.values()) == pytest.approx(120, rel=0.05)


def test_a_lane_is_known_by_its_domains_or_by_a_provider_s_name() -> None:
    found = paces(Limits(lanes={"gmail": Lane(), "ours": Lane(domains=("Ours.Example",))}))
    assert "googlemail.com" in found.domains["gmail"]
    assert found.domains["ours"] == ("ours.example",)


def lanes_of(book: Database, number: int) -> dict[str, str]:
    """The lane of each address of an edition."""
    from sqlalchemy import select

    from pipeline.delivery.tables import deliveries, lanes, subscribers

    query = select(subscribers.c.address, lanes.c.name).where(
        deliveries.c.subscriber == subscribers.c.id,
        deliveries.c.lane == lanes.c.id,
        deliveries.c.edition == number,
    )
    with book.transaction() as connection:
        return {row.address: row.name for row in connection.execute(query)}


MAIL = {
    "corp.test": ["20 b.mail.test.", "10 ASPMX.L.Google.com."],
    "notgoogle.test": ["10 mx.notgoogle.com."],
    "school.test": ["0 school-test.mail.protection.outlook.com."],
    "ours.test": ["10 aspmx.l.google.com."],
    "none.test": [],
    "null.test": ["0 ."],
}


def begun(book: Database, pace: Paces, exchanger: Exchanger, episode: str = "guid-6") -> int:
    number = editions.freeze(book, frozen(episode=episode), (), NOW)
    assert begin(book, number, dispatch(Answering(), book, paces=pace, exchanger=exchanger))
    return number


def test_a_lane_takes_the_domains_whose_mail_its_servers_take(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.delivery.exchanges.RESERVED", ("example",))
    monkeypatch.setattr("pipeline.delivery.exchanges.ANSWER", 0.2)
    pace = paces(
        Limits(lanes={"google.com": Lane(), "microsoft": Lane(), "ours": Lane(("ours.test",))})
    )
    domains = [*MAIL, "silent.test", "hotmail.com", "x.example"]
    subscribed(ledger, [f"a@{domain}" for domain in domains])
    with names(MAIL) as (port, asked):
        number = begun(ledger, pace, dns("127.0.0.1", port))
        assert lanes_of(ledger, number) == {
            "a@corp.test": "google.com",
            "a@notgoogle.test": "",
            "a@school.test": "microsoft",
            "a@ours.test": "ours",  # it is named, so nobody needs to ask
            "a@none.test": "",
            "a@null.test": "",
            "a@silent.test": "",
            "a@hotmail.com": "microsoft",
            "a@x.example": "",
        }
        assert set(asked) == {*MAIL, "silent.test"} - {"ours.test"}
        asked.clear()
        again = begun(ledger, pace, dns("127.0.0.1", port), "guid-7")
        assert set(asked) == {"silent.test"}  # the others are remembered
        assert lanes_of(ledger, again) == lanes_of(ledger, number)


def test_an_edition_does_not_wait_long_for_dns_and_asks_anew_after_a_week(ledger: Database) -> None:
    waiting, stopped = Event(), Event()

    def slow(_: str) -> None:
        waiting.set()
        stopped.wait(20)

    assert asked(["a.test"], slow, patience=0.05) == {} and waiting.is_set()
    stopped.set()
    pace = paces(Limits(lanes={"google.com": Lane()}))
    subscribed(ledger, ["a@corp.test", "b@corp.test", "c@other.test"])
    number = editions.freeze(ledger, frozen(), (), NOW)
    now = NOW.timestamp()
    assert lanes.unknown_domains(ledger, number, now, pace) == ["corp.test", "other.test"]
    lanes.learned(ledger, {"corp.test": "mx.google.com"}, now)
    assert lanes.unknown_domains(ledger, number, now + 6 * 86_400, pace) == ["other.test"]
    assert lanes.unknown_domains(ledger, number, now + 8 * 86_400, pace) == [
        "corp.test",
        "other.test",
    ]
    lanes.learned(ledger, {"corp.test": ""}, now)
    assert editions.start(ledger, number, pace) == 3
    assert set(lanes_of(ledger, number).values()) == {""}
    assert lanes.unknown_domains(ledger, number, now + 8 * 86_400, pace) == []


def test_without_lanes_nobody_is_asked() -> None:
    assert not paces(Limits(per_second=5)).servers
    assert not paces(Limits(lanes={"ours": Lane(("ours.test",))})).servers


def test_a_lane_that_is_set_no_more_goes_at_the_pace_of_all(ledger: Database) -> None:
    limited = paces(Limits(lanes={"gmail": Lane(per_second=1)}))
    number = edition(ledger, ["a@gmail.com", "b@other.example"], limited)
    for pace in (paces(Limits(per_second=100)), paces(Limits())):
        left = sent(ledger, number, pace, 2, batch=1)
        assert len(left) in (2, 0)
    assert sums_of(ledger, number).accepted == 2


def test_no_more_than_a_day_s_number_leave_in_a_day(ledger: Database) -> None:
    pace = Paces(Pace(per_day=30), {}, {})
    number = edition(ledger, readers(100), pace)
    slot = claims.enter(ledger, number, "one", NOW.timestamp())
    days = []
    for day in range(5):
        claimed: list[object] = []
        now = NOW.timestamp() + day * 86_400
        settled: list = []  # type: ignore[type-arg]
        while (turn := claims.advance(ledger, slot, settled, now, batch=8, paces=pace)).claims:
            settled = [(claim, TOOK) for claim in turn.claims]
            claimed += turn.claims
        days.append(len(claimed))
    assert days == [30, 30, 30, 10, 0]
    assert sums_of(ledger, number).accepted == 100


def test_when_the_day_is_used_up_a_sender_is_told_to_come_back_at_midnight(
    ledger: Database,
) -> None:
    pace = Paces(Pace(per_day=2), {}, {})
    number = edition(ledger, readers(3), pace)
    slot = claims.enter(ledger, number, "one", NOW.timestamp())
    claimed = claims.advance(ledger, slot, (), NOW.timestamp(), batch=8, paces=pace).claims
    turn = claims.advance(
        ledger, slot, [(one, TOOK) for one in claimed], NOW.timestamp(), batch=8, paces=pace
    )
    assert turn.wait is not None
    then = datetime.fromtimestamp(NOW.timestamp() + turn.wait, UTC)
    assert (then.day, then.hour, then.minute) == (NOW.day + 1, 0, 0)


def test_a_new_sender_warms_up_by_days_on_which_mail_went_out(ledger: Database) -> None:
    pace = Paces(Pace(per_day=50, warm_up=(5, 10)), {}, {})
    number = edition(ledger, readers(100), pace)
    slot = claims.enter(ledger, number, "one", NOW.timestamp())
    days = []
    for day in (0, 1, 7):
        now = NOW.timestamp() + day * 86_400
        count, settled = 0, list[object]()
        while (turn := claims.advance(ledger, slot, settled, now, batch=3, paces=pace)).claims:  # type: ignore[arg-type]
            settled = [(claim, TOOK) for claim in turn.claims]
            count += len(turn.claims)
        days.append(count)
    assert days == [5, 10, 50]


def test_two_editions_share_the_pace(ledger: Database) -> None:
    pace = Paces(Pace(per_second=20), {}, {})
    first = edition(ledger, readers(100), pace)
    second = plan(ledger, frozen(episode="guid-7"), (), NOW, pace)
    assert second is not None
    now, taken = NOW.timestamp(), 0
    slots = [claims.enter(ledger, first, "one", now), claims.enter(ledger, second, "two", now)]
    for tick in range(400):
        slot = slots[tick % 2]
        turn = claims.advance(ledger, slot, (), now + tick / 200, batch=1, paces=pace)
        taken += len(turn.claims)
    assert taken == pytest.approx(40, rel=0.05)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("per_second = -1", "email.limits.per_second: -1 is not from 0"),
        ("warm_up = [10, -5]", "email.limits.warm_up: -5 is not from 0"),
        ("per_secnd = 1", 'unknown key "per_secnd"; did you mean "per_second"'),
        ("lanes.gmial.per_day = 1", "email.limits.lanes.gmial: no provider is known by that name"),
        ('lanes.gmail.domain = ["x"]', 'unknown key "domain"; did you mean "domains"'),
    ],
)
def test_a_limit_that_nobody_can_keep_is_refused_by_name(tmp_path, words: str, said: str) -> None:  # type: ignore[no-untyped-def]
    small(tmp_path)
    write(tmp_path, "content/publication.toml", f"{SETTINGS}\n[email.limits]\n{words}\n")
    with pytest.raises(AuthorError) as refused:
        read(tmp_path)
    assert said in str(refused.value)
