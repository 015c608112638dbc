"""Quantization: short codes used in place of vectors to search graphs."""

from .coded import CodedGraph
from .codes import Codes
from .encoding import Encoder
from .errors import DamagedCodes
from .file import CodesFacts
from .kinds import CodeKind, code_kind_of
from .options import CodesOptions, codes_options

__all__ = [
    "CodeKind",
    "CodedGraph",
    "Codes",
    "CodesFacts",
    "CodesOptions",
    "DamagedCodes",
    "Encoder",
    "code_kind_of",
    "codes_options",
]
