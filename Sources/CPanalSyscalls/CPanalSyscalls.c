#define _GNU_SOURCE
#include "CPanalSyscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct sock_filter) == 8, "a BPF instruction is 8 bytes");

static inline int result(long value) { return value < 0 ? -errno : (int)value; }

int panal_fork(uint64_t namespaces, int cgroup_fd, int *pidfd) {
    struct clone_args args = {
        .flags = namespaces | CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = namespaces & CLONE_PARENT ? 0 : SIGCHLD, // a sibling has its parent's, and the kernel insists on 0
        .cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
    };
    return result(syscall(SYS_clone3, &args, sizeof args));
}

int panal_fork_sharing(int (*body)(void *), void *argument, void *stack_end, int *pidfd) {
    return result(clone(body, stack_end, CLONE_VM | CLONE_PIDFD | CLONE_FILES | SIGCHLD, argument, pidfd));
}

int panal_pass_turn(int to, int from, int pidfd) {
    char byte = 0;
    ssize_t put = write(to, &byte, 1);
    if (put != 1) return put < 0 ? -errno : -EIO;
    if (pidfd >= 0) {
        struct pollfd polled[2] = {{.fd = from, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
        int found;
        do found = poll(polled, 2, -1);
        while (found < 0 && errno == EINTR);
        if (found < 0) return -errno;
        if (!(polled[0].revents & POLLIN)) return -ECHILD;
    }
    ssize_t got = read(from, &byte, 1);
    return got == 1 ? 0 : got == 0 ? -EPIPE : -errno;
}

int panal_code_to_large_pages(void) {
    extern const ElfW(Ehdr) __ehdr_start;
    const uintptr_t page = 2 << 20;
    const ElfW(Phdr) *parts = (const ElfW(Phdr) *)((const char *)&__ehdr_start + __ehdr_start.e_phoff);
    uintptr_t first = 0, last = 0, next = UINTPTR_MAX;
    for (int i = 0; i < __ehdr_start.e_phnum; i++) {
        if (parts[i].p_type != PT_LOAD) continue;
        if (parts[i].p_flags & PF_X) {
            first = parts[i].p_vaddr;
            last = first + parts[i].p_memsz;
        } else if (parts[i].p_vaddr >= last && parts[i].p_vaddr < next) {
            next = parts[i].p_vaddr;
        }
    }
    first = (first + page - 1) & ~(page - 1);
    // The last page in part too, where it holds nothing else.
    const uintptr_t end = ((last + page - 1) & ~(page - 1)) <= next ? (last + page - 1) & ~(page - 1) : last & ~(page - 1);
    if (end <= first) return 0;
    const size_t length = end - first, used = (last < end ? last : end) - first;
    char *room = mmap(NULL, length + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return -errno;
    char *copy = (char *)(((uintptr_t)room + page - 1) & ~(page - 1));
    memcpy(copy, (const void *)first, used);
    // In this order: large pages or nothing, never writable and executable at once, then in place of the file's pages.
    if (madvise(copy, length, 25 /* MADV_COLLAPSE */) < 0 || mprotect(copy, length, PROT_READ | PROT_EXEC) < 0
        || mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)first) == MAP_FAILED) {
        int failure = errno;
        munmap(room, length + page);
        return -failure;
    }
    munmap(room, (size_t)(copy - room));
    munmap(copy + length, (size_t)(room + page - copy));
    return (int)(length / page);
}

int panal_unshare(uint64_t namespaces) { return result(unshare((int)namespaces)); }
int panal_enter(int namespace_descriptor, uint64_t kind) { return result(setns(namespace_descriptor, (int)kind)); }
int panal_pidfd_kill(int pidfd, int signal) { return result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0)); }

static void tell_usage(const struct rusage *used, int64_t usage[7]) {
    usage[0] = (int64_t)used->ru_utime.tv_sec * 1000000 + used->ru_utime.tv_usec;
    usage[1] = (int64_t)used->ru_stime.tv_sec * 1000000 + used->ru_stime.tv_usec;
    usage[2] = used->ru_nvcsw;
    usage[3] = used->ru_nivcsw;
    usage[4] = used->ru_maxrss;
    usage[5] = (int64_t)used->ru_inblock * 512;
    usage[6] = (int64_t)used->ru_oublock * 512;
}

