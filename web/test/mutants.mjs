// Every case that is compared with the Rust verifier, in one order: a name, the two files, and what is demanded.

import { bytes, changed, flip, mask, replaced } from "./changes.mjs";
import { bytesOfTheKey, keys, points } from "./keys.mjs";
import { decimals, EVERYTHING, everything, generations, REAL, scene } from "./scenes.mjs";
import { cat, hex, json, Q, R, utf8, word } from "./simulator.mjs";

const text = (bytes) => new TextDecoder().decode(bytes);

/** `{ name, key, proof, context?, generation? }`. */
export function* mutants() {
  for (const { name, key, proof } of REAL) {
    const file = JSON.parse(text(proof));
    yield* prefixed(name, demands(key, proof, file));
    const every = name === "image" ? 1 : 23;
    yield* prefixed(name, bytesOfTheFile(key, proof, every));
    yield* prefixed(name, bytesOfTheProof(key, file, name === "image" ? 1 : 5));
    yield* prefixed(name, valuesAndContext(key, file, every === 1 ? 1 : 11));
    yield* prefixed(name, bytesOfTheKey(key, file, name === "image" ? 2 : 29));
  }
  yield* pairs();
  const toy = scene(everything(), EVERYTHING, { context: utf8("n") });
  yield { name: "toy", ...toy };
  yield* prefixed("toy", demands(toy.key, toy.proof, toy.file));
  yield* prefixed("toy", fields(toy.key, toy.file));
  yield* prefixed("toy", spellings(toy.key, toy.file));
  yield* prefixed("toy", documents(toy.key, toy.proof));
  yield* prefixed("toy", bytesOfTheKey(toy.key, toy.file, 7));
  yield* prefixed("toy", points(toy.key, toy.file));
  yield* prefixed("key", keys());
  yield { name: "decimals", ...decimals() };
  let scenes = 0;
  for (const [name, made] of generations()) {
    yield { name, ...made };
    if (scenes++ % 8 === 0) yield { name: `${name}, demanded`, ...made, generation: true };
  }
}

function* prefixed(prefix, cases) {
  for (const one of cases) yield { ...one, name: `${prefix}: ${one.name}` };
}

function* demands(key, proof, file) {
  yield { name: "as it is", key, proof };
  for (const context of ["", "2a", "2a0f", "2A0F", "6e", "00", file.context.slice(2)]) {
    yield { name: `context ${context}`, key, proof, context };
  }
  yield { name: "generation", key, proof, generation: true };
}

function* bytesOfTheFile(key, proof, every) {
  for (let at = 0; at < proof.length; at += every) {
    yield { name: `byte ${at} of the file`, key, proof: flip(proof, at, mask(at) & 0x7f || 1) };
    if (at % 4 === 0) yield { name: `byte ${at} of the file, high bit`, key, proof: flip(proof, at, 0x80) };
    if (at % 5 === 0) yield { name: `without byte ${at}`, key, proof: cat(proof.slice(0, at), proof.slice(at + 1)) };
    if (at % 7 === 0) yield { name: `byte ${at} twice`, key, proof: cat(proof.slice(0, at + 1), proof.slice(at)) };
    if (at % 31 === 0) yield { name: `the first ${at} bytes`, key, proof: proof.slice(0, at) };
  }
}

function* bytesOfTheProof(key, file, every) {
  const proof = bytes(file.proof);
  const put = (name, other) => changed(key, file, name, (copy) => (copy.proof = hex(other)));
  for (let at = 0; at < proof.length; at += every) yield put(`byte ${at} of the proof`, flip(proof, at, mask(at)));
  for (const length of [0, 1, 32, 64, 192, 319]) yield put(`${length} bytes of the proof`, proof.slice(0, length));
  yield put("a byte behind the proof", cat(proof, [0]));
  const parts = { A: [0, 64], C1: [192, 256], C2: [256, 320] };
  for (const [first, [from]] of Object.entries(parts)) {
    for (const [second, [start, end]] of Object.entries(parts)) {
      if (first !== second) yield put(`${second} for ${first}`, replaced(proof, from, proof.slice(start, end)));
    }
  }
  for (const [name, [from]] of Object.entries({ ...parts, B: [64] })) {
    const y = name === "B" ? [from + 64, from + 96] : [from + 32];
    const negated = y.reduce((out, at) => {
      const value = BigInt(hex(proof.slice(at, at + 32)));
      return replaced(out, at, word(value === 0n ? 0n : Q - value));
    }, proof);
    yield put(`minus ${name}`, negated);
  }
}

