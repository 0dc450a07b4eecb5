"""Writes the checkpoints and the logits of this folder: small random Llama-style decoders in the format of llama2.c, and what numpy,
which shares no code with the importer, computes from the bytes of the file in double precision.

    python3 reference.py            writes shared.bin, separate.bin, tokenizer.bin and logits.json
"""

import json
import struct

import numpy as np

TOKENS = [1, 9, 4, 30, 30, 17, 2, 39]
PIECES = ["<unk>", "<s>", "</s>", " ", "a", "b", "c", "d", "e", "f", "g", "h", "i", "l", "n", "o", "r", "s", "t", "u", ".", ",", "\n"]
PIECES += [" a", "th", " t", "he", " the", "in", "on", "an", " b", "or", "er", "is", "it", " s", " c", "ee", "ll"]


def write(path, shared, kv_heads, seed):
    d, hidden, layers, heads, vocabulary, longest = 16, 24, 2, 4, len(PIECES), 12
    head, random = d // heads, np.random.default_rng(seed)
    normal = lambda *shape: random.normal(0, 1 / np.sqrt(shape[-1]), shape)
    gain = lambda *shape: random.uniform(0.5, 1.5, shape)
    parts = [random.normal(0, 1, (vocabulary, d)), gain(layers, d), normal(layers, d, d), normal(layers, kv_heads * head, d)]
    parts += [normal(layers, kv_heads * head, d), normal(layers, d, d), gain(layers, d), normal(layers, hidden, d)]
    parts += [normal(layers, d, hidden), normal(layers, hidden, d), gain(d), np.zeros((2, longest, head // 2))]
    parts += [] if shared else [2 * normal(vocabulary, d)]
    with open(path, "wb") as file:
        file.write(struct.pack("<7i", d, hidden, layers, heads, kv_heads, vocabulary if shared else -vocabulary, longest))
        for part in parts:
            file.write(part.astype("<f4").tobytes())


def logits(path, tokens):
    """One token after the other, with a cache of keys and values, as a decoder runs."""
    data = open(path, "rb").read()
    d, hidden, layers, heads, kv_heads, vocabulary, longest = struct.unpack("<7i", data[:28])
    shared, vocabulary, head = vocabulary > 0, abs(vocabulary), d // heads
    numbers, at = np.frombuffer(data, "<f4", offset=28).astype(np.float64), 0

    def take(*shape):
        nonlocal at
        at += int(np.prod(shape))
        return numbers[at - int(np.prod(shape)) : at].reshape(shape)

    embedding, gain1 = take(vocabulary, d), take(layers, d)
    wq, wk, wv, wo = take(layers, d, d), take(layers, kv_heads * head, d), take(layers, kv_heads * head, d), take(layers, d, d)
    gain2, w1, w2, w3, last = take(layers, d), take(layers, hidden, d), take(layers, d, hidden), take(layers, hidden, d), take(d)
    take(2, longest, head // 2)
    classifier = embedding if shared else take(vocabulary, d)
    assert at == numbers.size
    rms = lambda x, gain: x / np.sqrt((x * x).mean() + 1e-5) * gain

    def rotate(x, position):
        for start in range(0, x.size, head):
            for j in range(0, head, 2):
                angle = position * 10000.0 ** (-j / head)
                a, b = x[start + j], x[start + j + 1]
                x[start + j] = a * np.cos(angle) - b * np.sin(angle)
                x[start + j + 1] = a * np.sin(angle) + b * np.cos(angle)
        return x

    keys, values, rows = [[] for _ in range(layers)], [[] for _ in range(layers)], []
    for position, token in enumerate(tokens):
        x = embedding[token].copy()
        for layer in range(layers):
            h = rms(x, gain1[layer])
            query = rotate(wq[layer] @ h, position)
            keys[layer].append(rotate(wk[layer] @ h, position))
            values[layer].append(wv[layer] @ h)
            mixed = np.zeros(d)
            for i in range(heads):
                mine, theirs = slice(i * head, i * head + head), i // (heads // kv_heads) * head
                scores = np.array([key[theirs : theirs + head] @ query[mine] for key in keys[layer]]) / np.sqrt(head)
                weights = np.exp(scores - scores.max())
                weights /= weights.sum()
                mixed[mine] = sum(w * value[theirs : theirs + head] for w, value in zip(weights, values[layer]))
            x = x + wo[layer] @ mixed
            h = rms(x, gain2[layer])
            gate = w1[layer] @ h
            x = x + w2[layer] @ (gate / (1 + np.exp(-gate)) * (w3[layer] @ h))
        rows.append(classifier @ rms(x, last))
    return np.array(rows)


def write_tokenizer(path):
    with open(path, "wb") as file:
        file.write(struct.pack("<i", max(len(piece) for piece in PIECES)))
        for index, piece in enumerate(PIECES):
            score = -float(index) if len(piece) > 1 else -1e4
            file.write(struct.pack("<fi", score, len(piece)) + piece.encode())


write("shared.bin", True, 2, 1)
write("separate.bin", False, 4, 2)
write_tokenizer("tokenizer.bin")
found = {name: [[round(float(v), 7) for v in row] for row in logits(name + ".bin", TOKENS)] for name in ["shared", "separate"]}
with open("logits.json", "w") as file:
    rows = lambda name: ",\n".join(json.dumps(row) for row in found[name])
    file.write('{"tokens": %s,\n"shared": [\n%s\n],\n"separate": [\n%s\n]}\n' % (TOKENS, rows("shared"), rows("separate")))
