#ifndef STDLIB_H
#define STDLIB_H

#include <sys/types.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
__dead void exit(int status);
__dead void abort(void);
int atexit(void (*function)(void));
int atoi(const char *s);
long strtol(const char *s, char **end, int base);
unsigned long strtoul(const char *s, char **end, int base);
long long strtonum(const char *s, long long minimum, long long maximum, const char **problem);
int abs(int n);
char *getenv(const char *name);
int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);
int posix_openpt(int flags);
char *ptsname(int master);
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
const char *getprogname(void);

#endif
