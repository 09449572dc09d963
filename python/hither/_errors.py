"""What this package raises. ``code`` is the same word in every language."""

import errno
import re


class Error(Exception):
    """Something went wrong. ``code`` says what, for programs; the text says what to do."""

    code: str

    def __init__(self, message: str, code: str = "invalid_parameter") -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        # KeyError shows its argument as a literal.
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[type["Error"], tuple[str, str]]:
        return type(self), (str(self), self.code)


class InputError(Error, ValueError):
    """Vectors, keys, columns, filters or options that make no sense."""


class KeyNotFoundError(Error, KeyError):
    """No row has this key, or no column this name."""


class FileError(Error, OSError):
    """A file that cannot be read or written, or is damaged, or no index file."""

    errno: int | None

    def __init__(self, message: str, code: str = "io") -> None:
        super().__init__(message, code)
        number = re.search(r"\(os error (\d+)\)", message)
        self.errno = int(number[1]) if number else None


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file."""


class OutOfMemoryError(Error, MemoryError):
    """There is not enough memory."""


_FILE = {
    "io",
    "file_changed",
    "file_exists",
    "not_an_index",
    "unsupported_version",
    "truncated",
    "corrupt",
    "network",
    "http",
    "replaced",
}


def make(code: str, message: str) -> Error:
    """The error for a code."""
    if code in ("key_not_found", "unknown_column"):
        return KeyNotFoundError(message, code)
    if code == "out_of_memory":
        return OutOfMemoryError(message, code)
    if code in _FILE:
        error = FileError(message, code)
        return MissingFileError(message, code) if error.errno == errno.ENOENT else error
    return InputError(message, code)
