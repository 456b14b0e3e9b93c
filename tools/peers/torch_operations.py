#!/usr/bin/env python3
"""Single operations in PyTorch: prints one JSON line with seconds per operation (minimum).

    OMP_NUM_THREADS=2 python3 torch_operations.py WORKLOADS.json SECONDS

The workloads are those of tools/bench-operations.ts: a list of {name, kind, shapes, backward}.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F


def attention(q, k, v, bias=None, mask=None):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores + mask
    return torch.softmax(scores, -1) @ v


OPERATIONS = {
    "attention": attention,
    "matmul": lambda a, b: a @ b,
    "layerNorm": lambda x, scale, shift: F.layer_norm(x, x.shape[-1:], scale, shift),
    "softmax": lambda x: torch.softmax(x, -1),
    "gelu": lambda x: F.gelu(x),
    "exp": lambda x: torch.exp(x),
    "log": lambda x: torch.log(x),
    "sigmoid": lambda x: torch.sigmoid(x),
    "tanh": lambda x: torch.tanh(x),
    "power": lambda x: torch.pow(x, 1.7),
    "leakyRelu": lambda x: F.leaky_relu(x),
    "add": lambda a, b: a + b,
}


def prepare(work):
    shapes = work["shapes"]
    if work["kind"] in ("sgd", "adamw"):
        parameters = [torch.rand(shape, requires_grad=True) for shape in shapes.values()]
        for p in parameters:
            p.grad = torch.rand_like(p)
        make = torch.optim.SGD if work["kind"] == "sgd" else torch.optim.AdamW
        more = {"momentum": 0.99, "nesterov": True, "weight_decay": 3e-5} if work["kind"] == "sgd" else {"foreach": True}
        return make(parameters, lr=1e-3, **more).step
    inputs = {name: torch.rand(shape) + 0.1 for name, shape in shapes.items()}
    run = OPERATIONS[work["kind"]]
    if not work["backward"]:
        def forward():
            with torch.no_grad():
                run(**inputs)
        return forward
    for name, t in inputs.items():
        t.requires_grad_(name != "mask")

    def both():
        for t in inputs.values():
            t.grad = None
        run(**inputs).sum().backward()

    return both


def main():
    workloads = json.load(open(sys.argv[1]))
    seconds = float(sys.argv[2])
    found = {}
    for work in workloads:
        step = prepare(work)
        step()
        least, spent = float("inf"), 0.0
        while spent < seconds:
            begun = time.perf_counter()
            step()
            took = time.perf_counter() - begun
            least = min(least, took)
            spent += took
        found[work["name"]] = least
    print(json.dumps(found))


main()
