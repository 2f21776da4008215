// Class C: what the root file system shows, and whether it is what it seems to be. Images of others come with the
// images.
#include "hostile.h"

#include <dirent.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static void process_files(int argc, char **argv) {
    (void)argc, (void)argv;
    struct statfs status;
    if (statfs("/proc", &status) < 0 || status.f_type != PROC_SUPER_MAGIC) {
        got("/proc", "it is no procfs (%#lx)", (unsigned long)status.f_type);
    } else {
        held("/proc", "a procfs");
    }
    static const char *const hidden[] = {
        "/proc/kcore",  "/proc/kmsg",      "/proc/kallsyms",      "/proc/keys",     "/proc/key-users", "/proc/sys",
        "/proc/bus",    "/proc/sysrq-trigger", "/proc/timer_list", "/proc/iomem",   "/proc/ioports",   "/proc/modules",
        "/proc/config.gz", "/proc/cmdline", "/proc/sched_debug",  "/proc/interrupts", "/proc/loadavg", "/proc/pressure",
        "/proc/locks",  "/proc/1/status",  "/proc/1/maps",        "/proc/1/environ", "/proc/latency_stats",
        "/proc/slabinfo", "/proc/vmallocinfo", "/proc/fs",        "/proc/driver",   "/proc/acpi",      "/proc/scsi",
        "/proc/sysvipc", "/proc/tty",      "/proc/irq",           "/proc/asound",   "/proc/vmcore",
    };
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) refused(hidden[i], access(hidden[i], F_OK));
    static const char *const writable[] = {"/proc/self/attr/current", "/proc/self/uid_map", "/proc/self/gid_map",
                                           "/proc/self/setgroups", "/proc/self/mem", "/proc/self/oom_adj"};
    for (size_t i = 0; i < sizeof writable / sizeof *writable; i++) {
        // A process may write its own memory, and look at its own attributes.
        if (strstr(writable[i], "mem")) continue;
        int file = open(writable[i], O_WRONLY | O_CLOEXEC);
        refused(writable[i], file < 0 ? -1 : write(file, "0 0 1", 5));
        if (file >= 0) close(file);
    }
}

