// Opens build/index.html in Chromium, verifies the vectors, and keeps pictures in screenshots/.
//
//     npm run build && node test/browser.mjs
//
// Chromium is spoken to over two pipes: nothing listens on a port. Without one the test is skipped.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EVERYTHING, everything, scene } from "./scenes.mjs";
import { utf8 } from "./simulator.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find((name) => !spawnSync(name, ["--version"]).error);
if (CHROMIUM === undefined) {
  console.log("skipped: there is no chromium");
  process.exit(0);
}

const profile = mkdtempSync(join(tmpdir(), "lemma-browser-"));
const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", `--user-data-dir=${profile}`];
const chromium = spawn(CHROMIUM, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const [, , , toBrowser, fromBrowser] = chromium.stdio;

const waiting = new Map();
const events = [];
let [last, buffer] = [0, ""];
fromBrowser.on("data", (data) => {
  buffer += data;
  const messages = buffer.split("\0");
  buffer = messages.pop();
  for (const message of messages.map((text) => JSON.parse(text))) {
    if (message.id === undefined) events.push(message);
    else waiting.get(message.id)(message);
  }
});

let session;
async function ask(method, params = {}) {
  const id = ++last;
  const answered = new Promise((done) => waiting.set(id, done));
  toBrowser.write(`${JSON.stringify({ id, method, params, ...(session ? { sessionId: session } : {}) })}\0`);
  const { result, error } = await answered;
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

async function evaluate(expression) {
  const { result, exceptionDetails } = await ask("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

async function until(expression) {
  for (let left = 600; left > 0; left--) {
    if (await evaluate(expression)) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`never true: ${expression}`);
}

async function choose(id, path) {
  const { root } = await ask("DOM.getDocument");
  const { nodeId } = await ask("DOM.querySelector", { nodeId: root.nodeId, selector: `#${id}` });
  await ask("DOM.setFileInputFiles", { nodeId, files: [path] });
}

async function press(key, code, text) {
  await ask("Input.dispatchKeyEvent", { type: "keyDown", key, code, windowsVirtualKeyCode: key === "Tab" ? 9 : 13, ...(text ? { text } : {}) });
  await ask("Input.dispatchKeyEvent", { type: "keyUp", key, code, windowsVirtualKeyCode: key === "Tab" ? 9 : 13 });
}

async function picture(name) {
  const { data } = await ask("Page.captureScreenshot", { format: "png", captureBeyondViewport: true });
  mkdirSync(here("../screenshots"), { recursive: true });
  writeFileSync(here(`../screenshots/${name}.png`), Buffer.from(data, "base64"));
}

/** Verifies and returns what the page then says. */
async function judge(key, proof, typed = {}) {
  await choose("key", key);
  await choose("proof", proof);
  for (const id of ["digest", "context"]) await evaluate(`document.getElementById("${id}").value = ${JSON.stringify(typed[id] ?? "")}`);
  await evaluate(`document.querySelector("button").click()`);
  await until(`result.className !== "" || wrong.textContent !== ""`);
  return evaluate(`({ kind: result.className, text: result.innerText, wrong: wrong.textContent, ms: Number(result.dataset.milliseconds) })`);
}

async function run() {
  const { targetId } = await ask("Target.createTarget", { url: "about:blank" });
  ({ sessionId: session } = await ask("Target.attachToTarget", { targetId, flatten: true }));
  for (const domain of ["Page", "DOM", "Runtime", "Log", "Network"]) await ask(`${domain}.enable`);
  await ask("Emulation.setDeviceMetricsOverride", { width: 900, height: 700, deviceScaleFactor: 1, mobile: false });
  await ask("Page.navigate", { url: new URL("../build/index.html", import.meta.url).href });
  await until(`document.readyState === "complete" && document.querySelector("button") !== null`);
  await picture("empty");

  // The keyboard reaches every field in order, and nothing else.
  await evaluate("document.activeElement.blur()");
  const order = [];
  for (let field = 0; field < 5; field++) {
    await press("Tab", "Tab");
    order.push(await evaluate("document.activeElement.id || document.activeElement.type"));
  }
  assert.deepEqual(order, ["key", "proof", "digest", "context", "submit"]);

  for (const name of ["image", "shown", "hidden"]) {
    const [key, proof] = [here(`../vectors/${name}.key`), here(`../vectors/${name}.json`)];
    const times = [];
    for (let round = 0; round < 25; round++) {
      const said = await judge(key, proof);
      assert.equal(said.kind, "good", said.text);
      times.push(said.ms);
    }
    console.log(`${name}: ${times.map((ms) => ms.toFixed(0)).join(", ")} ms with opening the key`);
    assert.match((await judge(key, proof)).text, /development key/);
    await picture(name);
  }
  const image = [here("../vectors/image.key"), here("../vectors/image.json")];
  const { verifying_key: digest } = JSON.parse(readFileSync(image[1]));
  const asked = await judge(...image, { digest, context: "0x2a0f" });
  assert.match(asked.text, /the one that you gave/);
  assert.doesNotMatch(asked.text, /whose key this is/);
  await picture("asked");

  const refusals = {
    other: await judge(here("../vectors/hidden.key"), image[1]),
    digest: await judge(...image, { digest: digest.replace(/..$/, "00") }),
    context: await judge(...image, { context: "2a" }),
  };
  for (const said of Object.values(refusals)) assert.equal(said.kind, "bad", said.text);
  await picture("refused");
  assert.match((await judge(...image, { digest: "0x12" })).wrong, /64 hexadecimal digits/);

  // Another choice of file takes the verdict away.
  await judge(...image);
  await choose("proof", here("../vectors/shown.json"));
  assert.equal(await evaluate("result.innerText"), "");

  // Names and labels are text, and what cannot be seen in them is escaped.
  const hostile = scene(
    everything((parts) => {
      parts.model = '<img src=x onerror="document.title=1">\u202e\u0007model';
      parts.tensors[0].name = "<b>image</b>\u2066";
    }),
    EVERYTHING,
    { context: utf8("n") },
  );
  const [key, proof] = [join(profile, "hostile.key"), join(profile, "\u202egnp.<i>json")];
  writeFileSync(key, hostile.key);
  writeFileSync(proof, hostile.proof);
  const said = await judge(key, proof);
  assert.equal(said.kind, "good", said.text);
  assert.ok(said.text.includes("\\u{202e}\\u{7}model") && !/[\u202e\u2066\u0007]/.test(said.text), said.text);
  assert.equal(await evaluate(`result.querySelectorAll("img, b, i").length`), 0);
  await picture("hostile");

  // The policy stops what a mistake in the page would let through.
  await evaluate(`fetch("http://127.0.0.1:9/").catch(() => 0)`);
  await evaluate(`document.body.append(Object.assign(document.createElement("script"), { textContent: "document.title = 2" }))`);
  assert.equal(await evaluate("document.title"), "Verify a lemma proof");
  const blocked = events.filter(({ method, params }) => method === "Log.entryAdded" && /Content Security Policy/.test(params.entry.text));
  assert.ok(blocked.length >= 2, "the policy stops connections and scripts");
  const loaded = events.filter(({ method }) => method === "Network.requestWillBeSent").map(({ params }) => params.request.url);
  assert.ok(loaded.every((url) => url.startsWith("file:") || url === "about:blank" || url.includes("127.0.0.1:9")), loaded.join());
  const errors = events.filter(({ method }) => method === "Runtime.exceptionThrown");
  assert.deepEqual(errors, []);
}

try {
  await run();
  console.log("the page does what it should; pictures are in screenshots/");
} finally {
  session = undefined;
  await ask("Browser.close").catch(() => 0);
  if (chromium.exitCode === null) await new Promise((done) => chromium.on("exit", done));
  rmSync(profile, { recursive: true, force: true });
}
