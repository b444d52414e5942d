"""Unsolicited APDUs of IEC 62056-5-3: data-notification, event-notification, information-report."""

from grammars.axdr import ATTRIBUTE_DESCRIPTOR, LONG_INVOKE_ID_AND_PRIORITY, OCTET_STRING, OPTIONAL_DATE_TIME
from grammars.data import DATA, LAST_DATA
from grammars.kit import Counted, Present, Struct
from grammars.sn import VARIABLE_ACCESS

LONG_INVOKE = "long_invoke_id_and_priority" / LONG_INVOKE_ID_AND_PRIORITY * "number of the notification"

DATA_NOTIFICATION = Struct(
    LONG_INVOKE,
    "date_time" / OPTIONAL_DATE_TIME * "when it was sent",
    "notification_body" / LAST_DATA * "the values",
)

DATA_NOTIFICATION_CONFIRM = Struct(LONG_INVOKE, "date_time" / OPTIONAL_DATE_TIME * "when it was received")

EVENT_NOTIFICATION_REQUEST = Struct(
    "time" / Present(OPTIONAL_DATE_TIME) * "when it happened",
    "cosem_attribute_descriptor" / ATTRIBUTE_DESCRIPTOR * "which attribute of which object",
    "attribute_value" / LAST_DATA * "its value",
)

INFORMATION_REPORT_REQUEST = Struct(
    "current_time" / Present(OCTET_STRING) * "GeneralizedTime",
    "variable_access_specification" / Counted(VARIABLE_ACCESS) * "which variables",
    "list_of_data" / Counted(DATA) * "their values, in the same order",
)
