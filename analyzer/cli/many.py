"""Messages of many or long traces as text, by several processes; a part of `dlmscope decode` and `dlmscope export`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analyzer.cli.options import colored, jobs_of, width

if TYPE_CHECKING:
    from analyzer.bulk.forms import Form, Kind
    from analyzer.bulk.traces import Bulk
    from analyzer.keyring import KeyRing
    from analyzer.model import Trace
    from analyzer.redaction import Redactor


def contents(
    options: argparse.Namespace, traces: Sequence[Trace], keys: KeyRing, kind: Kind
) -> Iterator[tuple[Trace, Callable[[str], str], Iterator[Any]]]:
    """Each trace with what covers the secrets in a text about it, and what its messages are in this form, a few at a time; to
    be used up in this order.

    Where secrets are masked the traces are decoded twice, since those of later messages stand in earlier ones as well, and
    those of one trace in another. Raises RuntimeError at the end where something was lost.
    """
    from dataclasses import replace

    from analyzer.bulk.forms import Form
    from analyzer.bulk.traces import Bulk

    form = Form(kind, colored(options), width(), hidden=options.redact == "payload")
    with Bulk(keys, jobs_of(options)) as bulk:
        redactor = _redactor(bulk, traces, form, keys) if options.redact is not None else None
        mask = redactor.text if redactor is not None else str
        form = replace(form, redactor=redactor)
        forms = [replace(form, trace=mask(trace.name), source=mask(trace.source)) for trace in traces]
        for trace, texts in zip(traces, bulk.each(zip(traces, forms, strict=True)), strict=True):
            yield trace, mask, texts
        if bulk.lost:
            raise RuntimeError("; ".join(bulk.lost))


def _redactor(bulk: Bulk, traces: Sequence[Trace], form: Form, keys: KeyRing) -> Redactor:
    """What covers the secrets of all traces."""
    from dataclasses import replace

    from analyzer.redaction import Redactor, secrets_of

    gathering = replace(form, kind="secrets")
    secrets = set(secrets_of((), keys, False))
    for found in bulk.each((trace, gathering) for trace in traces):
        secrets.update(*found)
    return Redactor(secrets)
