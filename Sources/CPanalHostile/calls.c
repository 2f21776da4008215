// Class H: gaps of the system call filter. Each call that no program of a cell has a use for, with arguments that
// could do no harm: a filter that lets it through shows, as the kernel then complains about the arguments.
#include "hostile.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "denied.h"

const struct denied_call denied_calls[] = {
#define CALL(name) {#name, SYS_##name},
#include "denied.inc"
#undef CALL
    {0},
};

static void denied(int argc, char **argv) {
    (void)argc, (void)argv;
    for (const struct denied_call *call = denied_calls; call->name; call++) {
        unreached(call->name, syscall((long)call->number, -1L, -1L, -1L, -1L, -1L, -1L));
    }
}

static void by_number(const void *argument) {
    long answer = syscall(*(const long *)argument, -1L, -1L, -1L, -1L, -1L, -1L);
    _exit(answer == -1 && (errno == ENOSYS || errno == EPERM) ? 38 : 99);
}

// Numbers that no C library of this time knows: a new call must not slip through.
static void unknown(int argc, char **argv) {
    (void)argc, (void)argv;
    int wrong = 0;
    for (long number = 470; number < 1024; number++) {
        if (syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) == -1 && (errno == ENOSYS || errno == EPERM)) continue;
        if (wrong++ < 8) got("unknown number", "%ld is let through", number);
    }
    // Some of these look like the x32 entry, which ends whoever uses it.
    static const long odd[] = {-1, -2, 0x7fffffff, 0x10000, 0xffffffffL};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        int end = in_child(by_number, &odd[i]);
        if (end == 38 || end == 1000 + SIGSYS) continue;
        wrong++;
        got("odd number", "%ld is let through", odd[i]);
    }
    if (!wrong) held("numbers 470 to 1023 and odd ones", "ENOSYS");
}

static int empty(void *argument) {
    (void)argument;
    return 0;
}

static void namespaces(int argc, char **argv) {
    (void)argc, (void)argv;
    static const struct {
        const char *name;
        unsigned long flag;
    } kinds[] = {{"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"network", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC},
                 {"pid", CLONE_NEWPID}, {"uts", CLONE_NEWUTS}, {"time", CLONE_NEWTIME}, {"cgroup", CLONE_NEWCGROUP}};
    static char stack[65536] __attribute__((aligned(16)));
    char label[64];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(label, sizeof label, "unshare %s", kinds[i].name);
        refused(label, unshare((int)kinds[i].flag));
        // CLONE_NEWTIME lies in the signal's bits for clone and means nothing there.
        if (kinds[i].flag == CLONE_NEWTIME) continue;
        snprintf(label, sizeof label, "clone %s", kinds[i].name);
        refused(label, clone(empty, stack + sizeof stack, (int)kinds[i].flag | SIGCHLD, NULL));
        // Together with a bit above the 32 that clone reads, for a filter that compares all 64.
        snprintf(label, sizeof label, "clone %s with a high bit", kinds[i].name);
        long answer = syscall(SYS_clone, kinds[i].flag | SIGCHLD | 1UL << 40, 0L, 0L, 0L, 0L);
        if (answer == 0) _exit(0);
        refused(label, answer);
    }
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long answer = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (answer == 0) _exit(0);
    refused("clone3 user", answer);
    arguments.flags = 0x200000000ULL;
    answer = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (answer == 0) _exit(0);
    refused("clone3 into a control group", answer);
    int own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    refused("setns to its own user namespace", own < 0 ? -1 : setns(own, 0));
    if (own >= 0) close(own);
    own = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
    refused("setns to init's mounts", own < 0 ? -1 : setns(own, 0));
}

