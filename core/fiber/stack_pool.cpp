#include "core/fiber/stack_pool.h"

#include <cstring>
#include <new>
#include <sys/mman.h>

#include "core/base/assert.h"
#include "core/base/sanitizers.h"

#ifdef FL_ASAN
#include <sanitizer/asan_interface.h>
#define FL_UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define FL_UNPOISON(p, n) ((void)(p), (void)(n))
#endif

namespace faultline::fiber {
namespace {
// What the last user's frames left marked as out of bounds.
void unpoison(Stack s) { FL_UNPOISON(s.low, s.size); }

constexpr std::size_t kPage = 4096;
constexpr std::size_t kIdlePerSize = 1024;  // beyond this many a returned stack is unmapped
constinit int g_fill = -1;

void unmap(Stack s) { ::munmap(s.low - kPage, s.size + kPage); }
}  // namespace

std::size_t default_stack_kib() noexcept {
#if defined(FL_ASAN) || defined(FL_TSAN)
    return 256;
#else
    return 64;
#endif
}

void set_stack_fill(int byte_or_minus_one) noexcept { g_fill = byte_or_minus_one; }

StackPool::~StackPool() {
    for (auto& [size, stacks] : idle_) {
        for (const Stack s : stacks) unmap(s);
    }
}

Stack StackPool::take(std::size_t kib) {
    const std::size_t size = kib * 1024;
    FL_ASSERT(size > 0 && size % kPage == 0);
    auto& idle = idle_[size];
    Stack s;
    if (!idle.empty()) {
        s = idle.back();
        idle.pop_back();
    } else {
        void* memory = ::mmap(nullptr, size + kPage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        if (::mprotect(memory, kPage, PROT_NONE) != 0) {  // it takes a map of its own
            ::munmap(memory, size + kPage);
            throw std::bad_alloc();
        }
        s = {static_cast<std::byte*>(memory) + kPage, size};
        ++mapped_;
    }
    if (g_fill >= 0) {
        unpoison(s);
        std::memset(s.low, g_fill, s.size);
    }
    return s;
}

void StackPool::give_back(Stack s) {
    auto& idle = idle_[s.size];
    if (idle.size() < kIdlePerSize) {
        idle.push_back(s);
        return;
    }
    unmap(s);
    --mapped_;
}
}  // namespace faultline::fiber
