/** Names of Kafka's error codes, from the server, asked for once. */
import { useEffect, useState } from "react";
import { api } from "../api";

let known: readonly string[] = [];
let asked: Promise<readonly string[]> | null = null;

export function useKafkaErrors(): readonly string[] {
  const [names, setNames] = useState(known);
  useEffect(() => {
    if (known.length > 0) return;
    let gone = false;
    asked ??= api.schema().then((schema) => (known = schema.kafkaErrors ?? []), () => {
      asked = null;
      return [];
    });
    void asked.then((found) => { if (!gone) setNames(found); });
    return () => { gone = true; };
  }, []);
  return names;
}
