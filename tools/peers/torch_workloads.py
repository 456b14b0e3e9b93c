#!/usr/bin/env python3
"""The bench workloads in PyTorch, one round: prints one JSON line with seconds (minimum of the round).

    OMP_NUM_THREADS=2 python3 torch_workloads.py [--seconds 2] [--only A,B,C] [--export FOLDER]

A: plain U-Net 3D, 1 -> [32, 64, 128, 256], two convolutions per stage, 3 classes, deep supervision, patch 40x56x40, batch 2.
B: single 3x3x3 convolutions.  C: plain U-Net 2D, 512 x 512, batch 12 (2 with --small).
--export writes the networks of A and B as ONNX for the other peers and exits.
"""
import argparse
import json
import os
import resource
import time

import torch
from torch import nn
from torch.nn import functional as F


def block(dims, c_in, c_out, stride):
    conv, norm = (nn.Conv3d, nn.InstanceNorm3d) if dims == 3 else (nn.Conv2d, nn.InstanceNorm2d)
    parts = []
    for k in range(2):
        parts += [conv(c_in if k == 0 else c_out, c_out, 3, stride if k == 0 else 1, 1), norm(c_out, affine=True), nn.LeakyReLU(0.01, inplace=True)]
    return nn.Sequential(*parts)


class PlainUNet(nn.Module):
    def __init__(self, dims, features, classes, heads):
        super().__init__()
        conv, up = (nn.Conv3d, nn.ConvTranspose3d) if dims == 3 else (nn.Conv2d, nn.ConvTranspose2d)
        widths = [1, *features]
        self.down = nn.ModuleList([block(dims, widths[k], widths[k + 1], 2 if k else 1) for k in range(len(features))])
        steps = list(range(len(features) - 1, 0, -1))
        self.up = nn.ModuleList([up(features[k], features[k - 1], 2, 2) for k in steps])
        self.join = nn.ModuleList([block(dims, 2 * features[k - 1], features[k - 1], 1) for k in steps])
        self.head = nn.ModuleList([conv(features[k - 1], classes, 1) for k in steps])
        self.heads = heads

    def forward(self, x):
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        x = skips.pop()
        logits = []
        for k, (up, join, head) in enumerate(zip(self.up, self.join, self.head)):
            x = join(torch.cat([up(x), skips.pop()], 1))
            if self.heads or k == len(self.up) - 1:
                logits.insert(0, head(x))
        return tuple(logits) if self.heads else logits[0]


def loss_of(logits, target):
    space = tuple(range(2, logits.dim()))
    cross_entropy = F.cross_entropy(logits, target)
    p = torch.softmax(logits, 1)[:, 1:]
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)[:, 1:].to(p.dtype)
    dice = (2 * (p * truth).sum(space) + 1e-5) / (p.sum(space) + truth.sum(space) + 1e-5).clip(1e-8)
    return cross_entropy - dice.mean()


def best(work, seconds, at_least=3):
    work()
    times, end = [], time.perf_counter() + seconds
    while len(times) < at_least or time.perf_counter() < end:
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return {"min": min(times), "n": len(times)}


def network_workload(dims, features, patch, batch, seconds):
    torch.manual_seed(0)
    x = torch.randn(batch, 1, *patch)
    heads = len(features) - 1
    targets = [torch.randint(0, 3, (batch, *(n >> k for n in patch))) for k in range(heads)]
    weights = [0.5**k for k in range(heads)]
    weights[-1] = 0.0
    total = sum(weights)
    net, plain = PlainUNet(dims, features, 3, True), PlainUNet(dims, features, 3, False).eval()
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.99, nesterov=True, weight_decay=3e-5)

    def forward():
        with torch.no_grad():
            plain(x)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = sum(w / total * loss_of(y, t) for w, y, t in zip(weights, net(x), targets) if w)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 12)
        optimizer.step()

    return {"fwd": best(forward, seconds), "step": best(step, seconds)}


def convolution_workload(seconds):
    found = {}
    for channels, size in [(32, 64), (64, 32), (128, 16)]:
        x, dy = torch.randn(1, channels, size, size, size), torch.randn(1, channels, size, size, size)
        weight = torch.randn(channels, channels, 3, 3, 3) * 0.05
        rest = ([0], [1, 1, 1], [1, 1, 1], [1, 1, 1], False, [0, 0, 0], 1)
        backward = torch.ops.aten.convolution_backward
        found[f"c{channels}_s{size}"] = {
            "fwd": best(lambda: F.conv3d(x, weight, None, 1, 1), seconds / 2),
            "gradin": best(lambda: backward(dy, x, weight, *rest, [True, False, False]), seconds / 2),
            "gradw": best(lambda: backward(dy, x, weight, *rest, [False, True, False]), seconds / 2),
        }
    return found


def export(folder):
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(0)
    torch.onnx.export(PlainUNet(3, [32, 64, 128, 256], 3, False).eval(), torch.randn(2, 1, 40, 56, 40), os.path.join(folder, "A.onnx"), opset_version=13, input_names=["x"], output_names=["y"])
    for channels, size in [(32, 64), (64, 32), (128, 16)]:
        net = nn.Conv3d(channels, channels, 3, 1, 1, bias=False).eval()
        torch.onnx.export(net, torch.randn(1, channels, size, size, size), os.path.join(folder, f"c{channels}_s{size}.onnx"), opset_version=13, input_names=["x"], output_names=["y"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", default="A,B")
    parser.add_argument("--export")
    given = parser.parse_args()
    if given.export:
        export(given.export)
    else:
        only = given.only.split(",")
        result = {"version": torch.__version__, "threads": torch.get_num_threads()}
        with torch.no_grad():
            if "B" in only:
                result["B"] = convolution_workload(given.seconds)
        if "A" in only:
            result["A"] = network_workload(3, [32, 64, 128, 256], (40, 56, 40), 2, given.seconds)
        if "C" in only:
            result["C"] = network_workload(2, [32, 64, 128, 256, 512, 512, 512, 512], (512, 512), 12, given.seconds)
        result["peakMemoryBytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(result))
