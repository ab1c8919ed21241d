"""The shapes of the API's requests and answers, for its OpenAPI description; answers are built by hand and only described by these."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DataType = Literal["BOOLEAN", "INT64", "UINT128", "FLOAT64", "STRING", "TIME64NS"]
MAX_NAME = 500
MAX_PXL = 1 << 20
MAX_ARGS = 200


class RunRequest(BaseModel):
    """A script by name, or its text, with arguments."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"script": "px/kafka_overview", "args": {"start_time": "-5m", "namespace": "px-kafka"}},
                                        {"pxl": "import px\ndf = px.DataFrame('kafka_events.beta', start_time='-1m')\npx.display(df.head(5))"}]},
    )  # fmt: skip
    script: str | None = Field(None, description="name of a script of the library", max_length=MAX_NAME)
    pxl: str | None = Field(None, description="text to run instead of the library's", max_length=MAX_PXL)
    vis: dict[str, Any] | str | None = Field(None, description="vis spec to use instead of the library's")
    args: dict[str, str] = Field(default_factory=dict, description="values of the script's variables, as text", max_length=MAX_ARGS)
    until: int | None = Field(None, description="run as of this moment, in milliseconds since the epoch; now when left out", gt=0, lt=1 << 43)


class Error(BaseModel):
    """What went wrong, where, and what to do."""

    kind: Literal["script", "argument", "not_found", "query", "timeout", "limit", "internal"]
    message: str
    hint: str
    line: int | None = Field(None, description="line of the script, from 1")
    column: int | None = Field(None, description="column of the script, from 1")


class ErrorAnswer(BaseModel):
    """The body of every answer whose status is 400 or above."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"error": {
        "kind": "script", "message": "Table 'kafka_evnts.beta' not found", "hint": "did you mean 'kafka_events.beta'?", "line": 2, "column": 19}}]})  # fmt: skip
    error: Error


class Variable(BaseModel):
    """An argument of a script."""

    name: str
    type: str = Field(description="PX_STRING, PX_NAMESPACE, PX_POD …")
    defaultValue: str | None = Field(None, description="absent when the argument is required")
    description: str
    validValues: list[str]
    required: bool


class ScriptSummary(BaseModel):
    """A script of the library with its variables."""

    name: str
    short: str
    long: str
    hidden: bool
    variables: list[Variable]


class Script(ScriptSummary):
    """A script with its text."""

    pxl: str
    vis: dict[str, Any] | None


class Column(BaseModel):
    """A column of a result."""

    name: str
    type: DataType
    semanticType: str = Field(description="BYTES, DURATION_NS, SCRIPT_REFERENCE, NONE …")


class ResultTable(BaseModel):
    """A table of a result, row by row. Times are decimal strings of nanoseconds, integers beyond 2^53 decimal strings, unknown values null."""

    name: str
    columns: list[Column]
    rows: list[list[bool | int | float | str | None]]
    numRows: int
    truncated: bool = Field(description="the script gave more rows than an answer holds")
    note: str | None = Field(None, description="why it is empty, where that is known")


class Position(BaseModel):
    """Where a widget stands, on 12 columns."""

    x: int
    y: int
    w: int
    h: int


class Widget(BaseModel):
    """How a table of the result is shown."""

    name: str
    table: str
    position: Position
    displaySpec: dict[str, Any]


class Message(BaseModel):
    """A sentence about a run."""

    level: Literal["info", "warning"]
    text: str


class RunResult(BaseModel):
    """What a run gave."""

    script: str
    args: dict[str, str]
    executedAt: int = Field(description="milliseconds since the epoch")
    compileMs: float
    durationMs: float
    tables: list[ResultTable]
    widgets: list[Widget]
    messages: list[Message]


class LayoutRequest(BaseModel):
    """One body of a request, as its row in kafka_events.beta has it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"api": "Heartbeat", "apiVersion": 0, "response": True, "body": '{"error_code":0}', "size": 6}]},
    )  # fmt: skip
    api: str = Field(description="name of the API, as in req_cmd of px/kafka_data", max_length=MAX_NAME)
    apiVersion: int = Field(ge=0, le=32767)
    response: bool = Field(description="whether the body is the response's")
    body: str = Field(description="req_body or resp", max_length=MAX_PXL)
    clientId: str | None = Field(None, description="of the request's header: without it a request's offsets are not known", max_length=32767)
    size: int | None = Field(None, description="req_bytes or resp_bytes", ge=0, le=(1 << 31) - 1)


class FieldPlace(BaseModel):
    """A field and its bytes."""

    path: str = Field(description="JSON pointer into the body; header/client_id and so on for fields of the header")
    type: str = Field(description="Kafka's type with its encoding")
    offset: int | None = Field(description="first byte, counted behind the size field; null where it cannot be told")
    length: int | None = Field(description="bytes, with what precedes the value; null where it cannot be told")


class Layout(BaseModel):
    """The fields of a message in the order of the wire, containers before what they hold."""

    fields: list[FieldPlace]
    truncated: bool = Field(description="the message has more fields than an answer holds")


class Entity(BaseModel):
    """A name that an argument may take."""

    name: str
    kind: str
    detail: str


class Relation(BaseModel):
    """A table that scripts can read."""

    name: str
    description: str
    columns: list[dict[str, str]]


class Schema(BaseModel):
    """Tables, columns and functions of PxL here."""

    tables: list[Relation]
    functions: list[str]
    kafkaErrors: list[str] = Field(description="names of Kafka's error codes, by code")


class Agent(BaseModel):
    """An agent that captures."""

    agentId: str
    asid: int
    hostname: str
    ip: str
    state: str
    hook: str
    events: int
    eventsLost: int
    detail: str
    lastSeenS: float


class Loss(BaseModel):
    """Something that was not seen, by reason."""

    reason: str
    text: str
    events: int
    bytes: int
    connections: int


class Coverage(BaseModel):
    """How much of Kafka's traffic was read, and what was not."""

    windowS: int
    requests: int
    complete: int
    ratio: float | None = Field(description="complete / requests, null without requests")
    reasons: list[Loss]
    watchProblems: list[str] = Field([], description="why something of the Kubernetes cluster is not heard of at the moment")


class Status(BaseModel):
    """What is captured, kept and not seen."""

    model_config = ConfigDict(extra="allow")
    version: str
    source: str
    startedAt: int
    uptimeS: float
    agents: list[Agent]
    tables: list[dict[str, Any]]
    coverage: Coverage


class AlertEvent(BaseModel):
    """An alert that opened or closed; times in ms since the epoch."""

    time: int
    alert: str
    event: str
    severity: str
    subject: str
    labels: dict[str, str]
    value: float | None
    summary: str
    since: int


class AlertRule(BaseModel):
    """A rule: what must hold of which subjects, and for how many seconds."""

    name: str
    on: str
    when: str
    forS: float
    severity: str


class Alerts(BaseModel):
    """Open alerts, what opened and closed lately, the rules, what is wrong with their file as it is now, and how the sending of events goes."""

    open: list[AlertEvent]
    recent: list[AlertEvent]
    rules: list[AlertRule]
    dropped: int
    rulesProblem: str | None
    notify: dict[str, Any]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers with an error that a call may give, for its description."""
    meanings = {
        400: "the script, an argument or the query is wrong", 401: "a token is needed", 403: "refused", 404: "there is no such script", 408: "the query took too long",
        413: "too large", 429: "too many requests", 503: "too many queries are waiting",
    }  # fmt: skip
    return {status: {"model": ErrorAnswer, "description": meanings[status]} for status in statuses}
