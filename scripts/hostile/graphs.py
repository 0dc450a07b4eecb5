"""Graphs that are long, wide, deep, cyclic or badly named."""

import numpy as np
from files import FLOAT, WEIGHT, dense, graph, node, value, write, write_model
from onnx import TensorProto, helper

EVIL = "\x1b[2K\x1b[31m\u202e\r\nverified"


def chain(length, step):
    """`step(i, from, to)` again and again."""
    names = ["x", *(f"v{i}" for i in range(1, length + 1))]
    nodes = [made for i in range(length) for made in step(i, names[i], names[i + 1])]
    return nodes


def one(operator, **attributes):
    return lambda i, x, y: [node(operator, [x], y, name=f"n{i}", **attributes)]


CHAINS = {
    "signs": lambda i, x, y: [node("Neg" if i % 2 else "Abs", [x], y, name=f"n{i}")],
    "relus": one("Relu"),
    "sigmoids": one("Sigmoid"),
    "sines_of_softmax": lambda i, x, y: [node("Softmax", [x], f"s{i}", axis=1), node("Tanh", [f"s{i}"], y)],
    "doubled": lambda i, x, y: [node("Add", [x, x], y)],
    "squared": lambda i, x, y: [node("Mul", [x, x], y)],
    "halved": lambda i, x, y: [node("Mul", [x, "half"], y)],
    "residual": lambda i, x, y: [node("Tanh", [x], f"t{i}"), node("Add", [x, f"t{i}"], y)],
    "same_name": lambda i, x, y: [node("Tanh", [x], f"t{i}", name="n"), node("Softmax", [f"t{i}"], y, name="n", axis=1)],
    "transposed": lambda i, x, y: [node("Transpose", [x], f"t{i}", perm=[1, 0]), node("Reshape", [f"t{i}", "shape"], y)],
    "padded": lambda i, x, y: [node("Pad", [x, "pads"], f"p{i}"), node("Slice", [f"p{i}", "one", "four", "one"], y)],
    "norms": lambda i, x, y: [node("LayerNormalization", [x, "gain"], y, axis=1)],
    "dense": lambda i, x, y: [node("MatMul", [x, "square"], f"h{i}"), node("Tanh", [f"h{i}"], y)],
    "scaled_dense": lambda i, x, y: [node("MatMul", [x, "square"], y)] if i == 0 else [node("Mul", [x, "row"], y)],
    "dense_scaled": lambda i, x, y: [node("Mul", [x, "row"], y)],
    "clipped_lines": lambda i, x, y: [node("Add", [x, "half"], y), node("Clip", [y, "zero", "unit"], f"c{i}")],
    "attention": lambda i, x, y: [
        node("Transpose", [x], f"t{i}", perm=[1, 0]), node("MatMul", [f"t{i}", x], f"s{i}"), node("Softmax", [f"s{i}"], f"p{i}", axis=1),
        node("MatMul", [x, f"p{i}"], y),
    ],
}
CONSTANTS = [
    ("half", np.float32([0.5])), ("shape", np.int64([1, 4])), ("pads", np.int64([0, 1, 0, 0])), ("one", np.int64([1])), ("four", np.int64([5])),
    ("gain", np.ones(4, "f")), ("square", np.eye(4, dtype="f") * 0.9), ("row", np.float32([0.9, 1.1, 1.0, 0.8])),
    ("zero", np.float32(0)), ("unit", np.float32(1)),
]


def flags(length):
    """A mask behind a chain of products of a flag."""
    names = ["f", *(f"f{i}" for i in range(length))]
    nodes = [node("And", [a, a], b) for a, b in zip(names, names[1:])]
    nodes += [node("Where", [names[-1], "x", "low"], "m"), node("Softmax", "m", "y", axis=1)]
    inputs = [value("x", [1, 4]), value("f", [1, 4], TensorProto.BOOL)]
    return graph(nodes, [("low", np.float32([-1e9]))], inputs)


def branch(depth):
    """Messages in each other, as bytes: graph, node, attribute, graph and so on."""

    def field(number, body):
        size, prefix = len(body), bytearray([number << 3 | 2])
        while size > 127:
            prefix.append(size & 127 | 128)
            size >>= 7
        return bytes(prefix) + bytes([size]) + body

    inside = b""
    for _ in range(depth):
        inside = field(1, field(5, field(1, b"b") + field(6, inside)))
    return field(7, inside)


