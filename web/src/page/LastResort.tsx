/** What is left when the page itself fails: what happened, and two ways on. */
import { Component, type ReactNode } from "react";

export class LastResort extends Component<{ children: ReactNode }, { problem: string | null }> {
  override state = { problem: null };
  static getDerivedStateFromError(error: unknown) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  override render() {
    if (this.state.problem === null) return this.props.children;
    return (
      <main className="last-resort" role="alert">
        <h1>The page failed</h1>
        <p>{this.state.problem}</p>
        <p className="steps"><button type="button" onClick={() => { location.reload(); }}>reload</button> <a href="/">start page</a></p>
      </main>
    );
  }
}
