"""General-ciphering with its key-infos, key transfer, suites 1 and 2, signatures."""

import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from analyzer.agreement import agreed_keys, derived_keys, shared_secret, unwrap, wrap
from analyzer.decoding import decode
from analyzer.decryptor import Decryptor
from analyzer.hls import HlsUnknown
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.meter_keys import KeyFile, MeterKeys, Secret
from analyzer.model import Record
from tests.support import AK, CLIENT, CLOCK, EK, GET_CLOCK, METER, Conversation, Station

VECTORS = tomllib.loads((Path(__file__).parent / "vectors" / "key_agreement.toml").read_text("utf-8"))
KEK, FRESH = bytes(range(0x40, 0x50)), bytes.fromhex("5E1F0C2B7A8D9EAFB0C1D2E3F4051627")
CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}


def private(scalar: str, curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int(scalar, 16), CURVES[curve])


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(serialization.Encoding.X962, form)[1:]


def octets(data: bytes) -> bytes:
    return (bytes([len(data)]) if len(data) < 128 else b"\x81" + bytes([len(data)])) + data


def header(sender: bytes, receiver: bytes) -> bytes:
    return octets(b"\1\2\3\4\5\6\7\x08") + octets(sender) + octets(receiver) + b"\0\0"


def general(
    apdu: bytes,
    info: bytes,
    key: bytes,
    control: int = 0x30,
    sender: bytes = METER,
    receiver: bytes = CLIENT,
    ak: bytes = AK,
) -> bytes:
    """A general-ciphering APDU; `info` with its presence octet."""
    head = header(sender, receiver)
    sealed = Decryptor().protect(control, 5, sender, apdu, key, ak, head)
    content = bytes([control]) + (5).to_bytes(4, "big") + sealed.payload + sealed.tag
    return b"\xdd" + head + info + octets(content)


def ring(**files: bytes) -> KeyRing:
    """The keys of a meter, with certificates and private keys from memory."""
    read = {name: (lambda path, data=data: data) for name, data in files.items()}
    made = {name: KeyFile(name, read[name], name) for name in files}
    secret = {"global_unicast_encryption_key": Secret(EK), "authentication_key": Secret(AK)}
    return KeyRing([MeterKeys(key_encrypting_key=Secret(KEK), **secret, **made)])  # type: ignore[arg-type]


def one(apdu: bytes, keys: KeyRing, direction: str = "meter") -> Message:
    (message,) = decode([Record(1, apdu, direction)], keys)  # type: ignore[arg-type]
    return message


@pytest.mark.parametrize("vector", VECTORS["ecdh"], ids=lambda v: v["name"])
def test_shared_secrets(vector: dict) -> None:
    key = private(vector["private_key"], vector["curve"])
    assert shared_secret(pem(key), bytes.fromhex(vector["public_key"])).hex().upper() == vector["shared_secret"]


@pytest.mark.parametrize("vector", VECTORS["kdf"], ids=lambda v: v["name"])
def test_derived_keys(vector: dict) -> None:
    parties = bytes.fromhex(vector["party_u"]), bytes.fromhex(vector["party_v"])
    made = derived_keys(bytes.fromhex(vector["shared_secret"]), *parties, 1)
    assert made[0 if vector["algorithm_id"].startswith("608574050803") else 1].hex().upper() == vector["key"]


@pytest.mark.parametrize("vector", VECTORS["key_wrap"], ids=lambda v: v["name"])
def test_key_wrap(vector: dict) -> None:
    kek, key, wrapped = (bytes.fromhex(vector[name]) for name in ("key_encrypting_key", "key", "wrapped"))
    assert unwrap(kek, wrapped) == key and wrap(kek, key) == wrapped
    assert unwrap(key, wrapped) is None and unwrap(kek, wrapped[:-1]) is None


def test_the_published_general_ciphering_opens() -> None:
    (vector,) = VECTORS["general_ciphering"]
    recipient = next(v for v in VECTORS["ecdh"] if v["name"].startswith("V8"))
    keys = ring(client_private_key=pem(private(recipient["private_key"])))
    message = one(bytes.fromhex(vector["wire"]), keys)
    assert message.apdu == "general-ciphering"
    assert message.security is not None and message.security.key == "agreed"
    assert message.security.verdict == "failed"  # its published tag fits no reading


@pytest.mark.parametrize("key_id", [b"\x00", b""])
def test_an_identified_key(key_id: bytes) -> None:
    info = b"\x01\x00" + key_id if key_id else b"\x00"
    message = one(general(CLOCK, info, EK), ring())
    assert message.plain_apdu == "get-response"
    assert message.security is not None and message.security.verdict == "verified"


def test_a_wrapped_key_and_then_none() -> None:
    info = b"\x01\x01\x00" + octets(wrap(KEK, FRESH))
    talk = Conversation("wrapper").reply(general(CLOCK, info, FRESH)).reply(general(CLOCK, b"\x00", FRESH))
    found = list(decode(talk.trace(), ring()))
    assert [m.security.verdict for m in found if m.security] == ["verified"] * 2
    assert [m.security.key for m in found if m.security] == ["wrapped"] * 2
    without = one(general(CLOCK, info, FRESH), KeyRing.from_options(ek=EK.hex(), ak=AK.hex()))
    assert without.security is not None and "key encrypting key" in without.security.reason


