"""What a probe finds: nothing on a device that works, and each fault by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import NoReturn

import numpy as np
from attrs import evolve
from numpy.typing import NDArray
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.suites.device import Fault, MemoryDevice
from tests.suites.made_up import MadeUpDevice
from vexfs_twisted.device.probe import probe
from vexfs_twisted.interfaces import IVectorFile
from vexfs_twisted.model.device import (
    BadAnswer,
    DeviceFailed,
    DeviceMetric,
    Neighbours,
    ProbeReport,
)


def codes(report: ProbeReport) -> set[str]:
    return {finding.code for finding in report.findings}


class Sound(SynchronousTestCase):
    def test_a_device_that_works(self) -> None:
        device = MemoryDevice()
        report = probe(device)
        self.assertEqual(report, ProbeReport("(memory)"))
        self.assertTrue(report.is_sound)
        self.assertEqual(device.list_files(), [])

    def test_every_call_is_counted_and_the_slowest_told(self) -> None:
        clock = Clock()
        device = MemoryDevice(pause=lambda: clock.advance(0.25))
        device.inject(Fault.SLOW)
        report = probe(device, clock.seconds, slow=0.3)
        self.assertTrue(report.is_sound)
        self.assertEqual(report.calls, sum(device.calls.values()))
        self.assertEqual(report.slowest, 0.25)

    def test_files_of_others_stay(self) -> None:
        device = MemoryDevice()
        device.create("theirs", 3).insert(
            np.array([5], dtype=np.uint64), np.ones((1, 3), dtype=np.float32)
        )
        self.assertTrue(probe(device).is_sound)
        self.assertEqual(device.list_files(), ["theirs"])
        self.assertEqual(device.open("theirs").meta().vector_count, 1)

    def test_rounding_as_in_float32_is_no_fault(self) -> None:
        self.assertTrue(probe(_Changed(_scaled(1 + 2e-6))).is_sound)


class Unsound(SynchronousTestCase):
    def test_the_published_module_is_known_by_its_answers(self) -> None:
        report = probe(MadeUpDevice())
        self.assertFalse(report.is_sound)
        expected = {"stores_nothing", "unknown_ids", "constant_scores", "not_listed", "failed"}
        self.assertEqual(codes(report), expected)
        (unknown,) = [one for one in report.findings if one.code == "unknown_ids"]
        self.assertIn("such as 0", unknown.text)

    def test_each_fault(self) -> None:
        expected = {
            Fault.STORES_NOTHING: {"stores_nothing", "wrong_count"},
            Fault.KEEPS_REPLACED: {"keeps_replaced"},
            Fault.WRONG_IDS: {"wrong_scores", "wrong_order"},
            Fault.UNKNOWN_IDS: {"unknown_ids", "stores_nothing"},
            Fault.CONSTANT_SCORES: {"constant_scores"},
            Fault.WRONG_ORDER: {"wrong_order"},
            Fault.WRONG_METRIC: {"wrong_metric"},
            Fault.SHORT_COUNTS: {"wrong_count"},
            Fault.MISCOUNTS: {"wrong_count"},
        }
        for fault, findings in expected.items():
            device = MemoryDevice()
            device.inject(fault)
            report = probe(device)
            self.assertEqual(codes(report), findings, fault)
            self.assertEqual(len(report.findings), len(findings), fault)
            self.assertFalse(report.is_sound)
            self.assertEqual(device.list_files(), [], fault)

    def test_a_device_that_heals_is_sound_again(self) -> None:
        device = MemoryDevice()
        device.inject(Fault.WRONG_ORDER, Fault.CONSTANT_SCORES)
        self.assertEqual(codes(probe(device)), {"wrong_order", "constant_scores"})
        device.heal()
        self.assertTrue(probe(device).is_sound)

    def test_squares_of_distances(self) -> None:
        self.assertEqual(codes(probe(_Changed(_squared))), {"wrong_metric"})

    def test_scores_of_nothing(self) -> None:
        report = probe(_Changed(_scaled(3)))
        self.assertEqual(codes(report), {"wrong_scores"})

    def test_numbers_that_are_none(self) -> None:
        report = probe(_Changed(_scaled(np.nan)))
        self.assertFalse(report.is_sound)

    def test_slow(self) -> None:
        clock = Clock()
        device = MemoryDevice(pause=lambda: clock.advance(0.5))
        device.inject(Fault.SLOW)
        report = probe(device, clock.seconds, slow=0.3)
        self.assertEqual(codes(report), {"slow"})
        self.assertIn("0.5 s", report.findings[0].text)

    def test_a_machine_that_stood_still_once_is_not_slow(self) -> None:
        clock = Clock()
        stops = iter([30.0])
        device = MemoryDevice(pause=lambda: clock.advance(next(stops, 0.001)))
        device.inject(Fault.SLOW)
        report = probe(device, clock.seconds, slow=0.3)
        self.assertTrue(report.is_sound)
        self.assertEqual(report.slowest, 30.0)

    def test_a_device_that_cannot_make_a_file_cannot_be_asked(self) -> None:
        device = MemoryDevice()
        device.inject(Fault.EIO)
        self.assertRaises(DeviceFailed, probe, device)

    def test_errors_after_that_are_findings(self) -> None:
        for call in ("insert", "search", "meta", "list_files", "delete"):
            device = _FailsAt(call)
            report = probe(device)
            self.assertEqual(codes(report), {"failed"}, call)
            self.assertIn(call, report.findings[0].text)

    def test_a_device_that_says_other_dimensions_from_the_start(self) -> None:
        self.assertEqual(codes(probe(_BadBeginning())), {"wrong_count"})

    def test_a_device_that_answers_with_more_than_was_asked_for(self) -> None:
        self.assertEqual(codes(probe(_Changed(_too_many))), {"wrong_count"})

    def test_ids_that_lost_some_of_their_bits(self) -> None:
        for lossy in (np.uint32, np.float64):
            change = partial(_through, lossy)
            self.assertIn("unknown_ids", codes(probe(_Changed(change))))

    def test_an_id_that_comes_twice(self) -> None:
        self.assertIn("repeated_ids", codes(probe(_Changed(_repeating))))

    def test_a_single_lie_is_found_out(self) -> None:
        for turn in range(0, 108, 7):
            self.assertFalse(probe(_Changed(_liar(turn))).is_sound, turn)

    def test_a_file_that_stays_after_it_was_deleted(self) -> None:
        self.assertEqual(codes(probe(_Keeper())), {"not_deleted"})


Change = Callable[[Neighbours, DeviceMetric], Neighbours]


class _Changed(MemoryDevice):
    """Does something to all it answers."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change

    def create(self, name: str, dimensions: int) -> IVectorFile:
        file = super().create(name, dimensions)
        search = file.search

        def changed(query: NDArray[np.float32], k: int, metric: DeviceMetric) -> Neighbours:
            return self.change(search(query, k, metric), metric)

        file.search = changed  # type: ignore[method-assign]
        return file


