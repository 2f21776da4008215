// Class H: the same calls by the kernel's other entries, which a filter for one architecture does not see (nsjail
// #159).
#include "hostile.h"

#include "denied.h"

#ifdef __x86_64__

// Numbers of the i386 table.
static const struct denied_call i386_calls[] = {
    {"getpid", 20},       {"exit", 1},          {"fork", 2},           {"open", 5},          {"execve", 11},
    {"mount", 21},        {"ptrace", 26},       {"umount2", 52},       {"chroot", 61},       {"reboot", 88},
    {"ioperm", 101},      {"socketcall", 102},  {"syslog", 103},       {"iopl", 110},        {"vm86", 166},
    {"ipc", 117},         {"clone", 120},       {"modify_ldt", 123},   {"init_module", 128}, {"personality", 136},
    {"pivot_root", 217},  {"keyctl", 288},      {"unshare", 310},      {"vmsplice", 316},    {"perf_event_open", 336},
    {"setns", 346},       {"bpf", 357},         {"socket", 359},       {"userfaultfd", 374}, {"io_uring_setup", 425},
    {"open_tree", 428},   {"clone3", 435},      {"add_key", 286},      {"mknod", 14},        {"prctl", 172},
    {0},
};

static void by_interrupt(const void *argument) {
    const struct denied_call *call = argument;
    long answer;
    __asm__ volatile("int $0x80"
                     : "=a"(answer)
                     : "a"((long)call->number), "b"(0L), "c"(0L), "d"(0L), "S"(0L), "D"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
    _exit(answer == -ENOSYS || answer == -EPERM ? 38 : 99);
}

static void by_x32(const void *argument) {
    const struct denied_call *call = argument;
    long answer = syscall(0x40000000L | call->number, 0L, 0L, 0L, 0L, 0L, 0L);
    _exit(answer == -1 && (errno == ENOSYS || errno == EPERM) ? 38 : 99);
}

static void tell(const char *entry, const char *name, int end) {
    char label[80];
    snprintf(label, sizeof label, "%s %s", entry, name);
    if (end == 1000 + SIGSYS) {
        held(label, "SIGSYS");
    } else if (end == 1000 + SIGSEGV) {
        // A kernel without this entry raises a general protection fault.
        held(label, "SIGSEGV");
    } else if (end == 38) {
        held(label, "EPERM or ENOSYS");
    } else {
        got(label, "the call was let through (%d)", end);
    }
}

static void interrupt(int argc, char **argv) {
    (void)argc, (void)argv;
    for (const struct denied_call *call = i386_calls; call->name; call++) {
        tell("int 0x80", call->name, in_child(by_interrupt, call));
    }
}

static void x32(int argc, char **argv) {
    (void)argc, (void)argv;
    static const struct denied_call plain[] = {{"getpid", SYS_getpid}, {"open", SYS_open}, {"execve", SYS_execve},
                                               {"x32 execve", 520},    {"x32 ptrace", 521}, {"x32 ioctl", 514},
                                               {"x32 vmsplice", 532},  {0}};
    for (const struct denied_call *call = plain; call->name; call++) tell("x32", call->name, in_child(by_x32, call));
    for (const struct denied_call *call = denied_calls; call->name; call++) {
        tell("x32", call->name, in_child(by_x32, call));
    }
}

// A 32-bit code segment in a 64-bit process: the instructions `syscall` and `sysenter` are then other entries. The code ends
// the process by them, with a code that tells; if they are refused it comes to an instruction that nobody may execute.
static void in_segment_32(const void *argument) {
    const unsigned char *entry = argument;
    // mov eax, 1 (exit); mov ebx, 77; mov ebp, esp; the entry; hlt.
    unsigned char bytes[] = {0xb8, 1, 0, 0, 0, 0xbb, 77, 0, 0, 0, 0x89, 0xe5, entry[0], entry[1], 0xf4};
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    unsigned char *code = mmap((void *)0x10000000, 8192, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (code == MAP_FAILED) _exit(38);
    memcpy(code, bytes, sizeof bytes);
    if (mprotect(code, 4096, PROT_READ | PROT_EXEC) < 0) _exit(38);
    // Its stack has to lie below 4 GiB too: the kernel reads the sixth argument there.
    __asm__ volatile("movq $0x10001800, %%rsp\n pushq $0x23\n pushq $0x10000000\n lretq" ::: "memory");
    _exit(99);
}

static void segment(int argc, char **argv) {
    (void)argc, (void)argv;
    static const struct {
        const char *name;
        unsigned char bytes[2];
    } entries[] = {{"syscall", {0x0f, 0x05}}, {"sysenter", {0x0f, 0x34}}, {"int 0x80", {0xcd, 0x80}}};
    char label[64];
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        snprintf(label, sizeof label, "%s in a segment of 32 bits", entries[i].name);
        int end = in_child(in_segment_32, entries[i].bytes);
        if (end == 77 || end == 99) {
            got(label, "the call was let through");
        } else {
            held(label, end == 1000 + SIGSYS ? "SIGSYS" : "it ended before the call");
        }
    }
}

#endif

const struct attack entry_attacks[] = {
#ifdef __x86_64__
    {'H', "int80", "refused", "denied calls, and harmless ones, by int 0x80", interrupt},
    {'H', "x32", "refused", "each denied call by its x32 number", x32},
    {'H', "segment32", "refused", "calls out of a code segment of 32 bits", segment},
#endif
    {0},
};
