"""Courses made of chapters: notebooks for students, for their teacher, and what checks answers."""

from earwitness_book.course.answers import check
from earwitness_book.course.making import make

__all__ = ["check", "make"]
