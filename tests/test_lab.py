"""The laboratory in short: healthy conversations are silent. `make lab` runs the long form."""

from analyzer.decoding import decode
from tests.lab.conversation import healthy
from tests.lab.measure import alarms

SEEDS = range(60)


def test_healthy_conversations_are_silent() -> None:
    assert [str(alarm) for alarm in alarms(SEEDS)] == []


def test_what_is_ciphered_opens_and_nothing_is_lost() -> None:
    services, verdicts = set(), set()
    for seed in SEEDS:
        trace, ring = healthy(seed)
        messages = list(decode(trace, ring))
        assert sum(len(message.wire) for message in messages) == sum(len(record.data) for record in trace)
        services |= {message.plain.name for message in messages if message.plain is not None}
        verdicts |= {message.security.verdict for message in messages if message.security is not None}
    assert verdicts == {"verified", "unauthenticated"}
    assert services >= {"get-response", "set-response", "action-response", "read-response", "data-notification", "rlre"}
