"""The letters of an edition, each with the parts that are for its reader."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from pipeline.delivery.edition import Edition
from pipeline.delivery.message import Letters, Message, Recipient
from pipeline.delivery.segments import conditions, holds, resolved


class Segmented:
    """The letters of an edition, each with the parts that are for its reader."""

    def __init__(self, edition: Edition, letters: Callable[[Edition], Letters]) -> None:
        self._edition, self._conditions = edition, conditions(edition)
        self._of = cache(lambda held: letters(resolved(edition, held)))

    def message(self, recipient: Recipient) -> Message:
        """The message of one recipient; raises TemplateError where a slot has no value for them."""
        return self._letters(recipient).message(recipient)

    def fault(self, recipient: Recipient) -> str:
        """Why no message can be made for a recipient; "" if one can."""
        return self._letters(recipient).fault(recipient)

    def _letters(self, recipient: Recipient) -> Letters:
        held = frozenset(
            one
            for one in self._conditions
            if holds(one, self._edition.mailing_list, recipient.attributes)
        )
        return self._of(held)
