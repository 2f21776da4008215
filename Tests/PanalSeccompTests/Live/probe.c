/* Loads a filter and makes calls under it. Each call runs in a child of its own; a line per call says what came of it:
   `name errno N` (0: carried out) or `name signal N`. usage: probe FILTER-FILE */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sock_filter program[4096];

/* Where socketpair writes to; the other calls have no fourth argument. */
static int pair[2];

static long int80(long number) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static const struct {
    const char *name;
    long number;
    long first, second;
    int legacy;
} calls[] = {
    {"getpid", SYS_getpid, 0, 0, 0},
    {"prctl", SYS_prctl, PR_GET_SECCOMP, 0, 0},
    {"unshare", SYS_unshare, 0x10000000, 0, 0},
    {"clone-newuser", SYS_clone, 0x10000011, 0, 0},
    {"clone3", 435, 0, 0, 0},
    {"keyctl", SYS_keyctl, 0, 0, 0},
    {"ptrace", SYS_ptrace, 0, 0, 0},
    {"io_uring_setup", 425, 1, 0, 0},
    {"bpf", SYS_bpf, 0, 0, 0},
    {"inet-socket", SYS_socket, 2, 1, 0},
    {"unix-socket", SYS_socket, 1, 1, 0},
    {"unix-pair", SYS_socketpair, 1, 1, 0},
    {"tiocsti-high", SYS_ioctl, 0, 0x100005412, 0},
    {"setlease-high", SYS_fcntl, 0, 0x100000400, 0},
    {"gap", 400, 0, 0, 0},
    {"future", 2000, 0, 0, 0},
    {"x32-getpid", 0x40000000 + SYS_getpid, 0, 0, 0},
    {"i386-getpid", 20, 0, 0, 1},
};

int main(int count, char **words) {
    if (count != 2) return 2;
    int file = open(words[1], O_RDONLY);
    long size = read(file, program, sizeof program);
    if (size <= 0) return 3;
    struct sock_fprog filter = {.len = size / sizeof program[0], .filter = program};
    for (unsigned place = 0; place < sizeof calls / sizeof calls[0]; place++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(200);
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) _exit(201);
            errno = 0;
            long result = calls[place].legacy
                ? int80(calls[place].number)
                : syscall(calls[place].number, calls[place].first, calls[place].second, 0, pair, 0, 0);
            _exit(result < 0 ? errno : 0);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child) return 4;
        if (WIFSIGNALED(status)) printf("%s signal %d\n", calls[place].name, WTERMSIG(status));
        else printf("%s errno %d\n", calls[place].name, WEXITSTATUS(status));
    }
    return 0;
}
