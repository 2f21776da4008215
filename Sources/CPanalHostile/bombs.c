// Class F: processes without end.
#include "hostile.h"

#include <pthread.h>
#include <sched.h>

// What was made stays, and every one of them makes more.
static void fork_bomb(int argc, char **argv) {
    (void)argc, (void)argv;
    for (;;) fork();
}

static void vfork_bomb(int argc, char **argv) {
    (void)argc, (void)argv;
    char *const arguments[] = {"panal-hostile", "vfork-bomb", NULL};
    char *const environment[] = {NULL};
    for (;;) {
        pid_t child = vfork();
        if (child == 0) {
            execve("/proc/self/exe", arguments, environment);
            _exit(1);
        }
    }
}

static int more(void *argument) {
    while (!argument) sched_yield();
    return 0;
}

static void clone_bomb(int argc, char **argv) {
    (void)argc, (void)argv;
    for (;;) {
        char *stack = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (stack == MAP_FAILED) continue;
        if (clone(more, stack + 16384, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
                  NULL) < 0) {
            munmap(stack, 16384);
        }
    }
}

// Each leaves its session and parent behind and ignores every signal, and the first one ends: nobody is left to wait
// for them.
static void daemons(int argc, char **argv) {
    (void)argc, (void)argv;
    for (int i = 0; i < 200; i++) {
        pid_t child = fork();
        if (child < 0) break;
        if (child > 0) continue;
        setsid();
        for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
        if (fork() != 0) _exit(0);
        for (;;) {
            fork();
            usleep(1000);
        }
    }
    usleep(20000);
    held("daemons", "still there while this ends");
}

static void kill_all(int argc, char **argv) {
    (void)argc, (void)argv;
    kill(-1, SIGKILL);
    kill(1, SIGKILL);
    kill(getpid(), SIGKILL);
    stay();
}

static void stop_self(int argc, char **argv) {
    (void)argc, (void)argv;
    kill(-1, SIGSTOP);
    for (;;) raise(SIGSTOP);
}

static void flood(int argc, char **argv) {
    (void)argc, (void)argv;
    static char text[65536];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 4; i++) fork();
    for (;;) {
        if (write(1, text, sizeof text) < 0 && errno != EINTR) _exit(1);
    }
}

static void *spin(void *argument) {
    for (;;) sched_yield();
    return argument;
}

// More threads than cores, each with a name for itself to be overlooked.
static void spinners(int argc, char **argv) {
    (void)argc, (void)argv;
    pthread_t thread;
    for (int i = 0; i < 16; i++) pthread_create(&thread, NULL, spin, NULL);
    spin(NULL);
}

const struct attack bomb_attacks[] = {
    {'F', "fork-bomb", "stopped", "forking without end", fork_bomb},
    {'F', "vfork-bomb", "stopped", "vfork and execve without end", vfork_bomb},
    {'F', "clone-bomb", "stopped", "threads without end", clone_bomb},
    {'F', "daemons", "killed", "daemons that ignore every signal and outlive the program", daemons},
    {'F', "kill-all", "killed", "killing everything in reach", kill_all},
    {'F', "stop-all", "stopped", "stopping everything in reach, itself too", stop_self},
    {'F', "spinners", "stopped", "processor time by many threads", spinners},
    {'F', "flood", "flood", "output without end, by many processes", flood},
    {0},
};
