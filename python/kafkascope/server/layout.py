"""Where the fields of a message stood on the wire: the byte extents beside the decoded tree of the message browser."""

from __future__ import annotations

from typing import Any

from kafkascope import _core
from kafkascope.pxl.lower.names import KAFKA_APIS
from kafkascope.server.errors import ApiError

#: Fields of one answer; a Metadata response of a large cluster has more than anyone unfolds.
MAX_FIELDS = 20_000
_KEYS = {name: key for key, name in KAFKA_APIS.items()}


def of(request: dict[str, Any]) -> dict[str, Any]:
    """The API's Layout of one body. Raises ``ApiError`` for an API, version or body without a message definition."""
    api = request["api"]
    if api not in _KEYS:
        raise ApiError("argument", f"api: expected the name of an API of Kafka such as Fetch, found {api[:40]!r}", "px/kafka_data has it in req_cmd")
    try:
        fields = _core.message_layout(_KEYS[api], request["apiVersion"], request["response"], request["body"], request.get("clientId"), request.get("size"))
    except (ValueError, OverflowError) as error:
        raise ApiError("argument", f"the bytes of this {api} cannot be told: {error}", "bodies are as req_body and resp have them") from error
    return {"fields": list(fields[:MAX_FIELDS]), "truncated": len(fields) > MAX_FIELDS}
