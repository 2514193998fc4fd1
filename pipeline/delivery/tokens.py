"""Links that only we could have written: each names a purpose, a subscriber and a list, never an address."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from itsdangerous import BadSignature, Signer
from itsdangerous.signer import SigningAlgorithm

from pipeline.errors import SimulcastError

Purpose = Literal["confirm", "unsubscribe", "preferences"]


Why = Literal["forged", "expired", "spent", "erased"]


class TokenError(SimulcastError):
    """A link that is not ours or for another purpose, has expired, was used, or names who was forgotten: `why`."""

    def __init__(self, why: Why) -> None:
        super().__init__(f"this link will not do: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Named:
    """What a token says: the subscriber's number, and the list it is about."""

    subscriber: int
    mailing_list: str


class _Hmac(SigningAlgorithm):
    """The library's signature in one call: every message of an edition has two."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


def lasting(at: datetime) -> datetime:
    """Until when a link to preferences is good that is mailed now: the end of next year, so a copy sent again has it
    too."""
    return datetime(at.year + 2, 1, 1, tzinfo=UTC)


class Tokens:
    """Writes and reads tokens under the publication's secret: for the same words the same token, whenever it is made.

    service: the address of the service for readers, ending in "/"; empty where there is none.
    """

    def __init__(self, secret: bytes, service: str = "") -> None:
        self.secret, self.service = secret, service
        self._signers: dict[str, Signer] = {}

    def token(
        self, purpose: Purpose, subscriber: int, mailing_list: str, expires: datetime | None = None
    ) -> str:
        """A token that is good for one purpose, until it expires."""
        until = int(expires.timestamp()) if expires else 0
        return self._signer(purpose).sign(f"{subscriber}.{mailing_list}.{until}").decode()

    def read(self, purpose: Purpose, token: str, at: datetime) -> Named:
        """What a token says; raises TokenError."""
        try:
            words = self._signer(purpose).unsign(token).decode()
        except (BadSignature, UnicodeError):
            raise TokenError("forged") from None
        # Numbers stand at both ends, so a list may be named anything.
        subscriber, _, rest = words.partition(".")
        mailing_list, _, until = rest.rpartition(".")
        if int(until) and at.timestamp() > int(until):
            raise TokenError("expired")
        return Named(int(subscriber), mailing_list)

    def url(
        self, purpose: Purpose, subscriber: int, mailing_list: str, expires: datetime | None = None
    ) -> str:
        """Where the service answers to a token; "" where there is no service."""
        if not self.service:
            return ""
        return f"{self.service}{purpose}/{self.token(purpose, subscriber, mailing_list, expires)}"

    def links(self, mailing_list: str, at: datetime) -> Callable[[int], tuple[str, str]] | None:
        """Gives a subscriber's addresses for leaving a list and for changing their mind; None without a service.

        Who leaves may do so by the oldest message; what shows all that is known of them expires.
        """
        if not self.service:
            return None
        until = lasting(at)

        def of(subscriber: int) -> tuple[str, str]:
            return (
                self.url("unsubscribe", subscriber, mailing_list),
                self.url("preferences", subscriber, mailing_list, until),
            )

        return of

    def digest(self, purpose: str, *names: str | int) -> str:
        """32 hexadecimal digits that name something to us and nothing to others, the same each time."""
        words = "\0".join([purpose, *map(str, names)])
        return hmac.digest(self.secret, words.encode(), hashlib.sha256).hex()[:32]

    def _signer(self, purpose: str) -> Signer:
        if purpose not in self._signers:
            salt = f"simulcast {purpose}"
            derived = Signer(self.secret, salt=salt, digest_method=hashlib.sha256).derive_key()
            self._signers[purpose] = Signer(
                derived, sep=".", key_derivation="none", algorithm=_Hmac()
            )
        return self._signers[purpose]
