import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../python/kafkascope/server/static",
    emptyOutDir: true,
    // The libraries in the bundle ask for their licence texts to travel with it.
    license: { fileName: "licenses.md" },
    // The server's content security policy allows no inline script and no data: font.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    target: "es2022",
  },
  // Layouts of random graphs take seconds on a machine that builds something else meanwhile.
  test: { include: ["tests/**/*.test.ts"], environment: "node", testTimeout: 60_000 },
});
