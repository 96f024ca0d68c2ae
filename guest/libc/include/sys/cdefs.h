/* Spellings shared by every header. */
#ifndef SYS_CDEFS_H
#define SYS_CDEFS_H

#define __dead __attribute__((noreturn))
#define __printflike(fmt, first) __attribute__((format(printf, fmt, first)))
/* A structure that crosses the system call boundary says its i386 size next to its definition. */
#define ABI_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " is " #bytes " bytes")
#define ABI_OFFSET(type, member, at) _Static_assert(__builtin_offsetof(type, member) == (at), #type "." #member)

#endif
