// Class G: futexes. One on a page of a file is found by the file's inode and page, whoever maps it and however: whoever waits
// there can be woken by another cell. Besides the call itself the kernel wakes of its own accord when a thread or a process ends,
// at addresses that the program has named, and never asks whether it could write there.
#include "channels.h"

#include <linux/futex.h>
#include <sched.h>
#include <time.h>

static const size_t page = 4096;

static uint32_t *map(int file) { return mmap(NULL, page, PROT_READ, MAP_PRIVATE, file, 0); }

static long wait_for(uint32_t *word, const struct timespec *limit) {
    return syscall(SYS_futex, word, (long)FUTEX_WAIT, (long)*word, limit, NULL, 0L);
}

/// Where this process waits itself, for want of a child.
static uint32_t *own_place;

static int wait_at(int file) {
    uint32_t *word = map(file);
    if (word == MAP_FAILED) return 0;
    pid_t child = fork();
    if (child < 0 && !own_place) own_place = word;
    if (child == 0) {
        for (;;) {
            if (wait_for(word, NULL) < 0 && errno != EINTR && errno != EAGAIN) _exit(1);
        }
    }
    return 1;
}

static int wake_at(int file) {
    uint32_t *word = map(file);
    return word != MAP_FAILED && syscall(SYS_futex, word, (long)FUTEX_WAKE, 1L, NULL, NULL, 0L) > 0;
}

int futex_send(const char *token) {
    (void)token;
    if (!each_shared_file(wait_at)) return -1;
    // The children have to be asleep before anybody looks.
    usleep(50000);
    return 0;
}

int futex_receive(const char *token) {
    (void)token;
    // A sender without children goes to sleep only after it has said that it is ready.
    for (int i = 0; i < patience / 30; i++) {
        if (each_shared_file(wake_at)) return 1;
        usleep(10000);
    }
    return 0;
}

void futex_stay(void) {
    while (own_place && (wait_for(own_place, NULL) == 0 || errno == EINTR || errno == EAGAIN)) {}
}

// Of this program's own file: nobody but such programs has it mapped.
static uint32_t *word_at(int index) {
    int file = open("/proc/self/exe", O_RDONLY);
    uint32_t *words = map(file);
    if (file >= 0) close(file);
    return words == MAP_FAILED ? NULL : words + index;
}

/// Carries `wake` out again and again in a child.
static int keep_waking(uint32_t *word, void (*wake)(uint32_t *word)) {
    if (!word) return -1;
    pid_t child = fork();
    if (child != 0) return child < 0 ? -1 : 0;
    for (;;) {
        wake(word);
        usleep(2000);
    }
}

static int is_woken(uint32_t *word) {
    const struct timespec limit = {patience / 1000, patience % 1000 * 1000000L};
    return word && wait_for(word, &limit) == 0;
}

static int end(void *argument) {
    (void)argument;
    return 0;
}

/// A thread's end clears a word of its choice, when it can, and wakes there.
static void wake_by_exit(uint32_t *word) {
    static char stack[65536] __attribute__((aligned(16)));
    pid_t thread = clone(end, stack + sizeof stack, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL, word);
    if (thread > 0) waitpid(thread, NULL, 0);
}

/// A process's end wakes at the lock that it was about to give back, where that reads 0.
static void wake_by_robust_list(uint32_t *word) {
    pid_t child = fork();
    if (child == 0) {
        static struct robust_list_head head;
        head.list.next = &head.list;
        head.list_op_pending = (struct robust_list *)word;
        syscall(SYS_set_robust_list, &head, sizeof head);
        _exit(0);
    }
    if (child > 0) waitpid(child, NULL, 0);
}

// The fifth word of an executable is never 0; the third one, padding, is.
int exit_send(const char *token) {
    (void)token;
    return keep_waking(word_at(4), wake_by_exit);
}
int exit_receive(const char *token) {
    (void)token;
    return is_woken(word_at(4));
}
int robust_send(const char *token) {
    (void)token;
    return keep_waking(word_at(2), wake_by_robust_list);
}
int robust_receive(const char *token) {
    (void)token;
    return is_woken(word_at(2));
}
