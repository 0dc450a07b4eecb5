#!/usr/bin/env bash
# Random ONNX graphs in lemma and in onnxruntime: scripts/random_graphs.sh [--count N] [--seed S] [--keep FOLDER]
#
# LEMMA_PYTHON names a Python with numpy, onnx and onnxruntime (python3 by default); without these packages it says so and does nothing:
#     python3 -m venv venv && venv/bin/pip install numpy onnx onnxruntime && LEMMA_PYTHON=venv/bin/python scripts/random_graphs.sh
# 2,000 graphs take about ten minutes. Worth a run after a change of the importer, the quantization or an operation's gadget.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${LEMMA_PYTHON:-python3}
if ! "$python" -c 'import numpy, onnx, onnxruntime' 2>/dev/null; then
    echo "skipped: $python has no numpy, onnx and onnxruntime; LEMMA_PYTHON names one that has" >&2
    exit 0
fi
cargo build --release
exec "$python" scripts/random_graphs target/release/lemma "$@"