@pytest.mark.parametrize("suite", [1, 2])
@pytest.mark.parametrize("which", [0, 1], ids=["registered", "printed"])
def test_agreed_keys(suite: int, which: int) -> None:
    curve = {1: "P-256", 2: "P-384"}[suite]
    own, other, ephemeral = (private(f"{n:02X}" * 20, curve) for n in (0x11, 0x23, 0x35))
    ak = AK * suite
    keys = KeyRing([MeterKeys(
        authentication_key=Secret(ak),
        client_private_key=KeyFile("k", lambda path: pem(own), "k"),
        server_certificate=KeyFile("c", lambda path: public_pem(other), "c"),
    )])  # fmt: skip
    z = ephemeral.exchange(ec.ECDH(), own.public_key())
    key = derived_keys(z, METER, CLIENT, suite)[which]
    info = b"\x01\x02\x01\x01" + octets(point(ephemeral) + bytes(len(point(ephemeral))))
    message = one(general(CLOCK, info, key, 0x30 | suite, ak=ak), keys)
    assert message.security is not None and message.security.verdict == "verified", message.security
    z = other.exchange(ec.ECDH(), own.public_key())
    key = derived_keys(z, METER + b"\x08\1\2\3\4\5\6\7\x08", CLIENT, suite)[which]
    message = one(general(CLOCK, b"\x01\x02\x01\x02\x00", key, 0x30 | suite, ak=ak), keys)
    assert message.security is not None and message.security.verdict == "verified", message.security
    assert message.plain_apdu == "get-response"


def test_what_is_missing_for_an_agreed_key_is_said() -> None:
    info = b"\x01\x02\x01\x01" + octets(bytes(128))
    message = one(general(CLOCK, info, EK), ring())
    assert message.security is not None and message.security.verdict == "no-key"
    assert "client_private_key" in message.security.reason
    with pytest.raises(HlsUnknown, match="octets"):
        agreed_keys(1, bytes(10), 1, METER, CLIENT, b"", pem(private("11" * 20)), None)
    with pytest.raises(HlsUnknown, match="cannot be read"):
        shared_secret(b"nonsense", bytes(64))


def test_suite_2_with_its_long_keys() -> None:
    ek, ak = EK * 2, AK * 2
    sealed = Decryptor().protect(0x32, 9, METER, CLOCK, ek, ak)
    content = b"\x32" + (9).to_bytes(4, "big") + sealed.payload + sealed.tag
    apdu = b"\xdb\x08" + METER + octets(content)
    message = one(apdu, KeyRing.from_options(ek=ek.hex(), ak=ak.hex()))
    assert message.security is not None
    assert (message.security.verdict, message.security.suite) == ("verified", 2)


def test_a_transferred_key_is_used_from_then_on() -> None:
    """global_key_transfer of a new EK and AK: taken when the meter says so, and not before."""
    new_ak = bytes(range(0x70, 0x80))
    rows = b"".join(b"\x02\x02\x16" + bytes([n]) + b"\x09" + octets(wrap(KEK, k)) for n, k in ((0, FRESH), (2, new_ak)))
    transfer = bytes.fromhex("C301C100400000 2B0000FF 02 01 01 02".replace(" ", "")) + rows
    client, meter = Station(CLIENT), Station(METER)
    talk = Conversation("wrapper")
    keys = ring()
    keys = KeyRing([MeterKeys(
        system_title=METER, client_system_title=CLIENT, key_encrypting_key=Secret(KEK),
        global_unicast_encryption_key=Secret(EK), authentication_key=Secret(AK),
    )])  # fmt: skip
    talk.request(client.seal(transfer)).reply(meter.seal(bytes.fromhex("C701C10000")))
    client.ek = meter.ek = FRESH
    client.ak = meter.ak = new_ak
    talk.request(client.seal(GET_CLOCK)).reply(meter.seal(CLOCK))
    verdicts = [m.security.verdict for m in decode(talk.trace(), keys) if m.security]
    assert verdicts == ["verified"] * 4


@pytest.mark.parametrize("curve", ["P-256", "P-384"])
def test_general_signing(curve: str) -> None:
    key = private("4A" * 20, curve)
    size = {"P-256": 32, "P-384": 48}[curve]
    body = header(METER, CLIENT) + octets(CLOCK)
    algorithm = ec.ECDSA(hashes.SHA256() if size == 32 else hashes.SHA384())
    r, s = utils.decode_dss_signature(key.sign(body, algorithm))
    apdu = b"\xdf" + body + octets(r.to_bytes(size, "big") + s.to_bytes(size, "big"))
    keys = ring(server_certificate=public_pem(key))
    message = one(apdu, keys)
    assert message.security is not None
    assert (message.security.layer, message.security.verdict) == ("signature", "verified")
    assert message.layer is not None and message.layer.inner[0].name == "get-response"
    tampered = apdu.replace(CLOCK, CLOCK[:-1] + b"\x01")
    assert one(tampered, keys).security.verdict == "failed"  # type: ignore[union-attr]
    assert one(apdu, KeyRing()).security.verdict == "no-key"  # type: ignore[union-attr]
