#ifndef DENIED_H
#define DENIED_H

/// Calls that no program of a cell may make, whatever the arguments.
struct denied_call {
    const char *name;
    int number;
};

/// Ends with an entry without a name.
extern const struct denied_call denied_calls[];

#endif