function* valuesAndContext(key, file, every) {
  for (const [at, tensor] of file.tensors.entries()) {
    for (let index = 0; index < tensor.values.length; index += every) {
      yield changed(key, file, `value ${at} ${index}, one more`, (copy) => copy.tensors[at].values[index]++);
      yield changed(key, file, `value ${at} ${index}, read otherwise`, (copy) => (copy.tensors[at].decoded[index] += "0"));
    }
    yield changed(key, file, `tensor ${at} with a value more`, (copy) => copy.tensors[at].values.push(0));
    yield changed(key, file, `tensor ${at} with a reading more`, (copy) => copy.tensors[at].decoded.push("0"));
    yield changed(key, file, `tensor ${at} with a value less`, (copy) => copy.tensors[at].values.pop());
    yield changed(key, file, `tensor ${at} left out`, (copy) => copy.tensors.splice(at, 1));
    yield changed(key, file, `tensor ${at} twice`, (copy) => copy.tensors.push(copy.tensors[at]));
  }
  for (const context of ["0x", "0x00", "0x2a", "0x2A0F", `${file.context}00`, "2a0f", "0X2a0f", "0x2", "0x2g", " 0x2a"]) {
    yield changed(key, file, `context ${context}`, (copy) => (copy.context = context));
  }
}

function* pairs() {
  for (const one of REAL) {
    for (const other of REAL) {
      if (one !== other) yield { name: `${one.name} under the key of ${other.name}`, key: other.key, proof: one.proof };
    }
  }
  const [image] = REAL;
  yield { name: "a key in place of the proof", key: image.key, proof: image.key };
  yield { name: "a proof in place of the key", key: image.proof, proof: image.proof };
}

const VALUES = ["null", "true", "0", "-1", "1.5", '""', '"x"', "[]", "{}", "[[]]", '{"a":1}', '["x"]', "[0]", "[null]"];
const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "x", "", "Format", "proof\\u0000", "\\u0070roof2"];

/** Each field of each object: left out, twice, of another type, beside an unknown one. */
function* fields(key, file) {
  const places = [
    ["", (copy) => copy],
    ["tensors[0].", (copy) => copy.tensors[0]],
    ["tensors[3].", (copy) => copy.tensors[3]],
    ["private_inputs[0].", (copy) => copy.private_inputs[0]],
  ];
  for (const [path, find] of places) {
    for (const field of [...Object.keys(find(file)), ...(path === "tensors[0]." ? ["digest"] : [])]) {
      const cut = (name, change) => changed(key, file, `${path}${field} ${name}`, (copy) => change(find(copy)));
      yield cut("left out", (object) => delete object[field]);
      yield cut("renamed", (object) => {
        object[`${field}_`] = object[field];
        delete object[field];
      });
      for (const value of VALUES) {
        yield cut(`is ${value}`, (object) => (object[field] = JSON.parse(value)));
      }
      // What JSON.stringify cannot write.
      const marked = changed(key, file, "", (copy) => (find(copy)[field] = "@@"));
      const written = find(file)[field] === undefined ? "null" : json(find(file)[field]);
      const twice = text(marked.proof).replace('"@@"', () => `${written},${JSON.stringify(field)}:${written}`);
      yield { name: `${path}${field} twice`, key, proof: utf8(twice) };
      const escaped = [...field].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
      const spelled = text(marked.proof).replace(`"${field}":"@@"`, () => `"${escaped}":${written}`);
      yield { name: `${path}${field} spelled in escapes`, key, proof: utf8(spelled) };
      if (typeof find(file)[field] === "string") {
        yield cut("with a space", (object) => (object[field] += " "));
        yield cut("in capitals", (object) => (object[field] = object[field].toUpperCase()));
        yield cut("with a zero character", (object) => (object[field] += "\0"));
      }
    }
    for (const name of NAMES) {
      const marked = changed(key, file, "", (copy) => (find(copy)["@@"] = 1));
      for (const value of ["1", '{"a":{}}', "null"]) {
        const proof = utf8(text(marked.proof).replace('"@@":1', () => `"${name}":${value}`));
        yield { name: `${path}"${name}" is ${value}`, key, proof };
      }
    }
    const list = changed(key, file, "", (copy) => (find(copy)["@@"] = 1));
    yield { name: `${path} trailing comma`, key, proof: utf8(text(list.proof).replace('"@@":1', "")) };
  }
  for (const field of ["tensors", "private_inputs"]) {
    const lists = changed(key, file, `${field} as lists without names`, (copy) => {
      copy[field] = copy[field].map((object) => Object.values(object));
    });
    yield lists;
    yield changed(key, file, `${field} in another order`, (copy) => copy[field].reverse());
    yield changed(key, file, `${field} without the last`, (copy) => copy[field].pop());
  }
  yield { name: "the file as a list", key, proof: utf8(json(Object.values(file))) };
}

