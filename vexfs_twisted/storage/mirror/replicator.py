"""The thread that replicates the vectors of collections to a device, and removes them again."""

from __future__ import annotations

from itertools import count
from threading import Condition, Thread
from typing import Protocol
from weakref import WeakSet, WeakValueDictionary

from ...engine.acceleration import Accelerators, VectorView
from ...engine.collection import Collection
from ...interfaces import IVectorDevice
from ...model.device import DeviceFull
from .accelerator import DeviceAccelerator, Trust
from .file import MirrorFile, can_mirror


class HasDirectory(Protocol):
    """A collection, or a quarantined one."""

    @property
    def directory(self) -> str:
        """The name of its directory."""


class _Mirrored:
    """The vector files of one collection by vector name.

    `left_out` are the vector names for which the device has no space. Changed by the replicator's
    thread only.
    """

    def __init__(self, trust: Trust) -> None:
        self.files: dict[str, MirrorFile] = {}
        self.left_out: set[str] = set()
        self.accelerator = DeviceAccelerator(self.files, trust)


class Replicator:
    """Keeps the vector files of a device up to date with the collections given to `attend`.

    One thread sends batches from the mapped vector files, for one collection after the other.
    Nothing waits for it: rows that have not been sent yet are scanned by the accelerator, or the
    engine answers the search. All methods are thread-safe; only `join` blocks.
    """

    def __init__(self, device: IVectorDevice, trust: Trust, accelerators: Accelerators) -> None:
        self._device = device
        self._accelerators = accelerators
        self._trust = trust
        self._changed = Condition()
        self._due: dict[Collection, None] = {}
        self._removed: WeakSet[Collection] = WeakSet()
        self._attended: WeakValueDictionary[str, Collection] = WeakValueDictionary()
        self._is_stopping = False
        self._mirrored: dict[Collection, _Mirrored] = {}
        self._numbers = count(1)
        self._leftovers: tuple[str, ...] = ()
        self._thread = Thread(target=self._work, name="mirror", daemon=True)

    def start(self, leftovers: tuple[str, ...] = ()) -> None:
        """Start the thread, which first deletes `leftovers`, the files of an earlier run."""
        self._leftovers = leftovers
        self._thread.start()

    def attend(self, collection: Collection) -> None:
        """Send what was written to a collection, if anything was."""
        with self._changed:
            if not self._is_stopping and collection not in self._removed:
                self._attended[collection.directory] = collection
                self._due[collection] = None
                self._changed.notify()

    def forget(self, deleted: HasDirectory) -> None:
        """Delete the files of a deleted collection from the device.

        Those of a quarantined one are known by its directory: they were written before.
        """
        with self._changed:
            collection = self._attended.get(deleted.directory)
            if isinstance(deleted, Collection):
                collection = deleted
            if collection is None:
                return
            self._removed.add(collection)
            self._due[collection] = None
            self._changed.notify()

    def stop(self) -> None:
        """Stop sending, withdraw the accelerators, and delete the files if the device allows it."""
        with self._changed:
            self._is_stopping = True
            self._due.clear()
            self._changed.notify()
        self._withdraw()

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread, for at most so many seconds."""
        self._thread.join(seconds)

    def files(self) -> list[MirrorFile]:
        """All vector files on the device."""
        return [file for one in list(self._mirrored.values()) for file in list(one.files.values())]

    def left_out(self) -> list[tuple[str, str]]:
        """The vectors that do not fit on the device, as collection and vector name, sorted."""
        mirrored = list(self._mirrored.items())
        return sorted((c.name, name) for c, one in mirrored for name in list(one.left_out))

    def waiting(self, collection: Collection) -> int:
        """The number of rows of the collection that are still to be sent or skipped."""
        own = self._mirrored.get(collection)
        waiting = 0
        for name, vectors in collection.vectors().items():
            if can_mirror(vectors.params) and not (own and name in own.left_out):
                file = own.files.get(name) if own else None
                if file is not None and file.slot == vectors.slot:
                    waiting += max(0, vectors.end - max(file.row, vectors.base))
                elif vectors.count:
                    waiting += vectors.next_row
        return waiting

    def _work(self) -> None:
        calls = self._trust.calls
        try:
            for name in self._leftovers:
                self._delete(name)
            while (collection := self._next()) is not None:
                if collection in self._removed:
                    self._remove(collection)
                elif self._step(collection):
                    self.attend(collection)
            for collection in list(self._mirrored):
                self._remove(collection)
        except Exception as error:
            self._trust.give_up(error)
        finally:
            self._withdraw()
            self._device.close()
            calls.close()

    def _next(self) -> Collection | None:
        """Wait for the next collection that is due; None when the thread must end."""
        with self._changed:
            while not self._due and not self._is_stopping:
                self._changed.wait()
            if self._is_stopping:
                return None
            collection = next(iter(self._due))
            del self._due[collection]
            return collection

    def _step(self, collection: Collection) -> bool:
        """Send a batch of each vector of the collection; whether there is more to send."""
        views = collection.vectors()
        own = self._mirrored.get(collection)
        if own is None:
            own = self._mirrored[collection] = _Mirrored(self._trust)
        for name in own.files.keys() - views.keys():
            self._retire(own, name)
        is_behind = False
        for name, vectors in views.items():
            if not can_mirror(vectors.params) or name in own.left_out:
                continue
            try:
                file = self._file(collection, own, name, vectors)
                if file is not None and file.row < vectors.end:
                    is_behind |= file.step(vectors)
            except DeviceFull:
                own.left_out.add(name)
                self._retire(own, name)
        with self._changed:
            # Not after `stop`, which has withdrawn the accelerators.
            if own.files and not self._is_stopping:
                self._accelerators.put(collection.directory, own.accelerator)
        return is_behind

    def _file(
        self, collection: Collection, own: _Mirrored, name: str, vectors: VectorView
    ) -> MirrorFile | None:
        """The file of a vector, created if missing and recreated if most of its rows are dead.

        None for a vector without rows.
        """
        file = own.files.get(name)
        if file is not None and file.slot == vectors.slot and not file.is_stale(vectors):
            return file
        self._retire(own, name)
        if not vectors.count:
            return None
        made = f"{collection.directory}-{vectors.slot}-{next(self._numbers)}"
        trust = self._trust
        seconds = trust.settings.call_seconds
        opened = trust.calls.run("create", seconds, self._device.create, made, vectors.params.size)
        file = own.files[name] = MirrorFile(opened, vectors.slot, trust.calls, trust.settings)
        return file

    def _remove(self, collection: Collection) -> None:
        own = self._mirrored.pop(collection, None)
        if own is not None:
            self._accelerators.remove(collection.directory, own.accelerator)
            for name in list(own.files):
                self._retire(own, name)

    def _retire(self, own: _Mirrored, name: str) -> None:
        file = own.files.pop(name, None)
        if file is not None:
            file.is_retired = True
            file.file.close()
            self._delete(file.file.name)

    def _delete(self, name: str) -> None:
        trust = self._trust
        trust.calls.run("delete", trust.settings.call_seconds, self._device.delete, name)

    def _withdraw(self) -> None:
        """Remove the accelerators, so that no further search calls the device."""
        for collection, own in list(self._mirrored.items()):
            self._accelerators.remove(collection.directory, own.accelerator)
