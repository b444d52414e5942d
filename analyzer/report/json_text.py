"""JSON as text that is safe to look at: what would command a terminal is written as `\\u....`, which means the same."""

from __future__ import annotations

import json
import re
from typing import Any

COMMANDS = re.compile("[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def as_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON. Control characters below 20 are escaped in any JSON; here those above 7E, marks of writing
    direction and halves of surrogate pairs are too."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
