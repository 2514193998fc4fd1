"""Apple's podcast categories, and the category element that names one."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.errors import AuthorError, suggestion
from pipeline.feeds.xml import Element, element

CATEGORIES: dict[str, tuple[str, ...]] = {
    "Arts": (
        "Books", "Design", "Fashion & Beauty", "Food", "Performing Arts", "Visual Arts",
    ),
    "Business": (
        "Careers", "Entrepreneurship", "Investing", "Management", "Marketing", "Non-Profit",
    ),
    "Comedy": ("Comedy Interviews", "Improv", "Stand-Up"),
    "Education": ("Courses", "How To", "Language Learning", "Self-Improvement"),
    "Fiction": ("Comedy Fiction", "Drama", "Science Fiction"),
    "Government": (),
    "Health & Fitness": (
        "Alternative Health", "Fitness", "Medicine", "Mental Health", "Nutrition", "Sexuality",
    ),
    "History": (),
    "Kids & Family": ("Education for Kids", "Parenting", "Pets & Animals", "Stories for Kids"),
    "Leisure": (
        "Animation & Manga", "Automotive", "Aviation", "Crafts", "Games", "Hobbies",
        "Home & Garden", "Video Games",
    ),
    "Music": ("Music Commentary", "Music History", "Music Interviews"),
    "News": (
        "Business News", "Daily News", "Entertainment News", "News Commentary", "Politics",
        "Sports News", "Tech News",
    ),
    "Religion & Spirituality": (
        "Buddhism", "Christianity", "Hinduism", "Islam", "Judaism", "Religion", "Spirituality",
    ),
    "Science": (
        "Astronomy", "Chemistry", "Earth Sciences", "Life Sciences", "Mathematics",
        "Natural Sciences", "Nature", "Physics", "Social Sciences",
    ),
    "Society & Culture": (
        "Documentary", "Personal Journals", "Philosophy", "Places & Travel", "Relationships",
    ),
    "Sports": (
        "Baseball", "Basketball", "Cricket", "Fantasy Sports", "Football", "Golf", "Hockey",
        "Rugby", "Running", "Soccer", "Swimming", "Tennis", "Volleyball", "Wilderness",
        "Wrestling",
    ),
    "TV & Film": ("After Shows", "Film History", "Film Interviews", "Film Reviews", "TV Reviews"),
    "Technology": (),
    "True Crime": (),
}  # fmt: skip
"""Apple's list, category to subcategories; podcast directories refuse any other."""


def category(words: str) -> Element:
    """The `itunes:category` for "News > Tech News", or for "Technology" alone.

    Raises AuthorError for a category that is not in Apple's list.
    """
    first, _, second = (part.strip() for part in words.partition(">"))
    _known(words, first, CATEGORIES)
    if not second:
        return element("itunes:category", text=first)
    _known(words, second, CATEGORIES[first])
    held = element("itunes:category", text=second)
    return element("itunes:category", holds=[held], text=first)


def _known(words: str, found: str, allowed: Iterable[str]) -> None:
    if found not in allowed:
        raise AuthorError(
            "content/publication.toml",
            None,
            f'podcast.categories: "{words}": Apple knows no "{found}"' + suggestion(found, allowed),
        )
