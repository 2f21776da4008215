/* Hands a megabyte around all ranks, adding one at each, and tells on which core each rank is. */
#define _GNU_SOURCE
#include <mpi.h>
#include <sched.h>
#include <stdio.h>

enum { COUNT = 1 << 18 };
static int numbers[COUNT];

int main(int argc, char **argv) {
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int next = (rank + 1) % size, last = (rank + size - 1) % size;
    for (int turn = 0; turn < 100; turn++) {
        MPI_Sendrecv_replace(numbers, COUNT, MPI_INT, next, 0, last, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        for (int place = 0; place < COUNT; place++) numbers[place]++;
    }
    long own = numbers[COUNT - 1], all = 0;
    MPI_Allreduce(&own, &all, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    if (all != 100L * size) MPI_Abort(MPI_COMM_WORLD, 1);
    printf("rank %d of %d on core %d\n", rank, size, sched_getcpu());
    MPI_Finalize();
    return 0;
}
