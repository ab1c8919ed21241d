/** An error with its place and what to do. */
import type { ErrorBody } from "../api";

const TITLES: Record<string, string> = {
  script: "The script is wrong",
  argument: "An argument is wrong",
  not_found: "Not found",
  query: "The query failed",
  timeout: "The query took too long",
  limit: "Too much",
  unreachable: "No connection",
  internal: "Something failed",
};

export function Problem({ error, onEdit, onRetry, stale }: { error: ErrorBody; onEdit?: (() => void) | undefined; onRetry: () => void; stale: boolean }) {
  return (
    <div className="problem" role="alert" data-testid="error" data-kind={error.kind}>
      <strong>{TITLES[error.kind] ?? "Error"}</strong>
      <p className="problem-text">{error.message}{error.line !== undefined && <span className="muted"> (line {error.line}, column {error.column ?? 1})</span>}</p>
      {error.hint !== "" && <p>{error.hint}</p>}
      {stale && <p className="muted">Below is the last result that came.</p>}
      <p className="steps">
        <button type="button" onClick={onRetry}>try again</button>
        {onEdit && error.line !== undefined && <button type="button" onClick={onEdit}>show line {error.line}</button>}
      </p>
    </div>
  );
}
