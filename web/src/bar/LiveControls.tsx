/** Run now, how often, pause; and how old the content is. */
import { useNow, usePage } from "../model/context";
import { ago } from "../model/format";
import { freshness } from "../model/freshness";
import type { LiveState } from "../model/live";
import { Icon } from "../page/Icon";

const INTERVALS = [1, 2, 5, 10, 30, 60, 300];

interface Props {
  live: LiveState;
  /** Whether what is asked about has passed: packet captures, where a run again brings nothing newer. */
  recorded: boolean;
  intervalMs: number;
  onRun: () => void;
  onPause: () => void;
}

export function LiveControls({ live, recorded, intervalMs, onRun, onPause }: Props) {
  const { place, go } = usePage();
  const paused = intervalMs === 0;
  const seconds = INTERVALS.includes(intervalMs / 1000) || paused ? INTERVALS : [...INTERVALS, intervalMs / 1000].sort((a, b) => a - b);
  return (
    <div className="live" role="group" aria-label="runs">
      <button type="button" className="primary" data-testid="run-button" onClick={onRun} title="run now  (r)"><Icon name="run" /> Run</button>
      <Age live={live} recorded={recorded} intervalMs={intervalMs} />
      <label className="interval" title="time between runs">
        <span className="sr">refresh every</span>
        <select
          data-testid="refresh-interval" value={paused ? 0 : intervalMs / 1000}
          onChange={(event) => { go({ ...place, view: { ...place.view, refresh: Number(event.target.value) * 1000 } }, true); }}
        >
          {seconds.map((each) => <option key={each} value={each}>{each < 60 ? `${each} s` : `${each / 60} min`}</option>)}
          <option value={0}>paused</option>
        </select>
      </label>
      <button type="button" className="icon-button" data-testid="pause-button" aria-pressed={paused} onClick={onPause} title={paused ? "resume  (p)" : "pause  (p)"} aria-label={paused ? "resume live refresh" : "pause live refresh"}>
        <Icon name={paused ? "run" : "pause"} />
      </button>
    </div>
  );
}

function Age({ live, recorded, intervalMs }: Pick<Props, "live" | "recorded" | "intervalMs">) {
  const now = useNow();
  if (live.receivedAt === 0) return <span className="age">{live.loading ? "running…" : ""}</span>;
  const { text, state } = freshness(live, intervalMs, recorded, now);
  return (
    <span className={`age state-${state}`} data-testid="freshness" data-state={text} title={`last answer ${new Date(live.receivedAt).toLocaleString()}`}>
      <i className="dot" /><span>{text}<span className="age-time">, {ago(Math.min(live.receivedAt, now), now)}</span></span>
    </span>
  );
}
