"""Random ONNX graphs in lemma and in onnxruntime.

    python scripts/random_graphs LEMMA [--count N] [--seed S] [--only I] [--keep FOLDER]

Makes N small graphs of the operators that lemma reads and some that it does not, in all opsets from 7 on. lemma may refuse a graph by name.
What it compiles it runs on samples that it measured its report on: no output may be further from onnxruntime's than the report says, and every
constraint of the circuit must hold. Prints each graph that breaks this, and each refusal in words that are not lemma's own, and exits with 1 if there is one; at the end, what was refused how often.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx

import constants  # noqa: F401  (enters its operators)
import layers  # noqa: F401
import selection  # noqa: F401
import views  # noqa: F401
from net import Net, Refused, session
from operators import OPERATORS, pick, rarely

SAMPLES = 12
RUNS = 2
OWN_WORDS = re.compile(r"node `|layer `|input `|output `|not supported|tensor|graph|opset")
FOREIGN_WORDS = re.compile(r"panicked|overflow|index out of bounds|declutter|Failed analyse|Impossible to unify|divide by zero|unwrap|RUST_BACKTRACE")


def random_graph(seed):
    """A net and the names of its outputs."""
    net = Net(seed)
    rank = int(net.random.choice([1, 2, 3, 4, 4]))
    shape = net.random.integers(1, 6, rank).tolist()
    if rank == 4:
        shape = [1, *net.random.integers(1, 5, 1).tolist(), *net.random.integers(3, 7, 2).tolist()]
    x = net.input(shape)
    if net.random.random() < 0.3:
        net.input(shape)
    weights = np.array([weight for weight, _ in OPERATORS])
    steps, tries = int(net.random.integers(1, 6)), 0
    while steps and tries < 60:
        tries += 1
        function = OPERATORS[net.random.choice(len(OPERATORS), p=weights / weights.sum())][1]
        kept = (len(net.nodes), dict(net.constants), dict(net.inputs), dict(net.values), dict(net.domains))
        try:
            x = function(net, x)
            steps -= 1
        except (Refused, IndexError, ValueError, ZeroDivisionError):
            count, net.constants, net.inputs, net.values, net.domains = kept
            del net.nodes[count:]
    if net.random.random() < 0.08 and net.values[x].ndim:
        axis = int(net.random.integers(-net.values[x].ndim if net.opset >= 11 else 0, net.values[x].ndim))
        last = pick(net, None, 1) if net.opset >= 12 else None
        x = net.node(rarely(net, ["ArgMax"], ["ArgMin"]), [x], axis=axis, keepdims=pick(net, None, 0), select_last_index=last)
    earlier = [name for name, value in net.values.items() if value.dtype == np.float32 and name not in net.constants and name not in net.inputs]
    second = [net.random.choice(earlier)] if earlier and net.random.random() < 0.1 else []
    return net, [x, *(str(name) for name in second if name != x)]


def lemma_call(lemma, *arguments):
    try:
        done = subprocess.run([lemma, "--json", *arguments], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return -1, "", "panicked: it took more than five minutes"
    return done.returncode, done.stdout, done.stderr


def judge(lemma, seed, folder):
    """`("right" | "coarse" | "refused" | "poor" | "WRONG" | "none", why)` of one graph."""
    try:
        net, outputs = random_graph(seed)
        model, inputs = net.finish(outputs)
        reference = session(model)
        samples = {name: net.inputs[name](SAMPLES) for name in inputs}
        results = [reference.run(None, {name: samples[name][i] for name in inputs}) for i in range(SAMPLES)]
    except (Refused, onnx.checker.ValidationError, RuntimeError) as error:
        return "none", str(error).splitlines()[0]
    wanted = {name: np.array([result[i] for result in results], np.float64) for i, name in enumerate(outputs)}
    if not inputs or not all(np.isfinite(values).all() and np.abs(values).max(initial=0) < 1000 for values in wanted.values()):
        return "none", "values"
    operators = f"opset {net.opset}: " + " ".join(node.op_type for node in model.graph.node)
    onnx.save(model, f"{folder}/model.onnx")
    np.savez(f"{folder}/calibration.npz", **samples)
    bits = pick(net, ["--bits", "14", "--weight-bits", "14"], ["--bits", "16", "--weight-bits", "12"], ["--bits", "12"], [])
    arguments = ["--calibration", f"{folder}/calibration.npz", *bits, "--accept", "-o", f"{folder}/compiled"]
    code, out, err = lemma_call(lemma, "compile", f"{folder}/model.onnx", *arguments)
    if code:
        said = err.strip().splitlines()[-1] if err.strip() else "(nothing said)"
        own = OWN_WORDS.search(said) and not FOREIGN_WORDS.search(err) and len(err) < 1500
        return ("refused" if own else "poor"), f"{said} [{operators}]"
    report = json.loads(out)["report"]
    if report["out_of_range"]:
        return "WRONG", f"its own calibration data are out of range [{operators}]"
    allowed = {name: reported(report, name, values) for name, values in wanted.items()}
    for i in range(RUNS):
        code, out, err = lemma_call(lemma, "run", f"{folder}/compiled", "--input", f"{folder}/calibration.npz", "--index", str(i))
        if code:
            return "WRONG", f"run: {err.strip()[-300:]} [{operators}]"
        if i == 0 and lemma_call(lemma, "check", f"{folder}/compiled", "--input", f"{folder}/calibration.npz")[0]:
            return "WRONG", f"a constraint fails [{operators}]"
        for output in json.loads(out)["outputs"]:
            name, want = output["name"], wanted[output["name"]][i]
            if output["shape"] != list(want.shape):
                return "WRONG", f"shape {output['shape']} for {list(want.shape)} [{operators}]"
            error = float(np.abs(np.array(output["values"]) - want.ravel()).max(initial=0))
            if error > allowed[name]:
                return "WRONG", f"off by {error:.4g}, {allowed[name]:.4g} reported, of {np.abs(want).max(initial=0):.4g} [{operators}]"
    name = outputs[0]
    magnitude = np.abs(wanted[name]).max(initial=0)
    return ("coarse" if allowed[name] > 0.05 * magnitude + 0.01 else "right"), f"{allowed[name]:.3g} of {magnitude:.3g} [{operators}]"


def reported(report, name, values):
    """The largest error that the report has for an output, and a little for floating point."""
    (output,) = (output for output in report["outputs"] if output["output"] == name)
    return 1.01 * output["largest_error"] + 1e-4 * (1 + np.abs(values).max(initial=0))


def summary(tally):
    return ", ".join(f"{count} {verdict}" for verdict, count in tally.most_common())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lemma")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep", help="folder for the graphs that are wrong or refused in foreign words")
    parser.add_argument("--refusals", action="store_true", help="print every refusal")
    options = parser.parse_args()
    tally, refusals = collections.Counter(), collections.Counter()

    def one(index):
        with tempfile.TemporaryDirectory() as folder:
            verdict = judge(options.lemma, [options.seed, index], folder)
            if verdict[0] in ("WRONG", "poor") and options.keep:
                os.makedirs(options.keep, exist_ok=True)
                subprocess.run(["cp", "-r", folder, f"{options.keep}/{options.seed}-{index}"], check=True)
            return index, *verdict

    indices = range(options.count) if options.only is None else [options.only]
    with ThreadPoolExecutor(2) as pool:
        for index, verdict, why in pool.map(one, indices):
            tally[verdict] += 1
            if (index + 1) % 100 == 0:
                print(f"{index + 1} graphs: {summary(tally)}", file=sys.stderr, flush=True)
            if verdict == "refused":
                refusals[re.sub(r"^error: \S*: |`[^`]*\d+`|\d+", "_", why.split(" [opset")[0])] += 1
            if verdict in ("WRONG", "poor") or options.only is not None or options.refusals and verdict == "refused":
                print(f"{options.seed}/{index}: {verdict}: {why}", flush=True)
    for refusal, count in refusals.most_common():
        print(f"{count:5} x {refusal[:200]}")
    print(summary(tally))
    return 1 if tally["WRONG"] or tally["poor"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