int panal_wait_with_usage(int pid, int *status, int64_t usage[7]) {
    struct rusage used;
    pid_t ended;
    do ended = wait4(pid, status, 0, &used);
    while (ended < 0 && errno == EINTR);
    if (ended < 0) return -errno;
    tell_usage(&used, usage);
    return ended;
}

int panal_release_and_reap(int descriptor, int pid, int *status, int64_t usage[7]) {
    ssize_t put = write(descriptor, "", 1);
    // EPIPE: it has ended already, and is only waited for.
    if (put != 1 && !(put < 0 && errno == EPIPE)) return put < 0 ? -errno : -EIO;
    int ended;
    do ended = panal_wait_with_usage(-1, status, usage);
    while (ended >= 0 && ended != pid);
    return ended;
}

static int usage_of(int who, int64_t usage[7]) {
    struct rusage used;
    if (getrusage(who, &used) < 0) return -errno;
    tell_usage(&used, usage);
    return 0;
}
int panal_usage_of_self(int64_t usage[7]) { return usage_of(RUSAGE_SELF, usage); }
int panal_usage_of_children(int64_t usage[7]) { return usage_of(RUSAGE_CHILDREN, usage); }

int panal_mount_namespace(int pidfd) { return result(ioctl(pidfd, _IO(0xff, 3) /* PIDFD_GET_MNT_NAMESPACE */, 0)); }

int panal_wait(int pid, int *status) {
    pid_t ended;
    do ended = waitpid(pid, status, 0);
    while (ended < 0 && errno == EINTR);
    return ended < 0 ? -errno : ended;
}

int panal_reset_signals(void) {
    // The kernel's own calls: Glibc's hide signals 32 and 33 from its callers. All zero is the default action, no flags.
    unsigned long action[4] = {0}, none = 0;
    for (int signal = 1; signal <= 64; signal++) {
        if (signal == SIGKILL || signal == SIGSTOP) continue;
        if (syscall(SYS_rt_sigaction, signal, action, NULL, sizeof none) < 0) return -errno;
    }
    return result(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none));
}

int panal_ignore_signal(int number) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    return result(sigaction(number, &action, NULL));
}

int panal_set_parent_death_signal(int signal) { return result(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)); }
int panal_get_parent_death_signal(void) {
    int signal = 0;
    return prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) < 0 ? -errno : signal;
}
int panal_set_idle(int pid, int idle) {
    struct sched_param none = {0};
    return result(sched_setscheduler(pid, idle ? SCHED_IDLE : SCHED_OTHER, &none));
}
int panal_sched_idle(void) { return SCHED_IDLE; }
int panal_set_slice(uint64_t nanoseconds, int own) {
    // The first version of the kernel's struct, which every kernel takes.
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {
        .size = 48,
        .policy = SCHED_OTHER,
        .flags = own ? 1 /* SCHED_FLAG_RESET_ON_FORK */ : 0,
        .nice = getpriority(PRIO_PROCESS, 0),
        .runtime = nanoseconds,
    };
    return result(syscall(SYS_sched_setattr, 0, &attributes, 0));
}
int panal_set_io_priority(int priority) { return result(syscall(SYS_ioprio_set, 1 /* a process */, 0, priority)); }
int panal_get_io_priority(void) { return result(syscall(SYS_ioprio_get, 1 /* a process */, 0)); }
int panal_setsid(void) { return result(setsid()); }
int panal_affinity(uint8_t *mask, size_t bytes) { return result(syscall(SYS_sched_getaffinity, 0, bytes, mask)); }

int panal_set_affinity(const uint8_t *mask, size_t bytes) {
    return result(syscall(SYS_sched_setaffinity, 0, bytes, mask));
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    // The call itself: the kernel's page that would answer it is two faults for a process that asks once.
    if (syscall(SYS_clock_gettime, clock, &now) < 0) return -errno;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
int64_t panal_monotonic_ns(void) { return nanoseconds(CLOCK_MONOTONIC); }
int64_t panal_process_cpu_ns(void) { return nanoseconds(CLOCK_PROCESS_CPUTIME_ID); }
void panal_exit(int code) { _exit(code); }

int panal_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    return result(syscall(SYS_mount, source, target, type, flags, data));
}
int panal_unmount_detached(const char *target) { return result(syscall(SYS_umount2, target, 2 /* MNT_DETACH */)); }
int panal_pivot_root(const char *new_root, const char *put_old) { return result(syscall(SYS_pivot_root, new_root, put_old)); }

