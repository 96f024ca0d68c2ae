/* FreeBSD/i386: long, pointer and size_t are 4 bytes, off_t and id_t are 8, time_t is 4. */
#ifndef SYS_TYPES_H
#define SYS_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/cdefs.h>

typedef int32_t ssize_t;
typedef int64_t off_t;
typedef int64_t id_t;
typedef int32_t pid_t;
typedef int32_t lwpid_t;
typedef uint32_t uid_t;
typedef uint32_t gid_t;
typedef uint32_t dev_t;
typedef uint32_t ino_t;
typedef uint16_t mode_t;
typedef uint16_t nlink_t;
typedef int32_t time_t;
typedef int32_t clockid_t;
typedef uint32_t useconds_t;
typedef char *caddr_t;

_Static_assert(sizeof(long) == 4 && sizeof(void *) == 4, "these headers are for i386");

#endif
