// Class F: memory in every form that a limit could overlook. Each takes all it can get; `refused` then is as good as
// the end of the cell. What is taken is kept: the children stay.
#include "hostile.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <time.h>

enum { page = 4096, mebibyte = 1 << 20 };

static void refused_after(const char *label, long count) {
    char text[64];
    snprintf(text, sizeof text, "%s after %ld", error_name(errno), count);
    held(label, text);
}

static void anonymous(int argc, char **argv) {
    (void)argc, (void)argv;
    for (long i = 0;; i++) {
        char *memory = mmap(NULL, mebibyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return refused_after("mmap", i);
        for (int at = 0; at < mebibyte; at += page) memory[at] = 1;
    }
}

static void shared(int argc, char **argv) {
    (void)argc, (void)argv;
    for (long i = 0;; i++) {
        char *memory = mmap(NULL, mebibyte, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return refused_after("mmap", i);
        for (int at = 0; at < mebibyte; at += page) memory[at] = 1;
        // Only the pages stay, no process holds them in its own count.
        munmap(memory, mebibyte);
        if (i > 128) return held("shared memory that was let go", "it is given back");
    }
}

static void memory_file(int argc, char **argv) {
    (void)argc, (void)argv;
    static char text[mebibyte];
    memset(text, 'x', sizeof text);
    for (long i = 0;; i++) {
        int file = memfd_create("x", 0);
        if (file < 0) return refused_after("memfd_create", i);
        for (int part = 0; part < 16; part++) {
            if (write(file, text, sizeof text) < 0) {
                // The size of one file is bounded; the next one goes on.
                if (errno != EFBIG) return refused_after("write", i);
                break;
            }
        }
    }
}

// In the scratch, whose bytes are bounded too: whichever limit comes first.
static void scratch(int argc, char **argv) {
    (void)argc, (void)argv;
    static char text[65536];
    memset(text, 'x', sizeof text);
    char path[32];
    signal(SIGXFSZ, SIG_IGN);
    for (long i = 0;; i++) {
        snprintf(path, sizeof path, "/tmp/f%ld", i);
        int file = open(path, O_WRONLY | O_CREAT, 0600);
        if (file < 0) return refused_after("open", i);
        while (write(file, text, sizeof text) > 0) {}
        if (errno != EFBIG) return refused_after("write", i);
        close(file);
    }
}

static void fill(int file) {
    static char text[65536];
    fcntl(file, F_SETFL, O_NONBLOCK);
    while (write(file, text, sizeof text) > 0) {}
}

// Processes that each fill what they can open; `body` makes one pair.
static void by_many(const char *label, int (*body)(int pair[2])) {
    long made = 0;
    for (int process = 0; process < 24; process++) {
        pid_t child = fork();
        if (child != 0) continue;
        int pair[2];
        while (body(pair) == 0) {
            fill(pair[1]);
            fill(pair[0]);
        }
        stay();
    }
    int pair[2];
    while (body(pair) == 0) {
        fill(pair[1]);
        made++;
    }
    usleep(400000);
    refused_after(label, made);
}

static int pipe_pair(int pair[2]) { return pipe(pair); }
static int stream_pair(int pair[2]) { return socketpair(AF_UNIX, SOCK_STREAM, 0, pair); }
static int datagram_pair(int pair[2]) { return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair); }

static void pipes(int argc, char **argv) {
    (void)argc, (void)argv;
    by_many("pipe", pipe_pair);
}
static void sockets(int argc, char **argv) {
    (void)argc, (void)argv;
    by_many("socketpair", stream_pair);
}
static void datagrams(int argc, char **argv) {
    (void)argc, (void)argv;
    by_many("socketpair", datagram_pair);
}

// Descriptors on their way: sockets that hold sockets, which no process has open.
static void passed(int argc, char **argv) {
    (void)argc, (void)argv;
    for (long made = 0;; made++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0) return refused_after("socketpair", made);
        union {
            char bytes[CMSG_SPACE(2 * sizeof(int))];
            struct cmsghdr header;
        } control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
        control.header.cmsg_len = CMSG_LEN(sizeof pair);
        memcpy(CMSG_DATA(&control.header), pair, sizeof pair);
        char byte = 0;
        struct iovec part = {&byte, 1};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        if (sendmsg(pair[0], &message, MSG_DONTWAIT) < 0) return refused_after("sendmsg", made);
        close(pair[0]);
        close(pair[1]);
    }
}

// Reading the zero page takes no memory but the tables that lead to it.
static void page_tables(int argc, char **argv) {
    (void)argc, (void)argv;
    const size_t length = (size_t)1 << 38;
    volatile char *memory = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return refused_after("mmap", 0);
    madvise((void *)memory, length, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < length; at += 2 * mebibyte) (void)memory[at];
    got("page tables", "of %zu bytes", length);
}

static void mappings(int argc, char **argv) {
    (void)argc, (void)argv;
    for (int process = 0; process < 24; process++) {
        if (fork() != 0) continue;
        for (int i = 0;; i++) {
            // Neighbours with other rights, so that the kernel cannot make one mapping of them.
            int rights = i % 2 ? PROT_READ : PROT_WRITE;
            if (mmap(NULL, page, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) stay();
        }
    }
    usleep(1500000);
    held("mappings", "65,530 for each process");
}

static void timers(int argc, char **argv) {
    (void)argc, (void)argv;
    for (long made = 0;; made++) {
        timer_t timer;
        struct sigevent event = {.sigev_notify = SIGEV_NONE};
        if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0) return refused_after("timer_create", made);
    }
}

