"""The enumerations and bit sets of the protocol: value -> (symbol of the standard, what it means to a reader).

Data only. A value that is missing is not assigned by the sources named; decoders keep it and say so.
"""

Symbols = dict[int, tuple[str, str]]
Bits = list[tuple[int, str, str]]

# HDLC ---------------------------------------------------------------------------------------------------------


# ACSE ---------------------------------------------------------------------------------------------------------

# IEC 62056-5-3, application-context-name 2.16.756.5.8.1.x
APPLICATION_CONTEXTS: Symbols = {
    1: ("logical-name-referencing-no-ciphering", "logical names, APDUs in clear"),
    2: ("short-name-referencing-no-ciphering", "short names, APDUs in clear"),
    3: ("logical-name-referencing-with-ciphering", "logical names, ciphered APDUs"),
    4: ("short-name-referencing-with-ciphering", "short names, ciphered APDUs"),
}

# IEC 62056-5-3, mechanism-name 2.16.756.5.8.2.x
MECHANISMS: Symbols = {
    0: ("lowest-level-security", "no authentication"),
    1: ("low-level-security", "LLS: password in clear"),
    2: ("high-level-security", "HLS with an algorithm of the manufacturer"),
    3: ("high-level-security-md5", "HLS with MD5"),
    4: ("high-level-security-sha1", "HLS with SHA-1"),
    5: ("high-level-security-gmac", "HLS with AES-GMAC"),
    6: ("high-level-security-sha256", "HLS with SHA-256"),
    7: ("high-level-security-ecdsa", "HLS with ECDSA"),
}

# ISO/IEC 8650-1, Association-result
ASSOCIATION_RESULTS: Symbols = {
    0: ("accepted", "the association is accepted"),
    1: ("rejected-permanent", "refused, and the same request will be refused again"),
    2: ("rejected-transient", "refused for now"),
}

# ISO/IEC 8650-1 with IEC 62056-5-3, Associate-source-diagnostic, acse-service-user (tag A1)
DIAGNOSTICS_USER: Symbols = {
    0: ("null", "nothing to report"),
    1: ("no-reason-given", "the server does not say why"),
    2: ("application-context-name-not-supported", "referencing or ciphering is not what the server offers"),
    3: ("calling-AP-title-not-recognized", "the server does not know the client's system title"),
    4: ("calling-AP-invocation-identifier-not-recognized", "calling AP invocation identifier unknown"),
    5: ("calling-AE-qualifier-not-recognized", "calling AE qualifier unknown"),
    6: ("calling-AE-invocation-identifier-not-recognized", "the server does not know the client user"),
    7: ("called-AP-title-not-recognized", "called AP title unknown"),
    8: ("called-AP-invocation-identifier-not-recognized", "called AP invocation identifier unknown"),
    9: ("called-AE-qualifier-not-recognized", "called AE qualifier unknown"),
    10: ("called-AE-invocation-identifier-not-recognized", "called AE invocation identifier unknown"),
    11: (
        "authentication-mechanism-name-not-recognised",
        "this client may not use the mechanism it asked for",
    ),
    12: ("authentication-mechanism-name-required", "the AARQ names no mechanism and has to"),
    13: ("authentication-failure", "wrong password, or wrong proof"),
    14: ("authentication-required", "accepted so far; HLS passes 3 and 4 have to follow"),
}

# The same, acse-service-provider (tag A2)
DIAGNOSTICS_PROVIDER: Symbols = {
    0: ("null", "nothing to report"),
    1: ("no-reason-given", "the server does not say why"),
    2: ("no-common-acse-version", "the protocol-version fields do not agree"),
}

# ISO/IEC 8650-1, Release-request-reason and Release-response-reason
RELEASE_REQUEST_REASONS: Symbols = {
    0: ("normal", "the client is done"),
    1: ("urgent", "the client is in a hurry"),
    30: ("user-defined", "a reason of the user"),
}
RELEASE_RESPONSE_REASONS: Symbols = {
    0: ("normal", "released"),
    1: ("not-finished", "the server has not finished"),
    30: ("user-defined", "a reason of the user"),
}

# xDLMS --------------------------------------------------------------------------------------------------------

