"""Layers with weights, pooling, normalisation, attention."""

import numpy as np

from operators import axis, ints, maybe, operator, pick, rarely, shape


@operator(3)
def matmul(net, x):
    extents = shape(net, x)
    n = int(net.random.integers(1, 6))
    if maybe(net, 0.3) and len(extents) >= 2:
        batch = pick(net, [], list(extents[:-2]), [1] * len(extents[:-2]))
        return net.node("MatMul", [net.weights([*batch, n, extents[-2]]), x])
    batch = pick(net, [], [], list(extents[:-2]))
    return net.node("MatMul", [x, net.weights(pick(net, [*batch, extents[-1], n], [*batch, extents[-1], n], [extents[-1]]))])


@operator()
def matmul_with_packed_weights(net, x):
    """Weights in eight bits with a scale for each column, or in half precision."""
    k, n = shape(net, x)[-1], int(net.random.integers(1, 5))
    if net.opset < 13 or maybe(net):
        return net.node("MatMul", [x, net.node("Cast", [net.constant(net.random.uniform(-1, 1, [k, n]), np.float16)], to=1)])
    scale = net.constant(net.random.uniform(0.005, 0.02, [n]))
    zero = pick(net, [], [net.constant(net.random.integers(-5, 5, [n]), np.int8)])
    packed = net.constant(net.random.integers(-127, 128, [k, n]), np.int8)
    return net.node("MatMul", [x, net.node("DequantizeLinear", [packed, scale, *zero], axis=1)])


@operator()
def product_with_itself(net, x):
    rank = len(shape(net, x))
    perm = list(range(rank))
    perm[-1], perm[-2] = perm[-2], perm[-1]
    turned = net.node("Transpose", [x], perm=perm)
    return net.node("MatMul", pick(net, [x, turned], [turned, x]))


@operator(2)
def gemm(net, x):
    rows, columns = shape(net, x)
    trans_a, trans_b = pick(net, None, 1), pick(net, None, 1)
    m, k = (columns, rows) if trans_a else (rows, columns)
    n = int(net.random.integers(1, 6))
    operands = [x, net.weights([n, k] if trans_b else [k, n])]
    if net.opset < 11 or maybe(net, 0.7):
        operands.append(net.weights(pick(net, [n], [1, n], [m, n], [m, 1], [1], [])))
    numbers = {"alpha": pick(net, None, 0.5), "beta": pick(net, None, 2.0)}
    return net.node("Gemm", operands, transA=trans_a, transB=trans_b, **numbers)


def window(net, x, dilated):
    """Attributes of a window over the spatial axes."""
    spatial = len(shape(net, x)) - 2
    kernel = net.random.integers(1, 4, spatial).tolist()
    attributes = {"kernel_shape": kernel, "strides": pick(net, None, net.random.integers(1, 4, spatial).tolist())}
    if dilated and maybe(net, 0.3):
        attributes["dilations"] = net.random.integers(1, 3, spatial).tolist()
    kind = pick(net, "none", "pads", "auto")
    if kind == "pads":
        attributes["pads"] = [int(net.random.integers(0, k)) for k in kernel * 2]
    if kind == "auto":
        attributes["auto_pad"] = pick(net, "SAME_UPPER", "SAME_LOWER", "VALID")
    return attributes


