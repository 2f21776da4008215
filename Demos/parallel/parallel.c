/* Computes the Mandelbrot set on all cores that it was given, and shows which core did how much.
 *
 * usage: parallel SIZE DETAIL
 *
 * The same picture is computed twice, by one thread and by one thread for each core of the affinity mask; the two must
 * agree. Rows are handed out one by one, because those through the middle of the set take far longer than those at its
 * edges. */
#define _GNU_SOURCE
#include <errno.h>
#include <omp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { largest_core = CPU_SETSIZE };

struct work {
    double seconds;            /* from start to end */
    uint64_t sum;              /* of all iteration counts, to compare pictures */
    double busy[largest_core]; /* seconds that each core computed */
    long rows[largest_core];   /* rows that each core finished */
    uint64_t steps[largest_core];
};

static void fail(const char *message) {
    fprintf(stderr, "parallel: %s\n", message);
    exit(2);
}

static long number(const char *text, long least, long most, const char *what) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > most) {
        fprintf(stderr, "parallel: %s should be a whole number from %ld to %ld, not \"%s\"\n", what, least, most, text);
        exit(2);
    }
    return value;
}

/* Steps until the point leaves the circle of radius 2, at most `detail`. */
static unsigned escape(double x, double y, unsigned detail) {
    double a = 0, b = 0, aa = 0, bb = 0;
    unsigned step = 0;
    while (step < detail && aa + bb <= 4) {
        b = 2 * a * b + y;
        a = aa - bb + x;
        aa = a * a;
        bb = b * b;
        step++;
    }
    return step;
}

/* Keeps the calling thread on the core with this place in the mask: each thread then has one of its own from the first
 * row on. Where that is not allowed the kernel spreads the threads, only later. */
static void settle(const cpu_set_t *mask, int place) {
    for (int core = 0; core < largest_core; core++) {
        if (!CPU_ISSET(core, mask) || place-- > 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        (void)sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

static void compute(struct work *work, uint16_t *image, int size, unsigned detail, const cpu_set_t *mask, int threads) {
    memset(work, 0, sizeof *work);
    uint64_t sum = 0;
    double start = omp_get_wtime();
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    {
        if (threads > 1) settle(mask, omp_get_thread_num());
#pragma omp for schedule(dynamic, 1)
        for (int row = 0; row < size; row++) {
            double begun = omp_get_wtime();
            uint64_t steps = 0;
            for (int column = 0; column < size; column++) {
                unsigned step = escape(-2.2 + 3.0 * column / size, -1.5 + 3.0 * row / size, detail);
                image[(size_t)row * size + column] = step;
                steps += step;
            }
            sum += steps;
            int core = sched_getcpu();
            if (core < 0 || core >= largest_core) continue;
            double spent = omp_get_wtime() - begun;
            /* Two threads may share a core. */
#pragma omp critical
            {
                work->busy[core] += spent;
                work->rows[core]++;
                work->steps[core] += steps;
            }
        }
    }
    work->seconds = omp_get_wtime() - start;
    work->sum = sum;
}

/* A bar for each core, and below it the set in coarse squares. */
static void draw(const struct work *work, const uint16_t *image, int size, unsigned detail, const char *title) {
    FILE *file = fopen("cores.svg", "w");
    if (file == NULL) {
        perror("parallel: cores.svg");
        exit(1);
    }
    int cores = 0;
    double longest = 0;
    for (int core = 0; core < largest_core; core++) {
        if (work->rows[core] == 0) continue;
        cores++;
        if (work->busy[core] > longest) longest = work->busy[core];
    }
    int cells = size < 96 ? size : 96, top = 60 + 30 * cores + 20, height = top + 5 * cells + 20;
    fprintf(file,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 %d\" width=\"640\" height=\"%d\" "
        "font-family=\"sans-serif\" font-size=\"14\">\n"
        "<rect width=\"640\" height=\"%d\" fill=\"#fffaf0\"/>\n"
        "<text x=\"20\" y=\"32\" font-size=\"17\" font-weight=\"bold\">%s</text>\n",
        height, height, height, title);
    for (int core = 0, line = 0; core < largest_core; core++) {
        if (work->rows[core] == 0) continue;
        int y = 55 + 30 * line++;
        fprintf(file,
            "<text x=\"20\" y=\"%d\">core %d</text><rect x=\"90\" y=\"%d\" width=\"%.1f\" height=\"20\" rx=\"3\" "
            "fill=\"#e8a317\"/><text x=\"%.1f\" y=\"%d\">%ld rows, %.2f s</text>\n",
            y + 15, core, y, 380 * work->busy[core] / longest, 98 + 380 * work->busy[core] / longest, y + 15,
            work->rows[core], work->busy[core]);
    }
    for (int row = 0; row < cells; row++) {
        for (int column = 0; column < cells; column++) {
            unsigned step = image[(size_t)(row * size / cells) * size + (size_t)column * size / cells];
            if (step < 4) continue;
            int shade = step >= detail ? 30 : 250 - (step > 40 ? 160 : 4 * (int)step);
            fprintf(file, "<rect x=\"%d\" y=\"%d\" width=\"5\" height=\"5\" fill=\"rgb(%d,%d,%d)\"/>\n",
                20 + 5 * column, top + 5 * row, shade, shade * 2 / 3, step >= detail ? 20 : 40);
        }
    }
    fprintf(file, "</svg>\n");
    if (ferror(file) != 0 || fclose(file) != 0) {
        perror("parallel: cores.svg");
        exit(1);
    }
}

int main(int count, char **arguments) {
    if (count != 3) fail("usage: parallel SIZE DETAIL");
    int size = (int)number(arguments[1], 64, 4096, "the size");
    unsigned detail = (unsigned)number(arguments[2], 10, 10000, "the detail");

    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) != 0) {
        perror("parallel: sched_getaffinity");
        return 1;
    }
    int threads = CPU_COUNT(&mask);
    printf("cores given: %d (", threads);
    const char *comma = "";
    for (int core = 0; core < largest_core; core++) {
        if (!CPU_ISSET(core, &mask)) continue;
        printf("%s%d", comma, core);
        comma = ", ";
    }
    printf(")\nthreads: %d\n", threads);

    uint16_t *image = malloc(sizeof *image * (size_t)size * size);
    if (image == NULL) fail("there is not enough memory for a picture of this size");
    static struct work alone, together;
    compute(&alone, image, size, detail, &mask, 1);
    printf("one thread: %8.3f s\n", alone.seconds);
    fflush(stdout);
    compute(&together, image, size, detail, &mask, threads);
    printf("all threads:%8.3f s\n", together.seconds);
    if (alone.sum != together.sum) {
        fprintf(stderr, "parallel: the two pictures differ\n");
        return 1;
    }
    double gain = alone.seconds / together.seconds;
    printf("speed-up: %.2f (%.0f %% of %d)\n\n", gain, 100 * gain / threads, threads);
    for (int core = 0; core < largest_core; core++) {
        if (together.rows[core] == 0) continue;
        printf("core %3d: %5ld rows, %12llu steps, %7.3f s\n", core, together.rows[core],
            (unsigned long long)together.steps[core], together.busy[core]);
    }
    char title[100];
    snprintf(title, sizeof title, "%d core%s: %.2f times as fast as one thread", threads, threads == 1 ? "" : "s",
        gain);
    draw(&together, image, size, detail, title);
    free(image);
    return 0;
}
