"""Writes the files and the logits of this folder: small random decoders as the package `gguf` of PyPI writes them, and what numpy, which
shares no code with the importer, computes in double precision from what that package reads and dequantizes.

    pip install gguf numpy && python3 reference.py            writes llama.gguf, qwen2.gguf, qwen3.gguf and logits.json
"""

import json

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

TOKENS = [1, 9, 4, 30, 30, 17, 2, 39]
VOCABULARY = 40


def random_blocks(kind, rows, columns, random):
    """Blocks of a kind that the package only reads: any bytes, with small scales."""
    values, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (rows * columns // values, size), dtype=np.uint8)
    scale = lambda: random.uniform(1e-4, 4e-4, (len(blocks), 1)).astype("<f2").view(np.uint8)
    if kind == Kind.Q6_K:
        blocks[:, -2:] = scale()
    else:
        blocks[:, :2], blocks[:, 2:4] = scale(), scale()
    return blocks.reshape(rows, -1)


class Writer:
    def __init__(self, path, architecture, seed):
        self.file, self.random = gguf.GGUFWriter(path, architecture), np.random.default_rng(seed)

    def tensor(self, name, kind, *shape, around=0.0):
        numbers = self.random.normal(around, 1 / np.sqrt(shape[-1]), shape).astype("<f4")
        if kind in (Kind.Q4_K, Kind.Q5_K, Kind.Q6_K):
            self.file.add_tensor(name, random_blocks(kind, *shape, self.random), raw_dtype=kind)
        elif kind in (Kind.F32, Kind.F16):
            self.file.add_tensor(name, numbers.astype("<f4" if kind == Kind.F32 else "<f2"))
        else:
            self.file.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)

    def gain(self, name, width):
        self.tensor(name, Kind.F32, width, around=1.0)

    def close(self):
        self.file.write_header_to_file()
        self.file.write_kv_data_to_file()
        self.file.write_tensors_to_file()
        self.file.close()


def write(architecture, seed, d, hidden, layers, heads, kv_heads, head, kinds, tied, bias, head_norm, extra):
    w = Writer(architecture + ".gguf", architecture, seed)
    w.file.add_context_length(12)
    w.file.add_embedding_length(d)
    w.file.add_block_count(layers)
    w.file.add_feed_forward_length(hidden)
    w.file.add_head_count(heads)
    w.file.add_head_count_kv(kv_heads)
    w.file.add_layer_norm_rms_eps(1e-6)
    if head * heads != d:
        w.file.add_key_length(head)
        w.file.add_value_length(head)
    extra(w)
    w.tensor("token_embd.weight", kinds[0][0], VOCABULARY, d)
    for layer in range(layers):
        at, kind = f"blk.{layer}.", kinds[layer]
        w.gain(at + "attn_norm.weight", d)
        w.gain(at + "ffn_norm.weight", d)
        for name, rows in [("attn_q", heads * head), ("attn_k", kv_heads * head), ("attn_v", kv_heads * head)]:
            w.tensor(at + name + ".weight", kind[1], rows, d)
            if bias:
                w.tensor(at + name + ".bias", Kind.F32, rows)
        if head_norm:
            w.gain(at + "attn_q_norm.weight", head)
            w.gain(at + "attn_k_norm.weight", head)
        w.tensor(at + "attn_output.weight", kind[2], d, heads * head)
        w.tensor(at + "ffn_gate.weight", kind[3], hidden, d)
        w.tensor(at + "ffn_up.weight", kind[4], hidden, d)
        w.tensor(at + "ffn_down.weight", kind[5], d, hidden)
    w.gain("output_norm.weight", d)
    if not tied:
        w.tensor("output.weight", Kind.Q8_0, VOCABULARY, d)
    w.close()


