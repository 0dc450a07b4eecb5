"""Writes the files of this folder: vocabularies as the package `gguf` of PyPI writes them, and the tokens of some texts as a few lines of
Python find them, which share no code with the library.

    pip install gguf numpy regex && python3 reference.py            writes bytes.gguf, scores.gguf, model.gguf and tokens.json
"""

import collections
import json

import gguf
import numpy as np
import regex

LEARNED = """The quick brown fox jumps over the lazy dog. She said: "I'll be there at 10:30, won't you?" It's 2024, they've paid $1,234.50.
The capital of France is Paris; naïve café crème brûlée. Größe, Straße, Übung. int main() {\n    return 0;\n}\nthe theory of the thing then there
日本語のテキスト。 Привет, мир! the then they there these and and and said said"""

TEXTS = ["", " ", "The capital of France", "  two  spaces\n\n and\tlines \n", "It's, I'LL, we'Ve, don't", "12345 and 1 234,5 x2y٣४", "naïve café cafe\u0301 Straße",
         "日本語 and Привет", "🙂👩‍👩‍👧 emoji", "<|im_start|>user\nHi<|im_end|>\n", "a <tool> b<tool>", "def f(x):\r\n    return x**2\r\n", "...!!! ?? --", "\u00a0nbsp\u3000wide",
         "▁ and <0x41> </s> <s>x", " lead", "trail ", "x" * 40]

CONTRACTIONS = r"'s|'t|'re|'ve|'m|'ll|'d"
GPT2 = CONTRACTIONS + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT4 = f"(?i:{CONTRACTIONS})" + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
RULES = {"gpt-2": [GPT2], "smollm": [r"\p{N}", GPT2], "llama-bpe": [GPT4 % "{1,3}"], "qwen2": [GPT4 % ""]}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def alphabet():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {**{byte: chr(byte) for byte in plain}, **{byte: chr(256 + at) for at, byte in enumerate(others)}}


NAMES = alphabet()
spell = lambda text: [NAMES[byte] for byte in text.encode()]


def split(rules, text):
    """Every rule splits what the ones before have left."""
    parts = [text]
    for rule in rules:
        found = []
        for part in parts:
            end = 0
            for match in regex.finditer(rule, part):
                found += [part[end : match.start()], match.group()]
                end = match.end()
            found.append(part[end:])
        parts = [part for part in found if part]
    return parts


def learn(count):
    """The most frequent pairs, as byte pair encoding learns them."""
    words = collections.Counter(tuple(spell(word)) for word in split([GPT2], LEARNED))
    merges = []
    for _ in range(count):
        pairs = collections.Counter()
        for word, times in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += times
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        words = collections.Counter({tuple(merged(list(word), best)): times for word, times in words.items()})
    return merges


def merged(word, pair):
    at = 0
    while at + 1 < len(word):
        if (word[at], word[at + 1]) == pair:
            word[at : at + 2] = [word[at] + word[at + 1]]
        at += 1
    return word


def stretches(text, tokens):
    """Tokens that are found first, and what is between them."""
    pattern = "(" + "|".join(regex.escape(token) for token in sorted(tokens, key=len, reverse=True)) + ")"
    return [part for part in regex.split(pattern, text) if part]


def by_pairs(text, rule, merges, ids, found_first):
    tokens = []
    for part in stretches(text, found_first):
        if part in found_first:
            tokens.append(ids[part])
            continue
        if rule == "qwen2":
            import unicodedata

            part = unicodedata.normalize("NFC", part)
        for word in split(RULES[rule], part):
            word = spell(word)
            if rule == "llama-bpe" and "".join(word) in ids:
                tokens.append(ids["".join(word)])
                continue
            for pair in merges:
                word = merged(word, pair)
            tokens += [ids[piece] for piece in word]
    return tokens


def by_scores(text, scores, ids, found_first, leading):
    tokens = []
    for part in stretches(text, found_first):
        if part in found_first:
            tokens.append(ids[part])
            continue
        word = list(("\u2581" if leading else "") + part.replace(" ", "\u2581"))
        while True:
            pairs = [(scores[ids[a + b]], -at) for at, (a, b) in enumerate(zip(word, word[1:])) if a + b in ids]
            if not pairs:
                break
            at = -max(pairs)[1]
            word[at : at + 2] = [word[at] + word[at + 1]]
        for piece in word:
            tokens += [ids[piece]] if piece in ids else [ids[f"<0x{byte:02X}>"] for byte in piece.encode()]
    return tokens


