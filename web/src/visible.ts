/**
 * Text from outside, as a reader may see it. Names, labels and texts come from whoever made a file: a line break in one
 * forges a line, a bidirectional mark shows it in another order, some characters cannot be seen at all.
 */

const HIDDEN: readonly (readonly [number, number])[] = [
  [0x00, 0x1f], // control characters, line breaks among them
  [0x7f, 0x9f],
  [0xad, 0xad], // soft hyphen
  [0x34f, 0x34f],
  [0x61c, 0x61c], // Arabic letter mark
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f], // zero width, left-to-right and right-to-left marks
  [0x2028, 0x202e], // separators, embeddings and overrides
  [0x2060, 0x206f], // isolates
  [0x2800, 0x2800],
  [0x3164, 0x3164],
  [0xe000, 0xf8ff], // private use
  [0xfeff, 0xfeff], // byte order mark
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff], // tags and further variation selectors
  [0xf0000, 0x10ffff],
];

const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"' };

function escaped(text: string, also: string): string {
  let out = "";
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    const hidden = HIDDEN.some(([first, last]) => first <= code && code <= last);
    if (!hidden && !also.includes(letter)) out += letter;
    else out += SHORT[letter] ?? `\\u{${code.toString(16)}}`;
  }
  return out;
}

/** A text set into a line; no two texts are shown alike. */
export const visible = (text: string): string => escaped(text, "\\`");

/** A text in double quotes. */
export const quoted = (text: string): string => `"${escaped(text, '\\"')}"`;

/** A message on one line that may hold such texts: what is hidden is escaped. */
export const oneLine = (text: string): string => escaped(text, "");
