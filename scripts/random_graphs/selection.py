"""Operators that choose, order and round: the largest elements, scattered ones, remainders, quantized tensors, attention, windows over volumes."""

import numpy as np

from operators import axis, ints, maybe, operator, pick, positive, second, shape


def extent(net, x):
    """An axis from the start, and its extent."""
    at = axis(net, x) % len(shape(net, x))
    return at, shape(net, x)[at]


@operator()
def several(net, x):
    """Some of the largest or least of an axis, and where they are."""
    at, most = extent(net, x)
    k = int(net.random.integers(1, min(most, 4) + 1))
    if net.opset < 10:
        return net.node("TopK", [x], outputs=2, k=k, axis=at)[0]
    attributes = {"largest": pick(net, None, 0, 1)} if net.opset >= 11 else {}
    values, places = net.node("TopK", [x, ints(net, [k])], outputs=2, axis=at, **attributes)
    return net.node("Add", [values, net.node("Cast", [places], to=1)]) if maybe(net, 0.2) else values


@operator(0.5)
def hardmax(net, x):
    return net.node("Hardmax", [x], axis=axis(net, x) if net.opset >= 11 else extent(net, x)[0])


@operator()
def scattered(net, x):
    """Updates at constant places."""
    at, most = extent(net, x)
    name = "ScatterElements" if net.opset >= 11 else "Scatter"
    extents = list(shape(net, x))
    extents[at] = int(net.random.integers(1, most + 1))
    if maybe(net, 0.6) or net.opset < 16:
        # Places that are all different.
        order = np.argsort(net.random.random(shape(net, x)), axis=at)
        places = np.take(order, range(extents[at]), axis=at)
        return net.node(name, [x, ints(net, places), net.weights(extents)], axis=at)
    places = net.random.integers(-most, most, extents)
    how = pick(net, "add", "mul") if net.opset < 18 else pick(net, "add", "mul", "max", "min")
    return net.node(name, [x, ints(net, places), net.weights(extents)], axis=at, reduction=how)


@operator(0.5)
def scattered_blocks(net, x):
    if net.opset < 11:
        raise IndexError
    depth = int(net.random.integers(1, len(shape(net, x)) + 1))
    lead = shape(net, x)[:depth]
    count = int(net.random.integers(1, int(np.prod(lead)) + 1))
    flat = net.random.permutation(int(np.prod(lead)))[:count]
    points = np.stack(np.unravel_index(flat, lead), axis=1)
    return net.node("ScatterND", [x, ints(net, points), net.weights([count, *shape(net, x)[depth:]])])


@operator(0.5)
def compressed(net, x):
    at, most = extent(net, x)
    kept = net.random.integers(0, 2, most)
    kept[net.random.integers(most)] = 1
    return net.node("Compress", [x, net.constant(kept, bool)], axis=at)


@operator(0.5)
def turned(net, x):
    if net.opset < 10 or len(shape(net, x)) < 2:
        raise IndexError
    batch, time = pick(net, (0, 1), (1, 0))
    lengths = net.random.integers(0, shape(net, x)[time] + 1, shape(net, x)[batch])
    return net.node("ReverseSequence", [x, ints(net, np.maximum(lengths, 1))], batch_axis=batch, time_axis=time)


@operator()
def whole(net, x):
    """Whole numbers, with remainders, quotients or bits by constants."""
    if net.opset < 13:
        raise IndexError
    scale = net.constant(float(net.random.uniform(3, 40)))
    numbers = net.node("Cast", [net.node("Mul", [x, scale])], to=6)
    by = net.constant(net.random.integers(1, 9) * pick(net, 1, -1), np.int32)
    name = pick(net, "Mod", "Mod", "Div", "Bits")
    if name == "Mod":
        made = net.node("Mod", [numbers, by], fmod=pick(net, None, 0, 1))
    elif name == "Div":
        made = net.node("Div", [numbers, by])
    else:
        if net.opset < 18:
            raise IndexError
        made = net.node(pick(net, "BitwiseAnd", "BitwiseOr", "BitwiseXor"), [numbers, by])
    return net.node("Mul", [net.node("Cast", [made], to=1), net.constant(0.05)])