static void devices(int argc, char **argv) {
    (void)argc, (void)argv;
    static const struct {
        const char *name;
        unsigned minor;
    } expected[] = {{"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};
    DIR *folder = opendir("/dev");
    if (!folder) {
        got("/dev", "it cannot be listed: %s", error_name(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat status;
        if (entry->d_name[0] == '.') continue;
        if (fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) continue;
        if (S_ISLNK(status.st_mode)) continue;
        int known = 0;
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
            if (strcmp(entry->d_name, expected[i].name) == 0 && S_ISCHR(status.st_mode) &&
                status.st_rdev == makedev(1, expected[i].minor)) {
                known = 1;
            }
        }
        if (known) {
            held(entry->d_name, "the device it should be");
        } else {
            got(entry->d_name, "mode %o, device %u:%u", status.st_mode, major(status.st_rdev), minor(status.st_rdev));
        }
    }
    closedir(folder);
    static const char *const absent[] = {"/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse",
                                         "/dev/ptmx", "/dev/pts", "/dev/tty", "/dev/console", "/dev/net/tun",
                                         "/dev/loop-control", "/dev/mqueue", "/dev/userfaultfd", "/dev/vhost-vsock"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) refused(absent[i], access(absent[i], F_OK));
}

static void writing(int argc, char **argv) {
    (void)argc, (void)argv;
    static const char *const files[] = {
        "/new", "/usr/new", "/usr/bin/new", "/usr/local/new", "/lib/new", "/etc/new", "/etc/passwd",
        "/dev/new", "/dev/null/x", "/proc/new", "/run/new", "/var/new", "/program/new", "/input/new",
        "/usr/bin/env", "/sys/new",  "/etc/ld.so.preload", "/etc/ld.so.cache", "/scratch/new",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        refused(files[i], open(files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    }
    static const char *const removed[] = {"/usr/bin/env", "/etc/passwd", "/dev/null", "/bin"};
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++) {
        refused(removed[i], unlink(removed[i]));
        refused(removed[i], rename(removed[i], "/tmp/taken"));
        refused(removed[i], fchmodat(AT_FDCWD, removed[i], 0777, 0));
    }
    static const char *const folders[] = {"/work", "/tmp", "/proc", "/program", "/"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        refused(folders[i], rmdir(folders[i]));
        refused(folders[i], rename(folders[i], "/tmp/moved"));
        refused(folders[i], mount("none", folders[i], NULL, MS_REMOUNT | MS_BIND, NULL));
        refused(folders[i], mount("none", folders[i], "tmpfs", 0, NULL));
        refused(folders[i], umount2(folders[i], MNT_DETACH));
    }
    refused("a link over /work", symlink("/tmp", "/work"));
    refused("set the times of a file of the host's", utimensat(AT_FDCWD, "/usr/bin/env", NULL, 0));
    refused("an attribute on a file of the host's", syscall(SYS_setxattr, "/usr/bin/env", "user.x", "1", 1L, 0L));
}

// In a root that it may write: what is refused all the same, and then all the harm that it can do to what the next one sees.
static void rewriting(int argc, char **argv) {
    (void)argc, (void)argv;
    static const char *const mounted[] = {"/proc", "/dev", "/tmp", "/program", "/"};
    for (size_t i = 0; i < sizeof mounted / sizeof *mounted; i++) {
        refused(mounted[i], rmdir(mounted[i]));
        refused(mounted[i], rename(mounted[i], "/moved"));
        refused(mounted[i], rename("/etc", mounted[i]));
        refused(mounted[i], mount("none", mounted[i], "tmpfs", 0, NULL));
        refused(mounted[i], mount("none", mounted[i], NULL, MS_REMOUNT | MS_BIND, NULL));
        refused(mounted[i], umount2(mounted[i], MNT_DETACH));
    }
    static const char *const files[] = {"/dev/new", "/dev/null/x", "/proc/new", "/program/new"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        refused(files[i], open(files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    }
    refused("a character device", mknod("/etc/null", S_IFCHR | 0666, makedev(1, 3)));
    refused("a block device", mknod("/etc/disk", S_IFBLK | 0666, makedev(8, 0)));
    refused("an overlay's mark", mknod("/etc/mark", S_IFCHR | 0666, makedev(0, 0)));
    refused("an overlay's attribute", syscall(SYS_setxattr, "/etc", "trusted.overlay.opaque", "y", 1L, 0L));
    refused("another root", chroot("/tmp"));
    struct statfs status;
    if (statfs("/", &status) < 0 || !(status.f_flags & ST_NOSUID) || !(status.f_flags & ST_NODEV)) {
        got("/", "set-id bits or devices would count (flags %#lx)", (unsigned long)status.f_flags);
    } else {
        held("/", "nosuid and nodev");
    }
    static const char *const replaced[] = {"/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/usr/bin/env",
                                           "/var/tmp", "/usr/lib", "/usr/local/left"};
    int count = 0;
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++) {
        unlink(replaced[i]);
        count += symlink("/proc/self/mem", replaced[i]) == 0;
    }
    write_file("/etc/ld.so.preload", "/work/evil.so");
    mkdir("/sys", 0777);
    count += rmdir("/input") == 0 && symlink("/", "/input") == 0;
    count += chdir("/") == 0 && rename("/work", "/usr/work") < 0 && rmdir("/work") == 0 && symlink("/etc", "/work") == 0;
    count += chmod("/etc", 0) == 0 && chmod("/", 0700) == 0;
    fact("changed", "%d", count);
}

// The host's files, by every name that could still lead there.
static void host_files(int argc, char **argv) {
    static const char *const paths[] = {
        "/etc/shadow", "/etc/gshadow", "/etc/ssh", "/etc/sudoers", "/etc/machine-id", "/etc/fstab",
        "/root",       "/home",        "/boot",    "/srv",         "/mnt",            "/media",     "/var/lib",
        "/var/log",    "/run/panal",   "/run/docker.sock", "/run/systemd", "/opt", "/lost+found", "/scratch/work",
        "/.dockerenv", "/old",         "/oldroot", "/stage",       "/sys",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) refused(paths[i], access(paths[i], F_OK));
    // The host names a file of its own that holds a secret.
    char path[4200];
    static const char *const prefixes[] = {"", "/proc/self/root", "/proc/1/root", "/proc/self/cwd/../..", "/work/../..",
                                           "/proc/self/fd/0/../..", "/dev/fd/3"};
    for (int i = 0; i < argc; i++) {
        for (size_t j = 0; j < sizeof prefixes / sizeof *prefixes; j++) {
            snprintf(path, sizeof path, "%s%s", prefixes[j], argv[i]);
            refused(path, open(path, O_RDONLY | O_CLOEXEC));
        }
    }
}

const struct attack rootfs_attacks[] = {
    {'C', "proc", "refused", "the host behind /proc", process_files},
    {'C', "devices", "refused", "devices of the host in /dev", devices},
    {'C', "write-root", "refused", "changing the root file system and its mounts", writing},
    {'C', "rewrite-root", "helper", "changing a root that can be written", rewriting},
    {'C', "host-files", "refused", "files of the host by every name", host_files},
    {0},
};
