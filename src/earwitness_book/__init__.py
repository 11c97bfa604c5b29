"""The executable book: what runs, records and renders the chapters; the library is :mod:`earwitness`."""

from earwitness_book.opening import begin

__all__ = ["begin"]
