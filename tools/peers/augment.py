"""nnU-Net's 3D training augmentation of one patch with SciPy and NumPy, for `bench-transforms.mjs`.

Usage: python3 augment.py <patch edge> <initial edge> <patches>. Prints CPU seconds per patch.
"""
import sys, time
import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates, zoom

patch, initial, count = (int(a) for a in sys.argv[1:4])


def rotation(angles, scale):
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return rz @ ry @ rx * scale


def spatial(image, seg, rng):
    turn, resize = rng.random() < .2, rng.random() < .2
    if not turn and not resize:
        s = initial // 2 - patch // 2
        cut = slice(s, s + patch)
        return image[:, cut, cut, cut], seg[cut, cut, cut]
    a = rotation(rng.uniform(-np.pi / 6, np.pi / 6, 3) if turn else np.zeros(3), rng.uniform(.7, 1.4) if resize else 1)
    grid = np.stack(np.meshgrid(*[np.arange(patch) - (patch - 1) / 2] * 3, indexing='ij')).reshape(3, -1)
    where = (a @ grid + (initial - 1) / 2).reshape(3, patch, patch, patch)
    moved = np.stack([map_coordinates(c, where, order=1, mode='constant') for c in image])
    best, labels = np.full(seg.shape[:0] + (patch,) * 3, -1, np.float32), np.zeros((patch,) * 3, np.int16)
    for label in np.unique(seg):
        weight = map_coordinates((seg == label).astype(np.float32), where, order=1, mode='constant')
        better = weight > best
        labels[better] = label
        best[better] = weight[better]
    labels[((where < 0) | (where > initial - 1)).any(0)] = -1
    return moved, labels


def factor(rng):
    return rng.uniform(.75, 1) if rng.random() < .5 else rng.uniform(1, 1.25)


def gamma(x, rng, invert):
    g = rng.uniform(.7, 1) if rng.random() < .5 else rng.uniform(1, 1.5)
    for c in range(len(x)):
        v = -x[c] if invert else x[c]
        mean, std, low = v.mean(), v.std(ddof=1), v.min()
        wide = v.max() - low
        v = np.power((v - low) / max(wide, 1e-7), g) * wide + low
        v = (v - v.mean()) / max(v.std(ddof=1), 1e-7) * std + mean
        x[c] = -v if invert else v
    return x


def augment(image, seg, rng):
    x, labels = spatial(image, seg, rng)
    x, labels = np.ascontiguousarray(x).astype(np.float32), np.ascontiguousarray(labels)
    if rng.random() < .1:
        x += rng.normal(0, rng.uniform(0, .1), x.shape).astype(np.float32)
    if rng.random() < .2:
        for c in range(len(x)):
            if rng.random() < .5:
                for axis in range(3):
                    x[c] = gaussian_filter1d(x[c], rng.uniform(.5, 1), axis, mode='mirror', truncate=3)
    if rng.random() < .15:
        for c in range(len(x)):
            x[c] *= factor(rng)
    if rng.random() < .15:
        for c in range(len(x)):
            mean, low, high = x[c].mean(), x[c].min(), x[c].max()
            x[c] = np.clip((x[c] - mean) * factor(rng) + mean, low, high)
    if rng.random() < .25:
        for c in range(len(x)):
            if rng.random() < .5:
                small = zoom(x[c], rng.uniform(.5, 1), order=0, mode='nearest', grid_mode=True)
                x[c] = zoom(small, np.array(x[c].shape) / small.shape, order=1, mode='nearest', grid_mode=True)
    if rng.random() < .1:
        x = gamma(x, rng, True)
    if rng.random() < .3:
        x = gamma(x, rng, False)
    for axis in range(3):
        if rng.random() < .5:
            x, labels = np.flip(x, axis + 1), np.flip(labels, axis)
    labels = np.where(labels == -1, 0, labels)
    return np.ascontiguousarray(x), np.ascontiguousarray(labels)


rng = np.random.default_rng(0)
image = rng.normal(size=(1, initial, initial, initial)).astype(np.float32)
seg = np.zeros((initial,) * 3, np.int16)
seg[initial // 4:initial // 2, initial // 4:initial // 2] = 1
seg[initial // 2:, initial // 3:initial // 2] = 2
augment(image, seg, rng)
begin = time.process_time()
for _ in range(count):
    augment(image, seg, rng)
print((time.process_time() - begin) / count)
