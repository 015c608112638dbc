"""Cuts a change of a data folder off before each of its steps, by SIGKILL, and sees what is left.

`python -m tests.programs.cut_off SCENARIO FOLDER` prints how many steps the change has. It fails
where a start after the cut does not bring what must be there, or where the start is cut off itself.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.engine_support import floats, unnamed, upsert, write
from tests.former_folder import make_former
from vexfs_twisted.engine.adoption import Adoption
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.collection import Alias, CreateAlias
from vexfs_twisted.model.queries import Count

STEPS = frozenset(
    {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}
)
"""What is told of to audit hooks: every step that changes a folder is one, or follows on one."""

State = tuple[tuple[tuple[str, int], ...], tuple[Alias, ...]]


class Records(logging.Handler):
    """Keeps the levels of what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.levels.append(record.levelno)


records = Records()
logging.getLogger("vexfs.catalog").addHandler(records)
logging.getLogger("vexfs.catalog").propagate = False


def filled(path: Path) -> None:
    """A folder with the collections a and b, of one point and two, and an alias for each."""
    catalog = Catalog(path)
    catalog.open()
    write(catalog.create("a", unnamed()), upsert([1], floats([1, 2, 3, 4])))
    write(catalog.create("b", unnamed()), upsert([1, 2], floats([1, 2, 3, 4], [1, 2, 3, 4])))
    catalog.update_aliases([CreateAlias("a", "to-a"), CreateAlias("b", "to-b")])
    catalog.close()


def found(path: Path) -> State:
    """The collections with their numbers of points, and the aliases, after a start."""
    catalog = Catalog(path)
    catalog.open()
    try:
        names = tuple((name, catalog.get(name).read(Count())) for name in catalog.names())
        return names, tuple(catalog.aliases())
    finally:
        catalog.close()


def killed_before(step: int, path: Path, change: Callable[[Path], Callable[[], object]]) -> bool:
    """Have another process make the change, and end before that step of it; whether it did."""
    pid = os.fork()
    if pid:
        status = os.waitpid(pid, 0)[1]
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert is_killed or status == 0, f"step {step}: status {status}"
        return is_killed
    try:
        work = change(path)
        left = step

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            # A path that is not absolute is one in a directory that is being removed.
            place = str(arguments[0]) if event in STEPS else "/"
            if place.startswith(str(path)) or not place.startswith("/"):
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(count)
        work()
    except BaseException:
        logging.exception("the change failed")
        os._exit(1)
    os._exit(0)


def cuts(home: Path, change: Callable[[Path], Callable[[], object]]) -> Iterator[Path]:
    """A copy of the folder `home` / "whole" for each step of a change, cut off before it."""
    step = 0
    while True:
        path = home / "cut"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(home / "whole", path)
        is_cut = killed_before(step, path, change)
        records.levels.clear()
        yield path
        if not is_cut:
            print(step, flush=True)
            return
        step += 1


def opened(path: Path) -> Catalog:
    """A catalog, open."""
    catalog = Catalog(path)
    catalog.open()
    return catalog


def a_start(path: Path) -> Callable[[], object]:
    """A start, cut off like any other change."""
    catalog = Catalog(path)
    return catalog.open


A, B = ("a", 1), ("b", 2)
TO_A, TO_B = Alias("to-a", "a"), Alias("to-b", "b")
WHOLE: State = ((A, B), (TO_A, TO_B))


def check(path: Path, *allowed: State, is_quiet: bool = True) -> None:
    """A start brings one of these, as one more does, and no directory is left over."""
    state = found(path)
    assert state in allowed, state
    assert not is_quiet or not records.levels, records.levels
    assert found(path) == state
    assert len(os.listdir(path / "collections")) == len(state[0])
    # What is deleted is not taken in from its files, and all that is there is.
    shutil.rmtree(path / "catalog")
    assert found(path)[0] == state[0]


def creation(home: Path) -> None:
    """A collection that is being made is there, empty, or it is not."""
    filled(home / "whole")
    for path in cuts(home, lambda path: lambda: opened(path).create("c", unnamed())):
        check(path, WHOLE, ((A, B, ("c", 0)), WHOLE[1]))


def deletion(home: Path) -> None:
    """A collection that is being deleted is there with all it had, or gone with its aliases."""
    filled(home / "whole")

    def change(path: Path) -> Callable[[], object]:
        catalog = opened(path)
        return lambda: catalog.delete("a")

    for path in cuts(home, change):
        check(path, WHOLE, ((B,), (TO_B,)))


def aliases(home: Path) -> None:
    """All of a change of aliases is there, or nothing."""
    filled(home / "whole")

    def change(path: Path) -> Callable[[], object]:
        catalog = opened(path)
        return lambda: catalog.update_aliases([CreateAlias("b", "to-a"), CreateAlias("a", "new")])

    for path in cuts(home, change):
        check(path, WHOLE, ((A, B), (Alias("new", "a"), Alias("to-a", "b"), TO_B)))


def rebuilding(home: Path) -> None:
    """A start without a catalog brings all collections, however often it is cut off."""
    filled(home / "whole")
    shutil.rmtree(home / "whole" / "catalog")
    for path in cuts(home, a_start):
        check(path, ((A, B), ()), is_quiet=False)


def adoption(home: Path) -> None:
    """A copy that is taken in under another name is there under it, or may still be taken in."""
    filled(home / "whole")
    source = next(
        path
        for path in (home / "whole" / "collections").iterdir()
        if b'"name":"b"' in (path / "identity").read_bytes()
    )
    shutil.copytree(source, source.with_name("a copy"))

    def change(path: Path) -> Callable[[], object]:
        work = Adoption(path)
        return lambda: work.adopt("a copy", "c")

    for path in cuts(home, change):
        state = found(path)
        assert state in (WHOLE, ((A, B, ("c", 2)), WHOLE[1])), state
        assert len(os.listdir(path / "collections")) == 3


def upgrade(home: Path) -> None:
    """A folder of the first format is one of today's after it, or still of the first."""
    filled(home / "whole")
    make_former(home / "whole")
    for path in cuts(home, a_start):
        check(path, WHOLE)


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (creation, deletion, aliases, rebuilding, adoption, upgrade)
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
