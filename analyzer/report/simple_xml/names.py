"""The names that the Simple XML of Gurux has for values, by the numbers of the standard.

Source: the public class TranslatorSimpleTags of gurux_dlms 1.0.203 (PyPI); only names, which are a file format.
"""

ERRORS = {
    0: "Success",
    1: "HardwareFault",
    2: "TemporaryFailure",
    3: "ReadWriteDenied",
    4: "UndefinedObject",
    9: "InconsistentClass",
    11: "UnavailableObject",
    12: "UnmatchedType",
    13: "AccessViolated",
    14: "DataBlockUnavailable",
    15: "LongGetOrReadAborted",
    16: "NoLongGetOrReadInProgress",
    17: "LongSetOrWriteAborted",
    18: "NoLongSetOrWriteInProgress",
    19: "DataBlockNumberInvalid",
    250: "OtherReason",
}
CONTEXTS = {1: "LN", 2: "SN", 3: "LN_WITH_CIPHERING", 4: "SN_WITH_CIPHERING"}
MECHANISMS = {
    0: "None", 1: "Low", 2: "High", 3: "HighMd5", 4: "HighSha1", 5: "HighGmac", 6: "HighSha256", 7: "HighEcdsa",
}  # fmt: skip
RELEASE_REQUEST_REASONS = {0: "Normal", 1: "Urgent", 30: "UserDefined"}
RELEASE_RESPONSE_REASONS = {0: "Normal", 1: "NotFinished", 30: "UserDefined"}
STATE_ERRORS = {1: "ServiceNotAllowed", 2: "ServiceUnknown"}
EXCEPTION_ERRORS = {1: "OperationNotPossible", 2: "ServiceNotSupported", 3: "OtherReason"}


SERVICE_ERRORS: dict[str, tuple[str, dict[int, str]]] = {
    "application-reference": (
        "ApplicationReference",
        {
            0: "Other",
            1: "TimeElapsed",
            2: "ApplicationUnreachable",
            3: "ApplicationReferenceInvalid",
            4: "ApplicationContextUnsupported",
            5: "ProviderCommunicationError",
            6: "DecipheringError",
        },
    ),
    "hardware-resource": (
        "HardwareResource",
        {
            0: "Other",
            1: "MemoryUnavailable",
            2: "ProcessorResourceUnavailable",
            3: "MassStorageUnavailable",
            4: "OtherResourceUnavailable",
        },
    ),
    "vde-state-error": (
        "VdeStateError",
        {0: "Other", 1: "NoDlmsContext", 2: "LoadingDataSet", 3: "StatusNochange", 4: "StatusInoperable"},
    ),
    "service": ("Service", {0: "Other", 1: "PduSize", 2: "ServiceUnsupported"}),
    "definition": (
        "Definition",
        {0: "Other", 1: "ObjectUndefined", 2: "ObjectClassInconsistent", 3: "ObjectAttributeInconsistent"},
    ),
    "access": (
        "Access",
        {
            0: "Other",
            1: "ScopeOfAccessViolated",
            2: "ObjectAccessInvalid",
            3: "HardwareFault",
            4: "ObjectUnavailable",
        },
    ),
    "initiate": (
        "Initiate",
        {
            0: "Other",
            1: "DlmsVersionTooLow",
            2: "IncompatibleConformance",
            3: "PduSizeTooShort",
            4: "RefusedByTheVDEHandler",
        },
    ),
    "load-data-set": (
        "LoadDataSet",
        {
            0: "Other",
            1: "PrimitiveOutOfSequence",
            2: "NotLoadable",
            3: "DatasetSizeTooLarge",
            4: "NotAwaitedSegment",
            5: "InterpretationFailure",
            6: "StorageFailure",
            7: "DataSetNotReady",
        },
    ),
    "task": ("Task", {0: "Other", 1: "NoRemoteControl", 2: "tiStopped", 3: "tiRunning", 4: "tiUnusable"}),
}

DATA_TYPES = {
    "null-data": "None",
    "array": "Array",
    "structure": "Structure",
    "boolean": "Boolean",
    "bit-string": "BitString",
    "double-long": "Int32",
    "double-long-unsigned": "UInt32",
    "octet-string": "OctetString",
    "visible-string": "String",
    "utf8-string": "StringUTF8",
    "bcd": "BCD",
    "integer": "Int8",
    "long": "Int16",
    "unsigned": "UInt8",
    "long-unsigned": "UInt16",
    "compact-array": "CompactArray",
    "long64": "Int64",
    "long64-unsigned": "UInt64",
    "enum": "Enum",
    "float32": "Float32",
    "float64": "Float64",
    "date-time": "DateTime",
    "date": "Date",
    "time": "Time",
}

_SERVICES = {
    "initiate-request": "InitiateRequest",
    "initiate-response": "InitiateResponse",
    "get-request": "GetRequest",
    "get-response": "GetResponse",
    "set-request": "SetRequest",
    "set-response": "SetResponse",
    "action-request": "ActionRequest",
    "action-response": "ActionResponse",
    "read-request": "ReadRequest",
    "read-response": "ReadResponse",
    "write-request": "WriteRequest",
    "write-response": "WriteResponse",
}
CIPHERED = {f"glo-{name}": f"glo_{tag}" for name, tag in _SERVICES.items()} | {
    f"ded-{name}": f"ded_{tag}" for name, tag in _SERVICES.items() if name.startswith(("get", "set", "action"))
}
CIPHERED |= {
    "glo-confirmed-service-error": "glo_GloConfirmedServiceError",
    "ded-confirmed-service-error": "ded_GloConfirmedServiceError",
}
