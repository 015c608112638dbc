"""Which texts are datetimes, and which moments they spell."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.datetimes import parse_datetime


def moment(*parts: int) -> int:
    """Microseconds since 1970 of a moment in UTC."""
    return round(datetime(*parts, tzinfo=UTC).timestamp() * 1e6)  # type: ignore[misc,arg-type]


class ParseDatetimeTests(SynchronousTestCase):
    """The accepted formats and no others."""

    def test_accepted_formats(self) -> None:
        whole = moment(2015, 2, 1, 10, 20, 30)
        for text, expected in {
            "2015-02-01": moment(2015, 2, 1),
            "2015-02-01 10:20": moment(2015, 2, 1, 10, 20),
            "2015-02-01T10:20": moment(2015, 2, 1, 10, 20),
            "2015-02-01T10:20:30": whole,
            " 2015-02-01 10:20:30": whole,
            "2015-02-01T10:20:30Z": whole,
            "2015-02-01t10:20:30z": whole,
            "2015-02-01 10:20:30 UTC": whole,
            "2015-02-01T12:20:30+02:00": whole,
            "2015-02-01T12:20:30+02": whole,
            "2015-02-01T05:50:30 -0430": whole,
            "2015-02-01T10:20:30.5": whole + 500_000,
            "2015-02-01T10:20:30.123456789Z": whole + 123_456,
            "1969-12-31T23:59:59.999999Z": -1,
        }.items():
            self.assertEqual(parse_datetime(text), expected, text)

    def test_refused_texts(self) -> None:
        for text in (
            "",
            "20150201",
            "2015-02",
            "2015-02-30",
            "2015-W05-7",
            "2015-032",
            "20150201T102030Z",
            "1422786030",
            "Sun, 01 Feb 2015 10:20:30 +0000",
            "2015-02-01 10:20 AM",
            "2015-02-01 10",
            "2015-02-01T10:20+01:00",
            "2015-02-01T25:00:00Z",
            "2015-02-01T10:20:30+25:00",
            "2015-02-01T10:20:30.",
            "0001-01-01T00:00:00+25:99",
            "٢٠١٥-02-01",
        ):
            self.assertIsNone(parse_datetime(text), text)
