"""Editions reach the subscribers of a list: the only room that knows an address."""
