/* Detects the instruction sets of this machine and selects the row kernels for one of them. */
#include <string.h>

#include "row_kernels.h"

extern const RowKernels row_kernels_baseline;
#ifdef __x86_64__
#include <cpuid.h>

extern const RowKernels row_kernels_avx2, row_kernels_avxvnni, row_kernels_avx512, row_kernels_avx512vnni;

/* Reads a bit of CPUID's extended features, for features that __builtin_cpu_supports does not know. */
static bool has_feature(unsigned leaf, int reg, int bit) {
    unsigned found[4];
    return __get_cpuid_count(7, leaf, &found[0], &found[1], &found[2], &found[3]) && found[reg] >> bit & 1;
}
enum { EAX = 0, EDX = 3, AVX_VNNI_BIT = 4, AMX_INT8_BIT = 25 };

static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

#ifdef COMPILES_AVX_VNNI
static bool has_avxvnni(void) { return has_avx2() && has_feature(1, EAX, AVX_VNNI_BIT); }
#endif

static bool has_avx512(void) {
#ifdef EMULATE_AVX512
    return has_avx2();
#else
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
}

static bool has_avx512vnni(void) {
#ifdef EMULATE_AVX512
    return has_avx2();
#else
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
#endif
}
#endif

static bool is_always_available(void) { return true; }

/* Best first. */
static const struct {
    const RowKernels *row_kernels;
    bool (*available)(void);
} INSTRUCTION_SETS[] = {
#ifdef __x86_64__
    {&row_kernels_avx512vnni, has_avx512vnni},
    {&row_kernels_avx512, has_avx512},
#ifdef COMPILES_AVX_VNNI
    {&row_kernels_avxvnni, has_avxvnni},
#endif
    {&row_kernels_avx2, has_avx2},
#endif
    {&row_kernels_baseline, is_always_available},
};
enum { INSTRUCTION_SET_COUNT = sizeof INSTRUCTION_SETS / sizeof *INSTRUCTION_SETS };

const RowKernels *select_row_kernels(const char *name) {
    for (size_t i = 0; i < INSTRUCTION_SET_COUNT; i++)
        if (INSTRUCTION_SETS[i].available() && (!name || !*name || !strcmp(name, INSTRUCTION_SETS[i].row_kernels->isa)))
            return INSTRUCTION_SETS[i].row_kernels;
    return NULL;
}

void available_isas(char names[ISA_NAMES]) {
    *names = 0;
    for (size_t i = 0; i < INSTRUCTION_SET_COUNT; i++) {
        if (!INSTRUCTION_SETS[i].available()) continue;
        if (*names) strcat(names, " ");
        strcat(names, INSTRUCTION_SETS[i].row_kernels->isa);
    }
}

bool has_fast_int8_matmul(void) {
#ifdef __x86_64__
    return has_avx2() && !has_feature(0, EDX, AMX_INT8_BIT);
#else
    return false;
#endif
}
