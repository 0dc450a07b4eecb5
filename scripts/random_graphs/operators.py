"""The operators of the random graphs. Each function takes a net and the name of a value, adds nodes, and returns the name of the result."""

import numpy as np
from onnx import helper, numpy_helper

OPERATORS = []


def operator(weight=1.0):
    def enter(function):
        OPERATORS.append((weight, function))
        return function
    return enter


def pick(net, *choices):
    return choices[net.random.integers(len(choices))]


def maybe(net, chance=0.5):
    return net.random.random() < chance


def rarely(net, common, rare):
    """Mostly one of the common choices; the rare ones are operators that lemma refuses."""
    return pick(net, *(rare if maybe(net, 0.06) else common))


def shape(net, x):
    return net.values[x].shape


def axis(net, x, extra=0):
    """An axis of the value, counted from either end."""
    rank = len(shape(net, x)) + extra
    if rank == 0:
        raise IndexError
    return int(net.random.integers(-rank, rank))


def ints(net, values):
    return net.constant(values, np.int64)


def positive(net, x):
    return net.node("Add", [net.node("Abs", [x]), net.constant(net.random.uniform(0.3, 1.5))])


@operator(5)
def unary(net, x):
    common = ["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Identity", "Softplus", "Erf", "HardSwish", "Elu", "LeakyRelu", "HardSigmoid", "Gelu", "Dropout",
              "Celu", "Selu", "Softsign", "Mish", "Exp", "Sinh", "Cosh", "Swish", "Shrink", "ThresholdedRelu"]
    name = rarely(net, common, ["Sin", "Cos", "Floor", "Ceil", "Sign", "Round"])
    attributes = {}
    if name in ("Elu", "LeakyRelu", "Celu", "Swish") and maybe(net, 0.7):
        attributes["alpha"] = float(net.random.uniform(0.05, 1.2))
    if name == "ThresholdedRelu":
        attributes["alpha"] = rarely(net, [0.0], [0.5])
    if name == "Shrink":
        attributes["lambd"] = float(net.random.uniform(0, 1))
        attributes["bias"] = rarely(net, [attributes["lambd"]], [0.1])
    if name == "HardSigmoid" and maybe(net):
        attributes.update(alpha=float(net.random.uniform(0.1, 0.5)), beta=float(net.random.uniform(0.2, 0.7)))
    if name == "Selu" and maybe(net):
        attributes.update(alpha=1.3, gamma=0.9)
    if name == "Gelu" and maybe(net):
        attributes["approximate"] = pick(net, "tanh", "none")
    return net.node(name, [x], **attributes)


@operator()
def of_positive(net, x):
    name = pick(net, "Sqrt", "Log", "Reciprocal", "Pow", "Rsqrt")
    x = positive(net, x)
    if name == "Pow":
        return net.node("Pow", [x, net.constant(pick(net, 2, 3, 0.5, -1, -0.5, 1, 0, 1.5))])
    if name == "Rsqrt":
        root = net.node("Sqrt", [x])
        return net.node("Reciprocal", [root]) if maybe(net) else net.node("Div", [net.constant(1.0), root])
    return net.node(name, [x])


@operator()
def power(net, x):
    return net.node("Pow", [x, net.constant(pick(net, 2, 3, 4, 1, 0))])


@operator()
def clip(net, x):
    low, high = sorted(net.random.uniform(-1.5, 1.5, 2).tolist())
    low, high = pick(net, (low, high), (low, None), (None, high), (0.0, 6.0))
    if net.opset < 11:
        return net.node("Clip", [x], min=low, max=high)
    bounds = ["" if bound is None else net.constant(bound) for bound in (low, high)]
    while bounds and not bounds[-1]:
        bounds.pop()
    return net.node("Clip", [x, *bounds])


