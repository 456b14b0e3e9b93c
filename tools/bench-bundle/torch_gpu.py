"""PyTorch's side of the GPU bench: the same networks and layers on CUDA, in fp32, with TF32, and with AMP.

  python3 torch_gpu.py '{"sizes": {...}, "only": ["A", "B", "C"], "budget": 3}'   -> one line of JSON with seconds
"""
import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

if not torch.cuda.is_available():
    sys.exit("torch has no CUDA device here")
DEVICE = torch.device("cuda")


class Block(nn.Sequential):
    def __init__(self, dims, inputs, outputs, stride):
        conv, norm = ((nn.Conv2d, nn.InstanceNorm2d), (nn.Conv3d, nn.InstanceNorm3d))[dims - 2]
        super().__init__(
            conv(inputs, outputs, 3, stride, 1), norm(outputs, eps=1e-5, affine=True), nn.LeakyReLU(0.01, inplace=True),
            conv(outputs, outputs, 3, 1, 1), norm(outputs, eps=1e-5, affine=True), nn.LeakyReLU(0.01, inplace=True))


class UNet(nn.Module):
    def __init__(self, dims, features, classes):
        super().__init__()
        conv, up = ((nn.Conv2d, nn.ConvTranspose2d), (nn.Conv3d, nn.ConvTranspose3d))[dims - 2]
        self.encoder = nn.ModuleList(Block(dims, 1 if k == 0 else features[k - 1], f, 1 if k == 0 else 2) for k, f in enumerate(features))
        falling = list(range(len(features) - 2, -1, -1))
        self.ups = nn.ModuleList(up(features[k + 1], features[k], 2, 2) for k in falling)
        self.decoder = nn.ModuleList(Block(dims, 2 * features[k], features[k], 1) for k in falling)
        self.heads = nn.ModuleList(conv(features[k], classes, 1) for k in falling)

    def forward(self, x, deep):
        skips = []
        for part in self.encoder:
            x = part(x)
            skips.append(x)
        x, logits = skips.pop(), []
        for k, (up, part, head) in enumerate(zip(self.ups, self.decoder, self.heads)):
            x = part(torch.cat((up(x), skips.pop()), 1))
            if deep or k == len(self.heads) - 1:
                logits.append(head(x))
        return logits[::-1]


def dice_and_cross_entropy(logits, target):
    logits = logits.float()
    entropy = F.cross_entropy(logits, target)
    p = torch.softmax(logits, 1)
    with torch.no_grad():
        truth = torch.zeros_like(p).scatter_(1, target[:, None], 1)
    axes = tuple(range(2, p.ndim))
    overlap = (p * truth).sum(axes)[:, 1:]
    mass = p.sum(axes)[:, 1:] + truth.sum(axes)[:, 1:]
    return entropy - ((2 * overlap + 1e-5) / torch.clip(mass + 1e-5, 1e-8)).mean()


def best(body, budget):
    for _ in range(5):
        body()
    torch.cuda.synchronize()
    least, runs, end = float("inf"), 0, time.perf_counter() + budget
    while runs < 3 or (time.perf_counter() < end and runs < 500):
        begun = time.perf_counter()
        body()
        torch.cuda.synchronize()
        least, runs = min(least, time.perf_counter() - begun), runs + 1
    return least


def network(size, budget, amp):
    torch.manual_seed(0)
    patch, batch, classes = size["patch"], size["batch"], size["classes"]
    net = UNet(len(patch), size["features"], classes).to(DEVICE)
    x = torch.randn(batch, 1, *patch, device=DEVICE)
    outputs = len(size["features"]) - 1
    targets = [torch.randint(0, classes, (batch, *(n // 2 ** k for n in patch)), device=DEVICE) for k in range(outputs)]
    weights = [0.0 if k == outputs - 1 and outputs > 1 else 0.5 ** k for k in range(outputs)]
    weights = [w / sum(weights) for w in weights]
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.99, nesterov=True, weight_decay=3e-5)
    scaler = torch.cuda.amp.GradScaler(enabled=amp)

    def forward():
        with torch.no_grad(), torch.autocast("cuda", enabled=amp):
            net(x, False)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", enabled=amp):
            logits = net(x, True)
            loss = sum(w * dice_and_cross_entropy(z, t) for w, z, t in zip(weights, logits, targets) if w)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 12)
        scaler.step(optimizer)
        scaler.update()
        loss.item()

    return {"forward": best(forward, budget), "step": best(step, budget)}


def layer(channels, edge, budget, half):
    kind = torch.float16 if half else torch.float32
    x, dy = (torch.randn(1, channels, edge, edge, edge, device=DEVICE, dtype=kind) for _ in range(2))
    w = (torch.randn(channels, channels, 3, 3, 3, device=DEVICE) * 0.05).to(kind)
    backward = torch.ops.aten.convolution_backward
    rest = ([0], [1, 1, 1], [1, 1, 1], [1, 1, 1], False, [0, 0, 0], 1)
    return {
        "forward": best(lambda: F.conv3d(x, w, None, 1, 1), budget),
        "input gradient": best(lambda: backward(dy, x, w, *rest, [True, False, False]), budget),
        "weight gradient": best(lambda: backward(dy, x, w, *rest, [False, True, False]), budget),
    }


def main():
    asked = json.loads(sys.argv[1])
    sizes, only, budget = asked["sizes"], asked["only"], asked["budget"]
    torch.backends.cudnn.benchmark = True
    times = {}
    for column, tf32, amp in (("torch fp32", False, False), ("torch TF32", True, False), ("torch AMP", True, True)):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        for name in ("A", "C"):
            if name in only:
                for what, value in network(sizes[name], budget, amp).items():
                    times.setdefault(f"{name} {what}", {})[column] = value
        if "B" in only:
            for channels, edge in sizes["B"]:
                for what, value in layer(channels, edge, budget, amp).items():
                    times.setdefault(f"B c{channels} s{edge} {what}", {})[column] = value
    print(json.dumps({"device": f"{torch.cuda.get_device_name()}, torch {torch.__version__}", "times": times}))


main()
