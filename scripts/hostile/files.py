"""What the makers of hostile files share."""

import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(sys.argv[1])
FLOAT = TensorProto.FLOAT


def value(name, shape, kind=FLOAT):
    """A value with its type; of any shape where it is None."""
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def node(operator, inputs, outputs, name=None, **attributes):
    return helper.make_node(operator, inputs.split() if isinstance(inputs, str) else inputs, outputs.split(), name=name, **attributes)


def graph(nodes, constants=(), inputs=None, outputs=None, opset=17):
    """A model from `x` [1, 4] to the last result."""
    inputs = [value("x", [1, 4])] if inputs is None else inputs
    outputs = [value(nodes[-1].output[0], None)] if outputs is None else outputs
    made = helper.make_graph(list(nodes), "hostile", inputs, outputs, [constant(name, array) for name, array in constants])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)])


def dense(weight):
    """A dense layer and a ReLU."""
    return graph([node("MatMul", "x w", "h"), node("Relu", "h", "y")], [("w", weight)])


WEIGHT = np.random.default_rng(1).normal(size=(4, 3)).astype("f")


def write(kind, name, contents):
    """A file of one kind of hostile files; a model or bytes."""
    path = FOLDER / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents if isinstance(contents, bytes) else contents.SerializeToString())
    return path


def write_model(kind, name, model, sample=None):
    """A model with the samples that fit its inputs, where they are not `x` [1, 4]."""
    path = write(kind, f"{name}.onnx", model)
    if sample is not None:
        np.savez(path.with_suffix(".npz"), **sample)
    return path
