"""Which meaning the result of a function has, from the meanings of its arguments."""

from __future__ import annotations

from collections.abc import Sequence

from kafkascope.pxl.types import SemanticType as St

_SUMS = frozenset({St.BYTES, St.THROUGHPUT_PER_NS, St.THROUGHPUT_BYTES_PER_NS, St.DURATION_NS})
_KEEPS = _SUMS | {St.PERCENT}
_FIXED = {
    "pod_name_to_status": St.POD_STATUS, "http_resp_message": St.HTTP_RESP_MESSAGE, "script_reference": St.SCRIPT_REFERENCE, "upid_to_asid": St.ASID, "upid": St.UPID,
    "deployment_name_to_namespace": St.NAMESPACE_NAME, "deployment_id_to_namespace": St.NAMESPACE_NAME, "replicaset_name_to_namespace": St.NAMESPACE_NAME,
    "replicaset_id_to_namespace": St.NAMESPACE_NAME, "pod_name_to_namespace": St.NAMESPACE_NAME, "service_name_to_namespace": St.NAMESPACE_NAME,
}  # fmt: skip


def of_call(fn: str, args: Sequence[St]) -> St:
    """The meaning of a scalar function's result."""
    if fn in ("add", "subtract"):
        return args[0] if args[0] is args[1] and args[0] in _SUMS else St.NONE
    if fn == "divide":
        if args[1] is not St.DURATION_NS:
            return St.NONE
        return St.THROUGHPUT_BYTES_PER_NS if args[0] is St.BYTES else St.THROUGHPUT_PER_NS
    if fn == "abs":
        return args[0] if args[0] in _KEEPS else St.NONE
    if fn == "select":
        return args[1] if args[1] is args[2] else St.NONE
    if fn == "coalesce":
        return args[0]
    return _FIXED.get(fn, St.NONE)


def of_measure(fn: str, arg: St) -> St:
    """The meaning of an aggregate's result."""
    if fn in ("mean", "min", "max"):
        return arg if arg in _KEEPS or (arg is St.TIME_NS and fn != "mean") else St.NONE
    if fn == "sum":
        return arg if arg in _KEEPS and arg is not St.DURATION_NS else St.NONE
    if fn == "any":
        return arg
    if fn == "quantiles":
        return St.DURATION_NS_QUANTILES if arg is St.DURATION_NS else St.QUANTILES
    return St.NONE
