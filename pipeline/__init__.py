"""Simulcast: one episode file goes out at once as an email, a page, feeds and a podcast."""

__version__ = "0.1.0"
