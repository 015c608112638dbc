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

    def test_numbers_with_fewer_digits_than_their_place(self) -> None:
        day = moment(2024, 1, 1)
        for text in (
            "2024-1-1",
            "2024-1-1 0:0:0",
            "2024-01-01 0:00",
            "2024-01-01T00:00:0",
            "2024-1-1T0:0:0Z",
            "2024-01-0100:00",
        ):
            self.assertEqual(parse_datetime(text), day, text)
        self.assertEqual(parse_datetime("2024-1-123:4:5"), moment(2024, 1, 12, 3, 4, 5))

    def test_second_60_begins_the_next_minute(self) -> None:
        after = 1_719_792_000_000_000
        for text, expected in {
            "2024-06-30T23:59:60Z": after,
            "2024-06-30 23:59:60.25": after + 250_000,
            "2024-06-30T23:59:60+02": after - 7_200_000_000,
            "2024-02-03 04:05:60": moment(2024, 2, 3, 4, 6),
            "1969-12-31T23:59:60.000001Z": 1,
        }.items():
            self.assertEqual(parse_datetime(text), expected, text)

    def test_blanks_before_numbers(self) -> None:
        day = moment(2024, 1, 1)
        for text in (
            "2024-01-01  00:00:00",
            "2024-01-01\t00:00:00",
            "2024- 01-\u300001",
            "\t2024-01-01",
            "2024-01-01T00: 00:00",
            "2024 - 01 - 01T00 : 00 : 00 Z",
            "2024-01-01T00:00:00Z ",
            "2024-01-01 00:00:00   +00",
            "2024-01-01T00:00:00+00 : 00",
        ):
            self.assertEqual(parse_datetime(text), day, text)

    def test_zones(self) -> None:
        later = moment(2024, 1, 1, 2)
        for text in (
            "2024-01-01T00:00:00\u221202:00",
            "2024-01-01 00:00:00\u22120200",
            "2024-01-01T00:00:00-02",
            "2024-01-01T00:00:00-02:",
            "2024-01-01T02:00:00uTc",
            "2024-01-02T01:59:00+23:59",
        ):
            self.assertEqual(parse_datetime(text), later, text)

    def test_years_with_signs_short_long_and_before_the_first(self) -> None:
        for text, expected in {
            "+2024-01-01": moment(2024, 1, 1),
            "+0002024-01-01": moment(2024, 1, 1),
            "24-01-01": moment(24, 1, 1),
            "1-1-1": moment(1, 1, 1),
            "0000-01-01": moment(1, 1, 1) - 366 * 86_400_000_000,
            "-0-1-1": moment(1, 1, 1) - 366 * 86_400_000_000,
            "-0001-01-01T00:00:00Z": moment(1, 1, 1) - 731 * 86_400_000_000,
            "0001-01-01T00:00:00+00:01": moment(1, 1, 1) - 60_000_000,
            "+10000-01-01T00:00:00Z": 253_402_300_800_000_000,
            "9999-12-31T23:59:60Z": 253_402_300_800_000_000,
            "-262143-01-01": -8_334_601_228_800_000_000,
            "+262142-12-31T23:59:60.999999999Z": 8_210_266_876_800_999_999,
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
            "2015-02-01T10:20:30+00:60",
            "2015-02-01T10:20:30+24:00",
            "2015-02-01T10:20:30+2:00",
            "2015-02-01T10:20:61Z",
            "2015-02-01T24:00:00Z",
            "2015-02-01t10:20:30",
            "2015-02-01 ",
            "2015 - 02 - 01",
            "2015-001-01",
            "2015-1-12:00:00",
            "10000-01-01",
            "+-1-01-01",
            "-262144-12-31",
            "-262143-01-01T00:00:00+00:01",
            "+262142-12-31T23:59:59-00:01",
            "+262143-01-01",
            "+" + "9" * 5000 + "-01-01",
            "\x1c2015-02-01",
            "٢٠١٥-02-01",
        ):
            self.assertIsNone(parse_datetime(text), text)
