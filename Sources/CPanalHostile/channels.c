// Class G: channels between two runs. Each has a sender and a receiver; both get the same token. The sender sets up
// what it can and stays; the receiver looks for it. What the filter refuses to the sender is no channel.
#include "hostile.h"

#include <dirent.h>
#include <linux/futex.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <stddef.h>
#include <sys/un.h>

struct channel {
    const char *name;
    /// Returns 0 when something stands that a receiver could find; else -1 with errno.
    int (*send)(const char *token);
    /// Returns 1 when it was found.
    int (*receive)(const char *token);
};

/// Files and folders that every cell has, and that could be one inode for all of them: rootfs, devices, this program.
static const char *const shared_files[] = {"/usr/bin/env", "/usr/lib/os-release", "/proc/self/exe", "/etc/passwd",
                                           "/dev/null",    "/dev/zero",           "/",              "/usr",
                                           "/usr/bin",     "/etc",                "/dev",           "/program",
                                           "/proc",        "/tmp",                "/work",          "/run"};
enum { shared_count = sizeof shared_files / sizeof *shared_files };

static key_t key_of(const char *token) { return (key_t)(strtoul(token, NULL, 16) & 0x7fffffff); }

static int keyring_send(const char *token) {
    return syscall(SYS_add_key, "user", token, "1", 1L, -4L) < 0 ? -1 : 0;
}
static int keyring_receive(const char *token) { return syscall(SYS_keyctl, 10L, -4L, "user", token, 0L) >= 0; }

static int vsock_send(const char *token) {
    (void)token;
    return socket(40, SOCK_STREAM, 0) < 0 ? -1 : 0;
}
static int vsock_receive(const char *token) {
    (void)token;
    return socket(40, SOCK_STREAM, 0) >= 0;
}

static int unix_address(struct sockaddr_un *address, const char *prefix, const char *token) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int start = prefix[0] == 0;
    snprintf(address->sun_path + start, sizeof address->sun_path - 1, "%s%s", prefix, token);
    return (int)(offsetof(struct sockaddr_un, sun_path)) + start + (int)strlen(address->sun_path + start);
}
static int listen_at(const char *prefix, const char *token) {
    struct sockaddr_un address;
    int length = unix_address(&address, prefix, token);
    int socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
    if (socket_ < 0 || bind(socket_, (struct sockaddr *)&address, (socklen_t)length) < 0) return -1;
    return listen(socket_, 1);
}
static int connect_to(const char *prefix, const char *token) {
    struct sockaddr_un address;
    int length = unix_address(&address, prefix, token);
    int socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
    return socket_ >= 0 && connect(socket_, (struct sockaddr *)&address, (socklen_t)length) == 0;
}
static int abstract_send(const char *token) { return listen_at("", token); }
static int abstract_receive(const char *token) { return connect_to("", token); }
static int path_send(const char *token) { return listen_at("/tmp/", token); }
static int path_receive(const char *token) { return connect_to("/tmp/", token); }

static int loopback(struct sockaddr *address, const char *token) {
    uint16_t port = (uint16_t)(20000 + (unsigned)key_of(token) % 20000);
    unsigned char bytes[16] = {AF_INET, 0, (unsigned char)(port >> 8), (unsigned char)port, 127, 0, 0, 1};
    memcpy(address, bytes, sizeof bytes);
    return socket(AF_INET, SOCK_STREAM, 0);
}
static int loopback_send(const char *token) {
    struct sockaddr address;
    int socket_ = loopback(&address, token);
    if (socket_ < 0 || bind(socket_, &address, sizeof address) < 0) return -1;
    return listen(socket_, 1);
}
static int loopback_receive(const char *token) {
    struct sockaddr address;
    int socket_ = loopback(&address, token);
    return socket_ >= 0 && connect(socket_, &address, sizeof address) == 0;
}

static int shm_send(const char *token) { return shmget(key_of(token), 4096, IPC_CREAT | 0666) < 0 ? -1 : 0; }
static int shm_receive(const char *token) { return shmget(key_of(token), 0, 0) >= 0; }
static int sem_send(const char *token) { return semget(key_of(token), 1, IPC_CREAT | 0666) < 0 ? -1 : 0; }
static int sem_receive(const char *token) { return semget(key_of(token), 0, 0) >= 0; }
static int msg_send(const char *token) { return msgget(key_of(token), IPC_CREAT | 0666) < 0 ? -1 : 0; }
static int msg_receive(const char *token) { return msgget(key_of(token), 0) >= 0; }

static int mqueue_send(const char *token) {
    return syscall(SYS_mq_open, token, (long)(O_CREAT | O_RDWR), 0666L, NULL) < 0 ? -1 : 0;
}
static int mqueue_receive(const char *token) { return syscall(SYS_mq_open, token, (long)O_RDONLY, 0L, NULL) >= 0; }

