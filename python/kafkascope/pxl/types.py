"""PxL's data types and semantic types, with the numbers that upstream's API gives them."""

from __future__ import annotations

from enum import IntEnum


class DataType(IntEnum):
    """Type of a column's values."""

    BOOLEAN = 1
    INT64 = 2
    UINT128 = 3
    FLOAT64 = 4
    STRING = 5
    TIME64NS = 6

    # An enum's own is the hash of its name, in Python: plans are hashed while they are made.
    __hash__ = int.__hash__


class SemanticType(IntEnum):
    """What a column's values mean: how they are shown and what they link to."""

    NONE = 1
    TIME_NS = 2
    AGENT_UID = 100
    ASID = 101
    UPID = 200
    SERVICE_NAME = 300
    POD_NAME = 400
    POD_PHASE = 401
    POD_STATUS = 402
    NODE_NAME = 500
    CONTAINER_NAME = 600
    CONTAINER_STATE = 601
    CONTAINER_STATUS = 602
    NAMESPACE_NAME = 700
    BYTES = 800
    PERCENT = 900
    DURATION_NS = 901
    THROUGHPUT_PER_NS = 902
    THROUGHPUT_BYTES_PER_NS = 903
    QUANTILES = 1000
    DURATION_NS_QUANTILES = 1001
    IP_ADDRESS = 1100
    PORT = 1200
    HTTP_REQ_METHOD = 1300
    HTTP_RESP_STATUS = 1400
    HTTP_RESP_MESSAGE = 1500
    SCRIPT_REFERENCE = 3000

    __hash__ = int.__hash__
