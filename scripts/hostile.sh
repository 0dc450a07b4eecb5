#!/usr/bin/env bash
# Hostile files in lemma: scripts/hostile.sh [--only PART] [--all] [--keep FOLDER]
#
# LEMMA_PYTHON names a Python with numpy and onnx (python3 by default); without these packages it says so and does nothing:
#     python3 -m venv venv && venv/bin/pip install numpy onnx && LEMMA_PYTHON=venv/bin/python scripts/hostile.sh
# Some 900 files in about five minutes, half a gigabyte of disk. Worth a run after a change of anything that reads a file, of a pass over the
# float model or of the quantization.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${LEMMA_PYTHON:-python3}
if ! "$python" -c 'import numpy, onnx' 2>/dev/null; then
    echo "skipped: $python has no numpy and onnx; LEMMA_PYTHON names one that has" >&2
    exit 0
fi
cargo build --release
exec "$python" scripts/hostile target/release/lemma "$@"
