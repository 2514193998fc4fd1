"""JSON Feed 1.1 as a JSON Schema, written from https://www.jsonfeed.org/version/1.1/."""

from __future__ import annotations

from typing import Any

URL = {"type": "string", "pattern": r"^https?://[!-~]+$"}
TEXT = {"type": "string", "minLength": 1}
DATE = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
LANGUAGE = {"type": "string", "pattern": r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"}


def an_object(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object of these keys and no others but extensions, which begin with an underscore."""
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "patternProperties": {"^_": {"type": "object"}},
        "additionalProperties": False,
    }


AUTHORS = {
    "type": "array",
    "minItems": 1,
    "items": {**an_object([], name=TEXT, url=URL, avatar=URL), "minProperties": 1},
}
ATTACHMENT = an_object(
    ["url", "mime_type"],
    url=URL,
    mime_type={"type": "string", "pattern": r"^[a-z]+/[A-Za-z0-9.+-]+$"},
    title=TEXT,
    size_in_bytes={"type": "integer", "minimum": 1},
    duration_in_seconds={"type": "integer", "minimum": 0},
)
ITEM = an_object(
    ["id"],
    id=TEXT,
    url=URL,
    external_url=URL,
    title=TEXT,
    content_html=TEXT,
    content_text=TEXT,
    summary=TEXT,
    image=URL,
    banner_image=URL,
    date_published=DATE,
    date_modified=DATE,
    authors=AUTHORS,
    tags={"type": "array", "minItems": 1, "items": TEXT, "uniqueItems": True},
    language=LANGUAGE,
    attachments={"type": "array", "minItems": 1, "items": ATTACHMENT},
) | {"anyOf": [{"required": ["content_html"]}, {"required": ["content_text"]}]}
SCHEMA = an_object(
    ["version", "title", "items"],
    version={"const": "https://jsonfeed.org/version/1.1"},
    title=TEXT,
    home_page_url=URL,
    feed_url=URL,
    description=TEXT,
    user_comment=TEXT,
    next_url=URL,
    icon=URL,
    favicon=URL,
    authors=AUTHORS,
    language=LANGUAGE,
    expired={"type": "boolean"},
    hubs={
        "type": "array",
        "minItems": 1,
        "items": an_object(["type", "url"], type=TEXT, url=URL),
    },
    items={"type": "array", "items": ITEM},
)
