"""The full pages of the archive, the series and the sitemap, which never change again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import backlist as lists
from pipeline.stage import Artifact, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Page, Publication
    from pipeline.templates import Templates


@stage(per="page", libraries=("babel", "jinja2", "markdown-it-py"))
def backlist(publication: Publication, full_page: Page, templates: Templates) -> Iterator[Artifact]:
    """A full page of the archive, its part of the series, and its part of the sitemap."""
    number, listings = full_page.number, full_page.listings
    pages = [lists.archive_path(number)]
    yield lists.archive(publication, templates, pages[0], number, listings)
    yield lists.part(publication, templates, number, listings)
    if lists.entries(publication, number, listings):
        pages.append(lists.part_path(number))
    yield lists.sitemap(publication, templates, lists.sitemap_path(number), pages, listings)
