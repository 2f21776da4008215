// Shared by the attacks.
#ifndef HOSTILE_H
#define HOSTILE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct attack {
    char class;
    const char *name;
    /// How the host runs and judges it:
    /// refused   everything is refused, and it ends by itself
    /// charged   it takes all it can get, all of which counts as memory: the end is memoryExceeded
    /// bounded   it takes all it can get: the end is memoryExceeded, or refusals and an end of its own
    /// stopped   it never ends by itself: a limit ends it
    /// killed    it brings its own cell down
    /// flood     it writes until it is stopped for that
    /// results   it ends by itself, and its work folder is looked at
    /// facts     what it prints is held against what was ordered
    /// channel   `send` in one cell, `receive` in another
    /// helper    part of something the host does
    const char *plan;
    const char *what;
    void (*run)(int argc, char **argv);
};

void held(const char *label, const char *why);
void got(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fact(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ready(void);

/// Held when `answer` is negative, by the name of errno; else got.
void refused(const char *label, long answer);
/// Held when errno is EPERM, EACCES or ENOSYS: any other number means that the kernel looked at the arguments.
void unreached(const char *label, long answer);
const char *error_name(int number);
/// Carries `body` out in a child; its exit code, or 1000 + the signal that ended it.
int in_child(void (*body)(const void *), const void *argument);
/// Creates a file with one short line.
void write_file(const char *path, const char *text);
/// Waits until somebody ends this process.
void stay(void) __attribute__((noreturn));

extern const struct attack output_attacks[], rootfs_attacks[], descriptor_attacks[], rights_attacks[], bomb_attacks[],
    memory_attacks[], channel_attacks[], call_attacks[], entry_attacks[], privilege_attacks[];

#endif
