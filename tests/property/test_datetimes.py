"""Datetimes as Qdrant's own engine reads them."""

from __future__ import annotations

import shutil
import tempfile

import hypothesis.strategies as st
from hypothesis import HealthCheck, example, given, settings
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from vexfs_twisted.model.datetimes import parse_datetime


def mostly(usual: str, *others: str) -> st.SearchStrategy[str]:
    """Nearly always `usual`."""
    return st.integers(0, 19).flatmap(
        lambda pick: st.sampled_from(others) if pick == 7 else st.just(usual)
    )


def number(least: int, most: int, width: int = 2) -> st.SearchStrategy[str]:
    """A number, seldom one past `most`, with all the digits of its place, fewer, or one more."""
    numbers = st.integers(least, most) | st.sampled_from([least, most, most + 1])
    forms = st.sampled_from([f"0{width}", f"0{width}", "", f"0{width + 1}"])
    return st.builds(format, numbers, forms)


blanks = mostly("", " ", "  ", "\t", "\n", "\xa0", "\u2003", "\x1c")
years = st.one_of(
    number(1, 9999, 4),
    number(1990, 2040, 4),
    number(0, 99),
    st.builds("{}{}".format, st.sampled_from("+-"), number(0, 262_143, 4)),
)
zones = st.one_of(
    st.sampled_from(["", "Z", "z", "UTC", "uTc", "+", "+2"]),
    st.builds(
        "{}{:02}{}{}".format,
        st.sampled_from("+-\u2212"),
        st.integers(0, 24),
        st.sampled_from(["", ":", " ", "::", ": "]),
        number(0, 59) | st.just(""),
    ),
)
fractions = mostly("", ".5", ".", ".123456", ".1234567890123", ".000001")
days = st.tuples(
    blanks, years, blanks, mostly("-", "/", ""), number(1, 12), blanks, st.just("-"), number(1, 31)
)
minutes = st.tuples(
    st.sampled_from("TT  t\t"), blanks, number(0, 23), blanks, mostly(":", "."), number(0, 59)
)
seconds = st.tuples(blanks, st.just(":"), number(0, 60), fractions, blanks, zones, blanks)
texts = st.one_of(
    days.map("".join),
    st.builds("{}{}".format, days.map("".join), minutes.map("".join)),
    st.builds("{}{}{}".format, *(part.map("".join) for part in (days, minutes, seconds))),
    st.datetimes().map(str),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    st.text(max_size=30),
)


class OracleTests(SynchronousTestCase):
    """The same texts are datetimes, and spell the same moments."""

    def setUp(self) -> None:
        try:
            from tests.filters.edge import EdgeShard
        except ImportError:
            raise SkipTest("qdrant-edge-py is not installed") from None
        path = tempfile.mkdtemp(prefix="vexfs-edge-")
        self.addCleanup(shutil.rmtree, path)
        self.shard = EdgeShard(f"{path}/shard", {"w": "datetime"})
        self.addCleanup(self.shard.close)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @example([str(year) + "-01-01" for year in range(-5, 6)])
    @given(st.lists(texts, min_size=20, max_size=100))
    def test_the_engine_reads_the_same(self, tried: list[str]) -> None:
        self.shard.store([{"w": text} for text in tried])
        read = self.shard.order_values("w")
        for place, text in enumerate(tried):
            moment = parse_datetime(text)
            expected = [] if moment is None else [moment]
            self.assertEqual(read.get(place, []), expected, repr(text))
