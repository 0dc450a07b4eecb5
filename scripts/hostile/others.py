"""Checkpoints, tokenizers, texts, samples and names of classes; and the good files that they are tried with."""

import io
import json
import struct
import zipfile

import numpy as np
from files import FOLDER, WEIGHT, dense, write

RNG = np.random.default_rng(3)
SAMPLES = RNG.normal(size=(8, 4)).astype("f")
LETTERS = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLM"


def checkpoint(d=8, hidden=16, layers=1, heads=2, shared_heads=2, vocabulary=40, longest=32, fill=None, more=0):
    """A checkpoint of llama2.c."""
    head, size = d // heads, abs(vocabulary)
    layer = 2 * d + 2 * d * d + 2 * d * shared_heads * head + 3 * d * hidden
    count = size * d + layers * layer + d + longest * head + (size * d if vocabulary < 0 else 0)
    weights = RNG.normal(size=count) * 0.2 if fill is None else np.full(count, fill)
    return struct.pack("<7i", d, hidden, layers, heads, shared_heads, vocabulary, longest) + weights.astype("<f4").tobytes() + bytes(more)


def checkpoints():
    good = checkpoint()
    fields = ["width", "hidden", "layers", "heads", "shared", "vocabulary", "longest"]
    for at, name in enumerate(fields):
        for number in (0, -1, 3, 2**31 - 1, -(2**31)):
            header = bytearray(good)
            header[4 * at : 4 * at + 4] = struct.pack("<i", number)
            write("checkpoints", f"{name}_{number}.bin", bytes(header))
    for name, contents in {
        "empty": b"", "short": bytes(27), "zeros": bytes(28), "ones": b"\xff" * 28, "noise": RNG.bytes(5000), "cut": good[:-4],
        "more": good + bytes(4), "header": good[:28], "nan": checkpoint(fill=np.nan), "most": checkpoint(fill=3e38),
        "nothing": checkpoint(fill=0), "layers_100": checkpoint(d=2, hidden=1, layers=100, heads=1, shared_heads=1, vocabulary=4, longest=4),
        "layers_1000": checkpoint(d=2, hidden=1, layers=1000, heads=1, shared_heads=1, vocabulary=4, longest=4),
        "heads_256": checkpoint(d=512, hidden=1, heads=256, shared_heads=256, vocabulary=4, longest=4),
        "longest_2e20": checkpoint(d=2, hidden=1, heads=1, shared_heads=1, vocabulary=4, longest=2**20),
    }.items():
        write("checkpoints", f"{name}.bin", contents)
    sizes = struct.pack("<7i", 2**12, 2**14, 8, 32, 32, 32000, 2048)
    path = write("checkpoints", "sparse.bin", sizes)
    with open(path, "r+b") as file:
        file.truncate(8 << 30)
    for at in range(60):
        flipped = bytearray(good)
        flipped[int(RNG.integers(0, 28 if at % 2 else len(good)))] ^= 1 << int(RNG.integers(0, 8))
        write("checkpoints", f"flip_{at:02}.bin", bytes(flipped))


def tokenizer(**parts):
    """A tokenizer.json of forty words."""
    words = {letter: at for at, letter in enumerate(["[UNK]", *LETTERS[:39]])}
    whole = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
        "post_processor": None, "decoder": None, "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }
    return json.dumps(whole | parts).encode()


def pieces(words, longest=10):
    """A tokenizer.bin of llama2.c: scores and words."""
    return struct.pack("<I", longest) + b"".join(struct.pack("<fi", score, len(word)) + word for word, score in words)


def tokenizers():
    patterns = {
        "alternatives": "(a|a)*(a|a)*(a|a)*b", "nested": "(a+)+$b", "again": r"(a*)*\1*c", "ahead": "(?=(a+)+b)a",
        "repeated": "((a{1000}){1000}){1000}", "optional": "(?:a{0,1000}){0,1000}", "nothing": "", "open": "(",
    }
    for name, pattern in patterns.items():
        split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        write("tokenizers", f"split_{name}.json", tokenizer(pre_tokenizer=split))
        write("tokenizers", f"replace_{name}.json", tokenizer(normalizer={"type": "Replace", "pattern": {"Regex": pattern}, "content": "x"}))
    longer = [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 100}] * 5
    write("tokenizers", "longer.json", tokenizer(normalizer={"type": "Sequence", "normalizers": longer}))
    write("tokenizers", "prefix.json", tokenizer(normalizer={"type": "Prepend", "prepend": "a" * 10_000_000}))
    for depth in (100, 5000):
        deep = b'{"type":"Sequence","normalizers":[' * depth + b"]}" * depth
        write("tokenizers", f"deep_{depth}.json", tokenizer()[:-1] + b',"normalizer":' + deep + b"}")
    special = {"a": {"id": "a", "ids": [1], "tokens": ["a"]}}
    single = [{"Sequence": {"id": "A", "type_id": 0}}] + [{"SpecialToken": {"id": "a", "type_id": 0}}] * 200_000
    template = {"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": special}
    write("tokenizers", "template.json", tokenizer(post_processor=template))
    words = lambda vocabulary: {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    for name, vocabulary in {
        "gap": {"[UNK]": 0, "a": 2**32 - 1}, "same_id": {"[UNK]": 0, "a": 0}, "no_unknown": {"a": 0}, "many": {f"t{i}": i for i in range(1_000_000)},
    }.items():
        write("tokenizers", f"words_{name}.json", tokenizer(model=words(vocabulary)))
    write("tokenizers", "string.json", tokenizer(more="x" * 60_000_000))
    write("tokenizers", "letters_same.json", b'{"chars":"aa"}')
    write("tokenizers", "letters_none.json", b'{"chars":""}')
    write("tokenizers", "letters_many.json", json.dumps({"chars": [chr(0x10000 + i) for i in range(900_000)]}).encode())
    plain = [(letter.encode(), 0.0) for letter in LETTERS]
    for name, contents in {
        "good": pieces(plain), "nan": pieces([(word, float("nan")) for word, _ in plain]), "cut": pieces(plain)[:-1],
        "negative": struct.pack("<Ifi", 1, 0.0, -1) + b"x" * 100, "huge": struct.pack("<IfI", 1, 0.0, 2**32 - 1),
        "none": pieces([(b"", 0.0)] * 40), "bytes": pieces([(b"\xff\xfe", 0.0)] * 40), "same": pieces([(b"a", 0.0)] * 40),
        "controls": pieces([(b"\x1b[31m" + word, 0.0) for word, _ in plain]), "many": struct.pack("<I", 1) + struct.pack("<fi", 0.0, 0) * 1_000_000,
        "doubled": pieces(plain[:24] + [(b"a" * 2**i, float(i)) for i in range(16)], 2**16),
    }.items():
        write("tokenizers", f"pieces_{name}.bin", contents)
    for name, contents in {
        "long": b"a" * (1 << 20), "huge": b"a b " * (15 << 20), "bytes": b"\xff\xfe", "nul": b"a\0b\n" * 50, "empty": b"", "lines": b"\n" * 1_000_000,
    }.items():
        write("texts", f"{name}.txt", contents)


def array(kind, shape, body, more=""):
    """The bytes of an .npy file with a header of one's own."""
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, {more}}}\n".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + body


