#!/bin/sh
# Instructions of a proof of LeNet-5 on the portable kernel, by callgrind: a figure that does not depend on the machine's load.
# (valgrind knows no AVX-512 IFMA, so the vector path is never taken under it.)
#
#   benches/instructions.sh        prints the instructions of setup and prove, in millions
set -eu
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed" >&2; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet
model=models/lenet_fashion
lemma=target/release/lemma
"$lemma" compile "$model/model.onnx" --calibration "$model/calibration.npz" -o "$work/m" >/dev/null 2>&1
count() {
    RAYON_NUM_THREADS=1 LEMMA_KERNEL=portable valgrind --tool=callgrind --callgrind-out-file="$work/out" "$@" >/dev/null 2>"$work/log" ||
        { cat "$work/log" >&2; exit 1; }
    awk '/Collected/ { printf "%d\n", $NF / 1000000 }' "$work/log"
}
echo "setup  $(count "$lemma" setup "$work/m")"
echo "prove  $(count "$lemma" prove "$work/m" --input "$model/test_1000.npz" -o "$work/p.json")"
