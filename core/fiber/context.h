// A stack and a saved place to go on from. The only header of the assembly-level switch; only the
// scheduler uses it.
#pragma once
#include <cstddef>

namespace faultline::fiber {

struct Stack {
    std::byte* low = nullptr;  // lowest usable address; a guard page lies below
    std::size_t size = 0;
};

class Context {
public:
    Context() = default;
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    // The first switch to this context calls entry(arg) on `stack`. entry must not return: it ends
    // with leave_context(self, other).
    void prepare(Stack stack, void (*entry)(void*), void* arg) noexcept;

private:
    enum class Last : bool { no, yes };  // does the context being left ever run again?
    friend void switch_context(Context& from, Context& to) noexcept;
    friend void leave_context(Context& from, Context& to) noexcept;
    static void jump(Context& from, Context& to, Last last) noexcept;
    static void arrive(Context& self, Context& from, void* saved) noexcept;
    friend struct Trampoline;

    void* saved_ = nullptr;  // fcontext_t while not running
    Stack stack_{};          // empty for the thread's own stack
    void (*entry_)(void*) = nullptr;
    void* arg_ = nullptr;
    Context* target_ = nullptr;  // whom this one switches to, while switching
    // __cxa_eh_globals of this context. It is per thread, so without the swap a fiber parked in a
    // catch block would see the exception of another one.
    void* caught_exceptions_ = nullptr;
    unsigned uncaught_exceptions_ = 0;
    // Sanitizer state; unused members otherwise.
    void* fake_stack_ = nullptr;
    const void* asan_bottom_ = nullptr;
    std::size_t asan_size_ = 0;
    void* tsan_fiber_ = nullptr;
};

// Saves the running context in `from` and goes on in `to`; returns when something switches back.
void switch_context(Context& from, Context& to) noexcept;
// The same for the last time: `from` is never switched to again.
void leave_context(Context& from, Context& to) noexcept;
}  // namespace faultline::fiber
