"""Short codes in the place of vectors, for the way through a graph."""

from .coded import CodedGraph
from .codes import Codes
from .encoding import write_codes
from .errors import DamagedCodes
from .file import CodesFacts
from .kinds import Kind, kind_of
from .options import CodesOptions, codes_options

__all__ = [
    "CodedGraph",
    "Codes",
    "CodesFacts",
    "CodesOptions",
    "DamagedCodes",
    "Kind",
    "codes_options",
    "kind_of",
    "write_codes",
]
