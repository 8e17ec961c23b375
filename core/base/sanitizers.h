// Which sanitizers this is built with: FL_ASAN, FL_TSAN. g++ and clang say it in different ways.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define FL_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define FL_TSAN 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(FL_ASAN)
#define FL_ASAN 1
#endif
#if __has_feature(thread_sanitizer) && !defined(FL_TSAN)
#define FL_TSAN 1
#endif
#endif