// Calls that are allowed with some arguments: with others they must not be.
static void arguments(int argc, char **argv) {
    (void)argc, (void)argv;
    // The kernel reads 32 bits of the request; a filter that compares 64 lets these through (CVE-2017-5226,
    // CVE-2020-13753).
    static const unsigned long requests[] = {0x5412, 0x541c, 0x100005412UL, 0xffffffff00005412UL, 0x80000000005412UL,
                                             0x10000541cUL, 0x5421UL << 32 | 0x5412};
    char label[80];
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        snprintf(label, sizeof label, "ioctl %#lx (TIOCSTI or TIOCLINUX)", requests[i]);
        unreached(label, syscall(SYS_ioctl, 0L, requests[i], "x"));
    }
    static const struct {
        const char *name;
        unsigned long number;
    } files[] = {{"ioctl FS_IOC_SETFLAGS", 0x40086602}, {"ioctl FS_IOC_FSSETXATTR", 0x401c5820},
                 {"ioctl FIFREEZE", 0xc0045877},        {"ioctl FICLONE", 0x40049409},
                 {"ioctl FS_IOC_ENABLE_VERITY", 0x40806685}, {"ioctl FIOASYNC", 0x5452}, {"ioctl TIOCSCTTY", 0x540e}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        unreached(files[i].name, syscall(SYS_ioctl, 0L, files[i].number, 0L));
    }
    static const struct {
        const char *name;
        long command;
    } commands[] = {{"fcntl F_SETLEASE", F_SETLEASE}, {"fcntl F_NOTIFY", F_NOTIFY}, {"fcntl F_SETOWN", F_SETOWN},
                    {"fcntl F_SETSIG", F_SETSIG},     {"fcntl F_SETPIPE_SZ", F_SETPIPE_SZ},
                    {"fcntl F_SETLEASE with a high bit", 1L << 32 | F_SETLEASE}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        unreached(commands[i].name, syscall(SYS_fcntl, 1L, commands[i].command, 1L));
    }
    static const struct {
        const char *name;
        int family;
    } families[] = {{"IPv4", AF_INET},       {"IPv6", AF_INET6},   {"netlink", AF_NETLINK}, {"packet", AF_PACKET},
                    {"vsock", 40},           {"crypto", AF_ALG},   {"bluetooth", AF_BLUETOOTH},
                    {"CAN", AF_CAN},         {"XDP", 44},          {"TIPC", AF_TIPC},       {"RDS", AF_RDS},
                    {"key", AF_KEY},         {"QIPCRTR", 42},      {"NFC", AF_NFC}};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        snprintf(label, sizeof label, "socket %s", families[i].name);
        unreached(label, socket(families[i].family, SOCK_DGRAM, 0));
        unreached(label, syscall(SYS_socket, 1UL << 32 | (unsigned long)families[i].family, (long)SOCK_RAW, 0L));
        unreached(label, syscall(SYS_socketpair, (long)families[i].family, (long)SOCK_DGRAM, 0L, NULL));
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
        unreached("urgent data on a Unix socket", send(pair[0], "x", 1, MSG_OOB));
        unreached("the same by sendmsg", syscall(SYS_sendmsg, (long)pair[0], NULL, (long)MSG_OOB));
        unreached("the same by recvmmsg", syscall(SYS_recvmmsg, (long)pair[0], NULL, 0L, (long)MSG_OOB, NULL));
    }
    unreached("personality without address randomisation", syscall(SYS_personality, (long)ADDR_NO_RANDOMIZE));
    unreached("personality that reads as executing", syscall(SYS_personality, (long)READ_IMPLIES_EXEC));
    unreached("personality of 32 bits", syscall(SYS_personality, (long)PER_LINUX32));
    refused("mknod of a character device", mknod("/tmp/device", S_IFCHR | 0666, 0x103));
    refused("mknod of a block device", mknod("/tmp/device", S_IFBLK | 0666, 0x800));
    long mode = 1L << 32 | S_IFCHR | 0666;
    refused("mknodat with a high bit", syscall(SYS_mknodat, (long)AT_FDCWD, "/tmp/device", mode, 0x103L));
    refused("mknod of a socket file", mknod("/tmp/socket", S_IFSOCK | 0666, 0));
}

// A filter of the program's own could only take away, but the kernel translates it into memory that no limit counts, of which a host has
// half a gigabyte at most.
static void own_filter(int argc, char **argv) {
    (void)argc, (void)argv;
    static const struct {
        uint16_t code;
        uint8_t yes, no;
        uint32_t k;
    } allow[] = {{6, 0, 0, 0x7fff0000}};
    const struct {
        unsigned short length;
        const void *filter;
    } program = {1, allow};
    refused("a filter by seccomp", syscall(SYS_seccomp, 1L, 0L, &program));
    refused("a filter by prctl", prctl(PR_SET_SECCOMP, 2, &program));
    unreached("unshare after it", unshare(CLONE_NEWUSER));
    unreached("keyctl after it", syscall(SYS_keyctl, 0L, -3L, 0L));
    refused("leave seccomp", prctl(PR_SET_SECCOMP, 0));
    // A listener would let a second process of the cell say that a call is to be carried out; this filter comes first.
    long answer = syscall(SYS_seccomp, 1L, 8L, &program);
    unreached("unshare with a listener", unshare(CLONE_NEWUSER));
    if (answer >= 0) close((int)answer);
}

const struct attack call_attacks[] = {
    {'H', "denied", "refused", "each denied call by its number", denied},
    {'H', "unknown", "refused", "call numbers that nobody knows yet", unknown},
    {'H', "namespaces", "refused", "new namespaces by unshare, clone, clone3 and setns", namespaces},
    {'H', "arguments", "refused", "allowed calls with arguments that are not: TIOCSTI, leases, sockets, devices",
     arguments},
    {'H', "own-filter", "refused", "undoing the filter by another one, and filters of its own", own_filter},
    {0},
};
