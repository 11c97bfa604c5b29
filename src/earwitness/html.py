"""Text becomes HTML here and nowhere else: what is put into a template is escaped."""

import json
from collections.abc import Iterable

from markupsafe import Markup


def html(template: str, *values: object) -> Markup:
    """Return a template with its ``{}`` filled in; values that are no HTML yet are escaped.

    An f-string of HTML is plain text again, and is escaped like any.
    """
    return Markup(template).format(*values)


def joined(parts: Iterable[object], between: str = "") -> Markup:
    """Return parts as one piece of HTML; those that are no HTML yet are escaped."""
    return Markup(between).join(parts)


def in_script(data: object) -> Markup:
    """Return data as JSON that no text in it can lead out of the ``<script>`` it stands in."""
    return Markup(json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"))
