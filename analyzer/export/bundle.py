"""What every export starts from: a trace with its messages, what the diagnosis says of them, and what to mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from analyzer.message import Message
from analyzer.model import Finding, Trace
from analyzer.redaction import Redactor

Content = tuple[Sequence[Message], Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One trace, ready to go out. `redactor` is None where nothing is masked.

    A trace that is not to be held has `coming` instead of messages and findings: some of them at a time, used up once, and
    each finding with its message.
    """

    trace: Trace
    messages: Sequence[Message] = ()
    findings: Sequence[Finding] = ()
    redactor: Redactor | None = None
    coming: Iterator[Content] | None = field(default=None, repr=False)

    def parts(self) -> Iterator[Bundle]:
        """The same in parts that are held one at a time, in order."""
        if self.coming is None:
            return iter((self,))
        return map(self._part, self.coming)

    def _part(self, content: Content) -> Bundle:
        return Bundle(self.trace, *content, self.redactor)

    def text(self, text: str) -> str:
        """A text with what is secret in it covered."""
        return self.redactor.text(text) if self.redactor is not None else text
