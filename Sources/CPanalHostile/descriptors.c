// Class D: descriptors, working folder and executables of the host that were left open (runc CVE-2024-21626,
// CVE-2019-5736).
#include "hostile.h"

#include <dirent.h>
#include <sys/resource.h>

static void every_descriptor(int argc, char **argv) {
    (void)argc, (void)argv;
    int found = 0;
    for (int number = 3; number < 70000; number++) {
        if (fcntl(number, F_GETFD) < 0) continue;
        char path[64], target[256];
        snprintf(path, sizeof path, "/proc/self/fd/%d", number);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = 0;
        got("descriptor", "%d is open: %s", number, target);
        found++;
    }
    if (!found) held("descriptors 3 to 70000", "none is open");
    for (int number = 0; number < 3; number++) {
        struct stat status;
        if (fstat(number, &status) < 0) {
            got("stream", "%d is closed: the next file opened would be taken for it", number);
        } else if (S_ISDIR(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISBLK(status.st_mode)) {
            got("stream", "%d is of mode %o", number, status.st_mode);
        } else {
            held("stream", "a file, a pipe or a character device");
        }
    }
}

// Upwards from every folder that a path of the host's could hang on, as far as it goes: always the cell's own root.
static void upwards(int argc, char **argv) {
    (void)argc, (void)argv;
    static const char *starts[] = {".", "/", "/work", "/tmp", "/usr", "/proc/self/cwd", "/proc/self/root", "/program",
                                   "/dev", "/proc/self/fd", "/proc/1/root", "/proc/1/cwd"};
    struct stat root;
    if (stat("/", &root) < 0) got("root", "it cannot be looked at: %s", error_name(errno));
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        int folder = open(starts[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0) {
            held(starts[i], error_name(errno));
            continue;
        }
        for (int step = 0; step < 256; step++) {
            int above = openat(folder, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (above < 0) break;
            close(folder);
            folder = above;
        }
        struct stat top;
        if (fstat(folder, &top) < 0 || top.st_ino != root.st_ino || top.st_dev != root.st_dev) {
            got(starts[i], "leads to another root");
        } else {
            held(starts[i], "leads to the cell's own root");
        }
        close(folder);
    }
    char here[4096];
    if (!getcwd(here, sizeof here)) {
        got("getcwd", "%s: it may lie outside", error_name(errno));
    } else if (strcmp(here, "/work") != 0) {
        got("getcwd", "%s", here);
    } else {
        held("getcwd", here);
    }
}

// Every executable, root and descriptor behind /proc that can be reached: none may be opened for writing, none is the
// host's.
static void executables(int argc, char **argv) {
    (void)argc, (void)argv;
    static const char *parts[] = {"exe", "root", "cwd", "mem", "fd", "map_files", "environ", "ns/mnt"};
    refused("open /proc/self/exe to write", open("/proc/self/exe", O_WRONLY | O_CLOEXEC));
    refused("open /proc/self/exe to append", open("/proc/self/exe", O_RDWR | O_APPEND | O_CLOEXEC));
    int handle = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    char path[288];
    snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
    refused("open it to write by its handle", open(path, O_RDWR | O_CLOEXEC));
    refused("truncate it", truncate("/proc/self/exe", 0));
    refused("chmod it", fchmodat(AT_FDCWD, path, 0777, 0));
    for (int other = 1; other < 64; other++) {
        if (other == getpid()) continue;
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            snprintf(path, sizeof path, "/proc/%d/%s", other, parts[i]);
            int file = open(path, O_RDONLY | O_CLOEXEC);
            if (file < 0) continue;
            got(path, "it can be opened");
            close(file);
        }
    }
    held("other processes below /proc", "none can be opened");
}

// In an ordinary user's cell init has the program's uid: then a signal to it is taken, and must come to nothing. Its end would be
// this process's too, and an init that is stopped reaps nobody.
static void signal_init(const char *label, int number) {
    if (kill(1, number) < 0) {
        held(label, error_name(errno));
        return;
    }
    int ends[2];
    pid_t orphan = 0;
    if (pipe(ends) < 0) return;
    pid_t child = fork();
    if (child == 0) {
        orphan = fork();
        if (orphan == 0) {
            usleep(20000);
            _exit(0);
        }
        _exit(write(ends[1], &orphan, sizeof orphan) < 0);
    }
    waitpid(child, NULL, 0);
    if (read(ends[0], &orphan, sizeof orphan) < 0 || orphan <= 0) return;
    for (int i = 0; i < 500; i++) {
        if (kill(orphan, 0) < 0) {
            held(label, "without effect");
            return;
        }
        usleep(10000);
    }
    got(label, "it reaps nobody any more");
}

static void parents(int argc, char **argv) {
    (void)argc, (void)argv;
    struct rlimit limit = {1, 1};
    refused("init's limits", prlimit(1, RLIMIT_CPU, &limit, NULL));
    signal_init("kill init", SIGKILL);
    signal_init("stop init", SIGSTOP);
    // The parent is init, or shows as 0.
    if (getppid() > 1) {
        got("getppid", "%d", getppid());
    } else {
        held("getppid", "init, or nobody");
    }
    DIR *folder = opendir("/proc");
    if (!folder) {
        held("/proc", error_name(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        int number = atoi(entry->d_name);
        if (number > 0 && number != getpid()) got("/proc", "process %d shows", number);
    }
    closedir(folder);
    held("/proc", "only this process shows");
}

static void wait_here(int argc, char **argv) {
    (void)argc, (void)argv;
    ready();
    stay();
}

static void nothing(int argc, char **argv) { (void)argc, (void)argv; }

const struct attack descriptor_attacks[] = {
    {'D', "descriptors", "refused", "descriptors of the host that were left open", every_descriptor},
    {'D', "upwards", "refused", "the host's root by way of the working folder and every other one", upwards},
    {'D', "executables", "refused", "overwriting the launcher through /proc/*/exe", executables},
    {'D', "processes", "refused", "reaching init and processes of the host", parents},
    {'D', "wait", "helper", "waits until it is ended", wait_here},
    {'N', "nothing", "helper", "ends at once", nothing},
    {0},
};
