// Class E: protections that silently did not apply. Read here from inside; the host holds them against what was
// ordered.
#include "hostile.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

static void read_back(int argc, char **argv) {
    (void)argc, (void)argv;
    static const char *wanted[] = {"NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Uid",
                                   "Gid", "Groups", "Cpus_allowed_list", "SigIgn", "SigBlk", "Threads"};
    FILE *file = fopen("/proc/self/status", "re");
    char text[1024];
    while (file && fgets(text, sizeof text, file)) {
        char *colon = strchr(text, ':');
        if (!colon) continue;
        *colon = 0;
        char *value = colon + 1 + strspn(colon + 1, " \t");
        value[strcspn(value, "\n")] = 0;
        for (char *c = value; *c; c++) {
            if (*c == '\t') *c = ' ';
        }
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            if (strcmp(text, wanted[i]) == 0) fact(text, "%s", value);
        }
    }
    if (file) fclose(file);
    // The same again by system calls: a masked /proc must not be all that there is.
    fact("prctl.no-new-privs", "%d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    fact("prctl.seccomp", "%d", prctl(PR_GET_SECCOMP));
    fact("uid", "%u", getuid());
    fact("gid", "%u", getgid());
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0) fact("cores", "%d", CPU_COUNT(&cores));
    static const struct {
        const char *name;
        __rlimit_resource_t resource;
    } limits[] = {{"rlimit.core", RLIMIT_CORE},       {"rlimit.nofile", RLIMIT_NOFILE}, {"rlimit.fsize", RLIMIT_FSIZE},
                  {"rlimit.memlock", RLIMIT_MEMLOCK}, {"rlimit.nice", RLIMIT_NICE}, {"rlimit.rtprio", RLIMIT_RTPRIO},
                  {"rlimit.msgqueue", RLIMIT_MSGQUEUE}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit limit;
        if (getrlimit(limits[i].resource, &limit) == 0) {
            fact(limits[i].name, "%llu %llu", (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
        }
    }
    static const char *folders[] = {"/tmp", "/work"};
    for (size_t i = 0; i < 2; i++) {
        struct statfs status;
        char name[32];
        if (statfs(folders[i], &status) < 0) continue;
        snprintf(name, sizeof name, "bytes %s", folders[i]);
        fact(name, "%llu", (unsigned long long)status.f_blocks * (unsigned long long)status.f_bsize);
        snprintf(name, sizeof name, "files %s", folders[i]);
        fact(name, "%llu", (unsigned long long)status.f_files);
    }
    extern char **environ;
    int count = 0;
    for (; environ[count]; count++) fact("environment", "%s", environ[count]);
    fact("environment.count", "%d", count);
    char score[16] = "";
    int number = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    if (number >= 0 && read(number, score, sizeof score - 1) > 0) fact("oom_score_adj", "%d", atoi(score));
    if (number >= 0) close(number);
}

// Whatever was taken from the program, it tries to take back.
static void raise_limits(int argc, char **argv) {
    (void)argc, (void)argv;
    static const struct {
        const char *name;
        __rlimit_resource_t resource;
    } limits[] = {{"raise open files", RLIMIT_NOFILE},    {"raise file size", RLIMIT_FSIZE},
                  {"raise core size", RLIMIT_CORE},       {"raise locked memory", RLIMIT_MEMLOCK},
                  {"raise real-time", RLIMIT_RTPRIO},     {"raise nice", RLIMIT_NICE},
                  {"raise message queues", RLIMIT_MSGQUEUE}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit limit;
        getrlimit(limits[i].resource, &limit);
        limit.rlim_cur = limit.rlim_max = limit.rlim_max + 1;
        refused(limits[i].name, setrlimit(limits[i].resource, &limit));
    }
    refused("nice -20", setpriority(PRIO_PROCESS, 0, -20));
    struct sched_param first = {.sched_priority = 1};
    refused("SCHED_FIFO", sched_setscheduler(0, SCHED_FIFO, &first));
    refused("SCHED_RR", sched_setscheduler(0, SCHED_RR, &first));
    cpu_set_t before, after;
    sched_getaffinity(0, sizeof before, &before);
    memset(&after, 0xff, sizeof after);
    sched_setaffinity(0, sizeof after, &after);
    sched_getaffinity(0, sizeof after, &after);
    if (CPU_EQUAL(&before, &after)) {
        held("more cores by sched_setaffinity", "the cell's cores stay");
    } else {
        got("more cores by sched_setaffinity", "%d instead of %d", CPU_COUNT(&after), CPU_COUNT(&before));
    }
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    refused("spare me from the out-of-memory killer", score < 0 ? -1 : write(score, "-1000", 5));
    if (score >= 0) close(score);
    refused("take no_new_privs back", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    refused("securebits", prctl(PR_SET_SECUREBITS, 0x15, 0, 0, 0));
    refused("ambient capabilities", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
    refused("setuid 0", setuid(0));
}

// The control group's files, by every way that a cell could have left open.
static void groups(int argc, char **argv) {
    (void)argc, (void)argv;
    static const char *paths[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cgroup.procs", "/sys",
                                  "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/self/clear_refs",
                                  "/proc/sys/vm/drop_caches"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        // Clearing this process's own reference bits is harmless.
        if (strstr(paths[i], "clear_refs")) continue;
        refused(paths[i], open(paths[i], O_WRONLY | O_CLOEXEC));
        refused(paths[i], open(paths[i], O_RDONLY | O_CLOEXEC));
    }
    FILE *file = fopen("/proc/self/cgroup", "re");
    char text[512];
    int shows = 0;
    while (file && fgets(text, sizeof text, file)) {
        if (strstr(text, "panal") || strstr(text, "..")) shows = 1;
    }
    if (file) fclose(file);
    if (shows) {
        got("/proc/self/cgroup", "the place among the host's groups shows");
    } else {
        held("/proc/self/cgroup", "the cell is its own root");
    }
}

const struct attack rights_attacks[] = {
    {'E', "read-back", "facts", "every protection and limit, read from inside", read_back},
    {'E', "raise", "refused", "limits, priorities, cores and rights beyond what was given", raise_limits},
    {'F', "groups", "refused", "the control group's own files", groups},
    {0},
};
