#!/usr/bin/env python3
"""Adds what onnxruntime computes for the files of a folder to expected.json; needs the packages numpy, onnx and onnxruntime.

usage: reference.py FOLDER

The folder holds pairs KEY.onnx and KEY.json, as the tests write them. Where onnxruntime refuses a file, the reference evaluator of the package onnx
computes it.
"""
import json
import os
import sys

import numpy as np
import onnx
import onnx.reference
import onnxruntime

KINDS = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}


def outputs(path, given):
    model = onnx.load(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    kinds = {value.name: KINDS[value.type.tensor_type.elem_type] for value in model.graph.input if value.name not in constants}
    feeds = {name: np.array(given[name]["values"], np.float32).reshape(given[name]["shape"]).astype(kind) for name, kind in kinds.items()}
    try:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, feeds)
    except Exception as error:
        print(os.path.basename(path), str(error).splitlines()[0][:150])
        return onnx.reference.ReferenceEvaluator(model).run(None, feeds)


def main():
    folder = sys.argv[1]
    store = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected.json")
    expected = json.load(open(store)) if os.path.exists(store) else {}
    for name in sorted(os.listdir(folder)):
        key, extension = os.path.splitext(name)
        if extension != ".onnx":
            continue
        given = json.load(open(os.path.join(folder, key + ".json")))
        try:
            results = outputs(os.path.join(folder, name), given)
        except Exception as error:
            print(key, "no reference:", str(error).splitlines()[0][:150])
            continue
        arrays = [np.asarray(result, np.float32) for result in results]
        expected[key] = [{"shape": list(a.shape), "values": [float(f"{v:.7g}") for v in a.ravel()]} for a in arrays]
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(expected.items())]
    with open(store, "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
    print(len(expected), "entries")


main()
