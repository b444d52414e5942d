"""Messages of many or long traces as text, by several processes; a part of `dlmscope decode` and `dlmscope export`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analyzer.cli.options import colored, jobs_of, width

if TYPE_CHECKING:
    from analyzer.bulk.forms import Form, Kind
    from analyzer.bulk.traces import Bulk
    from analyzer.keyring import KeyRing
    from analyzer.model import Trace
    from analyzer.redaction import Redactor


def contents(
    options: argparse.Namespace, traces: Sequence[Trace], keys: KeyRing, kind: Kind, together: bool = False
) -> Iterator[tuple[Trace, Iterator[Any]]]:
    """Each trace with what its messages are in this form, a few at a time; to be used up in this order.

    Where secrets are masked the traces are decoded twice, since those of later messages stand in earlier ones as well;
    with `together` those of all traces are masked in each. Raises RuntimeError at the end where something was lost.
    """
    from dataclasses import replace

    from analyzer.bulk.forms import Form
    from analyzer.bulk.traces import Bulk

    form = Form(kind, colored(options), width(), hidden=options.redact == "payload")
    forms = [replace(form, trace=trace.name, source=trace.source) for trace in traces]
    with Bulk(keys, jobs_of(options)) as bulk:
        if options.redact is not None:
            redactors = _redactors(bulk, traces, forms, keys, together)
            forms = [replace(one, redactor=redactor) for one, redactor in zip(forms, redactors, strict=True)]
        yield from zip(traces, bulk.each(zip(traces, forms, strict=True)), strict=True)
        if bulk.lost:
            raise RuntimeError("; ".join(bulk.lost))


def _redactors(
    bulk: Bulk, traces: Sequence[Trace], forms: Sequence[Form], keys: KeyRing, together: bool
) -> list[Redactor]:
    from dataclasses import replace

    from analyzer.redaction import Redactor, secrets_of

    own = [replace(form, kind="secrets") for form in forms]
    given = secrets_of((), keys, False)
    secrets = [set(given).union(*found) for found in bulk.each(zip(traces, own, strict=True))]
    if together:
        return [Redactor(set().union(*secrets))] * len(traces)
    return [Redactor(found) for found in secrets]