def logits(path, tokens):
    """One token after the other, with a cache of keys and values, as a decoder runs."""
    reader = gguf.GGUFReader(path)
    weight = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64) for t in reader.tensors}
    name = reader.fields["general.architecture"].contents()
    field = lambda key, default=None: reader.fields[f"{name}.{key}"].contents() if f"{name}.{key}" in reader.fields else default
    d, heads, kv_heads = field("embedding_length"), field("attention.head_count"), field("attention.head_count_kv")
    head, epsilon, base = field("attention.key_length", d // heads), field("attention.layer_norm_rms_epsilon"), field("rope.freq_base", 10000.0)
    divisors = weight.get("rope_freqs.weight", np.full(head // 2, field("rope.scaling.factor", 1.0)))
    rms = lambda x, gain: x / np.sqrt((x * x).mean() + epsilon) * gain

    def rotate(x, position):
        for j in range(head // 2):
            a, b = (2 * j, 2 * j + 1) if name == "llama" else (j, j + head // 2)
            angle = position * base ** (-2 * j / head) / divisors[j]
            x[a], x[b] = x[a] * np.cos(angle) - x[b] * np.sin(angle), x[a] * np.sin(angle) + x[b] * np.cos(angle)
        return x

    layers = field("block_count")
    keys, values, rows = [[] for _ in range(layers)], [[] for _ in range(layers)], []
    for position, token in enumerate(tokens):
        x = weight["token_embd.weight"][token].copy()
        for layer in range(layers):
            get = lambda part, default=None: weight.get(f"blk.{layer}.{part}", default)
            h = rms(x, get("attn_norm.weight"))
            parts = [get(f"attn_{k}.weight") @ h + get(f"attn_{k}.bias", 0.0) for k in "qkv"]
            query, key, value = (part.reshape(-1, head) for part in parts)
            if get("attn_q_norm.weight") is not None:
                query = np.array([rms(row, get("attn_q_norm.weight")) for row in query])
                key = np.array([rms(row, get("attn_k_norm.weight")) for row in key])
            query, key = [rotate(row, position) for row in query], [rotate(row, position) for row in key]
            keys[layer].append(key)
            values[layer].append(value)
            mixed = []
            for i in range(heads):
                theirs = i // (heads // kv_heads)
                scores = np.array([k[theirs] @ query[i] for k in keys[layer]]) / np.sqrt(head)
                share = np.exp(scores - scores.max())
                mixed.append(sum(s * v[theirs] for s, v in zip(share / share.sum(), values[layer])))
            x = x + get("attn_output.weight") @ np.concatenate(mixed)
            h = rms(x, get("ffn_norm.weight"))
            gate = get("ffn_gate.weight") @ h
            x = x + get("ffn_down.weight") @ (gate / (1 + np.exp(-gate)) * (get("ffn_up.weight") @ h))
        rows.append(weight.get("output.weight", weight["token_embd.weight"]) @ rms(x, weight["output_norm.weight"]))
    return rows


def llama(w):
    w.file.add_tensor("rope_freqs.weight", np.array([1.0, 1.5, 4.0, 8.0], "<f4"))
    w.file.add_rope_dimension_count(8)
    w.file.add_vocab_size(VOCABULARY)
    w.file.add_array("general.languages", ["en"])


def qwen2(w):
    w.file.add_rope_freq_base(1e6)
    w.file.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    w.file.add_rope_scaling_factor(2.0)


F32, F16, BF16, Q8 = Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0
mixed = [
    [Q8, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.Q4_K],
    [Q8, F16, BF16, Kind.Q4_0, Kind.Q4_1, Kind.Q5_K],
    [Q8, F32, Q8, Kind.Q4_1, Kind.Q5_0, Kind.Q6_K],
]
write("llama", 1, 32, 256, 3, 4, 2, 8, mixed, False, False, False, llama)
write("qwen2", 2, 16, 24, 2, 4, 2, 4, [[F16] * 6] * 2, True, True, False, qwen2)
write("qwen3", 3, 16, 24, 2, 4, 1, 6, [[BF16] * 6] * 2, True, False, True, lambda w: None)
with open("logits.json", "w") as file:
    rows = lambda name: ",\n".join(json.dumps([round(float(v), 6) for v in row]) for row in logits(name + ".gguf", TOKENS))
    files = ",\n".join(f'"{name}": [\n{rows(name)}\n]' for name in ["llama", "qwen2", "qwen3"])
    file.write('{"tokens": %s,\n%s}\n' % (TOKENS, files))
