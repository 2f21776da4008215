#!/bin/sh
# Compiles a program with the image's mpicc and starts a rank on each core that the cell has. mpirun counts them itself.
set -eu
mpicc -O2 -Wall -Werror -o ring "$(dirname "$0")/ring.c"
mpirun --bind-to core ./ring >ranks.txt
cores=$(nproc)
[ "$(wc -l <ranks.txt)" = "$cores" ] && [ "$(sed 's/.* core //' ranks.txt | sort -u | wc -l)" = "$cores" ] ||
    { cat ranks.txt; echo "not each of the $cores cores has one rank"; exit 1; }
echo "each core has one rank"
