/** Why something is not accepted. Each code stands for one error of the Rust verifier; README.md has the table. */
export const CODES = [
  "key.too-large",
  "key.magic",
  "key.version",
  "key.truncated",
  "key.trailing",
  "key.checksum",
  "key.point",
  "key.choice",
  "key.text",
  "key.related",
  "key.public-value-count",
  "key.unnamed-model",
  "key.unnamed-tensor",
  "key.duplicate-tensor",
  "key.tensor-too-large",
  "key.fractional-bits",
  "key.empty-range",
  "key.label-count",
  "key.labelled-values",
  "key.other-digest",
  "file.too-large",
  "file.json",
  "file.format",
  "file.hex",
  "file.other-key",
  "file.other-model",
  "file.tensor-count",
  "file.private-inputs",
  "file.signature",
  "file.value-count",
  "file.decoded",
  "proof.length",
  "proof.point",
  "statement.not-canonical",
  "statement.out-of-range",
  "rejected",
  "generation.cut-short",
  "generation.no-decoder",
  "generation.lengths",
  "generation.token",
  "generation.mark",
  "generation.outside",
  "no-generation",
  "other-context",
] as const;

/** One of {@link CODES}. */
export type Code = (typeof CODES)[number];

/** Thrown inside the library, returned at its edge. */
export class Refusal extends Error {
  readonly code: Code;

  constructor(code: Code, reason: string) {
    super(reason);
    this.code = code;
  }
}
