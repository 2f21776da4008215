// panal-fault LOG ROLE CALL COUNT ANSWER PROGRAM
//
// Starts PROGRAM, a panal-launcher, and makes one system call of its processes fail, or lie: the COUNT-th call of the name CALL
// that processes of ROLE make, counted over all of that role from the moment at which the launcher itself is executed: PROGRAM may be
// a script that executes it. ANSWER is what the process sees instead of what the call does: a number,
// negative for an errno; or `lie`, which is success without effect: what write was to write, 0 for other calls. A hit appends
// `hit` to LOG. With ROLE `-` nothing is changed, and each call appends a line `role call count`.
//
// A role is how far below the launcher a process was made: 0 launcher, 1 maker of slots, 2 spawner, 3 init of a cell, 4 the process
// that becomes the program, which is let go when it executes. Whoever ends this ends all of them.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROLES = 8, CALLS = 512, PROCESSES = 4096 };

struct process {
    pid_t pid;
    int role; // -1 until its parent's stop has told it
    int isHeld; // stopped, and waits for its role
    int isChanged; // in a call that was replaced
    int64_t answer;
};

static struct process processes[PROCESSES];
static unsigned counts[ROLES][CALLS];

static struct process *find(pid_t pid) {
    struct process *free_one = NULL;
    for (int i = 0; i < PROCESSES; i++) {
        if (processes[i].pid == pid) return &processes[i];
        if (processes[i].pid == 0 && !free_one) free_one = &processes[i];
    }
    if (!free_one) exit(125);
    *free_one = (struct process){.pid = pid, .role = -1};
    return free_one;
}

static int is_launcher(pid_t pid) {
    char path[64], name[16] = {0};
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, name, sizeof name - 1);
    if (file >= 0) close(file);
    return length > 0 && strncmp(name, "panal-launcher", 14) == 0;
}

// Replaces the call that `pid` is about to make by one that does not exist.
static void take_call_away(pid_t pid) {
#if defined(__x86_64__)
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, pid, 0, &registers) < 0) return;
    registers.orig_rax = (unsigned long long)-1;
    ptrace(PTRACE_SETREGS, pid, 0, &registers);
#elif defined(__aarch64__)
    int none = -1;
    struct iovec part = {&none, sizeof none};
    ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &part);
#else
#error "only x86-64 and aarch64 are served"
#endif
}

static void set_answer(pid_t pid, int64_t answer) {
#if defined(__x86_64__)
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, pid, 0, &registers) < 0) return;
    registers.rax = (unsigned long long)answer;
    ptrace(PTRACE_SETREGS, pid, 0, &registers);
#else
    struct user_regs_struct registers;
    struct iovec part = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part) < 0) return;
    registers.regs[0] = (unsigned long long)answer;
    ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part);
#endif
}

#if defined(__x86_64__)
enum { CALL_WRITE = 1, CALL_PWRITE = 18 };
#else
enum { CALL_WRITE = 64, CALL_PWRITE = 68 };
#endif

int main(int count, char **arguments) {
    if (count != 7) return 125;
    int log = open(arguments[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int isList = strcmp(arguments[2], "-") == 0;
    int role = atoi(arguments[2]);
    int call = seccomp_syscall_resolve_name(arguments[3]);
    unsigned wanted = (unsigned)atoi(arguments[4]);
    int isLie = strcmp(arguments[5], "lie") == 0;
    int64_t answer = atoll(arguments[5]);
    int gate[2];
    FILE *list = fdopen(log, "a");
    if (!list || pipe2(gate, O_CLOEXEC) < 0) return 125;
    pid_t launcher = fork();
    if (launcher == 0) {
        char byte;
        if (read(gate[0], &byte, 1) != 1) _exit(125);
        execl(arguments[6], arguments[6], (char *)NULL);
        _exit(125);
    }
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK
        | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, launcher, 0, options) < 0) return 125;
    for (int number = 3; number < 5; number++) close(number); // the launcher's
    find(launcher)->role = 0;
    if (write(gate[1], "", 1) != 1) return 125;

    int code = 0, status, isBegun = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (pid < 0) continue;
        struct process *process = find(pid);
        if (!WIFSTOPPED(status)) {
            if (pid == launcher) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            *process = (struct process){0};
            continue;
        }
        int signal = WSTOPSIG(status), event = status >> 16;
        unsigned long message = 0;
        switch (event) {
        case PTRACE_EVENT_FORK:
        case PTRACE_EVENT_VFORK:
        case PTRACE_EVENT_CLONE:
            ptrace(PTRACE_GETEVENTMSG, pid, 0, &message);
            struct process *child = find((pid_t)message);
            child->role = process->role + 1;
            if (child->isHeld) ptrace(PTRACE_SYSCALL, child->pid, 0, 0);
            child->isHeld = 0;
            ptrace(PTRACE_SYSCALL, pid, 0, 0);
            continue;
        case PTRACE_EVENT_EXEC:
            if (process->role == 0) {
                isBegun = isBegun || is_launcher(pid);
                ptrace(PTRACE_SYSCALL, pid, 0, 0);
            } else {
                ptrace(PTRACE_DETACH, pid, 0, 0);
                *process = (struct process){0};
            }
            continue;
        case PTRACE_EVENT_STOP:
            if (signal != SIGTRAP) ptrace(PTRACE_LISTEN, pid, 0, 0); // stopped by a signal: stays so
            else if (process->role < 0) process->isHeld = 1;
            else ptrace(PTRACE_SYSCALL, pid, 0, 0);
            continue;
        }
        if (signal != (SIGTRAP | 0x80)) {
            ptrace(PTRACE_SYSCALL, pid, 0, signal);
            continue;
        }
        struct __ptrace_syscall_info info;
        if (isBegun && ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0) {
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr < CALLS && process->role < ROLES) {
                unsigned number = (unsigned)info.entry.nr, nth = ++counts[process->role][number];
                if (isList) {
                    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
                    fprintf(list, "%d %s %u\n", process->role, name ? name : "?", nth);
                    free(name);
                } else if (process->role == role && (int)number == call && nth == wanted) {
                    process->isChanged = 1;
                    process->answer = answer;
                    if (isLie)
                        process->answer =
                            number == CALL_WRITE || number == CALL_PWRITE ? (int64_t)info.entry.args[2] : 0;
                    take_call_away(pid);
                    dprintf(log, "hit\n");
                }
            } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && process->isChanged) {
                process->isChanged = 0;
                set_answer(pid, process->answer);
            }
        }
        ptrace(PTRACE_SYSCALL, pid, 0, 0);
    }
    fclose(list);
    return code;
}
