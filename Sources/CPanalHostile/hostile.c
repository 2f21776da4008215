#include "hostile.h"

#include <stdarg.h>

#include "CPanalHostile.h"

static const struct attack *const tables[] = {
    output_attacks, rootfs_attacks,  descriptor_attacks, rights_attacks, bomb_attacks,
    memory_attacks, channel_attacks, call_attacks,       entry_attacks,  privilege_attacks,
};

// One write per line, so that the lines of several processes do not mix.
static void line(const char *kind, const char *label, const char *rest) {
    char text[1024];
    int length = snprintf(text, sizeof text, "%s\t%s\t%s\n", kind, label, rest);
    if (length >= (int)sizeof text) {
        length = sizeof text - 1;
        text[length - 1] = '\n';
    }
    for (int i = 0; i < length - 1; i++) {
        if (text[i] == '\n') text[i] = ' ';
    }
    if (write(1, text, (size_t)length) != length) _exit(120);
}

void held(const char *label, const char *why) { line("held", label, why); }

void got(const char *label, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    line("got", label, text);
}

void fact(const char *name, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    line("fact", name, text);
}

void ready(void) { line("ready", "", ""); }

const char *error_name(int number) {
    const char *name = strerrorname_np(number);
    return name ? name : "?";
}

void refused(const char *label, long answer) {
    if (answer < 0) {
        held(label, error_name(errno));
    } else {
        got(label, "the call answered %ld", answer);
    }
}

void unreached(const char *label, long answer) {
    if (answer >= 0) {
        got(label, "the call answered %ld", answer);
    } else if (errno == EPERM || errno == EACCES || errno == ENOSYS) {
        held(label, error_name(errno));
    } else {
        got(label, "the kernel looked at the arguments: %s", error_name(errno));
    }
}

int in_child(void (*body)(const void *), const void *argument) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        body(argument);
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

void write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return;
    if (write(file, text, strlen(text)) < 0) fact("write", "%s", error_name(errno));
    close(file);
}

void stay(void) {
    for (;;) pause();
}

int hostile_programs_main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    int wants_list = strcmp(name, "list") == 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const struct attack *attack = tables[i]; attack->name; attack++) {
            if (wants_list) {
                printf("%c\t%s\t%s\t%s\n", attack->class, attack->name, attack->plan, attack->what);
            } else if (strcmp(attack->name, name) == 0) {
                attack->run(argc - 2, argv + 2);
                line("end", "", "");
                return 0;
            }
        }
    }
    if (wants_list) return 0;
    fprintf(stderr, "usage: panal-hostile list | NAME [ARGUMENT...]\n");
    return 64;
}