const NUMBERS = (value) => [
  ...[`${value}.0`, `${value}e0`, `${value}E0`, `+${value}`, `0${value}`, `-0${value}`, `"${value}"`, `${value}.`, `.${value}`],
  ...[`0x${value}`, `${value}n`, `${value}_0`, `[${value}]`, `{"a":${value}}`, `${value} `, `\t\n\r ${value}`, `\u00a0${value}`],
  ...[`-${value}`, `--${value}`, `- ${value}`, `${value}0`, "-0", "0", "00", "-", "", "NaN", "Infinity", "-Infinity", "true", "1e400", "1E-400"],
  ...["2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808"],
  ...["-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616"],
  ...[R.toString(), (R + 128n).toString(), "9".repeat(40), "9".repeat(5000), `1${"0".repeat(400)}`],
];

/** Integers, hexadecimal digits and texts in other spellings. */
function* spellings(key, file) {
  const places = {
    "shape": (copy) => [copy.tensors[0].shape, 1, 2],
    "fractional_bits": (copy) => [copy.tensors[0], "fractional_bits", 8],
    "value": (copy) => [copy.tensors[0].values, 0, 128],
    "negative value": (copy) => [copy.tensors[0].values, 1, 64],
    "zero": (copy) => [copy.tensors[2].values, 2, 0],
    "low": (copy) => [copy.private_inputs[0], "low", 0],
    "high": (copy) => [copy.private_inputs[0], "high", 1],
    "private shape": (copy) => [copy.private_inputs[0].shape, 0, 1],
    "private fractional_bits": (copy) => [copy.private_inputs[0], "fractional_bits", 0],
  };
  for (const [place, find] of Object.entries(places)) {
    const copy = structuredClone(file);
    const [holder, at, value] = find(copy);
    holder[at] = "@@";
    const template = json(copy);
    for (const other of NUMBERS(value)) {
      const shown = other.length > 60 ? `${other.slice(0, 8)}, ${other.length} digits` : JSON.stringify(other);
      yield { name: `${place} is ${shown}`, key, proof: utf8(template.replace('"@@"', () => other)) };
    }
  }
  for (const [name, find] of [
    ["verifying_key", (copy) => [copy, "verifying_key"]],
    ["context", (copy) => [copy, "context"]],
    ["proof", (copy) => [copy, "proof"]],
    ["digest", (copy) => [copy.tensors[3], "digest"]],
  ]) {
    const set = (shown, make) =>
      changed(key, file, `${name} ${shown}`, (copy) => {
        const [holder, at] = find(copy);
        holder[at] = make(holder[at].slice(2));
      });
    yield set("with capital digits", (digits) => `0x${digits.toUpperCase()}`);
    yield set("behind 0X", (digits) => `0X${digits}`);
    yield set("without 0x", (digits) => digits);
    yield set("behind 0x0x", (digits) => `0x0x${digits}`);
    yield set("with a digit less", (digits) => `0x${digits.slice(1)}`);
    yield set("with a byte less", (digits) => `0x${digits.slice(2)}`);
    yield set("with a zero byte before", (digits) => `0x00${digits}`);
    yield set("with a zero byte behind", (digits) => `0x${digits}00`);
    yield set("of nothing", () => "0x");
    yield set("empty", () => "");
    yield set("with another letter", (digits) => `0xg${digits.slice(1)}`);
    yield set("with a wide digit", (digits) => `0x１${digits.slice(1)}`);
    yield set("with a space", (digits) => `0x${digits} `);
    yield set("with a line break inside", (digits) => `0x${digits.slice(0, 2)}\n${digits.slice(2)}`);
    yield set("with a minus", (digits) => `-0x${digits}`);
    yield set("of zeros", (digits) => `0x${"0".repeat(digits.length)}`);
    yield set("of ones", (digits) => `0x${"f".repeat(digits.length)}`);
  }
  for (const tensor of [3, 4]) {
    const digest = EVERYTHING[tensor][0];
    for (const [shown, value] of [["plus r", digest + R], ["plus 2r", digest + 2n * R], ["r", R], ["r - 1", R - 1n], ["0", 0n], ["plus 1", digest + 1n]]) {
      yield changed(key, file, `digest ${tensor} ${shown}`, (copy) => (copy.tensors[tensor].digest = hex(word(value))));
    }
  }
  const template = json({ ...file, model: "@@" });
  for (const model of ["t\\u006fy", "toy\\u0000", "\\u0074\\u006F\\u0079", "\\ud83d", "\\ude00\\ud83d", "\\ud83d\\ude00", "\\ud83dx", "\\x", "\\u00", "\\u00g0", "\\", "\\/toy", "to\ty", "to\u007fy", "to\u2028y", "toy\u0301"]) {
    yield { name: `model ${JSON.stringify(model)}`, key, proof: utf8(template.replace("@@", () => model)) };
  }
  for (const role of ['{"input":null}', '{"input":[]}', '{"input":null,"output":null}', '["input"]', '"Input"', '"committed  input"', "0"]) {
    const copy = structuredClone(file);
    copy.tensors[0].role = "@@";
    yield { name: `role ${role}`, key, proof: utf8(json(copy).replace('"@@"', () => role)) };
  }
}