# IEC 62056-5-3, Conformance; bit 0 is the most significant bit of the first octet.
CONFORMANCE: Bits = [
    (0, "reserved-zero", "reserved"),
    (
        1,
        "general-protection",
        "general-glo-ciphering, general-ded-ciphering, general-ciphering, general-signing",
    ),
    (2, "general-block-transfer", "blocks below all services"),
    (3, "read", "SN: read"),
    (4, "write", "SN: write"),
    (5, "unconfirmed-write", "SN: write without answer"),
    (6, "delta-value-encoding", "values encoded as differences; reserved in older editions"),
    (7, "reserved-seven", "reserved"),
    (8, "attribute0-supported-with-set", "SET of all attributes at once"),
    (9, "priority-mgmt-supported", "requests of high priority"),
    (10, "attribute0-supported-with-get", "GET of all attributes at once"),
    (11, "block-transfer-with-get-or-read", "long answers in blocks"),
    (12, "block-transfer-with-set-or-write", "long SET or write requests in blocks"),
    (13, "block-transfer-with-action", "long ACTION requests and answers in blocks"),
    (14, "multiple-references", "several attributes in one request (with-list)"),
    (15, "information-report", "SN: unsolicited reports"),
    (16, "data-notification", "push by data-notification"),
    (17, "access", "ACCESS service"),
    (18, "parameterized-access", "SN: selective access"),
    (19, "get", "LN: GET"),
    (20, "set", "LN: SET"),
    (21, "selective-access", "LN: parts of an attribute"),
    (22, "event-notification", "LN: event notification"),
    (23, "action", "LN: ACTION"),
]

# IEC 62056-5-3, Data-Access-Result
DATA_ACCESS_RESULTS: Symbols = {
    0: ("success", "done"),
    1: ("hardware-fault", "the meter reports a fault of its hardware"),
    2: ("temporary-failure", "not now; may work later"),
    3: ("read-write-denied", "this association may not read, or not write, the attribute"),
    4: ("object-undefined", "the meter has no object of this logical name"),
    9: ("object-class-inconsistent", "the object exists, but not with this class or attribute"),
    11: ("object-unavailable", "the object exists, but not in this association or not now"),
    12: ("type-unmatched", "the value has not the data type of the attribute"),
    13: ("scope-of-access-violated", "outside what this association may reach"),
    14: ("data-block-unavailable", "the block asked for is not there"),
    15: ("long-get-aborted", "the transfer of a long answer was aborted"),
    16: ("no-long-get-in-progress", "a next block was asked for, and no long answer is under way"),
    17: ("long-set-aborted", "the transfer of a long SET was aborted"),
    18: ("no-long-set-in-progress", "a block arrived, and no long SET is under way"),
    19: ("data-block-number-invalid", "the block number is not the one expected"),
    250: ("other-reason", "the meter does not say why"),
}

# IEC 62056-5-3, Action-Result
ACTION_RESULTS: Symbols = {
    0: ("success", "done"),
    1: ("hardware-fault", "the meter reports a fault of its hardware; some say it of a wrong HLS proof"),
    2: ("temporary-failure", "not now; may work later"),
    3: ("read-write-denied", "this association may not invoke the method"),
    4: ("object-undefined", "the meter has no object of this logical name"),
    9: ("object-class-inconsistent", "the object exists, but not with this class or method"),
    11: ("object-unavailable", "the object exists, but not in this association or not now"),
    12: ("type-unmatched", "the parameter has not the data type of the method"),
    13: ("scope-of-access-violated", "outside what this association may reach"),
    14: ("data-block-unavailable", "the block asked for is not there"),
    15: ("long-action-aborted", "the transfer of a long ACTION was aborted"),
    16: ("no-long-action-in-progress", "a block arrived, and no long ACTION is under way"),
    250: ("other-reason", "the meter does not say why"),
}

# IEC 62056-5-3, ExceptionResponse: state-error, then service-error
EXCEPTION_STATE_ERRORS: Symbols = {
    1: ("service-not-allowed", "the server does not take this service in its present state"),
    2: ("service-unknown", "the server does not know this service"),
}
EXCEPTION_SERVICE_ERRORS: Symbols = {
    1: (
        "operation-not-possible",
        "not possible now: mostly no association, or the server is busy with another",
    ),
    2: ("service-not-supported", "the server does not implement the service"),
    3: ("other-reason", "the server does not say why"),
    4: ("pdu-too-long", "the request is longer than the server receives"),
    5: ("deciphering-error", "the server could not open the APDU before it"),
    6: (
        "invocation-counter-error",
        "the counter is too low; four octets with the lowest acceptable one follow",
    ),
}

