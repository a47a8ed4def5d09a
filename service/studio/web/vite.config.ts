import { defineConfig } from "vite";

// The built page is committed, so that a machine without Node has it; names without hashes keep its history readable.
export default defineConfig({
  base: "/studio/",
  publicDir: false,
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