def _scaled(factor: float) -> Change:
    return lambda found, _: evolve(found, scores=found.scores * np.float32(factor))


def _squared(found: Neighbours, metric: DeviceMetric) -> Neighbours:
    is_distance = metric is DeviceMetric.EUCLIDEAN
    return evolve(found, scores=np.square(found.scores)) if is_distance else found


def _through(kind: type[np.generic], found: Neighbours, _: DeviceMetric) -> Neighbours:
    with np.errstate(invalid="ignore"):
        return evolve(found, ids=found.ids.astype(kind).astype(np.uint64))


def _too_many(found: Neighbours, _: DeviceMetric) -> NoReturn:
    raise BadAnswer("9 neighbours, where 7 were asked for")


def _repeating(found: Neighbours, _: DeviceMetric) -> Neighbours:
    return Neighbours(np.repeat(found.ids, 2)[: len(found.ids)], found.scores)


def _liar(turn: int) -> Change:
    """Changes the places of the first two neighbours, or the score of the only one, in one turn."""
    turns = count()

    def change(found: Neighbours, _: DeviceMetric) -> Neighbours:
        if next(turns) != turn:
            return found
        if len(found.ids) == 1:
            return evolve(found, scores=found.scores + np.float32(0.1))
        order = np.arange(len(found.ids))
        order[:2] = [1, 0]
        return Neighbours(found.ids[order], found.scores)

    return change


class _FailsAt(MemoryDevice):
    """Fails at one kind of call."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.call = call

    def enter(self, call: str) -> None:
        super().enter(call)
        if call == self.call:
            raise DeviceFailed(f"{call} fails")


class _BadBeginning(MemoryDevice):
    """Says something else than what was set."""

    def create(self, name: str, dimensions: int) -> IVectorFile:
        raise BadAnswer("it has 0 dimensions, where 19 were set")


class _Keeper(MemoryDevice):
    """Keeps its files."""

    def delete(self, name: str) -> None:
        self.enter("delete")