# IEC 62056-5-3, ConfirmedServiceError: the service that failed
CONFIRMED_SERVICES: Symbols = {
    1: ("initiate-error", "opening the association"),
    2: ("get-status", "GetStatus"),
    3: ("get-name-list", "GetNameList"),
    4: ("get-variable-attribute", "GetVariableAttribute"),
    5: ("read", "read"),
    6: ("write", "write"),
    7: ("get-data-set-attribute", "GetDataSetAttribute"),
    8: ("get-ti-attribute", "GetTIAttribute"),
    9: ("change-scope", "ChangeScope"),
    10: ("start", "Start"),
    11: ("stop", "Stop"),
    12: ("resume", "Resume"),
    13: ("make-usable", "MakeUsable"),
    14: ("initiate-load", "InitiateLoad"),
    15: ("load-segment", "LoadSegment"),
    16: ("terminate-load", "TerminateLoad"),
    17: ("initiate-up-load", "InitiateUpLoad"),
    18: ("up-load-segment", "UpLoadSegment"),
    19: ("terminate-up-load", "TerminateUpLoad"),
}

# The same: class of the error, and the errors of each class. Class 8 (change-scope) is reserved, 10 has no values
# of its own; the numbers of task and other follow the ASN.1 module, which some libraries shift by one.
SERVICE_ERROR_CLASSES: Symbols = {
    0: ("application-reference", "the application or its context"),
    1: ("hardware-resource", "a resource of the meter"),
    2: ("vde-state-error", "the state of the meter's virtual device"),
    3: ("service", "the service itself"),
    4: ("definition", "the object that was named"),
    5: ("access", "access to the object"),
    6: ("initiate", "the InitiateRequest"),
    7: ("load-data-set", "loading of a data set"),
    8: ("change-scope", "change of scope, reserved"),
    9: ("task", "a task of the meter"),
    10: ("other", "something else"),
}
SERVICE_ERRORS: dict[int, Symbols] = {
    0: {
        0: ("other", "not said"),
        1: ("time-elapsed", "it took too long"),
        2: ("application-unreachable", "the application does not answer"),
        3: ("application-reference-invalid", "the application is not known"),
        4: ("application-context-unsupported", "the application context is not supported"),
        5: ("provider-communication-error", "the layers below failed"),
        6: ("deciphering-error", "the meter could not open the APDU before it"),
    },
    1: {
        0: ("other", "not said"),
        1: ("memory-unavailable", "not enough memory"),
        2: ("processor-resource-unavailable", "the processor is busy"),
        3: ("mass-storage-unavailable", "mass storage cannot be used"),
        4: ("other-resource-unavailable", "another resource is missing"),
    },
    2: {
        0: ("other", "not said"),
        1: ("no-dlms-context", "no association is open"),
        2: ("loading-data-set", "a data set is being loaded"),
        3: ("status-nochange", "the state may not be changed"),
        4: ("status-inoperable", "the device is inoperable"),
    },
    3: {
        0: ("other", "not said"),
        1: ("pdu-size", "the APDU is too long"),
        2: ("service-unsupported", "the service is not supported"),
    },
    4: {
        0: ("other", "not said"),
        1: ("object-undefined", "there is no such object"),
        2: ("object-class-inconsistent", "the class does not fit the object"),
        3: ("object-attribute-inconsistent", "the attribute does not fit the object"),
    },
    5: {
        0: ("other", "not said"),
        1: ("scope-of-access-violated", "outside what this association may reach"),
        2: ("object-access-invalid", "the object may not be accessed like this"),
        3: ("hardware-fault", "the meter reports a fault of its hardware"),
        4: ("object-unavailable", "the object is not available"),
    },
    6: {
        0: ("other", "not said"),
        1: ("dlms-version-too-low", "the proposed DLMS version is below 6"),
        2: ("incompatible-conformance", "no service is left that both sides support"),
        3: ("pdu-size-too-short", "the client receives too short PDUs"),
        4: ("refused-by-the-VDE-Handler", "the virtual device refuses the association"),
    },
    7: {
        0: ("other", "not said"),
        1: ("primitive-out-of-sequence", "out of sequence"),
        2: ("not-loadable", "not loadable"),
        3: ("dataset-size-too-large", "the data set is too large"),
        4: ("not-awaited-segment", "this segment was not awaited"),
        5: ("interpretation-failure", "the data cannot be interpreted"),
        6: ("storage-failure", "the data cannot be stored"),
        7: ("data-set-not-ready", "the data set is not ready"),
    },
    8: {},
    9: {
        0: ("other", "not said"),
        1: ("no-remote-control", "remote control is off"),
        2: ("ti-stopped", "the task is stopped"),
        3: ("ti-running", "the task is running"),
        4: ("ti-unusable", "the task is unusable"),
    },
    10: {0: ("other", "not said")},
}

# IEC 62056-5-3, Access-Request-Specification and Access-Response-Specification
ACCESS_SERVICES: Symbols = {
    1: ("access-get", "GET of an attribute"),
    2: ("access-set", "SET of an attribute"),
    3: ("access-action", "ACTION of a method"),
    4: ("access-get-with-selection", "GET of a part of an attribute"),
    5: ("access-set-with-selection", "SET of a part of an attribute"),
}