def vocabulary(file, model, pieces, kinds, **fields):
    file.add_tokenizer_model(model)
    file.add_token_list(pieces)
    file.add_token_types(kinds)
    for name, value in fields.items():
        getattr(file, "add_" + name)(value)


def close(file):
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


merges = learn(70)
pairs = [" ".join(pair) for pair in merges]
pieces = SPECIAL + ["<tool>"] + list(NAMES.values()) + ["".join(pair) for pair in merges]
kinds = [3] * 3 + [4] + [1] * (len(pieces) - 4)
ids = {piece: at for at, piece in enumerate(pieces)}
found = {}
for rule in RULES:
    found[rule] = [by_pairs(text, rule, merges, ids, SPECIAL + ["<tool>"]) for text in TEXTS]
file = gguf.GGUFWriter("bytes.gguf", "llama")
vocabulary(file, "gpt2", pieces, kinds, token_merges=pairs, tokenizer_pre="gpt-2")
close(file)

words = ["\u2581the", "th", "he", "the", "\u2581t", "\u2581th", "an", "and", "\u2581an", "\u2581and", "in", "on", "er", "re", "\u2581\u2581", "\u2581a", "aa", "ll", "ra", "ap", "ca", "\u2581c", "xx", "xxx", "xxxx"]
spm = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + words + ["\u2581", *"abcdefhiklmnoprstuvwxyzTFPüß日本"]
spm_kinds = [2, 3, 3] + [6] * 256 + [1] * (len(spm) - 259)
scores = [0.0] * 259 + [-float(at) for at in range(len(spm) - 259)]
spm_ids = {piece: at for at, piece in enumerate(spm)}
found["scores"] = [[1] + by_scores(text, scores, spm_ids, spm[:3], True) for text in TEXTS]
found["plain scores"] = [by_scores(text, scores, spm_ids, spm[:3], False) for text in TEXTS]
file = gguf.GGUFWriter("scores.gguf", "llama")
vocabulary(file, "llama", spm, spm_kinds, token_scores=scores, bos_token_id=1, eos_token_id=2, unk_token_id=0)
close(file)

random = np.random.default_rng(5)
file = gguf.GGUFWriter("model.gguf", "qwen2")
for name, value in [("context_length", 16), ("embedding_length", 8), ("block_count", 1), ("feed_forward_length", 12), ("head_count", 2), ("head_count_kv", 1)]:
    getattr(file, "add_" + name)(value)
file.add_layer_norm_rms_eps(1e-6)
vocabulary(file, "gpt2", pieces, kinds, token_merges=pairs, tokenizer_pre="qwen2", eos_token_id=2)
weight = lambda name, *shape: file.add_tensor(name, random.normal(0, 1 / np.sqrt(shape[-1]), shape).astype("<f2"))
gain = lambda name: file.add_tensor(name, random.uniform(0.5, 1.5, 8).astype("<f4"))
weight("token_embd.weight", len(pieces), 8)
for name, rows, columns in [("attn_q", 8, 8), ("attn_k", 4, 8), ("attn_v", 4, 8), ("attn_output", 8, 8), ("ffn_gate", 12, 8), ("ffn_up", 12, 8), ("ffn_down", 8, 12)]:
    weight(f"blk.0.{name}.weight", rows, columns)
    if name[5:] in "qkv":
        file.add_tensor(f"blk.0.{name}.bias", random.normal(0, 0.5, rows).astype("<f4"))
gain("blk.0.attn_norm.weight"), gain("blk.0.ffn_norm.weight"), gain("output_norm.weight")
close(file)

with open("tokens.json", "w") as out:
    lines = [f'"texts": {json.dumps(TEXTS)}'] + [f"{json.dumps(name)}: {json.dumps(rows)}" for name, rows in found.items()]
    out.write("{" + ",\n".join(lines) + "}\n")
