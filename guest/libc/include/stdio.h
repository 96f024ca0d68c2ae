/* A small stdio: output goes out at each newline, so a killed program has lost no whole line. No floating point. */
#ifndef STDIO_H
#define STDIO_H

#include <stdarg.h>
#include <sys/types.h>

#define EOF (-1)
#define BUFSIZ 1024

typedef struct FILE FILE;
extern FILE *const stdin, *const stdout, *const stderr;

int printf(const char *restrict format, ...) __printflike(1, 2);
int fprintf(FILE *f, const char *restrict format, ...) __printflike(2, 3);
int dprintf(int fd, const char *restrict format, ...) __printflike(2, 3);
int snprintf(char *to, size_t size, const char *restrict format, ...) __printflike(3, 4);
int vprintf(const char *restrict format, va_list args) __printflike(1, 0);
int vfprintf(FILE *f, const char *restrict format, va_list args) __printflike(2, 0);
int vdprintf(int fd, const char *restrict format, va_list args) __printflike(2, 0);
int vsnprintf(char *to, size_t size, const char *restrict format, va_list args) __printflike(3, 0);
int putchar(int c);
int fputc(int c, FILE *f);
int fputs(const char *s, FILE *f);
int puts(const char *s);
size_t fwrite(const void *data, size_t size, size_t count, FILE *f);
int fflush(FILE *f);
int ferror(FILE *f);
int fgetc(FILE *f);
int getchar(void);
ssize_t getline(char **line, size_t *capacity, FILE *f);
void perror(const char *prefix);
int rename(const char *from, const char *to);

#endif
