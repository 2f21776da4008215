// Class G: channels between two runs. Each has a sender and a receiver; both get the same token. The sender sets up
// what it can and stays; the receiver looks for it. What the filter refuses to the sender is no channel.
#include "channels.h"

#include <dirent.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <stddef.h>
#include <sys/un.h>
#include <sys/uio.h>

int patience = 300;

/// Files and folders that every cell has, and that could be one inode for all of them: rootfs, devices, this program.
static const char *const shared_files[] = {"/usr/bin/env", "/usr/lib/os-release", "/proc/self/exe", "/etc/passwd",
                                           "/dev/null",    "/dev/zero",           "/",              "/usr",
                                           "/usr/bin",     "/etc",                "/dev",           "/program",
                                           "/proc",        "/tmp",                "/work",          "/run",
                                           // What a run without standard input has there.
                                           "/proc/self/fd/0"};
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

int each_shared_file(int (*body)(int file)) {
    int found = 0;
    for (int i = 0; i < shared_count; i++) {
        int file = open(shared_files[i], O_RDONLY | O_NONBLOCK);
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

// Whoever watches a shared file hears that another cell opened it.
static const char *const watched[] = {"/usr/bin/env", "/program/pages", "/etc/passwd", "/dev/null"};
static int inotify_send(const char *token) {
    (void)token;
    pid_t child = fork();
    while (child == 0) {
        for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) close(open(watched[i], O_RDONLY));
        usleep(2000);
    }
    return child < 0 ? -1 : 0;
}
static int inotify_receive(const char *token) {
    (void)token;
    struct pollfd events = {(int)syscall(SYS_inotify_init1, 0L), POLLIN, 0};
    if (events.fd < 0) return 0;
    int watches = 0;
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        // Openings.
        watches += syscall(SYS_inotify_add_watch, (long)events.fd, watched[i], 0x20L) >= 0;
    }
    return watches && poll(&events, 1, patience) > 0;
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

// Which pages of a shared file are in memory: the sender has them all forgotten and reads those that are set in the token.
// A file of the host's own that nobody else reads or maps.
enum { cached_pages = 32, cached_stride = 16 };
static int open_cached(void) {
    int file = open("/program/pages", O_RDONLY);
    // One page at a time.
    if (file >= 0) posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
    return file;
}
static int page_cache_send(const char *token) {
    uint32_t bits = (uint32_t)strtoul(token, NULL, 16);
    int file = open_cached();
    if (file < 0) return -1;
    int number = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    errno = number;
    if (number) return -1;
    for (int i = 0; i < cached_pages; i++) {
        char byte;
        if (bits >> i & 1 && pread(file, &byte, 1, (off_t)i * cached_stride * 4096) != 1) return -1;
    }
    return 0;
}
static int page_cache_receive(const char *token) {
    uint32_t bits = 0;
    int file = open_cached();
    for (int i = 0; file >= 0 && i < cached_pages; i++) {
        char byte;
        struct iovec place = {&byte, 1};
        // RWF_NOWAIT: only what is in memory.
        if (syscall(SYS_preadv2, file, &place, 1L, (long)i * cached_stride * 4096, 0L, 8L) == 1) bits |= 1u << i;
    }
    return bits == (uint32_t)strtoul(token, NULL, 16);
}
static int mapped_pages_receive(const char *token) {
    uint32_t bits = 0;
    int file = open_cached();
    size_t length = (size_t)cached_pages * cached_stride * 4096;
    unsigned char present[cached_pages * cached_stride];
    unsigned char *memory = mmap(NULL, length, PROT_READ, MAP_SHARED, file, 0);
    if (file < 0 || memory == MAP_FAILED || mincore(memory, length, present) < 0) return 0;
    for (int i = 0; i < cached_pages; i++) bits |= (uint32_t)(present[i * cached_stride] & 1) << i;
    return bits == (uint32_t)strtoul(token, NULL, 16);
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
    {"futex", futex_send, futex_receive},             {"futex-exit", exit_send, exit_receive},
    {"futex-robust", robust_send, robust_receive},    {"inotify", inotify_send, inotify_receive},
    {"fanotify", fanotify_send, fanotify_receive},    {"terminal", terminal_send, terminal_receive},
    {"page-cache", page_cache_send, page_cache_receive}, {"mapped-pages", page_cache_send, mapped_pages_receive},
    {"processes", process_send, process_receive},
};

static void tell_found(const struct channel *channel, int found) {
    if (found) {
        got(channel->name, "a bit of another run arrived%s%s", found_at[0] ? " by" : "", found_at);
    } else {
        held(channel->name, "nothing arrived");
    }
}

/// Arguments: `send` or `receive`, the token, and the channel's name; without one, all of them.
static void channel(int argc, char **argv) {
    if (argc < 2) return;
    int sends = strcmp(argv[0], "send") == 0;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        if (argc > 2 && strcmp(channels[i].name, argv[2]) != 0) continue;
        if (!sends) {
            found_at[0] = 0;
            tell_found(&channels[i], channels[i].receive(argv[1]));
        } else if (channels[i].send(argv[1]) < 0) {
            fact(channels[i].name, "%s", error_name(errno));
        } else {
            fact(channels[i].name, "sent");
        }
    }
    if (!sends) return;
    ready();
    futex_stay();
    stay();
}

// Both ends in this cell, where a bit must come over: channels that could not even here carry one would prove nothing.
static void channel_control(int argc, char **argv) {
    if (argc < 1) return;
    // What is refused is not waited for; what carries comes at once, but for slow machines.
    patience = 3000;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        int line[2];
        if (pipe(line) < 0) return;
        pid_t sender = fork();
        if (sender < 0) return;
        if (sender == 0) {
            // Its children end with it.
            setpgid(0, 0);
            char sent = channels[i].send(argv[0]) >= 0;
            if (write(line[1], &sent, 1) == 1) stay();
            _exit(1);
        }
        setpgid(sender, sender);
        char sent = 0;
        found_at[0] = 0;
        int found = read(line[0], &sent, 1) == 1 && sent && channels[i].receive(argv[0]);
        fact(channels[i].name, found ? "arrived" : sent ? "sent" : "not sent");
        kill(-sender, SIGKILL);
        waitpid(sender, NULL, 0);
        close(line[0]);
        close(line[1]);
    }
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
    {'G', "channel-control", "helper", "the same channels within one cell", channel_control},
    {'G', "leftovers", "refused", "what an earlier run left", leftovers},
    {0},
};
