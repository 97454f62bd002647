/* Which instruction sets this machine has, and the row kernels for one of them. */
#include <string.h>

#include "rows.h"

extern const RowKernels rows_baseline;
#ifdef __x86_64__
extern const RowKernels rows_avx2, rows_avx512;

static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

static int has_avx512(void) {
#ifdef EMULATE_AVX512
    return has_avx2();
#else
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
}
#endif

static int always(void) { return 1; }

/* The best first. */
static const struct {
    const RowKernels *rows;
    int (*available)(void);
} SETS[] = {
#ifdef __x86_64__
    {&rows_avx512, has_avx512},
    {&rows_avx2, has_avx2},
#endif
    {&rows_baseline, always},
};
enum { SET_COUNT = sizeof SETS / sizeof *SETS };

const RowKernels *select_rows(const char *name) {
    for (size_t i = 0; i < SET_COUNT; i++)
        if (SETS[i].available() && (!name || !*name || !strcmp(name, SETS[i].rows->isa))) return SETS[i].rows;
    return NULL;
}

void available_isas(char names[ISA_NAMES]) {
    *names = 0;
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (!SETS[i].available()) continue;
        if (*names) strcat(names, " ");
        strcat(names, SETS[i].rows->isa);
    }
}
