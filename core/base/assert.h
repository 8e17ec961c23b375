// Bugs crash. These checks are on in every build: the object code under test is the shipped one.
#pragma once
#include <cstdint>
#include <string_view>

namespace faultline {

struct AssertInfo {
    const char* expression;
    const char* file;
    int line;
    int invariant;  // 0, or the number of docs/INVARIANTS.md
};

// Called before the abort. The simulator installs one that ends the run as violated, with its
// trace; it may throw or longjmp away only if no destructor between can park. One per process.
using AssertHook = void (*)(const AssertInfo&);
void set_assert_hook(AssertHook) noexcept;

[[noreturn]] void assert_failed(const AssertInfo&);
}  // namespace faultline

#define FL_ASSERT(cond) \
    (static_cast<bool>(cond) ? void(0) : ::faultline::assert_failed({#cond, __FILE__, __LINE__, 0}))
// The id is the number of a row in docs/INVARIANTS.md; tests/tidy checks that both exist.
#define FL_INVARIANT(id, cond)         \
    (static_cast<bool>(cond) ? void(0) \
                             : ::faultline::assert_failed({#cond, __FILE__, __LINE__, (id)}))
#define FL_UNREACHABLE() ::faultline::assert_failed({"unreachable", __FILE__, __LINE__, 0})
