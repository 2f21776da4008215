#!/usr/bin/python3
"""Solves a system of linear equations: numpy, scipy, pillow and matplotlib of the image have to be there."""

import os
import sys

import numpy
import scipy.linalg
from matplotlib import pyplot
from PIL import Image

count = int(sys.argv[1])
wanted = numpy.sin(numpy.arange(count))
matrix = numpy.random.default_rng(1).normal(size=(count, count)) + count * numpy.eye(count)
found = scipy.linalg.solve(matrix, matrix @ wanted)
print("residual is small" if numpy.abs(found - wanted).max() < 1e-9 else "residual is large")
# The machine's own files are not in sight.
print("host" if os.path.exists("/usr/bin/cc") or os.path.exists("/usr/bin/apt-get") else "no host")
numpy.savetxt("solution.csv", found, delimiter=",")
pyplot.plot(found)
pyplot.savefig("solution.png")
Image.open("solution.png").verify()
