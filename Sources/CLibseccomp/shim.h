#pragma once
#include <seccomp.h>

/* seccomp_export_bpf writes to a descriptor and does not notice a short write, so it needs one that takes everything at once.
   Glibc's Swift module does not show memfd_create; the declaration is repeated because it stands behind _GNU_SOURCE. */
extern int memfd_create(const char *name, unsigned int flags);

static inline int panal_seccomp_memfd(void) {
    return memfd_create("panal-seccomp", 1 /* MFD_CLOEXEC */);
}
