/** Line icons, drawn here so that nothing is loaded. */
const PATHS = {
  down: "M4 6l4 4 4-4",
  run: "M5 3l8 5-8 5z",
  pause: "M5 3v10M11 3v10",
  sun: "M8 5a3 3 0 100 6 3 3 0 000-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13 9.5A5.5 5.5 0 016.5 3 5.5 5.5 0 1013 9.5z",
  code: "M5.5 4L2 8l3.5 4M10.5 4L14 8l-3.5 4",
  data: "M2 4h12v8H2zM2 7h12M6 4v8",
  help: "M5.8 6a2.2 2.2 0 114 1.2c-.7.7-1.8 1-1.8 2.3M8 12v.6",
  expand: "M9 3h4v4M7 13H3V9M13 3L9 7M3 13l4-4",
  shrink: "M13 7H9V3M3 9h4v4M9 7l4-4M7 9l-4 4",
  copy: "M5.5 5.5h8v8h-8zM3 10.5H2.5v-8h8V3",
  close: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  layers: "M2 4h3v8H2M7 2h3v5H7M7 9h3v5H7M13 6h1.5v4H13",
  search: "M7 2.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9M10.3 10.3L14 14",
  topic: "M3 4c0-1.3 10-1.3 10 0v8c0 1.3-10 1.3-10 0zM3 4c0 1.3 10 1.3 10 0M3 8c0 1.3 10 1.3 10 0",
  pod: "M8 1.8l5.5 3v6.4l-5.5 3-5.5-3V4.8zM2.5 4.8L8 8l5.5-3.2M8 8v6.2",
  address: "M8 2a6 6 0 100 12A6 6 0 008 2M2 8h12M8 2c-4 4-4 8 0 12M8 2c4 4 4 8 0 12",
  client: "M2.5 3h11v8h-11zM6 14h4M8 11v3",
  fold: "M4 6l4-4 4 4M4 10l4 4 4-4",
  home: "M2 8l6-5.5L14 8M4 7v6.5h8V7",
  group: "M6 7.5a2.2 2.2 0 100-4.4 2.2 2.2 0 000 4.4M1.8 13c0-5 8.4-5 8.4 0M11 7.3a1.8 1.8 0 100-3.6M12 9.6c1.6.4 2.4 1.6 2.4 3.4",
  broker: "M2.5 2.5h11v4.5h-11zM2.5 9h11v4.5h-11zM5 4.8h.1M5 11.3h.1",
  flow: "M2 4h3v3H2zM11 2h3v3h-3zM11 11h3v3h-3zM5 5.5h3M8 5.5V3.5h3M8 5.5v7h3",
  clock: "M8 2a6 6 0 100 12A6 6 0 008 2M8 4.5V8l2.5 2",
  rebalance: "M2.5 6.5a5.6 5.6 0 0110.2-1.8M13.5 2v3h-3M13.5 9.5a5.6 5.6 0 01-10.2 1.8M2.5 14v-3h3",
  error: "M8 2.2l6.3 11.3H1.7zM8 6.5v3.2M8 11.6v.2",
  message: "M2 3h12v8.5H7L4 14v-2.5H2zM5 6h6M5 8.5h4",
  eye: "M1.5 8C4 3.5 12 3.5 14.5 8 12 12.5 4 12.5 1.5 8M8 6.2a1.8 1.8 0 100 3.6 1.8 1.8 0 000-3.6",
  bell: "M3.5 11.5h9c-1-1.2-1.2-2.5-1.2-4.4a3.3 3.3 0 00-6.6 0c0 1.9-.2 3.2-1.2 4.4M6.7 13.6h2.6",
  move: "M8 1.8v12.4M1.8 8h12.4M6 3.8l2-2 2 2M6 12.2l2 2 2-2M3.8 6l-2 2 2 2M12.2 6l2 2-2 2",
  back: "M10 3L5 8l5 5",
  link: "M6 3h7v7M13 3L5 11",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
