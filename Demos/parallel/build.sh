#!/bin/sh
# Compiles the program beside its source, when the source is newer.
set -eu
cd "$(dirname "$0")"
[ -x parallel ] && [ parallel -nt parallel.c ] && exit 0
${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -fopenmp -o parallel parallel.c
