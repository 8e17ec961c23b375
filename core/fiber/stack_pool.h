// Guard-paged stacks. A fresh one costs microseconds (two system calls), so they are kept warm.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "core/fiber/context.h"

namespace faultline::fiber {

// 64 KiB; 256 where a sanitizer enlarges frames.
std::size_t default_stack_kib() noexcept;

// For the determinism check: every stack is filled with this byte before use, so that a read of an
// uninitialised variable shows as another trace. -1 (the default): stacks are not filled.
void set_stack_fill(int byte_or_minus_one) noexcept;

// One per scheduler; not thread safe.
class StackPool {
public:
    StackPool() = default;
    ~StackPool();
    StackPool(const StackPool&) = delete;
    StackPool& operator=(const StackPool&) = delete;
    // Aborts when memory or mappings run out.
    Stack take(std::size_t kib);
    void give_back(Stack);
    std::size_t mapped() const noexcept { return mapped_; }

private:
    std::map<std::size_t, std::vector<Stack>> idle_;  // by size
    std::size_t mapped_ = 0;
};
}  // namespace faultline::fiber
