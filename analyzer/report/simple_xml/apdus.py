"""What each field of an xDLMS APDU is called in Simple XML: one table, by the names of the standard."""

from __future__ import annotations

from analyzer.report.simple_xml.association import ASSOCIATION
from analyzer.report.simple_xml.data import logical_name
from analyzer.report.simple_xml.elements import Comment, Element, Item, value
from analyzer.report.simple_xml.names import (
    CIPHERED,
    ERRORS,
    EXCEPTION_ERRORS,
    SERVICE_ERRORS,
    STATE_ERRORS,
)
from analyzer.report.simple_xml.walker import Rule, Walker, decimal, element, hexed, inline, meant, named, nameless
from grammars import readings
from grammars.kit.spec import RawNode
from grammars.meanings import class_name

HEADER = ("long_invoke_id_and_priority", "date_time")
DESCRIPTORS = {"class_id", "instance_id", "attribute_id", "method_id"}


def _dated(tag: str) -> Rule:
    """A date-time that may be absent: its 12 octets or none, without tag and length."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        case = node[3][0] if isinstance(node[3], list) and node[3] else node
        octets = walker.octets(case) if case[3] is not None else b""
        text = readings.date_time(octets)
        return [*([Comment(text)] if text else []), value(tag, octets.hex().upper())]

    return make


def _counted(tag: str) -> Rule:
    """An APDU that is one list: the element says how many."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        parts = node[3] if isinstance(node[3], list) else []
        number = sum(len(part[3]) for part in parts if isinstance(part[3], list))
        return [Element(tag, (("Qty", f"{number:02X}"),), tuple(walker.items(parts, node[0].name)))]

    return make


def _with_body(tag: str, body: str) -> Rule:
    """ACCESS: invoke-id and time stand before an element around the rest."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        parts = node[3] if isinstance(node[3], list) else []
        head = walker.items([part for part in parts if part[0].name in HEADER], node[0].name)
        rest = walker.items([part for part in parts if part[0].name not in HEADER], node[0].name)
        return [Element(tag, (), (*head, Element(body, (), tuple(rest))))]

    return make


def _access(tag: str, around: str, descriptor: str) -> Rule:
    """One specification of ACCESS; the descriptor stands in it without a name of its own."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        parts = node[3] if isinstance(node[3], list) else []
        own = [part for part in parts if part[0].name in DESCRIPTORS]
        items = [Element(descriptor, (), tuple(walker.items(own, node[0].name)))] if own else []
        items += walker.items([part for part in parts if part not in own], node[0].name)  # type: ignore[arg-type]
        return [Element(around, (), (Element(tag, (), tuple(items)),))]

    return make


def _access_result(tag: str) -> Rule:
    def make(walker: Walker, node: RawNode) -> list[Item]:
        result = named("Result", ERRORS)(walker, node)
        return [Element("_AccessResponseSpecification", (), (Element(tag, (), tuple(result)),))]

    return make


def _service_error(walker: Walker, node: RawNode) -> list[Item]:
    """confirmedServiceError: the number of the service, the class of the error, the error."""
    service = node[3][0] if isinstance(node[3], list) and node[3] else node
    error = service[3][0] if isinstance(service[3], list) and service[3] else service
    if service is node or error is service:
        return [Element("ConfirmedServiceError", (), (walker.plainly(node),))]
    kind, names = SERVICE_ERRORS.get(error[0].name, ("", {}))
    what = named(kind, names)(walker, error) if kind else [walker.plainly(error)]
    number = value("Service", f"{walker.data[service[1]]:02X}")
    rest = walker.items([*node[3][1:], *service[3][1:]], node[0].name)
    made = (Comment(service[0].name), number, Element("ServiceError", (), tuple(what)), *rest)
    return [Element("ConfirmedServiceError", (), made)]