# Security -----------------------------------------------------------------------------------------------------

# IEC 62056-5-3, security suites
SECURITY_SUITES: Symbols = {
    0: ("AES-GCM-128", "AES-128 GCM, AES-128 key wrap"),
    1: ("ECDH-ECDSA-AES-GCM-128-SHA-256", "AES-128 GCM, P-256, SHA-256, AES-128 key wrap, V.44"),
    2: ("ECDH-ECDSA-AES-GCM-256-SHA-384", "AES-256 GCM, P-384, SHA-384, AES-256 key wrap, V.44"),
}


# IEC 62056-5-3, key-id of an identified key in key-info
KEY_IDS: Symbols = {
    0: ("global-unicast-encryption-key", "GUEK, EK"),
    1: ("global-broadcast-encryption-key", "GBEK"),
}


# IEC 62056-5-3, kek-id of a wrapped key
KEK_IDS: Symbols = {0: ("master-key", "KEK")}

# IEC 62056-5-3, key-parameters of an agreed key
KEY_AGREEMENTS: Symbols = {
    1: ("C(1e,1s)", "one-pass Diffie-Hellman: ephemeral key of the sender, static key of the receiver"),
    2: ("C(0e,2s)", "static unified model: static keys of both, and a nonce"),
}


# COSEM --------------------------------------------------------------------------------------------------------

# IEC 62056-5-3, Data. 7, 8, 11 and 14 are not assigned.
DATA_TYPES: Symbols = {
    0: ("null-data", "nothing, or: as in the row before"),
    1: ("array", "elements of one type"),
    2: ("structure", "elements of different types"),
    3: ("boolean", "one octet"),
    4: ("bit-string", "length in bits, first bit first"),
    5: ("double-long", "32 bits, signed"),
    6: ("double-long-unsigned", "32 bits"),
    9: ("octet-string", "length in octets"),
    10: ("visible-string", "ASCII"),
    12: ("utf8-string", "UTF-8"),
    13: ("bcd", "one octet, two decimal digits"),
    15: ("integer", "8 bits, signed"),
    16: ("long", "16 bits, signed"),
    17: ("unsigned", "8 bits"),
    18: ("long-unsigned", "16 bits"),
    19: ("compact-array", "one type description, then the contents without tags"),
    20: ("long64", "64 bits, signed"),
    21: ("long64-unsigned", "64 bits"),
    22: ("enum", "8 bits"),
    23: ("float32", "IEEE 754, 32 bits"),
    24: ("float64", "IEEE 754, 64 bits"),
    25: ("date-time", "12 octets"),
    26: ("date", "5 octets"),
    27: ("time", "4 octets"),
    28: ("delta-integer", "difference to the value before, 8 bits, signed"),
    29: ("delta-long", "difference to the value before, 16 bits, signed"),
    30: ("delta-double-long", "difference to the value before, 32 bits, signed"),
    31: ("delta-unsigned", "difference to the value before, 8 bits"),
    32: ("delta-long-unsigned", "difference to the value before, 16 bits"),
    33: ("delta-double-long-unsigned", "difference to the value before, 32 bits"),
    255: ("dont-care", "any value"),
}

# IEC 62056-6-2, date and time formats
DATE_TIME_STATUS_BITS: Bits = [
    (0x01, "invalid-value", "the time was not set, or could not be recovered after a power failure"),
    (0x02, "doubtful-value", "the time was recovered, but cannot be relied on"),
    (0x04, "different-clock-base", "the time comes from another clock than is stated"),
    (0x08, "invalid-clock-status", "this status itself is not valid"),
    (0x80, "daylight-saving-active", "the time includes the daylight saving deviation"),
]
MONTHS: Symbols = {
    0xFD: ("daylight-savings-end", "the month in which daylight saving ends"),
    0xFE: ("daylight-savings-begin", "the month in which daylight saving begins"),
    0xFF: ("not-specified", "any month"),
}
DAYS_OF_MONTH: Symbols = {
    0xFD: ("second-last-day-of-month", "the last day but one"),
    0xFE: ("last-day-of-month", "the last day"),
    0xFF: ("not-specified", "any day"),
}
DAYS_OF_WEEK: Symbols = {
    1: ("Monday", "Monday"),
    2: ("Tuesday", "Tuesday"),
    3: ("Wednesday", "Wednesday"),
    4: ("Thursday", "Thursday"),
    5: ("Friday", "Friday"),
    6: ("Saturday", "Saturday"),
    7: ("Sunday", "Sunday"),
    0xFF: ("not-specified", "any day of the week"),
}
