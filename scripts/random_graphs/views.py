"""Rearrangements of elements."""

import numpy as np
from onnx import numpy_helper

from operators import axis, ints, maybe, operator, pick, second, shape


def factorizations(net, size):
    """Extents with this product."""
    extents = []
    while size > 1 and len(extents) < 3:
        divisors = [d for d in range(1, size + 1) if size % d == 0]
        extents.append(int(net.random.choice(divisors)))
        size //= extents[-1]
    return extents + [size] if size > 1 or not extents else extents


@operator(2)
def reshape(net, x):
    extents = shape(net, x)
    target = factorizations(net, int(np.prod(extents)))
    if maybe(net, 0.5):
        target[net.random.integers(len(target))] = -1
    for i, extent in enumerate(target):
        if i < len(extents) and extents[i] == extent and maybe(net, 0.3):
            target[i] = 0
    return net.node("Reshape", [x, ints(net, target)])


@operator()
def reshape_by_its_shape(net, x):
    whole = net.node("Shape", [x])
    first = net.node("Gather", [whole, ints(net, [0])], axis=0)
    return net.node("Reshape", [x, net.node("Concat", [first, ints(net, [-1])], axis=0)])


@operator()
def reshape_by_products_of_extents(net, x):
    """The last two axes made one, their product computed from the shape."""
    whole = net.node("Shape", [x])
    rank = len(shape(net, x))
    extents = [net.node("Gather", [whole, ints(net, i)], axis=0) for i in range(rank)]
    last = net.node("Mul", extents[-2:]) if maybe(net) else net.node("Div", [net.node("Mul", [net.node("Mul", extents[-2:]), ints(net, 3)]), ints(net, 3)])
    parts = []
    for part in [*extents[:-2], last]:
        parts.append(net.node("Unsqueeze", [part, ints(net, [0])]) if net.opset >= 13 else net.node("Unsqueeze", [part], axes=[0]))
    return net.node("Reshape", [x, net.node("Concat", parts, axis=0)])


@operator()
def filled(net, x):
    """A constant of the value's shape, added."""
    value = np.array([net.random.uniform(-1, 1)], np.float32)
    return net.node("Add", [x, net.node("ConstantOfShape", [net.node("Shape", [x])], value=numpy_helper.from_array(value))])


@operator()
def flatten(net, x):
    rank = len(shape(net, x))
    at = int(net.random.integers(-rank if net.opset >= 11 else 0, rank + 1))
    return net.node("Flatten", [x], axis=pick(net, None, at))


@operator(2)
def transpose(net, x):
    rank = len(shape(net, x))
    return net.node("Transpose", [x], perm=pick(net, None, net.random.permutation(rank).tolist()))


@operator()
def squeeze(net, x):
    ones = [i for i, extent in enumerate(shape(net, x)) if extent == 1]
    kept = [i for i in ones if maybe(net, 0.7)] or ones
    if net.opset >= 11:
        kept = [i - len(shape(net, x)) if maybe(net, 0.3) else i for i in kept]
    if not kept or maybe(net, 0.2):
        return net.node("Squeeze", [x])
    return net.node("Squeeze", [x, ints(net, kept)]) if net.opset >= 13 else net.node("Squeeze", [x], axes=kept)


@operator()
def unsqueeze(net, x):
    count = int(net.random.integers(1, 3))
    rank = len(shape(net, x)) + count
    axes = net.random.permutation(rank)[:count].tolist()
    if net.opset >= 11:
        axes = [a - rank if maybe(net, 0.3) else a for a in axes]
    return net.node("Unsqueeze", [x, ints(net, axes)]) if net.opset >= 13 else net.node("Unsqueeze", [x], axes=axes)


@operator(2)
def slices(net, x):
    extents = shape(net, x)
    axes = net.random.permutation(len(extents))[: net.random.integers(1, len(extents) + 1)].tolist()
    starts, ends, steps = [], [], []
    for a in axes:
        n = extents[a]
        step = int(pick(net, 1, 1, 2, -1, -2, 3)) if net.opset >= 10 else 1
        start, end = (int(v) for v in net.random.integers(-n - 1, n + 2, 2))
        end = pick(net, end, 2**31, 2**63 - 1) if step > 0 else pick(net, end, -(2**31))
        starts, ends, steps = starts + [start], ends + [end], steps + [step]
    axes = [a - len(extents) if maybe(net, 0.3) else a for a in axes] if net.opset >= 10 else axes
    if net.opset < 10:
        return net.node("Slice", [x], starts=starts, ends=ends, axes=axes)
    operands = [starts, ends, axes, steps]
    return net.node("Slice", [x, *(ints(net, operand) for operand in operands)])


