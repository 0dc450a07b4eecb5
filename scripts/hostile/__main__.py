"""Hostile files for `lemma compile`: python scripts/hostile PROGRAM [--keep FOLDER] [--only PART] [--all]

Makes the files anew and gives each to the program, one process a file. A file may be compiled or refused, with exit code 0, 1 or 6, within two seconds
of processor time and 500 MB of resident memory; the output has no panic in it and nothing that a terminal obeys. Prints a table of the kinds of files
and every file that breaks one of these, and exits with 1 when there is one. Packages: numpy and onnx.
"""

import argparse
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

SECONDS = 2.0
MEGABYTES = 500.0
# What ends a process that goes on and on.
MOST_SECONDS = 60
MOST_BYTES = 8 << 30

HERE = pathlib.Path(__file__).parent
MAKERS = ["graphs.py", "sizes.py", "bytes.py", "others.py"]


def command(program, file, folder):
    """How a file is given to the program."""
    kind = file.parent.name
    sample = file.with_suffix(".npz")
    arrays = ["--calibration", str(sample if sample.exists() else folder / "ok.npz")]
    text = ["--tokens", "8", "--calibration", str(folder / "ok.txt")]
    model, checkpoint, tokenizer = (str(folder / name) for name in ("ok.onnx", "ok.bin", "ok.json"))
    arguments = {
        "checkpoints": [str(file), "--tokens", "4"],
        "tokenizers": [checkpoint, "--tokenizer", str(file), *text],
        "texts": [checkpoint, "--tokenizer", tokenizer, "--tokens", "8", "--calibration", str(file)],
        "data": [model, "--calibration", str(file)],
        "classes": [model, "--classes", str(file), *arrays],
    }.get(kind, [str(file), *arrays])
    return [program, "compile", *arguments, "--output", str(folder / "compiled")]


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(arguments):
    """Exit code (negative for a signal), processor seconds, peak megabytes, output."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, preexec_fn=limited
        )
        started = time.monotonic()
        while True:
            found, status, usage = os.wait4(child.pid, os.WNOHANG)
            if found:
                break
            if time.monotonic() - started > 20 * MOST_SECONDS or processor_seconds(child.pid) > MOST_SECONDS:
                os.kill(child.pid, signal.SIGKILL)
            time.sleep(0.005)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    return child.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, said


def processor_seconds(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def faults(code, seconds, megabytes, said):
    """What a run did that it must not."""
    found = []
    # 6: compiled, and too inaccurate to be kept.
    if code not in (0, 1, 6):
        found.append(f"exit code {code}")
    if seconds > SECONDS:
        found.append(f"{seconds:.1f} s")
    if megabytes > MEGABYTES:
        found.append(f"{megabytes:.0f} MB")
    if "panicked" in said:
        found.append("a panic")
    if any(letter in said for letter in "\x1b\x9b\r\u202e\u2028"):
        found.append("raw control characters")
    if code == 1 and not said.strip():
        found.append("no message")
    return found


def main():
    parser = argparse.ArgumentParser(prog="scripts/hostile")
    parser.add_argument("program")
    parser.add_argument("--keep", type=pathlib.Path, help="make the files here and leave them")
    parser.add_argument("--only", default="", help="files whose path has this part")
    parser.add_argument("--all", action="store_true", help="print every file, with its message")
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or pathlib.Path(temporary)).resolve()
        for maker in MAKERS:
            subprocess.run([sys.executable, str(HERE / maker), str(folder)], check=True)
        # What lies in the folder itself belongs to the others.
        files = sorted(file for file in folder.glob("*/*") if file.suffix not in (".npz", ".raw") or file.parent.name == "data")
        files = [file for file in files if file.parent.name != "compiled" and options.only in str(file.relative_to(folder))]
        table, bad = {}, 0
        for file in files:
            code, seconds, megabytes, said = run(command(program, file, folder))
            name = str(file.relative_to(folder))
            wrong = faults(code, seconds, megabytes, said)
            bad += bool(wrong)
            if wrong or options.all:
                last = (said.strip().splitlines() or [""])[-1][:160]
                print(f"{name}: {code}, {seconds:.2f} s, {megabytes:.0f} MB{': ' if wrong else ''}{', '.join(wrong)}\n    {last}", flush=True)
            table.setdefault(file.parent.name, []).append((code, seconds, megabytes, file.name))
        print("| files | number | compiled | refused | most seconds | most memory |")
        print("|---|---|---|---|---|---|")
        for kind, runs in sorted(table.items()):
            compiled = sum(code == 0 for code, *_ in runs)
            slowest, largest = max(runs, key=lambda run: run[1]), max(runs, key=lambda run: run[2])
            print(
                f"| {kind} | {len(runs)} | {compiled} | {sum(code in (1, 6) for code, *_ in runs)} "
                f"| {slowest[1]:.2f} ({slowest[3]}) | {largest[2]:.0f} MB ({largest[3]}) |"
            )
        print(f"{sum(map(len, table.values()))} files, {bad} with a fault")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
