// Class A: outputs that lead host code outside when it collects them (Judge0 CVE-2024-28185, -28189). Arguments:
// paths of the host that a link could point to. Each leaves an honest file, which has to arrive all the same.
#include "hostile.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void honest(void) {
    if (chdir("/work") < 0) got("chdir", "%s", error_name(errno));
    write_file("honest", "honest\n");
}

static void links(int argc, char **argv) {
    honest();
    static const char *const targets[] = {"/etc/passwd", "/proc/self/exe", "/proc/self/fd/0",
                                          "/proc/self/root/etc/passwd", "/proc/1/root", "/dev/fd/1",
                                          "/proc/self/cwd/honest", "/dev/zero", "/",
                                          "honest", ".", "nowhere", "loop-8"};
    char path[64];
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        snprintf(path, sizeof path, "link-%zu", i);
        if (symlink(targets[i], path) < 0) got(path, "%s", error_name(errno));
    }
    for (int i = 0; i < argc; i++) {
        snprintf(path, sizeof path, "host-%d", i);
        symlink(argv[i], path);
        char up[4200];
        snprintf(up, sizeof up, "../../../../../../../../../..%s", argv[i]);
        snprintf(path, sizeof path, "up-%d", i);
        symlink(up, path);
    }
    symlink("loop-b", "loop-a");
    symlink("loop-a", "loop-b");
    held("links", "left in the work folder");
}

// Parents that are links: what lies below them must not be taken by their name.
static void parents(int argc, char **argv) {
    honest();
    symlink("/", "root");
    symlink("..", "above");
    symlink("../../../../../..", "far-above");
    symlink("/proc/self/cwd", "here");
    symlink(".", "again");
    mkdir("real", 0755);
    write_file("real/inner", "inner\n");
    symlink("real", "real-link");
    for (int i = 0; i < argc; i++) {
        char folder[4200], path[64];
        snprintf(folder, sizeof folder, "%s", argv[i]);
        char *slash = strrchr(folder, '/');
        if (slash) *slash = 0;
        snprintf(path, sizeof path, "parent-%d", i);
        symlink(folder, path);
    }
    held("links as parents", "left in the work folder");
}

static void hard_links(int argc, char **argv) {
    honest();
    static const char *const targets[] = {"/etc/passwd", "/usr/bin/env", "/proc/self/exe", "/dev/null",
                                          "/proc/self/status"};
    char path[64];
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        snprintf(path, sizeof path, "hard-%zu", i);
        refused(targets[i], linkat(AT_FDCWD, targets[i], AT_FDCWD, path, AT_SYMLINK_FOLLOW));
    }
    for (int i = 0; i < argc; i++) {
        refused(argv[i], linkat(AT_FDCWD, argv[i], AT_FDCWD, "hard-host", AT_SYMLINK_FOLLOW));
    }
    write_file("twice", "twice\n");
    link("twice", "twice-again");
    // One end in the other folder of the scratch: both are one file system behind two mounts.
    write_file("outside-in", "x\n");
    refused("a link from /tmp into /work", link("outside-in", "/tmp/outside-in"));
    held("hard links", "left in the work folder");
}

static void special(int argc, char **argv) {
    (void)argc, (void)argv;
    honest();
    if (mkfifo("pipe", 0666) < 0) held("mkfifo", error_name(errno));
    mkfifo("pipe-with-writer", 0666);
    int both = open("pipe-with-writer", O_RDWR | O_NONBLOCK);
    if (both >= 0 && write(both, "x", 1) < 0) held("write", error_name(errno));
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/work/socket"};
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0) held("bind", error_name(errno));
    refused("a character device", mknod("zero", S_IFCHR | 0666, makedev(1, 5)));
    refused("a block device", mknod("disk", S_IFBLK | 0666, makedev(8, 0)));
    mkdir("folder", 0755);
    mkfifo("folder/pipe", 0666);
    // Held with an exclusive lock until this process ends, and by a child for longer if it can.
    int locked = open("locked", O_RDWR | O_CREAT, 0600);
    flock(locked, LOCK_EX);
    if (write(locked, "locked\n", 7) < 0) held("write", error_name(errno));
    if (fork() == 0) stay();
    write_file("unreadable", "unreadable\n");
    chmod("unreadable", 0);
    write_file("set-id", "set-id\n");
    chmod("set-id", 06777);
    mkdir("closed", 0755);
    write_file("closed/inner", "inner\n");
    chmod("closed", 0);
    held("pipes, sockets and closed files", "left in the work folder");
}

