"""Layers with weights, pooling, normalisation, attention."""

import numpy as np
from onnx import helper

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


@operator(2)
def matmul_with_packed_weights(net, x):
    """Weights as integers on one scale, or one for each column or block, or in half precision."""
    k, n = shape(net, x)[-1], int(net.random.integers(1, 5))
    if maybe(net, 0.25):
        return net.node("MatMul", [x, net.node("Cast", [net.constant(net.random.uniform(-1, 1, [k, n]), np.float16)], to=1)])
    kinds = [np.int8, np.uint8, np.int32] + ([np.int16, np.uint16] if net.opset >= 21 else [])
    kind = kinds[net.random.integers(len(kinds))]
    attributes, extents = {}, pick(net, [], [1])
    at = int(net.random.integers(-2, 2))
    if net.opset >= 13 and maybe(net):
        attributes, extents = {"axis": at}, [(k, n)[at]]
    if net.opset >= 21 and maybe(net, 0.4):
        block = int(net.random.integers(1, 4))
        extents = [k, n]
        extents[at] = -(-extents[at] // block)
        attributes = {"axis": at, "block_size": block}
    scale = net.constant(net.random.uniform(0.005, 0.02, extents))
    point = pick(net, [], [1]) if extents in ([], [1]) and "axis" not in attributes else extents
    zero = [] if maybe(net, 0.4) else [net.constant(net.random.integers(0, 1 if kind == np.int32 else 5, point), kind)]
    if kind == np.int32 or maybe(net, 0.6):
        low = 0 if kind in (np.uint8, np.uint16) else -127
        packed = net.constant(net.random.integers(low, 128, [k, n]), kind)
    else:
        chosen = {"output_dtype": helper.np_dtype_to_tensor_dtype(np.dtype(kind))} if net.opset >= 21 and (not zero or maybe(net)) else {}
        packed = net.node("QuantizeLinear", [net.weights([k, n]), scale, *zero], **attributes, **chosen)
        if not zero and not chosen and kind != np.uint8:
            return net.node("MatMul", [x, net.node("DequantizeLinear", [packed, scale], **attributes)])
    return net.node("MatMul", [x, net.node("DequantizeLinear", [packed, scale, *zero], **attributes)])


@operator()
def einsum(net, x):
    """Letters for the axes; some of another operand's are summed over, some are its own."""
    letters = "abcdef"[: len(shape(net, x))]
    others = "".join(letter for letter in letters if maybe(net)) + ("z" if maybe(net) else "")
    sizes = {**dict(zip(letters, shape(net, x))), "z": 3}
    kept = [letter for letter in dict.fromkeys(letters + others) if letter == "z" or letter not in others or maybe(net)]
    result = "".join(net.random.permutation(kept).tolist()) if maybe(net, 0.3) else "".join(kept)
    operands, terms = [x, net.weights([sizes[letter] for letter in others])], [letters, others]
    if maybe(net, 0.3):
        operands.reverse()
        terms.reverse()
    equation = ",".join(terms) + (f"->{result}" if maybe(net, 0.8) else "")
    return net.node("Einsum", operands, equation=equation)


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


@operator()
def transposed_convolution(net, x):
    channels = shape(net, x)[1]
    attributes = window(net, x, True)
    if "auto_pad" in attributes and maybe(net, 0.9):
        del attributes["auto_pad"]
    group = pick(net, 1, channels)
    strides = attributes["strides"] or [1] * (len(shape(net, x)) - 2)
    if maybe(net, 0.3):
        attributes["output_padding"] = [int(net.random.integers(0, stride)) for stride in strides]
    width = int(net.random.integers(1, 3))
    operands = [x, net.weights([channels, width, *attributes["kernel_shape"]]), *pick(net, [], [net.weights([width * group])])]
    return net.node("ConvTranspose", operands, group=pick(net, None, 1) if group == 1 else group, **attributes)


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


@operator(0.7)
def resize(net, x):
    scales = [1.0, 1.0] + [2.0] * (len(shape(net, x)) - 2)
    if net.opset < 11:
        return net.node("Upsample" if net.opset in (7, 9) else "Resize", [x, net.constant(scales)], mode="nearest")
    if maybe(net):
        scales[-1] = pick(net, 0.5, 1.5, 3.0)
    places = pick(net, None, "asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel")
    mode = pick(net, "nearest", "linear")
    rounding = pick(net, None, "floor", "ceil", "round_prefer_ceil", "round_prefer_floor") if mode == "nearest" else None
    attributes = {"coordinate_transformation_mode": places, "nearest_mode": rounding, "mode": mode}
    if maybe(net):
        sizes = [int(extent * scale) for extent, scale in zip(shape(net, x), scales)]
        return net.node("Resize", [x, net.constant(np.zeros(0)), net.constant(np.zeros(0)), ints(net, sizes)], **attributes)
    return net.node("Resize", [x, net.constant(np.zeros(0)), net.constant(scales)], **attributes)


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
    if net.opset >= 23 and maybe(net):
        return net.node("RMSNormalization", [x, net.weights(extents)], axis=pick(net, at, None if at == -1 else at), epsilon=epsilon)
    kind = pick(net, "SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "SimplifiedLayerNormalization", "composed")
    if kind == "SkipSimplifiedLayerNormalization":
        return net.node(kind, [x, x, scale, *pick(net, [], [net.weights(shape(net, x)[-1:])])], domain="com.microsoft", epsilon=epsilon)
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
    return net.node(name, operands, most=np.inf)


@operator()
def embedding(net, x):
    width = shape(net, x)[-1]
    ids = net.ids(list(shape(net, x)[:-1]), 5, pick(net, np.int64, np.int32))
    return net.node("Add", [x, net.node("Gather", [net.weights([5, width]), ids])])


@operator()
def vendor_gelu(net, x):
    kind = pick(net, "Gelu", "FastGelu", "BiasGelu", "QuickGelu")
    bias = [net.weights(shape(net, x)[-1:])] if kind == "BiasGelu" or kind == "FastGelu" and maybe(net) else []
    return net.node(kind, [x, *bias], domain="com.microsoft")