static const char *const scratch[] = {"/tmp/", "/work/", "/dev/shm/", "/var/tmp/", "/run/", "/input/", "/dev/"};
static int files_send(const char *token) {
    int made = 0;
    char path[128];
    for (size_t i = 0; i < sizeof scratch / sizeof *scratch; i++) {
        snprintf(path, sizeof path, "%s%s", scratch[i], token);
        int file = open(path, O_WRONLY | O_CREAT, 0666);
        if (file >= 0) made++;
    }
    return made ? 0 : -1;
}
static int files_receive(const char *token) {
    char path[128];
    for (size_t i = 0; i < sizeof scratch / sizeof *scratch; i++) {
        snprintf(path, sizeof path, "%s%s", scratch[i], token);
        if (access(path, F_OK) == 0) return 1;
    }
    return 0;
}

/// The files for which something was found, for the report.
static char found_at[256];

static int each_shared_file(int (*body)(int file)) {
    int found = 0;
    for (int i = 0; i < shared_count; i++) {
        int file = open(shared_files[i], O_RDONLY);
        if (file < 0 || !body(file)) continue;
        found = 1;
        size_t length = strlen(found_at);
        snprintf(found_at + length, sizeof found_at - length, " %s", shared_files[i]);
    }
    return found;
}
static int lock(int file) { return flock(file, LOCK_EX | LOCK_NB) == 0; }
static int locked(int file) { return flock(file, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK; }
static int flock_send(const char *token) {
    (void)token;
    return each_shared_file(lock) ? 0 : -1;
}
static int flock_receive(const char *token) {
    (void)token;
    return each_shared_file(locked);
}

static int record_lock(int file) {
    struct flock lock = {.l_type = F_RDLCK, .l_start = 7, .l_len = 1};
    return fcntl(file, F_SETLK, &lock) == 0;
}
static int record_locked(int file) {
    struct flock lock = {.l_type = F_WRLCK, .l_start = 7, .l_len = 1};
    return fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
static int record_send(const char *token) {
    (void)token;
    return each_shared_file(record_lock) ? 0 : -1;
}
static int record_receive(const char *token) {
    (void)token;
    return each_shared_file(record_locked);
}
static int open_file_lock(int file) {
    struct flock lock = {.l_type = F_RDLCK, .l_start = 9, .l_len = 1};
    return fcntl(file, F_OFD_SETLK, &lock) == 0;
}
static int open_file_locked(int file) {
    struct flock lock = {.l_type = F_WRLCK, .l_start = 9, .l_len = 1};
    return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
static int open_file_send(const char *token) {
    (void)token;
    return each_shared_file(open_file_lock) ? 0 : -1;
}
static int open_file_receive(const char *token) {
    (void)token;
    return each_shared_file(open_file_locked);
}
static int lease(int file) { return fcntl(file, F_SETLEASE, F_RDLCK) == 0; }
static int leased(int file) { return fcntl(file, F_SETLEASE, F_WRLCK) < 0 && errno == EAGAIN; }
static int lease_send(const char *token) {
    (void)token;
    return each_shared_file(lease) ? 0 : -1;
}
static int lease_receive(const char *token) {
    (void)token;
    return each_shared_file(leased);
}

// A futex is found by the file's page: whoever waits at one can be counted by whoever wakes there.
static int wait_at(int file) {
    uint32_t *word = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    if (word == MAP_FAILED) return 0;
    pid_t child = fork();
    if (child == 0) {
        syscall(SYS_futex, word, (long)FUTEX_WAIT, (long)*word, NULL, NULL, 0L);
        _exit(0);
    }
    return child > 0;
}
static int wake_at(int file) {
    uint32_t *word = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    return word != MAP_FAILED && syscall(SYS_futex, word, (long)FUTEX_WAKE, 1L, NULL, NULL, 0L) > 0;
}
static int futex_send(const char *token) {
    (void)token;
    if (!each_shared_file(wait_at)) return -1;
    // The children have to be asleep before anybody looks.
    usleep(50000);
    return 0;
}
static int futex_receive(const char *token) {
    (void)token;
    return each_shared_file(wake_at);
}

// Whoever watches a shared file hears that another cell opened it.
static int inotify_send(const char *token) {
    (void)token;
    int watch = (int)syscall(SYS_inotify_init1, 0L);
    return watch < 0 ? -1 : (int)syscall(SYS_inotify_add_watch, (long)watch, "/usr/bin/env", 0x20L);
}
static int inotify_receive(const char *token) {
    (void)token;
    return syscall(SYS_inotify_init1, 0L) >= 0;
}
static int fanotify_send(const char *token) {
    (void)token;
    return syscall(SYS_fanotify_init, 0L, 0L) < 0 ? -1 : 0;
}
static int fanotify_receive(const char *token) {
    (void)token;
    return syscall(SYS_fanotify_init, 0L, 0L) >= 0;
}

static int terminal_send(const char *token) {
    (void)token;
    return open("/dev/ptmx", O_RDWR) < 0 ? -1 : 0;
}
static int terminal_receive(const char *token) {
    (void)token;
    return access("/dev/pts", F_OK) == 0 || access("/dev/tty", R_OK) == 0;
}

// Which pages of a shared file are in memory: a run that reads one shows in mincore, unless the kernel hides that.
static int page_cache_send(const char *token) {
    (void)token;
    int file = open("/usr/bin/perl", O_RDONLY);
    if (file < 0) return -1;
    return posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0 ? 0 : -1;
}
static int page_cache_receive(const char *token) {
    (void)token;
    int file = open("/usr/bin/perl", O_RDONLY);
    size_t length = 256 * 4096;
    unsigned char pages[256];
    unsigned char *memory = mmap(NULL, length, PROT_READ, MAP_SHARED, file, 0);
    if (file < 0 || memory == MAP_FAILED || mincore(memory, length, pages) < 0) return 0;
    int missing = 0;
    for (int i = 0; i < 256; i++) missing += !(pages[i] & 1);
    return missing > 0;
}

// The processes of the other cell, its names and its signals.
static int process_send(const char *token) {
    (void)token;
    return 0;
}
static int process_receive(const char *token) {
    (void)token;
    int others = 0;
    for (int number = 2; number < 32768; number++) {
        if (number != getpid() && kill(number, 0) == 0) others++;
    }
    return others > 0;
}

static const struct channel channels[] = {
    {"keyring", keyring_send, keyring_receive},       {"vsock", vsock_send, vsock_receive},
    {"abstract-socket", abstract_send, abstract_receive}, {"path-socket", path_send, path_receive},
    {"loopback", loopback_send, loopback_receive},    {"sysv-memory", shm_send, shm_receive},
    {"sysv-semaphore", sem_send, sem_receive},        {"sysv-queue", msg_send, msg_receive},
    {"posix-queue", mqueue_send, mqueue_receive},     {"files", files_send, files_receive},
    {"flock", flock_send, flock_receive},             {"record-lock", record_send, record_receive},
    {"open-file-lock", open_file_send, open_file_receive}, {"lease", lease_send, lease_receive},
    {"futex", futex_send, futex_receive},             {"inotify", inotify_send, inotify_receive},
    {"fanotify", fanotify_send, fanotify_receive},    {"terminal", terminal_send, terminal_receive},
    {"page-cache", page_cache_send, page_cache_receive}, {"processes", process_send, process_receive},
};

/// Arguments: `send` or `receive`, the token, and the channel's name; without one, all of them.
static void channel(int argc, char **argv) {
    if (argc < 2) return;
    int sends = strcmp(argv[0], "send") == 0;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        if (argc > 2 && strcmp(channels[i].name, argv[2]) != 0) continue;
        if (!sends) {
            found_at[0] = 0;
            if (channels[i].receive(argv[1])) {
                got(channels[i].name, "a bit of another run arrived%s%s", found_at[0] ? " by" : "", found_at);
            } else {
                held(channels[i].name, "nothing arrived");
            }
        } else if (channels[i].send(argv[1]) < 0) {
            fact(channels[i].name, "%s", error_name(errno));
        } else {
            fact(channels[i].name, "sent");
        }
    }
    if (!sends) return;
    ready();
    stay();
}

static void leftovers(int argc, char **argv) {
    (void)argc, (void)argv;
    static const char *const folders[] = {"/tmp", "/work", "/dev/shm", "/run", "/var/tmp"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        DIR *folder = opendir(folders[i]);
        if (!folder) continue;
        int found = 0;
        for (struct dirent *entry; (entry = readdir(folder));) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            got(folders[i], "%s is in it", entry->d_name);
            found = 1;
        }
        if (!found) held(folders[i], "empty");
        closedir(folder);
    }
    // Memory that the kernel hands out must be zero, however it is asked for.
    const size_t length = 16 << 20;
    const unsigned char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t set = 0;
    for (size_t i = 0; memory != MAP_FAILED && i < length; i += 64) set += memory[i] != 0;
    if (set) {
        got("fresh memory", "%zu words of it are not zero", set);
    } else {
        held("fresh memory", "zero");
    }
}

const struct attack channel_attacks[] = {
    {'G', "channel", "channel", "a bit from one run to another", channel},
    {'G', "leftovers", "refused", "what an earlier run left", leftovers},
    {0},
};
