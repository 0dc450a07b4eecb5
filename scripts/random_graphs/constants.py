"""Constants that are computed in the file, by operators that lemma folds: one is added to the value, or multiplied by it."""

import numpy as np

from operators import ints, maybe, operator, pick, shape

UNARY = ["Acos", "Asin", "Atan", "Tan", "Sin", "Cos", "Sinh", "Cosh", "Asinh", "Atanh", "Exp", "Floor", "Ceil", "Round", "Sign", "Softsign",
         "Mish", "Selu", "Celu", "HardSwish", "Gelu", "Erf", "Softplus", "Hardmax", "LogSoftmax", "Swish"]


def numbers(net, extents, kind=np.float32):
    if kind == np.float32:
        return net.constant(net.random.uniform(-0.9, 0.9, extents))
    return net.constant(net.random.integers(1, 9, extents), kind)


def to_float(net, x):
    return net.node("Cast", [x], to=1)


def unary(net, n):
    return net.node(str(net.random.choice(UNARY)), [numbers(net, [n])])


def hyperbolic_area(net, n):
    return net.node("Acosh", [net.constant(net.random.uniform(1, 5, [n]))])


def remainder(net, n):
    kind = pick(net, np.float32, np.int32, np.int64)
    operands = [numbers(net, [n], kind), net.constant(net.random.uniform(0.2, 0.7, [n]), kind) if kind == np.float32 else numbers(net, [1], kind)]
    return to_float(net, net.node("Mod", operands, fmod=1 if kind == np.float32 else pick(net, None, 1)))


def bits(net, n):
    kind = pick(net, np.uint8, np.uint32)
    name = pick(net, "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot")
    operands = [numbers(net, [n], kind)] if name == "BitwiseNot" else [numbers(net, [n], kind), net.constant(net.random.integers(0, 4, [n]), kind)]
    result = net.node(name, operands, direction=pick(net, "LEFT", "RIGHT") if name == "BitShift" else None)
    return net.node("Mul", [to_float(net, result), net.constant(2.0**-8 if kind == np.uint8 else 2.0**-32)])


def truth(net, n):
    name = pick(net, "IsInf", "IsNaN", "Xor")
    if name == "Xor":
        return to_float(net, net.node(name, [net.constant(net.random.integers(0, 2, [n]), bool), net.constant(net.random.integers(0, 2, [n]), bool)]))
    return to_float(net, net.node(name, [numbers(net, [n])]))


def identity(net, n):
    return net.node("EyeLike", [numbers(net, [n, n])], k=pick(net, None, 1, -1), dtype=pick(net, None, 1))


def window(net, n):
    return net.node(pick(net, "HannWindow", "HammingWindow", "BlackmanWindow"), [net.constant(n, np.int64)], periodic=pick(net, None, 0))


def nonzero(net, n):
    places = net.node("NonZero", [net.constant(np.ones(n))])
    return to_float(net, net.node("Squeeze", [places, ints(net, [0])]) if net.opset >= 13 else net.node("Squeeze", [places], axes=[0]))


def compressed(net, n):
    keep = net.constant(np.arange(n + 2) >= 2, bool)
    return net.node("Compress", [numbers(net, [n + 2]), keep], axis=pick(net, None, 0, -1))


def scattered(net, n):
    count = int(net.random.integers(1, n + 1))
    places = net.random.permutation(n)[:count]
    reduction = pick(net, None, "add", "mul", *(("max", "min") if net.opset >= 18 else ())) if net.opset >= 16 else None
    if maybe(net):
        return net.node("ScatterND", [numbers(net, [n]), ints(net, places[:, None]), numbers(net, [count])], reduction=reduction)
    name = "Scatter" if net.opset < 11 else "ScatterElements"
    return net.node(name, [numbers(net, [n]), ints(net, places), numbers(net, [count])], axis=pick(net, None, 0), reduction=reduction)


def quantized_dynamically(net, n):
    integers, scale, zero = net.node("DynamicQuantizeLinear", [numbers(net, [n])], outputs=3)
    return net.node("DequantizeLinear", [integers, scale, zero])


def one_hot(net, n):
    return net.node("OneHot", [ints(net, int(net.random.integers(-n, n))), ints(net, n), net.constant([0.0, 0.5])])


def largest(net, n):
    return net.node("TopK", [numbers(net, [n + 1]), ints(net, [n])], outputs=2, largest=pick(net, None, 0) if net.opset >= 11 else None)[0]


FOLDED = [unary, unary, unary, hyperbolic_area, remainder, bits, truth, identity, window, nonzero, compressed, scattered, scattered,
          quantized_dynamically, one_hot, largest]


@operator(4)
def folded(net, x):
    n = shape(net, x)[-1]
    made = FOLDED[net.random.integers(len(FOLDED))](net, n)
    if len(shape(net, made)) == 2:
        return net.node("MatMul", [x, made])
    return net.node(pick(net, "Add", "Mul"), [x, made])
