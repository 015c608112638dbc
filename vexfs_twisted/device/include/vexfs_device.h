/* The VexFS v2 device interface, for C programs.
 *
 * Open a regular file of a VexFS mount, or a device node, with O_RDWR and give its descriptor to
 * ioctl(2). All numbers are little endian. Vectors and scores are the bit patterns of IEEE 754
 * single precision, so that a `float *` may be passed where `uint32_t *` is declared, cast.
 */
#ifndef VEXFS_DEVICE_H
#define VEXFS_DEVICE_H

#include <stdint.h>
#include <sys/ioctl.h>

#define VEXFS_DEVICE_MAGIC 0x56455832 /* what statfs tells of a mount of the kernel module */

#define VEXFS_MAX_DIMENSIONS 65536
#define VEXFS_MAX_INSERT_COUNT 1000000

enum vexfs_element_type {
    VEXFS_ELEMENT_FLOAT32 = 1,
    VEXFS_ELEMENT_FLOAT16 = 2,
    VEXFS_ELEMENT_INT8 = 3,
    VEXFS_ELEMENT_BINARY = 4,
};

enum vexfs_search_type {
    VEXFS_SEARCH_EUCLIDEAN = 0,   /* scores are distances, ascending */
    VEXFS_SEARCH_COSINE = 1,      /* scores are cosines, descending */
    VEXFS_SEARCH_DOT_PRODUCT = 2, /* scores are inner products, descending */
};

enum vexfs_storage_format {
    VEXFS_STORAGE_DENSE = 0,
    VEXFS_STORAGE_SPARSE = 1,
    VEXFS_STORAGE_COMPRESSED = 2,
};

enum vexfs_compression {
    VEXFS_COMPRESSION_NONE = 0,
    VEXFS_COMPRESSION_LZ4 = 1,
    VEXFS_COMPRESSION_ZSTD = 2,
};

enum vexfs_insert_flags {
    VEXFS_INSERT_OVERWRITE = 1, /* an id that is there gets the new vector */
    VEXFS_INSERT_APPEND = 2,
    VEXFS_INSERT_VALIDATE = 4,
};

struct vexfs_vector_file_info {
    uint32_t dimensions;
    uint32_t element_type;
    uint32_t vector_count;
    uint32_t storage_format;
    uint64_t data_offset;
    uint64_t index_offset;
    uint32_t compression_type;
    uint32_t alignment_bytes;
};

struct vexfs_vector_search_request {
    const uint32_t *query_vector_bits; /* [dimensions] */
    uint32_t dimensions;
    uint32_t k;
    uint32_t search_type;
    uint32_t *results_bits; /* [k], set by the device: scores, nearest first */
    uint64_t *result_ids;   /* [k], set by the device */
    uint32_t result_count;  /* set by the device */
};

struct vexfs_batch_insert_request {
    const uint32_t *vectors_bits; /* [vector_count][dimensions] */
    uint32_t vector_count;
    uint32_t dimensions;
    const uint64_t *vector_ids; /* [vector_count], or null */
    uint32_t flags;
};

#define VEXFS_SET_VECTOR_META _IOW('V', 1, struct vexfs_vector_file_info)
#define VEXFS_GET_VECTOR_META _IOR('V', 2, struct vexfs_vector_file_info)
#define VEXFS_VECTOR_SEARCH _IOWR('V', 3, struct vexfs_vector_search_request)
#define VEXFS_BATCH_INSERT _IOW('V', 4, struct vexfs_batch_insert_request)

#endif
