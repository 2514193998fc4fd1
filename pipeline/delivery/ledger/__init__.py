"""The ledger: what was frozen, and what became of every message.

Every subscriber in the frozen audience ends sent (accepted), failed (refused), held (unknown) or skipped, unless the
edition is cancelled. A subscriber is sent an edition again only if the worker or its database connection died between
the server's acceptance and the next ledger commit, or the worker stalled past its lease; at most `batch` messages per
connection are in that state; they are marked (`uncertain`). `ambiguous = "hold"` never repeats an uncertain message; it
waits for a person. Durable with `synchronous=FULL` (SQLite) and `synchronous_commit=on` (PostgreSQL).

A function that takes a Database is one transaction, and raises as Database.transaction does; one that takes a
Connection is part of its caller's. `now` is in seconds since 1970 wherever it is a number.
"""
