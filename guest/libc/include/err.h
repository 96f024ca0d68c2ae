/* Messages in FreeBSD's style: "prog: what: why". The x forms leave errno out. */
#ifndef ERR_H
#define ERR_H

#include <stdarg.h>
#include <sys/cdefs.h>

__dead void err(int status, const char *format, ...) __printflike(2, 3);
__dead void errx(int status, const char *format, ...) __printflike(2, 3);
void warn(const char *format, ...) __printflike(1, 2);
void warnx(const char *format, ...) __printflike(1, 2);
void vwarn(const char *format, va_list args) __printflike(1, 0);
void vwarnx(const char *format, va_list args) __printflike(1, 0);

#endif