int panal_clone_tree(int folder, const char *path, int recursive) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | (recursive ? AT_RECURSIVE : 0);
    return result(syscall(SYS_open_tree, folder, path, flags));
}
int panal_attach_tree(int tree, const char *target) {
    return result(syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
}

int panal_new_tmpfs(const char *bytes, const char *inodes, const char *mode) {
    int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (context < 0) return -errno;
    int mount = -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", "panal", 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", bytes, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "nr_inodes", inodes, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", mode, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    int failure = errno;
    close(context);
    return mount < 0 ? -failure : mount;
}

int panal_new_view(const char *layers) {
    int context = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
    if (context < 0) return -errno;
    int mount = -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", "panal", 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "lowerdir", layers, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0
        && syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mount = (int)syscall(
            SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    int failure = errno;
    close(context);
    return mount < 0 ? -failure : mount;
}

int panal_seal_mount(int folder, const char *path, int nodev, int recursive) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | (nodev ? MOUNT_ATTR_NODEV : 0)};
    unsigned flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | (recursive ? AT_RECURSIVE : 0);
    return result(syscall(SYS_mount_setattr, folder, path, flags, &attributes, sizeof attributes));
}

int panal_shift_owners(int tree, int owners) {
    struct mount_attr attributes = {.attr_set = 0x00100000 /* MOUNT_ATTR_IDMAP */, .userns_fd = (uint64_t)owners};
    return result(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes));
}

int panal_statfs(const char *path, uint64_t out[4]) {
    struct statfs found;
    if (statfs(path, &found) < 0) return -errno;
    out[0] = (uint64_t)found.f_blocks * (uint64_t)found.f_bsize;
    out[1] = found.f_files;
    out[2] = (uint64_t)found.f_flags;
    out[3] = (uint64_t)found.f_type;
    return 0;
}

int panal_fstatfs(int descriptor, uint64_t out[4]) {
    struct statfs found;
    if (fstatfs(descriptor, &found) < 0) return -errno;
    out[0] = (uint64_t)found.f_blocks * (uint64_t)found.f_bsize;
    out[1] = found.f_files;
    out[2] = (uint64_t)found.f_flags;
    out[3] = (uint64_t)found.f_type;
    return 0;
}

int64_t panal_used_inodes(int descriptor) {
    struct statfs found;
    if (fstatfs(descriptor, &found) < 0) return -errno;
    return (int64_t)(found.f_files - found.f_ffree);
}

int panal_entry_status(int folder, const char *name, uint64_t out[6]) {
    struct stat found;
    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    out[0] = found.st_mode;
    out[1] = found.st_nlink;
    out[2] = (uint64_t)found.st_size;
    out[3] = found.st_ino;
    out[4] = found.st_rdev;
    out[5] = (uint64_t)found.st_mtime;
    return 0;
}
int64_t panal_read_link(int folder, const char *name, char *target, size_t room) {
    ssize_t length = readlinkat(folder, name, target, room);
    return length < 0 ? -errno : length;
}

int64_t panal_get_attribute(int descriptor, const char *name, void *value, size_t room) {
    ssize_t length = fgetxattr(descriptor, name, value, room);
    return length < 0 ? -errno : length;
}

int panal_open_beneath(int folder, const char *path, int flags) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    return result(syscall(SYS_openat2, folder, path, &how, sizeof how));
}

int panal_fstat(int descriptor, uint64_t out[5]) {
    struct stat found;
    if (fstat(descriptor, &found) < 0) return -errno;
    out[0] = found.st_mode;
    out[1] = found.st_nlink;
    out[2] = (uint64_t)found.st_size;
    out[3] = found.st_dev;
    out[4] = found.st_uid;
    return 0;
}

int panal_pipe(int out[2]) { return result(pipe2(out, O_CLOEXEC)); }
int panal_close_range(unsigned first, unsigned last) { return result(syscall(SYS_close_range, first, last, 0)); }
int panal_memfd(const char *name) { return result(memfd_create(name, MFD_CLOEXEC)); }
int panal_eventfd(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
int panal_lock(int descriptor, int exclusive) { return result(flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB)); }
int panal_unlock(int descriptor) { return result(flock(descriptor, LOCK_UN)); }
int panal_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -errno : result(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK));
}
int panal_make_device(int folder, const char *name, unsigned mode, unsigned major_number, unsigned minor_number) {
    if (mknodat(folder, name, S_IFCHR | mode, makedev(major_number, minor_number)) < 0) return -errno;
    return result(fchmodat(folder, name, mode, 0));
}

