"""A random ONNX graph under construction: every node is run alone in onnxruntime as it is added, so shapes and values are known."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

onnxruntime.set_default_logger_severity(4)

OPSETS = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]
KINDS = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64, np.dtype(bool): TensorProto.BOOL,
         np.dtype(np.int8): TensorProto.INT8, np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int32): TensorProto.INT32, np.dtype(np.float64): TensorProto.DOUBLE}
LARGEST = 200.0


class Refused(Exception):
    """The node makes no sense here: onnxruntime refuses it, or its values are not finite, too large or too many."""


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Net:
    """Nodes, constants, inputs and what every value is for the first sample."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.opset = int(self.random.choice(OPSETS))
        self.nodes, self.constants, self.inputs, self.values = [], {}, {}, {}
        self.outer = {}
        self.domains = {"": self.opset}

    def fresh(self, stem):
        return f"{stem}{len(self.values)}"

    def input(self, shape, low=-1.0, high=1.0):
        name = f"x{len(self.inputs)}"
        self.inputs[name] = lambda n: self.random.uniform(low, high, (n, *shape)).astype(np.float32)
        self.values[name] = self.inputs[name](1)[0]
        return name

    def ids(self, shape, below, kind=np.int64):
        name = f"x{len(self.inputs)}"
        self.inputs[name] = lambda n: self.random.integers(0, below, (n, *shape)).astype(kind)
        self.values[name] = self.inputs[name](1)[0]
        return name

    def constant(self, value, kind=np.float32):
        """A constant: an initializer, or the result of a node `Constant`."""
        value = np.asarray(value, dtype=kind)
        name = self.fresh("c")
        self.values[name] = value
        self.constants[name] = value
        if self.random.random() < 0.25:
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name)))
        return name

    def weights(self, shape, scale=1.0):
        return self.constant(self.random.uniform(-scale, scale, shape))

    def node(self, operator, inputs, outputs=1, domain="", most=LARGEST, outer=(), **attributes):
        """Adds a node; returns the name of its output, or their names. No value may be `most` or more; `outer` are values that its branches read."""
        attributes = {key: value for key, value in attributes.items() if value is not None}
        names = [self.fresh("v") + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        node = helper.make_node(operator, inputs, names, name=f"{operator}_{len(self.nodes)}", domain=domain, **attributes)
        domains = {**self.domains, **({domain: 1} if domain else {})}
        read = [*inputs, *outer]
        given = {name: self.values[name] for name in read if name and name not in self.constants}
        fixed = {name: self.values[name] for name in read if name in self.constants}
        try:
            results = session(self.model([node], given, fixed, names, domains)).run(None, given)
        except Exception as error:
            raise Refused(str(error)) from error
        for result in results:
            big = result.dtype == np.float32 and not (np.isfinite(result).all() and np.abs(result).max(initial=0) < most)
            if big or result.size == 0 or result.size > 2000 or result.ndim > 6:
                raise Refused("values")
        self.domains = domains
        self.nodes.append(node)
        self.outer[names[0]] = list(outer)
        self.values.update(zip(names, results))
        if all(name in self.constants for name in read if name):
            self.constants.update(zip(names, results))
        return names if outputs > 1 else names[0]

    @staticmethod
    def model(nodes, inputs, constants, outputs, domains):
        ports = [helper.make_tensor_value_info(name, KINDS[value.dtype], value.shape) for name, value in inputs.items()]
        ends = [helper.make_empty_tensor_value_info(name) for name in outputs]
        tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
        graph = helper.make_graph(nodes, "random", ports, ends, tensors)
        imports = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
        return helper.make_model(graph, opset_imports=imports, ir_version=10)

    def finish(self, outputs):
        """The model of what the outputs need, with their shapes."""
        needed, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                nodes.insert(0, node)
                needed |= {*node.input, *self.outer.get(node.output[0], [])}
        made = {name for node in nodes for name in node.output}
        inputs = {name: self.values[name] for name in self.inputs if name in needed}
        constants = {name: value for name, value in self.constants.items() if name in needed and name not in made}
        model = self.model(nodes, inputs, constants, outputs, self.domains)
        if self.random.random() < 0.2:
            for port in model.graph.input:
                extents = port.type.tensor_type.shape.dim
                if len(extents) > 1 and extents[0].dim_value == 1:
                    extents[0].dim_param = "batch"
        del model.graph.output[:]
        for name in outputs:
            value = self.values[name]
            model.graph.output.append(helper.make_tensor_value_info(name, KINDS[value.dtype], value.shape))
        if not any(node.op_type == "SimplifiedLayerNormalization" for node in model.graph.node):
            # onnxruntime has it among ONNX's own operators, where it is not.
            onnx.checker.check_model(model)
        return model, list(inputs)
