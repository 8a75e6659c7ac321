"""Times whole training steps in PyTorch, channels_last, on a batch that lies on the device already.

    python tests/peers/torch_step.py --model mobilenet_v2 --image-size 224 --batch-size 32 --threads 2 --json
"""

import argparse
import json
import statistics
import time

import golden_folder  # noqa: F401
import torch
from torch.nn import functional

from peer_models import NAMES, build


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=NAMES, default="mobilenet_v2")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("f32", "tf32", "amp"), default="f32",
                        help="f32; with products rounded to TF32; or mixed, bfloat16 where the GPU has it and float16 where "
                             "it has not [f32]")
    parser.add_argument("--evaluation", action="store_true", help="the logits alone, in evaluation mode")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warm-up", type=int, default=2, help="steps before the timed ones")
    parser.add_argument("--steps", type=int, default=10, help="timed steps")
    parser.add_argument("--profile", action="store_true", help="a table of the ops instead of timings")
    parser.add_argument("--json", action="store_true", help="one JSON object, with the keys of `bench step --json`")
    return parser.parse_args()


def choose_precision(options: argparse.Namespace) -> torch.dtype | None:
    """The type of mixed precision; None without."""
    # f32 means f32: on a GPU PyTorch would otherwise let its convolutions round to TF32.
    torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = options.precision == "tf32"
    if options.precision != "amp":
        return None
    has_bfloat16 = options.device == "cpu" or torch.cuda.get_device_capability() >= (8, 0)
    return torch.bfloat16 if has_bfloat16 else torch.float16


def make_step(options: argparse.Namespace):
    """A function that takes one training step on a fixed random batch and waits for its loss, which waits for all."""
    torch.manual_seed(0)
    mixed = choose_precision(options)
    scaler = torch.amp.GradScaler(options.device, enabled=mixed == torch.float16)
    torch.backends.cudnn.benchmark = True
    model = build(options.model, options.classes, options.image_size).to(memory_format=torch.channels_last).train()
    model = model.to(options.device)
    run = torch.compile(model) if options.compile else model
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    x = torch.randn(options.batch_size, 3, options.image_size, options.image_size)
    x = x.contiguous(memory_format=torch.channels_last).to(options.device)
    labels = torch.randint(options.classes, (options.batch_size,)).to(options.device)

    def evaluate() -> float:
        with torch.inference_mode(), torch.autocast(options.device, dtype=mixed, enabled=mixed is not None):
            return run(x).sum().item()

    if options.evaluation:
        model.eval()
        return evaluate

    def step() -> float:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(options.device, dtype=mixed, enabled=mixed is not None):
            loss = functional.cross_entropy(run(x), labels)
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
        return loss.item()

    return step


def time_steps(step, count: int) -> list[float]:
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def profile(step, count: int) -> str:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        for _ in range(count):
            step()
    return profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=20, max_name_column_width=45)


def summarise(options: argparse.Namespace, seconds: list[float]) -> dict:
    median = statistics.median(seconds)
    return {
        "model": options.model,
        "image_size": options.image_size,
        "batch_size": options.batch_size,
        "device": f"torch {options.device}",
        "threads": torch.get_num_threads(),
        "steps": len(seconds),
        "seconds_median": median,
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "images_per_second": options.batch_size / median,
        "torch": torch.__version__,
        "precision": options.precision,
        "compiled": options.compile,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def main() -> None:
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    step = make_step(options)
    time_steps(step, options.warm_up)
    if options.profile:
        print(profile(step, options.steps))
        return
    result = summarise(options, time_steps(step, options.steps))
    if options.json:
        print(json.dumps(result))
        return
    print(f"{options.model} {options.image_size}x{options.image_size}, batch {options.batch_size}, "
          f"{result['threads']} threads, PyTorch {result['torch']} ({result['cpu_capability']})")
    print(f"{result['seconds_median']:.4f} s a step (median of {result['steps']}; {result['seconds_min']:.4f} to "
          f"{result['seconds_max']:.4f}), {result['images_per_second']:.1f} images/s")


if __name__ == "__main__":
    main()
