"""Small files that ask for large tensors, or for forms that no tensor has."""

import numpy as np
from files import WEIGHT, dense, graph, node, value, write_model
from onnx import TensorProto

LARGE = (2**14, 2**20, 2**24, 2**28, 2**40, 2**62, -1)


def ints(*numbers):
    return np.int64(numbers)


def by_shape():
    """Operators whose result has the size that a constant says."""
    for size in LARGE:
        two = size if size < 0 else max(size // 4, 1)
        shapes = {
            "expand": node("Expand", "x s", "y"),
            "tile": node("Tile", "x s", "y"),
            "reshape": node("Reshape", "x s", "y"),
        }
        for name, made in shapes.items():
            write_model("sizes", f"{name}_{size}", graph([made], [("s", ints(two, 4))]))
        write_model("sizes", f"pad_{size}", graph([node("Pad", "x s", "y")], [("s", ints(0, 0, 0, size))]))
        write_model("sizes", f"resize_{size}", graph([node("Resize", ["x", "", "", "s"], "y")], [("s", ints(1, size))]))
        # The same as a constant that is computed while the file is read.
        root = int(abs(size) ** 0.5)
        made = [("a", ints(root)), ("b", ints(size // root)), ("one", np.float32([1]))]
        for name, operator, inputs in (
            ("constant_of_shape", "ConstantOfShape", "s"),
            ("expand", "Expand", "one s"),
            ("tile", "Tile", "one s"),
        ):
            nodes = [node("Mul", "a b", "s"), node(operator, inputs, "c"), node("ReduceSum", "c", "t", keepdims=0), node("Add", "x t", "y")]
            write_model("sizes", f"computed_{name}_{size}", graph(nodes, made))
        ranges = [("a", np.int64(0)), ("b", np.int64(size)), ("c", np.int64(1))]
        nodes = [node("Range", "a b c", "r"), node("Cast", "r", "f", to=1), node("ReduceSum", "f", "t", keepdims=0), node("Add", "x t", "y")]
        write_model("sizes", f"range_{size}", graph(nodes, ranges))
        one_hot = [("depth", np.int64(size)), ("values", np.float32([0, 1])), ("i", ints(0, 1))]
        nodes = [node("OneHot", "i depth values", "o"), node("ReduceSum", "o", "t", keepdims=0), node("Add", "x t", "y")]
        write_model("sizes", f"one_hot_{size}", graph(nodes, one_hot))


def by_growth():
    """Results that double again and again."""
    for times in (10, 22, 30, 64):
        names = ["x", *(f"v{i}" for i in range(times))]
        nodes = [node("Concat", [a, a], b, axis=1) for a, b in zip(names, names[1:])]
        write_model("sizes", f"doubled_{times}", graph(nodes))
        nodes = [node("Concat", [a, a], b, axis=0) for a, b in zip(["c", *names[1:]], names[1:])]
        nodes += [node("ReduceSum", [names[-1]], "t", keepdims=0), node("Add", "x t", "y")]
        write_model("sizes", f"constant_doubled_{times}", graph(nodes, [("c", np.float32([1]))]))
        column = [node("Unsqueeze", "x last", "u"), node("MatMul", "u x", "v0")]
        squares = [node("MatMul", [a, a], b) for a, b in zip(names[1:], names[2:])]
        write_model("sizes", f"squares_{times}", graph(column + squares, [("last", ints(2))]))


def inputs():
    for name, shape in {
        "zero": [1, 0], "no_batch": [0, 4], "negative": [1, -4], "least": [-(2**63), 4], "2e31": [1, 2**31], "2e62": [2**31, 2**31],
        "most": [1, 2**63 - 1], "rank_0": [], "rank_70": [1] * 69 + [4], "rank_5000": [1] * 4999 + [4], "2e20": [1, 2**20], "2e25": [1, 2**25],
    }.items():
        volume = int(np.prod([float(extent) for extent in shape]))
        sample = {"x": np.ones([2, *shape[1:]], "f")} if 0 < volume <= 2**20 and len(shape) in (1, 2) else None
        write_model("sizes", f"input_{name}", graph([node("Relu", "x", "y")], inputs=[value("x", shape)]), sample)
    for operator in ("Softmax", "Sigmoid", "ArgMax", "LayerNormalization", "CumSum"):
        more = {"LayerNormalization": "x g", "CumSum": "x a"}.get(operator, "x")
        constants = [("g", np.ones(2**18, "f")), ("a", np.int64(1))]
        sample = {"x": np.ones((1, 2**18), "f")}
        write_model("sizes", f"wide_{operator}", graph([node(operator, more, "y")], constants, [value("x", [1, 2**18])]), sample)
    square = {"x": np.ones((1, 2048, 2048), "f")}
    wide = [value("x", [1, 2048, 2048])]
    write_model("sizes", "wide_product", graph([node("MatMul", "x x", "y")], inputs=wide), square)


def weights():
    for name, dims, data in (
        ("none", [2**20, 2**20], b""), ("2e28", [2**28], b""), ("negative", [-1, 4], b""), ("zero", [0, 3], b""),
        ("more", [40, 30], WEIGHT.tobytes()), ("less", [2, 3], WEIGHT.tobytes()), ("rank", [1] * 1000, WEIGHT[:1, :1].tobytes()),
    ):
        model = dense(WEIGHT)
        tensor = model.graph.initializer[0]
        del tensor.dims[:]
        tensor.dims.extend(dims)
        tensor.raw_data = data
        write_model("sizes", f"weight_of_{name}", model)
    for kind in (0, TensorProto.STRING, TensorProto.BFLOAT16, TensorProto.INT4, 99):
        model = dense(WEIGHT)
        model.graph.initializer[0].data_type = kind
        write_model("sizes", f"weight_type_{kind}", model)
    for name, number in {"nan": np.nan, "inf": np.inf, "most": 3.4e38, "least": 1e-45}.items():
        weight = WEIGHT.copy()
        weight[1, 2] = number
        write_model("values", f"weight_{name}", dense(weight))
        write_model("values", f"weights_{name}", dense(np.full_like(WEIGHT, number)))
        for operator in ("Add", "Mul", "Div", "Pow", "Max"):
            write_model("values", f"{operator}_{name}", graph([node(operator, "x c", "y")], [("c", np.float32([number]))]))


def forms():
    image, kernel = [value("x", [1, 1, 8, 8])], [("w", np.ones((2, 1, 3, 3), "f"))]
    sample = {"x": np.ones((4, 1, 8, 8), "f")}
    for name, attributes in {
        "stride_0": {"strides": [0, 0]}, "stride_huge": {"strides": [2**40, 1]}, "stride_negative": {"strides": [-1, 1]},
        "pads_2e14": {"pads": [2**14] * 4}, "pads_2e40": {"pads": [2**40] * 4}, "pads_negative": {"pads": [-1] * 4},
        "dilation": {"dilations": [2**19] * 2}, "group_0": {"group": 0}, "group_7": {"group": 7}, "kernel": {"kernel_shape": [5, 5]},
        "rank": {"kernel_shape": [3]}, "auto_pad": {"auto_pad": "NONSENSE"},
    }.items():
        write_model("forms", f"conv_{name}", graph([node("Conv", "x w", "y", **attributes)], kernel, image), sample)
        pool = {"kernel_shape": [3, 3], **{key: value for key, value in attributes.items() if key != "group"}}
        for operator in ("MaxPool", "AveragePool"):
            write_model("forms", f"{operator}_{name}", graph([node(operator, "x", "y", **pool)], (), image), sample)
    write_model("forms", "pool_2e20", graph([node("MaxPool", "x", "y", kernel_shape=[2**20] * 2, pads=[2**19] * 4)], (), image), sample)
    for permutation in ([0, 0], [1, 1], [0], [0, 1, 2], [0, 2], [-1, 0], [2**62, 0]):
        name = "_".join(map(str, permutation))
        write_model("forms", f"transpose_{name}", graph([node("Transpose", "x", "y", perm=permutation)]))
    for axis in (-3, 2, 99, 2**62, -(2**63)):
        for operator in ("Softmax", "LogSoftmax", "ArgMax", "Flatten", "ReduceMax", "Concat", "Gather", "CumSum", "LayerNormalization"):
            attributes = {"axes": [axis]} if operator == "ReduceMax" else {} if operator == "CumSum" else {"axis": axis}
            operands = {"Concat": "x x", "Gather": "x i", "CumSum": "x a", "LayerNormalization": "x g"}.get(operator, "x")
            constants = [("i", ints(0)), ("a", np.int64(axis)), ("g", np.ones(4, "f"))]
            write_model("forms", f"{operator}_axis_{axis}", graph([node(operator, operands, "y", **attributes)], constants))
    edge = 2**63 - 1
    for name, numbers in {"edges": (-edge - 1, edge, 1, 1), "no_step": (0, 4, 1, 0), "least_step": (edge, -edge - 1, 1, -edge - 1)}.items():
        constants = [(letter, ints(number)) for letter, number in zip("abcd", numbers)]
        write_model("forms", f"slice_{name}", graph([node("Slice", "x a b c d", "y")], constants))
    for index in (99, -5, edge, -edge - 1):
        write_model("forms", f"gather_{index}", graph([node("Gather", "x i", "y", axis=1)], [("i", ints(index))]))
    for parts in ([3, 99], [-1, 5], [edge, edge], []):
        name = "_".join(map(str, parts)) or "none"
        write_model("forms", f"split_{name}", graph([node("Split", "x s", "y z", axis=1)], [("s", np.int64(parts))]))
    for name, made in {
        "logarithm_of_negatives": [node("Abs", "x", "a"), node("Neg", "a", "b"), node("Log", "b", "y")],
        "towers": [node("Exp", "x", "a"), node("Exp", "a", "b"), node("Exp", "b", "c"), node("Exp", "c", "y")],
        "division_by_zero": [node("Sub", "x x", "z"), node("Div", "x z", "y")],
        "same_as_itself": [node("Reshape", "x x", "y")],
    }.items():
        write_model("forms", name, graph(made))


by_shape()
by_growth()
inputs()
weights()
forms()
