"""Makes the model fixtures: weights, logits, losses, gradients and SGD steps of PyTorch and torchvision.

    python tests/golden/make_models.py [CASE …]     all cases, or these alone

Every number is computed in f64; PyTorch's own f32 deviation from it is measured and noted in models.json.
"""

import copy
import json
import pathlib
import sys

import missing_packages  # noqa: F401
import numpy as np
import safetensors.torch
import torch
import torchvision
from torch.nn import functional

import formula
from cases import CASES, Case
from conditioning import kink_margin
from digest import digest
from model_states import PARAMETER_SEED, formula_resnet18, full_width, quarter_width, rule

FOLDER = pathlib.Path(__file__).parent / "models"
METADATA = {"made_by": "tests/golden/make_models.py", "torch": torch.__version__, "torchvision": torchvision.__version__}
BY_FORMULA = {"mobilenet_v2": full_width, "resnet18": formula_resnet18}
STATISTICS = {"mobilenet_v2": "mobilenet_v2_full", "resnet18": "resnet18"}
SGD = {"momentum": 0.9, "weight_decay": 1e-4}


def save(name: str, tensors: dict[str, torch.Tensor]) -> None:
    contiguous = {key: tensor.detach().clone().contiguous() for key, tensor in tensors.items()}
    safetensors.torch.save_file(contiguous, FOLDER / f"{name}.safetensors", METADATA)


def stages(model) -> dict[str, torch.nn.Module]:
    """The parts whose outputs a fixture describes, so that a mismatch points at the first wrong one."""
    if hasattr(model, "features"):
        return {f"features.{i}": module for i, module in enumerate(model.features)}
    return {name: module for name, module in model.named_children() if name not in ("layer_5", "fc")}


def forward(model, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits, and (sum, norm) of each stage's output."""
    seen = []

    def keep(_module, _arguments, output):
        seen.append([output.detach().double().sum().item(), output.detach().double().norm().item()])

    hooks = [module.register_forward_hook(keep) for module in stages(model).values()]
    logits = model(x)
    for hook in hooks:
        hook.remove()
    return logits, torch.tensor(seen, dtype=torch.float64)


def gradients(model) -> dict[str, torch.Tensor]:
    return {name: p.grad.detach().double() for name, p in model.named_parameters()}


def prepare(case: Case, precise: bool, channels_last: bool = False):
    """(model, function that brings images into its type and layout)"""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    dtype = torch.float64 if precise else torch.float32
    model = case.build().to(dtype).to(memory_format=layout)
    return model, lambda x: x.to(dtype).contiguous(memory_format=layout)


def run(case: Case, **how) -> dict[str, torch.Tensor]:
    """All that PyTorch computes for a case, by name."""
    model, convert = prepare(case, **how)
    results = {}
    with torch.no_grad():
        results["logits_eval"], results["stages_eval"] = forward(model.eval(), convert(case.input()))
    if case.training:
        trained = copy.deepcopy(model).train()
        results["logits_train"], results["stages_train"] = forward(trained, convert(case.input()))
        loss = functional.cross_entropy(results["logits_train"], case.labels())
        loss.backward()
        results["loss"] = loss
        results |= {f"gradient/{name}": g for name, g in gradients(trained).items()}
    if case.steps:
        results |= take_steps(case, model, convert)
    return {name: tensor.detach().double() for name, tensor in results.items()}


def take_steps(case: Case, model, convert) -> dict[str, torch.Tensor]:
    """SGD for case.steps steps on the case's batch: the losses, the parameters after them and the eval-mode logits."""
    model = copy.deepcopy(model).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=case.lr, **SGD)
    x, y = convert(case.input()), case.labels()
    losses = []
    for _ in range(case.steps):
        optimiser.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    with torch.no_grad():
        logits = model.eval()(x)
    final = {f"final/{name}": p.detach().double() for name, p in model.named_parameters()}
    return {"losses": torch.tensor(losses, dtype=torch.float64), "logits_after_steps": logits} | final


def relative_error(value: torch.Tensor, exact: torch.Tensor) -> float:
    return ((value - exact).norm() / exact.norm()).item()


def zero_by_structure(exact: dict[str, torch.Tensor]) -> list[str]:
    """Parameters that only shift the input of a batch norm: their gradient is zero but for rounding."""
    return [
        name.removeprefix("gradient/")
        for name, g in exact.items()
        if name.startswith("gradient/") and g.norm() < 1e-12 * exact["loss"]
    ]


