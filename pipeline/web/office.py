"""What the service does with the ledger and the mail, each as one call that may take its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.delivery import forgetting, notices, people, person, private, subscriptions
from pipeline.delivery.asking import may_be_asked
from pipeline.delivery.database import Database
from pipeline.delivery.dkim import Signer
from pipeline.delivery.people import Consent
from pipeline.delivery.subscriptions import Preferences
from pipeline.delivery.tokens import Tokens
from pipeline.delivery.transport import Transport
from pipeline.errors import OutsideError
from pipeline.model import Email, Publication
from pipeline.web.pages import Pages
from pipeline.web.reception import Wish

Erase = Callable[[str], None]
"""Takes an address out of what lies outside the database, when its owner asks to be forgotten."""


PER_ADDRESS = (3, 3 / 24)
"""How often strangers may have one address written to: at once, and in an hour."""


class Desk:
    """The ledger, the mail and the clock of one publication. Every method may be called on any thread."""

    def __init__(
        self,
        book: Database,
        publication: Publication,
        service: str,
        transport: Transport,
        pages: Pages,
        clock: Callable[[], datetime],
        erase: Erase,
        signers: Sequence[Signer] = (),
        per_address: tuple[int, float] = PER_ADDRESS,
    ) -> None:
        self.book, self.publication, self.clock = book, publication, clock
        self.tokens = Tokens(book.secret, service)
        self.source = f"the form at {service}subscribe"
        self._pages, self._erase, self._signers = pages, erase, signers
        self._per_address = per_address
        self._connection = transport.connect()

    # --- who asks for a list

    def admit(self, wish: Wish) -> bool:
        return may_be_asked(self.book, wish.address, wish.at, *self._per_address)

    def grant(self, wish: Wish) -> str:
        """Put the address down as asking, and write to it; raises OutsideError where that cannot be done now."""
        mailing_list = self.publication.lists[wish.mailing_list]
        asked = subscriptions.subscribe(
            self.book,
            self.tokens,
            wish.mailing_list,
            wish.address,
            Consent(wish.at, self.source, wish.words),
            called=wish.name,
            opt_in=mailing_list.opt_in,
        )
        purpose = "confirm" if asked.mail == "confirm" else "preferences"
        message = notices.message(
            self._pages.notice(asked.mail, wish.mailing_list),
            self.publication.email or Email(""),
            mailing_list.title,
            asked.address,
            f"{self.tokens.service}{purpose}/{asked.token}",
            self.tokens.digest("notice", asked.subscriber, asked.mail, wish.at.isoformat()),
            wish.at,
            self._signers,
        )
        for outcome in self._connection.deliver([message]):
            if outcome.state in ("deferred", "unknown"):
                raise OutsideError(outcome.reason)
        return asked.mail

    # --- who brings a link

    def confirm(self, token: str) -> str:
        return subscriptions.confirm(self.book, self.tokens, token, self.clock())

    def unsubscribe(self, token: str) -> str:
        return subscriptions.unsubscribe(self.book, self.tokens, token, self.clock())

    def preferences(self, token: str) -> Preferences:
        return subscriptions.preferences(self.book, self.tokens, token, self.clock())

    def prefer(self, token: str, wanted: Mapping[str, bool], called: str) -> Preferences:
        consent = Consent(self.clock(), "the page of preferences")
        subscriptions.prefer(self.book, self.tokens, token, wanted, consent, called=called)
        return self.preferences(token)

    def known(self, token: str) -> dict[str, Any]:
        return person.of_token(self.book, self.tokens, token, self.clock())

    def forget(self, token: str) -> None:
        named = self.tokens.read("preferences", token, self.clock())
        address = person.address_of(self.book, named.subscriber)
        forgetting.forget(self.book, address, self.clock())
        self._erase(address)

    def holder(self, token: str) -> int | None:
        return private.holder(self.book, token)

    # --- whether all is well

    def alive(self) -> None:
        """Raises SimulcastError where the ledger does not answer."""
        people.list_names(self.book)

    def close(self) -> None:
        self._connection.close()
