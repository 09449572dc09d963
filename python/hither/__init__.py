"""Vector search in one index file: build it, open it, search it.

>>> import hither
>>> index = hither.build([[1.0, 0.0], [0.0, 1.0]], metric="l2")
>>> keys, distances = index.search([0.9, 0.1], k=1)
>>> keys.tolist()
[0]
"""

from ._build import build
from ._errors import (
    Error,
    FileError,
    InputError,
    KeyNotFoundError,
    MissingFileError,
    OutOfMemoryError,
)
from ._native import METRICS as metrics
from ._native import VERSION as __version__
from ._native import ArrowRows, Hit, Index, LazyIndex, Row, SearchResult, Traffic, open

__all__ = [
    "ArrowRows",
    "Error",
    "FileError",
    "Hit",
    "Index",
    "InputError",
    "KeyNotFoundError",
    "LazyIndex",
    "MissingFileError",
    "OutOfMemoryError",
    "Row",
    "SearchResult",
    "Traffic",
    "__version__",
    "build",
    "metrics",
    "open",
]