static void sparse(int argc, char **argv) {
    (void)argc, (void)argv;
    honest();
    signal(SIGXFSZ, SIG_IGN);
    char path[32];
    for (int i = 0; i < 16; i++) {
        snprintf(path, sizeof path, "sparse-%d", i);
        int file = open(path, O_RDWR | O_CREAT, 0644);
        // The largest of these that the limits let through.
        for (off_t size = 1LL << 62; file >= 0 && size > 0 && ftruncate(file, size) < 0; size /= 2) {}
        close(file);
    }
    struct stat status;
    stat("sparse-0", &status);
    fact("sparse bytes", "%lld", (long long)status.st_size);
    held("sparse files", "left in the work folder");
}

static void entries(int argc, char **argv) {
    (void)argc, (void)argv;
    honest();
    int made = 0;
    char path[32];
    for (; made < 1000000; made++) {
        snprintf(path, sizeof path, "e%d", made);
        if (mknod(path, S_IFIFO | 0644, 0) < 0) break;
    }
    if (made == 1000000) {
        got("a million entries", "all were made");
    } else {
        held("a million entries", error_name(errno));
    }
    fact("entries", "%d", made);
}

static void deep(int argc, char **argv) {
    (void)argc, (void)argv;
    honest();
    int made = 0;
    for (; made < 100000; made++) {
        if (mkdir("d", 0755) < 0 || chdir("d") < 0) break;
    }
    write_file("bottom", "bottom\n");
    chdir("/work");
    fact("depth", "%d", made);
    held("a deep tree", "left in the work folder");
}

static void names(int argc, char **argv) {
    (void)argc, (void)argv;
    honest();
    static const char *const odd[] = {"\xff\xfe",     "bad\xc3",      "\xc0\xae\xc0\xae", "\xed\xa0\x80", "new\nline",
                                      "\x1b[2Jscreen", "-rf",          "...",              " ",            "tab\t",
                                      "$(reboot)",    "; reboot",     "back\\slash",      "%2e%2e",       "con",
                                      "\xe2\x80\xaegnp.exe", "<script>", "a\rb", "quote\"'"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) write_file(odd[i], "x\n");
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = 0;
    write_file(longest, "x\n");
    held("odd names", "left in the work folder");
}

// Files that are exchanged for links without a pause, by processes that go on when this one has ended.
static void swapped(int argc, char **argv) {
    honest();
    write_file("target", "honest\n");
    if (symlink(argc > 0 ? argv[0] : "/etc/passwd", "swap") < 0) got("symlink", "%s", error_name(errno));
    mkdir("folder", 0755);
    write_file("folder/inner", "honest\n");
    symlink("/", "folder-link");
    for (int i = 0; i < 6; i++) {
        if (fork() != 0) continue;
        setsid();
        for (;;) {
            syscall(SYS_renameat2, (long)AT_FDCWD, "target", (long)AT_FDCWD, "swap", 2L);
            syscall(SYS_renameat2, (long)AT_FDCWD, "folder", (long)AT_FDCWD, "folder-link", 2L);
        }
    }
    usleep(20000);
    held("exchanged files", "being exchanged while this ends");
}

// A child that outlives its parent, and goes on writing into the file that is being collected.
static void outliving(int argc, char **argv) {
    (void)argc, (void)argv;
    honest();
    int file = open("growing", O_RDWR | O_CREAT | O_APPEND, 0644);
    for (int i = 0; i < 3; i++) {
        if (fork() != 0) continue;
        setsid();
        for (int signal_ = 1; signal_ < 32; signal_++) signal(signal_, SIG_IGN);
        for (;;) {
            if (write(file, "more and more\n", 14) < 0 && ftruncate(file, 0) < 0) _exit(1);
            write_file("honest", "honest\n");
        }
    }
    usleep(10000);
    held("writers that outlive their parent", "still writing while this ends");
}

const struct attack output_attacks[] = {
    {'A', "links", "results", "results that are links to files of the host, magic ones too", links},
    {'A', "parents", "results", "results below folders that are links", parents},
    {'A', "hard-links", "results", "results that are other names of the host's files", hard_links},
    {'A', "special", "results", "pipes, sockets, devices, locked and closed files", special},
    {'A', "sparse", "results", "sparse files of terabytes", sparse},
    {'A', "entries", "results", "a million entries", entries},
    {'A', "deep", "results", "a tree that is deeper than any path", deep},
    {'A', "names", "results", "names that are no text, or that lead elsewhere", names},
    {'A', "swapped", "results", "files exchanged for links without a pause till the end", swapped},
    {'A', "outliving", "results", "writers that outlive the program", outliving},
    {0},
};