def broadcastable(net, x):
    """A shape that broadcasts with the value's: extents of 1, leading axes left out, sometimes others where the value has 1, or one axis more."""
    extents = [1 if maybe(net, 0.35) else extent for extent in shape(net, x)]
    extents = [int(net.random.integers(2, 4)) if extent == 1 and maybe(net, 0.15) else extent for extent in extents]
    extents = extents[int(net.random.integers(0, len(extents) + 1)):] if maybe(net, 0.4) else extents
    return [int(net.random.integers(1, 3)), *extents] if maybe(net, 0.1) and len(extents) < 4 else extents


def second(net, x):
    """Another value that may broadcast with this one, or a constant."""
    others = [name for name, value in net.values.items() if value.dtype == np.float32 and name not in net.constants]
    fitting = []
    for name in others:
        try:
            np.broadcast_shapes(shape(net, name), shape(net, x))
            fitting.append(name)
        except ValueError:
            pass
    if fitting and maybe(net, 0.6):
        return fitting[net.random.integers(len(fitting))]
    return net.weights(broadcastable(net, x), 1.5)


@operator(3)
def binary(net, x):
    name = pick(net, "Add", "Sub", "Mul", "Max", "Min", "Add", "Mul")
    operands = [x, second(net, x)]
    if maybe(net):
        operands.reverse()
    if name in ("Max", "Min") and maybe(net, 0.2):
        operands.append(second(net, x))
    return net.node(name, operands)


@operator()
def variadic(net, x):
    return net.node(pick(net, "Sum", "Mean"), [x, *(second(net, x) for _ in range(net.random.integers(0, 3)))])


@operator()
def division(net, x):
    if maybe(net):
        return net.node("Div", [x, net.constant(net.random.uniform(0.5, 2.0, broadcastable(net, x)))])
    divisor = positive(net, second(net, x))
    return net.node("Div", [x, divisor])


@operator()
def prelu(net, x):
    extents = [1 if maybe(net, 0.5) else extent for extent in shape(net, x)]
    return net.node("PRelu", [x, net.weights(extents[int(net.random.integers(0, len(extents) + 1)):])])


@operator()
def where(net, x):
    threshold = net.constant(net.random.uniform(-0.5, 0.5, broadcastable(net, x) if maybe(net) else []))
    mask = net.node(pick(net, "Greater", "Less", "GreaterOrEqual", "LessOrEqual"), [x, threshold])
    if maybe(net, 0.3):
        mask = net.node("Not", [mask])
    if maybe(net, 0.2):
        limit = net.constant(net.random.uniform(-0.5, 0.5))
        mask = net.node(pick(net, "And", "Or", "Xor"), [mask, net.node("Greater", [second(net, x), limit])])
    return net.node("Where", [mask, *pick(net, (x, second(net, x)), (second(net, x), x))])


@operator()
def constant_where(net, x):
    mask = net.constant(net.random.integers(0, 2, broadcastable(net, x)), bool)
    return net.node("Where", [mask, *pick(net, (x, second(net, x)), (second(net, x), x))])


@operator()
def choice_by_ids(net, x):
    """A choice, or a factor, by a condition on an input of integers."""
    ids = net.ids(broadcastable(net, x), 3, pick(net, np.int64, np.int32))
    limit = net.constant(pick(net, 0, 1, 2), net.values[ids].dtype)
    mask = net.node(pick(net, "Equal", "Greater", "Less") if net.opset >= 9 else "Equal", [ids, limit])
    kind = pick(net, None, "And", "Or", "Xor")
    if kind:
        mask = net.node(kind, [mask, net.constant(net.random.integers(0, 2, broadcastable(net, x)), bool)])
    if maybe(net):
        return net.node("Where", [mask, x, pick(net, second(net, x), net.constant(0.0))])
    return net.node("Mul", [x, net.node("Cast", [mask], to=1)])