@operator(2)
def concat(net, x):
    at = axis(net, x)
    if net.opset < 11:
        at %= len(shape(net, x))
    extents = list(shape(net, x))
    extents[at] = int(net.random.integers(1, 4))
    others = [name for name, value in net.values.items() if value.dtype == np.float32 and value.shape == shape(net, x)]
    parts = [x, pick(net, net.weights(extents), others[net.random.integers(len(others))])]
    if maybe(net):
        parts.reverse()
    return net.node("Concat", parts, axis=at)


@operator()
def split(net, x):
    at = axis(net, x)
    if net.opset < 11:
        at %= len(shape(net, x))
    n = shape(net, x)[at]
    first = int(net.random.integers(1, n)) if n > 1 else 1
    sizes = [first, n - first] if n > first else [n]
    kind = pick(net, "sizes", "equal")
    if kind == "equal":
        more = {"num_outputs": 2} if net.opset >= 18 else {}
        parts = net.node("Split", [x], outputs=2, axis=at, **more)
    elif net.opset >= 13:
        parts = net.node("Split", [x, ints(net, sizes)], outputs=len(sizes), axis=at)
    else:
        parts = net.node("Split", [x], outputs=len(sizes), axis=at, split=sizes)
    return parts if isinstance(parts, str) else parts[net.random.integers(len(parts))]


@operator()
def pad(net, x):
    rank = len(shape(net, x))
    mode = pick(net, None, "constant", "reflect", "edge")
    pads = net.random.integers(0 if mode else -1, 3, 2 * rank).tolist()
    value = pick(net, None, float(net.random.uniform(-1, 1)))
    if net.opset < 11:
        return net.node("Pad", [x], pads=pads, mode=mode, value=value)
    axes = None
    if net.opset >= 18 and maybe(net, 0.4):
        axes = net.random.permutation(rank)[: net.random.integers(1, rank + 1)].tolist()
        pads = net.random.integers(0, 3, 2 * len(axes)).tolist()
    operands = [x, ints(net, pads)]
    if value is not None or axes is not None:
        operands.append("" if value is None else net.constant(value))
    if axes is not None:
        operands.append(ints(net, axes))
    return net.node("Pad", operands, mode=mode)


@operator()
def expand(net, x):
    target = [int(net.random.integers(1, 4)) if extent == 1 else pick(net, extent, 1) for extent in shape(net, x)]
    return net.node("Expand", [x, ints(net, pick(net, target, [2, *target]))])


@operator()
def tile(net, x):
    return net.node("Tile", [x, ints(net, net.random.integers(1, 3, len(shape(net, x))))])


@operator(2)
def gather(net, x):
    at = axis(net, x)
    n = shape(net, x)[at]
    low = -n if net.opset >= 11 else 0
    indices = net.random.integers(low, n, pick(net, [], [2], [2, 2], [1]))
    return net.node("Gather", [x, ints(net, indices)], axis=pick(net, at, at, None if n == shape(net, x)[0] else at))


@operator(0.1)
def gather_elements(net, x):
    at = axis(net, x)
    n = shape(net, x)[at]
    return net.node("GatherElements", [x, ints(net, net.random.integers(-n, n, shape(net, x)))], axis=at)


@operator()
def gather_nd(net, x):
    extents = shape(net, x)
    depth = int(net.random.integers(1, len(extents) + 1))
    indices = np.stack([net.random.integers(0, n, [3]) for n in extents[:depth]], axis=-1)
    return net.node("GatherND", [x, ints(net, indices)])


@operator()
def triangle(net, x):
    return net.node("Trilu", [x, *pick(net, [], [ints(net, net.random.integers(-2, 3))])], upper=pick(net, None, 0, 1))


@operator()
def depth(net, x):
    block = pick(net, 1, 2, 2)
    if maybe(net):
        return net.node("SpaceToDepth", [x], blocksize=block)
    return net.node("DepthToSpace", [x], blocksize=block, mode=pick(net, None, "DCR", "CRD") if net.opset >= 11 else None)


@operator()
def ranged(net, x):
    n = shape(net, x)[-1]
    numbers = net.node("Range", [net.constant(v) for v in pick(net, (0.0, float(n), 1.0), (float(n), 0.0, -1.0))])
    return net.node("Mul", [x, numbers])


@operator()
def reverse_by_slice(net, x):
    if net.opset < 10:
        return x
    operands = ([-1], [-(2**63) + 1], [axis(net, x)], [-1])
    return net.node("Slice", [x, *(ints(net, operand) for operand in operands)])


@operator()
def merged(net, x):
    return net.node("Add", [x, second(net, x)])
