#include "core/fiber/scheduler.h"

#include <algorithm>
#include <exception>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/fiber/fiber.h"
#include "core/fiber/stack_pool.h"

namespace faultline::fiber {
namespace {
// Switches between two polls of the driver while fibers stay runnable.
constexpr unsigned kSwitchesPerPoll = 64;
constinit thread_local Scheduler* g_current = nullptr;

struct CurrentScope {
    explicit CurrentScope(Scheduler& s) : before(g_current) { g_current = &s; }
    ~CurrentScope() { g_current = before; }
    Scheduler* before;
};
}  // namespace

struct Scheduler::Main {
    Context context;
    std::vector<std::unique_ptr<Fiber>> idle;  // finished fibers, to be used again
};

Domain::Domain(std::string_view name, const TimeBase* base) : name_(name), base_(base), key_(0) {
    for (const char c : name) key_ = mix64(key_ ^ static_cast<unsigned char>(c));
}

Domain::~Domain() { FL_ASSERT(fibers_.empty() && held_.empty()); }

Scheduler::Scheduler(Driver& driver)
    : driver_(driver),
      runnable_(64),
      stacks_(std::make_unique<StackPool>()),
      main_(std::make_unique<Main>()) {}

Scheduler::~Scheduler() { FL_ASSERT(live_ == 0); }

Scheduler& Scheduler::current() noexcept {
    FL_ASSERT(g_current != nullptr);
    return *g_current;
}

std::string_view Scheduler::current_name() const noexcept {
    return current_ == nullptr ? std::string_view{} : current_->name;
}

Domain* Scheduler::current_domain() const noexcept {
    return current_ == nullptr ? nullptr : current_->domain;
}

bool& Scheduler::fiber_mark() noexcept {
    FL_ASSERT(current_ != nullptr);
    return current_->mark;
}

void Scheduler::spawn(SpawnOptions options, std::move_only_function<void()> body) {
    const std::size_t kib = options.stack_kib == 0 ? default_stack_kib() : options.stack_kib;
    std::unique_ptr<Fiber> fiber;
    if (main_->idle.empty()) {
        fiber = std::make_unique<Fiber>();
    } else {
        fiber = std::move(main_->idle.back());
        main_->idle.pop_back();
    }
    fiber->scheduler = this;
    fiber->domain = options.domain != nullptr ? options.domain : current_domain();
    fiber->name = options.name;
    fiber->body = std::move(body);
    fiber->number = fiber->domain != nullptr ? ++fiber->domain->born_ : ++born_;
    fiber->runs = 0;
    fiber->word = word_;
    fiber->started = fiber->finished = fiber->killed = fiber->mark = false;
    fiber->stack = stacks_->take(kib);
    if (fiber->domain != nullptr) {
        FL_ASSERT(!fiber->domain->killed_);
        fiber->domain->fibers_.push_back(*fiber);
    }
    ++live_;
    make_runnable(*fiber.release());
}

void Scheduler::entry(void* arg) {
    Fiber& self = *static_cast<Fiber*>(arg);
    try {
        self.body();
    } catch (const FiberKilled&) {
        // The node lost power. Whatever is not FiberKilled ends the process: see Trampoline.
    }
    self.body = nullptr;  // what it captured dies on its own stack
    self.finished = true;
    leave_context(self.context, self.scheduler->main_->context);
}

void Scheduler::reap(Fiber& fiber) {
    static_cast<TaggedHook<DomainTag>&>(fiber).unlink();
    if (fiber.stack.low != nullptr) stacks_->give_back(fiber.stack);
    fiber.stack = {};
    fiber.waiter = nullptr;
    fiber.domain = nullptr;
    --live_;
    main_->idle.emplace_back(&fiber);
}

void Scheduler::make_runnable(Fiber& fiber) noexcept {
    if (fiber.queued) return;
    fiber.queued = true;
    if (count_ == runnable_.size()) {
        std::vector<Fiber*> larger(runnable_.size() * 2);
        for (std::size_t i = 0; i < count_; ++i) {
            larger[i] = runnable_[(head_ + i) & (runnable_.size() - 1)];
        }
        runnable_ = std::move(larger);
        head_ = 0;
    }
    runnable_[(head_ + count_++) & (runnable_.size() - 1)] = &fiber;
}

Fiber& Scheduler::take_runnable() noexcept {
    const std::size_t mask = runnable_.size() - 1;
    if (count_ > 1) {
        // Any order is legal; the driver decides. The first takes the place of the chosen one.
        const std::size_t i = driver_.choose(count_);
        FL_ASSERT(i < count_);
        std::swap(runnable_[head_ & mask], runnable_[(head_ + i) & mask]);
    }
    Fiber& fiber = *runnable_[head_ & mask];
    head_ = (head_ + 1) & mask;
    --count_;
    return fiber;
}

Candidate Scheduler::candidate(std::size_t i) const noexcept {
    const Fiber& fiber = *runnable_[(head_ + i) & (runnable_.size() - 1)];
    return {fiber.domain != nullptr ? fiber.domain->key_ : 0, fiber.number, fiber.runs};
}

MonoTime Scheduler::now_of(const Fiber& fiber) const noexcept {
    const TimeBase* base = fiber.domain == nullptr ? nullptr : fiber.domain->base_;
    return base == nullptr ? now_ : base->local(now_);
}

Deadline Scheduler::here(MonoTime t) const noexcept {
    const TimeBase* base =
        current_ == nullptr || current_->domain == nullptr ? nullptr : current_->domain->base_;
    if (base == nullptr || t == MonoTime::never()) return {t};
    return {base->shown_at(t) + Duration{base->ppm() == 0 ? 0 : 1}};
}

void Scheduler::switch_to(Fiber& fiber) {
    if (!fiber.started) {
        fiber.started = true;
        fiber.context.prepare(fiber.stack, &Scheduler::entry, &fiber);
    }
    fiber.queued = false;
    current_ = &fiber;
    ++switches_;
    ++fiber.runs;
    const std::uint64_t outside = std::exchange(word_, fiber.word);
    switch_context(main_->context, fiber.context);
    fiber.word = std::exchange(word_, outside);
    current_ = nullptr;
    if (fiber.finished) reap(fiber);
}

void Scheduler::switch_out(Fiber& fiber) { switch_context(fiber.context, main_->context); }

void Scheduler::run() {
    FL_ASSERT(current_ == nullptr);
    const CurrentScope scope(*this);
    stopped_ = false;
    advance(driver_.poll());
    fire_timers();
    while (!stopped_) {
        for (unsigned n = kSwitchesPerPoll; n > 0 && count_ > 0 && !stopped_; --n) {
            Fiber& fiber = take_runnable();
            if (fiber.domain != nullptr && fiber.domain->paused_) {
                fiber.domain->held_.push_back(&fiber);
            } else {
                switch_to(fiber);
            }
        }
        if (stopped_) break;
        if (count_ > 0) {
            advance(driver_.poll());
        } else {
            const MonoTime next = timers_.empty() ? MonoTime::never() : timers_.front().at;
            const MonoTime t = driver_.wait(next);
            if (t == MonoTime::never()) break;
            advance(t);
        }
        fire_timers();
    }
}

void Scheduler::advance(MonoTime t) noexcept {
    if (t > now_) now_ = t;
}

void Scheduler::resume(Domain& domain) {
    domain.paused_ = false;
    for (Fiber* fiber : std::exchange(domain.held_, {})) {
        fiber->queued = false;
        make_runnable(*fiber);
    }
}

void Scheduler::retime(Domain& domain) {
    std::vector<Fiber*> sleepers;
    domain.fibers_.for_each([&](Fiber& f) {
        if (f.waiter != nullptr && !f.queued && f.deadline.at != MonoTime::never()) {
            sleepers.push_back(&f);
        }
    });
    for (Fiber* fiber : sleepers) {
        if (fiber->timer != Fiber::kNoTimer) disarm(*fiber);
        arm(*fiber, fiber->deadline);
    }
}

void Scheduler::kill(Domain& domain) {
    FL_ASSERT(current_ == nullptr);
    const CurrentScope scope(*this);
    domain.killed_ = true;
    domain.held_.clear();
    while (!domain.fibers_.empty()) {
        Fiber& fiber = domain.fibers_.back();
        fiber.killed = true;
        if (fiber.timer != Fiber::kNoTimer) disarm(fiber);
        if (fiber.queued) {
            const std::size_t mask = runnable_.size() - 1;
            std::size_t kept = 0;
            for (std::size_t i = 0; i < count_; ++i) {
                Fiber* f = runnable_[(head_ + i) & mask];
                if (f != &fiber) runnable_[(head_ + kept++) & mask] = f;
            }
            count_ = kept;  // it may have been held by a paused domain instead
            fiber.queued = false;
        }
        if (!fiber.started) {
            fiber.body = nullptr;
            reap(fiber);
        } else {
            switch_to(fiber);  // park() throws
            FL_ASSERT(fiber.finished);
        }
    }
}

// --- parking ---------------------------------------------------------------------------------

Wake Waiter::park(Deadline deadline, StopToken stop) {
    Scheduler& scheduler = Scheduler::current();
    Fiber* fiber = scheduler.current_;
    FL_ASSERT(fiber != nullptr);                 // only fibers can wait
    FL_ASSERT(std::uncaught_exceptions() == 0);  // no parking in destructors while unwinding
    if (woken_) {
        woken_ = false;
        return Wake::signalled;
    }
    const auto leave = [this](Wake reason) {
        static_cast<TaggedHook<WaitTag>&>(*this).unlink();
        return reason;
    };
    if (stop.stop_requested()) return leave(Wake::cancelled);
    if (deadline.at <= scheduler.now_of(*fiber)) return leave(Wake::timed_out);
    fiber_ = fiber;
    fiber->waiter = this;
    if (stop.s_ != nullptr) stop.s_->waiters.push_back(*this);
    fiber->deadline = deadline;
    if (deadline.at != MonoTime::never()) scheduler.arm(*fiber, deadline);
    scheduler.switch_out(*fiber);
    fiber_ = nullptr;
    fiber->waiter = nullptr;
    if (fiber->killed) {
        static_cast<TaggedHook<StopTag>&>(*this).unlink();
        static_cast<TaggedHook<WaitTag>&>(*this).unlink();
        throw FiberKilled{};
    }
    woken_ = false;
    return reason_;
}

void Waiter::wake_with(Wake reason) noexcept {
    if (woken_) return;
    if (fiber_ == nullptr) {
        if (reason == Wake::signalled) woken_ = true;
        return;
    }
    woken_ = true;
    reason_ = reason;
    if (reason != Wake::timed_out) fiber_->word = fiber_->scheduler->word_;
    // Leaves every list now, so that nobody spends a signal on a waiter that has timed out.
    static_cast<TaggedHook<StopTag>&>(*this).unlink();
    static_cast<TaggedHook<WaitTag>&>(*this).unlink();
    if (fiber_->timer != Fiber::kNoTimer) fiber_->scheduler->disarm(*fiber_);
    fiber_->scheduler->make_runnable(*fiber_);
}

void StopSource::request_stop() noexcept {
    s_.requested = true;
    while (!s_.waiters.empty()) s_.waiters.front().wake_with(Wake::cancelled);
}

void Scheduler::yield() {
    FL_ASSERT(current_ != nullptr);
    Fiber& self = *current_;
    make_runnable(self);
    switch_out(self);
    if (self.killed) throw FiberKilled{};
}

Wake Scheduler::sleep_until(Deadline deadline, StopToken stop) {
    Waiter waiter;
    return waiter.park(deadline, stop);
}

// --- timers: a binary heap, with the place of each timer known to its fiber --------------------

namespace {
template <class T>
bool earlier(const T& a, const T& b) {
    return a.at != b.at ? a.at < b.at : a.seq < b.seq;
}
}  // namespace

void Scheduler::arm(Fiber& fiber, Deadline deadline) {
    FL_ASSERT(fiber.timer == Fiber::kNoTimer);
    MonoTime at = deadline.at;
    if (fiber.domain != nullptr && fiber.domain->base_ != nullptr) {
        at = fiber.domain->base_->scheduler_time(at);
        if (at == MonoTime::never()) return;  // its machine's time stands: retime() arms it
    }
    timers_.push_back({at, timer_seq_++, &fiber});
    sift_up(timers_.size() - 1);
}

void Scheduler::disarm(Fiber& fiber) noexcept {
    const std::size_t i = std::exchange(fiber.timer, Fiber::kNoTimer);
    const Timer last = timers_.back();
    timers_.pop_back();
    if (i == timers_.size()) return;
    timers_[i] = last;
    last.fiber->timer = i;
    sift_up(i);
    sift_down(last.fiber->timer);
}

void Scheduler::sift_up(std::size_t i) noexcept {
    const Timer t = timers_[i];
    while (i > 0) {
        const std::size_t parent = (i - 1) / 2;
        if (!earlier(t, timers_[parent])) break;
        timers_[i] = timers_[parent];
        timers_[i].fiber->timer = i;
        i = parent;
    }
    timers_[i] = t;
    t.fiber->timer = i;
}

void Scheduler::sift_down(std::size_t i) noexcept {
    const Timer t = timers_[i];
    while (true) {
        std::size_t child = 2 * i + 1;
        if (child >= timers_.size()) break;
        if (child + 1 < timers_.size() && earlier(timers_[child + 1], timers_[child])) ++child;
        if (!earlier(timers_[child], t)) break;
        timers_[i] = timers_[child];
        timers_[i].fiber->timer = i;
        i = child;
    }
    timers_[i] = t;
    t.fiber->timer = i;
}

void Scheduler::fire_timers() {
    while (!timers_.empty() && timers_.front().at <= now_) {
        Fiber& fiber = *timers_.front().fiber;
        FL_ASSERT(fiber.waiter != nullptr);
        fiber.waiter->wake_with(Wake::timed_out);
    }
}

// --- groups ------------------------------------------------------------------------------------

// Held by the fiber's body, so that a fiber that never ran leaves its group too.
struct GroupMember {
    Group* group;
    explicit GroupMember(Group* g) : group(g) { ++g->live_; }
    GroupMember(GroupMember&& o) noexcept : group(std::exchange(o.group, nullptr)) {}
    GroupMember& operator=(GroupMember&&) = delete;
    ~GroupMember() {
        if (group == nullptr || --group->live_ > 0) return;
        group->joiners_.for_each([](Waiter& w) { w.wake(); });
    }
};

Group::~Group() { FL_ASSERT(live_ == 0); }

void Group::spawn(SpawnOptions options, std::move_only_function<void(StopToken)> body) {
    scheduler_.spawn(options, [member = GroupMember(this), body = std::move(body),
                               token = stop_.token()]() mutable { body(token); });
}

Result<void> Group::join(Deadline deadline) {
    while (live_ > 0) {
        Waiter waiter;
        joiners_.push_back(waiter);
        if (waiter.park(deadline) == Wake::timed_out) {
            return Error{Errc::timed_out, 0, "group.join"};
        }
    }
    return {};
}
}  // namespace faultline::fiber
