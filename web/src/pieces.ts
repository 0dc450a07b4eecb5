/** The text of named tokens. */

import { concat } from "./bytes.js";

/** The piece that begins a text in llama2.c. */
const FIRST = "<s>";
/** Pieces that are no text. */
const SPECIAL = ["<unk>", FIRST, "</s>"];

/**
 * `<0x0A>` is a byte, `<unk>`, `<s>` and `</s>` are nothing, and neither is a space right after `<s>`. Several lists of
 * pieces have one text, so a text does not tell its tokens.
 */
export function joinPieces(names: readonly string[]): string {
  const bytes: Uint8Array[] = [];
  let begins = false;
  for (const name of names) {
    // Not `trim`, which also takes the byte order mark.
    const bare = name.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");
    const byte = /^<0x([0-9a-fA-F]{2})>$/.exec(name)?.[1];
    if (byte !== undefined) bytes.push(Uint8Array.of(Number.parseInt(byte, 16)));
    else if (!SPECIAL.includes(bare)) bytes.push(new TextEncoder().encode(begins && name[0] === " " ? name.slice(1) : name));
    begins = bare === FIRST;
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(concat(...bytes));
}
