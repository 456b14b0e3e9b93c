"""Connected components, distance transform and hole filling with SciPy on a synthetic mask. Prints the least CPU seconds of three.

Usage: python3 components.py <z> <y> <x>
"""
import json, sys, time
import numpy as np
from scipy import ndimage

z, y, x = (np.arange(int(n)) for n in sys.argv[1:4])
mask = (np.sin(z * .21)[:, None, None] + np.cos(y * .17)[:, None] * np.sin(x * .13)) > .15
jobs = {
    'components 6': lambda: ndimage.label(mask),
    'components 26': lambda: ndimage.label(mask, np.ones((3, 3, 3))),
    'distance': lambda: ndimage.distance_transform_edt(mask, sampling=(2.5, .8, .8)),
    'fill holes': lambda: ndimage.binary_fill_holes(mask),
}
found = {}
for name, job in jobs.items():
    times = []
    for _ in range(3):
        begin = time.process_time()
        job()
        times.append(time.process_time() - begin)
    found[name] = min(times)
print(json.dumps(found))