@operator(3)
def convolution(net, x):
    channels = shape(net, x)[1]
    group = pick(net, 1, channels, *(g for g in (2,) if channels % 2 == 0))
    results = group * int(net.random.integers(1, 3))
    attributes = window(net, x, True)
    operands = [x, net.weights([results, channels // group, *attributes["kernel_shape"]])]
    if maybe(net):
        operands.append(net.weights([results]))
    if maybe(net, 0.3):
        del attributes["kernel_shape"]
    return net.node("Conv", operands, group=pick(net, None, 1) if group == 1 else group, **attributes)


@operator(0.2)
def transposed_convolution(net, x):
    channels = shape(net, x)[1]
    attributes = window(net, x, False)
    return net.node("ConvTranspose", [x, net.weights([channels, 2, *attributes["kernel_shape"]])], **attributes)


@operator(2)
def pool(net, x):
    name = rarely(net, ["MaxPool", "AveragePool"], ["LpPool"])
    attributes = window(net, x, name == "MaxPool" and net.opset >= 10)
    if name == "AveragePool" and maybe(net):
        attributes["count_include_pad"] = 1
    if name != "LpPool" and net.opset >= 10 and maybe(net, 0.3):
        attributes["ceil_mode"] = 1
    return net.node(name, [x], **attributes)


@operator()
def global_pool(net, x):
    return net.node(rarely(net, ["GlobalAveragePool"], ["GlobalMaxPool"]), [x])


@operator(0.2)
def resize(net, x):
    scales = [1.0, 1.0] + [2.0] * (len(shape(net, x)) - 2)
    if net.opset < 11:
        return net.node("Upsample" if net.opset in (7, 9) else "Resize", [x, net.constant(scales)], mode="nearest")
    sizes = {"coordinate_transformation_mode": pick(net, None, "asymmetric"), "nearest_mode": pick(net, None, "floor")}
    return net.node("Resize", [x, net.constant(np.zeros(0)), net.constant(scales)], mode="nearest", **sizes)


@operator()
def batch_normalization(net, x):
    n = shape(net, x)[1]
    operands = [net.weights([n]), net.weights([n]), net.weights([n]), net.constant(net.random.uniform(0.5, 2, n))]
    return net.node("BatchNormalization", [x, *operands], epsilon=pick(net, None, 1e-3))


@operator(2)
def layer_normalization(net, x):
    at = axis(net, x)
    extents = shape(net, x)[at % len(shape(net, x)):]
    bias = pick(net, [], [net.weights(extents)])
    epsilon = pick(net, None, 1e-2)
    if net.opset >= 17 and maybe(net, 0.6):
        return net.node("LayerNormalization", [x, net.weights(extents), *bias], axis=pick(net, at, at, None if at == -1 else at), epsilon=epsilon)
    scale = net.weights(shape(net, x)[-1:])
    kind = pick(net, "SkipLayerNormalization", "SimplifiedLayerNormalization", "composed")
    if kind == "SkipLayerNormalization":
        return net.node(kind, [x, x, scale, *pick(net, [], [net.weights(shape(net, x)[-1:])])], domain="com.microsoft", epsilon=epsilon)
    if kind == "SimplifiedLayerNormalization":
        return net.node(kind, [x, scale], axis=-1, epsilon=epsilon)
    more = {"axes": [-1]} if net.opset < 18 else {}
    last = [] if net.opset < 18 else [ints(net, [-1])]
    centred = net.node("Sub", [x, net.node("ReduceMean", [x, *last], **more)])
    squares = net.node("Mul", [centred, centred]) if maybe(net) else net.node("Pow", [centred, net.constant(2)])
    variance = net.node("ReduceMean", [squares, *last], **more)
    deviation = net.node("Sqrt", [net.node("Add", [variance, net.constant(pick(net, 1e-5, 1e-2))])])
    return net.node("Mul", [net.node("Div", [centred, deviation]), scale])


@operator(0.5)
def other_normalization(net, x):
    extents = shape(net, x)
    kind = pick(net, "InstanceNormalization", "GroupNormalization", "LpNormalization", "LRN", "MeanVarianceNormalization")
    if kind == "InstanceNormalization":
        return net.node(kind, [x, net.weights([extents[1]]), net.weights([extents[1]])])
    if kind == "GroupNormalization":
        groups = pick(net, 1, extents[1])
        n = extents[1] if net.opset >= 21 else groups
        return net.node(kind, [x, net.weights([n]), net.weights([n])], num_groups=groups)
    if kind == "LpNormalization":
        return net.node(kind, [x], axis=pick(net, None, axis(net, x)), p=pick(net, None, 1, 2))
    return net.node(kind, [x], size=3) if kind == "LRN" else net.node(kind, [x])


@operator()
def unit_length(net, x):
    if net.opset >= 18:
        norm = net.node("ReduceL2", [x, ints(net, [-1])])
    else:
        norm = net.node("ReduceL2", [x], axes=[-1])
    return net.node("Div", [x, net.node(pick(net, "Max", "Add"), [norm, net.constant(pick(net, 0.01, 0.1))])])


@operator(2)
def attention(net, x):
    """One head over the last two axes, plain, under a causal mask, or under a mask that an input gives."""
    d, tokens = shape(net, x)[-1], shape(net, x)[-2]
    query, key, value = (net.node("MatMul", [x, net.weights([d, 4])]) for _ in range(3))
    rank = len(shape(net, x))
    turned = net.node("Transpose", [key], perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = net.node("Mul", [net.node("MatMul", [query, turned]), net.constant(0.5)])
    kind = pick(net, "plain", "causal", "where", "input")
    hidden = pick(net, -1e4, -1e9, np.finfo(np.float32).min)
    if kind == "causal":
        scores = far(net, "Add", [scores, net.constant(np.triu(np.full((tokens, tokens), hidden), 1))])
    if kind == "where":
        keep = net.constant(np.tril(np.ones((tokens, tokens))), bool)
        scores = far(net, "Where", [keep, scores, net.constant(hidden)])
    if kind == "input":
        seen = net.ids([tokens], 2)
        net.values[seen][0] = 1
        below = net.inputs[seen]
        net.inputs[seen] = lambda n: np.maximum(below(n), np.eye(1, tokens, dtype=np.int64))
        hide = net.node("Sub", [net.constant(1.0), net.node("Cast", [seen], to=1)])
        scores = far(net, "Add", [scores, far(net, "Mul", [hide, net.constant(hidden)])])
    weights = net.node("Softmax", [scores], axis=-1 if net.opset >= 13 else rank - 1)
    return net.node("MatMul", [weights, value])


def far(net, name, operands):
    """A node whose values may be far from zero."""
    return net.node(name, operands, largest=np.inf)


@operator()
def embedding(net, x):
    width = shape(net, x)[-1]
    ids = net.ids(list(shape(net, x)[:-1]), 5, pick(net, np.int64, np.int32))
    return net.node("Add", [x, net.node("Gather", [net.weights([5, width]), ids])])


@operator()
def vendor_gelu(net, x):
    kind = rarely(net, ["Gelu", "FastGelu", "BiasGelu"], ["QuickGelu"])
    bias = [net.weights(shape(net, x)[-1:])] if kind == "BiasGelu" or kind == "FastGelu" and maybe(net) else []
    return net.node(kind, [x, *bias], domain="com.microsoft")
