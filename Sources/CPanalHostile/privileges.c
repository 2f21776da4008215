// Class I: files of the host that raise a program's rights.
#include "hostile.h"

#include <dirent.h>
#include <linux/capability.h>
#include <sys/statvfs.h>

// An ordinary user can make no device nodes: its cells have the host's own, each a mount.
static int has_devices(const char *place) {
    static const char *const places[] = {"/dev", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (strcmp(place, places[i]) == 0) return 1;
    }
    return 0;
}

// Every mount of the cell, as the kernel lists them: none honours set-id bits or file capabilities.
static void mounts(int argc, char **argv) {
    (void)argc, (void)argv;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file) {
        got("mountinfo", "it cannot be read: %s", error_name(errno));
        return;
    }
    char text[4096];
    while (fgets(text, sizeof text, file)) {
        char place[1024], options[1024];
        if (sscanf(text, "%*s %*s %*s %*s %1023s %1023s", place, options) != 2) continue;
        if (strstr(options, "nosuid")) {
            held(place, "nosuid");
        } else {
            got(place, "set-id bits count: %s", options);
        }
        int writable = strcmp(place, "/tmp") == 0 || strcmp(place, "/work") == 0 || strcmp(place, "/proc") == 0;
        if (!writable && strncmp(options, "ro", 2) != 0) got(place, "it can be written: %s", options);
        if (!has_devices(place) && !strstr(options, "nodev")) got(place, "device nodes count: %s", options);
    }
    fclose(file);
}

static void copy_self(const char *path) {
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (from < 0 || to < 0) return;
    char buffer[65536];
    for (ssize_t length; (length = read(from, buffer, sizeof buffer)) > 0;) {
        if (write(to, buffer, (size_t)length) != length) break;
    }
    close(from);
    close(to);
}

static void execute(const void *path) {
    char *const arguments[] = {(char *)path, "ids", NULL};
    char *const environment[] = {NULL};
    execve(path, arguments, environment);
    _exit(126);
}

static void ids(int argc, char **argv) {
    (void)argc, (void)argv;
    _exit(geteuid() == 0 || getuid() == 0 || getegid() == 0 ? 99 : 7);
}

static void set_id(int argc, char **argv) {
    (void)argc, (void)argv;
    copy_self("/work/own");
    if (chmod("/work/own", 06755) < 0) held("chmod 6755", error_name(errno));
    int end = in_child(execute, "/work/own");
    if (end == 7) {
        held("a set-id file of its own", "no other id");
    } else {
        got("a set-id file of its own", "ended with %d", end);
    }
    refused("chown to root", chown("/work/own", 0, 0));
    refused("give it away", chown("/work/own", 1, 1));
    refused("setuid 0", setuid(0));
    refused("setgid 0", setgid(0));
    refused("setresuid 0", setresuid(0, 0, 0));
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct all[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
    refused("all capabilities", syscall(SYS_capset, &header, all));
    const char value[20] = {1, 0, 0, 2, (char)0xff};
    long answer = syscall(SYS_setxattr, "/work/own", "security.capability", value, (long)sizeof value, 0L);
    refused("a file capability", answer);
    unlink("/work/own");
}

// Set-id programs of the host that the cell can see: executed, they have no other id than this one.
static void host_set_id(int argc, char **argv) {
    (void)argc, (void)argv;
    static const char *const folders[] = {"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/local/bin"};
    int seen = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct statvfs status;
        if (statvfs(folders[i], &status) < 0) continue;
        if (!(status.f_flag & ST_NOSUID)) got(folders[i], "set-id bits count there");
        DIR *folder = opendir(folders[i]);
        if (!folder) continue;
        for (struct dirent *entry; (entry = readdir(folder));) {
            struct stat file;
            if (fstatat(dirfd(folder), entry->d_name, &file, AT_SYMLINK_NOFOLLOW) < 0) continue;
            if (S_ISREG(file.st_mode) && file.st_mode & (S_ISUID | S_ISGID)) seen++;
        }
        closedir(folder);
    }
    fact("set-id files seen", "%d", seen);
    held("set-id files of the host", "on mounts that ignore the bits");
}

const struct attack privilege_attacks[] = {
    {'I', "mounts", "refused", "a mount of the cell that honours set-id bits, devices or writing", mounts},
    {'I', "set-id", "refused", "rights by a set-id file, a file capability or another id", set_id},
    {'I', "host-set-id", "refused", "rights by the host's set-id programs", host_set_id},
    {'I', "ids", "helper", "says by its exit code whether it is root", ids},
    {0},
};
