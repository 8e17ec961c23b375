#include "core/fiber/context.h"

#include <cxxabi.h>

#include <boost/context/detail/fcontext.hpp>

#include "core/base/assert.h"
#include "core/base/sanitizers.h"

#ifdef FL_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FL_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace faultline::fiber {
namespace {
// The layout that the Itanium C++ ABI gives __cxa_eh_globals.
struct ExceptionGlobals {
    void* caught;
    unsigned uncaught;
};
ExceptionGlobals& exception_globals() noexcept {
    return *reinterpret_cast<ExceptionGlobals*>(abi::__cxa_get_globals());
}
}  // namespace

struct Trampoline {
    static void start(boost::context::detail::transfer_t t) noexcept {
        Context& from = *static_cast<Context*>(t.data);
        Context& self = *from.target_;
        Context::arrive(self, from, t.fctx);
        self.entry_(self.arg_);
        FL_UNREACHABLE();
    }
};

void Context::prepare(Stack stack, void (*entry)(void*), void* arg) noexcept {
    stack_ = stack;
    entry_ = entry;
    arg_ = arg;
    caught_exceptions_ = nullptr;
    uncaught_exceptions_ = 0;
    fake_stack_ = nullptr;
#ifdef FL_ASAN
    __asan_unpoison_memory_region(stack.low, stack.size);
    asan_bottom_ = stack.low;
    asan_size_ = stack.size;
#endif
#ifdef FL_TSAN
    if (tsan_fiber_ != nullptr) __tsan_destroy_fiber(tsan_fiber_);
    tsan_fiber_ = __tsan_create_fiber(0);
#endif
    saved_ = boost::context::detail::make_fcontext(stack.low + stack.size, stack.size,
                                                   &Trampoline::start);
}

Context::~Context() {
#ifdef FL_TSAN
    if (tsan_fiber_ != nullptr && stack_.low != nullptr) __tsan_destroy_fiber(tsan_fiber_);
#else
    (void)tsan_fiber_;  // clang sees that nothing else uses it
#endif
}

void Context::arrive(Context& self, Context& from, void* saved) noexcept {
    from.saved_ = saved;
#ifdef FL_ASAN
    const void* bottom = nullptr;
    std::size_t size = 0;
    __sanitizer_finish_switch_fiber(self.fake_stack_, &bottom, &size);
    // The thread's own stack is learnt when it is left for the first time.
    if (from.stack_.low == nullptr) {
        from.asan_bottom_ = bottom;
        from.asan_size_ = size;
    }
#else
    (void)self;
#endif
}

void Context::jump(Context& from, Context& to, [[maybe_unused]] Last last) noexcept {
    ExceptionGlobals& globals = exception_globals();
    from.caught_exceptions_ = globals.caught;
    from.uncaught_exceptions_ = globals.uncaught;
    globals.caught = to.caught_exceptions_;
    globals.uncaught = to.uncaught_exceptions_;
    from.target_ = &to;
#ifdef FL_ASAN
    __sanitizer_start_switch_fiber(last == Last::yes ? nullptr : &from.fake_stack_, to.asan_bottom_,
                                   to.asan_size_);
#endif
#ifdef FL_TSAN
    if (from.tsan_fiber_ == nullptr) from.tsan_fiber_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to.tsan_fiber_, 0);
#endif
    const auto t = boost::context::detail::jump_fcontext(to.saved_, &from);
    arrive(from, *static_cast<Context*>(t.data), t.fctx);
}

void switch_context(Context& from, Context& to) noexcept {
    Context::jump(from, to, Context::Last::no);
}
void leave_context(Context& from, Context& to) noexcept {
    Context::jump(from, to, Context::Last::yes);
}
}  // namespace faultline::fiber
