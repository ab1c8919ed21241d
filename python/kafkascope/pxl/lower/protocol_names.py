"""Names of numbers in protocols that scripts of Pixie read; their tables are empty here."""

from __future__ import annotations

_MYSQL = """Sleep Quit InitDB Query FieldList CreateDB DropDB Refresh Shutdown Statistics ProcessInfo Connect ProcessKill Debug Ping
Time DelayedInsert ChangeUser BinlogDump TableDump ConnectOut RegisterSlave StmtPrepare StmtExecute StmtSendLongData StmtClose StmtReset SetOption
StmtFetch Daemon BinlogDumpGTID ResetConnection"""
MYSQL_COMMANDS = dict(enumerate(_MYSQL.split()))
_CQL = "Error Startup Ready Authenticate - Options Supported Query Result Prepare Execute Register Event Batch AuthChallenge AuthResponse AuthSuccess"
CQL_OPCODES = {number: name for number, name in enumerate(_CQL.split()) if name != "-"}
AMQP_FRAMES = {1: "Frame method", 2: "Content Header", 3: "Content Body", 8: "Heartbeat"}
_AMQP = """
10 Connection 10 Start 11 StartOk 20 Secure 21 SecureOk 30 Tune 31 TuneOk 40 Open 41 OpenOk 50 Close 51 CloseOk
20 Channel 10 Open 11 OpenOk 20 Flow 21 FlowOk 40 Close 41 CloseOk
40 Exchange 10 Declare 11 DeclareOk 20 Delete 21 DeleteOk
50 Queue 10 Declare 11 DeclareOk 20 Bind 21 BindOk 30 Purge 31 PurgeOk 40 Delete 41 DeleteOk 50 Unbind 51 UnbindOk
60 Basic 10 Qos 11 QosOk 20 Consume 21 ConsumeOk 30 Cancel 31 CancelOk 40 Publish 50 Return 60 Deliver 70 Get 71 GetOk 72 GetEmpty 80 Ack 90 Reject
90 Tx 10 Select 11 SelectOk 20 Commit 21 CommitOk 30 Rollback 31 RollbackOk"""
#: Names of AMQP's methods by 1000 times the class plus the method.
AMQP_METHODS = {
    int(words[0]) * 1000 + int(number): words[1] + method
    for words in (line.split() for line in _AMQP.strip().splitlines()) for number, method in zip(words[2::2], words[3::2], strict=True)
}  # fmt: skip
MUX_FRAMES = {
    1: "Treq", -1: "Rreq", 2: "Tdispatch", -2: "Rdispatch", 64: "Tdrain", -64: "Rdrain", 65: "Tping", -65: "Rping", 66: "Tdiscarded", -66: "Rdiscarded", 67: "Tlease",
    68: "Tinit", -68: "Rinit", -128: "Rerr",
}  # fmt: skip
