// What a verifier says of a case, in one form for both of them.

import { openKey, verify } from "../dist/index.js";

// A key that many cases share is opened once.
const keys = new Map();
function open(key) {
  const name = Buffer.from(key).toString("latin1");
  if (!keys.has(name)) keys.set(name, openKey(key));
  return keys.get(name);
}

// The sentences of the two JSON parsers differ.
const MALFORMED = "the proof file is malformed";

/** Of this library: `accepted` and what was proven, or `refused` and why; with the code beside it. */
export function verdictHere({ key, proof, context, generation }) {
  const opened = open(key);
  const demand = { ...(context === undefined ? {} : { context }), ...(generation === undefined ? {} : { generation }) };
  const result = opened.ok ? verify(opened.key, proof, demand) : opened;
  if (!result.ok) return { code: result.code, said: refused(result.reason) };
  const { statement, answer, generation: text } = result;
  const printed = {
    verified: true,
    ...(answer === null ? {} : { answer }),
    ...(text === null ? {} : { generation: text }),
    statement,
  };
  return { code: "accepted", said: `accepted ${canonical(printed)}` };
}

/** Of `lemma verify --json`. */
export function verdictThere(stdout) {
  const printed = parse(stdout);
  if (printed.error !== undefined) {
    // It begins with the file's path.
    return refused(printed.error.replace(/^the verifying key in .* is unusable: /s, "").replace(/^cannot read .*?: /s, ""));
  }
  if (!printed.verified) return refused(printed.reason);
  const { verify_seconds, ...rest } = printed;
  return `accepted ${canonical(rest)}`;
}

const refused = (reason) => `refused ${reason.startsWith(MALFORMED) ? MALFORMED : reason}`;

/** JSON whose integers may be of any size, as texts behind a mark. */
function parse(text) {
  return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/gs, (token) => (token[0] === '"' ? token : `"#${token}"`)));
}

/** One spelling: fields in order of their names, integers as texts behind a mark. */
function canonical(value) {
  return JSON.stringify(value, (_, field) => {
    if (typeof field === "bigint" || typeof field === "number") return `#${field}`;
    if (typeof field !== "object" || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