static void signals(int argc, char **argv) {
    (void)argc, (void)argv;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (long made = 0;; made++) {
        if (sigqueue(getpid(), SIGRTMIN + 1, (union sigval){0}) < 0) return refused_after("sigqueue", made);
    }
}

static void watches(int argc, char **argv) {
    (void)argc, (void)argv;
    refused("inotify", syscall(SYS_inotify_init1, 0L));
    for (int process = 0; process < 24; process++) {
        if (fork() != 0) continue;
        for (;;) {
            int event = eventfd(0, 0), epoll = epoll_create1(0);
            struct epoll_event watched = {.events = EPOLLIN};
            if (event < 0 || epoll < 0) stay();
            for (int other = 0; other < 1024; other++) epoll_ctl(epoll, EPOLL_CTL_ADD, other, &watched);
        }
    }
    usleep(800000);
    held("epoll", "the open files bound it");
}

static void locks(int argc, char **argv) {
    (void)argc, (void)argv;
    char path[32];
    // Many files with few locks each, since the kernel searches a file's locks one by one.
    for (long made = 0; made < 200000; made++) {
        static int file = -1;
        if (made % 2000 == 0) {
            snprintf(path, sizeof path, "/work/locks-%ld", made);
            file = open(path, O_RDWR | O_CREAT, 0600);
        }
        struct flock lock = {.l_type = F_WRLCK, .l_start = made % 2000 * 2, .l_len = 1};
        if (fcntl(file, F_OFD_SETLK, &lock) < 0) return refused_after("record locks", made);
    }
    held("record locks", "the open files bound them");
}

static void segments(int argc, char **argv) {
    (void)argc, (void)argv;
    for (long made = 0;; made++) {
        int segment = shmget(IPC_PRIVATE, mebibyte, IPC_CREAT | 0600);
        char *memory = segment < 0 ? (char *)-1 : shmat(segment, NULL, 0);
        if (memory == (char *)-1) return refused_after("shmget", made);
        for (int at = 0; at < mebibyte; at += page) memory[at] = 1;
        // Detached: the pages belong to no process any more.
        shmdt(memory);
    }
}

static void semaphores(int argc, char **argv) {
    (void)argc, (void)argv;
    for (long made = 0;; made++) {
        if (semget(IPC_PRIVATE, 32000, IPC_CREAT | 0600) < 0) return refused_after("semget", made);
    }
}

static void attributes(int argc, char **argv) {
    (void)argc, (void)argv;
    static char value[32768];
    int file = open("/work/attributes", O_RDWR | O_CREAT, 0600);
    char name[32];
    for (long made = 0; made < 100000; made++) {
        snprintf(name, sizeof name, "user.%ld", made);
        long answer = syscall(SYS_fsetxattr, (long)file, name, value, (long)sizeof value, 0L);
        if (answer < 0) return refused_after("fsetxattr", made);
    }
    got("extended attributes", "a hundred thousand");
}

static void locked(int argc, char **argv) {
    (void)argc, (void)argv;
    for (long made = 0;; made++) {
        void *memory = mmap(NULL, mebibyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED || mlock(memory, mebibyte) < 0) return refused_after("mlock", made);
    }
}

// Just below the limit, and then pages of files that have to be read again and again: slow, but never without an end.
static void thrash(int argc, char **argv) {
    (void)argc, (void)argv;
    size_t length = (size_t)(argc > 0 ? atoll(argv[0]) : 0);
    char *memory = mmap(NULL, length + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; memory != MAP_FAILED && at < length; at += page) memory[at] = 1;
    static const char *const files[] = {"/proc/self/exe", "/usr/bin/bash", "/usr/bin/perl", "/usr/bin/python3",
                                        "/usr/bin/gdb"};
    volatile char sum = 0;
    for (;;) {
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            int file = open(files[i], O_RDONLY);
            struct stat status;
            if (file < 0 || fstat(file, &status) < 0) continue;
            char *text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
            for (off_t at = 0; text != MAP_FAILED && at < status.st_size; at += page) sum = (char)(sum + text[at]);
            if (text != MAP_FAILED) munmap(text, (size_t)status.st_size);
            close(file);
        }
    }
}

const struct attack memory_attacks[] = {
    {'F', "anonymous", "charged", "memory by anonymous pages", anonymous},
    {'F', "shared", "bounded", "memory by shared pages", shared},
    {'F', "memfd", "charged", "memory by files without a name", memory_file},
    {'F', "tmpfs", "charged", "memory by files in the scratch", scratch},
    {'F', "pipes", "charged", "memory by full pipes", pipes},
    {'F', "sockets", "charged", "memory by full sockets", sockets},
    {'F', "datagrams", "charged", "memory by waiting datagrams", datagrams},
    {'F', "passed", "bounded", "memory by descriptors on their way", passed},
    {'F', "page-tables", "charged", "memory by page tables alone", page_tables},
    {'F', "mappings", "bounded", "memory by mappings alone", mappings},
    {'F', "timers", "bounded", "memory by timers", timers},
    {'F', "signals", "bounded", "memory by waiting signals", signals},
    {'F', "watches", "bounded", "memory by inotify and epoll", watches},
    {'F', "locks", "bounded", "memory by record locks", locks},
    {'F', "segments", "charged", "memory by System V segments that nobody has attached", segments},
    {'F', "semaphores", "charged", "memory by System V semaphores", semaphores},
    {'F', "attributes", "bounded", "memory by extended attributes", attributes},
    {'F', "mlock", "bounded", "memory that cannot be moved", locked},
    {'F', "thrash", "stopped", "thrashing at the memory limit", thrash},
    {0},
};
