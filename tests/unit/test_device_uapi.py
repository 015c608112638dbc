"""The structs and numbers of the device interface: as published, and as a C compiler sees them."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.support import run_command
from vexfs_twisted import device
from vexfs_twisted.device import uapi
from vexfs_twisted.model.device import DeviceMetric

HEADER = Path(device.__file__).parent / "include" / "vexfs_device.h"

NUMBERS = {
    "SET_VECTOR_META": 0x40285601,
    "GET_VECTOR_META": 0x80285602,
    "VECTOR_SEARCH": 0xC0305603,
    "BATCH_INSERT": 0x40205604,
}

STRUCTS: dict[type[ctypes.Structure], tuple[str, int, dict[str, int]]] = {
    uapi.VectorFileInfo: (
        "vexfs_vector_file_info",
        40,
        {
            "dimensions": 0,
            "element_type": 4,
            "vector_count": 8,
            "storage_format": 12,
            "data_offset": 16,
            "index_offset": 24,
            "compression_type": 32,
            "alignment_bytes": 36,
        },
    ),
    uapi.VectorSearchRequest: (
        "vexfs_vector_search_request",
        48,
        {
            "query_vector_bits": 0,
            "dimensions": 8,
            "k": 12,
            "search_type": 16,
            "results_bits": 24,
            "result_ids": 32,
            "result_count": 40,
        },
    ),
    uapi.BatchInsertRequest: (
        "vexfs_batch_insert_request",
        32,
        {"vectors_bits": 0, "vector_count": 8, "dimensions": 12, "vector_ids": 16, "flags": 24},
    ),
}

CONSTANTS = {
    "VEXFS_ELEMENT_": (uapi.ElementType, [1, 2, 3, 4]),
    "VEXFS_SEARCH_": (DeviceMetric, [0, 1, 2]),
    "VEXFS_STORAGE_": (uapi.StorageFormat, [0, 1, 2]),
    "VEXFS_COMPRESSION_": (uapi.Compression, [0, 1, 2]),
    "VEXFS_INSERT_": (uapi.InsertFlag, [1, 2, 4]),
}


class Published(SynchronousTestCase):
    def test_the_numbers_of_the_calls(self) -> None:
        self.assertEqual({name: getattr(uapi, name) for name in NUMBERS}, NUMBERS)

    def test_sizes_and_offsets(self) -> None:
        for struct, (_, size, offsets) in STRUCTS.items():
            self.assertEqual(ctypes.sizeof(struct), size)
            for name, offset in offsets.items():
                self.assertEqual(getattr(struct, name).offset, offset, name)

    def test_constants(self) -> None:
        for kind, values in CONSTANTS.values():
            self.assertEqual([member.value for member in kind], values)


class Compiled(SynchronousTestCase):
    """The same, told by a C program that knows only our header."""

    def told(self, expressions: list[str]) -> list[int]:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SkipTest("needs a C compiler")
        lines = "\n".join(f'printf("%lu\\n", (unsigned long)({text}));' for text in expressions)
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        source = folder / "told.c"
        source.write_text(
            "#include <stddef.h>\n#include <stdio.h>\n"
            f'#include "vexfs_device.h"\nint main(void) {{\n{lines}\nreturn 0;\n}}\n'
        )
        warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"]
        include = f"-I{HEADER.parent}"
        program = str(folder / "told")
        built = run_command([compiler, *warnings, include, "-o", program, str(source)])
        self.assertEqual(built.returncode, 0, built.stderr)
        return [int(line) for line in run_command([program]).stdout.split()]

    def test_the_header_says_the_same(self) -> None:
        expected = {f"VEXFS_{name}": number for name, number in NUMBERS.items()}
        expected["VEXFS_DEVICE_MAGIC"] = uapi.MAGIC
        expected["VEXFS_MAX_DIMENSIONS"] = uapi.MAX_DIMENSIONS
        expected["VEXFS_MAX_INSERT_COUNT"] = uapi.MAX_INSERT_COUNT
        for name, size, offsets in STRUCTS.values():
            expected[f"sizeof(struct {name})"] = size
            for field, offset in offsets.items():
                expected[f"offsetof(struct {name}, {field})"] = offset
        for prefix, (kind, _) in CONSTANTS.items():
            for member in kind:
                expected[f"{prefix}{member.name}"] = member.value
        self.assertEqual(dict(zip(expected, self.told(list(expected)), strict=True)), expected)
