"""What gurux-dlms encodes as a meter, and what its client reads: answers, notifications, blocks, data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from grammars import data
from grammars.kit.primitives import Bits
from tests.second_opinion import CLOCK, FIVE, RAW, Encoded, Read, apdu_of, attribute, date_time
from tests.second_opinion_gurux import HEADER, INVOKE, LONG, client, shown

ENCODED: list[Encoded] = []
READS: list[Read] = []


def _messages(command: str, kind: int, content: bytes | None, status: int, **conformance: int) -> list[bytes]:
    """The APDUs that a meter sends for an answer; the content is encoded COSEM data, as the library wants it."""
    from gurux_dlms import GXByteBuffer
    from gurux_dlms.enums import Command, Conformance
    from gurux_dlms.GXDLMS import GXDLMS
    from gurux_dlms.GXDLMSLNParameters import GXDLMSLNParameters

    settings = client().settings
    settings.isServer = True
    settings.maxPduSize = 64
    for name in conformance:
        settings.negotiatedConformance |= Conformance[name]
    content_buffer = GXByteBuffer(content) if content is not None else None
    parameters = GXDLMSLNParameters(settings, 0xC1, Command[command], kind, None, content_buffer, status)
    parameters.multipleBlocks = kind == 2
    return [bytes(message)[HEADER:] for message in GXDLMS.getLnMessages(parameters)]


def answer(octets: bytes) -> tuple[Any, int]:
    """Value and error that the client finds in an answer."""
    from gurux_dlms import GXReplyData
    from gurux_dlms.enums import InterfaceType

    made, reply = client(), GXReplyData()
    made.settings.interfaceType = InterfaceType.PDU
    made.getData(bytearray(octets), reply)
    return reply.value, int(reply.error)


def encoded(row: str, variant: str, plain: Any, theirs: Callable[[], bytes], grammar: Any = None) -> None:
    more = {} if grammar is None else {"grammar": grammar}
    ENCODED.append(Encoded(row, variant, theirs, plain, **more))


def read(row: str, variant: str, plain: Any, value: Any, error: int = 0) -> None:
    READS.append(Read(row, variant, plain, answer, lambda: (value, error)))


def read_xml(row: str, variant: str, plain: Any, *expected: tuple[str, str]) -> None:
    READS.append(Read(row, variant, plain, shown, lambda: list(expected)))


ENCODED_FIVE = bytes.fromhex("120005")
GET_NORMAL = apdu_of("get-response", "get-response-normal", result=("data", FIVE))
GET_ERROR = apdu_of("get-response", "get-response-normal", result=("data-access-result", 4))
SET_ERROR = apdu_of("set-response", "set-response-normal", result=3)
ACTION = apdu_of(
    "action-response",
    "action-response-normal",
    single_response={"result": 0, "return_parameters": ("data", FIVE)},
)
encoded("get-response", "normal", GET_NORMAL, lambda: _messages("GET_RESPONSE", 1, ENCODED_FIVE, 0)[0])
encoded("get-response", "error", GET_ERROR, lambda: _messages("GET_RESPONSE", 1, None, 4)[0])
encoded(
    "get-response",
    "with list",
    apdu_of("get-response", "get-response-with-list", result=[("data", FIVE), ("data-access-result", 11)]),
    lambda: _messages("GET_RESPONSE", 3, bytes.fromhex("0200120005010B"), 0xFF)[0],
)
encoded(
    "get-response",
    "block",
    apdu_of(
        "get-response",
        "get-response-with-datablock",
        result={"last_block": 0, "block_number": 1, "result": ("raw-data", b"\x09\x64" + LONG[:52])},
    ),
    lambda: _messages("GET_RESPONSE", 2, b"\x09\x64" + LONG, 0, BLOCK_TRANSFER_WITH_GET_OR_READ=1)[0],
)
encoded("set-response", "normal", SET_ERROR, lambda: _messages("SET_RESPONSE", 1, None, 3)[0])
encoded(
    "action-response",
    "normal",
    ACTION,
    lambda: _messages("METHOD_RESPONSE", 1, b"\x01\x00" + ENCODED_FIVE, 0)[0],
)
read("get-response", "normal", GET_NORMAL, 5)
read("get-response", "error", GET_ERROR, None, 4)
read("set-response", "normal", SET_ERROR, None, 3)
read("action-response", "normal", ACTION, 5)
read_xml(
    "get-response",
    "block",
    apdu_of(
        "get-response",
        "get-response-with-datablock",
        result={"last_block": 1, "block_number": 2, "result": ("raw-data", RAW)},
    ),
    INVOKE,
    ("LastBlock", "01"),
    ("BlockNumber", "00000002"),
    ("RawData", RAW.hex().upper()),
)
read_xml(
    "set-response",
    "with list",
    apdu_of("set-response", "set-response-with-list", result=[0, 3]),
    INVOKE,
    ("DataAccessResult", "Success"),
    ("DataAccessResult", "ReadWriteDenied"),
)
NOTIFIED = (
    "data-notification",
    {"long_invoke_id_and_priority": 0xC1, "date_time": ("no_date_time", None), "notification_body": FIVE},
)
encoded("data-notification", "", NOTIFIED, lambda: _messages("DATA_NOTIFICATION", 0, ENCODED_FIVE, 0xFF)[0])
read_xml(
    "data-notification",
    "with time",
    (
        "data-notification",
        {
            **NOTIFIED[1],  # type: ignore[dict-item]
            "date_time": ("date_time", date_time(2024, 11, 26, 2, 10, 30, 15, 0, -60)),
        },
    ),
    ("LongInvokeIdAndPriority", "000000C1"),
    ("DateTime", "07E80B1A020A1E0F00FFC400"),
    ("UInt16", "0005"),
)
EVENT = (
    "event-notification-request",
    {
        "time": None,
        "cosem_attribute_descriptor": attribute(1, "0000600100FF", 2),
        "attribute_value": FIVE,
    },
)
encoded(
    "event-notification-request",
    "",
    EVENT,
    lambda: _messages("EVENT_NOTIFICATION", 0, bytes.fromhex("00010000600100FF02120005"), 0xFF)[0],
)
read_xml(
    "event-notification-request",
    "",
    EVENT,
    ("ClassId", "0001"),
    ("InstanceId", "0000600100FF"),
    ("AttributeId", "02"),
    ("UInt16", "0005"),
)
for number, last in ((1, 0), (2, 1)):
    first = b"\xc4\x01\xc1\x00\x09\x64" + LONG
    encoded(
        "general-block-transfer",
        "last" if last else "first",
        (
            "general-block-transfer",
            {
                "block_control": 0x80 * last + 1,
                "block_number": number,
                "block_number_acknowledged": 0,
                "block_data": first[57:] if last else first[:57],
            },
        ),
        lambda number=number: _messages(  # type: ignore[misc]
            "GET_RESPONSE", 1, b"\x09\x64" + LONG, 0, GENERAL_BLOCK_TRANSFER=1
        )[number - 1],
    )
read_xml(
    "general-block-transfer",
    "",
    (
        "general-block-transfer",
        {"block_control": 0x81, "block_number": 2, "block_number_acknowledged": 1, "block_data": RAW},
    ),
    ("BlockControl", "81"),
    ("BlockNumber", "0002"),
    ("BlockNumberAck", "0001"),
    ("BlockData", RAW.hex().upper()),
)
read_xml(
    "exception-response",
    "",
    ("exception-response", {"state_error": 1, "service_error": 2}),
    ("StateError", "ServiceNotAllowed"),
    ("ServiceError", "ServiceNotSupported"),
)
read_xml(
    "confirmed-service-error",
    "",
    ("confirmed-service-error", ("initiate-error", ("initiate", 1))),
    ("Service", "01"),
    ("Initiate", "DlmsVersionTooLow"),
)
read_xml("read-response", "", ("read-response", {"results": [("data", FIVE), ("data-access-error", 3)]}),
         ("UInt16", "0005"), ("DataAccessError", "ReadWriteDenied"))  # fmt: skip
read_xml("write-response", "", ("write-response", {"results": [("data-access-error", 3)]}),
         ("DataAccessError", "ReadWriteDenied"))  # fmt: skip
read_xml(
    "information-report-request",
    "",
    (
        "information-report-request",
        {
            "current_time": None,
            "variable_access_specification": [("variable-name", {"variable_name": 0xFA00})],
            "list_of_data": [FIVE],
        },
    ),
    ("VariableName", "FA00"),
    ("UInt16", "0005"),
)
ACCESS_HEAD = {"long_invoke_id_and_priority": 0x40000001, "date_time": ("no_date_time", None)}
read_xml(
    "access-request",
    "",
    (
        "access-request",
        {
            **ACCESS_HEAD,
            "access_request_specification": [("access-get", CLOCK)],
            "access_request_list_of_data": [("null-data", None)],
        },
    ),
    ("LongInvokeIdAndPriority", "40000001"),
    ("DateTime", ""),
    ("ClassId", "0008"),
    ("InstanceId", "0000010000FF"),
    ("AttributeId", "02"),
)
read_xml(
    "access-response",
    "",
    (
        "access-response",
        {
            **ACCESS_HEAD,
            "access_request_specification": None,
            "access_response_list_of_data": [FIVE],
            "access_response_specification": [("access-response-get", 0)],
        },
    ),
    ("LongInvokeIdAndPriority", "40000001"),
    ("DateTime", ""),
    ("UInt16", "0005"),
    ("Result", "Success"),
)

# -- data --------------------------------------------------------------------------------------------------

DATA: dict[str, tuple[str, Any, Any]] = {
    "null-data": ("NONE", None, None),
    "boolean": ("BOOLEAN", True, True),
    "bit-string": ("BITSTRING", "10100101010", Bits(11, b"\xa5\x40")),
    "double-long": ("INT32", -2, -2),
    "double-long-unsigned": ("UINT32", 258, 258),
    "octet-string": ("OCTET_STRING", bytearray(RAW), RAW),
    "visible-string": ("STRING", "abc", b"abc"),
    "utf8-string": ("STRING_UTF8", "äö", "äö".encode()),
    "bcd": ("BCD", 0x12, 0x12),
    "integer": ("INT8", -2, -2),
    "long": ("INT16", -2, -2),
    "unsigned": ("UINT8", 254, 254),
    "long-unsigned": ("UINT16", 65534, 65534),
    "long64": ("INT64", -2, -2),
    "long64-unsigned": ("UINT64", 2**64 - 2, 2**64 - 2),
    "enum": ("ENUM", 5, 5),
    "float32": ("FLOAT32", 1.5, 1.5),
    "float64": ("FLOAT64", 1.5, 1.5),
}


def _set(kind: str, value: Any) -> bytes:
    from gurux_dlms import GXByteBuffer
    from gurux_dlms.enums import DataType
    from gurux_dlms.internal._GXCommon import _GXCommon

    made = GXByteBuffer()
    _GXCommon.setData(None, made, DataType[kind], value)
    return bytes(made.array())


def _got(octets: bytes) -> Any:
    from gurux_dlms import GXByteBuffer
    from gurux_dlms.internal._GXCommon import _GXCommon, _GXDataInfo

    found = _GXCommon.getData(client().settings, GXByteBuffer(octets), _GXDataInfo())
    return str(found) if type(found).__name__ == "GXBitString" else found


for kind, (theirs, value, ours) in DATA.items():
    encoded("COSEM data", kind, (kind, ours), lambda theirs=theirs, value=value: _set(theirs, value), data.DATA)
    if kind != "utf8-string":
        READS.append(Read("COSEM data", kind, (kind, ours), _got, lambda value=value: value, data.DATA))
NESTED = ("structure", [FIVE, ("array", [("unsigned", 1), ("unsigned", 2)]), ("octet-string", RAW)])
READS.append(
    Read("COSEM data", "nested", NESTED, _got, lambda: [5, [1, 2], bytearray(RAW)], data.DATA),
)
COMPACT = (
    "compact-array",
    {
        "contents_description": ("structure", [("unsigned", None), ("long-unsigned", None)]),
        "array_contents": [("structure", [("unsigned", n), ("long-unsigned", 500 + n)]) for n in (1, 2)],
    },
)
READS.append(Read("COSEM data", "compact-array", COMPACT, _got, lambda: [[1, 501], [2, 502]], data.DATA))
MOMENT = ("date-time", date_time(2024, 11, 26, 0xFF, 10, 30, 15, 0xFF))
encoded("date-time", "UTC", MOMENT, lambda: _set("DATETIME", datetime(2024, 11, 26, 10, 30, 15)), data.DATA)


def _moment(octets: bytes) -> Any:
    found = _got(octets)
    return found.value.replace(tzinfo=None), int(found.value.utcoffset().total_seconds())


READS.append(
    Read(
        "date-time",
        "UTC+1",
        ("date-time", date_time(2024, 11, 26, 2, 10, 30, 15, 0, -60)),
        _moment,
        lambda: (datetime(2024, 11, 26, 10, 30, 15), 3600),
        data.DATA,
    )
)
