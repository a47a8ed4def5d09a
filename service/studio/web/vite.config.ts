import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

// three.js is part of what is shipped, and its licence asks to go along.
const licence: Plugin = {
  name: "licence-of-three",
  generateBundle() {
    const source = readFileSync("node_modules/three/LICENSE", "utf-8");
    this.emitFile({ type: "asset", fileName: "three.LICENSE.txt", source });
  },
};

// The built page is committed, so that a machine without Node has it; names without hashes keep its history readable.
export default defineConfig({
  base: "/studio/",
  publicDir: false,
  plugins: [licence],
  build: {
    outDir: "../page",
    emptyOutDir: true,
    assetsDir: ".",
    modulePreload: false,
    chunkSizeWarningLimit: 1000, // nearly all of it is three.js, which every page of the studio needs
    rollupOptions: {
      output: { entryFileNames: "studio.js", chunkFileNames: "[name].js", assetFileNames: "studio[extname]" },
    },
  },
});