static int interface_request(unsigned long call, struct ifreq *request) {
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    int answer = result(ioctl(descriptor, call, request));
    close(descriptor);
    return answer;
}

int panal_interface_flags(const char *name) {
    struct ifreq request = {0};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    int answer = interface_request(SIOCGIFFLAGS, &request);
    return answer < 0 ? answer : (int)(uint16_t)request.ifr_flags;
}

int panal_set_interface_flags(const char *name, int flags) {
    struct ifreq request = {0};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = (short)flags;
    return interface_request(SIOCSIFFLAGS, &request);
}

int panal_seqpacket_pair(int out[2]) { return result(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out)); }

int panal_seqpacket_socket(int blocking) {
    return result(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0));
}

static int unix_address(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

int panal_bind_unix(int socket, const char *path) {
    struct sockaddr_un address;
    int answer = unix_address(path, &address);
    return answer < 0 ? answer : result(bind(socket, (struct sockaddr *)&address, sizeof address));
}

int panal_connect_unix(int socket, const char *path) {
    struct sockaddr_un address;
    int answer = unix_address(path, &address);
    return answer < 0 ? answer : result(connect(socket, (struct sockaddr *)&address, sizeof address));
}

int panal_accept(int socket) { return result(accept4(socket, NULL, NULL, SOCK_CLOEXEC)); }

int panal_peer_user(int socket, uint32_t *user) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    int answer = result(getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length));
    if (answer == 0) *user = peer.uid;
    return answer;
}

int64_t panal_splice(int from, int to, size_t length) {
    ssize_t moved;
    do moved = splice(from, NULL, to, NULL, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (moved < 0 && errno == EINTR);
    return moved < 0 ? -errno : moved;
}

int64_t panal_send(int socket, const void *bytes, size_t length, const int *descriptors, int count, int flags) {
    union {
        char space[CMSG_SPACE(8 * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0 && count <= 8) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, (size_t)count * sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int64_t panal_receive(int socket, void *bytes, size_t room, int *descriptors, int *count, int flags) {
    union {
        char space[CMSG_SPACE(8 * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = room};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    *count = 0;
    ssize_t got;
    do got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int number = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < number && *count < 8; i++) {
            memcpy(&descriptors[*count], CMSG_DATA(header) + (size_t)i * sizeof(int), sizeof(int));
            *count += 1;
        }
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (int i = 0; i < *count; i++) close(descriptors[i]);
        *count = 0;
    }
    return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : got;
}

int panal_set_ids(uint32_t uid, uint32_t gid) {
    // Glibc's calls, which carry the change to every thread of the process.
    if (setresgid(gid, gid, gid) < 0) return -errno;
    return result(setresuid(uid, uid, uid));
}
int panal_get_ids(uint32_t out[7]) {
    if (getresuid(&out[0], &out[1], &out[2]) < 0 || getresgid(&out[3], &out[4], &out[5]) < 0) return -errno;
    int groups = getgroups(0, NULL);
    if (groups < 0) return -errno;
    out[6] = (uint32_t)groups;
    return 0;
}
int panal_clear_groups(void) { return result(setgroups(0, NULL)); }

int panal_drop_bounding_set(void) {
    for (int capability = 0; capability < 64; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
        return errno == EINVAL ? 0 : -errno; // EINVAL: past the last one that this kernel knows
    }
    return 0;
}
int panal_bounding_set_size(void) {
    int size = 0;
    for (int capability = 0; capability < 64; capability++) {
        int held = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (held < 0) return errno == EINVAL ? size : -errno;
        size += held;
    }
    return size;
}
int panal_clear_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
    return result(syscall(SYS_capset, &header, data));
}
int panal_get_capabilities(uint64_t out[3]) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    out[0] = data[0].effective | (uint64_t)data[1].effective << 32;
    out[1] = data[0].permitted | (uint64_t)data[1].permitted << 32;
    out[2] = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}
int panal_set_no_new_privileges(void) { return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }
int panal_get_no_new_privileges(void) { return result(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); }
int panal_get_dumpable(void) { return result(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)); }
int panal_set_dumpable(int value) { return result(prctl(PR_SET_DUMPABLE, value, 0, 0, 0)); }
int panal_load_seccomp(const void *instructions, size_t count) {
    struct sock_fprog program = {.len = (unsigned short)count, .filter = (struct sock_filter *)instructions};
    if (count == 0 || count > BPF_MAXINSNS) return -EINVAL;
    return result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}
int panal_load_seccomp_listening(const void *instructions, size_t count) {
    struct sock_fprog program = {.len = (unsigned short)count, .filter = (struct sock_filter *)instructions};
    if (count == 0 || count > BPF_MAXINSNS) return -EINVAL;
    return result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

int panal_next_notification(int listener, uint64_t *id, uint32_t call[2], uint64_t arguments[6]) {
    // A newer kernel's notification is longer; it must find zeros.
    union {
        struct seccomp_notif notification;
        uint8_t room[1024];
    } found = {.room = {0}};
    int answer = result(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &found));
    if (answer < 0) return answer;
    *id = found.notification.id;
    call[0] = (uint32_t)found.notification.data.nr;
    call[1] = found.notification.data.arch;
    for (int index = 0; index < 6; index++) arguments[index] = found.notification.data.args[index];
    return 0;
}

int panal_refuse_notification(int listener, uint64_t id, int number) {
    union {
        struct seccomp_notif_resp response;
        uint8_t room[1024];
    } given = {.room = {0}};
    given.response.id = id;
    given.response.error = -number;
    return result(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &given));
}

