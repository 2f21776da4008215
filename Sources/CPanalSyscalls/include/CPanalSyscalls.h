// What Glibc's Swift module does not show: each function is one system call with fixed arguments and returns its result, or
// -errno. There is no logic here; decisions are Swift's.
#ifndef C_PANAL_SYSCALLS_H
#define C_PANAL_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Processes
/// fork by clone3: 0 in the child, the child's pid in the parent, whose pidfd goes to *pidfd. cgroup_fd < 0: born where the
/// parent lives. With CLONE_PARENT the child is a sibling of the caller. Only for processes of one thread.
int panal_fork(uint64_t namespaces, int cgroup_fd, int *pidfd);
/// A child that runs `body(argument)` on a stack of its own in this process's memory and with its open files, among which is
/// *pidfd. Only one of the two may be outside of a system call until the child has executed or ended.
int panal_fork_sharing(int (*body)(void *), void *argument, void *stack_end, int *pidfd);
/// Writes one byte to `to`, then waits for one from `from`: so two processes of one memory take turns. -ECHILD when the process
/// of `pidfd` (-1: none is watched) has ended instead. It allocates nothing and holds nothing.
int panal_pass_turn(int to, int from, int pidfd);
/// Writes one byte to `descriptor`, then reaps every child, as panal_wait_with_usage, until `pid` has ended. It
/// allocates nothing and holds nothing: `pid` may be at work in the same memory.
int panal_release_and_reap(int descriptor, int pid, int *status, int64_t usage[7]);
/// Moves this program's code, as far as it fills pages of 2 MiB, into such pages of its own memory, at the same addresses:
/// processes that are forked then need neither faults for it nor page tables. Returns their number; -errno where the kernel has
/// none, and then nothing has changed. Only for a static executable, of one thread.
int panal_code_to_large_pages(void);
int panal_unshare(uint64_t namespaces);
/// Goes into another namespace of this kind, CLONE_NEWNS and the like.
int panal_enter(int namespace_descriptor, uint64_t kind);
int panal_pidfd_kill(int pidfd, int signal);
/// Blocks until the child ends. *status as wait(2) gives it; usage: user µs, system µs, voluntary and forced switches,
/// largest resident KiB, bytes read from storage and written to it.
int panal_wait_with_usage(int pid, int *status, int64_t usage[7]);
/// These figures of this process, and of its children that have been waited for.
int panal_usage_of_self(int64_t usage[7]);
int panal_usage_of_children(int64_t usage[7]);
/// A descriptor of its mount namespace; refused before Linux 6.11.
int panal_mount_namespace(int pidfd);
/// Reaps a child that is known to have ended or waits for it; returns its pid.
int panal_wait(int pid, int *status);
/// Every signal back to its default action, none blocked.
int panal_reset_signals(void);
int panal_ignore_signal(int signal);
int panal_set_parent_death_signal(int signal);
int panal_get_parent_death_signal(void);
/// Lets a process (0: this one) run only where nobody else wants to, or like all others again.
int panal_set_idle(int pid, int idle);
/// For how long the calling thread runs at a time beside others; with `own`, what it makes has the usual time.
int panal_set_slice(uint64_t nanoseconds, int own);
/// Of the calling thread, as ioprio_set(2) and ioprio_get(2) write it: class << 13 | level.
int panal_set_io_priority(int priority);
int panal_get_io_priority(void);
int panal_setsid(void);
int panal_affinity(uint8_t *mask, size_t bytes);
/// Of the calling thread.
int panal_set_affinity(const uint8_t *mask, size_t bytes);
int64_t panal_monotonic_ns(void);
int64_t panal_process_cpu_ns(void);
_Noreturn void panal_exit(int code);

// Mounts
int panal_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int panal_unmount_detached(const char *target);
int panal_pivot_root(const char *new_root, const char *put_old);
/// A detached clone of the mount at `path` below `folder` ("" with recursive 0: of the file that `folder` is).
int panal_clone_tree(int folder, const char *path, int recursive);
int panal_attach_tree(int tree, const char *target);
/// A new, detached tmpfs: bytes and inodes as decimal text; nosuid and nodev.
int panal_new_tmpfs(const char *bytes, const char *inodes, const char *mode);
/// A new, detached, read-only overlay of folders, the upper ones first and divided by colons; nosuid and nodev.
int panal_new_view(const char *layers);
/// Read-only, nosuid and, when asked, nodev, on the mount `folder` (+ `path`), with all below when recursive.
int panal_seal_mount(int folder, const char *path, int nodev, int recursive);
/// Shows the files of a detached mount under other owners, as the user namespace `owners` maps their ids to its parent's.
int panal_shift_owners(int tree, int owners);
/// Total bytes, total inodes, ST_* flags and magic number of the file system at `path`.
int panal_statfs(const char *path, uint64_t out[4]);
/// The same of the file system of an open file.
int panal_fstatfs(int descriptor, uint64_t out[4]);
/// How many inodes the file system of an open file has in use.
int64_t panal_used_inodes(int descriptor);

