/** How wide a text is in the page's font. */

const FONT_SIZE = 13;
let context: CanvasRenderingContext2D | null | undefined;

function canvas(): CanvasRenderingContext2D | null {
  if (context !== undefined) return context;
  if (typeof document === "undefined") return (context = null);
  context = document.createElement("canvas").getContext("2d");
  if (context) context.font = `${FONT_SIZE}px ${getComputedStyle(document.body).fontFamily}`;
  return context;
}

export function textWidth(text: string): number {
  const measured = canvas()?.measureText(text).width;
  if (measured !== undefined) return measured;
  // Without a screen (tests): full-width letters and emoji take about two columns.
  let width = 0;
  for (const char of text) width += (char.codePointAt(0) ?? 0) >= 0x1100 ? 14 : 7.4;
  return width;
}