def _sealed(tag: str) -> Rule:
    """A protected APDU: what was in it as a comment, as Gurux has it, then its octets."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        return [*walker.opened(), value(tag, walker.octets(node).hex().upper())]

    return make


def _general(tag: str) -> Rule:
    def make(walker: Walker, node: RawNode) -> list[Item]:
        return [*walker.opened(), *element(tag)(walker, node)]

    return make


def _block_apdu(walker: Walker, node: RawNode) -> list[Item]:
    """A general block transfer, and the APDU that it completes."""
    inner = tuple(item for layer in walker.layer.inner for item in walker.inside(layer))
    whole = [Comment("Reassembled APDU of the blocks up to this one", inner)] if inner else []
    return [*element("GeneralBlockTransfer")(walker, node), *whole]


_class = meant(hexed("ClassId"), lambda node: class_name(node[3]) if isinstance(node[3], int) else "")
_name = meant(hexed("InstanceId"), lambda node: logical_name(node[3]) if isinstance(node[3], bytes) else "")

SERVICES: dict[str, Rule] = {
    "get-request": element("GetRequest"),
    "get-request-normal": element("GetRequestNormal"),
    "get-request-next": element("GetRequestForNextDataBlock"),
    "get-request-with-list": element("GetRequestWithList"),
    "get-response": element("GetResponse"),
    "get-response-normal": element("GetResponseNormal"),
    "get-response-with-datablock": element("GetResponsewithDataBlock"),
    "get-response-with-list": element("GetResponseWithList"),
    "get-response-normal/result": element("Result"),
    "get-response-with-datablock/result": element("Result"),
    "get-response-with-list/result": element("Result", qty=True),
    "result/result": element("Result", within="block_result"),
    "block_result/data-access-result": named("DataAccessResult", ERRORS),
    "raw-data": hexed("RawData"),
    "set-request": element("SetRequest"),
    "set-request-normal": element("SetRequestNormal"),
    "set-request-with-first-datablock": element("SetRequestFirstDataBlock"),
    "set-request-with-datablock": element("SetRequestWithDataBlock"),
    "set-request-with-list": element("SetRequestWithList"),
    "set-request-with-list-and-first-datablock": nameless,
    "set-request-normal/value": element("Value"),
    "value_list": element("ValueList", qty=True),
    "datablock": element("DataBlock"),
    "set-response": element("SetResponse"),
    "set-response-normal": element("SetResponseNormal"),
    "set-response-datablock": element("SetResponseDataBlock"),
    "set-response-last-datablock": element("SetResponseWithLastDataBlock"),
    "set-response-last-datablock-with-list": nameless,
    "set-response-with-list": element("SetResponseWithList"),
    "set-response-with-list/result": element("Result", qty=True),
    "set-response-last-datablock-with-list/result": element("Result", qty=True),
    "action-request": element("ActionRequest"),
    "action-request-normal": element("ActionRequestNormal"),
    "action-request-next-pblock": element("ActionRequestForNextDataBlock"),
    "action-request-with-list": element("ActionRequestWithList"),
    "action-request-with-first-pblock": nameless,
    "action-request-with-list-and-first-pblock": nameless,
    "action-request-with-pblock": nameless,
    "method_invocation_parameters": element("MethodInvocationParameters"),
    "action-request-with-list/method_invocation_parameters": element("MethodInvocationParameters", qty=True),
    "cosem_method_descriptor_list": inline,
    "method": element("MethodDescriptor"),
    "pblock": nameless,
    "action-response": element("ActionResponse"),
    "action-response-normal": element("ActionResponseNormal"),
    "action-response-with-pblock": element("ActionResponseWithPBlock"),
    "action-response-with-list": element("ActionResponseWithList"),
    "action-response-next-pblock": element("ActionResponseNextBlock"),
    "single_response": inline,
    "list_of_responses": inline,
    "response": inline,
    "return_parameters": element("ReturnParameters"),
}
FIELDS: dict[str, Rule] = {
    "invoke_id_and_priority": hexed("InvokeIdAndPriority"),
    "long_invoke_id_and_priority": hexed("LongInvokeIdAndPriority"),
    "cosem_attribute_descriptor": element("AttributeDescriptor"),
    "cosem_method_descriptor": element("MethodDescriptor"),
    "attribute_descriptor_list": element("AttributeDescriptorList", qty=True),
    "attribute": element("AttributeDescriptorWithSelection"),
    "class_id": _class,
    "instance_id": _name,
    "attribute_id": hexed("AttributeId"),
    "method_id": hexed("MethodId"),
    "access_selection": element("AccessSelection"),
    "access_selector": hexed("AccessSelector"),
    "access_parameters": element("AccessParameters"),
    "block_number": hexed("BlockNumber"),
    "last_block": hexed("LastBlock"),
    "raw_data": hexed("RawData"),
    "result": named("Result", ERRORS),
    "data": element("Data"),
    "data-access-result": named("DataAccessError", ERRORS),
    "data_access_result": named("DataAccessResult", ERRORS),
    "date_time": _dated("DateTime"),
    "time": _dated("Time"),
}
SHORT_NAMES: dict[str, Rule] = {
    "read-request": _counted("ReadRequest"),
    "read-response": _counted("ReadResponse"),
    "write-request": element("WriteRequest"),
    "write-response": _counted("WriteResponse"),
    "information-report-request": element("InformationReportRequest"),
    "read-request/variable_access_specification": inline,
    "variable_access_specification": element("ListOfVariableAccessSpecification", qty=True),
    "results": inline,
    "success": lambda walker, node: [Element("Success")],
    "variable-name": inline,
    "variable_name": hexed("VariableName"),
    "parameterized-access": element("ParameterisedAccess"),
    "selector": hexed("Selector"),
    "parameter": element("Parameter"),
    "block-number-access": element("BlockNumberAccess"),
    "read-data-block-access": element("ReadDataBlockAccess"),
    "write-data-block-access": element("WriteDataBlockAccess"),
    "data-block-result": element("DataBlockResult"),
    "data-access-error": named("DataAccessError", ERRORS),
    "list_of_data": element("ListOfData", qty=True),
    "current_time": hexed("CurrentTime"),
}
OTHERS: dict[str, Rule] = {
    "data-notification": element("DataNotification"),
    "notification_body": lambda walker, node: [
        Element("NotificationBody", (), (Element("DataValue", (), tuple(inline(walker, node))),))
    ],
    "event-notification-request": element("EventNotificationRequest"),
    "attribute_value": element("AttributeValue"),
    "exception-response": element("ExceptionResponse"),
    "state_error": named("StateError", STATE_ERRORS),
    "service_error": named("ServiceError", EXCEPTION_ERRORS),
    "confirmed-service-error": _service_error,
    "general-block-transfer": _block_apdu,
    "block_control": hexed("BlockControl"),
    "block_number_acknowledged": hexed("BlockNumberAck"),
    "block_data": hexed("BlockData"),
    "gateway-request": element("GatewayRequest"),
    "gateway-response": element("GatewayResponse"),
    "network_id": decimal("NetworkId"),
    "physical_device_address": hexed("PhysicalDeviceAddress"),
    "access-request": _with_body("AccessRequest", "AccessRequestBody"),
    "access-response": _with_body("AccessResponse", "AccessResponseBody"),
    "access-request/access_request_specification": element("AccessRequestSpecification", qty=True),
    "access-response/access_request_specification": nameless,
    "access-get": _access("AccessRequestGet", "_AccessRequestSpecification", "AttributeDescriptor"),
    "access-set": _access("AccessRequestSet", "_AccessRequestSpecification", "AttributeDescriptor"),
    "access-action": _access("AccessRequestAction", "_AccessRequestSpecification", "MethodDescriptor"),
    "access_request_list_of_data": element("AccessRequestListOfData", qty=True),
    "access_response_list_of_data": element("AccessResponseListOfData", qty=True),
    "access_response_specification": element("AccessResponseSpecification", qty=True),
    "access-response-get": _access_result("AccessResponseGet"),
    "access-response-set": _access_result("AccessResponseSet"),
    "access-response-action": _access_result("AccessResponseAction"),
    "general-glo-ciphering": _general("GeneralGloCiphering"),
    "general-ded-ciphering": _general("GeneralDedCiphering"),
    "general-ciphering": _general("GeneralCiphering"),
    "system_title": hexed("SystemTitle"),
    "ciphered_service": hexed("CipheredService"),
    "general-ciphering/ciphered_service": hexed("CipheredContent"),
    "transaction_id": hexed("TransactionId"),
    "originator_system_title": hexed("OriginatorSystemTitle"),
    "recipient_system_title": hexed("RecipientSystemTitle"),
    "other_information": hexed("OtherInformation"),
    "key_info": element("KeyInfo"),
    "agreed-key": element("AgreedKey"),
    "key_parameters": hexed("KeyParameters"),
    "agreed-key/key_ciphered_data": hexed("KeyCipheredData"),
}
RULES: dict[str, Rule] = {
    **FIELDS,
    **SERVICES,
    **SHORT_NAMES,
    **OTHERS,
    **ASSOCIATION,
    **{name: _sealed(tag) for name, tag in CIPHERED.items()},
}
