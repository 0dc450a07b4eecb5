/**
 * Strict JSON for one schema: every field once, none unknown, none missing, integers as integers. It descends no deeper
 * than the schema does, and the fields of an object never become properties of anything.
 */

import { Refusal } from "./refusal.js";

/** Reads one value at the parser's position. */
export type Read<T> = (parser: Parser) => T;

type Fields = Record<string, { read: Read<unknown>; optional?: true }>;

const SPACE = " \n\r\t";
const ESCAPES: Record<string, string> = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
// An integer longer than this is outside every range here.
const MAX_DIGITS = 20;

export class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The whole text as one value. */
  static parse<T>(text: string, read: Read<T>): T {
    const parser = new Parser(text);
    const value = read(parser);
    if (parser.#peek() !== undefined) throw parser.wrong("characters after the end");
    return value;
  }

  wrong(what: string): Refusal {
    return new Refusal("file.json", `the proof file is malformed: ${what} at character ${this.#at}`);
  }

  string(): string {
    this.#expect('"');
    let out = "";
    for (;;) {
      const start = this.#at;
      let letter = this.#text[this.#at];
      while (letter !== undefined && letter !== '"' && letter !== "\\" && letter >= " ") {
        letter = this.#text[++this.#at];
      }
      out += this.#text.slice(start, this.#at);
      if (letter === undefined || letter < " ") throw this.wrong("a text that does not end, or a control character");
      this.#at++;
      if (letter === '"') break;
      out += this.#escape();
    }
    // The file is UTF-8, so only escapes can leave half of a pair.
    if (/[\ud800-\udfff]/u.test(out)) throw this.wrong("half of a surrogate pair");
    return out;
  }

  /** An integer in a range: no fraction, no exponent, no leading zero, and zero without a sign. */
  integer(low: bigint, high: bigint): bigint {
    this.#peek();
    const start = this.#at;
    if (this.#text[this.#at] === "-") this.#at++;
    const first = this.#at;
    while (isDigit(this.#text[this.#at])) this.#at++;
    const digits = this.#at - first;
    const next = this.#text[this.#at];
    const zero = this.#text[first] === "0";
    if (digits === 0 || (zero && (digits > 1 || first > start)) || (next !== undefined && ".eE".includes(next))) {
      throw this.wrong("a value that is no integer");
    }
    const value = digits > MAX_DIGITS ? undefined : BigInt(this.#text.slice(start, this.#at));
    if (value === undefined || value < low || value > high) throw this.wrong("an integer out of range");
    return value;
  }

  list<T>(read: Read<T>): T[] {
    const out: T[] = [];
    this.#expect("[");
    if (this.#take("]")) return out;
    do out.push(read(this));
    while (this.#take(","));
    this.#expect("]");
    return out;
  }

  object<T>(fields: Fields): T {
    const found = new Map<string, unknown>();
    this.#expect("{");
    if (!this.#take("}")) {
      do {
        const name = this.string();
        const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
        if (field === undefined) throw this.wrong("an unknown field");
        if (found.has(name)) throw this.wrong("a field for the second time");
        this.#expect(":");
        found.set(name, field.read(this));
      } while (this.#take(","));
      this.#expect("}");
    }
    for (const [name, { optional }] of Object.entries(fields)) {
      if (optional !== true && !found.has(name)) throw this.wrong(`an object without \`${name}\` ends`);
    }
    return Object.fromEntries(found) as T;
  }

  #escape(): string {
    const letter = this.#text[this.#at++] ?? "";
    if (letter === "u") {
      const digits = this.#text.slice(this.#at, this.#at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.wrong("an escape that is none");
      this.#at += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meant = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (meant === undefined) throw this.wrong("an escape that is none");
    return meant;
  }

  #peek(): string | undefined {
    let letter = this.#text[this.#at];
    while (letter !== undefined && SPACE.includes(letter)) letter = this.#text[++this.#at];
    return letter;
  }

  #take(letter: string): boolean {
    if (this.#peek() !== letter) return false;
    this.#at++;
    return true;
  }

  #expect(letter: string): void {
    if (!this.#take(letter)) throw this.wrong(`no \`${letter}\``);
  }
}

const isDigit = (letter: string | undefined): boolean => letter !== undefined && letter >= "0" && letter <= "9";
