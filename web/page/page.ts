// The page: two files in, a statement in words out. What stands in a file reaches the document as text only, and with
// everything that cannot be seen escaped.

import { type Accepted, MAX_KEY_BYTES, maxBytes, oneLine, openKey, type Refused, verify, visible } from "../src/index.js";
import { element } from "./element.js";
import { words } from "./words.js";

function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

const form = find("form", HTMLFormElement);
const [keyInput, proofInput] = [find("key", HTMLInputElement), find("proof", HTMLInputElement)];
const [digestInput, contextInput] = [find("digest", HTMLInputElement), find("context", HTMLInputElement)];
const result = find("result", HTMLElement);
const wrong = find("wrong", HTMLElement);

// Counts what the reader did, so that no verdict is shown beside other files than it is about.
let turn = 0;

function clear(): number {
  result.replaceChildren();
  result.className = "";
  wrong.textContent = "";
  return ++turn;
}

form.addEventListener("input", clear);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void check(clear());
});

async function check(own: number): Promise<void> {
  const [keyFile, proofFile] = [keyInput.files?.[0], proofInput.files?.[0]];
  if (keyFile === undefined || proofFile === undefined) return;
  const digest = bytesOf(digestInput.value, 32);
  const context = bytesOf(contextInput.value);
  if (digest === null || context === null) {
    wrong.textContent = digest === null ? "The digest is 64 hexadecimal digits." : "The context is pairs of hexadecimal digits.";
    return;
  }
  try {
    const outcome = await run(keyFile, proofFile, {
      ...(digest === undefined ? {} : { keyDigest: digest }),
      ...(context === undefined ? {} : { context }),
    });
    if (own === turn) show(outcome, keyFile.name, proofFile.name, digest !== undefined, context !== undefined);
  } catch (error) {
    if (own === turn) wrong.textContent = `The files could not be read: ${oneLine(String(error))}`;
  }
}

interface Outcome {
  readonly judged: Accepted | Refused;
  readonly milliseconds: number;
}

async function run(keyFile: File, proofFile: File, demand: { keyDigest?: string; context?: string }): Promise<Outcome> {
  if (keyFile.size > MAX_KEY_BYTES) return tooLarge("key.too-large", keyFile.size, BigInt(MAX_KEY_BYTES));
  const keyBytes = new Uint8Array(await keyFile.arrayBuffer());
  const start = performance.now();
  const opened = openKey(keyBytes);
  const opening = performance.now() - start;
  if (!opened.ok) return { judged: opened, milliseconds: opening };
  const limit = maxBytes(opened.key);
  if (BigInt(proofFile.size) > limit) return tooLarge("file.too-large", proofFile.size, limit);
  const proofBytes = new Uint8Array(await proofFile.arrayBuffer());
  const again = performance.now();
  const judged = verify(opened.key, proofBytes, demand);
  return { judged, milliseconds: opening + performance.now() - again };
}

const tooLarge = (code: "key.too-large" | "file.too-large", size: number, limit: bigint): Outcome => ({
  judged: { ok: false, code, reason: `${size} bytes, of which at most ${limit} are read` },
  milliseconds: 0,
});

function show({ judged, milliseconds }: Outcome, key: string, proof: string, sameKey: boolean, sameContext: boolean): void {
  const files = `Proof ${visible(proof)}, key ${visible(key)}; checked in ${milliseconds.toFixed(0)} ms.`;
  result.className = judged.ok ? "good" : "bad";
  result.dataset["milliseconds"] = milliseconds.toFixed(1);
  if (judged.ok) {
    result.append(element("h2", "The proof holds"), element("p", files), ...words(judged, sameKey, sameContext));
  } else {
    result.append(
      element("h2", "Not verified"),
      element("p", files),
      element("p", oneLine(judged.reason), "said"),
      element("p", `Do not rely on this file. Kind of refusal: ${judged.code}.`),
    );
  }
  result.focus();
}

/** Digits as they were typed or pasted: `undefined` for none, `null` for anything but digits. */
function bytesOf(typed: string, length?: number): string | undefined | null {
  const digits = typed.trim().replace(/^0x/i, "");
  if (typed.trim() === "") return undefined;
  const right = digits.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(digits) && (length === undefined || digits.length === 2 * length);
  return right ? digits : null;
}
