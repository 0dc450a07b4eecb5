// One file that can be saved and opened anywhere: build/index.html, script and style inside. Its policy allows these two
// by their hashes, and nothing else: no connection, no image, no frame, no form.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { buildSync } from "esbuild";

const page = new URL("../page/", import.meta.url);
const read = (name) => readFileSync(new URL(name, page), "utf8");
const bundle = buildSync({
  entryPoints: [new URL("page.ts", page).pathname],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  write: false,
});
const script = bundle.outputFiles[0].text.replaceAll("</script", "<\\/script");
const style = read("page.css");
const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;

function put(text, mark, value) {
  if (text.split(mark).length !== 2) throw new Error(`page/index.html has not one ${mark}`);
  return text.replace(mark, () => value);
}

let html = read("index.html");
html = put(html, "<!--policy-->", `<meta http-equiv="Content-Security-Policy" content="${policy}">`);
html = put(html, '<link rel="stylesheet" href="page.css">', `<style>${style}</style>`);
html = put(html, '<script src="page.js"></script>', `<script>${script}</script>`);
mkdirSync(new URL("../build/", import.meta.url), { recursive: true });
writeFileSync(new URL("../build/index.html", import.meta.url), html);
console.log(`build/index.html: ${html.length} bytes, script ${script.length}`);
