/* share_vectors PATH FIRST COUNT DIMENSIONS
 *
 * Sets the metadata of the vector file at PATH, inserts COUNT vectors under the ids from FIRST on,
 * looks each of them up by all three metrics, and prints the count that the file then has. What a
 * vector holds follows from its id, so that several processes may do this at once on one file.
 * Everything that is not as it must be ends the program with status 1 and a line on standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vexfs_device.h"

#define BATCH 50
#define SENTINEL 0x5a5a5a5au

#define REQUIRE(condition, ...) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, __VA_ARGS__); \
            fprintf(stderr, " (%s)\n", #condition); \
            exit(1); \
        } \
    } while (0)

static int device;
static uint32_t dimensions;

/* A component between -1 and 1, by the finalizer of splitmix64. */
static float component(uint64_t id, uint32_t place) {
    uint64_t mixed = id * 0x9e3779b97f4a7c15u + place;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return (float)((double)(mixed >> 11) / (double)(1ull << 52) - 1.0);
}

static void fill(float *vector, uint64_t id) {
    for (uint32_t place = 0; place < dimensions; place++)
        vector[place] = component(id, place);
}

static void set_meta(void) {
    struct vexfs_vector_file_info info = {
        .dimensions = dimensions,
        .element_type = VEXFS_ELEMENT_FLOAT32,
        .storage_format = VEXFS_STORAGE_DENSE,
        .compression_type = VEXFS_COMPRESSION_NONE,
    };
    REQUIRE(ioctl(device, VEXFS_SET_VECTOR_META, &info) == 0, "set meta: %s", strerror(errno));
}

static uint32_t count(void) {
    struct vexfs_vector_file_info info;
    memset(&info, 0xff, sizeof info);
    REQUIRE(ioctl(device, VEXFS_GET_VECTOR_META, &info) == 0, "get meta: %s", strerror(errno));
    REQUIRE(info.dimensions == dimensions, "meta: %u dimensions", info.dimensions);
    REQUIRE(info.element_type == VEXFS_ELEMENT_FLOAT32, "meta: element %u", info.element_type);
    REQUIRE(info.storage_format == VEXFS_STORAGE_DENSE, "meta: format %u", info.storage_format);
    return info.vector_count;
}

static void insert(uint64_t first, uint32_t how_many) {
    float *vectors = malloc(sizeof(float) * dimensions * how_many);
    uint64_t *ids = malloc(sizeof(uint64_t) * how_many);
    REQUIRE(vectors && ids, "no memory");
    for (uint32_t row = 0; row < how_many; row++) {
        ids[row] = first + row;
        fill(vectors + (size_t)row * dimensions, first + row);
    }
    struct vexfs_batch_insert_request request = {
        .vectors_bits = (const uint32_t *)vectors,
        .vector_count = how_many,
        .dimensions = dimensions,
        .vector_ids = ids,
        .flags = VEXFS_INSERT_APPEND,
    };
    REQUIRE(ioctl(device, VEXFS_BATCH_INSERT, &request) == 0, "insert: %s", strerror(errno));
    free(vectors);
    free(ids);
}

/* Search for the vector of `id`: it must be the nearest, with the score that it has to itself. */
static void look_up(uint64_t id, uint32_t metric) {
    enum { K = 3 };
    float *query = malloc(sizeof(float) * dimensions);
    REQUIRE(query, "no memory");
    fill(query, id);
    double square = 0;
    for (uint32_t place = 0; place < dimensions; place++)
        square += (double)query[place] * query[place];
    float scores[K + 1];
    uint64_t ids[K + 1];
    memset(scores, 0x5a, sizeof scores);
    memset(ids, 0x5a, sizeof ids);
    struct vexfs_vector_search_request request = {
        .query_vector_bits = (const uint32_t *)query,
        .dimensions = dimensions,
        .k = K,
        .search_type = metric,
        .results_bits = (uint32_t *)scores,
        .result_ids = ids,
        .result_count = SENTINEL,
    };
    REQUIRE(ioctl(device, VEXFS_VECTOR_SEARCH, &request) == 0, "search: %s", strerror(errno));
    REQUIRE(request.result_count == K, "search: %u results", request.result_count);
    uint32_t beyond;
    memcpy(&beyond, &scores[K], sizeof beyond);
    REQUIRE(beyond == SENTINEL && (uint32_t)ids[K] == SENTINEL, "search: wrote beyond k");
    for (int rank = 1; rank < K; rank++) {
        int is_sorted = metric == VEXFS_SEARCH_EUCLIDEAN ? scores[rank - 1] <= scores[rank]
                                                         : scores[rank - 1] >= scores[rank];
        REQUIRE(is_sorted, "search: %g before %g", scores[rank - 1], scores[rank]);
    }
    double own = metric == VEXFS_SEARCH_EUCLIDEAN ? 0 : metric == VEXFS_SEARCH_COSINE ? 1 : square;
    if (metric != VEXFS_SEARCH_DOT_PRODUCT) {
        REQUIRE(ids[0] == id, "search %u for %lu: found %lu", metric, id, ids[0]);
        REQUIRE(fabs(scores[0] - own) < 1e-2, "search %u: score %g", metric, scores[0]);
    } else {
        /* A longer vector may have a larger product; then that is what its score must say. */
        double product = 0;
        for (uint32_t place = 0; place < dimensions; place++)
            product += (double)query[place] * component(ids[0], place);
        REQUIRE(fabs(scores[0] - product) < 1e-3 * (1 + fabs(product)), "score %g", scores[0]);
        REQUIRE(product >= own - 1e-3, "search: %g is not the largest product", product);
    }
    free(query);
}

static void refuse(void) {
    struct vexfs_vector_search_request request = {.dimensions = dimensions, .k = 1};
    REQUIRE(ioctl(device, VEXFS_VECTOR_SEARCH, &request) == -1, "search of nothing was answered");
    REQUIRE(errno == EINVAL || errno == EFAULT, "search of nothing: %s", strerror(errno));
    REQUIRE(ioctl(device, _IO('V', 99)) == -1 && errno == ENOTTY, "call 99: %s", strerror(errno));
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: share_vectors PATH FIRST COUNT DIMENSIONS\n");
        return 2;
    }
    uint64_t first = strtoull(argv[2], NULL, 10);
    uint32_t how_many = (uint32_t)strtoul(argv[3], NULL, 10);
    dimensions = (uint32_t)strtoul(argv[4], NULL, 10);
    device = open(argv[1], O_CREAT | O_RDWR, 0644);
    REQUIRE(device >= 0, "open: %s", strerror(errno));
    set_meta();
    for (uint32_t done = 0; done < how_many; done += BATCH) {
        uint32_t batch = how_many - done < BATCH ? how_many - done : BATCH;
        insert(first + done, batch);
        for (uint32_t metric = 0; metric < 3; metric++)
            look_up(first + done + batch - 1, metric);
        REQUIRE(count() >= done + batch, "the count fell behind");
    }
    refuse();
    printf("%u\n", count());
    return close(device);
}
