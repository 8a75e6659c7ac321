#!/usr/bin/env python3
"""Turns results.json of a gpu_check into the README's tables.

    python3 tools/gpu_check/tables.py gpu_check-…/results.json
"""

import argparse
import json
import pathlib
import sys


def machine_line(results: dict) -> str:
    torch = results.get("torch", {}).get("torch")
    parts = [results["hardware"]["gpu"]["name"], f"driver {results['hardware']['gpu']['driver']}"]
    parts += [f"nvcc {results['hardware']['nvcc_release']}"] if results["hardware"]["nvcc_release"] else []
    parts += [f"PyTorch {torch}"] if torch else []
    return f"{', '.join(parts)}; Vitrine {results['commit']}, {results['date']}"


def settings_of(steps: list[dict]) -> list[tuple]:
    return list(dict.fromkeys((step["model"], step["image_size"], step["batch_size"]) for step in steps))


def step_table(steps: list[dict]) -> list[str]:
    """A row a setting: milliseconds a step, and how many times as long PyTorch takes."""
    rivals = list(dict.fromkeys(step["by"] for step in steps if step["by"] != "Vitrine"))
    seconds = {(step["by"], step["model"], step["image_size"], step["batch_size"]): step["seconds_median"] for step in steps}
    rows = ["| model | image | batch | Vitrine | images/s | " + "".join(f"{rival} | " for rival in rivals),
            "|---|---|---|---|---|" + "---|" * len(rivals)]
    for setting in settings_of(steps):
        ours = seconds.get(("Vitrine", *setting))
        cells = [str(part) for part in setting]
        cells += [f"{1e3 * ours:.2f} ms", f"{setting[2] / ours:.0f}"] if ours else ["—", "—"]
        for rival in rivals:
            theirs = seconds.get((rival, *setting))
            ratio = f" ({theirs / ours:.2f}×)" if ours and theirs else ""
            cells.append(f"{1e3 * theirs:.2f} ms{ratio}" if theirs else "—")
        rows.append(f"| {' | '.join(cells)} |")
    return [row.rstrip() for row in rows]


def peak_line(steps: list[dict]) -> list[str]:
    ours = [step for step in steps if "peak_gflops" in step]
    if not ours:
        return []
    return [f"Measured peaks: {1e-3 * max(step['peak_gflops'] for step in ours):.1f} TFLOP/s of f32 multiply-adds, "
            f"{max(step['peak_gbytes_per_second'] for step in ours):.0f} GB/s read and written.", ""]


def op_table(ops: list[dict]) -> list[str]:
    """A row an implementation, over all layers of a step that it takes."""
    rows = ["| kernel | implementation | layers | ms a step | GFLOP/s | GB/s | of peak | limit |",
            "|---|---|---|---|---|---|---|---|"]
    for op in ops:
        for kernel in op["kernels"]:
            name = kernel["kernel"]
            for total in kernel["totals"]:
                flops = f"{total['gflops']:.0f}" if total["gflops"] > 0 else "—"
                rows.append(f"| {name} | {total['name']} | {total['layers']} | {1e3 * total['seconds_median']:.3f} | {flops} "
                            f"| {total['gbytes_per_second']:.0f} | {100 * total['share_of_peak']:.0f}% | {total['limit']} |")
                name = ""
    return rows


def check_table(checks: list[dict]) -> list[str]:
    """A row a section."""
    rows = ["| section | passed | failed | skipped | seconds |", "|---|---|---|---|---|"]
    for section in dict.fromkeys(check["section"] for check in checks):
        of_section = [check for check in checks if check["section"] == section]
        counts = [sum(check["result"] == result for check in of_section) for result in ("passed", "failed", "skipped")]
        seconds = sum(check["seconds"] for check in of_section)
        rows.append(f"| {section} | {counts[0]} | {counts[1]} | {counts[2]} | {seconds:.0f} |")
    return rows


def tables(results: dict) -> str:
    steps, ops = results["figures"].get("steps", []), results["figures"].get("ops", [])
    parts = [machine_line(results), "", *check_table(results["checks"]), ""]
    if steps:
        parts += ["## Training steps", "", *peak_line(steps), *step_table(steps), ""]
    if ops:
        parts += ["## Implementations", "", *op_table(ops), ""]
    return "\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=pathlib.Path)
    path = parser.parse_args().results
    try:
        print(tables(json.loads(path.read_text(encoding="utf-8"))), end="")
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"tables.py: {path} is no results.json of a gpu_check: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
