// A fiber as the scheduler sees it. Not for anybody else.
#pragma once
#include <functional>
#include <string_view>

#include "core/base/intrusive_list.h"
#include "core/fiber/context.h"
#include "core/fiber/scheduler.h"

namespace faultline::fiber {

class Fiber : public TaggedHook<DomainTag> {
public:
    static constexpr std::size_t kNoTimer = static_cast<std::size_t>(-1);
    Context context;
    Stack stack;
    Scheduler* scheduler = nullptr;
    Domain* domain = nullptr;
    std::string_view name;
    std::move_only_function<void()> body;
    Waiter* waiter = nullptr;      // while parked
    std::size_t timer = kNoTimer;  // place in the scheduler's heap
    Deadline deadline;             // of that timer, by the domain's time base
    std::uint64_t number = 0;      // among the fibers of its domain, in order of birth
    std::uint64_t runs = 0;
    std::uint64_t word = 0;  // Scheduler::context_word while it runs
    bool queued = false;     // in the run queue, or held by a paused domain
    bool started = false;
    bool finished = false;
    bool killed = false;
    bool mark = false;
};
}  // namespace faultline::fiber
