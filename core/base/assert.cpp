#include "core/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace faultline {
namespace {
constinit AssertHook g_hook = nullptr;
}

void set_assert_hook(AssertHook hook) noexcept { g_hook = hook; }

void assert_failed(const AssertInfo& info) {
    if (g_hook != nullptr) g_hook(info);
    if (info.invariant != 0) {
        std::fprintf(stderr, "faultline: %s:%d: INV-%d broken: %s\n", info.file, info.line,
                     info.invariant, info.expression);
    } else {
        std::fprintf(stderr, "faultline: %s:%d: assertion failed: %s\n", info.file, info.line,
                     info.expression);
    }
    std::abort();
}
}  // namespace faultline
