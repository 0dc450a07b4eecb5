#!/usr/bin/env python3
"""Random functions of one number as ONNX models, by lemma, by onnxruntime and in double precision: usage: functions.py LEMMA [COUNT [SEED]]

Every model is a chain of up to five operators over inputs from 0.001 to 1,000, with clamps, guards, and poles that are avoided or met. It is compiled
(`lemma compile`) and run on its calibration samples (`lemma run --json`); what comes out may differ from onnxruntime, or from the reference evaluator of
the package onnx on the same model in double precision, by the error that the report gives for the output, and by the rounding of float32: where
onnxruntime's 32 bits overflow or cancel, the other is the function. A refusal is a line of its own words. Needs numpy, onnx and onnxruntime, and says so when it has not got them.
Exit code 1 when a value is farther off or a command ends in another way.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

try:
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(0)

UNARY = ["Relu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Softplus", "Erf", "Exp", "Sqrt", "Reciprocal", "Abs", "Log", "Elu", "LeakyRelu", "Neg"]
SAMPLES, WIDTH, RUN = 16, 8, 4
FLOAT = 1e-4


def magnitude(rng, low, high):
    return float(10 ** rng.uniform(low, high))


def model(rng):
    """A chain of operators from `x` to `y`."""
    nodes, constants, at = [], [], "x"

    def number(value):
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array(np.array(value, dtype=np.float32), name))
        return name

    def push(operator, *inputs):
        nonlocal at
        at = f"t{len(nodes)}"
        nodes.append(helper.make_node(operator, list(inputs), [at], name=f"{operator}{len(nodes)}"))

    for _ in range(rng.integers(1, 6)):
        kind = rng.integers(0, 14)
        if kind == 0:
            push("Mul", at, number(magnitude(rng, -2, 2) * (-1 if rng.random() < 0.3 else 1)))
        elif kind == 1:
            push("Add", at, number(magnitude(rng, -2, 2) * (-1 if rng.random() < 0.3 else 1)))
        elif kind == 2:
            push("Add", at, number(magnitude(rng, -9, -3)))
        elif kind == 3:
            push("Mul", at, "x")
        elif kind == 4:
            bound = magnitude(rng, -3, 3)
            push("Clip", at, number(-bound if rng.random() < 0.5 else 0.0), number(bound))
        elif kind == 5:
            push("Max", at, number(magnitude(rng, -9, 1)))
        elif kind == 6:
            push("Pow", at, number(rng.choice([2.0, 3.0, 0.5, -0.5, -1.0, -2.0, 1.5])))
        elif kind == 7:
            push("Div", "x", at)
        elif kind == 8:
            push("Min", at, number(magnitude(rng, -1, 3)))
        else:
            push(str(rng.choice(UNARY)), at)
    nodes[-1].output[0] = "y"
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, WIDTH])
    graph = helper.make_graph(nodes, "function", [value("x")], [value("y")], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def arguments(rng):
    bound, shape = magnitude(rng, -3, 3), (SAMPLES, 1, WIDTH)
    kind = rng.integers(0, 4)
    if kind == 0:
        values = rng.uniform(-bound, bound, shape)
    elif kind == 1:
        values = rng.uniform(0, bound, shape)
    elif kind == 2:
        values = rng.uniform(0.05 * bound, bound, shape)
    else:
        values = rng.uniform(-bound, bound, shape) * (rng.random(shape) < 0.5)
    return values.astype(np.float32)


def call(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout, done.stderr.strip()


def in_double(proto):
    """The same model in double precision."""
    wide = onnx.ModelProto()
    wide.CopyFrom(proto)
    for port in [*wide.graph.input, *wide.graph.output]:
        port.type.tensor_type.elem_type = TensorProto.DOUBLE
    for constant in wide.graph.initializer:
        constant.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(constant).astype(np.float64), constant.name))
    return ReferenceEvaluator(wide)


def judge(lemma, proto, x, folder):
    onnx.save(proto, folder / "model.onnx")
    np.savez(folder / "data.npz", x=x)
    session = ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    narrow = np.stack([session.run(None, {"x": sample})[0] for sample in x]).astype(np.float64)
    evaluator = in_double(proto)
    with np.errstate(all="ignore"):
        wide = np.stack([evaluator.run(None, {"x": sample.astype(np.float64)})[0] for sample in x])
    references = [values for values in (narrow, wide) if np.isfinite(values).all()]
    code, out, said = call(lemma, "--json", "compile", str(folder / "model.onnx"), "--calibration", str(folder / "data.npz"), "-o", str(folder / "m"))
    if code:
        return ("refused" if "panicked" not in said else "WRONG"), said.splitlines()[-1] if said else f"exit code {code}", 0.0
    if not references:
        return "WRONG", "compiled though a sample is not finite", 0.0
    reported = json.loads(out)["report"]["outputs"][0]["largest_error"]
    largest = max(np.abs(values).max() for values in references)
    for index in range(RUN):
        code, out, said = call(lemma, "--json", "run", str(folder / "m"), "--input", str(folder / "data.npz"), "--index", str(index))
        if code:
            return "WRONG", f"run: {said}", 0.0
        found = np.array(json.loads(out)["outputs"][0]["values"], dtype=np.float64).reshape(1, WIDTH)
        error = min(np.abs(found - values[index]).max() for values in references)
        if error > reported + FLOAT * largest:
            return "WRONG", f"off by {error}, reported {reported}, largest value {largest}", 0.0
    return "right", "", reported / max(largest, 1e-30)


def summary(verdicts):
    return ", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items()))


def main():
    lemma = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    ort.set_default_logger_severity(4)
    verdicts, shares = Counter(), []
    for at in range(seed, seed + count):
        rng = np.random.default_rng(at)
        proto, x = model(rng), arguments(rng)
        with tempfile.TemporaryDirectory() as folder:
            verdict, why, share = judge(lemma, proto, x, Path(folder))
        verdicts[verdict] += 1
        if verdicts.total() % 100 == 0:
            print(f"{verdicts.total()} functions: {summary(verdicts)}", file=sys.stderr, flush=True)
        if verdict == "right":
            shares.append(share)
        if verdict == "WRONG" or share > 0.03:
            chain = " ".join(node.op_type for node in proto.graph.node)
            print(f"{verdict} {at}: {why} share {share:.4f}: {chain}", flush=True)
    print(summary(verdicts))
    if shares:
        print("reported error over largest value: median {:.5f}, 99% {:.5f}, most {:.5f}".format(*np.quantile(shares, [0.5, 0.99, 1.0])))
    sys.exit(bool(verdicts["WRONG"]))


main()
