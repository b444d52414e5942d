"""What workers make of messages: lines of text, or what is needed before the lines can be made. Cheap to hand over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from analyzer.hiding import values_hidden
from analyzer.message import Message

if TYPE_CHECKING:
    from analyzer.redaction import Redactor

Kind = Literal["summary", "tree", "jsonl", "csv", "rows", "secrets"]


@dataclass(frozen=True, slots=True)
class Form:
    """How messages are shown. `hidden` covers values; `redactor` covers secrets; `trace` and `source` are named in lines.

    The kinds "csv" and "rows" make the table of values; "secrets" gathers what a redactor has to cover.
    """

    kind: Kind
    color: bool = False
    columns: int = 100
    hidden: bool = False
    redactor: Redactor | None = field(default=None, repr=False)
    trace: str = ""
    source: str = ""


def made(form: Form, messages: Sequence[Message]) -> Any:
    """What a form makes of messages: text with its ends of line, a list of rows, or a set of secrets."""
    with values_hidden(form.hidden):
        if form.kind == "secrets":
            return _secrets(form, messages)
        if form.kind == "rows":
            return _rows(form, messages)
        if form.kind == "csv":
            from analyzer.export.csv_table import lines

            return "".join(f"{line}\n" for line in lines(_rows(form, messages)))
        show = _shower(form)
        return "".join([f"{show(message)}\n" for message in messages])


def _secrets(form: Form, messages: Sequence[Message]) -> set[bytes | int]:
    from analyzer.keyring import KeyRing
    from analyzer.redaction import secrets_of

    return set(secrets_of(messages, KeyRing(), form.hidden))


def _rows(form: Form, messages: Sequence[Message]) -> list[tuple[Any, ...]]:
    from analyzer.export.bundle import Bundle
    from analyzer.export.tables import rows_of
    from analyzer.model import Trace

    return list(rows_of("values", [Bundle(Trace(form.trace, form.source, ()), messages, (), form.redactor)]))


def _shower(form: Form) -> Callable[[Message], str]:
    """The text of a message, without its end of line."""
    redactor = form.redactor
    if form.kind == "jsonl":
        from analyzer.report import json_text, message_json

        def line(message: Message) -> str:
            rendered = message_json.render(message)
            shown = redactor.json(rendered) if redactor is not None else rendered
            return json_text.as_text({"trace": form.trace, "source": form.source, **shown})

        return line
    if form.kind == "summary":
        from analyzer.report import summary_text

        def text(message: Message) -> str:
            return summary_text.render(message, form.color)

    else:
        from analyzer.report import tree_text

        def text(message: Message) -> str:
            return tree_text.render(message, form.color, form.columns)

    if redactor is None:
        return text
    return lambda message: redactor.text(text(message))
