"""Errors of archives."""

from __future__ import annotations


class UnusableArchive(Exception):
    """An archive is damaged, of another version, or no archive; the text says which."""