def archive(entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, contents in entries:
            made.writestr(name, contents)
    return file.getvalue()


def bomb(name, shape, megabytes, kind="'<f4'"):
    """A long array of zeros in few bytes."""
    path = write("data", name, b"")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made, made.open("x.npy", "w", force_zip64=True) as file:
        file.write(array(kind, shape, b""))
        for _ in range(megabytes):
            file.write(bytes(1 << 20))


def data():
    body = SAMPLES.tobytes()
    bomb("zeros_1GB.npz", "(67108864, 4)", 1024)
    bomb("zeros_256MB_of_bytes.npz", "(67108864, 4)", 256, "'|u1'")
    bomb("zeros_more_than_declared.npz", "(8, 4)", 1024)
    for name, (kind, shape, contents) in {
        "pickle": ("'|O'", "(1,)", b"\x80\x04."), "record": ("[('a','<f4')]", "(1,)", bytes(4)), "negative": ("'<f4'", "(-1, 4)", body),
        "most": ("'<f4'", f"({2**63 - 1}, 4)", b""), "digits": ("'<f4'", f"({'9' * 60000},)", b""), "axes": ("'<f4'", f"({'1,' * 5000})", bytes(4)),
        "nan": ("'<f4'", "(1, 4)", np.full(4, np.nan, "<f4").tobytes()), "large": ("'<i8'", "(1, 4)", struct.pack("<4q", 2**60, 1, 2, 3)),
        "none": ("'<f4'", "(0, 4)", b""), "scalar": ("'<f4'", "()", bytes(4)),
    }.items():
        write("data", f"{name}.npz", archive([("x.npy", array(kind, shape, contents))]))
    good = array("'<f4'", "(8, 4)", body)
    for name, entries in {
        "no_entries": [], "path": [("../../x.npy", good)], "controls": [("\x1b[31mx.npy", good), ("\x1b[31my.npy", good)],
        "many": [(f"{i}.npy", b"") for i in range(100_000)], "version": [("x.npy", b"\x93NUMPY\2\0\xff\xff\xff\xff")],
    }.items():
        write("data", f"{name}.npz", archive(entries))
    whole = archive([("x.npy", good)])
    for at in range(60):
        flipped = bytearray(whole)
        flipped[int(RNG.integers(0, len(whole)))] ^= 1 << int(RNG.integers(0, 8))
        write("data", f"flip_{at:02}.npz", bytes(flipped))
    for name, text in {
        "deep": "[" * 100_000, "deeper": '{"x":' + "[" * 100_000 + "1" + "]" * 100_000 + "}", "infinite": '{"x":[1e400,1,1,1]}',
        "nan": '{"x":[NaN,1,1,1]}', "twice": '{"x":[1,2,3,4],"x":[5,6,7,8]}', "ragged": '{"x":[[1,2],[3]]}', "text": '{"x":"1"}',
        "numbers": '{"x":[' + "1," * 25_000_000 + "1]}", "lists": '{"x":[' + "[]," * 1_000_000 + "[]]}",
        "names": "{" + ",".join(f'"n{i}":[1]' for i in range(1_000_000)) + "}",
    }.items():
        write("data", f"{name}.json", text.encode())
    for name, classes in {
        "controls": ["\x1b[31mred", "b\nc", "\u202e"], "same": ["a"] * 3, "none": [], "numbers": [1, 2, 3], "empty": ["", "a", "b"],
        "many": ["a" * 100] * 100_000, "long": ["a" * 5_000_000, "b", "c"],
    }.items():
        write("classes", f"{name}.json", json.dumps(classes).encode())
    write("classes", "deep.json", b"[" * 100_000)


np.savez(FOLDER / "ok.npz", x=SAMPLES)
for name, contents in (
    ("ok.onnx", dense(WEIGHT).SerializeToString()), ("ok.bin", checkpoint()), ("ok.json", tokenizer()), ("ok.txt", b"a b a ab aaaa b\n" * 40),
):
    (FOLDER / name).write_bytes(contents)
checkpoints()
tokenizers()
data()