def deviation(case: Case, exact: dict[str, torch.Tensor]) -> dict:
    """How far PyTorch's f32 results are from f64: relative norms, the worst of both layouts and of all tensors."""
    zero = zero_by_structure(exact) if case.training else []
    worst: dict[str, float] = {}
    for channels_last in (False, True):
        rounded = run(case, precise=False, channels_last=channels_last)
        for name, tensor in exact.items():
            group, _, parameter = name.partition("/")
            if parameter not in zero or not parameter:
                worst[group] = max(worst.get(group, 0.0), relative_error(rounded[name], tensor))
    return {group: float(f"{value:.2g}") for group, value in worst.items()}


def fixture(case: Case, exact: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What is stored of the results: gradients and final parameters of large models as digests."""
    stored = {name: t for name, t in exact.items() if "/" not in name}
    for group in ("gradient", "final"):
        members = {name: t for name, t in exact.items() if name.startswith(f"{group}/")}
        if members and (case.model != "basic_block_net" or group == "final"):
            digests = digest([t.numpy() for t in members.values()])
            stored |= {f"{group}_{kind}": torch.from_numpy(array) for kind, array in digests.items()}
        else:
            stored |= {name: t.float() for name, t in members.items()}
    if case.model == "basic_block_net":
        stored |= {"input": case.input(), "labels": case.labels()}
    return stored


def describe(case: Case, exact: dict[str, torch.Tensor]) -> dict:
    entry = {
        key: getattr(case, key)
        for key in ("name", "model", "width_mult", "classes", "image_size", "batch_size", "seed", "training", "steps", "lr")
    }
    entry["stages"] = list(stages(case.build()))
    if case.training:
        entry["kink_margin"] = round(kink_margin(case.build(), case.input()), 1)
        entry["zero_gradients"] = zero_by_structure(exact)
    entry["pytorch_f32_deviation"] = deviation(case, exact)
    return entry


def save_weights(models: set[str]) -> None:
    if "basic_block_net" in models:
        save("basic_block_net", CASES[0].build().state_dict())
    if "mobilenet_v2" in models:
        save("mobilenet_v2_quarter", quarter_width().state_dict())
    for model in models & set(BY_FORMULA):
        state = BY_FORMULA[model]().state_dict()
        save(f"{STATISTICS[model]}_statistics", {name: t for name, t in state.items() if "running_" in name})


def formula_table(model) -> list[dict]:
    """The rule of every parameter of a model, in the order of the state_dict."""
    parameters = {name for name, _ in model.named_parameters()}
    return [
        {"name": name, "index": index, **dict(zip(("offset", "scale"), rule(name, tuple(tensor.shape))))}
        for index, (name, tensor) in enumerate(model.state_dict().items())
        if name in parameters
    ]


def main() -> None:
    torch.set_num_threads(1)  # so that sums are taken in the same order when the fixtures are made again
    FOLDER.mkdir(exist_ok=True)
    chosen = [case for case in CASES if case.name in sys.argv[1:] or not sys.argv[1:]]
    save_weights({case.model for case in chosen})
    path = FOLDER / "models.json"
    described = [entry for entry in json.loads(path.read_text())["cases"] if entry["name"] not in [case.name for case in chosen]]
    for case in chosen:
        exact = run(case, precise=True)
        save(f"{case.name}.golden", fixture(case, exact))
        described.append(describe(case, exact))
        print(json.dumps(described[-1]["pytorch_f32_deviation"]), case.name, exact.get("losses"), flush=True)
    order = [case.name for case in CASES]
    document = {
        "made_with": METADATA | {"numpy": np.__version__},
        "sgd": SGD,
        "formula": {"seed": PARAMETER_SEED, "purpose": formula.TEST_PURPOSE,
                    "tensors": {model: formula_table(build()) for model, build in BY_FORMULA.items()}},
        "cases": sorted(described, key=lambda entry: order.index(entry["name"])),
    }
    path.write_text(to_json(document))


def to_json(document: dict) -> str:
    """JSON with one line for each short entry."""
    lines = []
    for key, value in document.items():
        if key == "formula":
            tables = ",\n".join(
                f'  {json.dumps(model)}: [\n' + ",\n".join("   " + json.dumps(row) for row in rows) + "]"
                for model, rows in value["tensors"].items()
            )
            head = json.dumps({k: v for k, v in value.items() if k != "tensors"})[:-1]
            lines.append(f' "formula": {head}, "tensors": {{\n{tables}}}}}')
        elif key == "cases":
            lines.append(' "cases": [\n' + ",\n".join("  " + json.dumps(case) for case in value) + "]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
