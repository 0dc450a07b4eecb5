"""ONNX files with damaged bytes, and weights that are kept somewhere else."""

import os

import numpy as np
from files import FOLDER, WEIGHT, dense, write, write_model
from onnx import TensorProto

FLIPS = 200


def damaged():
    whole = dense(WEIGHT).SerializeToString()
    rng = np.random.default_rng(2)
    for name, contents in {
        "empty": b"", "zeros": bytes(100_000), "noise": rng.bytes(100_000), "cut": whole[:-20], "more": whole + b"\xff" * 10,
        "length": whole[:10] + b"\xff" * 8 + b"\x7f" + whole[10:], "text": b"hello world" * 1000,
    }.items():
        write("bytes", f"{name}.onnx", contents)
    for at in range(FLIPS):
        flipped = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            flipped[int(rng.integers(0, len(flipped)))] ^= 1 << int(rng.integers(0, 8))
        write("bytes", f"flip_{at:03}.onnx", bytes(flipped))


def elsewhere():
    """Weights in another file: `location`, offset and length as texts."""
    folder = FOLDER / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "w.raw").write_bytes(WEIGHT.tobytes())
    weight = WEIGHT.copy()
    weight[0, 0] = np.nan
    (folder / "nan.raw").write_bytes(weight.tobytes())
    for link, target in (("link.raw", "/etc/passwd"), ("etc", "/etc")):
        if not os.path.lexists(folder / link):
            (folder / link).symlink_to(target)
    if not (folder / "pipe.raw").exists():
        os.mkfifo(folder / "pipe.raw")
    places = {
        "good": ("w.raw", 0, 48), "nan": ("nan.raw", 0, 48), "up": ("../../../../../etc/passwd", 0, 48), "root": ("/etc/passwd", 0, 48),
        "device": ("/dev/zero", 0, 48), "link": ("link.raw", 0, 48), "linked_folder": ("etc/passwd", 0, 48), "pipe": ("pipe.raw", 0, 48),
        "missing": ("none.raw", 0, 48), "empty": ("", 0, 48), "folder": (".", 0, 48), "itself": ("itself.onnx", 0, 48),
        "before": ("w.raw", -1, 48), "behind": ("w.raw", 2**63, 48), "wraps": ("w.raw", 2**64 - 1, 48), "plus": ("w.raw", "+0", 48),
        "nothing": ("w.raw", 0, 0), "all": ("w.raw", 0, 2**62), "nul": ("w.raw\0x", 0, 48), "network": ("http://127.0.0.1/x", 0, 48),
    }
    for name, place in places.items():
        model = dense(WEIGHT)
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in zip(("location", "offset", "length"), place):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(text)
        write_model("weights", name, model)


damaged()
elsewhere()
