// Shared by the files with channels.
#ifndef HOSTILE_CHANNELS_H
#define HOSTILE_CHANNELS_H

#include "hostile.h"

struct channel {
    const char *name;
    /// Returns 0 when something stands that a receiver could find; else -1 with errno.
    int (*send)(const char *token);
    /// Returns 1 when it was found.
    int (*receive)(const char *token);
};

/// How long a receiver waits, in milliseconds: longer where something has to come.
extern int patience;

/// Opens each file that cells could share; returns whether `body` returned other than 0 for one of them, and keeps its name.
int each_shared_file(int (*body)(int file));

int futex_send(const char *token);
int futex_receive(const char *token);
int exit_send(const char *token);
int exit_receive(const char *token);
int robust_send(const char *token);
int robust_receive(const char *token);
/// Waits at a futex where no child could; returns at once where it need not, or where that is refused.
void futex_stay(void);

#endif
