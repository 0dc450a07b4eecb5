/**
 * When a statement is a text that the model wrote: the rule of docs/protocol.md, "Generated text". The context holds
 * the lengths p of the prompt and n of all:
 *
 *     "lemma generation" || p (u32) || n (u32) || the caller's bytes
 *
 * A decoder that shows its prompt has `tokens` and `next`: tokens[t + 1] = next[t] for p - 1 <= t < n - 1. One that
 * hides it has `text`, `generated` and `chosen`: for every t, generated[t] is 1 if p <= t < n, else 0; text[t] is 0
 * elsewhere; chosen[t] is text[t + 1] if p <= t + 1 < n, else 0.
 */

import { ascii, equal, integer } from "./bytes.js";
import { joinPieces } from "./pieces.js";
import { Refusal } from "./refusal.js";
import { entries, isInput, type PrivateInput, type Role } from "./signature.js";
import type { Statement, Tensor } from "./statement.js";

const TAG = ascii("lemma generation");

/** A text that a model wrote; the names are those of docs/json.md. */
export interface Generation {
  readonly prompt_length: number;
  readonly length: number;
  /** Ids of all tokens; of the generated text alone when the prompt is not shown. */
  readonly tokens: readonly bigint[];
  readonly prompt_visibility: "public" | "committed" | "private";
  readonly prompt: string | null;
  readonly prompt_digest?: string;
  readonly text: string | null;
}

interface Parts {
  prompt: number;
  length: number;
  caller: Uint8Array;
}

/** Takes the context of a generation apart; `undefined` for the context of anything else. */
export function splitContext(context: Uint8Array): Parts | undefined {
  if (!equal(context.subarray(0, TAG.length), TAG)) return undefined;
  const rest = context.subarray(TAG.length);
  if (rest.length < 8) {
    throw new Refusal("generation.cut-short", "the context of a generation holds two lengths, this one is cut short");
  }
  const [prompt, length] = [rest.subarray(0, 4), rest.subarray(4, 8)].map((bytes) => Number(integer(bytes)));
  return { prompt: prompt ?? 0, length: length ?? 0, caller: rest.subarray(8) };
}

/** The generation of a proven statement, whose context is that of one. */
export function generation(statement: Statement, { prompt, length }: Parts): Generation {
  if (fits(statement, ["tokens"], "next", false)) return shown(statement, prompt, length);
  if (fits(statement, ["text", "generated"], "chosen", true)) return hidden(statement, prompt, length);
  const needs = "it needs the public tensors `tokens` and `next`, or `text`, `generated` and `chosen`, of one shape";
  const what = "the context is that of a generation, but the key is no decoder's";
  throw new Refusal("generation.no-decoder", `${what}: ${needs}`);
}

/** Whether the tensors are a decoder's and no others: another input could choose what is generated. */
function fits({ tensors, private_inputs }: Statement, names: string[], last: string, hides: boolean): boolean {
  const output = find(tensors, "output", last);
  if (output === undefined) return false;
  const count = entries(output.shape);
  const alike = (tensor: PrivateInput | undefined): boolean =>
    tensor !== undefined &&
    tensor.fractional_bits === 0 &&
    tensor.shape.length === output.shape.length &&
    tensor.shape.every((dimension, at) => dimension === output.shape[at]);
  const digest = hides ? find(tensors, "committed input", "prompt") : undefined;
  const own = names.length + (digest === undefined ? 0 : 1);
  const [secret, ...more] = private_inputs;
  const hiddenInputs =
    secret === undefined
      ? !hides || digest !== undefined
      : hides && more.length === 0 && digest === undefined && secret.name === "prompt" && alike(secret);
  return (
    hiddenInputs &&
    count !== undefined &&
    count === output.shape.at(-1) &&
    alike(output) &&
    names.every((name) => alike(find(tensors, "input", name))) &&
    (digest === undefined || alike(digest)) &&
    tensors.filter(({ role }) => isInput(role)).length === own &&
    (!hides || tensors.length === own + 1)
  );
}

function shown(statement: Statement, prompt: number, length: number): Generation {
  const tokens = valuesOf(statement, "input", "tokens");
  const next = valuesOf(statement, "output", "next");
  within(prompt, length, tokens.length);
  for (let at = prompt; at < length; at++) expectToken(at, tokens[at], next[at - 1]);
  return {
    prompt_length: prompt,
    length,
    tokens: tokens.slice(0, length),
    prompt_visibility: "public",
    prompt: textOf(statement, tokens.slice(0, prompt)),
    text: textOf(statement, tokens.slice(prompt, length)),
  };
}

function hidden(statement: Statement, prompt: number, length: number): Generation {
  const tokens = valuesOf(statement, "input", "text");
  const generated = valuesOf(statement, "input", "generated");
  const chosen = valuesOf(statement, "output", "chosen");
  within(prompt, length, tokens.length);
  const written = (at: number): boolean => prompt <= at && at < length;
  generated.forEach((found, at) => {
    const expected = written(at) ? 1n : 0n;
    if (found !== expected) {
      const rule = `by the lengths in the context it is ${expected}`;
      throw new Refusal("generation.mark", `\`generated\` is ${found} at position ${at}; ${rule}`);
    }
  });
  tokens.forEach((found, at) => {
    if (!written(at)) expectZero("text", at, found);
  });
  chosen.forEach((choice, at) => {
    if (written(at + 1)) expectToken(at + 1, tokens[at + 1], choice);
    else expectZero("chosen", at, choice);
  });
  const digest = find(statement.tensors, "committed input", "prompt")?.digest;
  return {
    prompt_length: prompt,
    length,
    tokens: tokens.slice(prompt, length),
    prompt_visibility: digest === undefined ? "private" : "committed",
    prompt: null,
    ...(digest === undefined ? {} : { prompt_digest: digest }),
    text: textOf(statement, tokens.slice(prompt, length)),
  };
}

/** `1 <= prompt <= length <= tokens`. */
function within(prompt: number, length: number, tokens: number): void {
  if (prompt === 0 || prompt > length || length > tokens) {
    const rule = `1 to ${tokens} fit, and the text begins with the prompt`;
    throw new Refusal("generation.lengths", `a prompt of ${prompt} and a text of ${length} tokens; ${rule}`);
  }
}

function expectToken(position: number, found: bigint | undefined, chosen: bigint | undefined): void {
  if (found === undefined || found !== chosen) {
    const what = `token ${position} is ${found}, but the model chose ${chosen}`;
    throw new Refusal("generation.token", `${what}: this text was not generated`);
  }
}

function expectZero(tensor: string, position: number, found: bigint): void {
  if (found !== 0n) {
    const what = `\`${tensor}\` is ${found} at position ${position}, where nothing was generated`;
    throw new Refusal("generation.outside", `${what}; it is 0 there`);
  }
}

const find = (tensors: readonly Tensor[], role: Role, name: string): Tensor | undefined =>
  tensors.find((tensor) => tensor.role === role && tensor.name === name);

const valuesOf = ({ tensors }: Statement, role: Role, name: string): readonly bigint[] =>
  find(tensors, role, name)?.values ?? [];

/** The text of tokens, by the first tensor that names its values. */
function textOf({ tensors }: Statement, ids: readonly bigint[]): string | null {
  for (const { labels } of tensors) {
    if (labels === "none" || !("values" in labels)) continue;
    const pieces = ids.map((id) => (id < 0n || id >= labels.values.length ? undefined : labels.values[Number(id)]));
    return pieces.every((piece) => piece !== undefined) ? joinPieces(pieces) : null;
  }
  return null;
}
