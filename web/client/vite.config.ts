import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [
    svelte({
      // Trees are built node by node: no markup is ever parsed, so the page runs under require-trusted-types-for.
      compilerOptions: { fragments: "tree", runes: true },
    }),
  ],
  build: {
    // data: addresses are forbidden by the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8000" } },
});
