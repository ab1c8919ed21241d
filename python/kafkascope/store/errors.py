"""Errors of the store, each with what to do about it."""

from __future__ import annotations


class StoreError(Exception):
    """The store could not do what was asked.

    ``message`` says what was expected and what was found, ``hint`` what to do; ``str()`` gives both.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class SchemaMismatch(StoreError):
    """A batch does not have the columns of its table."""


class UnknownTable(StoreError):
    """No table of that name is in the catalogue."""


class StoreInUse(StoreError):
    """Another process has the store's folder open."""


class UnreadableStore(StoreError):
    """The folder is not a store, or was written by a newer version."""


class QueryError(StoreError):
    """The engine refused or failed a query."""


class QueryTimeout(QueryError):
    """A query ran longer than it may."""


class QueryTooLarge(QueryError):
    """A query needed more memory or temporary disk than it may use."""
