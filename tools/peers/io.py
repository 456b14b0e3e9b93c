"""The peer of the io bench: nibabel reads and writes the same file. Prints one JSON line.

usage: io.py FILE.nii.gz OUT.nii.gz ROUNDS
"""
import json
import resource
import sys
import time

import nibabel as nib
import numpy as np

source, target, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
read, write = [], []
for _ in range(rounds):
    start = time.perf_counter()
    image = nib.load(source)
    voxels = np.asarray(image.dataobj)
    read.append(time.perf_counter() - start)
    out = nib.Nifti1Image(voxels, image.affine)
    start = time.perf_counter()
    nib.save(out, target)
    write.append(time.perf_counter() - start)
print(json.dumps({"read": min(read), "write": min(write), "cpu": resource.getrusage(resource.RUSAGE_SELF).ru_utime,
                  "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "nibabel": nib.__version__}))
