"""The pages of the service, and its mail, as the publication's theme has them."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pipeline.delivery.notices import Notice
from pipeline.delivery.subscriptions import GOOD_FOR
from pipeline.model import Publication
from pipeline.stages.email import message as as_email
from pipeline.stages.email import wrapped
from pipeline.templates import Templates, search_path


class Pages:
    """Fills the templates of the service."""

    def __init__(self, root: Path, publication: Publication) -> None:
        self._templates = Templates(
            search_path(root, publication.theme), root / ".simulcast" / "store" / "templates"
        )
        self._publication = publication
        self.notice = cache(self._notice)
        self._plain = lru_cache(256)(self._filled)

    def page(self, view: str, deep: int, **values: Any) -> str:
        """A page. deep: how many folders below the service's address it answers, so that its links lead right."""
        if values.keys() <= {"what"}:
            return self._plain(view, deep, **values)
        return self._filled(view, deep, **values)

    def say(self, words: str, **values: str) -> str:
        """What the theme has the service say."""
        said: str = self._templates.theme["service"][words]
        return said.format(**values)

    def _filled(self, view: str, deep: int, **values: Any) -> str:
        at = "in/" * deep + "service.html"
        known = {
            "what": "",
            "wrong": "",
            "typed": {"email": "", "name": "", "list": ""},
            "lists": self._publication.lists,
            "states": {},
            "called": "",
        }
        return self._templates.render(
            "web/service.html",
            at=at,
            path=at,
            view=view,
            publication=self._publication,
            **{**known, **values},
        )

    def _notice(self, kind: str, name: str) -> Notice:
        """The mail of one kind about one list, the same for everyone but for its link."""
        listed = self._publication.lists[name]
        subject = self._templates.theme["notices"][f"{kind}_subject"].format(list=listed.title)
        values: dict[str, Any] = {
            "publication": self._publication,
            "list": listed,
            "kind": kind,
            "days": GOOD_FOR.days,
            "subject": subject,
        }
        mjml = self._templates.render("email/notice.mjml", **values)
        style = self._templates.render("email/inline.css", **values)
        text = self._templates.render("text/notice.txt", **values)
        return Notice(subject, as_email(mjml, style, "the notice of the service"), wrapped(text))
