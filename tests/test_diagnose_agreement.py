"""Keys agreed by C(2e,0s): said, and no key is blamed that was right before."""

from support import CLIENT, METER, Conversation, Station, diagnosed, keys

REQUEST = bytes.fromhex("C301C1 0040 00002B0000FF 03 01 0101 0202 1600 0908".replace(" ", "")) + bytes(8)
ACCEPTED = bytes.fromhex("C701C1000100010102021600") + b"\x09\x08" + bytes(8)
GET = bytes.fromhex("C001C100010100000208FF0200")
ANSWER = bytes.fromhex("C401C1000600001234")


def talk(accepted: bytes, new_key: bytes | None) -> Conversation:
    client, meter = Station(CLIENT), Station(METER)
    made = Conversation("wrapper")
    made.request(client.seal(REQUEST)).reply(meter.seal(accepted))
    if new_key is not None:
        client.ek = meter.ek = new_key
    for _ in range(2):
        made.request(client.seal(GET)).reply(meter.seal(ANSWER))
    return made


def codes(made: Conversation) -> dict[str, str]:
    ring = keys(client_title=CLIENT.hex(), server_title=METER.hex())
    return {finding.code: finding.severity for finding in diagnosed(made, ring).findings}


def test_an_agreement_is_said() -> None:
    assert codes(talk(ACCEPTED, None)).get("keys-agreed-unseen") == "info"


def test_what_does_not_open_afterwards_is_said_with_it() -> None:
    made = talk(ACCEPTED, bytes(range(100, 116)))
    assert codes(made).get("keys-agreed-unseen") == "warning"
    findings = diagnosed(made, keys(client_title=CLIENT.hex(), server_title=METER.hex())).findings
    assert findings[0].code == "keys-agreed-unseen"
    assert {f.because_of for f in findings[1:]} == {"keys-agreed-unseen"}


def test_an_agreement_that_the_meter_refused_changes_nothing() -> None:
    assert "keys-agreed-unseen" not in codes(talk(bytes.fromhex("C701C10300"), None))
