// A verified statement in words, and what it does not say.

import { type Accepted, decimal, label, type PrivateInput, quoted, real, type Tensor, visible } from "../src/index.js";
import { element, list } from "./element.js";

/** Rows of a tensor that are shown at once; runs of equal entries are one row, so that a hole in a mask is seen. */
const SHOWN = 16;
/** Rows behind the fold. */
const MORE = 5000;

/** Everything about a proof that holds; whether the reader gave the key's digest and a context, and both are met. */
export function words(accepted: Accepted, sameKey: boolean, sameContext: boolean): HTMLElement[] {
  const { statement } = accepted;
  const out: HTMLElement[] = [];
  if (statement.development) {
    const trust = "Whoever made it could have kept what is needed to prove anything: trust them, or do not rely on this proof.";
    out.push(element("p", `This is a development key. ${trust}`, "warning"));
  }
  if (!sameKey) {
    const compare = "Compare its digest, below, with the one that the model’s owner gave you by another way than this file.";
    out.push(element("p", `Nothing here says whose key this is. ${compare}`, "warning"));
  }
  out.push(element("h3", "What is proven"));
  const inputs = statement.private_inputs.length > 0 ? "on inputs of which some are not shown" : "on the inputs below";
  out.push(element("p", `Exactly the integer model of this key, run ${inputs}, gave these results.`));
  out.push(...generated(accepted));
  if (accepted.answer !== null) out.push(element("p", [text("Largest entry: "), element("strong", quoted(accepted.answer))]));
  const tensors = statement.tensors.flatMap(shown);
  if (accepted.generation === null) out.push(...tensors);
  else out.push(element("details", [element("summary", "The tensors that say so"), ...tensors]));
  out.push(element("h3", "Inputs that are not shown"), ...hidden(statement.private_inputs));
  out.push(element("h3", "Key and context"), identity(accepted, sameKey, sameContext));
  out.push(element("h3", "What it does not say"), list(limits(accepted, sameContext)));
  return out;
}

const text = (words: string): Text => document.createTextNode(words);
const shapeText = (shape: readonly bigint[]): string => `[${shape.join(", ")}]`;

function generated({ generation, statement }: Accepted): HTMLElement[] {
  if (generation === null) {
    const names = new Set(statement.tensors.map(({ name }) => name));
    if (!(names.has("tokens") && names.has("next")) && !names.has("generated")) return [];
    return [element("p", "It is not proven that this is a generated text: these are single steps of a model.", "warning")];
  }
  const { prompt_length, length, tokens, prompt, prompt_visibility, prompt_digest } = generation;
  const written = length - prompt_length;
  const given = tokens.slice(0, tokens.length - written);
  const chosen = tokens.slice(tokens.length - written);
  const out = [element("p", `The model generated a text greedily: ${written} tokens after a prompt of ${prompt_length}.`)];
  if (prompt_visibility === "public") out.push(element("p", "Prompt:"), said(prompt), tokenList("Tokens of the prompt", given));
  else if (prompt_digest !== undefined) out.push(element("p", [text("The prompt is not shown; its digest is "), code(prompt_digest)]));
  else out.push(element("p", "The prompt is not shown."));
  out.push(element("p", "Generated text:"), said(generation.text), tokenList("Tokens of the text", chosen));
  return out;
}

const said = (words: string | null): HTMLElement =>
  element("p", words === null ? "This key does not name its tokens." : quoted(words), "said");
const code = (words: string): HTMLElement => element("code", words);

function tokenList(title: string, tokens: readonly bigint[]): HTMLElement {
  return element("details", [element("summary", `${title} (${tokens.length}), which are what is proven`), element("p", tokens.join(", "), "value")]);
}