@operator(3)
def reduction(net, x):
    common = ["ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMin", "ReduceLogSum", "ReduceLogSumExp"]
    name = rarely(net, common, ["ReduceProd"])
    if name == "ReduceLogSum":
        x = positive(net, x)
    rank = len(shape(net, x))
    count = int(net.random.integers(1, rank + 1)) if rank else 0
    axes = net.random.permutation(rank)[:count].tolist()
    axes = [a - rank if maybe(net, 0.4) else a for a in axes] or None
    keep = pick(net, None, 0, 1)
    if maybe(net, 0.15):
        axes = None
    if net.opset >= (13 if name == "ReduceSum" else 18):
        operands = [x] + ([ints(net, axes)] if axes else [])
        noop = pick(net, None, None, 0, 1) if not axes else None
        return net.node(name, operands, keepdims=keep, noop_with_empty_axes=noop)
    return net.node(name, [x], axes=axes, keepdims=keep)


@operator()
def softmax(net, x):
    return net.node(pick(net, "Softmax", "Softmax", "LogSoftmax"), [x], axis=pick(net, None, axis(net, x)))


@operator(0.1)
def cumulative(net, x):
    return net.node("CumSum", [x, ints(net, axis(net, x))], exclusive=pick(net, None, 1), reverse=pick(net, None, 1))


@operator()
def one_hot(net, x):
    ids = net.ids(list(shape(net, x)[:-1]), 4, pick(net, np.int64, np.int32))
    depth = net.constant(pick(net, 4, [4]), pick(net, np.int64, np.float32))
    rank = len(shape(net, x))
    at = pick(net, None, int(net.random.integers(-rank, rank)))
    rows = net.node("OneHot", [ids, depth, net.constant([float(net.random.uniform(-1, 0)), 1.0])], axis=at)
    return net.node("Concat", [rows, x], axis=at if at is not None else -1) if maybe(net) else net.node("Mul", [rows, net.weights([])])


@operator()
def top(net, x):
    """The largest or least of an axis and where it is; more than one is refused."""
    at = axis(net, x) if net.opset >= 11 else axis(net, x) % len(shape(net, x))
    k = rarely(net, [1], [2])
    if net.opset < 10:
        return net.node("TopK", [x], outputs=2, k=k, axis=at)[0]
    attributes = {"largest": pick(net, None, 0, 1), "sorted": pick(net, None, 1)} if net.opset >= 11 else {}
    return net.node("TopK", [x, ints(net, [k])], outputs=2, axis=pick(net, None, at), **attributes)[0]


@operator(0.5)
def softmax_without_nan(net, x):
    """As exporters guard a softmax whose rows may all be hidden."""
    weights = net.node("Softmax", [x], axis=axis(net, x) % len(shape(net, x)))
    return net.node("Where", [net.node("IsNaN", [weights]), net.constant(0.0), weights])


@operator(0.5)
def cast_like(net, x):
    """As a type that holds every number of the value."""
    kind = pick(net, np.float32, np.float64)
    return net.node("Cast", [net.node("CastLike", [x, net.constant(0, kind)])], to=1)


@operator(0.5)
def sized(net, x):
    """Divided by the number of its elements."""
    return net.node("Div", [x, net.node("Cast", [net.node("Size", [x])], to=1)])


@operator(0.5)
def branch(net, x):
    """The branch that a constant chooses."""
    def side(name, factor):
        made = [helper.make_node("Constant", [], [f"{name}c"], value=numpy_helper.from_array(np.float32(factor))),
                helper.make_node(pick(net, "Mul", "Add"), [x, f"{name}c"], [f"{name}y"], name=f"{name}op")]
        return helper.make_graph(made, name, [], [helper.make_tensor_value_info(f"{name}y", 1, list(shape(net, x)))])
    stem = net.fresh("branch")
    chosen = net.constant(maybe(net), bool)
    return net.node("If", [chosen], then_branch=side(f"{stem}a", 0.5), else_branch=side(f"{stem}b", -1.5), outer=[x])


@operator()
def cast(net, x):
    return net.node("Cast", [net.node("Cast", [net.node("Greater", [x, net.constant(0.1)])], to=pick(net, 1, 6, 7))], to=1)
