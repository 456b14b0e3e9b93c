"""nnU-Net's preprocessing of a synthetic CT with SciPy and scikit-image, for `bench-transforms.mjs`. Prints user and wall seconds.

Usage: python3 preprocess.py <z> <y> <x> <spacing z,y,x> <target z,y,x>
"""
import sys, time
import numpy as np
from scipy.ndimage import binary_fill_holes, map_coordinates
from skimage.transform import resize


def resample(volume, shape, order, separate):
    if not separate:
        return resize(volume.astype(float), shape, order, mode='edge', anti_aliasing=False, clip=True)
    planes = np.stack([resize(plane.astype(float), shape[1:], order, mode='edge', anti_aliasing=False, clip=True) for plane in volume])
    z = np.clip(np.floor((np.arange(shape[0]) + .5) * (len(planes) / shape[0])).astype(int), 0, len(planes) - 1)
    return planes[z]


def labels(volume, shape, separate):
    result = np.zeros(shape)
    for label in np.sort(np.unique(volume)):
        result[resample(volume == label, shape, 1, separate) >= .5] = label
    return result


shape = tuple(int(n) for n in sys.argv[1:4])
spacing, target = ([float(s) for s in text.split(',')] for text in sys.argv[4:6])
z, y, x = np.ogrid[:shape[0], :shape[1], :shape[2]]
image = ((np.sin(z * .1) + np.cos(y * .05) * np.sin(x * .07)) * 500).astype(np.float32)
seg = ((z - shape[0] / 2) ** 2 / shape[0] ** 2 + (y - shape[1] / 2) ** 2 / shape[1] ** 2 + (x - shape[2] / 2) ** 2 / shape[2] ** 2 < .06).astype(np.int16)
seg[shape[0] // 2:] *= 2
begin, cpu = time.perf_counter(), time.process_time()
mask = binary_fill_holes(image != 0)
box = [(a.min(), a.max() + 1) for a in np.where(mask)]
cut = tuple(slice(*b) for b in box)
data, seg, mask = image[cut], seg[cut], mask[cut]
seg = np.where((seg == 0) & ~mask, -1, seg)
data = (np.clip(data, -400, 800) - 50) / 200
new = tuple(int(np.round(s / t * n)) for s, t, n in zip(spacing, target, data.shape))
separate = max(spacing) / min(spacing) > 3
data = resample(data, new, 3, separate).astype(np.float32)
seg = labels(seg, new, separate).astype(np.int8)
print(time.process_time() - cpu, time.perf_counter() - begin, data.shape, float(data.mean()), int(seg.sum()))
