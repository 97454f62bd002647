/* MaskedAttention: every query attends to the unmasked positions of its sequence. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

/* A task is one head of a sequence and a block of its queries, for which keys and values are packed once. A block is
 * small enough for MIN_TASKS tasks, but not so small that packing dominates. TILE_ROWS is a multiple of every tile. */
enum { MIN_TASKS = 12, MIN_BLOCK_ROWS = 132, TILE_ROWS = 12 };

/* Packing costs as much as about PACKING_COST_ROWS queries; PRODUCTS_PER_COST multiplications cost one unit of
 * for_rows. */
enum { PACKING_COST_ROWS = 12, PRODUCTS_PER_COST = 6, ALIGNMENT = 64 };

enum { QUERY, KEY, VALUE, MASK };

typedef struct {
    size_t queries, keys, heads, channels, rows, blocks; /* per sequence, per head, and per block */
} Sizes;

static Sizes sizes_of(const Call *call) {
    const Tensor *query = &call->inputs[QUERY];
    size_t heads = (size_t)call->kernel->num_heads, queries = (size_t)query->dims[1];
    size_t rows = row_count(query) * heads / MIN_TASKS;
    rows = rows < MIN_BLOCK_ROWS ? MIN_BLOCK_ROWS : rows - rows % TILE_ROWS + TILE_ROWS;
    return (Sizes){
        .queries = queries,
        .keys = (size_t)call->inputs[KEY].dims[1],
        .heads = heads,
        .channels = channel_count(query) / heads,
        .rows = rows,
        .blocks = (queries + rows - 1) / rows,
    };
}

/* Lists the positions that are keys: the unmasked ones, or all if none is. Returns the number of unmasked ones. */
static size_t list_keys(size_t *real, const int64_t *mask, size_t positions) {
    size_t count = 0;
    for (size_t p = 0; p < positions; p++)
        if (!mask || mask[p]) real[count++] = p;
    for (size_t p = 0; !count && p < positions; p++) real[p] = p;
    return count;
}

static void attend_block(const Call *call, const Sizes *sizes, size_t task, size_t *real, float *buffer) {
    size_t text = task / sizes->blocks / sizes->heads, number = task / sizes->blocks % sizes->heads;
    size_t stride = sizes->heads * sizes->channels, from = task % sizes->blocks * sizes->rows;
    size_t first_query = text * sizes->queries * stride + number * sizes->channels;
    size_t first_key = text * sizes->keys * stride + number * sizes->channels;
    const int64_t *mask = call->inputs[MASK].data;
    size_t count = list_keys(real, mask ? mask + text * sizes->keys : NULL, sizes->keys);
    Head head = {
        .query = float_input(call, QUERY) + first_query,
        .key = float_input(call, KEY) + first_key,
        .value = float_input(call, VALUE) + first_key,
        .output = float_output(call, 0) + first_query,
        .real = real,
        .keys = count ? count : sizes->keys,
        .channels = sizes->channels,
        .stride = stride,
        .scale =
            count ? 1.0f / sqrtf((float)sizes->channels) : 0.0f, /* if all keys are masked, all get the same weight */
    };
    size_t to = from + sizes->rows < sizes->queries ? from + sizes->rows : sizes->queries;
    call->kernel->row_kernels->attend(&head, from, to, buffer);
}

static void attend_blocks(const Call *call, size_t from, size_t to) {
    Sizes sizes = sizes_of(call);
    size_t floats = call->kernel->row_kernels->attention_floats(sizes.keys, sizes.channels);
    size_t *real = malloc(sizes.keys * sizeof *real);
    float *buffer = allocate_floats(call, floats + ALIGNMENT / sizeof *buffer);
    if (real && buffer) {
        float *aligned = buffer + (ALIGNMENT - (uintptr_t)buffer % ALIGNMENT) / sizeof *buffer;
        for (size_t task = from; task < to; task++) attend_block(call, &sizes, task, real, aligned);
    } else
        *call->out_of_memory = true;
    free(buffer);
    free(real);
}

static OrtStatus *check(const Call *call) {
    const Operator *op = call->kernel->op;
    const Tensor *query = &call->inputs[QUERY], *key = &call->inputs[KEY];
    long long channels = (long long)query->dims[2], heads = (long long)call->kernel->num_heads;
    if (query->rank != 3) return invalid(op, "query has %zu axes, it must be [B, T, H*D]", query->rank);
    if (channels % heads)
        return invalid(op, "query has %lld channels, which num_heads %lld does not divide", channels, heads);
    const int64_t dims[] = {query->dims[0], key->dims[1], channels};
    OrtStatus *status = check_dims(call, KEY, dims, 3, "[B, S, H*D]");
    if (!status) status = check_dims(call, VALUE, key->dims, 3, "that of key");
    return status || !call->inputs[MASK].data ? status : check_dims(call, MASK, key->dims, 2, "[B, S]");
}

static OrtStatus *masked_attention(Call *call) {
    const Tensor *query = &call->inputs[QUERY];
    OrtStatus *status = check(call);
    if (!status) status = make_output(call, 0, query->dims, query->rank);
    size_t elements = row_count(query) * channel_count(query);
    if (status || !elements) return status;
    Sizes sizes = sizes_of(call);
    if (!sizes.keys) return memset(call->outputs[0], 0, elements * sizeof(float)), NULL;
    size_t rows = sizes.queries / sizes.blocks + PACKING_COST_ROWS;
    size_t cost = rows * sizes.keys * sizes.channels / PRODUCTS_PER_COST;
    return for_rows(call, (size_t)query->dims[0] * sizes.heads * sizes.blocks, cost, attend_blocks);
}

Operator masked_attention_operator = {
    .name = "MaskedAttention",
    .inputs = {"query", "key", "value", "mask"},
    .outputs = {"output"},
    .attributes = {{"num_heads", INT_ATTRIBUTE, offsetof(Kernel, num_heads)}},
    .has_mask = true,
    .compute = masked_attention,
};
