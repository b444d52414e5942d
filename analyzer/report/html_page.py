"""What all HTML reports share: one file with style and script inside, texts escaped, secrets covered, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from html import escape
from importlib.resources import files

Mask = Callable[[str], str]
# Nothing is fetched and nothing is sent, whatever a trace may hold.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


@cache
def _asset(name: str) -> str:
    return files("analyzer.report").joinpath("assets", name).read_text("utf-8")


def page(title: str, parts: Iterable[str], mask: Mask) -> str:
    """A whole page. `parts` are HTML already."""
    return "".join(pieces(title, parts, mask))


def pieces(title: str, parts: Iterable[str], mask: Mask) -> Iterator[str]:
    """The same piece by piece, as the parts come."""
    yield (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title, mask)}</title>\n<style>\n{_asset('report.css')}</style>\n</head>\n<body>\n"
    )
    yield from parts
    yield f"<script>\n{_asset('report.js')}</script>\n</body>\n</html>\n"


def safe(text: str, mask: Mask) -> str:
    """A text for HTML. Secrets are covered first: afterwards they would hide behind the escapes."""
    return escape(mask(text))


def cells(data: bytes, mask: Mask) -> list[str]:
    """Octets in hexadecimal, one text each, covered as a whole so that no secret hides between two of them."""
    return mask(data.hex(" ").upper()).split(" ") if data else []


def wire(octets: Sequence[str], marked: set[int], kind: str, mask: Mask) -> str:
    """Octets in a row that wraps, the marked ones bold."""
    shown = [f"<b>{cell}</b>" if n in marked else cell for n, cell in enumerate(mask(" ".join(octets)).split(" "))]
    return f'<div class="wire {kind}">{" ".join(shown)}</div>'
