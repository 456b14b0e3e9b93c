"""Histogram and percentiles with NumPy over float32 values sin(k). Prints the least CPU seconds of three.

Usage: python3 intensities.py <voxels>
"""
import json, sys, time
import numpy as np

values = np.sin(np.arange(int(sys.argv[1]))).astype(np.float32)
jobs = {
    'histogram of 256 bins': lambda: np.histogram(values, 256, (-1, 1)),
    'percentiles 0.5, 50, 99.5': lambda: np.percentile(values, (.5, 50, 99.5)),
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
