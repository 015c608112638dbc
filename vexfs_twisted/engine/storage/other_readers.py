"""The transactions that other processes read: what is freed must wait for them.

LMDB lists them in a table that all processes share. The slots of a process that was killed stay
until they are cleared; until then no page that was in use at the time is used again.
"""

from __future__ import annotations

import os

import lmdb


def oldest_elsewhere(environment: lmdb.Environment) -> int | None:
    """The number of the oldest transaction that another process reads; None if there is none.

    Clears the slots of processes that have ended.
    """
    environment.reader_check()
    own, numbers = str(os.getpid()), []
    for line in environment.readers().splitlines():
        # A line is of a process, a thread and a transaction; others are headings.
        words = line.split()
        if len(words) == 3 and words[0] != own and words[2].isdigit():
            numbers.append(int(words[2]))
    return min(numbers, default=None)