function shown(tensor: Tensor): HTMLElement[] {
  const what = `${tensor.role[0]?.toUpperCase() ?? ""}${tensor.role.slice(1)} `;
  const title = element("h4", [text(what), code(visible(tensor.name)), text(` of shape ${shapeText(tensor.shape)}`)]);
  if (tensor.digest !== undefined) {
    const bound = "Its values are not shown. They are bound by the digest ";
    return [title, element("p", [text(bound), code(tensor.digest)])];
  }
  const rows = runs(tensor);
  const out = [title, table(rows.slice(0, SHOWN))];
  const rest = rows.slice(SHOWN, SHOWN + MORE);
  if (rest.length > 0) {
    const cut = rows.length > SHOWN + MORE ? `, the first ${MORE} of them` : "";
    out.push(element("details", [element("summary", `${rows.length - SHOWN} more rows${cut}`), table(rest)]));
  }
  return out;
}

interface Row {
  readonly first: number;
  readonly name: string;
  readonly number: string;
  count: number;
}

/** Entries in order, equal neighbours as one row. */
function runs(tensor: Tensor): Row[] {
  const rows: Row[] = [];
  tensor.values.forEach((value, first) => {
    const found = label(tensor, first, value);
    const name = found === undefined ? "" : quoted(found);
    const number = decimal(real(value, tensor.fractional_bits));
    const last = rows.at(-1);
    if (last !== undefined && last.name === name && last.number === number) last.count++;
    else rows.push({ first, name, number, count: 1 });
  });
  return rows;
}

function table(rows: readonly Row[]): HTMLElement {
  const named = rows.some(({ name }) => name !== "");
  const head = element("tr", ["Entry", ...(named ? ["Name"] : []), "Value"].map((title) => element("th", title)));
  const body = rows.map(({ first, name, number, count }) => {
    const where = count === 1 ? `${first}` : `${first} to ${first + count - 1}`;
    const cells = [element("td", where), ...(named ? [element("td", name)] : []), element("td", number, "value")];
    return element("tr", cells);
  });
  return element("table", [element("thead", [head]), element("tbody", body)]);
}

function hidden(inputs: readonly PrivateInput[]): HTMLElement[] {
  if (inputs.length === 0) return [element("p", "None: every input of the model is shown above, or bound by a digest.")];
  const one = ({ name, shape, fractional_bits, low, high }: PrivateInput): HTMLElement => {
    const range = `${decimal(real(low, fractional_bits))} to ${decimal(real(high, fractional_bits))}`;
    return element("span", [code(visible(name)), text(` of shape ${shapeText(shape)}, each entry from ${range}`)]);
  };
  return [list(inputs.map(one)), element("p", "Whoever made the proof chose these freely in their ranges.")];
}

function identity({ statement, context }: Accepted, sameKey: boolean, sameContext: boolean): HTMLElement {
  const line = (title: string, value: string, more = ""): HTMLElement => element("span", [text(title), code(value), text(more)]);
  const bound =
    context === "0x"
      ? element("span", "The proof is bound to no context.")
      : line("The proof is bound to the context ", context, sameContext ? ", the one that you gave." : ".");
  return list([
    line("Name of the model, by the key: ", visible(statement.model)),
    line("Digest of the key: ", statement.vk_digest, sameKey ? ", the one that you gave." : ""),
    line("Digest of the circuit, the same for every key of this model: ", statement.circuit_digest),
    bound,
  ]);
}

function limits({ context, generation }: Accepted, sameContext: boolean): string[] {
  return [
    "That an input is genuine, or where it came from.",
    "That the model is good, or that the integer model agrees with the one that was trained.",
    context === "0x"
      ? "Who made it and when. It is bound to no context, so anyone can show it again as if it were new."
      : `Who made it and when, unless the context says so${sameContext ? "" : "; check that the context is what you asked for"}.`,
    ...(generation === null
      ? []
      : ["That the text is the only one that reads so: different tokens may read alike.", "That the text ends where the model would end it."]),
    "Anything, if whoever made the key kept its secret.",
  ];
}