/** The file as a whole: what stands around it, its size, its depth, its bytes. */
function* documents(key, proof) {
  const file = text(proof);
  for (const [name, around] of Object.entries({
    "a byte order mark": `\ufeff${file}`,
    "space around": ` \n\t\r${file}\r\n `,
    "a form feed": `\f${file}`,
    "a no-break space": `\u00a0${file}`,
    "a zero byte behind": `${file}\0`,
    "a bracket behind": `${file}}`,
    "two files": file + file,
    "a comment": `${file}// proof`,
    "a list of one": `[${file}]`,
    "a text": JSON.stringify(file),
    "nothing": "",
    "a space": " ",
    "null": "null",
    "an empty object": "{}",
    "single quotes": file.replaceAll('"', "'"),
    "no colons": file.replaceAll(":", " "),
    "colons of another script": file.replaceAll(":", "："),
    "UTF-16": file.replaceAll(/./gs, "$&\0"),
    "deep lists": "[".repeat(100000),
    "deep objects": '{"a":'.repeat(100000),
    "deep tensors": file.replace('"tensors":', `"tensors":${"[".repeat(200000)}`),
    "a deep unknown field": file.replace("{", `{"x":${"[".repeat(50000)}${"]".repeat(50000)},`),
    "a deep shape": file.replace('"shape":[', `"shape":[${"[".repeat(50000)}`),
  })) {
    yield { name, key, proof: utf8(around) };
  }
  for (const [name, other] of Object.entries({
    "a lone byte": [0x80],
    "an overlong letter": [0xc1, 0xb4],
    "half a letter": [0xc3],
    "a surrogate": [0xed, 0xa0, 0x80],
    "past the last letter": [0xf4, 0x90, 0x80, 0x80],
    "a letter": [0xc3, 0xa9],
  })) {
    const [before, after] = file.split('"toy"');
    yield { name: `${name} in the model's name`, key, proof: cat(utf8(`${before}"toy`), other, utf8(`"${after}`)) };
    yield { name: `${name} behind the file`, key, proof: cat(proof, other) };
  }
  const limit = 2 ** 21;
  for (const length of [limit, limit + 20000, 100e6]) {
    const padded = new Uint8Array(length).fill(0x20);
    padded.set(proof);
    yield { name: `${length} bytes`, key, proof: padded };
  }
}
