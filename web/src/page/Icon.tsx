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