@operator(0.5)
def powers(net, x):
    """A power of each column, or one that is computed."""
    base = positive(net, x)
    if maybe(net):
        exponents = net.random.integers(0, 4, shape(net, x)[-1:] or [1])
        return net.node("Pow", [base, net.constant(exponents)])
    return net.node("Pow", [base, net.node("Tanh", [second(net, x)])])


@operator()
def quantized(net, x):
    """Onto a scale and back."""
    if net.opset < 13:
        raise IndexError
    kind = pick(net, np.int8, np.uint8)
    if maybe(net, 0.6) or not shape(net, x):
        scale, zero, at = float(net.random.uniform(0.01, 0.1)), net.random.integers(0, 100), None
    else:
        at, most = extent(net, x)
        scale, zero = net.random.uniform(0.01, 0.1, most), net.random.integers(0, 100, most)
    operands = [net.constant(scale), net.constant(zero, kind)]
    return net.node("DequantizeLinear", [net.node("QuantizeLinear", [x, *operands], axis=at), *operands], axis=at)


@operator(0.5)
def products(net, x):
    rank = len(shape(net, x))
    axes = net.random.permutation(rank)[: int(net.random.integers(1, rank + 1))].tolist()
    bounded = net.node("Tanh", [x])
    if net.opset >= 18:
        return net.node("ReduceProd", [bounded, ints(net, axes)], keepdims=pick(net, None, 0))
    return net.node("ReduceProd", [bounded], axes=axes, keepdims=pick(net, None, 0))


@operator(0.5)
def attention(net, x):
    """Of the value with itself, as one or two heads."""
    if net.opset < 23 or shape(net, x)[-1] % 2 or np.prod(shape(net, x)) > 60:
        raise IndexError
    width = shape(net, x)[-1]
    rows = net.node("Reshape", [x, ints(net, [1, -1, width])])
    heads = pick(net, 1, 2)
    count = shape(net, rows)[1]
    operands = [rows, rows, rows]
    if maybe(net):
        seen = net.random.integers(0, 2, (count, count)) | np.eye(count, dtype=int)
        operands.append(net.constant(seen, bool))
    return net.node("Attention", operands, q_num_heads=heads, kv_num_heads=heads, is_causal=pick(net, None, 1))


@operator()
def volume(net, x):
    """A window over three axes."""
    count = int(np.prod(shape(net, x)))
    sides = [side for side in (2, 3) if count >= side**3]
    if not sides:
        raise IndexError
    side = pick(net, *sides)
    flat = net.node("Reshape", [x, ints(net, [-1])])
    part = net.node("Slice", [flat, ints(net, [0]), ints(net, [side**3])]) if net.opset >= 10 else flat
    cube = net.node("Reshape", [part, ints(net, [1, 1, side, side, side])])
    kernel = [int(n) for n in net.random.integers(1, side + 1, 3)]
    strides = [int(n) for n in net.random.integers(1, 3, 3)]
    name = pick(net, "Conv", "MaxPool", "AveragePool", "LpPool")
    if name == "Conv":
        return net.node("Conv", [cube, net.weights([2, 1, *kernel])], strides=strides)
    if name == "LpPool":
        return net.node("LpPool", [cube], kernel_shape=kernel, strides=strides, p=pick(net, 1, 2))
    ceil = pick(net, None, 1) if net.opset >= 10 else None
    count = pick(net, None, 1) if name == "AveragePool" else None
    return net.node(name, [cube], kernel_shape=kernel, strides=strides, ceil_mode=ceil, count_include_pad=count)


@operator(0.5)
def sampled(net, x):
    """An image at constant places, or another size of it."""
    if len(shape(net, x)) != 4 or net.opset < 16:
        raise IndexError
    if maybe(net):
        size = [int(n) for n in net.random.integers(1, 8, 2)]
        operands = [x, "", "", ints(net, [*shape(net, x)[:2], *size])]
        places = pick(net, None, "align_corners", "asymmetric", "half_pixel")
        return net.node("Resize", operands, mode=pick(net, "linear", "cubic"), coordinate_transformation_mode=places)
    grid = net.constant(net.random.uniform(-1.2, 1.2, (shape(net, x)[0], 2, 3, 2)))
    mode = pick(net, "bilinear", "nearest") if net.opset < 20 else pick(net, "linear", "nearest", "cubic")
    padding = pick(net, None, "border", "reflection")
    return net.node("GridSample", [x, grid], mode=mode, padding_mode=padding, align_corners=pick(net, None, 1))