// Files
int panal_open_beneath(int folder, const char *path, int flags);
/// Mode, links, size, inode, device number of a device, seconds of the last change of what `name` is in a folder, itself a link or not.
int panal_entry_status(int folder, const char *name, uint64_t out[6]);
/// The place that a link leads to, not terminated: its length.
int64_t panal_read_link(int folder, const char *name, char *target, size_t room);
/// The value of an extended attribute of an open file: its length, or -ENODATA where there is none.
int64_t panal_get_attribute(int descriptor, const char *name, void *value, size_t room);
/// Mode, links, size, device, uid of an open file.
int panal_fstat(int descriptor, uint64_t out[5]);
int panal_pipe(int out[2]);
int panal_close_range(unsigned first, unsigned last);
int panal_memfd(const char *name);
int panal_eventfd(void);
/// flock without waiting: -EWOULDBLOCK when somebody else's lock excludes it.
int panal_lock(int descriptor, int exclusive);
int panal_unlock(int descriptor);
int panal_set_nonblocking(int descriptor);
/// Moves up to `length` bytes from the pipe `from` to the end of `to`'s offset, without waiting for the pipe.
int64_t panal_splice(int from, int to, size_t length);
int panal_make_device(int folder, const char *name, unsigned mode, unsigned major, unsigned minor);

// Sockets
int panal_seqpacket_pair(int out[2]);
/// A socket that keeps message boundaries, not connected; non-blocking where `blocking` is 0.
int panal_seqpacket_socket(int blocking);
int panal_bind_unix(int socket, const char *path);
int panal_connect_unix(int socket, const char *path);
int panal_accept(int socket);
/// The user that connected, as this process's user namespace names it.
int panal_peer_user(int socket, uint32_t *user);
/// Sends one message with `count` descriptors (at most 8); flags as send(2).
int64_t panal_send(int socket, const void *bytes, size_t length, const int *descriptors, int count, int flags);
/// Receives one message; up to 8 descriptors, close-on-exec. -EMSGSIZE when it or its descriptors were cut.
int64_t panal_receive(int socket, void *bytes, size_t room, int *descriptors, int *count, int flags);

/// IFF_* flags of a network interface of the caller's namespace.
int panal_interface_flags(const char *name);
int panal_set_interface_flags(const char *name, int flags);

// Privileges and protections
int panal_set_ids(uint32_t uid, uint32_t gid);
/// real, effective, saved uid; real, effective, saved gid; number of supplementary groups.
int panal_get_ids(uint32_t out[7]);
int panal_clear_groups(void);
int panal_drop_bounding_set(void);
/// How many capabilities are left in the bounding set.
int panal_bounding_set_size(void);
int panal_clear_capabilities(void);
/// Effective, permitted, inheritable.
int panal_get_capabilities(uint64_t out[3]);
int panal_set_no_new_privileges(void);
int panal_get_no_new_privileges(void);
int panal_set_dumpable(int value);
int panal_get_dumpable(void);
/// Installs a filter of `count` instructions of 8 bytes.
int panal_load_seccomp(const void *instructions, size_t count);
/// The same for a filter that notifies: the descriptor for its notifications, close-on-exec.
int panal_load_seccomp_listening(const void *instructions, size_t count);
/// Takes a notification: its id, the call's number and architecture, its six arguments.
int panal_next_notification(int listener, uint64_t *id, uint32_t call[2], uint64_t arguments[6]);
/// Has the call of a notification fail with `number`.
int panal_refuse_notification(int listener, uint64_t id, int number);
/// 0 none, 2 filter.
int panal_get_seccomp(void);
int panal_set_limit(int resource, uint64_t soft, uint64_t hard);
int panal_get_limit(int resource, uint64_t out[2]);
int panal_rlimit_as(void);
int panal_rlimit_core(void);
int panal_rlimit_cpu(void);
int panal_rlimit_data(void);
int panal_rlimit_nproc(void);
int panal_rlimit_sigpending(void);
int panal_rlimit_stack(void);
int panal_rlimit_nofile(void);
int panal_rlimit_fsize(void);
int panal_rlimit_memlock(void);
int panal_rlimit_msgqueue(void);
int panal_rlimit_nice(void);
int panal_rlimit_rtprio(void);
int panal_sync_file_system(int descriptor);
/// Begins to write a part of a file to the disk; with `waits` it is written when this returns.
int panal_sync_file_range(int descriptor, int64_t offset, int64_t bytes, int waits);
int panal_set_hostname(const char *name);
/// Ends like execve: returns only -errno.
int panal_exec(const char *path, char *const arguments[], char *const environment[]);

// Numbers that are macros too complex for the importer
int panal_sched_idle(void);
uint64_t panal_clone_files(void);
uint64_t panal_clone_parent(void);
uint64_t panal_clone_newns(void);
uint64_t panal_clone_newpid(void);
uint64_t panal_clone_newnet(void);
uint64_t panal_clone_newipc(void);
uint64_t panal_clone_newuts(void);
uint64_t panal_clone_newcgroup(void);
uint64_t panal_clone_newuser(void);

#endif