int panal_get_seccomp(void) { return result(prctl(PR_GET_SECCOMP, 0, 0, 0, 0)); }

int panal_set_limit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    return result(setrlimit(resource, &limit));
}
int panal_get_limit(int resource, uint64_t out[2]) {
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0) return -errno;
    out[0] = limit.rlim_cur;
    out[1] = limit.rlim_max;
    return 0;
}
int panal_rlimit_as(void) { return RLIMIT_AS; }
int panal_rlimit_cpu(void) { return RLIMIT_CPU; }
int panal_rlimit_data(void) { return RLIMIT_DATA; }
int panal_rlimit_nproc(void) { return RLIMIT_NPROC; }
int panal_rlimit_sigpending(void) { return RLIMIT_SIGPENDING; }
int panal_rlimit_stack(void) { return RLIMIT_STACK; }
int panal_rlimit_core(void) { return RLIMIT_CORE; }
int panal_rlimit_nofile(void) { return RLIMIT_NOFILE; }
int panal_rlimit_fsize(void) { return RLIMIT_FSIZE; }
int panal_rlimit_memlock(void) { return RLIMIT_MEMLOCK; }
int panal_rlimit_msgqueue(void) { return RLIMIT_MSGQUEUE; }
int panal_rlimit_nice(void) { return RLIMIT_NICE; }
int panal_rlimit_rtprio(void) { return RLIMIT_RTPRIO; }
int panal_sync_file_system(int descriptor) { return result(syncfs(descriptor)); }
int panal_sync_file_range(int descriptor, int64_t offset, int64_t bytes, int waits) {
    unsigned int all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    return result(sync_file_range(descriptor, offset, bytes, waits ? all : SYNC_FILE_RANGE_WRITE));
}
int panal_set_hostname(const char *name) { return result(sethostname(name, strlen(name))); }
int panal_exec(const char *path, char *const arguments[], char *const environment[]) {
    execve(path, arguments, environment);
    return -errno;
}

uint64_t panal_clone_files(void) { return CLONE_FILES; }
uint64_t panal_clone_parent(void) { return CLONE_PARENT; }
uint64_t panal_clone_newns(void) { return CLONE_NEWNS; }
uint64_t panal_clone_newpid(void) { return CLONE_NEWPID; }
uint64_t panal_clone_newnet(void) { return CLONE_NEWNET; }
uint64_t panal_clone_newipc(void) { return CLONE_NEWIPC; }
uint64_t panal_clone_newuts(void) { return CLONE_NEWUTS; }
uint64_t panal_clone_newcgroup(void) { return CLONE_NEWCGROUP; }
uint64_t panal_clone_newuser(void) { return CLONE_NEWUSER; }