def main():
    for name, step in CHAINS.items():
        for length in (300, 600, 1_200, 3_000, 10_000, 30_000, 100_000):
            if length <= 30_000 or name in ("signs", "dense"):
                steps = length // len(step(0, "x", "y"))
                write_model("chains", f"{name}_{length}", graph(chain(steps, step), CONSTANTS))
    for name in ("doubled", "halved"):
        nodes = chain(60, CHAINS[name]) + [node("Sigmoid", "v60", "y")]
        write_model("chains", f"{name}_60_then_a_function", graph(nodes, CONSTANTS))
    last = chain(10_000, CHAINS["dense_scaled"]) + [node("MatMul", "v10000 square", "y")]
    write_model("chains", "scaled_then_dense", graph(last, CONSTANTS))
    every = [f"v{i}" for i in range(1, 3001)]
    outputs = [value(name, [1, 4]) for name in every]
    write_model("chains", "every_result_is_an_output", graph(chain(3000, CHAINS["signs"]), outputs=outputs))
    write_model("chains", "every_result_is_added", graph([*chain(3000, CHAINS["sigmoids"]), node("Sum", every, "y")]))
    for length in (100, 10_000, 30_000):
        sample = {"x": np.zeros((8, 1, 4), "f"), "f": np.ones((8, 1, 4), "f")}
        write_model("chains", f"flags_{length}", flags(length), sample)

    for count in (1000, 20_000):
        wide = [node("Relu", "x", f"y{i}") for i in range(count)]
        write_model("graphs", f"outputs_{count}", graph(wide, outputs=[value(f"y{i}", [1, 4]) for i in range(count)]))
        names = [f"x{i}" for i in range(count)]
        sample = {name: np.ones((8, 4), "f") for name in names[: min(count, 1000)]}
        inputs = [value(name, [1, 4]) for name in names]
        write_model("graphs", f"inputs_{count}", graph([node("Sum", names, "y")], inputs=inputs), sample)
    write_model("graphs", "sum_of_one_input", graph([node("Sum", ["x"] * 30_000, "y")]))
    write_model("graphs", "concat_of_one_input", graph([node("Concat", ["x"] * 30_000, "y", axis=1)]))
    many = [(f"w{i}", np.float32(i)) for i in range(100_000)]
    write_model("graphs", "initializers_100000", graph([node("Relu", "x", "y")], many))
    write_model("graphs", "cycle_of_one", graph([node("Add", "x y", "y")]))
    write_model("graphs", "cycle_of_two", graph([node("Add", "x b", "a"), node("Relu", "a", "b")]))
    write_model("graphs", "nothing_makes_it", graph([node("Add", "x nothing", "y")]))
    write_model("graphs", "no_nodes", graph([], outputs=[value("x", [1, 4])]))
    write_model("graphs", "no_outputs", graph([node("Relu", "x", "y")], outputs=[]))
    write_model("graphs", "no_inputs", graph([node("Relu", "w", "y")], [("w", WEIGHT)], inputs=[]))
    write_model("graphs", "made_twice", graph([node("Relu", "x", "y"), node("Neg", "x", "y")]))
    twice = [value("y", [1, 4])] * 2
    write_model("graphs", "output_twice", graph([node("Relu", "x", "y")], outputs=twice))
    write_model("graphs", "input_twice", graph([node("Relu", "x", "y")], inputs=[value("x", [1, 4])] * 2))
    for depth in (10, 60, 200, 5000):
        write("graphs", f"branches_{depth}.onnx", branch(depth))
    model = dense(WEIGHT)
    function = model.functions.add()
    function.name, function.domain = "f", "d"
    inner = function.node.add()
    inner.op_type, inner.domain = "f", "d"
    model.graph.node[0].op_type, model.graph.node[0].domain = "f", "d"
    write_model("graphs", "function_of_itself", model)
    for version in (-1, 0, 10**9):
        model = dense(WEIGHT)
        model.opset_import[0].version = version
        write_model("graphs", f"opset_{version}", model)

    names = {"long": "A" * 1_000_000, "evil": EVIL, "empty": "", "dots": "." * 1000}
    for name, text in names.items():
        write_model("names", f"node_{name}", graph([node("Relu", "x", "h", name=text), node("Softmax", "h", "y", name=text)]))
        write_model("names", f"operator_{name}", graph([helper.make_node(text, ["x"], ["y"])]))
        write_model("names", f"operand_{name}", graph([helper.make_node("Add", ["x", text], ["y"])]))
        output = [helper.make_tensor_value_info(text, FLOAT, [1, 4])]
        write_model("names", f"output_{name}", graph([helper.make_node("Relu", ["x"], [text])], outputs=output))
        inputs = [helper.make_tensor_value_info(text, FLOAT, [1, 4])]
        write_model("names", f"input_{name}", graph([helper.make_node("Relu", [text], ["y"])], inputs=inputs))
        tensor = dense(WEIGHT)
        tensor.graph.initializer[0].name = text
        write_model("names", f"weight_{name}", tensor)
        attribute = node("Softmax", "x", "y")
        attribute.attribute.append(helper.make_attribute("axis", 1))
        attribute.attribute[0].name = text
        write_model("names", f"attribute_{name}", graph([attribute]))


main()
