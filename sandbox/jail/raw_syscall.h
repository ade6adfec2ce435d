// System calls without the C library: nothing but registers, so that they work where memory cannot
// be trusted any more.
#ifndef LOADLOCK_SANDBOX_JAIL_RAW_SYSCALL_H_
#define LOADLOCK_SANDBOX_JAIL_RAW_SYSCALL_H_

#include <sys/syscall.h>

namespace loadlock::jail {

// Returns what the kernel returns: the result, or the negated errno.
__attribute__((always_inline)) inline long RawSyscall(long number, long a, long b = 0, long c = 0) {
#if defined(__x86_64__)
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
#else
#error "No raw system calls for this architecture"
#endif
}

[[noreturn]] __attribute__((always_inline)) inline void RawExit(int code) {
  for (;;) RawSyscall(SYS_exit_group, code);
}

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_RAW_SYSCALL_H_
