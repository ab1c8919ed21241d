/** Why a request was not read whole, and what to do about it. */

export interface OutcomeText {
  what: string;
  hint: string;
}

const OUTCOMES = new Map<string, OutcomeText>(Object.entries({
  truncated: { what: "The capture kept only the beginning of this message: what comes after the last field shown is not known.", hint: "The declared size is the message's own; the fields shown were decoded from the bytes that were kept." },
  gap: { what: "Bytes in the middle of this message never came: fields inside and after the hole are not known.", hint: "px/kafka_coverage tells how many bytes are missing, and whether a buffer was full." },
  malformed: { what: "The bytes do not fit the schema of this API and version: decoding stopped where they differ.", hint: "It may be a peer's fault or Kafkascope's; px decode over a packet capture shows the place." },
  unknown_version: { what: "The API or its version is newer than the schemas of this build: only the header was read.", hint: "Nothing was dropped: sizes, times and correlation are right. A newer Kafkascope reads the body." },
  no_response: { what: "No response was seen: acks=0, a connection that closed, a lost packet, or one that is still to come.", hint: "For Produce with acks=0 that is the protocol." },
  no_request: { what: "The response was seen without its request: Kafkascope came in the middle, or the request was lost.", hint: "Its API and version are not on the wire of a response, so its body may be unread." },
  unreadable: { what: "This stretch of the connection could not be read as Kafka's messages.", hint: "px/kafka_coverage lists such connections with the reason." },
})); // prettier-ignore

/** `null` for what was read whole, and for the outcomes of other things, such as rebalances. */
export const outcomeText = (outcome: string): OutcomeText | null => OUTCOMES.get(outcome) ?? null;
